//! The lock file of the marketplace, `.kb/marketplace.lock`: plugins disabled in it without any service.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use kbsec::digest;
use kbsec::playbook::{Applied, Facts, Plan};
use serde_json::Value;

use super::deed::{by_hand, failed, needless, told};
use super::machine::Machine;

/// Where it is.
const LOCK: &str = ".kb/marketplace.lock";

/// An entry of the lock file.
pub(crate) struct Entry {
    /// The name that the file has for it, which is not always the id that logs have.
    pub(crate) key: String,
    /// The folder of the plugin, relative to the root.
    pub(crate) folder: Option<PathBuf>,
    /// What the lock says of its integrity.
    pub(crate) integrity: String,
    pub(crate) enabled: bool,
}

/// The entry of a plugin, by its name in the file, by the folder's name, or by the id of its manifest.
pub(crate) fn entry(machine: &Machine<'_>, plugin: &str) -> Result<Option<Entry>, String> {
    let lock = read(&machine.path(LOCK))?;
    let Some(installed) = lock.get("installed").and_then(Value::as_object) else {
        return Err(format!("{LOCK} has no table `installed`"));
    };
    let known = |key: &str, value: &Value| Entry {
        key: key.to_owned(),
        folder: value.get("resolvedPath").and_then(Value::as_str).map(PathBuf::from),
        integrity: value.get("integrity").and_then(Value::as_str).unwrap_or_default().to_owned(),
        enabled: value.get("enabled").and_then(Value::as_bool).unwrap_or(true),
    };
    if let Some(value) = installed.get(plugin) {
        return Ok(Some(known(plugin, value)));
    }
    let by_manifest = installed.iter().find(|(_, value)| {
        let folder = value.get("resolvedPath").and_then(Value::as_str).map(|folder| machine.path(folder));
        folder.is_some_and(|folder| names(&folder, plugin))
    });
    Ok(by_manifest.map(|(key, value)| known(key, value)))
}

/// Whether the files that describe the plugin in a folder call it so.
fn names(folder: &Path, plugin: &str) -> bool {
    let quoted = [format!("\"{plugin}\""), format!("'{plugin}'")];
    ["package.json", "manifest.ts", "src/manifest.ts", "dist/manifest.js", "kb.plugin.json"].iter().any(
        |name| {
            let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
            quoted.iter().any(|quoted| text.contains(quoted.as_str()))
        },
    )
}

/// What disabling a plugin would change.
pub(crate) fn plan_disable(machine: &Machine<'_>, facts: &Facts) -> Plan {
    let Some(plugin) = facts.get("plugin") else { return needless("no plugin was named") };
    match entry(machine, plugin) {
        Err(why) => by_hand(&format!(
            "{why}. Stop the services instead, and mend the lock file (kbsec respond marketplace-failing)."
        )),
        Ok(None) => by_hand(&format!(
            "{plugin} is not in {LOCK}. Look there for its name; the id in logs may be another one."
        )),
        Ok(Some(entry)) if !entry.enabled => needless(format!("{} is disabled already", entry.key)),
        Ok(Some(entry)) => Plan {
            lines: vec![
                format!("in {LOCK}, entry {}:", entry.key),
                "-      \"enabled\": true".to_owned(),
                "+      \"enabled\": false".to_owned(),
                format!("The file as it is stays as {}.", backup_name()),
            ],
            hash: digest::sha256(entry.key.as_bytes()),
            ..Plan::default()
        },
    }
}

/// Disables a plugin: a new file is written beside the old one and moved into its place.
pub(crate) fn disable(machine: &Machine<'_>, facts: &Facts) -> Applied {
    let plugin = facts.get("plugin").cloned().unwrap_or_default();
    let path = machine.path(LOCK);
    let change = || {
        let entry = entry(machine, &plugin)?.ok_or_else(|| format!("{plugin} is not in {LOCK}"))?;
        let mut lock = read(&path)?;
        let slot =
            lock.get_mut("installed").and_then(|all| all.get_mut(&entry.key)).and_then(Value::as_object_mut);
        let slot = slot.ok_or_else(|| format!("{} is no entry of {LOCK}", entry.key))?;
        slot.insert("enabled".into(), Value::Bool(false));
        let text = serde_json::to_string_pretty(&lock).map_err(|error| error.to_string())? + "\n";
        replace(&path, text.as_bytes()).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok::<_, String>(entry.key)
    };
    match change() {
        Ok(key) => told(vec![format!("{key} is disabled; the old file is {}", backup_name())]),
        Err(why) => failed(why),
    }
}

/// What putting back the last good lock file would do.
pub(crate) fn plan_restore(machine: &Machine<'_>) -> Plan {
    if read(&machine.path(LOCK)).is_ok() {
        return needless(format!("{LOCK} parses"));
    }
    match last_good(machine) {
        Some((commit, text)) => Plan {
            lines: vec![
                format!(
                    "{LOCK} does not parse. The one of commit {commit} does ({} bytes) and takes its place.",
                    text.len()
                ),
                format!("The broken one stays as {}.", backup_name()),
            ],
            hash: digest::sha256(&text),
            ..Plan::default()
        },
        None => by_hand(&format!(
            "git has no lock file that parses. Move {LOCK} to {LOCK}.broken, and link the plugins again."
        )),
    }
}

/// Puts it back.
pub(crate) fn restore(machine: &Machine<'_>) -> Applied {
    let Some((commit, text)) = last_good(machine) else { return failed("git has no lock file that parses") };
    match replace(&machine.path(LOCK), &text) {
        Ok(()) => told(vec![format!(
            "{LOCK} is that of commit {commit}; plugins that were installed later are missing in it"
        )]),
        Err(error) => failed(error.to_string()),
    }
}

/// The newest lock file in the history that parses.
fn last_good(machine: &Machine<'_>) -> Option<(String, Vec<u8>)> {
    let git = |arguments: &[&str]| {
        let command: Vec<String> = ["git"].iter().chain(arguments).map(|part| (*part).to_owned()).collect();
        let said = machine.child(&command);
        (said.code == Some(0)).then_some(said.stdout)
    };
    let commits = String::from_utf8(git(&["log", "-50", "--format=%h", "--", LOCK])?).ok()?;
    commits.lines().find_map(|commit| {
        let text = git(&["show", &format!("{commit}:./{LOCK}")])?;
        serde_json::from_slice::<Value>(&text).ok().map(|_| (commit.to_owned(), text))
    })
}

fn read(path: &Path) -> Result<Value, String> {
    let bytes = fs::read(path).map_err(|error| format!("{LOCK}: {error}"))?;
    serde_json::from_slice(&bytes).map_err(|error| format!("{LOCK} does not parse: {error}"))
}

fn backup_name() -> String {
    format!("{LOCK}.before-{}", std::process::id())
}

/// Keeps the old file beside, and moves the new one into place.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = |ending: String| path.with_file_name(format!("marketplace.lock.{ending}"));
    fs::copy(path, beside(format!("before-{}", std::process::id())))?;
    let temporary = beside(format!("new-{}", std::process::id()));
    let mut file = File::create(&temporary)?;
    file.set_permissions(fs::metadata(path)?.permissions())?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}
