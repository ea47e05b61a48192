//! The builder of permissions, as the platform's SDK has it: how presets and calls are put together.
//!
//! Arrays are united, the mode of `fs` is that of the last call that has one and then holds for all paths, numbers and
//! truth values are those of the last call, and objects under `platform` are merged by their members.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use super::value::{Kind, Place, Sdk, Value};

/// What an exported name of the SDK is; `None` for one that manifests have no use for.
#[must_use]
pub(crate) fn sdk(name: &str, at: &Place) -> Option<Value> {
    use super::value::Code;
    let code = |sdk| Some(Value::new(Kind::Code(Code::Sdk(sdk)), at.clone()));
    match name {
        "combinePermissions" | "combine" => code(Sdk::Combine),
        "combinePresets" => code(Sdk::CombinePresets),
        "createManifest" => code(Sdk::CreateManifest),
        "defineCommandFlags" | "defineEnv" | "defineManifest" | "createManifestV2" | "definePlugin" => {
            code(Sdk::Same)
        }
        _ => preset(name.strip_suffix("Preset").unwrap_or(name), at),
    }
}

/// A preset, as if it stood at `at`.
fn preset(name: &str, at: &Place) -> Option<Value> {
    static PRESETS: LazyLock<toml::Table> =
        LazyLock::new(|| include_str!("../../rules/plugins/presets.toml").parse().unwrap_or_default());
    let told = PRESETS.get(name)?;
    let what: Arc<str> = format!("preset {name}").into();
    let make = |kind| Value::new(kind, at.clone()).after(&what, at);
    let list = |key: &str| -> Option<Value> {
        let texts = told.get(key)?.as_array()?.iter().filter_map(toml::Value::as_str);
        Some(make(Kind::List(texts.map(|text| make(Kind::Text(text.into()))).collect())))
    };
    let mut members = Vec::new();
    if let Some(paths) = list("fs") {
        let mode = told.get("mode").and_then(toml::Value::as_str).unwrap_or("read");
        let fs = vec![("mode".into(), make(Kind::Text(mode.into()))), ("allow".into(), paths)];
        members.push(("fs".into(), make(Kind::Object(fs))));
    }
    for (section, key) in [("env", "read"), ("network", "fetch")] {
        let values = list(if section == "env" { "env" } else { "fetch" });
        let section = |values| (section.into(), make(Kind::Object(vec![(key.into(), values)])));
        members.extend(values.map(section));
    }
    let permissions = make(Kind::Object(members));
    Some(make(Kind::Object(vec![
        ("id".into(), make(Kind::Text(name.into()))),
        ("permissions".into(), permissions),
    ])))
}

/// What a builder has collected before its first call.
#[must_use]
pub(crate) fn empty(at: &Place) -> Value {
    Value::new(Kind::Object(Vec::new()), at.clone())
}

/// What it has collected after a call; `None` if it has no such method.
#[must_use]
pub(crate) fn call(collected: &Value, method: &str, argument: &Value, at: &Place) -> Option<Value> {
    let section = match method {
        "with" => {
            let permissions = argument.get("permissions").unwrap_or(argument);
            return Some(merge(collected, permissions));
        }
        "withEnv" => {
            let inner = Value::new(Kind::Object(vec![("read".into(), argument.clone())]), at.clone());
            return Some(add(collected, "env", inner, "withEnv", at));
        }
        "withStorage" | "withDatabase" => {
            let key = if method == "withStorage" { "storage" } else { "database" };
            let inner = Value::new(Kind::Object(vec![(key.into(), argument.clone())]), at.clone());
            return Some(add(collected, "platform", inner, method, at));
        }
        "withFs" => "fs",
        "withNetwork" => "network",
        "withShell" => "shell",
        "withPlatform" => "platform",
        "withQuotas" => "quotas",
        _ => return None,
    };
    let mode = argument.get("mode").and_then(Value::text).map(|mode| format!("withFs (mode {mode})"));
    Some(add(collected, section, argument.clone(), mode.as_deref().unwrap_or(method), at))
}

fn add(collected: &Value, section: &str, value: Value, what: &str, at: &Place) -> Value {
    let next = Value::new(Kind::Object(vec![(section.into(), value)]), at.clone());
    merge(collected, &next.stepped(&what.into(), at))
}

/// Puts two specifications together.
fn merge(base: &Value, next: &Value) -> Value {
    if let Kind::Unknown(_) | Kind::Either(_) = next.kind {
        return Value { kind: Kind::Unknown("part of the permissions is not known".into()), ..next.clone() };
    }
    let mut merged = Vec::new();
    for section in ["fs", "env", "network", "shell", "platform", "quotas"] {
        let both = (base.get(section), next.get(section));
        let value = match both {
            (None, None) => continue,
            (Some(only), None) | (None, Some(only)) => only.clone(),
            (Some(base), Some(next)) if section == "platform" => {
                members(base, next, &|base, next| match (&base.kind, &next.kind) {
                    (_, Kind::List(_)) => united(base, next),
                    (Kind::Object(_), Kind::Object(_)) => members(base, next, &|_, next| next.clone()),
                    _ => next.clone(),
                })
            }
            (Some(base), Some(next)) => members(base, next, &united),
        };
        merged.push((section.into(), value));
    }
    Value { kind: Kind::Object(merged), ..base.clone() }
}

/// Merges two objects by their members.
fn members(base: &Value, next: &Value, both: &dyn Fn(&Value, &Value) -> Value) -> Value {
    let (Kind::Object(old), Kind::Object(new)) = (&base.kind, &next.kind) else { return next.clone() };
    let mut merged: Vec<(Arc<str>, Value)> = Vec::new();
    for (key, value) in old {
        let other = new.iter().find(|(name, other)| name == key && other.is_defined());
        merged.push((Arc::clone(key), other.map_or_else(|| value.clone(), |(_, other)| both(value, other))));
    }
    let fresh = new.iter().filter(|(key, _)| !old.iter().any(|(name, _)| name == key));
    merged.extend(fresh.cloned());
    Value { kind: Kind::Object(merged), ..next.clone() }
}

/// Unites two arrays; of anything else the later counts.
fn united(base: &Value, next: &Value) -> Value {
    let (Kind::List(old), Kind::List(new)) = (&base.kind, &next.kind) else {
        return match (&base.kind, &next.kind) {
            (_, Kind::Unknown(_)) | (Kind::Unknown(_), _) => {
                Value { kind: Kind::Unknown("part of the list is not known".into()), ..next.clone() }
            }
            _ => next.clone(),
        };
    };
    let mut all: Vec<Value> = old.clone();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (at, value) in old.iter().enumerate() {
        places.extend(value.text().map(|text| (text.to_owned(), at)));
    }
    for value in new {
        match value.text().and_then(|text| places.get(text)) {
            // Granted twice: both ways count.
            Some(&at) => all[at] = value.clone().joining(&all[at]),
            None => {
                places.extend(value.text().map(|text| (text.to_owned(), all.len())));
                all.push(value.clone());
            }
        }
    }
    Value { kind: Kind::List(all), ..next.clone() }
}

/// What `build()` returns: paths to read, and to write if the last mode says so.
#[must_use]
pub(crate) fn build(collected: &Value) -> Value {
    let Kind::Object(sections) = &collected.kind else { return collected.clone() };
    let mut built = Vec::new();
    for (section, value) in sections {
        if &**section != "fs" {
            built.push((Arc::clone(section), value.clone()));
            continue;
        }
        let Some(allow) = value.get("allow").filter(|allow| allow.is_defined()) else { continue };
        if matches!(&allow.kind, Kind::List(paths) if paths.is_empty()) {
            continue;
        }
        let mut fs: Vec<(Arc<str>, Value)> = vec![("read".into(), allow.clone())];
        match value.get("mode").map(|mode| &mode.kind) {
            Some(Kind::Text(mode)) if &**mode == "readWrite" => fs.push(("write".into(), allow.clone())),
            // What may be written is not known, so everything.
            Some(Kind::Unknown(_) | Kind::Either(_)) => fs.push(("write".into(), allow.clone())),
            _ => {}
        }
        built.push((Arc::clone(section), Value { kind: Kind::Object(fs), ..value.clone() }));
    }
    Value { kind: Kind::Object(built), ..collected.clone() }
}
