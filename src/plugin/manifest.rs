//! A manifest: what a plugin says of itself, from its source, from what was built, or from JSON.

use std::sync::Arc;

use super::evaluate::Evaluator;
use super::modules::{Modules, join};
use super::package::Package;
use super::value::{Kind, Place, Value};
use crate::span::ByteSpan;

/// A manifest that was read.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    /// Its file, relative to the root.
    pub(crate) file: String,
    /// What it comes to.
    pub(crate) value: Value,
    /// Keys that stand twice in one object of it, if it is JSON.
    pub(crate) repeated: Vec<Place>,
}

/// What kind of thing a manifest describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Schema {
    /// `kb.plugin/3`.
    Plugin3,
    /// `kb.plugin/2`, whose permissions today's runtime does not understand.
    Plugin2,
    /// `kb.service/1`, a program of the platform itself.
    Service,
    /// An adapter, which runs without any limits.
    Adapter,
    /// None of these.
    Other,
}

impl Manifest {
    /// The id; `None` if it has none or it is not known.
    #[must_use]
    pub(crate) fn id(&self) -> Option<&str> {
        self.value.get("id")?.text()
    }

    /// What it describes.
    #[must_use]
    pub(crate) fn schema(&self) -> Schema {
        match self.value.get("schema").and_then(Value::text) {
            Some("kb.plugin/3") => Schema::Plugin3,
            Some("kb.plugin/2") => Schema::Plugin2,
            Some("kb.service/1") => Schema::Service,
            None if self.value.get("manifestVersion").is_some() && self.value.get("implements").is_some() => {
                Schema::Adapter
            }
            _ => Schema::Other,
        }
    }
}

/// Why a package has no manifest that can be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unread {
    pub(crate) file: String,
    pub(crate) offset: u64,
    pub(crate) why: String,
}

/// Reads the manifest of a package: from its source, or else from what was built, or from `kb.plugin.json`.
pub(crate) fn read(package: &Package, modules: &Modules) -> Result<Manifest, Unread> {
    let at = join(&package.folder, "package.json");
    let unread = |why: &str| Unread { file: at.clone(), offset: 0, why: why.to_owned() };
    let Some(declared) = &package.declared else {
        return evaluate(&join(&package.folder, JSON), modules);
    };
    let file = declared.trim_start_matches("./");
    if file.split(['/', '\\']).any(|part| part == "..") || file.starts_with('/') {
        return Err(unread("the manifest that it names lies outside of the package"));
    }
    let source = file.strip_prefix("dist/").map(|rest| format!("./src/{rest}"));
    let built = Some(format!("./{file}"));
    let found = source.into_iter().chain(built).find_map(|wanted| modules.resolve(&at, &wanted));
    match found {
        Some(file) => evaluate(&file, modules),
        None => Err(unread("the manifest that it names is not there, and neither is its source")),
    }
}

/// The other manifests of a package, which the platform may load in place of the one in `file`: what was built, the JSON
/// beside it, and `kb.plugin.json`.
pub(crate) fn copies(package: &Package, file: &str, modules: &Modules) -> Vec<Result<Manifest, Unread>> {
    let declared = package.declared.as_deref().map(|declared| declared.trim_start_matches("./"));
    let as_json = declared.and_then(|declared| Some(format!("{}.json", declared.rsplit_once('.')?.0)));
    let names = [declared.map(ToOwned::to_owned), as_json, package.has_json.then(|| JSON.to_owned())];
    let mut files: Vec<String> =
        names.into_iter().flatten().map(|name| join(&package.folder, &name)).collect();
    files.dedup();
    files.retain(|other| other != file && modules.text(other).is_some());
    files.iter().map(|other| evaluate(other, modules)).collect()
}

/// The name of a manifest in JSON.
const JSON: &str = "kb.plugin.json";

/// Reads a file that exports a manifest, or is one.
pub(crate) fn evaluate(file: &str, modules: &Modules) -> Result<Manifest, Unread> {
    let unread = |offset, why: String| Unread { file: file.to_owned(), offset, why };
    let Some(module) = modules.module(file) else {
        return Err(unread(0, "it cannot be read".to_owned()));
    };
    if let Some(fault) = module.faults.first() {
        return Err(unread(fault.offset, fault.what.clone()));
    }
    let evaluator = Evaluator::new(modules);
    let exported = ["manifest", "default"].iter().find_map(|name| evaluator.export(file, name));
    let Some(value) = exported else {
        return Err(unread(0, "it exports neither `manifest` nor a default".to_owned()));
    };
    let why: Option<Arc<str>> = match &value.kind {
        Kind::Object(_) => None,
        Kind::Unknown(why) => Some(Arc::clone(why)),
        _ => Some("it is no object".into()),
    };
    match why {
        None => {
            let name: Arc<str> = file.into();
            let place = |span: &ByteSpan| Place { file: Arc::clone(&name), span: *span };
            let repeated = module.repeated.iter().map(place).collect();
            Ok(Manifest { file: file.to_owned(), value, repeated })
        }
        Some(why) => Err(unread(value.at.span.start, why.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::package::Packages;

    /// The value as JSON; what is not known becomes a text that says so.
    fn json(value: &Value) -> serde_json::Value {
        use serde_json::Value as Json;
        match &value.kind {
            Kind::Undefined | Kind::Null => Json::Null,
            Kind::Bool(is) => Json::Bool(*is),
            Kind::Number(number) if number.fract() == 0.0 => Json::from(*number as i64),
            Kind::Number(number) => Json::from(*number),
            Kind::Text(text) => Json::from(&**text),
            Kind::List(values) => values.iter().map(json).collect(),
            Kind::Object(members) => {
                let defined = members.iter().filter(|(_, value)| value.is_defined());
                defined.map(|(key, value)| (key.to_string(), json(value))).collect()
            }
            Kind::Unknown(why) => Json::from(format!("unknown: {why}")),
            Kind::Either(_) | Kind::Builder(_) | Kind::Code(_) => Json::from("unknown"),
        }
    }

    /// Compares with what the platform's own code makes of its manifests; KBSEC_PLATFORM is a checkout, and
    /// KBSEC_PLATFORM_ANSWERS a JSON object of manifests by file.
    #[test]
    #[ignore = "needs a checkout of the platform, and node's answers"]
    fn the_platform_evaluates_its_manifests_alike() {
        let root = std::path::PathBuf::from(std::env::var_os("KBSEC_PLATFORM").unwrap());
        let answers = std::fs::read(std::env::var_os("KBSEC_PLATFORM_ANSWERS").unwrap()).unwrap();
        let answers: serde_json::Value = serde_json::from_slice(&answers).unwrap();
        let start = std::time::Instant::now();
        let packages = Packages::find(&root);
        println!("{} packages with a manifest, {:?}", packages.plugins.len(), start.elapsed());
        let start = std::time::Instant::now();
        let modules = Modules::new(root.canonicalize().unwrap(), packages.all.clone());
        let read: Vec<_> =
            packages.plugins.iter().map(|package| (package, read(package, &modules))).collect();
        println!("read in {:?}", start.elapsed());
        for (package, read) in &read {
            let manifest = match read {
                Ok(manifest) => manifest,
                Err(unread) => {
                    println!("{}: {unread:?}", package.folder);
                    continue;
                }
            };
            let ours = json(&manifest.value);
            let theirs = &answers[&manifest.file];
            let differences = differences(&ours, theirs, String::new());
            println!(
                "{} {:?}: {} differences {differences:.1200?}",
                manifest.file,
                manifest.schema(),
                differences.len()
            );
        }
    }

    fn differences(ours: &serde_json::Value, theirs: &serde_json::Value, at: String) -> Vec<String> {
        use serde_json::Value as Json;
        match (ours, theirs) {
            (Json::Object(one), Json::Object(other)) => {
                let mut keys: Vec<&String> = one.keys().chain(other.keys()).collect();
                keys.sort();
                keys.dedup();
                keys.into_iter()
                    .flat_map(|key| differences(&ours[key], &theirs[key], format!("{at}.{key}")))
                    .collect()
            }
            (Json::Array(one), Json::Array(other)) if one.len() == other.len() => {
                let pairs = one.iter().zip(other).enumerate();
                pairs
                    .flat_map(|(index, (one, other))| differences(one, other, format!("{at}[{index}]")))
                    .collect()
            }
            _ if ours == theirs => Vec::new(),
            _ => vec![format!("{at}: {ours} / {theirs}")],
        }
    }
}
