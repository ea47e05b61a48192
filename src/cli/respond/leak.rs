//! A leaked secret: what it is, and what kbsec does about it. Its value is never written down.

mod after;
mod call;
mod consumers;
mod copies;
mod edit;
mod history;
mod mask;
mod value;

use kbsec::playbook::{Applied, Facts, Plan, Verdict};

use super::deed::{by_hand, needless};
use super::deed::{fail, pass};
use super::leaked::Leak;
use super::machine::Machine;
pub(crate) use value::{Request, learn};

/// The variable that signs tokens of the platform.
const JWT: &str = "GATEWAY_JWT_SECRET";
/// Values of it that stand in the public source of the platform, in two halves each.
const PUBLIC: [[&str; 2]; 2] = [["dev-insecure-", "secret-change-me"], ["dev-jwt-", "secret-kb-labs"]];

/// The checks of this incident.
pub(crate) fn check(machine: &Machine<'_>, name: &str, _facts: &Facts) -> Option<Verdict> {
    let leak = machine.leak.as_ref()?;
    Some(match name {
        "processes" => consumers::processes(leak),
        "stale" => {
            let count = consumers::stale(machine, leak).len();
            let what = format!("{count} places in settings have the old key");
            verdict(count, &what, "put the new key there, or a reference to it")
        }
        "gone" => copies::gone(machine, leak),
        "canary" => after::canary(machine),
        "ci" => after::ci(machine),
        _ => return None,
    })
}

/// What an act would do.
pub(crate) fn plan(machine: &Machine<'_>, name: &str, facts: &Facts) -> Option<Plan> {
    let leak = machine.leak.as_ref()?;
    Some(match name {
        "card" => card(leak),
        "revoke" => call::plan(leak, facts),
        "prove-server" | "jwt" | "consumers" | "where" | "neighbours" | "notice" | "audit" => Plan::default(),
        "edit" => edit::plan(machine, leak),
        "access" => access(leak, facts),
        "rewrite" => history::plan(machine, leak, facts),
        "push" => history::plan_push(machine, leak, facts),
        "mask" => mask::plan(machine, leak),
        "hook" => after::plan_hook(machine),
        _ => return None,
    })
}

/// Does it.
pub(crate) fn apply(machine: &Machine<'_>, name: &str, facts: &Facts) -> Option<Applied> {
    let leak = machine.leak.as_ref()?;
    Some(match name {
        "card" | "access" => Applied::default(),
        "revoke" => call::revoke(machine, leak),
        "jwt" => jwt(machine, leak),
        "consumers" => consumers::find(machine, leak),
        "edit" => edit::edit(machine, leak),
        "where" => copies::trace_all(machine, leak),
        "neighbours" => copies::neighbours(machine, leak),
        "notice" => after::notice(facts),
        "rewrite" => history::rewrite(machine, leak),
        "push" => history::push(machine, leak, facts),
        "prove-server" => history::prove(machine, leak, facts),
        "mask" => mask::mask(machine, leak),
        "hook" => after::hook(machine),
        "audit" => after::audit(machine, leak),
        _ => return None,
    })
}

/// The card of the provider: what the value opens, and how it is revoked.
fn card(leak: &Leak) -> Plan {
    let Some(rule) = &leak.rule else {
        let mut plan = by_hand("Revoke it now, where it was made. Note its id and the time.");
        plan.lines =
            vec!["No rule knows this kind of secret; --rule NAME names one (kbsec rules list).".into()];
        return plan;
    };
    let respond = &rule.respond;
    let mut lines = vec![respond.impact.clone()];
    lines.extend(respond.console.iter().map(|page| format!("Open {page}")));
    lines.extend(respond.revoke.iter().enumerate().map(|(at, step)| format!("{}. {step}", at + 1)));
    if rule.is_built_in() && respond.api.is_some() {
        lines.push("kbsec can call the provider itself: --allow revoke-call, when you go on.".into());
    }
    let mut plan = by_hand("Do this now, before anything else. Note the id of the key and the time.");
    plan.lines = lines;
    plan
}

/// Where use of the key is recorded, and which time to look at.
fn access(leak: &Leak, facts: &Facts) -> Plan {
    let mut lines = Vec::new();
    let log = leak.rule.as_ref().and_then(|rule| rule.respond.audit_log.clone());
    lines.push(log.unwrap_or_else(|| "Look for a page with usage or audit events at the provider.".into()));
    let start =
        facts.get("exposure-start").and_then(|start| start.parse().ok()).and_then(kbsec::date::second);
    lines.push(match start {
        Some(start) => format!("Look at everything from {start} until it was revoked."),
        None => "It is not known since when it was exposed: look as far back as the log goes.".into(),
    });
    Plan { lines, ..Plan::default() }
}

/// Whether the value signs tokens of the platform.
fn jwt(machine: &Machine<'_>, leak: &Leak) -> Applied {
    let (mut compared, mut same, mut lines) = (0, false, Vec::new());
    let mut look = |place: String, value: &[u8]| {
        compared += 1;
        if value == leak.secret.expose() {
            same = true;
            lines.push(format!("{place} has the leaked value"));
        } else if PUBLIC.iter().any(|halves| halves.concat().as_bytes() == value) {
            lines.push(format!("{place} has a value that stands in the public source: replace it too"));
        } else if value.len() < 32 {
            lines.push(format!("{place} has fewer than 32 bytes: replace it too"));
        }
    };
    let responder = &machine.context.environment.responder;
    for (_, value) in responder.variables.iter().filter(|(name, _)| name == JWT) {
        look(format!("{JWT} of this shell"), value.as_encoded_bytes());
    }
    for file in consumers::settings(machine) {
        let Ok(text) = std::fs::read(&file) else { continue };
        for line in text.split(|byte| *byte == b'\n') {
            let text = String::from_utf8_lossy(line);
            let Some((name, value)) = text.split_once(['=', ':']) else { continue };
            let name = name.trim().trim_start_matches("export ").trim_start_matches("Environment=");
            if name.trim_matches(['"', '\'', ' ', '-']) == JWT {
                look(machine.shown(&file), value.trim().trim_matches(['"', '\'']).as_bytes());
            }
        }
    }
    let named = leak.rule.as_ref().is_some_and(|rule| rule.env.iter().any(|name| name == JWT));
    let answer = if same || named { "yes" } else { "no" };
    lines.push(match (answer, compared) {
        ("yes", _) => "It signs tokens: rotate it in the next step.".into(),
        (_, 0) => format!("{JWT} is set in no file and not in this shell; on other machines look yourself."),
        _ => format!("It is not {JWT}: {compared} places compared."),
    });
    Applied { lines, facts: [("jwt".to_owned(), answer.to_owned())].into(), ..Applied::default() }
}

/// A plan for what there is nothing of.
fn nothing(why: &str) -> Plan {
    needless(why)
}

/// Whether nothing is left.
fn verdict(left: usize, what: &str, fix: &str) -> Verdict {
    if left == 0 { pass(what) } else { fail(what, fix) }
}
