//! Configuration without its secrets: the shape of the file, with values of sensitive keys and tokens that are keys
//! taken out.

use serde_json::{Map, Value};

use crate::check::context::Context;
use crate::check::json_text::{Kind, Node};
use crate::check::sensitive;
use crate::secret::Secret;

/// A configuration as JSON that may be shown.
pub(super) fn config(context: &Context, root: &Node) -> Value {
    node(context, root, false)
}

fn node(context: &Context, shown: &Node, are_tokens: bool) -> Value {
    match &shown.kind {
        Kind::Null => Value::Null,
        Kind::Bool(is) => Value::from(*is),
        Kind::Number(number) => whole(*number).map_or_else(|| Value::from(*number), Value::from),
        Kind::Text(text) => Value::from(context.redact(text)),
        Kind::List(nodes) => nodes.iter().map(|one| node(context, one, false)).collect(),
        Kind::Object(members) => {
            let mut object = Map::new();
            for member in members {
                let key =
                    if are_tokens { fingerprint(context, &member.key) } else { context.redact(&member.key) };
                let value = match member.value.text() {
                    Some(text) if sensitive::is_sensitive(&member.key) && !text.starts_with("${") => {
                        Value::from(fingerprint(context, text))
                    }
                    _ => node(context, &member.value, member.key == "staticTokens"),
                };
                object.insert(key, value);
            }
            Value::Object(object)
        }
    }
}

/// Integers are shown without a point.
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
}

/// What may be told of a value: enough to see whether two places have the same one.
fn fingerprint(context: &Context, value: &str) -> String {
    let secret = Secret::new(value.as_bytes());
    format!("[redacted, fingerprint {}]", crate::check::variable::fingerprint(context, &secret))
}
