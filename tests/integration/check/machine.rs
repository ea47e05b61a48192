//! The machine around the services: configuration, variables, processes, ports, locks, units, packages, changes.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::{ask, assert_told, now, verdicts};
use crate::common::Sandbox;

/// A process that listens on a free port until the test ends.
struct Holder {
    child: Child,
    port: u16,
}

impl Holder {
    fn start(variables: &[(&str, &str)]) -> Self {
        let program = "import socket, sys\ns = socket.socket()\ns.bind(('127.0.0.1', 0))\ns.listen()\nprint(s.getsockname()[1], flush=True)\nsys.stdin.read()\n";
        let mut command = Command::new("python3");
        command.args(["-c", program]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.envs(variables.iter().copied()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Self { child, port: line.trim().parse().unwrap() }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Writes a program into a folder of its own, which is then the first of the path.
fn program(sandbox: &Sandbox, name: &str, text: &str) -> String {
    let path = sandbox.write(format!("bin/{name}"), format!("#!/bin/sh\n{text}"));
    drop(sandbox.program("chmod", ["+x", path.to_str().unwrap()]).run().code(0));
    format!("{}:{}", path.parent().unwrap().display(), std::env::var_os("PATH").unwrap().to_string_lossy())
}

#[test]
fn faults_of_the_configuration_have_a_line_a_column_and_no_values() {
    let sandbox = Sandbox::new();
    let secret = super::token();
    sandbox.write(".kb/kb.config.json", format!("{{\n  \"a\": \"{secret}\"\n  \"b\": 1\n}}\n"));
    let run = ask(&sandbox, ["cfg.parse"]).code(1).keeps(&secret);
    assert_told(
        &verdicts(&run, "cfg.parse"),
        "fail .kb/kb.config.json: .kb/kb.config.json:3:3 expected ','",
        &[],
    );
    sandbox.write(".kb/kb.config.json", "{\"gateway\": {\"port\": \"4000\", \"upstreams\": {\"rest\": {\"url\": \"x\", \"prefix\": \"api\"}}}}");
    let told = verdicts(&ask(&sandbox, ["cfg.parse"]).code(1), "cfg.parse");
    assert_told(&told, "fail ", &["gateway.port has to be a port, and is a string"]);
    assert_told(&told, "fail ", &["rest.prefix has to begin with /"]);
    sandbox.write(".kb/kb.config.json", "{\"platform\": {\"x\": \"${SET}\", \"y\": \"${NOT_SET}\"}}");
    sandbox.write(".env", "SET=value-of-set\n");
    let run = ask(&sandbox, ["cfg.parse"]).code(1).keeps("value-of-set");
    let told = verdicts(&run, "cfg.parse");
    assert_told(&told, "warn ", &[":1:35 refers to NOT_SET"]);
    assert_eq!(told.len(), 1);
    sandbox.write(".kb/kb.config.json", "{\"platform\": {}}");
    sandbox.write("kb.config.jsonc", "{ // comment\n \"gateway\": {\"port\": 4000,}, }");
    drop(ask(&sandbox, ["cfg.parse"]).code(0));
}

#[test]
#[cfg(target_os = "linux")]
fn the_key_of_tokens_is_judged_in_every_place_and_never_shown() {
    let sandbox = Sandbox::new();
    drop(ask(&sandbox, ["env.jwt"]).code(1).says("public default"));
    let production = sandbox.kbsec(["check", "env.jwt"]).env("NODE_ENV", "production").run().code(1);
    drop(production.says("fail").says("refuses to start"));
    let good = "0123456789abcdef".repeat(8).replace("0123", "9a7c");
    sandbox.write(".env", format!("GATEWAY_JWT_SECRET={good}\n"));
    let run = ask(&sandbox, ["env.jwt"]).code(0).keeps(&good);
    assert_told(&verdicts(&run, "env.jwt"), "pass .env:1: 64 bytes or more, fingerprint ", &[]);
    for (value, why) in [
        (concat!("dev-jwt-", "secret-kb-labs"), "a placeholder"),
        ("k7Gq2mZ9", "too short"),
        ("abababababababababababababababababab", "repeats few characters"),
    ] {
        sandbox.write(".env", format!("GATEWAY_JWT_SECRET='{value}'\n"));
        let run = ask(&sandbox, ["env.jwt"]).code(1).keeps(value);
        assert_told(&verdicts(&run, "env.jwt"), "fail .env:1:", &[why]);
    }
    // A gateway that was started with another value, and not again since.
    sandbox.write(".env", format!("GATEWAY_JWT_SECRET={good}\n"));
    let old = good.replace("9a7c", "11dd");
    let holder = Holder::start(&[("GATEWAY_JWT_SECRET", &old)]);
    sandbox.write(".kb/tmp/gateway.pid", format!("{{\"pid\": {}}}", holder.child.id()));
    let run = ask(&sandbox, ["env.jwt"]).code(1).keeps(&good).keeps(&old);
    let told = verdicts(&run, "env.jwt");
    assert_told(&told, &format!("pass pid {} (gateway): 64 bytes", holder.child.id()), &[]);
    assert_told(&told, "warn : the places do not agree:", &[".env:1"]);
    drop(run.says("restart the gateway, so that it takes the new value"));
}

#[test]
#[cfg(target_os = "linux")]
fn a_port_is_traced_to_its_process_and_the_process_to_its_service() {
    let sandbox = Sandbox::new();
    let holder = Holder::start(&[]);
    let (port, pid) = (holder.port.to_string(), holder.child.id());
    let run = ask(&sandbox, ["port.owner", "--port", &port]).code(0);
    assert_told(
        &verdicts(&run, "port.owner"),
        &format!("pass {port}: held by python3"),
        &[&format!("pid {pid} uid"), "since"],
    );
    let base = format!("gateway=http://127.0.0.1:{port}");
    let arguments = ["port.owner", "svc.kbdev", "--service", "gateway", "--base", &base];
    let run = ask(&sandbox, arguments).code(1);
    assert_told(&verdicts(&run, "port.owner"), &format!("fail gateway {port}: held by python3"), &[]);
    sandbox.write(
        ".kb/tmp/gateway.pid",
        format!("{{\"pid\": {pid}, \"startedAt\": \"{}\"}}", kbsec::date::second(now() / 1000).unwrap()),
    );
    let run = ask(&sandbox, arguments).code(0);
    assert_told(&verdicts(&run, "port.owner"), "pass gateway", &["as its pid file says"]);
    assert_told(&verdicts(&run, "svc.kbdev"), "pass gateway: runs for", &[&format!("pid {pid}")]);
    // The number of the pid file now belongs to another process, and then to none.
    sandbox
        .write(".kb/tmp/gateway.pid", format!("{{\"pid\": {pid}, \"startedAt\": \"2026-01-01T00:00:00Z\"}}"));
    let run = ask(&sandbox, arguments).code(1);
    assert_told(
        &verdicts(&run, "svc.kbdev"),
        &format!("fail gateway: dead: pid {pid} was given to python3"),
        &[],
    );
    drop(holder);
    drop(ask(&sandbox, arguments).code(1).says(&format!("dead: pid {pid} is gone")));
}

#[test]
#[cfg(target_os = "linux")]
fn a_worker_that_burns_a_processor_is_seen() {
    let sandbox = Sandbox::new();
    let mut child = Command::new("python3").args(["-c", "while True: pass"]).spawn().unwrap();
    sandbox.write(".kb/tmp/rest.pid", format!("{{\"pid\": {}}}", child.id()));
    let run = ask(&sandbox, ["plug.res", "mem.rss"]);
    child.kill().unwrap();
    child.wait().unwrap();
    let told = verdicts(&run, "plug.res");
    assert_told(&told, "", &[&format!("rest pid {}: cpu", child.id()), "0 sockets"]);
    assert!(!told[0].contains("cpu 0 %"), "{told:?}");
    assert_told(&verdicts(&run, "mem.rss"), "pass rest pid", &["MiB"]);
    assert!(!verdicts(&run, "mem.rss").is_empty());
}

#[test]
fn kb_dev_and_systemd_are_asked_and_their_answers_judged() {
    let sandbox = Sandbox::new();
    let status = r#"{"ok":false,"services":{"rest":{"state":"alive","pid":9,"health":{"ok":true}},"gateway":{"state":"dead","detail":"exit 1","portOccupant":{"pid":4411,"command":"next dev"}}}}"#;
    let path = program(&sandbox, "kb-dev", &format!("cat <<'X'\n{status}\nX\n"));
    let run = sandbox.kbsec(["check", "svc.kbdev", "-f", "json"]).env("PATH", &path).run().code(1);
    let told = verdicts(&run, "svc.kbdev");
    assert_told(&told, "pass rest: alive pid 9", &[]);
    assert_told(&told, "fail gateway: dead: exit 1, its port is held by pid 4411", &[]);
    drop(ask(&sandbox, ["sd.unit"]).code(3).says("no unit kb-*.service"));
}

#[test]
fn the_lock_of_the_marketplace_is_held_against_what_is_installed() {
    let sandbox = Sandbox::repository();
    let package = r#"{"name": "@acme/report", "version": "1.0.0"}"#;
    sandbox.write("plugins/report/package.json", package);
    let entry = |integrity: &str, path: &str| {
        format!(
            "{{\n  \"schema\": \"kb.marketplace/2\",\n  \"installed\": {{\n    \"@acme/report\": {{\"version\": \"1.0.0\", \"integrity\": \"{integrity}\", \"resolvedPath\": \"{path}\", \"installedAt\": \"2026-01-01T00:00:00Z\", \"source\": \"marketplace\", \"primaryKind\": \"plugin\", \"provides\": [\"plugin\"], \"enabled\": true}}\n  }}\n}}\n"
        )
    };
    let sha = sandbox
        .program("sh", ["-c", "openssl dgst -sha256 -binary plugins/report/package.json | base64"])
        .run();
    let integrity = format!("sha256-{}", sha.stdout.trim());
    let good = entry(&integrity, "./plugins/report");
    sandbox.stage(".kb/marketplace.lock", &good);
    sandbox.git(["commit", "--quiet", "--message=lock"]);
    let run = ask(&sandbox, ["lock.market"]).code(0);
    assert_told(&verdicts(&run, "lock.market"), "pass .kb/marketplace.lock: 1 package, all as recorded", &[]);
    sandbox.write("plugins/report/package.json", package.replace("1.0.0", "1.0.1"));
    let run = ask(&sandbox, ["lock.market"]).code(1);
    assert_told(&verdicts(&run, "lock.market"), "fail @acme/report:", &["not the one that was installed"]);
    sandbox.write(".kb/marketplace.lock", entry(&integrity, "./plugins/gone"));
    let run = ask(&sandbox, ["lock.market"]).code(1);
    assert_told(&verdicts(&run, "lock.market"), "fail @acme/report:", &["is not at ./plugins/gone"]);
    sandbox.write(".kb/marketplace.lock", &good[..good.len() / 2]);
    sandbox.write(".kb/marketplace.lock.tmp.0f", "");
    let run = ask(&sandbox, ["lock.market"]).code(1);
    let told = verdicts(&run, "lock.market");
    assert_told(&told, "fail .kb/marketplace.lock: .kb/marketplace.lock:4:", &[]);
    assert_told(&told, "warn .kb/marketplace.lock: 1 draft", &[]);
    drop(run.says("has a good one"));
}

#[test]
fn changes_shortly_before_are_suspects() {
    let sandbox = Sandbox::repository();
    sandbox.stage("kb.config.json", "{}");
    sandbox.git(["commit", "--quiet", "--message=deploy 42"]);
    let run = ask(&sandbox, ["git.deploy"]).code(1);
    let told = verdicts(&run, "git.deploy");
    assert_told(&told, "warn kb.config.json: changed", &["ago"]);
    let file = std::fs::File::options().write(true).open(sandbox.path("kb.config.json")).unwrap();
    file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(7200)).unwrap();
    // The sandbox commits on a fixed date that is long past.
    drop(ask(&sandbox, ["git.deploy"]).code(0).says("no commit and no change"));
    let date = kbsec::date::second(now() / 1000 - 60).unwrap();
    let commit = sandbox.program("git", ["commit", "--quiet", "--allow-empty", "--message=deploy 43"]);
    drop(commit.env("GIT_COMMITTER_DATE", &date).run().code(0));
    let run = ask(&sandbox, ["git.deploy"]).code(1);
    assert_told(&verdicts(&run, "git.deploy"), "warn commits: 1 commit:", &["deploy 43"]);
}

#[test]
fn files_outside_of_the_grants_of_a_plugin_are_named() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "plugins/qa/package.json",
        r#"{"name": "@acme/qa", "kb": {"manifest": "./dist/manifest.js"}}"#,
    );
    sandbox.write(
        "plugins/qa/src/manifest.ts",
        "export const manifest = { schema: 'kb.plugin/3', id: '@acme/qa', version: '1.0.0', permissions: { fs: { write: ['out/**'] } }, cli: { commands: [{ id: 'qa:run', handler: './run.js#default' }] } };",
    );
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(86_400);
    for name in ["plugins/qa/package.json", "plugins/qa/src/manifest.ts"] {
        std::fs::File::options().write(true).open(sandbox.path(name)).unwrap().set_modified(old).unwrap();
    }
    sandbox.write("out/report.md", "x");
    let run = ask(&sandbox, ["plug.files", "--plugin", "@acme/qa"]).code(1);
    // The home of the sandbox was made a moment ago.
    assert_told(&verdicts(&run, "plug.files"), "pass @acme/qa: 1 file changed, 1 within its grants", &[]);
    sandbox.write("src/elsewhere.ts", "x");
    sandbox.write(".kb/marketplace.lock", "{}");
    let run = ask(&sandbox, ["plug.files", "--plugin", "@acme/qa"]).code(1);
    let told = verdicts(&run, "plug.files");
    assert_told(&told, "warn control files:", &[".kb/marketplace.lock"]);
    assert_told(&told, "warn @acme/qa: 3 files changed", &["2 outside", "src/elsewhere.ts"]);
    drop(ask(&sandbox, ["plug.files", "--plugin", "@acme/none"]).code(1).says("no manifest of this plugin"));
}

#[test]
fn the_auditor_is_asked_about_permissions() {
    let sandbox = Sandbox::new();
    drop(ask(&sandbox, ["plug.perm"]).code(3).says("no manifest"));
    sandbox.write(
        "plugins/qa/package.json",
        r#"{"name": "@acme/qa", "kb": {"manifest": "./dist/manifest.js"}}"#,
    );
    sandbox.write(
        "plugins/qa/src/manifest.ts",
        "export const manifest = { schema: 'kb.plugin/3', id: '@acme/qa', version: '1.0.0', permissions: { fs: { write: ['**'] } }, cli: { commands: [{ id: 'qa:run', handler: './run.js#default' }] } };",
    );
    let run = ask(&sandbox, ["plug.perm"]).code(1);
    assert_told(&verdicts(&run, "plug.perm"), "fail plugins/qa/src/manifest.ts:", &["worst"]);
}

#[test]
fn room_on_disks_is_told_in_bytes_and_files() {
    let sandbox = Sandbox::new();
    let run = ask(&sandbox, ["disk.free"]);
    assert_told(&verdicts(&run, "disk.free"), "", &["free (", "%"]);
}
