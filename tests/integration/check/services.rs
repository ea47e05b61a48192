//! Services that answer well, badly, late or not at all, and what is said of each.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use super::server::{Server, free_port, page};
use super::{ask, assert_told, now, verdicts};
use crate::common::Sandbox;

const WELL: &str = r#"{"status":"healthy"}"#;

/// RFC 3339 of a moment so many minutes ago.
fn ago(minutes: u64) -> String {
    kbsec::date::second(now() / 1000 - minutes * 60).unwrap()
}

#[test]
fn health_is_asked_and_each_kind_of_trouble_is_told() {
    let sandbox = Sandbox::new();
    let (rest, workflow) = (free_port(), Server::start([page("/health", 200, r#"{"status":"degraded"}"#)]));
    let late = Server::start([page("/health", 200, WELL).after(Duration::from_secs(2))]);
    let gateway = Server::start([page("/health", 200, WELL)]);
    let market = Server::start([page("/health", 503, "")]);
    let bases = [
        format!("rest=http://127.0.0.1:{rest}"),
        workflow.base("workflow"),
        late.base("state-daemon"),
        gateway.base("gateway"),
        market.base("marketplace"),
    ];
    let bases: Vec<&str> = bases.iter().flat_map(|base| ["--base", base]).collect();
    let run = ask(&sandbox, ["net.http", "svc.upstreams"].into_iter().chain(bases)).code(1);
    let told = verdicts(&run, "net.http");
    assert_told(&told, "pass gateway: 200 healthy", &[]);
    assert_told(&told, "fail rest: connection refused", &["3 of 3"]);
    assert_told(&told, "warn workflow: 200 degraded", &[]);
    assert_told(&told, "fail state-daemon: no answer", &["600 ms"]);
    assert_told(&told, "fail marketplace: 503", &[]);
    assert_eq!(told.len(), 5);
    assert!(run.json().as_array().unwrap().iter().all(|one| one["milliseconds"].as_u64().unwrap() < 1000));
    assert_told(
        &verdicts(&run, "svc.upstreams"),
        "fail below gateway:",
        &["state-daemon fail (first cause)", "rest fail"],
    );
}

#[test]
fn the_list_of_kb_dev_is_used_and_optional_services_only_warn() {
    let sandbox = Sandbox::new();
    let (server, closed) = (Server::start([page("/up", 200, "ok")]), free_port());
    let list = format!(
        "services:\n  gateway:\n    port: {0}\n    health_check: http://127.0.0.1:{0}/up\n    depends_on: [extra]\n  extra:\n    port: {closed}\n    health_check: http://127.0.0.1:{closed}/\n    optional: true\n",
        server.port
    );
    sandbox.write(".kb/devservices.yaml", list);
    let run = ask(&sandbox, ["net.http", "svc.upstreams"]).code(1);
    assert_told(&verdicts(&run, "net.http"), "pass gateway: 200", &[]);
    assert_told(&verdicts(&run, "net.http"), "warn extra:", &["optional"]);
    assert_told(&verdicts(&run, "svc.upstreams"), "warn below gateway: extra warn", &[]);
    let run = ask(&sandbox, ["net.http", "--service", "gateway"]).code(0);
    assert_eq!(verdicts(&run, "net.http").len(), 1);
    drop(ask(&sandbox, ["net.http", "--service", "nobody"]).code(3).says("name one of gateway, extra"));
}

#[test]
fn failing_routes_are_laid_at_the_door_of_their_plugin() {
    let sandbox = Sandbox::new();
    let routes = r#"{"routes":[
        {"method":"GET","url":"/api/v1/plugins/@acme/report/list"},{"method":"GET","url":"/api/v1/plugins/qa/runs"},
        {"method":"POST","url":"/api/v1/plugins/qa/delete"},{"method":"GET","url":"/api/v1/logs/stream"},
        {"method":"GET","url":"/api/v1/plugins/qa/:id"},{"method":"GET","url":"/api/v1/closed"}]}"#;
    let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&asked);
    let rest = Server::with(move |path| {
        seen.lock().unwrap().push(path.to_owned());
        match path {
            "/api/v1/routes" => (200, routes.to_owned()),
            "/api/v1/plugins/@acme/report/list" => (500, String::new()),
            "/api/v1/plugins/qa/runs" => (200, "[]".to_owned()),
            _ => (401, String::new()),
        }
    });
    let run = ask(&sandbox, ["http.routes", "--base", &rest.base("rest")]).code(1);
    let told = verdicts(&run, "http.routes");
    assert_told(
        &told,
        "fail @acme/report: 1 route",
        &["500 /api/v1/plugins/@acme/report/list", "3 asked of 3"],
    );
    assert_eq!(told.len(), 1, "{told:?}");
    let mut asked = asked.lock().unwrap().clone();
    asked.sort();
    let expected =
        ["/api/v1/closed", "/api/v1/plugins/@acme/report/list", "/api/v1/plugins/qa/runs", "/api/v1/routes"];
    assert_eq!(asked, expected);
}

#[test]
fn waiting_and_endless_runs_are_found() {
    let sandbox = Sandbox::new();
    let queued = format!(
        r#"{{"ok":true,"data":{{"runs":[{{"id":"q1","name":"nightly","status":"queued","queuedAt":"{}"}},{{"id":"q2","name":"x","status":"queued","queuedAt":"{}"}}],"total":2}}}}"#,
        ago(41),
        ago(1)
    );
    let running = format!(
        r#"{{"ok":true,"data":{{"runs":[{{"id":"77f1","name":"etl","status":"running","startedAt":"{}","jobs":[{{"steps":[{{"spec":{{"uses":"plugin:@acme/etl/run"}}}}]}}]}}]}}}}"#,
        ago(400)
    );
    let busy = Server::start([
        page("/api/v1/runs?status=queued&limit=500", 200, &queued),
        page("/api/v1/runs?status=running&limit=500", 200, &running),
    ]);
    let run = ask(&sandbox, ["wf.queue", "wf.runaway", "--base", &busy.base("workflow")]).code(1);
    assert_told(&verdicts(&run, "wf.queue"), "fail : 2 queued, oldest 41 min; running 1", &[]);
    assert_told(&verdicts(&run, "wf.runaway"), "fail run 77f1: @acme/etl", &["etl for 6 h"]);
    drop(run.says("/api/v1/runs/77f1/cancel"));
    let idle = r#"{"ok":true,"data":{"runs":[]}}"#;
    let idle = Server::start([page("/api/v1/runs", 200, idle)]);
    drop(ask(&sandbox, ["wf.queue", "wf.runaway", "--base", &idle.base("workflow")]).code(0));
    let broken = Server::start([page("/api/v1/runs", 500, "")]);
    drop(ask(&sandbox, ["wf.queue", "--base", &broken.base("workflow")]).code(3).says("answers 500"));
}

#[test]
fn metrics_of_both_families_are_read_from_the_services_themselves() {
    let sandbox = Sandbox::new();
    let exported =
        Server::start([page("/metrics", 200, "process_event_loop_lag_ms 212\nprocess_rss_bytes 1048576\n")]);
    let documented =
        Server::start([page("/api/v1/metrics", 200, "kb_event_loop_lag_seconds{x=\"y\"} 0.02\n")]);
    let jobs = "workflow_runs_total{status=\"queued\"} 3\nworkflow_runs_total{status=\"running\"} 8\n";
    let workflow = Server::start([page("/metrics", 200, jobs)]);
    let bases = [
        exported.base("gateway"),
        documented.base("rest"),
        workflow.base("workflow"),
        format!("prometheus=http://127.0.0.1:{}", free_port()),
    ];
    let bases: Vec<&str> = bases.iter().flat_map(|base| ["--base", base]).collect();
    let run = ask(&sandbox, ["prom.lag", "prom.jobs"].into_iter().chain(bases)).code(1);
    let told = verdicts(&run, "prom.lag");
    assert_told(&told, "warn gateway: process_event_loop_lag_ms=212 ms", &["the services themselves"]);
    assert_told(&told, "pass rest: kb_event_loop_lag_seconds=20 ms", &[]);
    assert_told(&verdicts(&run, "prom.jobs"), "warn : running 8, queued 3, constant", &["3 samples"]);
}

#[test]
fn the_state_daemon_is_needed_only_by_some_configurations() {
    let sandbox = Sandbox::new();
    let base = format!("state-daemon=http://127.0.0.1:{}", free_port());
    let config = |distributed: bool| {
        format!(r#"{{"platform": {{"core": {{"resourceBroker": {{"distributed": {distributed}}}}}}}}}"#)
    };
    sandbox.write(".kb/kb.config.json", config(true));
    let run = ask(&sandbox, ["svc.state", "--base", &base]).code(1);
    assert_told(
        &verdicts(&run, "svc.state"),
        "fail state-daemon: required by the configuration",
        &["refused"],
    );
    sandbox.write(".kb/kb.config.json", config(false));
    let run = ask(&sandbox, ["svc.state", "--base", &base]).code(1);
    assert_told(&verdicts(&run, "svc.state"), "warn state-daemon: not required", &[]);
}

/// A cache that says this when it is asked how it is.
fn cache(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 64];
            let read = stream.read(&mut request).unwrap();
            assert!(request[..read].starts_with(b"PING\r\n"));
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    port
}

#[test]
fn cache_and_vector_store_are_asked_in_their_own_words() {
    let sandbox = Sandbox::new();
    let qdrant = Server::start([
        page("/readyz", 200, "all shards are ready"),
        page("/collections", 200, r#"{"result":{"collections":[{"name":"a"},{"name":"b"}]}}"#),
    ]);
    let full = cache("+PONG\r\n$40\r\n# Memory\r\nused_memory:990\r\nmaxmemory:1000\r\n\r\n+OK\r\n");
    let locked = cache("-NOAUTH Authentication required.\r\n");
    let (full, locked) = (format!("redis=redis://127.0.0.1:{full}"), format!("http://127.0.0.1:{locked}"));
    let full = full.replace("redis://", "http://");
    let run =
        ask(&sandbox, ["svc.qdrant", "svc.redis", "--base", &qdrant.base("qdrant"), "--base", &full]).code(1);
    assert_told(&verdicts(&run, "svc.qdrant"), "pass qdrant: ready", &["2 collections"]);
    assert_told(&verdicts(&run, "svc.redis"), "warn redis: PONG", &["990 bytes of 1000 bytes (99 %)"]);
    let run = ask(&sandbox, ["svc.redis", "--base", &format!("redis={locked}")]).code(0);
    assert_told(&verdicts(&run, "svc.redis"), "pass redis: answers", &["password"]);
    let config = r#"{"platform": {"adapters": {"cache": "@kb-labs/adapters-redis"}}}"#;
    sandbox.write("kb.config.json", config);
    let closed = format!("redis=http://127.0.0.1:{}", free_port());
    let run = ask(&sandbox, ["svc.redis", "--base", &closed]).code(1);
    assert_told(&verdicts(&run, "svc.redis"), "fail redis: connection refused", &["every call misses"]);
}

#[test]
fn the_registry_is_asked_without_the_token_and_the_nearest_package_is_named() {
    let sandbox = Sandbox::new();
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let paths = std::sync::Arc::clone(&seen);
    let registry = Server::with(move |path| {
        paths.lock().unwrap().push(path.to_owned());
        match path {
            "/-/ping" => (200, "{}".to_owned()),
            "/@acme%2Freport" => (200, "{}".to_owned()),
            _ => (404, "{}".to_owned()),
        }
    });
    let secret = super::token();
    sandbox.write(
        ".npmrc",
        format!("registry={0}/\n//127.0.0.1:{1}/:_authToken={secret}\n", registry.url(), registry.port),
    );
    sandbox.write("package.json", r#"{"dependencies": {"@acme/report": "1.0.0"}}"#);
    let run = ask(&sandbox, ["npm.ping"]).code(0).keeps(&secret);
    assert_told(&verdicts(&run, "npm.ping"), "pass registry: 200", &["a token in .npmrc"]);
    drop(ask(&sandbox, ["npm.pkg", "--package", "@acme/report"]).code(0));
    let run = ask(&sandbox, ["npm.pkg", "--package", "@acme/repotr"]).code(1);
    assert_told(&verdicts(&run, "npm.pkg"), "fail @acme/repotr: 404; nearest here: @acme/report", &[]);
    let run = ask(&sandbox, ["npm.pkg", "--package", "Not A Name"]).code(1);
    assert_told(&verdicts(&run, "npm.pkg"), "fail Not A Name:", &[]);
    assert_eq!(seen.lock().unwrap().len(), 3);
}
