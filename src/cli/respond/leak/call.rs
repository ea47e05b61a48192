//! A call to the API of a provider: through curl, which reads address, headers and secret from its standard input.

use kbsec::digest;
use kbsec::playbook::{Applied, Facts, Plan};
use kbsec::rule::Call;
use kbsec::secret::Secret;

use super::super::child;
use super::super::deed::{failed, needless};
use super::super::leaked::Leak;
use super::super::machine::Machine;

/// What the call would do.
pub(super) fn plan(leak: &Leak, facts: &Facts) -> Plan {
    let Some(call) = call(leak) else { return needless("its provider has no API for it") };
    let address = address(leak, call);
    let fingerprint = facts.get("fingerprint").map_or("", String::as_str);
    Plan {
        lines: vec![format!("{} {address}", call.method), call.effect.clone()],
        hash: digest::sha256(format!("{} {address} {fingerprint}", call.method).as_bytes()),
        ..Plan::default()
    }
}

/// Calls, and judges the answer.
pub(super) fn revoke(machine: &Machine<'_>, leak: &Leak) -> Applied {
    let Some(call) = call(leak) else { return failed("its provider has no API for it") };
    let responder = &machine.context.environment.responder;
    let Some(curl) = child::locate("curl", &responder.path) else {
        return failed("curl is not installed here; revoke it at the console");
    };
    let Some(config) = config(leak, call) else { return failed("the value cannot be part of a request") };
    let arguments = ["--disable", "--config", "-"].map(str::to_owned);
    let said = child::run(&curl, &arguments, &machine.root, Some(&config));
    let answer = String::from_utf8_lossy(&said.stdout).into_owned();
    let (body, status) = answer.rsplit_once('\n').unwrap_or(("", answer.as_str()));
    let status: u16 = status.trim().parse().unwrap_or_default();
    let is_done =
        call.expect.contains(&status) && call.answer.as_deref().is_none_or(|text| body.contains(text));
    if !is_done {
        let words = String::from_utf8_lossy(&said.stderr).trim().to_owned();
        return failed(format!(
            "the provider answered {status} {words}{}; revoke it at the console",
            said.error
        ));
    }
    let facts = Facts::from([("revoked".into(), format!("by API, answer {status}"))]);
    Applied {
        lines: vec![format!("the provider answered {status}: it is revoked")],
        facts,
        ..Applied::default()
    }
}

/// Only rules that come with the program may say where a secret is sent.
fn call(leak: &Leak) -> Option<&Call> {
    leak.rule.as_ref().filter(|rule| rule.is_built_in())?.respond.api.as_ref()
}

fn address(leak: &Leak, call: &Call) -> String {
    match (&leak.api_base, call.url.splitn(4, '/').nth(3)) {
        (Some(base), Some(path)) => format!("{}/{path}", base.trim_end_matches('/')),
        _ => call.url.clone(),
    }
}

/// What curl reads. None where the value holds a character that its language has no form for.
fn config(leak: &Leak, call: &Call) -> Option<Secret> {
    let value = std::str::from_utf8(leak.secret.expose()).ok()?;
    if value.contains(|character: char| character.is_control()) {
        return None;
    }
    let quote = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut text = format!(
        "url = {}\nrequest = {}\nsilent\nshow-error\nmax-time = 20\nproto = \"=http,https\"\nwrite-out = \"\\n%{{http_code}}\"\n",
        quote(&address(leak, call)),
        quote(&call.method),
    );
    for header in &call.headers {
        text += &format!("header = {}\n", quote(&header.replace("{secret}", value)));
    }
    if let Some(body) = &call.body {
        let json = serde_json::to_string(value).ok()?;
        text += &format!("data = {}\n", quote(&body.replace("\"{secret}\"", &json)));
    }
    Some(Secret::new(text.into_bytes()))
}
