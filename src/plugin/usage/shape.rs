//! The shape of an argument: what is known of a text that is put together while code runs.

use super::origin::{Origin, Query, Root};
use crate::plugin::permission::engine::fs::Fs;
use crate::plugin::permission::language::{Language, Pattern, TooLarge};
use crate::plugin::syntax::code::{Flow, NodeId, NodeKind, Outlet, Source};

/// Alternatives that are kept; more of them mean that nothing is known.
const MOST: usize = 12;

/// A text in parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shape(pub(crate) Vec<Part>);

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Text(String),
    /// The folder in which the plugin runs.
    Workspace,
    /// The home of the user.
    Home,
    /// The folder for temporary files.
    Temporary,
    /// Anything.
    Any,
}

impl Shape {
    /// The text itself, where all of it is known.
    pub(crate) fn constant(&self) -> Option<String> {
        self.0.iter().try_fold(String::new(), |text, part| match part {
            Part::Text(more) => Some(text + more),
            _ => None,
        })
    }

    /// Whether nothing at all is known.
    pub(crate) fn is_open(&self) -> bool {
        self.0.iter().all(|part| *part == Part::Any)
    }

    /// How it begins, as far as that is text.
    pub(crate) fn beginning(&self) -> &str {
        match self.0.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// The texts that it may be, when the workspace is at a path.
    pub(crate) fn language(&self, workspace: &str) -> Result<Language, TooLarge> {
        Language::of(&self.pattern(workspace))
    }

    /// The same as a pattern.
    pub(crate) fn pattern(&self, workspace: &str) -> Pattern {
        self.0.iter().fold(Pattern::new(), |pattern, part| match part {
            Part::Text(text) => pattern.text(text),
            Part::Workspace => pattern.text(workspace),
            Part::Home => pattern.text("/home/user"),
            Part::Temporary => pattern.text("/tmp"),
            Part::Any => pattern.anything(),
        })
    }

    /// One of the texts that it may be, as short as can be.
    pub(crate) fn example(&self, workspace: &str) -> String {
        let mut text = String::new();
        for part in &self.0 {
            text.push_str(match part {
                Part::Text(more) => more,
                Part::Workspace => workspace,
                Part::Home => "/home/user",
                Part::Temporary => "/tmp",
                Part::Any => "x",
            });
        }
        text
    }

    /// The same as a path from a working folder, in normal form as far as it is known.
    pub(crate) fn as_path(&self, files: &Fs, workspace: &str) -> Self {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(more) => text.push_str(more),
                Part::Workspace => text.push_str(workspace),
                Part::Home => text.push_str("/home/user"),
                Part::Temporary => text.push_str("/tmp"),
                // No file has this in its name.
                Part::Any => text.push('\u{1}'),
            }
        }
        if text.starts_with('\u{1}') {
            return Self(vec![Part::Any]);
        }
        let resolved = files.resolved(&text);
        let mut parts = Vec::new();
        for (at, piece) in resolved.split('\u{1}').enumerate() {
            if at > 0 {
                parts.push(Part::Any);
            }
            if !piece.is_empty() {
                parts.push(Part::Text(piece.to_owned()));
            }
        }
        Self(parts)
    }

    /// Its first word, as that of a command line.
    pub(crate) fn word(&self) -> Self {
        match self.0.first() {
            Some(Part::Text(text)) => match text.trim_start().split_once(char::is_whitespace) {
                Some((word, _)) => Self(vec![Part::Text(word.to_owned())]),
                None if self.0.len() == 1 => Self(vec![Part::Text(text.trim().to_owned())]),
                None => self.clone(),
            },
            _ => self.clone(),
        }
    }

    /// The folder of a path.
    fn folder(&self) -> Self {
        let mut parts = self.0.clone();
        let open = matches!(parts.last(), Some(Part::Any));
        if open {
            parts.pop();
        }
        match parts.pop() {
            Some(Part::Text(text)) => {
                let kept = text.rfind('/').and_then(|at| text.get(..at)).unwrap_or_default();
                if !kept.is_empty() {
                    parts.push(Part::Text(kept.to_owned()));
                }
                // What is not known may have folders in it.
                if open || (kept.is_empty() && !text.contains('/')) {
                    parts.push(Part::Any);
                }
                Self(parts)
            }
            _ => Self(vec![Part::Any]),
        }
    }

    /// What people read.
    pub(crate) fn shown(&self) -> String {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(more) => text.push_str(more),
                Part::Workspace => text.push_str("<workspace>"),
                Part::Home => text.push('~'),
                Part::Temporary => text.push_str("<temporary folder>"),
                Part::Any => text.push('…'),
            }
        }
        text
    }

    fn any() -> Vec<Self> {
        vec![Self(vec![Part::Any])]
    }

    /// This text, then another.
    pub(crate) fn then(&self, other: &Self) -> Self {
        let mut parts = self.0.clone();
        for part in &other.0 {
            match (parts.last_mut(), part) {
                (Some(Part::Text(before)), Part::Text(more)) => before.push_str(more),
                (Some(Part::Any), Part::Any) => {}
                _ => parts.push(part.clone()),
            }
        }
        Self(parts)
    }
}

impl Query<'_, '_> {
    /// The text that an expression always is; `None` if it is not known or no text.
    pub(super) fn constant(&self, unit: usize, id: NodeId) -> Option<String> {
        match self.shapes(unit, id).as_slice() {
            [only] => only.constant(),
            _ => None,
        }
    }

    /// The texts that an expression may be, each once; never empty.
    pub(crate) fn shapes(&self, unit: usize, id: NodeId) -> Vec<Shape> {
        let mut found = self.step(|| self.shaped(unit, id)).flatten().unwrap_or_else(Shape::any);
        found.sort();
        found.dedup();
        if found.len() > MOST || found.is_empty() { Shape::any() } else { found }
    }

    fn shaped(&self, unit: usize, id: NodeId) -> Option<Vec<Shape>> {
        let code = &self.facts.graph.units.get(unit)?.code;
        let node = code.node(id)?;
        let text = |text: &str| Some(vec![Shape(vec![Part::Text(text.to_owned())])]);
        match &node.kind {
            NodeKind::Text(known) => text(known),
            NodeKind::Number(number) => text(&number.to_string()),
            NodeKind::Join(parts) => Some(self.joined(unit, parts, "")),
            NodeKind::Same(inner) | NodeKind::Assign(_, inner) => Some(self.shapes(unit, *inner)),
            NodeKind::Choice(one, other) => {
                Some([self.shapes(unit, *one), self.shapes(unit, *other)].concat())
            }
            NodeKind::Name(name) => {
                let binding = code.binding(node.scope, name)?;
                let mut all = Vec::new();
                for flow in &binding.sources {
                    all.extend(self.flow_shapes(unit, flow).unwrap_or_else(|| named(name)));
                }
                Some(all)
            }
            NodeKind::Member(object, key) => self.member_shapes(unit, *object, *key, id),
            NodeKind::Call(callee, arguments) => self.call_shapes(unit, *callee, arguments),
            NodeKind::New(callee, arguments) => match self.origin(unit, *callee)?.path().as_slice() {
                ["URL"] => Some(self.url(unit, arguments)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Texts in a row, with something between them.
    fn joined(&self, unit: usize, parts: &[NodeId], between: &str) -> Vec<Shape> {
        let mut all = vec![Shape::default()];
        for (at, part) in parts.iter().enumerate() {
            let glue = Shape(vec![Part::Text(between.to_owned())]);
            let next = self.shapes(unit, *part);
            all = all
                .iter()
                .flat_map(|before| {
                    let before =
                        if at > 0 && !between.is_empty() { before.then(&glue) } else { before.clone() };
                    next.iter().map(move |shape| before.then(shape))
                })
                .take(MOST + 1)
                .collect();
        }
        all
    }

    fn flow_shapes(&self, unit: usize, flow: &Flow) -> Option<Vec<Shape>> {
        if !flow.path.is_empty() {
            return None;
        }
        match &flow.from {
            Source::Node(value) => Some(self.shapes(unit, *value)),
            Source::Import(request, name) => {
                let target = self.facts.graph.units.get(unit)?.targets.get(*request)?;
                match target {
                    super::graph::Target::Unit(other) => self.export_shapes(*other, name.as_deref()?),
                    _ => None,
                }
            }
            Source::Parameter(function, index) => {
                let calls = self.facts.callers.get(&(unit, *function))?;
                let mut all = Vec::new();
                for (home, call) in calls {
                    let argument = self.arguments(*home, *call)?.get(*index)?;
                    all.extend(self.shapes(*home, *argument));
                    if all.len() > MOST {
                        return None;
                    }
                }
                Some(all).filter(|all| !all.iter().all(Shape::is_open))
            }
            Source::Element(list) => match self.origin(unit, *list)? {
                Origin { root: Root::Object(home, list), .. } => {
                    match &self.facts.graph.units.get(home)?.code.node(list)?.kind {
                        NodeKind::Array(values) => {
                            Some(values.iter().flat_map(|value| self.shapes(home, *value)).collect())
                        }
                        _ => None,
                    }
                }
                _ => None,
            },
        }
    }

    fn export_shapes(&self, unit: usize, name: &str) -> Option<Vec<Shape>> {
        let code = &self.facts.graph.units.get(unit)?.code;
        let through =
            |request: &usize, name: &str| match self.facts.graph.units.get(unit)?.targets.get(*request)? {
                super::graph::Target::Unit(other) => self.step(|| self.export_shapes(*other, name)).flatten(),
                _ => None,
            };
        match code.exports.get(name) {
            Some(Outlet::Local(local)) => {
                let flow = code.top(local)?.sources.first()?;
                self.step(|| self.flow_shapes(unit, flow)).flatten()
            }
            Some(Outlet::Value(value, _)) => Some(self.shapes(unit, *value)),
            Some(Outlet::From(request, name)) => through(request, name.as_deref()?),
            None => code.stars.iter().find_map(|request| through(request, name)),
        }
    }

    fn member_shapes(&self, unit: usize, object: NodeId, key: NodeId, id: NodeId) -> Option<Vec<Shape>> {
        let code = &self.facts.graph.units.get(unit)?.code;
        if let Some(origin) = self.origin(unit, id) {
            match (&origin.root, origin.path().as_slice()) {
                (Root::Context, ["cwd"]) => return Some(vec![Shape(vec![Part::Workspace])]),
                (Root::Global, ["process", "env", "HOME" | "USERPROFILE"]) => {
                    return Some(vec![Shape(vec![Part::Home])]);
                }
                _ => {}
            }
        }
        // A member of an object that is written down.
        let name = code.text(key)?;
        match self.origin(unit, object) {
            Some(Origin { root: Root::Object(home, object), .. }) => {
                let code = &self.facts.graph.units.get(home)?.code;
                let NodeKind::Object(members) = &code.node(object)?.kind else { return None };
                let own = members.iter().find(|(at, _)| at.and_then(|at| code.text(at)) == Some(name))?;
                Some(self.shapes(home, own.1))
            }
            Some(Origin { root: Root::Instance(home, class), keys, .. }) if keys.is_empty() => {
                let code = &self.facts.graph.units.get(home)?.code;
                let field = code.classes.get(class as usize)?.fields.get(name)?;
                let shapes = field.sources.iter().map(|flow| {
                    self.step(|| self.flow_shapes(home, flow)).flatten().unwrap_or_else(|| named(name))
                });
                Some(shapes.flatten().collect())
            }
            _ => Some(named(name)),
        }
    }

    fn call_shapes(&self, unit: usize, callee: NodeId, arguments: &[NodeId]) -> Option<Vec<Shape>> {
        let code = &self.facts.graph.units.get(unit)?.code;
        let one = |part| Some(vec![Shape(vec![part])]);
        if let NodeKind::Member(object, key) = &code.node(callee)?.kind
            && matches!(code.text(*key), Some("toString" | "trim" | "valueOf"))
            && arguments.is_empty()
        {
            return Some(self.shapes(unit, *object));
        }
        let origin = self.origin(unit, callee)?;
        match (&origin.root, origin.path().as_slice()) {
            (Root::Builtin(module), [.., "join" | "resolve"]) if module.starts_with("path") => {
                Some(self.path(unit, arguments))
            }
            (Root::Builtin(module), [.., "normalize"]) if module.starts_with("path") => {
                Some(self.shapes(unit, *arguments.first()?))
            }
            (Root::Builtin(module), [.., "dirname"]) if module.starts_with("path") => {
                Some(self.shapes(unit, *arguments.first()?).iter().map(Shape::folder).collect())
            }
            (Root::Builtin(module), ["homedir"]) if &**module == "os" => one(Part::Home),
            (Root::Builtin(module), ["tmpdir"]) if &**module == "os" => one(Part::Temporary),
            (Root::Global, ["process", "cwd"]) => one(Part::Workspace),
            (Root::Global, ["String"]) => Some(self.shapes(unit, *arguments.first()?)),
            (Root::Context, ["runtime", "fs", "join" | "resolve"]) => Some(self.path(unit, arguments)),
            (Root::Platform(_), ["findRepoRoot"]) => one(Part::Workspace),
            (Root::Routine(home, function), _) => {
                let code = &self.facts.graph.units.get(*home)?.code;
                let returns = &code.functions.get(*function as usize)?.returns;
                (!returns.is_empty())
                    .then(|| returns.iter().flat_map(|value| self.shapes(*home, *value)).collect())
            }
            _ => None,
        }
    }

    /// Joined names; one that is absolute begins anew.
    fn path(&self, unit: usize, arguments: &[NodeId]) -> Vec<Shape> {
        let joined = self.joined(unit, arguments, "/");
        let anew = |shape: Shape| {
            let last = shape
                .0
                .iter()
                .rposition(|part| matches!(part, Part::Workspace | Part::Home | Part::Temporary));
            Shape(shape.0.get(last.unwrap_or(0)..).unwrap_or_default().to_vec())
        };
        joined.into_iter().map(anew).collect()
    }

    fn url(&self, unit: usize, arguments: &[NodeId]) -> Vec<Shape> {
        match arguments {
            [path, base, ..] => {
                let mut all = Vec::new();
                for base in self.shapes(unit, *base) {
                    for path in self.shapes(unit, *path) {
                        let is_whole = path.beginning().contains("://");
                        all.push(if is_whole { path } else { base.then(&Shape(vec![Part::Any])) });
                    }
                }
                all
            }
            [only] => self.shapes(unit, *only),
            [] => Shape::any(),
        }
    }
}

/// What a value that is not known is called tells of a folder.
fn named(name: &str) -> Vec<Shape> {
    match name {
        "cwd" | "root" | "rootDir" | "repoRoot" | "workspaceRoot" | "projectRoot" | "workspaceDir"
        | "baseDir" | "rootPath" | "monorepoRoot" | "projectDir" | "workDir" | "workingDir" => {
            vec![Shape(vec![Part::Workspace])]
        }
        "home" | "homeDir" | "homedir" => vec![Shape(vec![Part::Home])],
        _ => Shape::any(),
    }
}
