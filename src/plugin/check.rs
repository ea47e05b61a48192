//! A check: one way in which permissions are wider, narrower or other than they look.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::handler::{Handler, handlers};
use super::manifest::Manifest;
use super::marketplace::Installed;
use super::modules::Modules;
use super::package::Package;
use super::usage::Usage;
use super::value::{Place, Value};
use crate::finding::{
    Confidence, Finding, FindingBuilder, Fix, Granted, Help, Location, Origin, RuleId, RuleMeta, Severity,
};
use crate::secret::{FingerprintKey, Secret};
use crate::span::ByteSpan;

/// What a check is and does. Each has a file of its own in `checks`.
pub(crate) struct Check {
    /// The part of the rule id behind `plugin/`.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// The severity unless a fault has its own.
    pub(crate) severity: Severity,
    pub(crate) impact: &'static str,
    /// What to do, in order.
    pub(crate) steps: &'static [&'static str],
    pub(crate) run: fn(&Plugin, &mut Vec<Fault>),
}

/// A plugin that is examined.
pub(crate) struct Plugin {
    pub(crate) package: Package,
    pub(crate) manifest: Manifest,
    pub(crate) handlers: Vec<Handler>,
    /// What its code uses, once that was looked at.
    pub(crate) usage: Option<Usage>,
    /// Its other manifests: built, in JSON, in the platform's caches.
    pub(crate) copies: Vec<Manifest>,
    /// Its entry in the lock file of the marketplace.
    pub(crate) installed: Option<Installed>,
}

/// Something that a check found.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// The literal in the manifest.
    pub(crate) at: Place,
    /// What is wrong, as a sentence.
    pub(crate) what: String,
    pub(crate) severity: Option<Severity>,
    /// How the value came to its place.
    pub(crate) origin: Vec<String>,
    /// The handler that gets it.
    pub(crate) handler: Option<String>,
    /// Other handlers that get it.
    pub(crate) others: Vec<String>,
    /// Unless the rule is sure.
    pub(crate) confidence: Option<Confidence>,
    /// Why it is believed, beside that.
    pub(crate) why: Vec<String>,
    /// Other places of the same.
    pub(crate) more: Vec<Place>,
    /// What to do with the literal.
    pub(crate) mend: Option<Mend>,
}

/// What ends a fault when it is done with the literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mend {
    /// It is taken out of its list.
    Remove,
    /// Another text is written.
    Write(String),
}

impl Fault {
    /// A fault about a value.
    pub(crate) fn of(value: &Value, what: impl Into<String>) -> Self {
        let origin = value.steps().map(|step| step.what.to_string()).collect();
        Self { origin, ..Self::at(value.at.clone(), what) }
    }

    /// A fault about a place.
    pub(crate) fn at(at: Place, what: impl Into<String>) -> Self {
        Self {
            at,
            what: what.into(),
            severity: None,
            origin: Vec::new(),
            handler: None,
            others: Vec::new(),
            confidence: None,
            why: Vec::new(),
            more: Vec::new(),
            mend: None,
        }
    }

    pub(crate) fn mend(self, mend: Mend) -> Self {
        Self { mend: Some(mend), ..self }
    }

    pub(crate) fn confidence(self, confidence: Confidence) -> Self {
        Self { confidence: Some(confidence), ..self }
    }

    pub(crate) fn why(mut self, why: impl Into<String>) -> Self {
        self.why.push(why.into());
        self
    }

    pub(crate) fn severity(self, severity: Severity) -> Self {
        Self { severity: Some(severity), ..self }
    }

    pub(crate) fn handler(self, handler: &Handler) -> Self {
        Self { handler: Some(handler.name.clone()), ..self }
    }
}

impl Plugin {
    pub(crate) fn new(package: Package, manifest: Manifest) -> Self {
        let handlers = handlers(&manifest);
        Self { package, manifest, handlers, usage: None, copies: Vec::new(), installed: None }
    }

    /// Its folder, the file of its manifest and its handlers: where its code is.
    pub(crate) fn code(&self) -> (&str, &str, &[Handler]) {
        (&self.package.folder, &self.manifest.file, &self.handlers)
    }

    /// The grant that is written at a place.
    fn granted(&self, at: &Place) -> Option<Granted> {
        let leaves = self.handlers.iter().flat_map(|handler| handler.permissions.0.leaves());
        let (key, value) = leaves.into_iter().find(|(_, value)| value.at == *at)?;
        Some(Granted { plugin: self.name().to_owned(), key, pattern: value.shown() })
    }

    /// Its id, or the name of its package.
    pub(crate) fn name(&self) -> &str {
        self.manifest.id().unwrap_or(&self.package.name)
    }
}

impl Check {
    pub(crate) fn meta(&self) -> Option<Arc<RuleMeta>> {
        rule(self.id, self.title, self.severity, (self.impact, self.steps))
    }

    /// The findings about a plugin.
    pub(crate) fn findings(&self, plugin: &Plugin, modules: &Modules, base: &Path) -> Vec<Finding> {
        let mut faults = Vec::new();
        (self.run)(plugin, &mut faults);
        let Some(meta) = self.meta() else { return Vec::new() };
        findings(&meta, faults, plugin, (modules, base))
    }
}

/// A rule about plugins; `id` is its part behind `plugin/`.
pub(crate) fn rule(
    id: &str,
    title: &str,
    severity: Severity,
    (impact, steps): (&str, &[&str]),
) -> Option<Arc<RuleMeta>> {
    let help = Help {
        impact: impact.to_owned(),
        steps: steps.iter().map(ToString::to_string).collect(),
        uri: None,
        audit_log: None,
    };
    Some(Arc::new(RuleMeta {
        id: RuleId::new(format!("plugin/{id}")).ok()?,
        title: title.to_owned(),
        severity,
        confidence: Confidence::High,
        help,
    }))
}

/// The findings that faults of a plugin come to: one for each literal, with the handlers that get it.
pub(crate) fn findings(
    rule: &Arc<RuleMeta>,
    faults: Vec<Fault>,
    plugin: &Plugin,
    (modules, base): (&Modules, &Path),
) -> Vec<Finding> {
    let mut groups: BTreeMap<(Arc<str>, u64, String), Vec<Fault>> = BTreeMap::new();
    for fault in faults {
        let key = (Arc::clone(&fault.at.file), fault.at.span.start, fault.what.clone());
        groups.entry(key).or_default().push(fault);
    }
    let build = |group: Vec<Fault>| {
        let first = group.first()?;
        let severity = group.iter().filter_map(|fault| fault.severity).max().unwrap_or(rule.severity);
        let mut builder = FindingBuilder::new(Arc::clone(rule)).severity(severity).reason(&first.what);
        if !first.origin.is_empty() {
            let way: Vec<&str> = first.origin.iter().rev().map(String::as_str).collect();
            builder = builder.reason(format!("granted by {}", way.join(", then ")));
        }
        builder = first.why.iter().fold(builder, FindingBuilder::reason);
        if let Some(confidence) = group.iter().filter_map(|fault| fault.confidence).min() {
            builder = builder.confidence(confidence);
        }
        let names = group.iter().flat_map(|fault| fault.handler.iter().chain(&fault.others).cloned());
        let names: Vec<String> = names.collect();
        builder = builder.reason(told(plugin.name(), &names));
        // A place is no name: lines come and go. A wider grant is another finding.
        let name = Secret::new(format!("{}\n{}", plugin.name(), first.what));
        let fingerprint = name.fingerprint(&FingerprintKey::default(), rule.id.as_str());
        builder = builder.granted(plugin.granted(&first.at)).fingerprint(fingerprint);
        let places = group.iter().flat_map(|fault| std::iter::once(&fault.at).chain(&fault.more));
        builder = places.fold(builder, |builder, place| builder.location(location(place, modules, base)));
        if let Some(fix) = fix(first, plugin, modules, base) {
            builder = builder.fix(fix);
        }
        builder.build(&FingerprintKey::default()).ok()
    };
    groups.into_values().filter_map(build).collect()
}

/// The replacement that ends a fault, if its literal stands in the plugin's own files.
fn fix(fault: &Fault, plugin: &Plugin, modules: &Modules, base: &Path) -> Option<Fix> {
    let mend = fault.mend.as_ref()?;
    let is_own = fault.at.file.strip_prefix(plugin.package.folder.as_str())?;
    if !plugin.package.folder.is_empty() && !is_own.starts_with('/') {
        return None;
    }
    let text = modules.text(&fault.at.file)?;
    let (start, end) = (usize::try_from(fault.at.span.start).ok()?, usize::try_from(fault.at.span.end).ok()?);
    let literal = text.get(start..end)?;
    // A literal has the same quote at both ends; what is put together has none.
    let quote = literal.chars().next().filter(|one| matches!(one, '\'' | '"'))?;
    if literal.len() < 2 || !literal.ends_with(quote) {
        return None;
    }
    let (what, span, text) = match mend {
        Mend::Write(other) => {
            (format!("Write `{other}` instead of {literal}"), fault.at.span, format!("{quote}{other}{quote}"))
        }
        Mend::Remove => {
            let after = text.get(end..)?;
            let rest = after.trim_start();
            let comma = after.len() - rest.len() + 1;
            let until = if rest.starts_with(',') {
                let behind = after.get(comma..)?;
                end + comma + (behind.len() - behind.trim_start_matches(' ').len())
            } else {
                end
            };
            let span = ByteSpan { start: fault.at.span.start, end: until as u64 };
            (format!("Remove {literal}"), span, String::new())
        }
    };
    let place = Place { file: Arc::clone(&fault.at.file), span };
    Some(Fix { what, at: location(&place, modules, base), text })
}

/// Who it is about: the plugin, and the first handlers.
fn told(plugin: &str, handlers: &[String]) -> String {
    let mut names: Vec<&str> = handlers.iter().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    match names.as_slice() {
        [] => format!("plugin {plugin}"),
        [one] => format!("plugin {plugin}: {one}"),
        [one, rest @ ..] => format!("plugin {plugin}: {one} and {} more", rest.len()),
    }
}

fn location(at: &Place, modules: &Modules, base: &Path) -> Location {
    let origin = Origin::File { path: base.join(&*at.file) };
    let [start, end] = [at.span.start, at.span.end].map(|offset| modules.position(&at.file, offset));
    Location { span: at.span, start, end, ..Location::of_input(origin, &[]) }
}
