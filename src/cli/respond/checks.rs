//! The checks of playbooks: those that need what an incident knows are here, the others are those of `kbsec check`.

use std::collections::BTreeMap;

use kbsec::playbook::{Facts, Verdict};

use super::deed::unknown;
use super::machine::Machine;
use super::{leak, plugin, sqlite};

/// Makes a check. One that does not exist is unknown.
pub(crate) fn check(
    machine: &Machine<'_>,
    id: &str,
    (inputs, facts): (&BTreeMap<String, String>, &Facts),
) -> Verdict {
    let own = match id.split_once('.') {
        Some(("leak", name)) => leak::check(machine, name, facts),
        Some(("plugin", name)) => plugin::check(machine, name, facts),
        Some(("sqlite", name)) => sqlite::check(machine, name, facts),
        _ => None,
    };
    own.unwrap_or_else(|| of_library(id, inputs))
}

/// What only a person can see here.
fn of_library(id: &str, _inputs: &BTreeMap<String, String>) -> Verdict {
    unknown(&format!("this version has no check {id}; look yourself"))
}
