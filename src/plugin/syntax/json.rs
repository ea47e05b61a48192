//! A JSON file as a module: one value, every part of it with its place.
//!
//! `serde_json` says whether it is JSON; what it means and where is read by the parser of JavaScript, in which every JSON
//! text means the same.

use std::collections::HashSet;

use super::{Export, Expr, ExprKind, Item, Module, Property, SyntaxFault, lower};
use crate::span::ByteSpan;

/// Bytes of a file.
const LONGEST: usize = 64 << 20;

pub(super) fn module(text: &str) -> Module {
    match value(text) {
        Ok(value) => {
            let mut module = Module { repeated: repeated(&value), ..Module::default() };
            module.exports.insert("default".to_owned(), Export::Value(value));
            module
        }
        Err(fault) => Module { faults: vec![fault], ..Module::default() },
    }
}

fn value(text: &str) -> Result<Expr, SyntaxFault> {
    let fault = |offset: usize, what: String| SyntaxFault { offset: offset as u64, what };
    if text.len() > LONGEST {
        return Err(fault(0, "it is longer than 64 MiB".to_owned()));
    }
    if text.starts_with('\u{feff}') {
        return Err(fault(0, "it begins with a byte order mark, at which the platform gives up".to_owned()));
    }
    serde_json::from_str::<serde::de::IgnoredAny>(text)
        .map_err(|error| fault(offset(text, error.line(), error.column()), told(&error)))?;
    lower::expression(text)
}

/// What serde_json says, without the place that it appends.
fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    format!("it is no JSON: {what}")
}

/// The byte at a line and column, both of which begin with 1.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (before + column.saturating_sub(1)).min(text.len())
}

/// Keys that stand again in their object.
fn repeated(value: &Expr) -> Vec<ByteSpan> {
    let (mut found, mut open) = (Vec::new(), vec![value]);
    while let Some(value) = open.pop() {
        match &value.kind {
            ExprKind::Object(properties) => {
                let mut known = HashSet::new();
                for property in properties {
                    let Property::Keyed(key, value) = property else { continue };
                    if let ExprKind::Text(name) = &key.kind
                        && !known.insert(name)
                    {
                        found.push(key.span);
                    }
                    open.push(value);
                }
            }
            ExprKind::Array(items) => open.extend(items.iter().filter_map(|item| match item {
                Item::One(value) => Some(value),
                Item::Spread(_) => None,
            })),
            _ => {}
        }
    }
    found.sort_by_key(|span| span.start);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_places_and_faults_too() {
        let good = module(r#"{ "a": [1, -2.5e3, "x\u0041"], "a": null }"#);
        assert!(good.faults.is_empty());
        assert_eq!(good.repeated, [ByteSpan { start: 31, end: 34 }]);
        for (text, offset) in [
            ("{\n  \"a\": 1,\n}", 12),
            ("{ \"a\": undefined }", 7),
            ("\u{feff}{}", 0),
            ("", 0),
            ("// no\n{}", 0),
            ("{'a': 1}", 1),
        ] {
            let faults = module(text).faults;
            assert_eq!(faults.iter().map(|fault| fault.offset).collect::<Vec<_>>(), [offset], "{text}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(module(&deep).faults.len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[\\[\\]{}\",:0-9a-z \\\\\\n-]{0,60}") {
            let is_json = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            proptest::prop_assert_eq!(module(&text).faults.is_empty(), is_json);
        }
    }
}
