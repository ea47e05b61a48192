//! Runs of workflows: one is cancelled through curl, which reads address and token from its standard input.

use kbsec::playbook::{Applied, Facts, Plan};
use kbsec::secret::Secret;

use super::child;
use super::deed::{by_hand, failed, told};
use super::machine::Machine;

/// Where the daemon listens on this machine.
const PORT: u16 = 7778;

/// What cancelling would do.
pub(crate) fn plan(facts: &Facts) -> Plan {
    match facts.get("run").map(String::as_str) {
        Some(run) if is_id(run) => Plan {
            lines: vec![
                format!("POST {}", address(run)),
                "The token is that of $TOKEN, if it is set.".to_owned(),
            ],
            ..Plan::default()
        },
        _ => by_hand("That is no id of a run: letters, digits, - and _ only. Cancel it in Studio."),
    }
}

/// Cancels the run.
pub(crate) fn cancel(machine: &Machine<'_>, facts: &Facts) -> Applied {
    let run = facts.get("run").cloned().unwrap_or_default();
    let responder = &machine.context.environment.responder;
    let Some(curl) = child::locate("curl", &responder.path) else {
        return failed("curl is not installed here");
    };
    let mut config =
        format!("url = \"{}\"\nrequest = \"POST\"\nsilent\nshow-error\nfail\nmax-time = 10\n", address(&run));
    let token = responder.variables.iter().find(|(name, _)| name == "TOKEN");
    if let Some(token) =
        token.and_then(|(_, value)| value.to_str()).filter(|token| !token.contains(['"', '\\', '\n']))
    {
        config += &format!("header = \"Authorization: Bearer {token}\"\n");
    }
    let arguments = ["--config".to_owned(), "-".to_owned()];
    let said = child::run(&curl, &arguments, &machine.root, Some(&Secret::new(config.into_bytes())));
    match said.code {
        Some(0) => told(vec![format!("run {run} is cancelled")]),
        _ => failed(format!("{}{}", String::from_utf8_lossy(&said.stderr).trim(), said.error)),
    }
}

fn address(run: &str) -> String {
    format!("http://127.0.0.1:{PORT}/workflows/runs/{run}/cancel")
}

fn is_id(run: &str) -> bool {
    !run.is_empty() && run.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}
