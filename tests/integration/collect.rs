//! `kbsec collect` on an installation in which secrets stand everywhere: all that is known of it, and none of them.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use sha2::Digest as _;

use crate::check::server::{Server, page};
use crate::common::Sandbox;
use crate::secrets;

/// What must not be in any bundle: tokens with a form, and passwords without one.
struct Planted {
    token: String,
    session: String,
    password: &'static str,
    phrase: &'static str,
    static_token: &'static str,
}

impl Planted {
    fn new() -> Self {
        Self {
            token: secrets::github(3),
            session: secrets::github(4),
            password: "hunter22-swordfish",
            phrase: "correct horse {battery}",
            static_token: "studio-runtime-key-77",
        }
    }

    fn all(&self) -> [&str; 5] {
        [&self.token, &self.session, self.password, self.phrase, self.static_token]
    }
}

/// An installation with a secret in every place that is collected.
fn plant(sandbox: &Sandbox, planted: &Planted) {
    let Planted { token, session, password, phrase, static_token } = planted;
    let base64 = base64::engine::general_purpose::STANDARD.encode(phrase);
    sandbox.write(".env", format!("DB_PASSWORD='{phrase}'\nGITHUB_TOKEN={token}\nPORT=4000\n"));
    let config = format!(
        r#"{{"gateway": {{"port": 4000, "staticTokens": {{"{static_token}": {{"hostId": "h", "namespaceId": "n"}}}}}},
            "platform": {{"adapterOptions": {{"cache": {{"url": "redis://admin:{password}@cache:6379"}}, "llm": {{"apiKey": "{token}"}}, "db": {{"password": "{phrase}"}}}}}}}}"#
    );
    sandbox.write(".kb/kb.config.json", config);
    let mut log = String::new();
    for message in [
        format!("pushing with {token} to origin"),
        format!("connected as redis://admin:{password}@cache:6379"),
        format!("password is {phrase} they say"),
        format!("basic {base64}="),
        format!("host token {static_token} seeded"),
    ] {
        let line = serde_json::json!({"level": 50, "time": 1, "msg": message, "argv": ["login", "--token", password], "headers": {"authorization": format!("Bearer {session}")}});
        log += &format!("{line}\n");
    }
    log += &format!("plain text: GET /x?access_token={password} 200\n{{\"level\": cut off {token}\n");
    sandbox.write(".kb/logs/tmp/rest.log", log);
    sandbox.write(format!(".kb/logs/tmp/{token}.log"), "x\n");
    sandbox.write(".kb/marketplace.lock", format!("{{\"note\": \"{token}\"}}"));
    sandbox.write("package.json", format!(r#"{{"repository": "https://me:{password}@example.org/r.git"}}"#));
    sandbox.write(".npmrc", format!("//example.org/:_authToken={session}\n"));
    sandbox.write("kb-dev", format!("#!/bin/sh\necho '{{\"services\": {{}}, \"detail\": \"{token}\"}}'\necho 'warning: {phrase}' >&2\n"));
    drop(sandbox.program("chmod", ["+x", "kb-dev"]).run().code(0));
    sandbox.git(["add", "--force", "package.json"]);
    sandbox.git(["commit", "--quiet", &format!("--message=leaks {token}")]);
}

/// A rest service that answers, and has secrets in its answers.
fn rest(planted: &Planted) -> Server {
    let health = format!(r#"{{"status":"healthy","token":"{}"}}"#, planted.password);
    let metrics = format!("process_rss_bytes{{secret=\"{}\"}} 1\n", planted.token);
    Server::start([page("/api/v1/health", 200, &health), page("/api/v1/metrics", 200, &metrics)])
}

fn collect(sandbox: &Sandbox, target: &str, server: &Server) -> serde_json::Value {
    let path =
        format!("{}:{}", sandbox.path("").display(), std::env::var_os("PATH").unwrap().to_string_lossy());
    let base = server.base("rest");
    let run =
        sandbox.kbsec(["collect", "-o", target, "--json", "--base", &base]).env("PATH", path).run().code(3);
    run.json()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

#[test]
fn a_bundle_has_everything_but_the_secrets() {
    let sandbox = Sandbox::repository();
    let planted = Planted::new();
    plant(&sandbox, &planted);
    let manifest = collect(&sandbox, "bundle", &rest(&planted));
    let bundle = sandbox.path("bundle");
    let paths = files(&bundle);
    for path in &paths {
        let bytes = std::fs::read(path).unwrap();
        let text = format!("{}\n{}", path.display(), String::from_utf8_lossy(&bytes));
        for secret in planted.all() {
            let base64 = base64::engine::general_purpose::STANDARD_NO_PAD.encode(secret);
            assert!(!text.contains(secret) && !text.contains(&base64), "{secret} in {}", path.display());
        }
        assert!(
            !text.contains("hunter22") && !text.contains("battery"),
            "part of a secret in {}",
            path.display()
        );
    }
    // The scanner itself, as a program of its own, agrees.
    drop(sandbox.kbsec(["scan", "bundle"]).run().code(0));
    let rest_log = std::fs::read_to_string(bundle.join("logs/tmp/rest.log")).unwrap();
    for kept in [
        "pushing with [redacted] to origin",
        "connected as redis://[redacted]@cache",
        "\"level\": cut off [redacted]",
    ] {
        assert!(rest_log.contains(kept), "{kept:?} in {rest_log}");
    }
    let config = std::fs::read_to_string(bundle.join("config/kb.config.json")).unwrap();
    assert!(
        config.contains("\"port\": 4000")
            && config.contains("fingerprint")
            && config.contains("\"hostId\": \"h\"")
    );
    for name in [
        "health/rest.txt",
        "metrics/rest.prom",
        "kb-dev/status.txt",
        "git/changes.txt",
        "variables.txt",
        "checks.json",
    ] {
        assert!(bundle.join(name).is_file(), "{name} in {paths:?}");
    }
    let status = std::fs::read_to_string(bundle.join("kb-dev/status.txt")).unwrap();
    assert!(status.contains("standard error\nwarning: [redacted]"), "{status}");
    assert_manifest(&bundle, &manifest, &paths);
}

/// The manifest names every file with its hash, and every collector with how it ended.
fn assert_manifest(bundle: &Path, manifest: &serde_json::Value, paths: &[PathBuf]) {
    let mut listed = vec![bundle.join("manifest.json")];
    for collector in manifest["collectors"].as_array().unwrap() {
        let status = collector["status"].as_str().unwrap();
        let has_errors = !collector["errors"].as_array().unwrap().is_empty();
        assert_eq!(has_errors, ["partial", "failed"].contains(&status), "{collector}");
        for file in collector["files"].as_array().unwrap() {
            let path = bundle.join(file["name"].as_str().unwrap());
            let bytes = std::fs::read(&path).unwrap();
            let hash: String =
                sha2::Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(
                (file["sha256"].as_str().unwrap(), file["size"].as_u64().unwrap()),
                (&*hash, bytes.len() as u64)
            );
            listed.push(path);
        }
    }
    listed.sort();
    assert_eq!(listed, paths);
    assert_eq!(manifest["secrets_found"], 0);
    let collectors = manifest["collectors"].as_array().unwrap();
    let redacted: u64 = collectors
        .iter()
        .flat_map(|one| one["files"].as_array().unwrap())
        .map(|file| file["redacted"].as_u64().unwrap())
        .sum();
    assert!(redacted >= 12, "{redacted}");
}

#[test]
#[cfg(unix)]
fn a_bundle_is_private_and_never_replaces_anything() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = Sandbox::repository();
    let planted = Planted::new();
    plant(&sandbox, &planted);
    let server = rest(&planted);
    let _ = collect(&sandbox, "bundle", &server);
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&sandbox.path("bundle")), 0o700);
    assert!(files(&sandbox.path("bundle")).iter().all(|path| mode(path) == 0o600));
    drop(sandbox.kbsec(["collect", "-o", "bundle"]).run().code(2).complains("bundle"));
    drop(sandbox.kbsec(["collect", "-o", "missing/folder"]).run().code(2).complains("missing"));
    drop(sandbox.kbsec(["collect"]).run().code(2));
}

#[test]
fn an_archive_holds_the_same_files() {
    let sandbox = Sandbox::repository();
    let planted = Planted::new();
    plant(&sandbox, &planted);
    let server = rest(&planted);
    let manifest = collect(&sandbox, "bundle.tar.zst", &server);
    let packed = std::fs::read(sandbox.path("bundle.tar.zst")).unwrap();
    let mut tar = Vec::new();
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(&packed[..]).unwrap();
    std::io::Read::read_to_end(&mut decoder, &mut tar).unwrap();
    sandbox.write("bundle.tar", tar);
    std::fs::create_dir(sandbox.path("out")).unwrap();
    drop(sandbox.program("tar", ["-xf", "bundle.tar", "-C", "out"]).run().code(0));
    let out = sandbox.path("out");
    assert_manifest(&out, &manifest, &files(&out));
}
