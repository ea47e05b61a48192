//! The tools of the engine on this computer: clock, checks, commands, deeds, evidence, and the log as events.

use std::collections::BTreeMap;
use std::path::Path;

use kbsec::playbook::{Actor, Applied, Facts, Moment, Piece, Plan, Ran, Record, Tools, Verdict};

use super::super::environment::Environment;
use super::machine::Machine;
use super::{actions, checks, child, collect, plugin};

impl Tools for Machine<'_> {
    fn clock(&mut self) -> Moment {
        let mono_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Moment { unix_ms: Environment::now_milliseconds(), mono_ms }
    }

    fn actor(&self) -> Actor {
        let responder = &self.context.environment.responder;
        let via = if self.by_person { "terminal" } else { "script" };
        Actor { user: responder.user.clone(), host: responder.host.clone(), via: via.into() }
    }

    fn check(&mut self, id: &str, inputs: &BTreeMap<String, String>, facts: &Facts) -> Verdict {
        checks::check(self, id, (inputs, facts))
    }

    fn has(&self, program: &str) -> bool {
        // systemctl is of no use where systemd does not run: sd_booted(3).
        let is_usable = program != "systemctl" || Path::new("/run/systemd/system").is_dir();
        is_usable && child::locate(program, &self.context.environment.responder.path).is_some()
    }

    fn run(&mut self, command: &[String], _facts: &Facts) -> Ran {
        let said = self.child(command);
        let output = [said.stdout, said.stderr].concat();
        Ran {
            code: said.code,
            output: self.filter.text(&String::from_utf8_lossy(&output)),
            error: said.error,
        }
    }

    fn plan(&mut self, action: &str, facts: &Facts) -> Plan {
        actions::plan(self, action, facts)
    }

    fn apply(&mut self, action: &str, facts: &Facts) -> Applied {
        actions::apply(self, action, facts)
    }

    fn collect(&mut self, kind: &str, facts: &Facts) -> Vec<Piece> {
        match kind {
            "plugin" => plugin::evidence(self, facts),
            _ => collect::collect(self, kind),
        }
    }

    fn clean(&self, text: &str) -> String {
        self.filter.text(text)
    }

    fn recorded(&mut self, record: &Record) {
        if self.events {
            let line = serde_json::to_string(record).unwrap_or_default();
            let _ = super::super::output::print(&format!("{line}\n"));
        }
        if self.context.environment.responder.fail_after == Some(record.seq) {
            fail();
        }
    }

    fn interrupted(&self) -> bool {
        self.stop.requested()
    }
}

/// Ends the program as a crash would; only tests of debug builds ask for it.
fn fail() {
    if cfg!(debug_assertions) {
        std::process::abort();
    }
}
