//! A variable of a service: every place that sets it, and what may be told of its value, which is never the value.

use std::path::{Path, PathBuf};

use super::context::Context;
use super::env_file;
use super::proc::Proc;
use crate::secret::Secret;

/// One place that sets a variable.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    /// `.env:3`, `kb-gateway.service`, `pid 812 (gateway)`, `your shell`.
    pub(super) place: String,
    pub(super) value: Secret,
    /// Whether it is that of a process which runs now.
    pub(super) is_live: bool,
}

/// What may be told of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// Bytes.
    pub(super) length: usize,
    /// How many different bytes it has.
    pub(super) variety: usize,
    /// Whether it is a value that everybody knows, or that asks to be replaced.
    pub(super) is_placeholder: bool,
}

/// Files of variables that services of the platform load, relative to the installation.
const FILES: [&str; 5] =
    [".env", ".env.local", ".env.production", ".kb/secrets.env", ".kb/generated/secrets.env"];

/// Every place that sets a variable for a service, files first, the running process last.
pub(super) fn settings(context: &Context, service: &str, variable: &str) -> Vec<Setting> {
    let mut found = Vec::new();
    if let Some(value) = context.variables.get(variable) {
        found.push(Setting {
            place: "your shell".into(),
            value: Secret::new(value.as_bytes()),
            is_live: false,
        });
    }
    for name in FILES {
        from_file(&context.path(name), name, variable, &mut found);
    }
    if let Some(unit) = unit(context, service) {
        from_unit(context, &unit, variable, &mut found);
    }
    if let Some((pid, value)) = live(context, service, variable) {
        found.push(Setting { place: format!("pid {pid} ({service})"), value, is_live: true });
    }
    found
}

/// Whether a service runs in production, as far as one of its places says so.
pub(super) fn is_production(context: &Context, service: &str) -> bool {
    settings(context, service, "NODE_ENV").last().is_some_and(|last| last.value.expose() == b"production")
}

/// The file of the unit of a service, if it has one.
pub(super) fn unit(context: &Context, service: &str) -> Option<PathBuf> {
    let name = format!("kb-{service}.service");
    context.unit_folders.iter().map(|folder| folder.join(&name)).find(|file| file.is_file())
}

fn from_file(path: &Path, name: &str, variable: &str, found: &mut Vec<Setting>) {
    // A file that is not there sets nothing; one that cannot be read is told by `env.jwt`.
    let last = env_file::read(path).unwrap_or_default().into_iter().rfind(|one| one.name == variable);
    found.extend(last.map(|one| Setting {
        place: format!("{name}:{}", one.line),
        value: one.value,
        is_live: false,
    }));
}

/// `Environment=` and `EnvironmentFile=` of a unit and its drop-ins; later ones win, as in systemd.exec(5).
fn from_unit(context: &Context, unit: &Path, variable: &str, found: &mut Vec<Setting>) {
    let mut files = vec![unit.to_owned()];
    let mut folder = unit.as_os_str().to_owned();
    folder.push(".d");
    let mut additions: Vec<_> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    additions.sort();
    files.extend(additions);
    for file in files {
        let name = context.name_of(&file);
        for (number, line) in (1..).zip(super::config_file::text(&file).unwrap_or_default().lines()) {
            if let Some(listed) = line.trim().strip_prefix("EnvironmentFile=") {
                let listed = listed.trim_start_matches('-').trim();
                from_file(Path::new(listed), listed, variable, found);
            }
            let Some(assigned) = line.trim().strip_prefix("Environment=") else { continue };
            for part in words(assigned) {
                if let Some((_, value)) = part.split_once('=').filter(|(name, _)| *name == variable) {
                    let place = format!("{name}:{number}");
                    found.push(Setting { place, value: Secret::new(value.as_bytes()), is_live: false });
                }
            }
        }
    }
}

/// Words of a line, quotes around some of them taken off.
fn words(line: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut quote = None;
    for character in line.chars() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None, ' ' | '\t') => found.push(String::new()),
            _ => found.last_mut().into_iter().for_each(|word| word.push(character)),
        }
    }
    found
}

/// What the running process of a service was started with.
fn live(context: &Context, service: &str, variable: &str) -> Option<(u32, Secret)> {
    let proc = Proc::open(context)?;
    let pid = super::running::pid(context, &proc, service)?;
    let value = proc.environment(pid)?.remove(variable)?;
    Some((pid, value))
}

/// Values that are public, or ask to be replaced. In parts, as the scanner knows them too.
const PUBLIC: [&str; 4] = [
    concat!("dev-insecure-", "secret-change-me"),
    concat!("dev-jwt-", "secret-kb-labs"),
    concat!("dev-internal-", "secret-kb-labs"),
    "your-secret-key",
];
/// Parts of values that nobody would generate.
const TELLING: [&str; 9] =
    ["change-me", "changeme", "change_me", "replace", "placeholder", "example", "your-", "dev-", "insecure"];

impl Form {
    pub(super) fn of(secret: &Secret) -> Self {
        let bytes = secret.expose();
        let mut seen = [false; 256];
        bytes.iter().for_each(|&byte| seen[usize::from(byte)] = true);
        let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
        let is_telling = PUBLIC.contains(&text.as_str()) || TELLING.iter().any(|part| text.contains(part));
        Self {
            length: bytes.len(),
            variety: seen.iter().filter(|seen| **seen).count(),
            is_placeholder: is_telling || (text.starts_with('<') && text.ends_with('>')),
        }
    }

    /// The length as a class: the exact one would help whoever guesses.
    pub(super) fn length_class(self) -> &'static str {
        match self.length {
            0 => "empty",
            1..16 => "shorter than 16 bytes",
            16..32 => "16 to 31 bytes",
            32..64 => "32 to 63 bytes",
            _ => "64 bytes or more",
        }
    }
}

/// The first digits of the fingerprint of a value, to tell two of them apart.
pub(super) fn fingerprint(context: &Context, secret: &Secret) -> String {
    let mut digits = secret.fingerprint(&context.key, "variable").to_string();
    digits.truncate(8);
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::context;

    #[test]
    fn every_place_is_found_and_the_last_assignment_of_a_file_counts() {
        let folder = tempfile::tempdir().unwrap();
        let units = folder.path().join("units");
        std::fs::create_dir_all(units.join("kb-gateway.service.d")).unwrap();
        let listed = folder.path().join("gateway.env");
        std::fs::write(&listed, "S=from-listed\n").unwrap();
        std::fs::write(folder.path().join(".env"), "S=first\nS=second\n").unwrap();
        let unit =
            format!("[Service]\nEnvironmentFile=-{}\nEnvironment=A=1 \"S=in unit\"\n", listed.display());
        std::fs::write(units.join("kb-gateway.service"), unit).unwrap();
        std::fs::write(units.join("kb-gateway.service.d/10.conf"), "[Service]\nEnvironment=S=late\n")
            .unwrap();
        let mut context = context(folder.path());
        context.unit_folders = vec![units];
        context.variables.insert("S".into(), "shell".into());
        context.proc_folder = folder.path().join("no-proc");
        let found = settings(&context, "gateway", "S");
        let values: Vec<_> =
            found.iter().map(|one| String::from_utf8_lossy(one.value.expose()).into_owned()).collect();
        assert_eq!(values, ["shell", "second", "from-listed", "in unit", "late"]);
        assert_eq!(found[1].place, ".env:2");
    }

    #[test]
    fn forms_tell_placeholders_from_secrets() {
        let form = |text: &str| Form::of(&Secret::new(text.as_bytes()));
        assert!(
            form(concat!("dev-insecure-", "secret-change-me")).is_placeholder
                && form("<secret>").is_placeholder
        );
        assert!(!form(&"0f".repeat(32)).is_placeholder);
        assert_eq!((form("aab").variety, form(&"0f".repeat(32)).length_class()), (2, "64 bytes or more"));
    }
}
