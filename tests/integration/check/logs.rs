//! Logs by recipe, as the platform's services write them, and what is found in them.

use std::fmt::Write as _;

use super::{ask, assert_told, now, token, verdicts};
use crate::common::Sandbox;

/// A line of pino, so many seconds ago; `rest` are further members.
fn line(level: u64, seconds: u64, message: &str, rest: &str) -> String {
    let (time, message) = (now() - seconds * 1000, serde_json::Value::from(message));
    format!(r#"{{"level":{level},"time":{time},"pid":812,"hostname":"wks7"{rest},"msg":{message}}}"#) + "\n"
}

fn log(sandbox: &Sandbox, service: &str, text: &str) {
    sandbox.write(format!(".kb/logs/tmp/{service}.log"), text);
}

#[test]
fn the_first_error_after_the_last_start_is_the_one() {
    let sandbox = Sandbox::new();
    let mut gateway = line(50, 90, "old error", "").replace("812", "700");
    gateway += &line(30, 60, "Gateway starting", r#","serviceId":"gateway""#);
    gateway += &line(30, 59, "Loading plugin registry snapshot", r#","serviceId":"gateway""#);
    gateway +=
        &line(60, 58, "listen EADDRINUSE: address already in use 0.0.0.0:4000", r#","serviceId":"gateway""#);
    gateway += &line(50, 57, "shutdown failed", r#","serviceId":"gateway""#);
    log(&sandbox, "gateway", &gateway);
    let crash = "node:events:495\n      throw er; // Unhandled 'error' event\n      ^\n\nError: Cannot find module 'x'\n    at a (b.js:1:2)\n";
    log(&sandbox, "rest", crash);
    log(&sandbox, "workflow", &line(30, 10, "fine", r#","serviceId":"workflow""#));
    let run = ask(&sandbox, ["log.firsterr"]).code(1);
    let told = verdicts(&run, "log.firsterr");
    assert_told(
        &told,
        "fail gateway:",
        &["fatal listen EADDRINUSE", "line 4, and 1 more error", "gateway.log:2"],
    );
    assert_told(&told, "fail rest: error Error: Cannot find module 'x' (line 5", &[]);
    assert_told(&told, "pass workflow: no error in 1 line", &[]);
    assert!(!run.stdout.contains("old error"));
    drop(run.says("kbsec check port.owner"));
    let run = ask(&sandbox, ["log.firsterr", "--service", "workflow"]).code(0);
    assert_eq!(verdicts(&run, "log.firsterr").len(), 1);
}

#[test]
fn errors_are_grouped_by_plugin_and_signature() {
    let sandbox = Sandbox::new();
    let mut rest = String::new();
    for number in 0..214 {
        let stack = format!(r#"Error: no row {number}\n    at run (/srv/plugins/report/dist/run.js:10:5)"#);
        let fields =
            format!(r#","pluginId":"@acme/report","err":{{"message":"no row {number}","stack":"{stack}"}}"#);
        rest += &line(50, 300 - number, &format!("handler failed for req_{number}"), &fields);
    }
    rest += &line(50, 5000, "once before", r#","pluginId":"@acme/report""#);
    rest += &line(50, 20, "late", r#","plugin":"@acme/etl","reasonCode":"handler_not_found""#);
    rest += &line(30, 10, "ok", r#","pluginId":"@acme/fine""#);
    log(&sandbox, "rest", &rest);
    let run = ask(&sandbox, ["log.plugin"]).code(1);
    let told = verdicts(&run, "log.plugin");
    assert_told(
        &told,
        "fail @acme/report: 214 errors, 1 signature, since ",
        &["1 before", "no row …", "run.js:10:5"],
    );
    assert_told(&told, "warn @acme/etl: 1 error, 1 signature", &[]);
    assert_eq!(told.len(), 2, "{told:?}");
    drop(run.says("plugins disable @acme/report").says("build of the plugin is incomplete"));
    let run = ask(&sandbox, ["log.plugin", "--plugin", "@acme/fine"]).code(0);
    assert_told(&verdicts(&run, "log.plugin"), "pass @acme/fine:", &[]);
}

#[test]
fn a_request_is_followed_through_services_by_all_its_ids() {
    let sandbox = Sandbox::new();
    let gateway =
        line(30, 40, "incoming", r#","serviceId":"gateway","requestId":"req_abc123","traceId":"t-9""#);
    let rest = line(30, 39, "dispatch", r#","serviceId":"rest","reqId":"req_abc123""#)
        + &line(30, 38, "other", r#","requestId":"req_x""#);
    let llm =
        line(50, 10, "completion timed out", r#","serviceId":"llm","traceId":"t-9","pluginId":"@acme/chat""#);
    log(&sandbox, "gateway", &gateway);
    log(&sandbox, "rest", &rest);
    sandbox.write("elsewhere/llm.txt", llm);
    let run = ask(&sandbox, ["log.trace", "--request", "req_abc123", "--log", "elsewhere/llm.txt"]).code(1);
    assert_told(
        &verdicts(&run, "log.trace"),
        "fail req_abc123: 3 lines, 3 services: fails at llm plugin @acme/chat after 30.0 s",
        &["completion timed out"],
    );
    let places = run.json()[0]["evidence"].as_array().unwrap().clone();
    assert_eq!(places.len(), 3);
    assert!(
        places[0].as_str().unwrap().contains("gateway.log:1")
            && places[2].as_str().unwrap().contains("llm.txt:1")
    );
    drop(ask(&sandbox, ["log.trace", "--request", "req_none"]).code(3).says("no line of it"));
    drop(ask(&sandbox, ["log.trace"]).code(3).says("--request"));
}

#[test]
fn complaints_of_databases_and_adapters_are_counted_by_kind() {
    let sandbox = Sandbox::new();
    let mut rest = String::new();
    for number in 0..14 {
        rest += &line(
            50,
            400 - number,
            "query failed",
            r#","err":{"message":"database disk image is malformed in kb.sqlite"}"#,
        );
    }
    rest += &line(40, 20, "retry: database is locked", "");
    rest += &line(30, 20, "user asks: what does database is locked mean", "");
    rest += &line(50, 30, "vectorStore: connect ECONNREFUSED 127.0.0.1:6333", "");
    rest += &line(40, 30, "cache unavailable, using no-op", r#","adapter":"redis""#);
    log(&sandbox, "rest", &rest);
    let run = ask(&sandbox, ["log.sqlite", "log.adapter"]).code(1);
    let told = verdicts(&run, "log.sqlite");
    assert_told(&told, "fail SQLITE_CORRUPT: 14× since ", &["on kb.sqlite", "rest 14×"]);
    assert_told(&told, "warn SQLITE_BUSY: 1×", &[]);
    let told = verdicts(&run, "log.adapter");
    assert_told(&told, "fail vectorstore: 1×", &["127.0.0.1:6333"]);
    assert_told(&told, "warn redis: 1×", &["no-op"]);
    drop(run.says("port.owner --port 6333"));
}

#[test]
fn slow_routes_are_told_with_what_they_were_before() {
    let sandbox = Sandbox::new();
    let mut rest = String::new();
    for number in 0..200 {
        let took = if number % 50 == 0 { 8200 } else { 90 };
        let fields = format!(r#","serviceId":"rest","route":"/api/v1/plan","responseTime":{took}.4"#);
        rest += &line(30, 600, "request completed", &fields);
        rest += &line(30, 8000, "request completed", &fields.replace(&took.to_string(), "400"));
        rest += &line(
            30,
            600,
            "request completed",
            r#","serviceId":"rest","url":"/api/v1/ok?x=1","durationMs":5"#,
        );
    }
    log(&sandbox, "rest", &rest);
    let run = ask(&sandbox, ["log.p99"]).code(1);
    let told = verdicts(&run, "log.p99");
    assert_told(&told, "fail rest /api/v1/plan: p99 8.2 s (base 400 ms), p50 90 ms, 200 lines", &[]);
    assert_told(&told, "pass rest /api/v1/ok: p99 5 ms (no base)", &[]);
}

#[test]
fn missing_adapters_of_the_workflow_daemon_are_seen_in_log_and_configuration() {
    let sandbox = Sandbox::new();
    log(&sandbox, "workflow", "[workflow-daemon] WARNING: workspace adapter is not configured.\n");
    sandbox.write("kb.config.json", r#"{"platform": {"adapters": {"environment": "@kb-labs/e"}}}"#);
    let run = ask(&sandbox, ["log.workspace"]).code(1);
    let told = verdicts(&run, "log.workspace");
    assert_told(&told, "fail workspace: not configured (.kb/logs/tmp/workflow.log:1)", &[]);
    assert_told(&told, "pass environment:", &[]);
    sandbox.write("kb.config.json", "{");
    let run = ask(&sandbox, ["log.workspace"]).code(1);
    assert_told(&verdicts(&run, "log.workspace"), "unknown environment:", &["cannot be read"]);
}

#[test]
fn hosts_of_plugins_are_compared_with_their_manifests() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "plugins/chat/package.json",
        r#"{"name": "@acme/chat", "kb": {"manifest": "./dist/manifest.js"}}"#,
    );
    sandbox.write(
        "plugins/chat/src/manifest.ts",
        "export const manifest = { schema: 'kb.plugin/3', id: '@acme/chat', version: '1.0.0', permissions: { network: { fetch: ['https://api.example.org/*'] } }, cli: { commands: [{ id: 'chat:run', handler: './run.js#default' }] } };",
    );
    let mut text = String::new();
    for _ in 0..14 {
        text += &line(30, 20, "sent to https://paste.example/raw", r#","pluginId":"@acme/chat""#);
    }
    text += &line(30, 20, "asked", r#","pluginId":"@acme/chat","target":"https://api.example.org/v1""#);
    log(&sandbox, "rest", &text);
    let run = ask(&sandbox, ["plug.hosts"]).code(1);
    assert_told(&verdicts(&run, "plug.hosts"), "warn @acme/chat: not declared: paste.example × 14", &[]);
    assert!(!run.stdout.contains("api.example.org × "));
}

#[test]
fn no_secret_of_a_log_is_printed_by_any_check() {
    let sandbox = Sandbox::new();
    let (secret, password) = (token(), "hunter22-swordfish");
    let mut rest = String::new();
    for (level, message) in [
        (50, format!("push failed with {secret}")),
        (60, format!("connect redis://admin:{password}@cache:6379 ECONNREFUSED adapter")),
        (50, format!("database is locked after GET /x?access_token={password}")),
    ] {
        let fields = format!(
            r#","serviceId":"rest","requestId":"req_1","pluginId":"@acme/{secret}","argv":["--token","{password}"],"url":"https://x.example/?token={secret}","responseTime":9000"#
        );
        let _ = write!(rest, "{}", line(level, 10, &message, &fields));
    }
    log(&sandbox, "rest", &rest);
    for shape in ["text", "json", "jsonl"] {
        let run =
            sandbox.kbsec(["check", "--all", "--offline", "--request", "req_1", "-f", shape]).run().code(1);
        drop(run.keeps(&secret).keeps(password).says("[redacted]"));
    }
}
