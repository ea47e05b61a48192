//! Incidents taken through by the program: a leak, a rogue plugin, crashes, two responders, no terminal and bad input.

mod terminal;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;

use kbsec::needle::Needle;
use kbsec::secret::Secret;

use crate::common::{Run, Sandbox};

/// A key as Anthropic makes them, put together at run time.
fn key() -> String {
    let body: String =
        (0..93_u32).map(|at| char::from(b'a' + u8::try_from((at * at + at * 7) % 25).unwrap())).collect();
    ["sk-ant", "-api03-", &body, "AA"].concat()
}

/// Where the incidents of a sandbox are.
fn incidents(sandbox: &Sandbox) -> PathBuf {
    sandbox.path("../home/.local/state/kbsec/incidents")
}

/// The only incident of a sandbox.
fn incident(sandbox: &Sandbox) -> String {
    let mut names: Vec<String> = fs::read_dir(incidents(sandbox))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.len(), 1, "{names:?}");
    names.pop().unwrap()
}

/// Fails when a file below the folder, or a text, holds the value in any encoding.
#[track_caller]
fn assert_hidden(value: &str, folder: &Path, texts: &[&str]) {
    let needle = Needle::value(&Secret::new(value)).unwrap();
    let mut files = 0;
    for entry in ignore::WalkBuilder::new(folder).standard_filters(false).build().map(Result::unwrap) {
        if entry.path().is_file() {
            files += 1;
            let bytes = fs::read(entry.path()).unwrap();
            assert!(needle.search(&bytes).is_empty(), "the value stands in {}", entry.path().display());
            assert!(needle.search(entry.path().to_string_lossy().as_bytes()).is_empty());
        }
    }
    assert!(files > 3, "only {files} files in {}", folder.display());
    for text in texts {
        assert!(needle.search(text.as_bytes()).is_empty(), "the value was printed:\n{text}");
    }
}

/// A process of the sandbox that holds the key, ended with the test.
struct Consumer(Child);

impl Drop for Consumer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A repository in which the key has leaked, with a bare remote, a log, a database and a running consumer.
fn leak() -> (Sandbox, Consumer, String) {
    let (sandbox, key) = (Sandbox::repository(), key());
    sandbox.write("../key.txt", format!("{key}\n"));
    sandbox.git(["init", "--quiet", "--bare", "../remote.git"]);
    sandbox.git(["remote", "add", "origin", "../remote.git"]);
    sandbox.stage(
        "compose.yml",
        format!("services:\n  rest:\n    environment:\n      - ANTHROPIC_API_KEY={key}\n"),
    );
    sandbox.git(["commit", "--quiet", "-m", "wip"]);
    sandbox.stage("src/index.js", "console.log(1)\n");
    sandbox.git(["commit", "--quiet", "-m", "code"]);
    sandbox.git(["push", "--quiet", "origin", "main"]);
    sandbox.write(".git/info/exclude", ".kb\n.env\n");
    sandbox.write(".env", format!("PORT=1\nANTHROPIC_API_KEY={key}\n"));
    sandbox.write(
        ".kb/logs/tmp/rest.log",
        format!(
            "{{\"level\":50,\"time\":1764000000000,\"requestId\":\"req_1\",\"msg\":\"401 for {key}\"}}\n"
        ),
    );
    let mut command = sandbox.program("sleep", ["600"]).env("ANTHROPIC_API_KEY", &key).into_command();
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    (sandbox, Consumer(child), key)
}

const ANSWERS: &str = r#"
[answers]
replacement = "kb/anthropic/prod"
elsewhere = "nowhere"
access = "nothing unusual"
mitigation = "a hook"
detected-by = "a colleague"
severity = "high"
services = "rest"
impact-who = "nobody"
impact-operations = "none"
data-loss = "none"
root-cause = "an env file was committed"
went-well = "it was revoked within minutes"
went-wrong = "no hook"
action-items = "ada: hooks everywhere"
[done]
revoke = "key 17 deleted at 14:03"
edit = "new key is in .env"
notified = "sent to the list"
commit = "commit of the edits"
ci = "added"
publish = "pushed by hand"
[skip]
restart = "nothing runs under a manager here"
rewrite = "the test does it by git alone"
"#;

#[test]
fn a_leak_is_taken_from_the_key_to_the_post_mortem() {
    let (sandbox, consumer, key) = leak();
    sandbox.write("../answers.toml", ANSWERS);
    sandbox.write("../new.txt", "a-new-key-that-is-none\n");
    let respond = |more: &[&str]| {
        let mut all = vec!["leak-response", "--value-file", "../key.txt", "--replacement-file", "../new.txt"];
        all.extend(["--no-input", "--answers", "../answers.toml", "--allow", "edit,mask,hook"]);
        all.extend(more);
        sandbox.kbsec(all).env("COLUMNS", "120").run()
    };
    // A running process still has it, and nobody has cleaned the history.
    let first = respond(&[]).code(20);
    for said in [
        "Revoke the key, now",
        "Open https://console.anthropic.com/settings/keys",
        "old key: compose.yml:4",
        "old key: .env:2",
        "running: sleep",
        "+       - ANTHROPIC_API_KEY=${ANTHROPIC_API_KEY}",
        "published as refs/remotes/origin/main",
        "a commit with a made-up key was refused",
    ] {
        assert!(first.stdout.contains(said), "{said}\n{}", first.stdout);
    }
    let id = incident(&sandbox);
    assert_hidden(&key, &incidents(&sandbox), &[&first.stdout, &first.stderr]);
    assert_eq!(
        fs::read_to_string(sandbox.path(".env")).unwrap(),
        "PORT=1\nANTHROPIC_API_KEY=a-new-key-that-is-none\n"
    );
    assert!(fs::read_to_string(sandbox.path("compose.yml")).unwrap().contains("=${ANTHROPIC_API_KEY}\n"));
    let log = fs::read_to_string(sandbox.path(".kb/logs/tmp/rest.log")).unwrap();
    assert!(log.contains("401 for *****") && !log.contains(&key));

    drop(consumer);
    clean_history(&sandbox);
    // Somebody says that CI looks for secrets, and that is looked at again.
    sandbox.write(".github/workflows/secrets.yml", "jobs: { scan: { steps: [{ run: kbsec scan }] } }\n");
    let last = respond(&["--resume", &id, "--json"]).code(0);
    assert!(last.stderr.contains("Closed: every step is settled."), "{}", last.stderr);
    let kinds: Vec<String> = last
        .stdout
        .lines()
        .map(|line| {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            record["kind"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!((kinds.first().unwrap().as_str(), kinds.last().unwrap().as_str()), ("resumed", "closed"));
    assert_hidden(&key, &incidents(&sandbox), &[&last.stdout, &last.stderr]);

    assert_written_up(&sandbox, &id, &key);
}

/// The log holds, the post-mortem is filled, and the export has all but the key of the fingerprints.
fn assert_written_up(sandbox: &Sandbox, id: &str, key: &str) {
    drop(sandbox.kbsec(["incident", "verify", id]).run().code(0).says("all as they were kept"));
    let written = sandbox.kbsec(["incident", "postmortem", id, "--check"]).run().code(0);
    for said in [
        "# Incident: A secret has leaked: Anthropic API key",
        "Severity: high",
        "an env file was committed",
        "key 17 deleted at 14:03",
    ] {
        assert!(written.stdout.contains(said), "{said}\n{}", written.stdout);
    }
    let json = sandbox.kbsec(["incident", "postmortem", id, "--json"]).run().code(0).json();
    let fields = json["fields"].as_array().unwrap();
    let filled = fields.iter().filter(|field| field["filled"] == true).count();
    assert!(filled * 100 >= fields.len() * 80, "{filled} of {}", fields.len());
    drop(sandbox.kbsec(["incident", "export", id, "../out"]).run().code(0));
    let sums = sandbox.program("sha256sum", ["--check", "--quiet", "SHA256SUMS"]).current_dir("../out").run();
    drop(sums.code(0));
    assert!(!sandbox.path("../out/key").exists());
    assert_hidden(key, &sandbox.path("../out"), &[]);
}

/// What a rewrite leads to, by git alone: a new root without the key, and nothing of the old history.
fn clean_history(sandbox: &Sandbox) {
    sandbox.git(["checkout", "--quiet", "--orphan", "clean"]);
    sandbox.git(["add", "--all"]);
    sandbox.git(["commit", "--quiet", "-m", "all"]);
    sandbox.git(["branch", "--quiet", "--force", "main", "clean"]);
    sandbox.git(["update-ref", "-d", "refs/remotes/origin/main"]);
    fs::remove_file(sandbox.path(".git/logs/refs/remotes/origin/main")).unwrap_or_default();
    sandbox.git(["reflog", "expire", "--expire=now", "--all"]);
    sandbox.git(["gc", "--quiet", "--prune=now"]);
}

/// The same with the history rewritten, pushed and proved by kbsec itself, a second clone and the server asked.
#[test]
fn the_history_is_rewritten_and_pushed_with_two_confirmations() {
    let (sandbox, consumer, key) = leak();
    drop(consumer);
    sandbox.git(["clone", "--quiet", "../remote.git", "../second"]);
    let answers = ANSWERS.replace("rewrite = \"the test does it by git alone\"\n", "");
    sandbox.write("../answers.toml", answers.replace("publish = \"pushed by hand\"\n", ""));
    sandbox.write("../new.txt", "a-new-key-that-is-none\n");
    let respond = |more: &[&str]| {
        let mut all = vec!["leak-response", "--value-file", "../key.txt", "--replacement-file", "../new.txt"];
        all.extend(["--no-input", "--answers", "../answers.toml"]);
        all.extend(["--allow", "edit,mask,hook,rewrite,push,prove-server"]);
        all.extend(more);
        sandbox.kbsec(all).env("COLUMNS", "120").run()
    };
    // What was edited is not committed yet: nothing is rewritten over it.
    let first = respond(&[]).code(20);
    assert!(first.stdout.contains("blocked  rw.clean: changed: compose.yml"), "{}", first.stdout);
    let id = incident(&sandbox);
    sandbox.git(["commit", "--quiet", "--no-verify", "--all", "-m", "a reference in its place"]);
    let confirmation = |run: &Run, step: &str| {
        let asked = run.stdout.split(&format!("--allow {step} --confirm ")).nth(1);
        asked.unwrap_or_else(|| panic!("{}", run.stdout)).split_whitespace().next().unwrap().to_owned()
    };
    let second = respond(&["--resume", &id]).code(20);
    let rewrite = confirmation(&second, "rewrite");
    let third = respond(&["--resume", &id, "--confirm", &rewrite]);
    assert!(third.stdout.contains("P1 gone") && third.stdout.contains("P2 unchanged"), "{}", third.stdout);
    let push = confirmation(&third, "push");
    let last = respond(&["--resume", &id, "--confirm", &rewrite, "--confirm", &push]);
    assert!(third.stdout.contains("leak.gone: not found in"), "{}", third.stdout);
    assert!(!last.stdout.contains("P2 not-checked"), "{}", last.stdout);
    // The server gets the counterpart of what it had; what was committed since is pushed as ever.
    let published = sandbox.git(["--git-dir=../remote.git", "rev-parse", "main"]);
    sandbox.git(["merge-base", "--is-ancestor", &published, "main"]);
    sandbox.git(["push", "--quiet", "--no-verify", "origin", "main"]);
    assert!(!sandbox.git(["--git-dir=../remote.git", "log", "-p", "main"]).contains(&key));
    // A stock server hands out old objects by their id: that stays open, and is said.
    let open = last.stdout.contains("still has it") || last.stdout.contains("the proof is incomplete");
    assert_eq!(last.code, Some(if open { 10 } else { 0 }), "{}", last.stdout);
    assert_hidden(&key, &incidents(&sandbox), &[&first.stdout, &second.stdout, &third.stdout, &last.stdout]);
    let script = incidents(&sandbox).join(&id).join("out/clean-clone.sh");
    let cleaned = sandbox.program("sh", [script]).current_dir("../second").run().code(0);
    assert!(cleaned.stdout.contains("clean"), "{}", cleaned.stdout);
}

#[test]
fn a_finding_of_a_report_tells_the_value() {
    let sandbox = Sandbox::repository();
    sandbox.write("app.env", format!("ANTHROPIC_API_KEY={}\n", key()));
    drop(sandbox.kbsec(["scan", "-f", "json", "-o", "../report.json", "--exit-zero"]).run().code(0));
    drop(sandbox.kbsec(["scan", "-f", "sarif", "-o", "../report.sarif", "--exit-zero"]).run().code(0));
    for report in ["../report.json", "../report.sarif"] {
        let run = sandbox.kbsec(["leak-response", "--report", report, "--no-input"]).run().code(20);
        assert!(run.stdout.contains("Anthropic API key, sk-ant-api"), "{}", run.stdout);
        assert!(run.stdout.contains("old key: app.env:1"), "{}", run.stdout);
        assert_hidden(&key(), &incidents(&sandbox), &[&run.stdout, &run.stderr]);
    }
    let none =
        sandbox.kbsec(["leak-response", "--report", "../report.json", "--finding", "00000000", "--no-input"]);
    drop(none.run().code(2).complains("it has no such finding"));
}

#[test]
fn another_value_does_not_go_on_with_an_incident() {
    let (sandbox, _consumer, _) = leak();
    drop(sandbox.kbsec(["leak-response", "--value-file", "../key.txt", "--no-input"]).run().code(20));
    let id = incident(&sandbox);
    let other =
        sandbox.kbsec(["leak-response", "--stdin", "--no-input", "--resume", &id]).stdin("another-value");
    drop(other.run().code(2).complains("that is not the value of this incident"));
    // Its file tells it again.
    let again = sandbox.kbsec(["leak-response", "--no-input", "--resume", &id]).run();
    drop(again.code(20).says("The log goes on."));
    drop(
        sandbox
            .kbsec(["respond", "--resume", &id, "--no-input"])
            .run()
            .code(2)
            .complains("leak-response --resume"),
    );
}

/// A server that answers one request with this status, and returns what it was asked.
fn provider(status: &'static str) -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let asked = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let count = stream.read(&mut buffer).unwrap();
            request.extend_from_slice(&buffer[..count]);
            let text = String::from_utf8_lossy(&request).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
            if count == 0 || body.len() >= length.unwrap_or(0) {
                break;
            }
        }
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}").unwrap();
        String::from_utf8_lossy(&request).into_owned()
    });
    (base, asked)
}

#[test]
fn a_provider_is_called_only_when_the_step_is_named_and_the_plan_confirmed() {
    let sandbox = Sandbox::repository();
    let value = "not-a-token-but-long-enough-0123456789";
    sandbox.write("../key.txt", value);
    // curl is wrapped, so that the test sees what stands on its command line.
    let real = sandbox.program("sh", ["-c", "command -v curl"]).run().code(0).stdout.trim().to_owned();
    let wrapper =
        sandbox.write("../bin/curl", format!("#!/bin/sh\necho \"$@\" >>../argv\nexec {real} \"$@\"\n"));
    drop(sandbox.program("chmod", ["+x".as_ref(), wrapper.as_os_str()]).run().code(0));
    let (base, asked) = provider("202 Accepted");
    let respond = |more: &[&str]| {
        let mut all = vec!["leak-response", "--value-file", "../key.txt", "--rule", "github-classic-token"];
        all.extend(["--no-input", "--api-base", &base]);
        all.extend(more);
        let mut path = sandbox.path("../bin").into_os_string();
        path.push(":");
        path.push(crate::common::search_path());
        sandbox.kbsec(all).env("PATH", path).run()
    };
    let offline = respond(&[]);
    assert!(
        offline.stdout.contains("kbsec stays offline; --allow revoke-call lets it do this"),
        "{}",
        offline.stdout
    );
    assert!(!sandbox.path("../argv").exists());
    let id = incident(&sandbox);
    let unconfirmed = respond(&["--resume", &id, "--allow", "revoke-call"]);
    assert!(!sandbox.path("../argv").exists(), "{}", unconfirmed.stdout);
    let hash =
        unconfirmed.stdout.split("--confirm").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let wrong = respond(&["--resume", &id, "--allow", "revoke-call", "--confirm", "00000000"]);
    assert!(!sandbox.path("../argv").exists(), "{}", wrong.stdout);
    let called = respond(&["--resume", &id, "--allow", "revoke-call", "--confirm", &hash]);
    assert!(called.stdout.contains("the provider answered 202: it is revoked"), "{}", called.stdout);
    let request = asked.join().unwrap();
    assert!(request.starts_with("POST /credentials/revoke HTTP/1.1"), "{request}");
    assert!(request.contains(&format!("{{\"credentials\":[\"{value}\"]}}")), "{request}");
    let argv = fs::read_to_string(sandbox.path("../argv")).unwrap();
    assert_eq!(argv.trim(), "--disable --config -");
    assert_hidden(value, &incidents(&sandbox), &[&called.stdout, &called.stderr, &argv]);
}

/// A project with a plugin that sends files away.
fn rogue() -> Sandbox {
    let sandbox = Sandbox::new();
    let lock = serde_json::json!({"schema": "kb.marketplace/2", "installed": {
        "@acme/report": {"version": "1.0.0", "integrity": "", "resolvedPath": "./plugins/report", "source": "local",
            "primaryKind": "plugin", "provides": ["plugin"], "enabled": true},
        "@acme/other": {"version": "1.0.0", "resolvedPath": "./plugins/other", "enabled": true}}});
    sandbox.write(".kb/marketplace.lock", serde_json::to_string_pretty(&lock).unwrap());
    sandbox.write("plugins/report/package.json", r#"{"name": "@acme/report", "version": "1.0.0"}"#);
    sandbox.write(
        "plugins/report/src/manifest.ts",
        "export const manifest = { id: '@acme/report', hosts: ['api.acme.example'] };\n",
    );
    sandbox.write(".env", format!("ANTHROPIC_API_KEY={}\n", key()));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let line = |level: u8, msg: &str| {
        format!("{{\"level\":{level},\"time\":{now},\"pluginId\":\"@acme/report\",\"msg\":\"{msg}\"}}\n")
    };
    let log = line(30, "GET https://api.acme.example/v1")
        + &line(50, "POST https://paste.example/new failed")
        + "{\"level\":30,\"time\":1,\"pluginId\":\"@acme/other\",\"msg\":\"GET https://else.example/\"}\n";
    sandbox.write(".kb/logs/tmp/rest.log", log);
    sandbox
}

const ROGUE: &str = r#"
[answers]
fate = "removed"
detected-by = "alert on traffic"
severity = "high"
impact-who = "nobody"
impact-operations = "reports"
data-loss = "none"
root-cause = "a plugin with too wide permissions"
review = "hosts were not looked at"
went-well = "logs were kept"
went-wrong = "no alert"
action-items = "ada: audit in CI"
[done]
stop-rest = "stopped by hand"
stop-workflow = "stopped by hand"
start-rest = "started by hand"
start-workflow = "started by hand"
rotate = "all replaced"
"#;

#[test]
fn a_rogue_plugin_is_disabled_without_any_service_and_its_traces_are_kept() {
    let sandbox = rogue();
    sandbox.write("../answers.toml", ROGUE);
    let mut all = vec!["respond", "rogue-plugin", "--plugin", "@acme/report", "--no-input"];
    all.extend(["--answers", "../answers.toml", "--allow", "disable"]);
    // Without programs that manage services, people do that part.
    let git =
        sandbox.program("sh", ["-c", "dirname $(command -v git)"]).run().code(0).stdout.trim().to_owned();
    let run =
        sandbox.kbsec(all).env("PATH", if git == "/usr/bin" { "/nonexistent" } else { &git }).run().code(0);
    for said in [
        "@acme/report is disabled; the old file is",
        "2 lines in 1 files, 1 of them errors",
        "hosts in its logs that its manifest does not name: paste.example",
        "secrets in files of the project",
        "plugin.disabled: @acme/report is disabled in the lock file",
    ] {
        assert!(run.stdout.contains(said), "{said}\n{}", run.stdout);
    }
    let lock: serde_json::Value =
        serde_json::from_slice(&fs::read(sandbox.path(".kb/marketplace.lock")).unwrap()).unwrap();
    assert_eq!(lock["installed"]["@acme/report"]["enabled"], false);
    assert_eq!(lock["installed"]["@acme/other"]["enabled"], true);
    assert_eq!(lock["installed"]["@acme/report"]["resolvedPath"], "./plugins/report");
    let backups = fs::read_dir(sandbox.path(".kb")).unwrap().filter(|entry| {
        entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("marketplace.lock.before-")
    });
    assert_eq!(backups.count(), 1);
    let id = incident(&sandbox);
    let rotation = fs::read_to_string(incidents(&sandbox).join(&id).join("out/rotation.md")).unwrap();
    assert!(rotation.contains("Anthropic API key in .env:1"), "{rotation}");
    assert_hidden(&key(), &incidents(&sandbox), &[&run.stdout]);
    let json = sandbox.kbsec(["incident", "postmortem", &id, "--json"]).run().code(0).json();
    let fields = json["fields"].as_array().unwrap();
    let filled = fields.iter().filter(|field| field["filled"] == true).count();
    assert!(filled * 100 >= fields.len() * 80, "{filled} of {}", fields.len());
}

#[test]
fn the_bundle_of_an_unknown_failure_holds_no_secret_and_says_what_is_missing() {
    let sandbox = rogue();
    let secret = key();
    sandbox.write(".kb/kb.config.json", format!("{{\"platform\": {{\"apiKey\": \"{secret}\"}}}}"));
    sandbox.write(format!(".kb/logs/tmp/{secret}.log"), format!("{{\"msg\":\"{secret}\"}}\n"));
    let run = sandbox.kbsec(["respond", "unknown-failure", "--no-input"]).run();
    assert!(run.stdout.contains("logs: 2 pieces") && run.stdout.contains("lock: 1 piece"), "{}", run.stdout);
    assert_hidden(&secret, &incidents(&sandbox), &[&run.stdout, &run.stderr]);
    let id = incident(&sandbox);
    let manifest = fs::read_to_string(incidents(&sandbox).join(&id).join("evidence/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let config =
        manifest.as_array().unwrap().iter().find(|entry| entry["source"] == ".kb/kb.config.json").unwrap();
    assert_eq!((config["status"].as_str(), config["masked"].as_u64()), (Some("kept"), Some(1)));
}

/// The answers that close the gateway incident where no service runs.
const GATEWAY: &str = r#"
[answers]
fix = "the port was taken"
detected-by = "pager"
severity = "low"
services = "gateway"
impact-who = "all"
impact-operations = "all"
data-loss = "none"
root-cause = "two programs on one port"
[skip]
restart = "tested elsewhere"
restart-again = "tested elsewhere"
verify = "tested elsewhere"
"#;

#[test]
fn a_run_that_was_killed_ends_like_one_that_was_not() {
    let finished = |crash: Option<u64>| {
        let sandbox = Sandbox::new();
        sandbox.write(".kb/logs/tmp/gateway.log", "{\"level\":50,\"msg\":\"boom\"}\n");
        sandbox.write("../answers.toml", GATEWAY);
        let all = ["respond", "gateway-down", "--no-input", "--answers", "../answers.toml"];
        let Some(crash) = crash else {
            let run = sandbox.kbsec(all).run();
            return (run.code.unwrap(), post_mortem(&sandbox), records(&sandbox));
        };
        let killed = sandbox.kbsec(all).env("KBSEC_FAIL_AFTER", crash.to_string()).run();
        assert_eq!(killed.code, None, "record {crash}: {}", killed.stdout);
        let id = incident(&sandbox);
        let all = ["respond", "--resume", &id, "--no-input", "--answers", "../answers.toml"];
        let run = sandbox.kbsec(all).run();
        (run.code.unwrap(), post_mortem(&sandbox), records(&sandbox))
    };
    let (code, expected, count) = finished(None);
    for crash in (1..count).step_by(5).chain([count - 1]) {
        let (resumed, written, _) = finished(Some(crash));
        assert_eq!((resumed, written), (code, expected.clone()), "killed after record {crash}");
    }
}

/// How many records the log has.
fn records(sandbox: &Sandbox) -> u64 {
    let log = fs::read_to_string(incidents(sandbox).join(incident(sandbox)).join("log.jsonl")).unwrap();
    log.lines().count() as u64
}

/// The post-mortem without what differs between any two runs: times, numbers of records, hashes, the resume itself.
fn post_mortem(sandbox: &Sandbox) -> String {
    let text =
        fs::read_to_string(incidents(sandbox).join(incident(sandbox)).join("out/postmortem.md")).unwrap();
    let id = incident(sandbox);
    let changing = regex::Regex::new(
        r"\d\d:\d\d|\d+ (records|s|min|h)\b|record \d+|\b[0-9a-f]{64}\b|\d{4}-\d\d-\d\dT[\d:]+Z|pid \d+|\d+ ms",
    )
    .unwrap();
    let lines = text.lines().filter(|line| !line.contains("gone on"));
    let text: Vec<String> =
        lines.map(|line| changing.replace_all(&line.replace(&id, "INC"), "#").into_owned()).collect();
    text.join("\n")
}

const DATABASE: &str = r#"
[answers]
backup-plan = "cron, each night"
detected-by = "errors in the log"
severity = "high"
services = "all"
impact-who = "all"
impact-operations = "all"
data-loss = "none"
root-cause = "a page was overwritten"
[skip]
stop = "nothing runs"
start = "nothing runs"
"#;

#[test]
fn a_damaged_database_is_copied_recovered_and_swapped() {
    let sandbox = Sandbox::new();
    sandbox.write("../answers.toml", DATABASE);
    let make = "import sqlite3\nc = sqlite3.connect('kb.sqlite')\nc.execute('create table logs (id integer primary key, message text)')\n\
                c.executemany('insert into logs values (?, ?)', [(n, 'message %d ' % n * 9) for n in range(1, 3001)])\nc.commit()\n\
                c.close()\nf = open('kb.sqlite', 'r+b')\nf.seek(4096 * 9)\nf.write(b'\\x00' * 4096)\n";
    drop(sandbox.program("python3", ["-c", make]).run().code(0));
    let damaged = fs::read(sandbox.path("kb.sqlite")).unwrap();
    let respond = |more: &[&str]| {
        let mut all = vec![
            "respond",
            "sqlite-loss",
            "--database",
            "kb.sqlite",
            "--no-input",
            "--answers",
            "../answers.toml",
        ];
        all.extend(more);
        sandbox.kbsec(all).env("COLUMNS", "120").run()
    };
    let first = respond(&["--allow", "swap"]);
    let asked =
        first.stdout.split("--allow swap --confirm ").nth(1).unwrap_or_else(|| panic!("{}", first.stdout));
    let hash = asked.split_whitespace().next().unwrap().to_owned();
    let id = incident(&sandbox);
    assert_eq!(fs::read(sandbox.path("kb.sqlite")).unwrap(), damaged, "the evidence was changed");
    let last = respond(&["--resume", &id, "--allow", "swap", "--confirm", &hash]).code(0);
    assert!(last.stdout.contains("is the recovered one"), "{}", last.stdout);
    assert_eq!(fs::read(sandbox.path("kb.sqlite.damaged")).unwrap(), damaged);
    let count = "import sqlite3\nprint(sqlite3.connect('kb.sqlite').execute('select count(*) from logs').fetchone()[0])";
    let rows: u32 = sandbox.program("python3", ["-c", count]).run().code(0).stdout.trim().parse().unwrap();
    assert!((2900..3000).contains(&rows), "{rows} of 3000 rows, one page of which is gone");
}

#[test]
fn altered_and_cut_logs_are_told_apart() {
    let sandbox = Sandbox::new();
    drop(sandbox.kbsec(["respond", "high-latency", "--no-input"]).run());
    let id = incident(&sandbox);
    let log = incidents(&sandbox).join(&id).join("log.jsonl");
    let whole = fs::read_to_string(&log).unwrap();
    let verify = |content: &str| {
        fs::write(&log, content).unwrap();
        sandbox.kbsec(["incident", "verify", &id]).run()
    };
    drop(verify(&whole).code(0).says("intact"));
    drop(verify(&whole.replacen("acknowledge", "Acknowledge", 1)).code(3).says("altered: line 2"));
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    drop(verify(&lines[..lines.len() - 1].concat()).code(4).says("cut"));
    drop(verify(&format!("{whole}{{\"seq\":")).code(0).says("torn"));
    let resumed = sandbox.kbsec(["respond", "--resume", &id, "--no-input"]).run();
    assert!(resumed.stdout.contains("The log goes on."), "{}", resumed.stdout);
    drop(sandbox.kbsec(["incident", "show", &id]).run().code(0).says("torn"));
    let evidence = fs::read_dir(incidents(&sandbox).join(&id).join("evidence")).unwrap();
    let piece =
        evidence.map(|entry| entry.unwrap().path()).find(|path| !path.ends_with("manifest.json")).unwrap();
    fs::write(&piece, "something else").unwrap();
    drop(sandbox.kbsec(["incident", "verify", &id]).run().code(3).says("was altered"));
}

#[test]
fn two_responders_do_not_write_one_log() {
    let sandbox = Sandbox::new();
    drop(sandbox.kbsec(["respond", "high-latency", "--no-input"]).run());
    let id = incident(&sandbox);
    let lock = fs::File::open(incidents(&sandbox).join(&id).join("lock")).unwrap();
    lock.lock().unwrap();
    let second = sandbox.kbsec(["respond", "--resume", &id, "--no-input"]).run();
    drop(second.code(2).complains("somebody else is working on"));
}

#[test]
fn every_mistake_has_a_message_and_a_way_on() {
    let sandbox = Sandbox::repository();
    let fails = |arguments: &[&str], what: &str, hint: &str| -> Run {
        let run = sandbox.kbsec(arguments).run().code(2);
        assert!(run.stderr.contains(what) && run.stderr.contains(hint), "{arguments:?}\n{}", run.stderr);
        run
    };
    drop(fails(
        &["respond", "gateway-dwon"],
        "there is no playbook gateway-dwon",
        "did you mean gateway-down?",
    ));
    drop(fails(&["respond", "secret-leak"], "a command of its own", "kbsec leak-response"));
    drop(fails(&["respond", "--resume", "INC-1"], "there is no incident INC-1", "kbsec incident list"));
    drop(fails(&["leak-response", "--no-input"], "no value, and no terminal", "--value-file"));
    drop(fails(
        &["respond", "gateway-down", "--allow", "restrat"],
        "no step restrat",
        "did you mean restart?",
    ));
    drop(fails(&["respond", "rogue-plugin", "--plugin=--help"], "is no id of a plugin", "@scope/name"));
    drop(fails(&["respond", "rogue-plugin", "--plugin", "../x"], "is no id of a plugin", "@scope/name"));
    drop(fails(&["respond", "gateway-down", "--state-dir", "inside"], "is in the work tree", "--state-dir"));
    sandbox.write("../bad.toml", "[answers]\nseverty = \"low\"\n");
    drop(fails(
        &["respond", "gateway-down", "--answers", "../bad.toml"],
        "no question severty",
        "did you mean severity?",
    ));
    sandbox.write("../bad.toml", "[ansers]\n");
    drop(fails(
        &["respond", "gateway-down", "--answers", "../bad.toml"],
        "line 1",
        "did you mean `answers`?",
    ));
    sandbox.write("../file", "");
    drop(fails(
        &["respond", "gateway-down", "--no-input", "--state-dir", "../file"],
        "cannot use",
        "--state-dir DIR",
    ));
    sandbox.write("playbooks/own.toml", "id = \"gateway-down\"\n[[step]]\nid = \"x\"\nphase = \"recover\"\nkind = \"confirm\"\ntitle = \"X\"\nwhy = \"X\"\ncommand = [[\"sh\"]]\n");
    drop(fails(&["respond", "lint"], "may not have command", "kbsec respond lint"));
}

#[test]
fn catalogue_and_dry_run_write_nothing() {
    let sandbox = Sandbox::new();
    drop(
        sandbox
            .kbsec(["respond"])
            .run()
            .code(0)
            .says("gateway-down: The gateway is down")
            .says("kbsec leak-response"),
    );
    drop(sandbox.kbsec(["respond", "lint"]).run().code(0).says("no fault"));
    let explained = sandbox.kbsec(["respond", "explain", "sqlite-loss"]).env("COLUMNS", "60").run().code(0);
    assert!(explained.stdout.lines().all(|line| line.chars().count() <= 60), "{}", explained.stdout);
    drop(explained.says("A dump of a damaged file ends in ROLLBACK"));
    drop(
        sandbox.kbsec(["respond", "gateway-down", "--dry-run"]).run().code(0).says("kb-dev restart gateway"),
    );
    assert!(!incidents(&sandbox).exists());
}
