//! The origin of a value: which interface of node, of the platform or of a package an expression means.
//!
//! Names are followed over files, through parameters to the calls that fill them, through fields of classes and through
//! what functions return. What cannot be followed has no origin; nothing is guessed but the name of the context.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::graph::{Graph, Target, builtin};
use crate::plugin::syntax::code::{Binding, Flow, NodeId, NodeKind, Outlet, Source};

/// Steps that one question may take.
const STEPS: usize = 3_000;

/// How deep one question may lead.
const DEEPEST: usize = 28;

/// Calls of a function that are looked at for what its parameters are.
const CALLS: usize = 8;

/// Where a value begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// A module of node.
    Builtin(Arc<str>),
    /// A package of the platform.
    Platform(Arc<str>),
    /// A package that is not looked at.
    Outside(Arc<str>),
    /// What the platform gives to a handler.
    Context,
    /// The environment: `process`, `fetch`.
    Global,
    /// A module of the workspace.
    Unit(usize),
    /// An object or list that is written down.
    Object(usize, NodeId),
    Routine(usize, u32),
    Class(usize, u32),
    Instance(usize, u32),
}

/// A value by where it begins and the members that lead to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) root: Root,
    /// Members in turn; `?` for one that is not known, `()` for what a call returned.
    pub(crate) keys: Vec<Arc<str>>,
    /// Whether it does not rest on a name alone.
    pub(crate) is_sure: bool,
}

/// Who calls a function: its module and number, and for each call the module and the expression.
pub(crate) type Callers = HashMap<(usize, u32), Vec<(usize, NodeId)>>;

/// Everything that questions are answered from.
pub(crate) struct Facts<'g> {
    pub(crate) graph: &'g Graph,
    pub(crate) callers: Callers,
    /// Functions that the platform starts with the context.
    pub(crate) handlers: HashSet<(usize, u32)>,
}

/// Answers questions, and remembers the answers.
pub(crate) struct Query<'f, 'g> {
    pub(crate) facts: &'f Facts<'g>,
    left: Cell<usize>,
    depth: Cell<usize>,
    known: RefCell<HashMap<(usize, NodeId), Option<Origin>>>,
}

impl Origin {
    pub(crate) fn new(root: Root) -> Self {
        Self { root, keys: Vec::new(), is_sure: true }
    }

    /// An origin with members.
    pub(crate) fn at(root: Root, keys: &[&str]) -> Self {
        Self { root, keys: keys.iter().map(|key| Arc::from(*key)).collect(), is_sure: true }
    }

    /// The keys as texts.
    pub(crate) fn path(&self) -> Vec<&str> {
        self.keys.iter().map(|key| &**key).collect()
    }

    fn push(mut self, key: &str) -> Self {
        match (&self.root, key) {
            (Root::Builtin(_), "default") if self.keys.is_empty() => {}
            (Root::Builtin(name), "promises") if self.keys.is_empty() => {
                self.root = Root::Builtin(format!("{name}/promises").into());
            }
            (Root::Global, "globalThis" | "global" | "self" | "window") if self.keys.is_empty() => {}
            _ => self.keys.push(key.into()),
        }
        self
    }
}

impl<'f, 'g> Query<'f, 'g> {
    pub(crate) fn new(facts: &'f Facts<'g>) -> Self {
        Self { facts, left: Cell::new(STEPS), depth: Cell::new(0), known: RefCell::default() }
    }

    /// Where an expression of a module comes from.
    pub(crate) fn origin(&self, unit: usize, id: NodeId) -> Option<Origin> {
        if let Some(known) = self.known.borrow().get(&(unit, id)) {
            return known.clone();
        }
        if self.depth.get() == 0 {
            self.left.set(STEPS);
        }
        let origin = self.step(|| self.found(unit, id)).flatten();
        // An answer that a limit cut short may be another at another time.
        if self.depth.get() == 0 || origin.is_some() {
            self.known.borrow_mut().insert((unit, id), origin.clone());
        }
        origin
    }

    /// Runs a step unless there were too many.
    pub(super) fn step<T>(&self, inside: impl FnOnce() -> T) -> Option<T> {
        let left = self.left.get().checked_sub(1)?;
        if self.depth.get() >= DEEPEST {
            return None;
        }
        self.left.set(left);
        self.depth.set(self.depth.get() + 1);
        let result = inside();
        self.depth.set(self.depth.get() - 1);
        Some(result)
    }

    fn found(&self, unit: usize, id: NodeId) -> Option<Origin> {
        let code = &self.facts.graph.units.get(unit)?.code;
        let node = code.node(id)?;
        match &node.kind {
            NodeKind::Name(name) => match code.binding(node.scope, name) {
                Some(binding) => self.binding(unit, binding, Some(name)),
                None => Some(Origin::new(Root::Global).push(name)),
            },
            NodeKind::This(class) => Some(Origin::new(Root::Instance(unit, (*class)?))),
            NodeKind::Member(object, key) => {
                let key = self.key(unit, *key);
                self.member(self.origin(unit, *object)?, key.as_deref())
            }
            NodeKind::Call(callee, arguments) => self.called(unit, id, *callee, arguments),
            NodeKind::New(callee, _) => match self.origin(unit, *callee)? {
                Origin { root: Root::Class(home, class), .. } => {
                    Some(Origin::new(Root::Instance(home, class)))
                }
                other => Some(other.push("()")),
            },
            NodeKind::Import(_) => self.asked(unit, id),
            NodeKind::Same(inner) | NodeKind::Assign(_, inner) => self.origin(unit, *inner),
            NodeKind::Choice(one, other) => self.origin(unit, *one).or_else(|| self.origin(unit, *other)),
            NodeKind::Function(number) => Some(Origin::new(Root::Routine(unit, *number))),
            NodeKind::Class(number) => Some(Origin::new(Root::Class(unit, *number))),
            NodeKind::Object(_) | NodeKind::Array(_) => Some(Origin::new(Root::Object(unit, id))),
            _ => None,
        }
    }

    /// A member's name, also one that is put together.
    fn key(&self, unit: usize, key: NodeId) -> Option<String> {
        let code = &self.facts.graph.units.get(unit)?.code;
        match code.text(key) {
            Some(text) => Some(text.to_owned()),
            None => self.constant(unit, key),
        }
    }

    /// What a name means.
    fn binding(&self, unit: usize, binding: &Binding, name: Option<&str>) -> Option<Origin> {
        let typed = binding.kind.as_deref().and_then(|kind| self.typed(unit, kind));
        let found = typed.or_else(|| {
            binding.sources.iter().find_map(|flow| self.step(|| self.flow(unit, flow)).flatten())
        });
        found.or_else(|| {
            // A parameter that is called as the context always is.
            let is_parameter = matches!(
                binding.sources.as_slice(),
                [Flow { from: Source::Parameter(..), path }] if path.is_empty()
            );
            let is_context = matches!(name, Some("ctx" | "context" | "_ctx"));
            (is_parameter && is_context && binding.kind.is_none())
                .then(|| Origin { is_sure: false, ..Origin::new(Root::Context) })
        })
    }

    /// What a value of a type is.
    fn typed(&self, unit: usize, kind: &str) -> Option<Origin> {
        if let Some(keys) = context_type(kind) {
            return Some(Origin::at(Root::Context, keys));
        }
        let code = &self.facts.graph.units.get(unit)?.code;
        let binding = code.top(kind)?;
        let class = binding.sources.iter().find_map(|flow| self.step(|| self.flow(unit, flow)).flatten())?;
        match class.root {
            Root::Class(home, class) => Some(Origin::new(Root::Instance(home, class))),
            _ => None,
        }
    }

    fn flow(&self, unit: usize, flow: &Flow) -> Option<Origin> {
        let base = match &flow.from {
            Source::Import(request, name) => self.imported(unit, *request, name.as_deref())?,
            Source::Node(value) => self.origin(unit, *value)?,
            Source::Parameter(function, index) => self.parameter(unit, *function, *index)?,
            Source::Element(_) => return None,
        };
        flow.path.iter().try_fold(base, |origin, key| self.member(origin, key.as_deref()))
    }

    fn imported(&self, unit: usize, request: usize, name: Option<&str>) -> Option<Origin> {
        self.meant(self.facts.graph.units.get(unit)?.targets.get(request)?, name)
    }

    /// What a name of another module means.
    fn meant(&self, target: &Target, name: Option<&str>) -> Option<Origin> {
        let base = match target {
            Target::Unit(other) => {
                return match name {
                    Some(name) => self.step(|| self.exported(*other, name)).flatten(),
                    None => Some(Origin::new(Root::Unit(*other))),
                };
            }
            Target::Builtin(module) => Root::Builtin(Arc::clone(module)),
            Target::Platform(package) => Root::Platform(Arc::clone(package)),
            Target::Outside(package) => Root::Outside(Arc::clone(package)),
            Target::Nowhere(_) => return None,
        };
        let base = match base {
            Root::Builtin(name) if &*name == "process" => Origin::at(Root::Global, &["process"]),
            other => Origin::new(other),
        };
        Some(match name {
            Some("default") if base.root == Root::Global => base,
            Some(name) => base.push(name),
            None => base,
        })
    }

    /// What a module exports under a name.
    pub(super) fn exported(&self, unit: usize, name: &str) -> Option<Origin> {
        let code = &self.facts.graph.units.get(unit)?.code;
        match code.exports.get(name) {
            Some(Outlet::Local(local)) => self.binding(unit, code.top(local)?, None),
            Some(Outlet::Value(value, _)) => self.origin(unit, *value),
            Some(Outlet::From(request, name)) => self.imported(unit, *request, name.as_deref()),
            None => code.stars.iter().find_map(|request| self.imported(unit, *request, Some(name))),
        }
    }

    fn parameter(&self, unit: usize, function: u32, index: usize) -> Option<Origin> {
        if index == 0 && self.facts.handlers.contains(&(unit, function)) {
            return Some(Origin::new(Root::Context));
        }
        let code = &self.facts.graph.units.get(unit)?.code;
        let kind = code.functions.get(function as usize)?.parameters.get(index)?.as_deref();
        kind.and_then(|kind| self.typed(unit, kind)).or_else(|| {
            let calls = self.facts.callers.get(&(unit, function))?;
            calls.iter().take(CALLS).find_map(|(home, call)| {
                let argument = self.arguments(*home, *call)?.get(index)?;
                self.origin(*home, *argument)
            })
        })
    }

    /// The arguments of a call.
    pub(super) fn arguments(&self, unit: usize, call: NodeId) -> Option<&'g [NodeId]> {
        match &self.facts.graph.units.get(unit)?.code.node(call)?.kind {
            NodeKind::Call(_, arguments) | NodeKind::New(_, arguments) => Some(arguments),
            _ => None,
        }
    }

    /// A member of a value.
    fn member(&self, of: Origin, key: Option<&str>) -> Option<Origin> {
        let Some(key) = key else {
            return match of.root {
                Root::Unit(_) | Root::Object(..) | Root::Class(..) | Root::Instance(..) => None,
                _ => Some(of.push("?")),
            };
        };
        match of.root {
            Root::Unit(unit) => self.step(|| self.exported(unit, key)).flatten(),
            Root::Object(unit, object) => self.step(|| self.property(unit, object, key)).flatten(),
            Root::Class(unit, class) | Root::Instance(unit, class) => {
                let code = &self.facts.graph.units.get(unit)?.code;
                let field = code.classes.get(class as usize)?.fields.get(key)?;
                self.step(|| self.binding(unit, field, None)).flatten()
            }
            Root::Routine(..) => matches!(key, "bind" | "call" | "apply").then_some(of),
            _ => Some(of.push(key)),
        }
    }

    fn property(&self, unit: usize, object: NodeId, key: &str) -> Option<Origin> {
        let code = &self.facts.graph.units.get(unit)?.code;
        match &code.node(object)?.kind {
            NodeKind::Object(members) => {
                let own =
                    members.iter().rev().find(|(name, _)| name.and_then(|it| code.text(it)) == Some(key));
                match own {
                    Some((_, value)) => self.origin(unit, *value),
                    None => members
                        .iter()
                        .filter(|(name, _)| name.is_none())
                        .find_map(|(_, spread)| self.member(self.origin(unit, *spread)?, Some(key))),
                }
            }
            NodeKind::Array(values) => self.origin(unit, *values.get(key.parse::<usize>().ok()?)?),
            _ => None,
        }
    }

    /// What a call returns.
    fn called(&self, unit: usize, id: NodeId, callee: NodeId, arguments: &[NodeId]) -> Option<Origin> {
        let of = self.origin(unit, callee)?;
        let first = || self.origin(unit, *arguments.first()?);
        match (&of.root, of.path().as_slice()) {
            (Root::Routine(home, function), _) => {
                let code = &self.facts.graph.units.get(*home)?.code;
                let returns = &code.functions.get(*function as usize)?.returns;
                returns.iter().find_map(|value| self.origin(*home, *value))
            }
            (Root::Builtin(module), ["createRequire"]) if &**module == "module" => {
                Some(Origin::at(Root::Global, &["require"]))
            }
            (Root::Global, ["require"]) => self.asked(unit, id),
            (Root::Builtin(module), ["promisify" | "callbackify" | "deprecate"]) if &**module == "util" => {
                first()
            }
            (Root::Global, ["Object", "freeze" | "seal" | "assign" | "create"]) => first(),
            (Root::Global, ["Reflect", "get"]) => {
                let key = arguments.get(1).and_then(|key| self.key(unit, *key));
                self.member(first()?, key.as_deref())
            }
            (Root::Platform(_), [name]) => match hook(name) {
                Some(keys) => Some(Origin::at(Root::Context, keys)),
                None if name.starts_with("define") => first(),
                None => Some(of.push("()")),
            },
            (_, [.., "bind"]) => {
                let mut of = of;
                of.keys.pop();
                Some(of)
            }
            _ => Some(of.push("()")),
        }
    }

    /// The module that is asked for while the code runs.
    fn asked(&self, unit: usize, id: NodeId) -> Option<Origin> {
        let home = self.facts.graph.units.get(unit)?;
        if let Some(target) = home.dynamic.get(&id) {
            return self.meant(target, None);
        }
        let name = match &home.code.node(id)?.kind {
            NodeKind::Import(name) => *name,
            NodeKind::Call(_, arguments) => *arguments.first()?,
            _ => return None,
        };
        let name = self.constant(unit, name)?;
        Some(match builtin(&name) {
            Some("process") => Origin::at(Root::Global, &["process"]),
            Some(module) => Origin::new(Root::Builtin(module.into())),
            None => Origin::new(Root::Outside(super::graph::package(&name).into())),
        })
    }
}

/// What a value of a type of the platform is, as members of the context.
fn context_type(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "PluginContextV3" | "PluginContext" | "PluginContextV2" | "CliContext" | "HandlerContext" => &[],
        "RuntimeAPI" => &["runtime"],
        "FSShim" | "RuntimeAPI.fs" => &["runtime", "fs"],
        "FetchShim" | "RuntimeAPI.fetch" => &["runtime", "fetch"],
        "EnvShim" | "RuntimeAPI.env" => &["runtime", "env"],
        "PluginAPI" => &["api"],
        "ShellAPI" => &["api", "shell"],
        "InvokeAPI" => &["api", "invoke"],
        "ArtifactsAPI" => &["api", "artifacts"],
        "StateAPI" => &["api", "state"],
        "WorkflowsAPI" => &["api", "workflows"],
        "JobsAPI" => &["api", "jobs"],
        "CronAPI" => &["api", "cron"],
        "EnvironmentAPI" => &["api", "environment"],
        "WorkspaceAPI" => &["api", "workspace"],
        "SnapshotAPI" => &["api", "snapshot"],
        "PlatformServices" => &["platform"],
        "ICache" | "CacheAdapter" | "PlatformServices.cache" => &["platform", "cache"],
        "IStorage" | "StorageAdapter" | "PlatformServices.storage" => &["platform", "storage"],
        "ILLM" | "LLMAdapter" | "PlatformServices.llm" => &["platform", "llm"],
        "IVectorStore" | "VectorStoreAdapter" => &["platform", "vectorStore"],
        "IEmbeddings" | "EmbeddingsAdapter" => &["platform", "embeddings"],
        _ => return None,
    })
}

/// What a hook of the SDK returns, as members of the context.
fn hook(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "usePlatform" => &["platform"],
        "useLLM" => &["platform", "llm"],
        "useCache" => &["platform", "cache"],
        "useStorage" => &["platform", "storage"],
        "useVectorStore" => &["platform", "vectorStore"],
        "useEmbeddings" => &["platform", "embeddings"],
        "useAnalytics" => &["platform", "analytics"],
        "useLogger" | "useLoggerWithContext" => &["platform", "logger"],
        "useConfig" => &["platform", "config", "()"],
        "useRuntime" => &["runtime"],
        _ => return None,
    })
}
