//! The reach of a plugin: what it declares, what it did beside that, and which secrets it could read.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use kbsec::playbook::{Applied, Facts};
use kbsec::plugin::audit::{Options, audit};
use kbsec::scan;
use kbsec::source::worktree::{self, Ignore, Worktree};

use super::super::super::environment::Environment;
use super::super::deed::{failed, told};
use super::super::lock_file;
use super::super::machine::Machine;

/// Lines of a list that are shown.
const SHOWN: usize = 10;
/// Bytes of a manifest.
const LARGEST: u64 = 1 << 20;

/// What the manifest allows, and what logs show beyond that.
pub(super) fn permissions(machine: &Machine<'_>, facts: &Facts) -> Applied {
    let Some(plugin) = facts.get("plugin") else { return failed("no plugin was named") };
    let folder = match lock_file::entry(machine, plugin) {
        Ok(entry) => entry.and_then(|entry| entry.folder).map(|folder| machine.path(folder)),
        Err(why) => return failed(why),
    };
    let Some(folder) = folder.filter(|folder| folder.is_dir()) else {
        return told(vec!["Its folder is not here; read its manifest in the registry.".into()]);
    };
    let mut lines = Vec::new();
    let options = Options { root: folder.clone(), base: folder.clone() };
    match audit(&options) {
        Ok(outcome) if outcome.findings.is_empty() => {
            lines.push("the audit finds no permission that is too wide".into());
        }
        Ok(outcome) => {
            lines.push(format!("{} findings of `kbsec audit` in it:", outcome.findings.len()));
            let told = outcome
                .findings
                .iter()
                .map(|finding| format!("{}: {}", finding.rule().id, finding.rule().title));
            let told: BTreeSet<String> = told.collect();
            lines.extend(told.into_iter().take(SHOWN));
        }
        Err(error) => lines.push(format!("the audit could not read it: {error}")),
    }
    let manifest = manifest(&folder);
    let named = |names: Option<&String>| -> Vec<String> {
        names
            .iter()
            .flat_map(|names| names.split(' '))
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let (hosts, paths) = (named(facts.get("hosts")), named(facts.get("paths")));
    let beyond = |names: &[String]| -> Vec<String> {
        names.iter().filter(|name| !manifest.contains(name.as_str())).cloned().collect()
    };
    let (hosts, paths) = (beyond(&hosts), beyond(&paths));
    for (what, names) in [("hosts", &hosts), ("paths", &paths)] {
        lines.push(match names.len() {
            0 => format!("no {what} in its logs that its manifest does not name"),
            _ => format!("{what} in its logs that its manifest does not name: {}", names.join(", ")),
        });
    }
    lines.push("A wide pattern such as ** allows more than it names: see the findings.".into());
    let found = Facts::from([
        ("undeclared-hosts".into(), hosts.join(" ")),
        ("undeclared-paths".into(), paths.join(" ")),
    ]);
    let evidence = vec![machine.piece(
        "declared against observed",
        &machine.shown(&folder),
        lines.join("\n").as_bytes(),
    )];
    Applied { lines, facts: found, evidence, ..Applied::default() }
}

/// The texts in which the plugin says what it is and may do.
fn manifest(folder: &Path) -> String {
    let mut text = String::new();
    let walk = ignore::WalkBuilder::new(folder).standard_filters(false).max_depth(Some(4)).build();
    for entry in walk.flatten() {
        let name = entry.file_name().to_string_lossy();
        let is_manifest = name == "package.json" || name.contains("manifest") || name.contains("kb.plugin");
        let is_small = entry.metadata().is_ok_and(|meta| meta.is_file() && meta.len() < LARGEST);
        if is_manifest && is_small {
            text += &fs::read_to_string(entry.path()).unwrap_or_default();
            text.push('\n');
        }
    }
    text
}

/// The secrets in the files of the project, as a list of what to replace.
pub(super) fn secrets(machine: &Machine<'_>, facts: &Facts) -> Applied {
    let options = worktree::Options {
        ignore: Ignore::Nothing,
        exclude: vec!["node_modules".into(), ".git".into()],
        git: machine.context.environment.git.clone(),
        ..worktree::Options::default()
    };
    let source = Worktree::new([machine.root.clone()], options);
    let settings = scan::Options {
        key: kbsec::secret::FingerprintKey::default(),
        now: Environment::now(),
        progress: &|_| {},
    };
    let outcome = match scan::scan(&source, machine.filter.detector(), &settings, &machine.stop) {
        Ok(outcome) => outcome,
        Err(error) => return failed(error.to_string()),
    };
    let mut rows = Vec::new();
    for finding in &outcome.findings {
        let place = &finding.locations()[0];
        let path = place.origin.path().map(|path| machine.shown(path)).unwrap_or_default();
        let id = finding.fingerprint().to_string();
        rows.push(format!("{} in {path}:{} (finding {})", finding.rule().title, place.start.line, &id[..12]));
    }
    let plugin = facts.get("plugin").cloned().unwrap_or_default();
    let mut lines = vec![match rows.len() {
        0 => "the scanner finds no secret in the files of the project".to_owned(),
        count => format!(
            "{count} secrets in files of the project; all of them if the plugin could read files there:"
        ),
    }];
    lines.extend(rows.iter().take(SHOWN).cloned());
    lines.push("Variables of the services count too: whatever .env and the units give them.".into());
    let mut text = format!("# Replace, because {plugin} could read it\n\n");
    rows.iter().for_each(|row| text += &format!("- [ ] {row}\n"));
    text += "- [ ] the variables that the services get (.env, units, compose)\n\nFor each: `kbsec leak-response --finding ID`\n";
    let mut found = Facts::new();
    found.insert("rotation".into(), rows.len().to_string());
    Applied {
        lines,
        facts: found,
        files: vec![("rotation.md".into(), text.into_bytes())],
        ..Applied::default()
    }
}
