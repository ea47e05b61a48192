//! Settings without the old key: a reference to its variable, or the new key, in its place; shown as a diff before.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use kbsec::digest;
use kbsec::playbook::{Applied, Outcome, Plan};

use super::super::leaked::Leak;
use super::super::machine::Machine;
use super::consumers;

/// A file with the old key taken out.
struct Edit {
    path: PathBuf,
    new: Vec<u8>,
    /// The lines that change, old and new.
    diff: Vec<String>,
}

/// What can be edited, and what a person has to do.
#[derive(Default)]
struct Edits {
    files: Vec<Edit>,
    by_hand: Vec<String>,
}

/// What editing would change.
pub(super) fn plan(machine: &Machine<'_>, leak: &Leak) -> Plan {
    let edits = edits(machine, leak);
    if edits.files.is_empty() && edits.by_hand.is_empty() {
        return super::nothing("no settings file has the old key");
    }
    let mut lines: Vec<String> = edits.files.iter().flat_map(|edit| edit.diff.clone()).collect();
    let by_hand = edits.by_hand.iter().map(|place| format!("for you: put the new key into {place}"));
    let mut plan = Plan { hash: digest::sha256(lines.join("\n").as_bytes()), ..Plan::default() };
    if edits.files.is_empty() {
        plan.manual = Some(format!("Put the new key into {}.", edits.by_hand.join(", ")));
    }
    lines.extend(by_hand);
    plan.lines = lines;
    plan
}

/// Edits the files.
pub(super) fn edit(machine: &Machine<'_>, leak: &Leak) -> Applied {
    let edits = edits(machine, leak);
    let mut applied = Applied::default();
    for edit in &edits.files {
        let shown = machine.shown(&edit.path);
        match replace(&edit.path, &edit.new) {
            Ok(()) => applied.lines.push(format!("edited {shown}")),
            Err(error) => {
                applied.outcome = Outcome::Failed(format!("{shown}: {error}"));
                return applied;
            }
        }
    }
    if !edits.by_hand.is_empty() {
        applied.outcome = Outcome::Open(format!("put the new key into {}", edits.by_hand.join(", ")));
    }
    applied
}

fn edits(machine: &Machine<'_>, leak: &Leak) -> Edits {
    let mut edits = Edits::default();
    let mut last: Option<PathBuf> = None;
    for place in consumers::stale(machine, leak) {
        if last.as_ref() == Some(&place.path) {
            continue;
        }
        last = Some(place.path.clone());
        match rewritten(&place.path, leak, &machine.shown(&place.path)) {
            Some(edit) => edits.files.push(edit),
            None => edits.by_hand.push(format!("{}:{}", machine.shown(&place.path), place.line)),
        }
    }
    edits
}

/// The file with something else in place of each plain occurrence; none where that cannot be decided.
fn rewritten(path: &Path, leak: &Leak, shown: &str) -> Option<Edit> {
    let text = fs::read_to_string(path).ok()?;
    let old = std::str::from_utf8(leak.secret.expose()).ok()?;
    let mut diff = vec![format!("{shown}:")];
    let mut new = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let Some(at) = line.find(old) else {
            new.push_str(line);
            continue;
        };
        let name = variable(line.get(..at).unwrap_or_default());
        let name = name.or_else(|| leak.rule.as_ref().and_then(|rule| rule.env.first().cloned()))?;
        let value = match kind(path) {
            Kind::Env => String::from_utf8(leak.replacement.as_ref()?.expose().to_vec()).ok()?,
            Kind::Workflow => format!("${{{{ secrets.{name} }}}}"),
            Kind::Other => format!("${{{name}}}"),
        };
        let changed = line.replace(old, &value);
        diff.push(format!("- {}", line.trim_end()));
        diff.push(format!("+ {}", changed.trim_end()));
        new.push_str(&changed);
    }
    // In another encoding it would still be there.
    let is_clean = leak.needle.search(new.as_bytes()).is_empty();
    is_clean.then(|| Edit { path: path.to_owned(), new: new.into_bytes(), diff })
}

enum Kind {
    /// It has the values themselves.
    Env,
    Workflow,
    Other,
}

fn kind(path: &Path) -> Kind {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with(".env") || name.ends_with(".env") {
        return Kind::Env;
    }
    if path.components().any(|part| part.as_os_str() == "workflows") { Kind::Workflow } else { Kind::Other }
}

/// The name that the text before a value assigns to.
fn variable(before: &str) -> Option<String> {
    let before = before.trim_end_matches(['"', '\'', ' ']).strip_suffix(['=', ':'])?;
    let before = before.trim_end_matches(['"', '\'', ' ']);
    let start = before
        .rfind(|character: char| !character.is_ascii_alphanumeric() && character != '_')
        .map_or(0, |at| at + 1);
    let name = before.get(start..)?;
    let is_variable = name.len() > 2
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    is_variable.then(|| name.to_owned())
}

/// Writes a new file beside the old one, with its permissions, and moves it into place.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let target = fs::canonicalize(path)?;
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!(".kbsec-{}", std::process::id()));
    let temporary = target.with_file_name(name);
    let write = || {
        let mut file = File::create_new(&temporary)?;
        file.set_permissions(fs::metadata(&target)?.permissions())?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, &target)
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })
}

#[cfg(test)]
mod tests {
    use super::variable;

    #[test]
    fn the_name_before_a_value() {
        for (before, name) in [
            ("export OPENAI_API_KEY=\"", Some("OPENAI_API_KEY")),
            ("      - OPENAI_API_KEY=", Some("OPENAI_API_KEY")),
            ("  \"GITHUB_TOKEN\": \"", Some("GITHUB_TOKEN")),
            ("Environment=NPM_TOKEN=", Some("NPM_TOKEN")),
            ("apiKey: ", None),
            ("curl -H 'Bearer ", None),
        ] {
            assert_eq!(variable(before).as_deref(), name, "{before}");
        }
    }
}
