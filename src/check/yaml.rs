//! A YAML document as a tree, with the line of every node and limits on what anchors may blow it up to.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScanError};

/// A value and the line on which it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) line: usize,
}

/// What a value is. Numbers, booleans and null are texts as they stand there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// Why a text is no tree: a clause and its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) what: String,
}

/// How deep values may be nested.
const DEEPEST: usize = 64;
/// The most nodes, those that aliases repeat included.
const MOST_NODES: usize = 100_000;

impl Node {
    /// The value of a key in a map; that of the last one if it occurs again, as most readers have it.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.members().iter().rev().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            Kind::List(_) | Kind::Map(_) => None,
        }
    }

    pub(super) fn list(&self) -> &[Self] {
        match &self.kind {
            Kind::List(nodes) => nodes,
            Kind::Text(_) | Kind::Map(_) => &[],
        }
    }

    pub(super) fn members(&self) -> &[(Self, Self)] {
        match &self.kind {
            Kind::Map(members) => members,
            Kind::Text(_) | Kind::List(_) => &[],
        }
    }

    /// How many nodes it is.
    fn size(&self) -> usize {
        match &self.kind {
            Kind::Text(_) => 1,
            Kind::List(nodes) => 1 + nodes.iter().map(Self::size).sum::<usize>(),
            Kind::Map(members) => {
                1 + members.iter().map(|(key, value)| key.size() + value.size()).sum::<usize>()
            }
        }
    }
}

/// Reads the first document of a text; an empty text is an empty map.
///
/// # Errors
/// When it is no YAML, or too deep or too large.
pub(super) fn parse(text: &str) -> Result<Node, Malformed> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| malformed(&error))?;
        let at = (span.start.line(), span.start.col() + 1);
        if let Some(root) = builder.take(event, at)? {
            return Ok(root);
        }
    }
    Ok(Node { kind: Kind::Map(Vec::new()), line: 1 })
}

fn malformed(error: &ScanError) -> Malformed {
    let at = error.marker();
    Malformed { line: at.line(), column: at.col() + 1, what: error.info().to_owned() }
}

/// Collections that are not at their end yet.
#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

struct Open {
    is_map: bool,
    nodes: Vec<Node>,
    anchor: usize,
    line: usize,
}

impl Builder {
    /// Takes an event; the tree, when that was its end.
    fn take(&mut self, event: Event<'_>, at: (usize, usize)) -> Result<Option<Node>, Malformed> {
        let refuse = |what: &str| Malformed { line: at.0, column: at.1, what: what.to_owned() };
        let (node, anchor) = match event {
            Event::Scalar(text, _, anchor, _) => {
                (Node { kind: Kind::Text(text.into_owned()), line: at.0 }, anchor)
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).ok_or_else(|| refuse("it refers to nothing"))?;
                (node.clone(), 0)
            }
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                let is_map = matches!(event, Event::MappingStart(..));
                if self.open.len() >= DEEPEST {
                    return Err(refuse("it is nested too deeply"));
                }
                self.open.push(Open { is_map, nodes: Vec::new(), anchor, line: at.0 });
                return Ok(None);
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => (open.close_node(), open.anchor),
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        if matches!(node.kind, Kind::Text(_)) || anchor == 0 {
            self.nodes += if self.open.is_empty() { 1 } else { node.size() };
        }
        if self.nodes > MOST_NODES {
            return Err(refuse("it is too large, once its anchors are followed"));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            Some(parent) => parent.nodes.push(node),
            None => return Ok(Some(node)),
        }
        Ok(None)
    }
}

impl Open {
    /// The collection with what was met since it began.
    fn close_node(&self) -> Node {
        let nodes = self.nodes.clone();
        let kind = if self.is_map {
            let mut nodes = nodes.into_iter();
            let mut members = Vec::new();
            while let Some((key, value)) = nodes.next().zip(nodes.next()) {
                members.push((key, value));
            }
            Kind::Map(members)
        } else {
            Kind::List(nodes)
        };
        Node { kind, line: self.line }
    }
}
