//! The code of a module: every expression in it, numbered, with the scope in which it stands.
//!
//! [`super::Module`] says what a file exports; this says what it does. Only modules that handlers lead to are read so.

use std::collections::HashMap;

use super::SyntaxFault;
use crate::span::ByteSpan;

/// The number of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(pub(crate) u32);

/// What a module does.
#[derive(Debug, Default)]
pub(crate) struct Code {
    /// Expressions; the parts of one come before it.
    pub(crate) nodes: Vec<Node>,
    /// Scopes; the first is that of the module.
    pub(crate) scopes: Vec<Scope>,
    pub(crate) functions: Vec<Routine>,
    pub(crate) classes: Vec<Class>,
    /// Modules that it asks for by name while it is loaded.
    pub(crate) requests: Vec<Request>,
    pub(crate) exports: HashMap<Box<str>, Outlet>,
    /// Requests whose exports are all exported.
    pub(crate) stars: Vec<usize>,
    /// Parts of it that run only when somebody uses them, plus the first, which runs when it is loaded.
    pub(crate) owners: usize,
    /// Whether it exports by assignment, so that anything in it may be used.
    pub(crate) is_common: bool,
    /// What could not be read or followed.
    pub(crate) faults: Vec<SyntaxFault>,
}

/// An expression.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) span: ByteSpan,
    pub(crate) scope: u32,
    /// The part of the module that evaluates it; 0 if loading does.
    pub(crate) owner: u32,
    pub(crate) kind: NodeKind,
}

/// What an expression is.
#[derive(Debug)]
pub(crate) enum NodeKind {
    Text(Box<str>),
    Number(f64),
    Name(Box<str>),
    /// `this`, in a class.
    This(Option<u32>),
    /// Texts and expressions in a row, or `+`.
    Join(Vec<NodeId>),
    /// `object[key]`; the key of `object.key` is text.
    Member(NodeId, NodeId),
    Call(NodeId, Vec<NodeId>),
    New(NodeId, Vec<NodeId>),
    /// `import(…)`.
    Import(NodeId),
    /// A function, by number.
    Function(u32),
    Class(u32),
    Array(Vec<NodeId>),
    /// Members with their keys; a spread has none.
    Object(Vec<(Option<NodeId>, NodeId)>),
    /// One of two, by a condition or an operator such as `??`.
    Choice(NodeId, NodeId),
    Assign(NodeId, NodeId),
    /// A value that is passed on: `await x`, `...x`.
    Same(NodeId),
    /// Anything else.
    Other,
}

/// A place where names mean something.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    pub(crate) parent: Option<u32>,
    pub(crate) names: HashMap<Box<str>, Binding>,
}

/// What a name means.
#[derive(Debug)]
pub(crate) struct Binding {
    /// The part of the module that it belongs to; using the name uses that part.
    pub(crate) owner: u32,
    /// Where its value comes from; more than one if it is assigned to.
    pub(crate) sources: Vec<Flow>,
    /// The name of its type, if one is written.
    pub(crate) kind: Option<Box<str>>,
}

/// A source of a value, and the members of it that are taken.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) from: Source,
    /// Keys; `None` for one that is not known.
    pub(crate) path: Vec<Option<Box<str>>>,
}

/// Where a value comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A request by number, and the name there; `None` for the whole module.
    Import(usize, Option<Box<str>>),
    Node(NodeId),
    /// A parameter of a function.
    Parameter(u32, usize),
    /// An element of a list.
    Element(NodeId),
}

/// A function.
#[derive(Debug, Default)]
pub(crate) struct Routine {
    /// The names of the types of its parameters.
    pub(crate) parameters: Vec<Option<Box<str>>>,
    /// What it returns.
    pub(crate) returns: Vec<NodeId>,
}

/// A class: what its members are.
#[derive(Debug, Default)]
pub(crate) struct Class {
    pub(crate) constructor: Option<u32>,
    pub(crate) fields: HashMap<Box<str>, Binding>,
}

/// A module that is asked for.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) from: Box<str>,
    pub(crate) span: ByteSpan,
    /// Whether it is loaded, and not asked for its types only.
    pub(crate) is_loaded: bool,
}

/// What an exported name means.
#[derive(Debug)]
pub(crate) enum Outlet {
    /// A name of this module.
    Local(Box<str>),
    /// A value without a name, and the part that it belongs to.
    Value(NodeId, u32),
    /// A name of another module; `None` for the whole of it.
    From(usize, Option<Box<str>>),
}

impl Code {
    /// An expression; `None` for a number that is not of this module.
    #[must_use]
    pub(crate) fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0 as usize)
    }

    /// The text of an expression that is one.
    #[must_use]
    pub(crate) fn text(&self, id: NodeId) -> Option<&str> {
        match &self.node(id)?.kind {
            NodeKind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What a name means in a scope; `None` for one of the environment, such as `process`.
    #[must_use]
    pub(crate) fn binding(&self, scope: u32, name: &str) -> Option<&Binding> {
        let mut at = Some(scope);
        while let Some(scope) = at.and_then(|at| self.scopes.get(at as usize)) {
            if let Some(found) = scope.names.get(name) {
                return Some(found);
            }
            at = scope.parent;
        }
        None
    }

    /// A name at the top of the module.
    #[must_use]
    pub(crate) fn top(&self, name: &str) -> Option<&Binding> {
        self.scopes.first()?.names.get(name)
    }
}
