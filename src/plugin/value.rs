//! A value of a manifest: what an expression comes to, where that is written, and how it came there.

use std::sync::Arc;

use super::syntax::Function;
use crate::span::ByteSpan;

/// A value.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    /// What it is.
    pub(crate) kind: Kind,
    /// Where it is written.
    pub(crate) at: Place,
    /// How it came to where it is used; the last step first.
    pub(crate) via: Option<Arc<Step>>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file, relative to the root of the audit.
    pub(crate) file: Arc<str>,
    /// Its bytes there.
    pub(crate) span: ByteSpan,
}

/// One step on the way of a value.
#[derive(Debug)]
pub(crate) struct Step {
    /// What was done with it, such as `withFs (mode read)` or `preset kbPlatform`.
    pub(crate) what: Arc<str>,
    /// Where.
    pub(crate) at: Place,
    /// The step before.
    pub(crate) before: Option<Arc<Self>>,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// `undefined`, or not there.
    Undefined,
    /// `null`.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(Arc<str>),
    /// An array.
    List(Vec<Value>),
    /// An object, its keys in order, each once.
    Object(Vec<(Arc<str>, Value)>),
    /// What cannot be decided without running the code.
    Unknown(Arc<str>),
    /// One of these, depending on something that is not known.
    Either(Vec<Value>),
    /// A builder of permissions, with what it has collected.
    Builder(Box<Value>),
    /// A function.
    Code(Code),
}

/// A function that is called with values.
#[derive(Clone, Debug)]
pub(crate) enum Code {
    /// One of a file, which may use other names of that file.
    Own(Arc<Function>, Arc<str>),
    /// One of the platform's SDK.
    Sdk(Sdk),
}

/// What functions of the SDK do, as far as manifests use them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sdk {
    /// Returns its first argument.
    Same,
    /// Begins to build permissions.
    Combine,
    /// Builds permissions from presets at once.
    CombinePresets,
    /// Makes a manifest from id, version and the rest.
    CreateManifest,
}

impl Value {
    /// A value that is written at a place.
    #[must_use]
    pub(crate) fn new(kind: Kind, at: Place) -> Self {
        Self { kind, at, via: None }
    }

    /// The same value, one step later.
    #[must_use]
    pub(crate) fn after(mut self, what: &Arc<str>, at: &Place) -> Self {
        let before = self.via.take();
        self.via = Some(Arc::new(Step { what: Arc::clone(what), at: at.clone(), before }));
        self
    }

    /// The same value, one step later with everything in it.
    #[must_use]
    pub(crate) fn stepped(&self, what: &Arc<str>, at: &Place) -> Self {
        let mut value = self.clone().after(what, at);
        match &mut value.kind {
            Kind::List(values) | Kind::Either(values) => {
                values.iter_mut().for_each(|inner| *inner = inner.stepped(what, at));
            }
            Kind::Object(members) => {
                members.iter_mut().for_each(|(_, inner)| *inner = inner.stepped(what, at));
            }
            _ => {}
        }
        value
    }

    /// The same value with the steps of another before its own.
    #[must_use]
    pub(crate) fn joining(mut self, other: &Self) -> Self {
        let steps: Vec<(Arc<str>, Place)> =
            self.steps().map(|step| (Arc::clone(&step.what), step.at.clone())).collect();
        self.via = other.via.clone();
        steps.into_iter().rev().fold(self, |value, (what, at)| value.after(&what, &at))
    }

    /// The member of an object; `None` if it is none, or has it not.
    #[must_use]
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Kind::Object(members) = &self.kind else { return None };
        members.iter().find(|(name, _)| &**name == key).map(|(_, value)| value)
    }

    /// The value behind several keys.
    #[must_use]
    pub(crate) fn path(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |value, key| value.get(key))
    }

    /// Its text, if it is one.
    #[must_use]
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of a list.
    #[must_use]
    pub(crate) fn list(&self) -> &[Self] {
        match &self.kind {
            Kind::List(values) => values,
            _ => &[],
        }
    }

    /// Whether it is there.
    #[must_use]
    pub(crate) fn is_defined(&self) -> bool {
        !matches!(self.kind, Kind::Undefined)
    }

    /// Whether a condition takes it for true; `None` if that is not known.
    #[must_use]
    pub(crate) fn is_true(&self) -> Option<bool> {
        match &self.kind {
            Kind::Undefined | Kind::Null => Some(false),
            Kind::Bool(value) => Some(*value),
            Kind::Number(number) => Some(*number != 0.0 && !number.is_nan()),
            Kind::Text(text) => Some(!text.is_empty()),
            Kind::List(_) | Kind::Object(_) | Kind::Builder(_) | Kind::Code(_) => Some(true),
            Kind::Unknown(_) | Kind::Either(_) => None,
        }
    }

    /// The steps on its way, the last first.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &Step> {
        std::iter::successors(self.via.as_deref(), |step| step.before.as_deref())
    }

    /// What objects and lists hold in the end, each with the keys that lead there, joined by dots.
    #[must_use]
    pub(crate) fn leaves(&self) -> Vec<(String, &Self)> {
        let mut found = Vec::new();
        let mut open = vec![(String::new(), self)];
        while let Some((key, value)) = open.pop() {
            match &value.kind {
                Kind::Object(members) => {
                    let join =
                        |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
                    open.extend(members.iter().rev().map(|(name, value)| (join(name), value)));
                }
                Kind::List(values) => open.extend(values.iter().rev().map(|value| (key.clone(), value))),
                Kind::Undefined => {}
                _ => found.push((key, value)),
            }
        }
        found
    }

    /// A leaf as people write it.
    #[must_use]
    pub(crate) fn shown(&self) -> String {
        match &self.kind {
            Kind::Text(text) => text.to_string(),
            Kind::Bool(value) => value.to_string(),
            Kind::Number(number) => number.to_string(),
            Kind::Null => "null".to_owned(),
            Kind::Undefined => "undefined".to_owned(),
            Kind::Unknown(why) => format!("not known: {why}"),
            Kind::List(_) | Kind::Object(_) | Kind::Either(_) | Kind::Builder(_) | Kind::Code(_) => {
                "not known".to_owned()
            }
        }
    }

    /// Every value in it that cannot be decided.
    pub(crate) fn unknown(&self) -> Vec<&Self> {
        let mut found = Vec::new();
        let mut open = vec![self];
        while let Some(value) = open.pop() {
            match &value.kind {
                Kind::Unknown(_) | Kind::Code(_) => found.push(value),
                Kind::List(values) | Kind::Either(values) => open.extend(values.iter().rev()),
                Kind::Object(members) => open.extend(members.iter().rev().map(|(_, value)| value)),
                Kind::Builder(inner) => open.push(inner),
                _ => {}
            }
        }
        found
    }
}
