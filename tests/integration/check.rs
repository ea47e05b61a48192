//! `kbsec check` against real parts: services that answer over sockets, processes that hold ports and locks, databases,
//! logs in the form of pino, a Prometheus.

mod databases;
mod logs;
mod machine;
mod prometheus;
pub(crate) mod server;
mod services;

use serde_json::Value;

use super::common::{Run, Sandbox};

/// Now, in milliseconds of Unix time.
fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

/// The verdicts of one check, as `status subject: value`.
fn verdicts(run: &Run, check: &str) -> Vec<String> {
    let all = run.json();
    let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    let ours = all.as_array().unwrap().iter().filter(|one| one["check"] == check);
    ours.map(|one| format!("{} {}: {}", text(one, "status"), text(one, "subject"), text(one, "value")))
        .collect()
}

/// Runs checks and reads their answers as JSON.
fn ask<'a>(sandbox: &Sandbox, arguments: impl IntoIterator<Item = &'a str>) -> Run {
    sandbox.kbsec(["check", "-f", "json"].into_iter().chain(arguments)).run()
}

/// One of the verdicts begins so and holds these texts.
#[track_caller]
fn assert_told(verdicts: &[String], start: &str, texts: &[&str]) {
    let holds =
        |verdict: &&String| verdict.starts_with(start) && texts.iter().all(|text| verdict.contains(text));
    assert!(verdicts.iter().any(|verdict| holds(&verdict)), "no {start:?} with {texts:?} in {verdicts:#?}");
}

#[test]
fn every_check_is_listed_with_its_needs_and_fits_the_terminal() {
    let sandbox = Sandbox::new();
    let run = sandbox.kbsec(["check", "list"]).env("COLUMNS", "80").run().code(0);
    assert!(run.stdout.lines().all(|line| line.chars().count() <= 80), "{}", run.stdout);
    let listed = sandbox.kbsec(["check", "list", "-f", "json"]).run().code(0).json();
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), kbsec::check::ALL.len());
    for one in listed {
        assert!(run.stdout.contains(one["id"].as_str().unwrap()));
        assert!(one["why"].as_str().unwrap().len() > 30 && one["needs"].is_array(), "{one}");
    }
}

#[test]
fn an_empty_folder_is_never_good_and_every_unknown_says_why() {
    let sandbox = Sandbox::new();
    let started = std::time::Instant::now();
    let run = sandbox.kbsec(["check", "--all", "--offline", "-f", "json"]).run().code(1);
    let took = started.elapsed();
    for one in run.json().as_array().unwrap() {
        let value = one["value"].as_str().unwrap();
        assert!(value.len() > 5, "{one}");
        let milliseconds = one["milliseconds"].as_u64().unwrap();
        assert!(milliseconds < 5000, "{one}");
    }
    assert!(took.as_secs() < 20, "{took:?}");
    for network in ["net.http", "prom.alert", "wf.queue", "npm.ping", "svc.redis"] {
        let run = sandbox.kbsec(["check", network, "--offline"]).run().code(3);
        drop(run.says("unknown").says("off"));
    }
}

#[test]
fn answers_fit_the_terminal_and_one_line_is_one_verdict_for_tools() {
    let sandbox = Sandbox::new();
    let run = sandbox.kbsec(["check", "--all"]).env("COLUMNS", "80").run().code(1);
    for line in run.stdout.lines() {
        assert!(line.chars().count() <= 80 || !line.trim_start().contains(' '), "{line}");
    }
    let run = sandbox.kbsec(["check", "--all", "--offline", "-f", "jsonl"]).run().code(1);
    for line in run.stdout.lines() {
        let one: Value = serde_json::from_str(line).unwrap();
        assert!(one["check"].is_string() && one["status"].is_string(), "{line}");
    }
}

#[test]
fn what_cannot_run_says_what_to_do() {
    let sandbox = Sandbox::new();
    drop(sandbox.kbsec(["check", "net.htp"]).run().code(2).complains("net.http"));
    drop(sandbox.kbsec(["check"]).run().code(2));
    drop(sandbox.kbsec(["check", "net.http", "--root", "missing"]).run().code(2).complains("--root"));
    drop(sandbox.kbsec(["check", "net.http", "--since", "1 year"]).run().code(2).complains("30m"));
    drop(sandbox.kbsec(["check", "net.http", "--base", "gateway"]).run().code(2).complains("NAME=URL"));
    drop(sandbox.kbsec(["check", "log.trace", "--log", "gone.log"]).run().code(2).complains("gone.log"));
}

/// A value that the scanner takes for a secret.
fn token() -> String {
    crate::secrets::github(17)
}
