//! The value of a leak: asked for, read or found again, and recognised by its fingerprint when an incident goes on.

use std::path::{Path, PathBuf};

use kbsec::needle::Needle;
use kbsec::playbook::Prompter as _;
use kbsec::playbook::{Facts, Shown};
use kbsec::rule::Rule;
use kbsec::secret::{FingerprintKey, Secret};

use super::super::super::error::Hinted;
use super::super::super::find;
use super::super::super::project::Project;
use super::super::desk::Desk;
use super::super::leaked::Leak;
use super::super::machine::Machine;

/// Where the value comes from.
#[derive(Debug, Default)]
pub(crate) struct Request<'a> {
    /// The beginning of a finding's fingerprint.
    pub(crate) finding: Option<String>,
    pub(crate) value_file: Option<&'a Path>,
    pub(crate) stdin: bool,
    /// The rule, when the value alone does not tell.
    pub(crate) rule: Option<&'a str>,
    pub(crate) replacement_file: Option<&'a Path>,
    pub(crate) api_base: Option<&'a str>,
}

/// A value and how it was come by.
struct Found {
    secret: Secret,
    rule: Option<String>,
    /// How to come by it again, empty when only a person knows.
    from: String,
}

/// Gets the value and hands it to the machine; returns what may be known of it.
pub(crate) fn learn(
    request: &Request<'_>,
    (machine, desk): (&mut Machine<'_>, &mut Desk),
    (known, key, project): (&Facts, &[u8], &Project),
) -> anyhow::Result<Facts> {
    let found = obtain(request, (machine, desk), (known, project))?;
    let key = FingerprintKey::new(key);
    let fingerprint = found.secret.fingerprint(&key, "leak").to_string();
    if known.get("fingerprint").is_some_and(|before| *before != fingerprint) {
        return Err(Hinted::error(
            "that is not the value of this incident: its fingerprint is another one",
            "give the same value as before, or begin a new incident with `kbsec leak-response`",
        ));
    }
    let needle =
        Needle::value(&found.secret).map_err(|error| Hinted::error(error.to_string(), error.hint()))?;
    machine.filter.know(&found.secret);
    let rules = project.rules(&[], &[])?;
    let detected = machine.filter.detector().detect(found.secret.expose()).into_iter().next();
    let named = request.rule.map(str::to_owned).or(found.rule.clone()).or_else(|| known.get("rule").cloned());
    let by_looks = detected.as_ref().map(|found| found.rule.id.name().to_owned());
    let name = named.or(by_looks);
    let rule = match &name {
        Some(name) => {
            Some(rules.get(name).cloned().ok_or_else(|| super::super::super::rules::unknown(&rules, name))?)
        }
        None => None,
    };
    let mut facts =
        describe(&found, rule.as_ref(), detected.map(|found| found.public_prefix).unwrap_or_default());
    facts.insert("fingerprint".into(), fingerprint);
    let api = rule.as_ref().filter(|rule| rule.is_built_in()).and_then(|rule| rule.respond.api.as_ref());
    if let Some(call) = api {
        facts.insert("revoke-call".into(), format!("{} {}", call.method, call.url));
    }
    let replacement = request.replacement_file.map(find::from_file).transpose()?;
    if let Some(replacement) = &replacement {
        machine.filter.know(replacement);
    }
    let api_base = request.api_base.map(str::to_owned);
    machine.leak = Some(Leak { secret: found.secret, needle, rule, key, replacement, api_base });
    Ok(facts)
}

/// What may be written down of the value.
fn describe(found: &Found, rule: Option<&Rule>, prefix: String) -> Facts {
    let length = found.secret.len();
    let title = rule.map_or("secret of an unknown kind", |rule| rule.meta.title.as_str());
    let mut facts = Facts::from([
        ("subject".into(), format!("{title}, {prefix}… ({length} characters)")),
        ("length".into(), length.to_string()),
        ("value-from".into(), found.from.clone()),
    ]);
    if let Some(rule) = rule {
        facts.insert("rule".into(), rule.meta.id.name().to_owned());
    }
    facts
}

/// The value, from the request, from where it was before, or from the person.
fn obtain(
    request: &Request<'_>,
    (machine, desk): (&mut Machine<'_>, &mut Desk),
    (known, project): (&Facts, &Project),
) -> anyhow::Result<Found> {
    let context = machine.context;
    let of_finding =
        |digits: &str| {
            let path = if machine.root.is_dir() { machine.root.as_path() } else { Path::new(".") };
            find::finding::value(digits, path, (project, context), &machine.stop)
                .map(|(secret, rule)| Found { secret, rule: Some(rule), from: format!("finding {digits}") })
        };
    if let Some(digits) = &request.finding {
        return of_finding(digits);
    }
    if let Some(path) = request.value_file {
        let path: PathBuf = context.environment.directory.join(path);
        return Ok(Found {
            secret: find::from_file(&path)?,
            rule: None,
            from: format!("file {}", path.display()),
        });
    }
    if request.stdin {
        return Ok(Found { secret: find::from_stdin(context)?, rule: None, from: String::new() });
    }
    let before = known.get("value-from").map_or("", String::as_str);
    let again = match before.split_once(' ') {
        Some(("finding", digits)) => of_finding(digits).ok(),
        Some(("file", path)) => find::from_file(Path::new(path)).ok().map(|secret| Found {
            secret,
            rule: None,
            from: before.to_owned(),
        }),
        _ => None,
    };
    if let Some(found) = again {
        return Ok(found);
    }
    let Some(person) = desk.person.as_mut() else {
        return Err(Hinted::error(
            "no value, and no terminal to ask for it",
            "give it with --value-file FILE, --stdin or --finding ID; it is never taken as an argument",
        ));
    };
    let secret = person.secret("The value that has leaked (it is not shown, and never stored): ");
    let Some(secret) = secret else {
        return Err(Hinted::error(
            "no value was given",
            "begin again when you have it, or use --value-file FILE",
        ));
    };
    desk.show(&Shown::Sentence(""));
    Ok(Found { secret, rule: None, from: String::new() })
}
