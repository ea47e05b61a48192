//! The survey: what each part of each module uses, and which other parts it leads to.

use std::collections::HashSet;

use rayon::prelude::*;

use super::graph::{Graph, Target};
use super::origin::{Callers, Facts, Origin, Query, Root};
use super::parts::parts;
use super::shape::{Part, Shape};
use super::sink::{self, Act, Sink, Way};
use super::unseen;
use crate::plugin::syntax::code::{Binding, Code, NodeId, NodeKind, Source};
use crate::span::ByteSpan;

/// Encoded bytes in the code that are worth a look; icons and keys are shorter.
const LONG: usize = 512;

/// One use of an interface.
#[derive(Clone, Debug)]
pub(crate) struct Use {
    pub(crate) act: Act,
    pub(crate) way: Way,
    /// The interface: `node:fs readFile`.
    pub(crate) name: String,
    /// What it is about; never empty.
    pub(crate) shapes: Vec<Shape>,
    pub(crate) span: ByteSpan,
    /// Whether the interface was found by more than a name.
    pub(crate) is_sure: bool,
}

/// What a module does, by its parts.
#[derive(Debug, Default)]
pub(crate) struct Surveyed {
    /// Uses, with the part that they are in.
    pub(crate) uses: Vec<(u32, Use)>,
    /// From a part to another, of this module or another.
    pub(crate) edges: Vec<(u32, (usize, u32))>,
    /// Packages that are not looked at, with the part that names them.
    pub(crate) outside: Vec<(u32, String)>,
    /// Members of the context that are handed to code that is not followed, by their beginning.
    pub(crate) handed: Vec<(u32, Origin)>,
}

/// Surveys every module; those of different files at once.
pub(crate) fn all(graph: &Graph, starts: &[(usize, String)]) -> Vec<Surveyed> {
    let without = Facts { graph, callers: Callers::new(), handlers: HashSet::new() };
    let handlers = starts.iter().flat_map(|(unit, name)| started(&without, *unit, name)).collect();
    let facts = Facts { graph, callers: Callers::new(), handlers };
    let calls: Vec<Vec<((usize, u32), NodeId)>> =
        (0..graph.units.len()).into_par_iter().map(|unit| calls(&facts, unit)).collect();
    let mut callers = Callers::new();
    for (unit, calls) in calls.into_iter().enumerate() {
        for (function, call) in calls {
            callers.entry(function).or_default().push((unit, call));
        }
    }
    let facts = Facts { callers, ..facts };
    (0..graph.units.len()).into_par_iter().map(|unit| survey(&facts, unit)).collect()
}

/// The functions that the platform starts when a module's export is a handler: itself, or those of its members.
fn started(facts: &Facts<'_>, unit: usize, name: &str) -> Vec<(usize, u32)> {
    let query = Query::new(facts);
    let mut found = Vec::new();
    let mut open: Vec<Origin> = query.exported(unit, name).into_iter().collect();
    for _ in 0..200 {
        let Some(origin) = open.pop() else { break };
        match origin.root {
            Root::Routine(home, function) => found.push((home, function)),
            Root::Object(home, object) => {
                let node = facts.graph.units.get(home).and_then(|it| it.code.node(object));
                if let Some(NodeKind::Object(members)) = node.map(|node| &node.kind) {
                    open.extend(members.iter().filter_map(|(_, value)| query.origin(home, *value)));
                }
            }
            _ => {}
        }
    }
    found
}

/// The calls of functions that a module makes.
fn calls(facts: &Facts<'_>, unit: usize) -> Vec<((usize, u32), NodeId)> {
    let query = Query::new(facts);
    let mut found = Vec::new();
    let Some(home) = facts.graph.units.get(unit) else { return found };
    for (at, node) in home.code.nodes.iter().enumerate() {
        let (NodeKind::Call(callee, _) | NodeKind::New(callee, _)) = &node.kind else { continue };
        let Ok(at) = u32::try_from(at) else { continue };
        match query.origin(unit, *callee).map(|origin| origin.root) {
            Some(Root::Routine(home, function)) => found.push(((home, function), NodeId(at))),
            Some(Root::Class(home, class)) => {
                let code = facts.graph.units.get(home).map(|unit| &unit.code);
                let class = code.and_then(|code| code.classes.get(class as usize));
                let constructor = class.and_then(|class| class.constructor);
                found.extend(constructor.map(|function| ((home, function), NodeId(at))));
            }
            _ => {}
        }
    }
    found
}

/// A module that is surveyed.
struct Surveyor<'f, 'g> {
    query: Query<'f, 'g>,
    unit: usize,
    code: &'g Code,
    /// Expressions of which a member is taken, or that a name is given to.
    taken: HashSet<NodeId>,
    done: Surveyed,
}

fn survey(facts: &Facts<'_>, unit: usize) -> Surveyed {
    let Some(home) = facts.graph.units.get(unit) else { return Surveyed::default() };
    let mut surveyor = Surveyor {
        query: Query::new(facts),
        unit,
        code: &home.code,
        taken: taken(&home.code),
        done: Surveyed::default(),
    };
    for (at, node) in home.code.nodes.iter().enumerate() {
        let Ok(at) = u32::try_from(at) else { break };
        surveyor.node(NodeId(at), node.owner);
    }
    if home.code.is_common {
        // Whoever asks for the module may call anything in it.
        let parts = u32::try_from(home.code.owners).unwrap_or(u32::MAX);
        surveyor.done.edges.extend((1..parts).map(|part| (0, (unit, part))));
    }
    surveyor.done
}

/// Expressions that are part of a larger one that tells more.
fn taken(code: &Code) -> HashSet<NodeId> {
    let mut taken = HashSet::new();
    for node in &code.nodes {
        match &node.kind {
            NodeKind::Member(object, _) => {
                taken.insert(*object);
            }
            NodeKind::Call(callee, arguments) | NodeKind::New(callee, arguments) => {
                taken.insert(*callee);
                if is_wrapper(code, *callee) {
                    // What it makes is a use where it is called.
                    taken.extend(arguments);
                }
            }
            NodeKind::Assign(target, _) => {
                taken.insert(*target);
            }
            _ => {}
        }
    }
    let mut bindings: Vec<&Binding> = code.scopes.iter().flat_map(|scope| scope.names.values()).collect();
    bindings.extend(code.classes.iter().flat_map(|class| class.fields.values()));
    for flow in bindings.iter().flat_map(|binding| &binding.sources) {
        if let Source::Node(node) = flow.from {
            taken.insert(node);
        }
    }
    taken
}

/// Whether a function makes another of the one it is given.
fn is_wrapper(code: &Code, callee: NodeId) -> bool {
    match code.node(callee).map(|node| &node.kind) {
        Some(NodeKind::Name(name)) => &**name == "promisify",
        Some(NodeKind::Member(_, key)) => matches!(code.text(*key), Some("promisify" | "bind")),
        _ => false,
    }
}

impl<'g> Surveyor<'_, 'g> {
    fn node(&mut self, id: NodeId, owner: u32) {
        let Some(node) = self.code.node(id) else { return };
        match &node.kind {
            NodeKind::Name(name) => {
                self.edge(id, owner, node.scope, name);
                self.variable(id, owner);
                if unseen::is_disguised(name) {
                    self.disguised(id, owner, name);
                }
            }
            NodeKind::Member(..) => self.variable(id, owner),
            NodeKind::Call(callee, arguments) => self.call(id, *callee, arguments, owner),
            NodeKind::New(callee, arguments) => self.call(id, *callee, arguments, owner),
            NodeKind::Import(name) => self.import(id, *name, owner),
            NodeKind::Assign(target, _) => self.assign(*target, owner),
            _ => {}
        }
    }

    /// What a name leads to.
    fn edge(&mut self, id: NodeId, owner: u32, scope: u32, name: &str) {
        let Some(binding) = self.code.binding(scope, name) else { return };
        for flow in &binding.sources {
            if let Source::Import(request, name) = &flow.from {
                let graph = self.query.facts.graph;
                let target = graph.units.get(self.unit).and_then(|it| it.targets.get(*request));
                match target {
                    Some(Target::Unit(other)) => {
                        let name = name.as_deref();
                        let whole = name.is_none();
                        let key = whole.then(|| self.key_of(id)).flatten();
                        self.lead(owner, *other, name.or(key.as_deref()));
                    }
                    Some(Target::Outside(package)) => self.done.outside.push((owner, package.to_string())),
                    _ => {}
                }
            }
        }
        let is_top = self
            .code
            .scopes
            .first()
            .is_some_and(|top| top.names.get(name).is_some_and(|top| std::ptr::eq(top, binding)));
        if is_top && binding.owner != owner {
            self.done.edges.push((owner, (self.unit, binding.owner)));
        }
    }

    /// The member that is taken of a name, if it is always the same.
    fn key_of(&self, id: NodeId) -> Option<String> {
        // The member that contains a name follows it closely.
        let start = id.0 as usize + 1;
        let near = self.code.nodes.get(start..(start + 2).min(self.code.nodes.len()))?;
        near.iter().find_map(|node| match &node.kind {
            NodeKind::Member(object, key) if *object == id => self.code.text(*key).map(ToOwned::to_owned),
            _ => None,
        })
    }

    /// Leads from a part to what a module exports under a name, or to everything that it exports.
    fn lead(&mut self, owner: u32, unit: usize, name: Option<&str>) {
        self.done.edges.push((owner, (unit, 0)));
        let parts = parts(self.query.facts.graph, unit, name);
        self.done.edges.extend(parts.into_iter().map(|part| (owner, part)));
    }

    /// Variables of the environment.
    fn variable(&mut self, id: NodeId, owner: u32) {
        if self.taken.contains(&id) {
            return;
        }
        let Some(origin) = self.query.origin(self.unit, id) else { return };
        let shape = match (&origin.root, origin.path().as_slice()) {
            (Root::Global, ["process", "env"] | ["process", "env", "?", ..]) => Shape(vec![Part::Any]),
            (Root::Global, ["process", "env", name, ..]) => Shape(vec![Part::Text((*name).to_owned())]),
            (Root::Context, ["platform" | "api", _]) => return self.access(id, owner, &origin),
            (Root::Builtin(_), _) => return self.value(id, owner, &origin),
            _ => return,
        };
        let name = "process.env".to_owned();
        self.add(
            owner,
            Use { act: Act::Env, way: Way::Global, name, shapes: vec![shape], ..self.blank(id, &origin) },
        );
    }

    /// A service that is taken and not called here.
    fn access(&mut self, id: NodeId, owner: u32, origin: &Origin) {
        let longer =
            Origin { keys: origin.keys.iter().cloned().chain(["()".into()]).collect(), ..origin.clone() };
        for sink in sink::called(&longer) {
            self.sunk((id, owner), origin, sink, &[]);
        }
    }

    /// A function of node that is passed on.
    fn value(&mut self, id: NodeId, owner: u32, origin: &Origin) {
        for sink in sink::called(origin) {
            self.sunk((id, owner), origin, sink, &[]);
        }
    }

    fn blank(&self, id: NodeId, origin: &Origin) -> Use {
        Use {
            act: Act::Read,
            way: Way::Module,
            name: sink::name(origin),
            shapes: vec![Shape(vec![Part::Any])],
            span: self.code.node(id).map_or(ByteSpan { start: 0, end: 0 }, |node| node.span),
            is_sure: origin.is_sure,
        }
    }

    fn add(&mut self, owner: u32, one: Use) {
        self.done.uses.push((owner, one));
    }

    fn sunk(&mut self, (id, owner): (NodeId, u32), origin: &Origin, sink: Sink, arguments: &[NodeId]) {
        let argument = sink.argument.and_then(|at| arguments.get(at));
        let mut shapes = match (sink.program, argument) {
            (Some(program), _) => vec![Shape(vec![Part::Text(program.to_owned())])],
            (None, Some(argument)) => self.query.shapes(self.unit, *argument),
            (None, None) => vec![Shape(vec![Part::Any])],
        };
        let makes_folder =
            origin.keys.last().is_some_and(|key| key.starts_with("mkdir") || key.starts_with("ensureDir"));
        if makes_folder && sink.way != Way::Platform {
            // Who may write in a folder may as well make it.
            let inside = Shape(vec![Part::Text("/".to_owned()), Part::Any]);
            shapes = shapes.iter().map(|shape| shape.then(&inside)).collect();
        }
        if sink.act == Act::Run {
            shapes = shapes.iter().map(Shape::word).collect();
            shapes.sort();
            shapes.dedup();
        }
        self.add(owner, Use { act: sink.act, way: sink.way, shapes, ..self.blank(id, origin) });
    }

    fn call(&mut self, id: NodeId, callee: NodeId, arguments: &[NodeId], owner: u32) {
        if let Some(NodeKind::Member(_, key)) = self.code.node(callee).map(|node| &node.kind)
            && self.code.text(*key) == Some("constructor")
            && arguments.first().is_some_and(|text| self.query.constant(self.unit, *text).is_some())
        {
            let origin = Origin::at(Root::Global, &["constructor"]);
            let sink = Sink { act: Act::Code, way: Way::Global, argument: Some(0), program: None };
            return self.sunk((id, owner), &origin, sink, arguments);
        }
        let origin = self.query.origin(self.unit, callee);
        let sinks = origin.as_ref().map(sink::called).unwrap_or_default();
        if let Some(origin) = &origin {
            match (&origin.root, origin.path().as_slice()) {
                (Root::Global, ["require"]) => return self.require(id, owner, arguments),
                (Root::Platform(_), ["defineEnv"]) => self.define_env(owner, arguments),
                _ => {}
            }
            for sink in &sinks {
                self.sunk((id, owner), origin, *sink, arguments);
            }
            if sink::decodes(origin) {
                self.decode(id, owner, origin, arguments);
            }
        }
        if sinks.is_empty() && !self.is_followed(callee, origin.as_ref()) {
            self.hand(arguments, owner);
        }
    }

    /// A long text that is decoded.
    fn decode(&mut self, id: NodeId, owner: u32, origin: &Origin, arguments: &[NodeId]) {
        let Some(first) = arguments.first() else { return };
        for text in self.query.shapes(self.unit, *first).iter().filter_map(Shape::constant) {
            if text.len() >= LONG {
                let start: String = text.chars().take(24).collect();
                let shapes = vec![Shape(vec![Part::Text(start), Part::Any])];
                let one = Use { act: Act::Decode, way: Way::Global, shapes, ..self.blank(id, origin) };
                self.add(owner, one);
            }
        }
    }

    fn disguised(&mut self, id: NodeId, owner: u32, name: &str) {
        let origin = Origin::at(Root::Global, &[name]);
        let shapes = vec![Shape(vec![Part::Text(name.to_owned())])];
        let one = Use { act: Act::Disguise, way: Way::Global, shapes, ..self.blank(id, &origin) };
        self.add(owner, one);
    }

    /// Whether what a call does with its arguments is seen elsewhere.
    fn is_followed(&self, callee: NodeId, origin: Option<&Origin>) -> bool {
        match origin.map(|origin| &origin.root) {
            Some(
                Root::Routine(..) | Root::Class(..) | Root::Builtin(_) | Root::Platform(_) | Root::Context,
            ) => true,
            // Keys of such a map lead nowhere.
            Some(Root::Global) if origin.is_some_and(|it| it.path().first() == Some(&"WeakMap")) => true,
            _ => match self.code.node(callee).map(|node| &node.kind) {
                // `defineEnv(…).parse(ctx.runtime)`: its names are known.
                Some(NodeKind::Member(_, key)) => self.code.text(*key) == Some("parse"),
                _ => false,
            },
        }
    }

    /// Notes what of the context goes where it is not followed.
    fn hand(&mut self, arguments: &[NodeId], owner: u32) {
        for argument in arguments {
            let mut values = vec![*argument];
            if let Some(NodeKind::Object(members)) = self.code.node(*argument).map(|node| &node.kind) {
                values.extend(members.iter().map(|(_, value)| *value));
            }
            for value in values {
                if let Some(origin) = self.query.origin(self.unit, value)
                    && origin.root == Root::Context
                    && matches!(origin.path().as_slice(), [] | ["runtime" | "platform" | "api", ..])
                    && origin.keys.len() < 3
                {
                    self.done.handed.push((owner, origin));
                }
            }
        }
    }

    /// The names that a set of variables lists.
    fn define_env(&mut self, owner: u32, arguments: &[NodeId]) {
        let Some(first) = arguments.first() else { return };
        let Some(Origin { root: Root::Object(home, object), .. }) = self.query.origin(self.unit, *first)
        else {
            return;
        };
        let Some(code) = self.query.facts.graph.units.get(home).map(|unit| &unit.code) else { return };
        let Some(NodeKind::Object(members)) = code.node(object).map(|node| &node.kind) else { return };
        for (key, _) in members {
            let shape = match key.and_then(|key| code.text(key)) {
                Some(name) => Shape(vec![Part::Text(name.to_owned())]),
                None => Shape(vec![Part::Any]),
            };
            let id = *first;
            let origin = Origin::at(Root::Platform("@kb-labs/sdk".into()), &["defineEnv"]);
            let one =
                Use { act: Act::Env, way: Way::Platform, shapes: vec![shape], ..self.blank(id, &origin) };
            self.add(owner, one);
        }
    }

    fn require(&mut self, id: NodeId, owner: u32, arguments: &[NodeId]) {
        if let Some(name) = arguments.first() {
            self.import(id, *name, owner);
        }
    }

    /// A module that is asked for while the code runs.
    fn import(&mut self, id: NodeId, name: NodeId, owner: u32) {
        let graph = self.query.facts.graph;
        match graph.units.get(self.unit).and_then(|unit| unit.dynamic.get(&id)) {
            Some(Target::Unit(other)) => {
                let other = *other;
                self.lead(owner, other, None);
            }
            Some(Target::Outside(package)) => {
                let package = package.to_string();
                self.done.outside.push((owner, package));
            }
            Some(_) => {}
            None => {
                let shapes = self.query.shapes(self.unit, name);
                let origin = Origin::at(Root::Global, &["import"]);
                let one = Use { act: Act::Code, way: Way::Global, shapes, ..self.blank(id, &origin) };
                self.add(owner, one);
            }
        }
    }

    /// Something of the environment that is replaced.
    fn assign(&mut self, target: NodeId, owner: u32) {
        let node = self.code.node(target);
        let is_shared = node.is_some_and(|node| match &node.kind {
            NodeKind::Name(name) => self.code.binding(node.scope, name).is_none(),
            _ => true,
        });
        if !is_shared {
            return;
        }
        let Some(origin) = self.query.origin(self.unit, target) else { return };
        let is_shared = match (&origin.root, origin.path().as_slice()) {
            (Root::Builtin(_), [_, ..]) => true,
            (Root::Global, [first, ..]) => {
                matches!(
                    *first,
                    "fetch" | "eval" | "Function" | "require" | "Promise" | "JSON" | "Object" | "Array"
                ) || origin.path() == ["process", "env"]
            }
            (Root::Platform(_), [_, _, ..]) => true,
            _ => false,
        };
        if is_shared && !origin.path().contains(&"()") {
            let one = Use { act: Act::Patch, way: Way::Global, ..self.blank(target, &origin) };
            self.add(owner, one);
        }
    }
}
