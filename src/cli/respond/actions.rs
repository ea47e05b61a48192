//! What kbsec does itself in an incident, by the name that playbooks call it.

use kbsec::playbook::{Applied, Facts, Plan};

use super::deed::{by_hand, failed};
use super::machine::Machine;
use super::{leak, lock_file, plugin, sqlite, workflow};

/// What an act would do.
pub(crate) fn plan(machine: &Machine<'_>, action: &str, facts: &Facts) -> Plan {
    let plan = match action.split_once('.') {
        Some(("incident", _)) => Some(Plan::default()),
        Some(("leak", name)) => leak::plan(machine, name, facts),
        Some(("plugin", name)) => plugin::plan(machine, name, facts),
        Some(("sqlite", name)) => sqlite::plan(machine, name, facts),
        Some(("lock", "restore")) => Some(lock_file::plan_restore(machine)),
        Some(("workflow", "cancel")) => Some(workflow::plan(facts)),
        _ => None,
    };
    plan.unwrap_or_else(|| by_hand(&format!("this version cannot do {action}")))
}

/// Does it.
pub(crate) fn apply(machine: &mut Machine<'_>, action: &str, facts: &Facts) -> Applied {
    let applied = match action.split_once('.') {
        Some(("incident", "note")) => Some(note(machine)),
        Some(("leak", name)) => leak::apply(machine, name, facts),
        Some(("plugin", name)) => plugin::apply(machine, name, facts),
        Some(("sqlite", name)) => sqlite::apply(machine, name, facts),
        Some(("lock", "restore")) => Some(lock_file::restore(machine)),
        Some(("workflow", "cancel")) => Some(workflow::cancel(machine, facts)),
        _ => None,
    };
    applied.unwrap_or_else(|| failed(format!("this version cannot do {action}")))
}

/// Where and in which state the incident begins.
fn note(machine: &Machine<'_>) -> Applied {
    let responder = &machine.context.environment.responder;
    let mut facts = Facts::new();
    facts.insert("host".into(), responder.host.clone());
    facts.insert("root".into(), machine.root.display().to_string());
    let git = |arguments: &[&str]| {
        let command: Vec<String> = ["git"].iter().chain(arguments).map(|part| (*part).to_owned()).collect();
        let said = machine.child(&command);
        let text = String::from_utf8_lossy(&said.stdout).trim().to_owned();
        (said.code == Some(0) && !text.is_empty()).then_some(text)
    };
    let mut place = format!("{} on {}", machine.root.display(), responder.host);
    if let Some(head) = git(&["rev-parse", "--short=12", "HEAD"]) {
        place += &format!(", at commit {head}");
        facts.insert("head".into(), head);
    }
    Applied { lines: vec![place], facts, ..Applied::default() }
}
