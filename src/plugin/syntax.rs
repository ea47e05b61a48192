//! A module: the expressions of a TypeScript or JavaScript file as far as they decide what it exports.
//!
//! This tree is ours, so that only `lower` knows the parser.

pub(crate) mod code;
mod json;
mod lower;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use crate::span::ByteSpan;

/// What a file says, without what it does.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// Names from other modules.
    pub(crate) imports: HashMap<String, Import>,
    /// Names that are given a value at the top.
    pub(crate) bindings: HashMap<String, Expr>,
    /// What others can import, by name; `default` for the default export.
    pub(crate) exports: HashMap<String, Export>,
    /// Modules whose exports are all exported.
    pub(crate) stars: Vec<String>,
    /// Where it does something while it is loaded, other than give names to values.
    pub(crate) effects: Vec<ByteSpan>,
    /// What the parser could not read.
    pub(crate) faults: Vec<SyntaxFault>,
    /// Keys of a JSON file that stand twice in one object, of which the last counts.
    pub(crate) repeated: Vec<ByteSpan>,
}

/// A name from another module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Import {
    /// The other module, as written.
    pub(crate) from: String,
    /// Its name there; `None` for the whole module.
    pub(crate) name: Option<String>,
}

/// An export.
#[derive(Debug)]
pub(crate) enum Export {
    /// A name of this module.
    Local(String),
    /// A value without a name.
    Value(Expr),
    /// A name of another module.
    From(Import),
}

/// A place where the text is no TypeScript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SyntaxFault {
    pub(crate) offset: u64,
    pub(crate) what: String,
}

/// An expression.
#[derive(Clone, Debug)]
pub(crate) struct Expr {
    pub(crate) span: ByteSpan,
    pub(crate) kind: ExprKind,
}

/// What an expression is.
#[derive(Clone, Debug)]
pub(crate) enum ExprKind {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    /// A variable; `undefined` too.
    Name(String),
    Array(Vec<Item>),
    Object(Vec<Property>),
    /// `object[key]`; the key of `object.key` is text.
    Member(Box<Expr>, Box<Expr>),
    Call(Box<Expr>, Vec<Item>),
    /// Texts and expressions in a row.
    Template(Vec<Expr>),
    /// One of two values, by a condition.
    Either(Box<Expr>, Box<Expr>),
    /// `||`, `??` and `&&`.
    Logical(Logical, Box<Expr>, Box<Expr>),
    /// Arithmetic on two values.
    Binary(Arithmetic, Box<Expr>, Box<Expr>),
    /// A minus before a number.
    Negative(Box<Expr>),
    /// A function whose body is an expression.
    Function(Box<Function>),
    /// Anything else, by what it is called.
    Other(&'static str),
}

/// An operator that decides between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logical {
    Or,
    And,
    Coalesce,
}

/// An operator on numbers or texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// An element of an array or an argument.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    One(Expr),
    Spread(Expr),
}

/// A part of an object.
#[derive(Clone, Debug)]
pub(crate) enum Property {
    /// A key, which may be computed, and its value.
    Keyed(Expr, Expr),
    Spread(Expr),
}

/// A function that only computes.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    /// The names of its parameters; `None` where one is a pattern.
    pub(crate) parameters: Vec<Option<String>>,
    pub(crate) body: Expr,
}

impl Module {
    /// Reads the text of a module. Where it is no TypeScript, `faults` says so, and the rest may be empty.
    #[must_use]
    pub(crate) fn parse(text: &str, dialect: Dialect) -> Self {
        match dialect {
            Dialect::Json => json::module(text),
            _ => lower::module(text, dialect),
        }
    }
}

impl code::Code {
    /// Reads the text of a module. What cannot be followed is among the faults.
    #[must_use]
    pub(crate) fn parse(text: &str, dialect: Dialect) -> Self {
        lower::code(text, dialect)
    }
}

impl Module {
    /// The largest expression that begins at a place, such as the whole chain of calls that begins with `combine()`.
    #[must_use]
    pub(crate) fn expression_at(&self, start: u64) -> Option<ByteSpan> {
        let exported = self.exports.values().filter_map(|export| match export {
            Export::Value(value) => Some(value),
            _ => None,
        });
        let mut open: Vec<&Expr> = self.bindings.values().chain(exported).collect();
        let mut found: Option<ByteSpan> = None;
        while let Some(expr) = open.pop() {
            if expr.span.start == start && found.is_none_or(|span| span.len() < expr.span.len()) {
                found = Some(expr.span);
            }
            if (expr.span.start..expr.span.end).contains(&start) {
                open.extend(expr.parts());
            }
        }
        found
    }
}

impl Expr {
    /// The expressions that it consists of.
    fn parts(&self) -> Vec<&Self> {
        match &self.kind {
            ExprKind::Array(items) => items.iter().map(Item::expr).collect(),
            ExprKind::Object(properties) => properties.iter().flat_map(Property::parts).collect(),
            ExprKind::Member(one, other)
            | ExprKind::Either(one, other)
            | ExprKind::Logical(_, one, other)
            | ExprKind::Binary(_, one, other) => vec![one, other],
            ExprKind::Call(callee, items) => {
                std::iter::once(&**callee).chain(items.iter().map(Item::expr)).collect()
            }
            ExprKind::Template(parts) => parts.iter().collect(),
            ExprKind::Negative(inner) => vec![inner],
            ExprKind::Function(function) => vec![&function.body],
            _ => Vec::new(),
        }
    }
}

impl Item {
    fn expr(&self) -> &Expr {
        match self {
            Self::One(expr) | Self::Spread(expr) => expr,
        }
    }
}

impl Property {
    fn parts(&self) -> Vec<&Expr> {
        match self {
            Self::Keyed(key, value) => vec![key, value],
            Self::Spread(expr) => vec![expr],
        }
    }
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    TypeScript,
    Tsx,
    JavaScript,
    /// A value alone, which counts as the default export.
    Json,
}

impl Dialect {
    /// The dialect that the name of a file tells; `None` for other files.
    #[must_use]
    pub(crate) fn of(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        match extension {
            "ts" | "mts" | "cts" => Some(Self::TypeScript),
            "tsx" => Some(Self::Tsx),
            "js" | "mjs" | "cjs" | "jsx" => Some(Self::JavaScript),
            "json" | "lock" => Some(Self::Json),
            _ => None,
        }
    }
}
