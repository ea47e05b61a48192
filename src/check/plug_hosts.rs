//! `plug.hosts`: which hosts plugins are seen to talk to in logs, against those that their manifests name.
//!
//! The platform logs no request of a plugin, so only what a plugin or an error tells of itself can be seen.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::LazyLock;

use regex::Regex;

use super::context::Context;
use super::log::{self, Record};
use super::verdict::Verdict;
use super::{Check, show};
use crate::plugin::audit::Options;
use crate::plugin::explain::Plugins;
use crate::plugin::permission::engine::fetch;

pub(super) const CHECK: Check = Check {
    id: "plug.hosts",
    title: "Plugins talk to the hosts that they declare",
    why: "A host that no manifest names is where data may have gone.",
    needs: &[],
    answer,
};

static URL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?i)\b(?:https?|wss?)://[^\s"'<>()\[\]{}\\]+"#).ok());
/// Addresses that are kept for one plugin.
const MOST: usize = 5000;

#[derive(Default)]
struct Seen {
    /// By host: how often, one address, where it was seen first.
    hosts: BTreeMap<String, (u64, String, String)>,
}

fn answer(context: &Context) -> Vec<Verdict> {
    let mut plugins: BTreeMap<String, Seen> = BTreeMap::new();
    let has_address = |line: &[u8]| memchr::memmem::find(line, b"://").is_some();
    let account = log::each(context, &has_address, &mut |record| {
        let Some(plugin) = record.plugin() else { return };
        if record.time.is_some_and(|time| time < context.since())
            || context.only.plugin.as_deref().is_some_and(|only| only != plugin)
        {
            return;
        }
        plugins.entry(plugin.to_owned()).or_default().take(record);
    });
    if account.is_empty() {
        return vec![Verdict::unknown("", account.why_nothing())];
    }
    plugins.retain(|_, seen| !seen.hosts.is_empty());
    if plugins.is_empty() {
        let value =
            format!("no line of a plugin names a host {}; the platform logs no requests", account.extent());
        return vec![
            Verdict::unknown("", value).fix("see the proxy, the firewall or the DNS server for its requests"),
        ];
    }
    plugins.iter().map(|(plugin, seen)| judge(context, plugin, seen)).collect()
}

impl Seen {
    fn take(&mut self, record: &Record) {
        let text = record.fields.to_string();
        let found = URL.as_ref().into_iter().flat_map(|pattern| pattern.find_iter(&text));
        // The same line may name an address in its message and in a field.
        let urls: BTreeSet<&str> =
            found.map(|found| found.as_str().trim_end_matches(['.', ',', ';', ':'])).collect();
        for url in urls {
            let Some(host) = host(url) else { continue };
            if self.hosts.len() < MOST || self.hosts.contains_key(&host) {
                let entry = self.hosts.entry(host);
                entry.or_insert_with(|| (0, url.to_owned(), record.place())).0 += 1;
            }
        }
    }
}

/// The host of an address, which is what stands after a user name.
fn host(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = if host.starts_with('[') { host.split(']').next()? } else { host.split(':').next()? };
    (!host.is_empty()).then(|| host.trim_start_matches('[').to_ascii_lowercase())
}

fn judge(context: &Context, plugin: &str, seen: &Seen) -> Verdict {
    let told = |(host, (count, ..)): (&String, &(u64, String, String))| format!("{host} × {count}");
    let options = Options { root: context.root.clone(), base: PathBuf::new() };
    let grants = match Plugins::read(&options).map(|plugins| plugins.grants(plugin)) {
        Ok(Some((grants, _))) => grants,
        _ => {
            let names: Vec<String> = seen.hosts.iter().map(told).collect();
            let value = format!(
                "{}; its manifest is not read here, so nothing can be compared",
                show::names(&names, 4)
            );
            return Verdict::unknown(plugin, value).fix("run this where its sources are, or compare by hand");
        }
    };
    let patterns: Vec<&str> = grants
        .iter()
        .filter(|grant| grant.key == "network.fetch")
        .map(|grant| grant.value.as_str())
        .collect();
    let is_declared = |(_, (_, url, _)): &(&String, &(u64, String, String))| {
        patterns.iter().any(|pattern| fetch::matches(pattern, url))
    };
    let (declared, others): (Vec<_>, Vec<_>) = seen.hosts.iter().partition(is_declared);
    if others.is_empty() {
        let names: Vec<String> = declared.into_iter().map(told).collect();
        return Verdict::pass(plugin, format!("only what it declares: {}", show::names(&names, 4)));
    }
    let names: Vec<String> = others.iter().map(|one| told(*one)).collect();
    let value = format!("not declared: {}", show::names(&names, 4));
    let fix = format!("kbsec audit explain {plugin} shows its grants; stop it if nobody knows the host");
    let places = others.iter().map(|(_, (_, _, place))| place.clone());
    Verdict::warn(plugin, value).expected("hosts of its manifest").fix(fix).seen_at(places)
}
