//! `kbsec scan` as a person or a hook runs it: planted secrets, and exactly the findings that they must give.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use kbsec::report::Format;

use crate::common::Sandbox;
use crate::secrets;

/// A line of configuration with the secret at column 9.
fn line(secret: &str) -> String {
    format!("TOKEN = {secret}\n")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[test]
fn a_planted_secret_is_found_where_it_stands() {
    let sandbox = Sandbox::new();
    let token = secrets::github(1);
    sandbox.write("deploy/prod.env", format!("# größer\nA=1\nNAME=\"ü\" TOKEN={token}\n"));
    let run = sandbox.kbsec(["scan", "-f", "json"]).run().code(1).keeps(&token);
    assert_eq!(run.findings(), ["github-classic-token deploy/prod.env:3:16"]);
    let finding = &run.json()["findings"][0];
    assert_eq!((&finding["severity"], &finding["confidence"]), (&"critical".into(), &"high".into()));
    assert!(finding["help"]["steps"].as_array().is_some_and(|steps| steps.len() > 1), "{finding}");
}

#[test]
fn a_clean_tree_is_clean() {
    let sandbox = Sandbox::new();
    sandbox.write("a.txt", "nothing to see\n");
    let run = sandbox.kbsec(["scan", "-f", "json"]).run().code(0);
    assert_eq!(run.findings(), [""; 0]);
    assert_eq!(run.json()["coverage"]["items"], 1);
    drop(sandbox.kbsec(["scan"]).run().code(0));
}

#[test]
fn a_wrong_checksum_is_no_secret() {
    let sandbox = Sandbox::new();
    sandbox.write("a.txt", secrets::github_mistyped(1));
    assert_eq!(sandbox.kbsec(["scan", "-f", "json"]).run().code(0).findings(), [""; 0]);
}

#[test]
fn no_format_shows_the_secret() {
    let sandbox = Sandbox::repository();
    let (url, word) = secrets::database_url(2);
    let kept = [secrets::github(2), secrets::slack(2), secrets::stripe(2), secrets::aws_key_id(2), word];
    sandbox.write("all.env", kept.iter().map(|secret| line(secret)).collect::<String>() + &url);
    sandbox.git(["remote", "add", "origin", &format!("https://x:{}@git.corp-internal.net/a.git", kept[0])]);
    for format in Format::ALL.map(Format::name) {
        let mut run = sandbox.kbsec(["scan", "-f", format]).run().code(1);
        drop(sandbox.kbsec(["scan", "-f", format, "-o", "../report"]).run().code(1));
        let written = std::fs::read_to_string(sandbox.path("../report")).unwrap();
        for secret in &kept {
            run = run.keeps(secret);
            assert!(!written.contains(secret.as_str()), "the {format} report in a file shows a secret");
        }
    }
}

#[test]
fn every_format_is_what_it_says() {
    let sandbox = Sandbox::new();
    sandbox.write("a.env", line(&secrets::github(3)));
    drop(sandbox.kbsec(["scan"]).run().code(1).says("a.env:1:9"));
    let json = sandbox.kbsec(["scan", "-f", "json"]).run().code(1).json();
    assert_eq!((&json["schema"], &json["run"]["exit_code"]), (&"kbsec.report/1".into(), &1.into()));
    let lines = sandbox.kbsec(["scan", "-f", "jsonl"]).run().code(1);
    let kinds: Vec<_> = lines
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["type"].clone())
        .collect();
    assert_eq!(kinds, ["finding", "coverage"]);
    let sarif = sandbox.kbsec(["scan", "-f", "sarif"]).run().code(1).json();
    assert_eq!(
        (&sarif["version"], &sarif["runs"][0]["results"][0]["level"]),
        (&"2.1.0".into(), &"error".into())
    );
    let region = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"];
    assert_eq!((&region["startColumn"], &region["endColumn"]), (&9.into(), &49.into()));
    drop(sandbox.kbsec(["scan", "-f", "github"]).run().code(1).says("::error ").says("file=a.env,line=1,"));
}

#[test]
fn every_kind_of_secret_is_found() {
    let (url, _) = secrets::database_url(4);
    let planted = [
        ("github-classic-token planted.env:1:9", line(&secrets::github(4))),
        ("slack-bot-token planted.env:1:9", line(&secrets::slack(4))),
        ("stripe-live-key planted.env:1:9", line(&secrets::stripe(4))),
        ("aws-access-key-id planted.env:1:9", line(&secrets::aws_key_id(4))),
        ("private-key planted.env:1:1", secrets::pem(4)),
        ("postgres-url planted.env:1:33", format!("DATABASE_URL={url}\n")),
        ("generic-secret planted.env:1:16", format!("db_password = \"{}\"\n", secrets::password(4))),
    ];
    for (expected, text) in planted {
        let sandbox = Sandbox::new();
        sandbox.write("planted.env", &text);
        let run = sandbox.kbsec(["scan", "-f", "json"]).run().code(1);
        assert_eq!(run.findings(), [expected]);
    }
}

#[test]
fn one_secret_in_many_places_is_one_finding() {
    let sandbox = Sandbox::new();
    let token = secrets::github(5);
    sandbox.write("a.env", line(&token) + "\n" + &line(&token));
    sandbox.write("b.env", line(&token));
    sandbox.write("c.env", line(&secrets::github(6)));
    let run = sandbox.kbsec(["scan", "-f", "json"]).run().code(1);
    let rule = "github-classic-token";
    let places = ["a.env:1:9", "a.env:3:9", "b.env:1:9", "c.env:1:9"].map(|place| format!("{rule} {place}"));
    assert_eq!(run.findings(), places);
    assert_eq!(run.json()["findings"].as_array().unwrap().len(), 2);
}

#[test]
fn the_fingerprint_survives_a_move() {
    let fingerprint = |prefix: &str| {
        let sandbox = Sandbox::new();
        sandbox.write(format!("{prefix}a.env"), prefix.repeat(3) + &line(&secrets::github(7)));
        sandbox.kbsec(["scan", "-f", "json"]).run().code(1).json()["findings"][0]["fingerprint"].clone()
    };
    assert_eq!(fingerprint(""), fingerprint("x/\n"));
}

#[test]
fn every_place_in_a_tree_is_looked_at() {
    let sandbox = Sandbox::new();
    let token = line(&secrets::github(8));
    let places =
        ["Dockerfile", "deep/er/.hidden/.env", "min.js.map", "name with spaces.txt", "package-lock.json"];
    for place in places {
        sandbox.write(place, &token);
    }
    let run = sandbox.kbsec(["scan", "-f", "json"]).run().code(1);
    assert_eq!(run.findings(), places.map(|place| format!("github-classic-token {place}:1:9")));
}

#[test]
fn what_git_ignores_is_left_out_unless_it_is_tracked_or_asked_for() {
    let sandbox = Sandbox::repository();
    let token = line(&secrets::github(9));
    sandbox.write(".gitignore", "*.local\nnode_modules/\n");
    sandbox.write("ignored.local", &token);
    sandbox.stage("tracked.local", &token);
    sandbox.write("node_modules/a/index.js", &token);
    sandbox.stage("node_modules/tracked/index.js", &token);
    let found = |arguments: &[&str]| {
        let arguments = ["scan", "-f", "json"].iter().chain(arguments);
        sandbox.kbsec(arguments).run().code(1).findings()
    };
    let rule = "github-classic-token";
    let tracked = [format!("{rule} node_modules/tracked/index.js:1:9"), format!("{rule} tracked.local:1:9")];
    assert_eq!(found(&[]), tracked);
    assert_eq!(found(&["--no-ignore"]).len(), 4);
    assert_eq!(found(&["ignored.local"]), [format!("{rule} ignored.local:1:9")]);
}

#[test]
fn files_and_folders_can_be_named() {
    let sandbox = Sandbox::new();
    for place in ["one.env", "two.env", "dir/three.env"] {
        sandbox.write(place, line(&secrets::github(10)));
    }
    let run = sandbox.kbsec(["scan", "-f", "json", "one.env", "dir"]).run().code(1);
    assert_eq!(
        run.findings(),
        ["dir/three.env", "one.env"].map(|place| format!("github-classic-token {place}:1:9"))
    );
    let run = sandbox.kbsec(["scan", "-f", "json", "../one.env"]).current_dir("dir").run().code(1);
    assert_eq!(run.findings(), ["github-classic-token ../one.env:1:9"]);
}

#[test]
fn standard_input_is_scanned() {
    let sandbox = Sandbox::new();
    for arguments in [["scan", "--stdin", "-f", "json"], ["scan", "-", "-f", "json"]] {
        let run = sandbox.kbsec(arguments).stdin(line(&secrets::github(11))).run().code(1);
        assert_eq!(run.findings(), ["github-classic-token <stdin>:1:9"]);
        drop(sandbox.kbsec(arguments).stdin("nothing\n").run().code(0));
    }
}

#[test]
fn encoded_secrets_are_found() {
    let token = secrets::github(12);
    let text = format!("{{\"user\":\"deploy\",\"token\":\"{token}\"}}");
    let percent: String = token.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02X}"));
    let escaped: String = token.bytes().fold(String::new(), |text, byte| text + &format!("\\u{byte:04x}"));
    let utf16: Vec<u8> =
        std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let powershell: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let base64 = STANDARD.encode(&text);
    let wrapped: Vec<_> = base64.as_bytes().chunks(64).map(|part| String::from_utf8_lossy(part)).collect();
    let cases = [
        ("base64", base64.clone().into_bytes()),
        ("base64", URL_SAFE_NO_PAD.encode(&text).into_bytes()),
        ("base64", wrapped.join("\n").into_bytes()),
        ("hex", hex(text.as_bytes()).into_bytes()),
        ("percent", percent.into_bytes()),
        ("escape", escaped.into_bytes()),
        ("utf-16", utf16),
        ("base64, base64", STANDARD.encode(format!("data: {base64}\n")).into_bytes()),
        ("hex, base64", hex(format!("data: {base64}\n").as_bytes()).into_bytes()),
        ("base64, utf-16", STANDARD.encode(&powershell).into_bytes()),
        ("hex, utf-16", hex(&powershell).into_bytes()),
    ];
    for (decoders, bytes) in cases {
        let sandbox = Sandbox::new();
        let head: &[u8] = if decoders == "utf-16" { b"" } else { b"payload: " };
        sandbox.write("hidden.txt", [head, &bytes, if head.is_empty() { b"" } else { b"\n" }].concat());
        let run = sandbox.kbsec(["scan", "-f", "json"]).run();
        let found = run.findings();
        let start = "github-classic-token hidden.txt:1:";
        let right = found.len() == 1 && found[0].ends_with(&format!(" via {decoders}"));
        assert!(right && (found[0].starts_with(start) || bytes.contains(&b'\n')), "{decoders}: {found:?}");
    }
}

#[test]
fn a_secret_across_two_chunks_is_found_once() {
    let sandbox = Sandbox::new();
    let border = 4 << 20;
    for (name, before) in [("a", border - 20), ("b", border - (64 << 10) - 20), ("c", border + 1)] {
        let mut text = "harmless words\n".repeat(before / 15 + 1).into_bytes();
        text.truncate(before - 9);
        text.extend(format!("\nTOKEN = {}\n", secrets::github(13)).bytes());
        text.extend("harmless words\n".repeat(90_000).bytes());
        sandbox.write(name, text);
    }
    let found = sandbox.kbsec(["scan", "-f", "json"]).run().code(1).findings();
    let places: Vec<_> = found.iter().map(|place| place.split(':').next().unwrap()).collect();
    assert_eq!(places, ["a", "b", "c"].map(|name| format!("github-classic-token {name}")));
}

#[test]
fn a_comment_allows_one_secret() {
    let sandbox = Sandbox::new();
    let token = secrets::github(14);
    let allowed =
        ["kbsec:allow", "kbsec:allow github-classic-token: a fixture", "gitleaks:allow", "betterleaks:allow"];
    for (number, comment) in allowed.iter().enumerate() {
        sandbox.write(format!("{number}.env"), format!("TOKEN = {token} # {comment}\n"));
    }
    let run = sandbox.kbsec(["scan", "-f", "json"]).run().code(0);
    assert_eq!(run.findings(), [""; 0]);
    assert_eq!(run.gaps("skipped").len(), allowed.len(), "{:?}", run.gaps("skipped"));
    sandbox.write("other.env", format!("TOKEN = {token} # kbsec:allow aws-access-key-id\n# kbsec:allow\n"));
    let run = sandbox.kbsec(["scan", "-f", "json"]).run().code(1);
    assert_eq!(run.findings(), ["github-classic-token other.env:1:9"]);
}

#[test]
fn upload_jobs_can_ask_for_exit_code_0() {
    let sandbox = Sandbox::new();
    sandbox.write("a.env", line(&secrets::github(15)));
    let run = sandbox.kbsec(["scan", "-f", "json", "--exit-zero"]).run().code(0);
    assert_eq!(run.findings().len(), 1);
}

#[test]
fn staged_changes_are_what_git_would_commit() {
    let sandbox = Sandbox::repository();
    let token = line(&secrets::github(16));
    let scan = || sandbox.kbsec(["scan", "--staged", "-f", "json"]).run();
    // Before the first commit.
    sandbox.stage("a.env", &token);
    assert_eq!(scan().code(1).findings(), ["github-classic-token a.env:1:9"]);
    // Partially staged: only the index counts.
    sandbox.write("a.env", "TOKEN = $TOKEN\n");
    assert_eq!(scan().code(1).findings(), ["github-classic-token a.env:1:9"]);
    sandbox.git(["add", "a.env"]);
    sandbox.write("a.env", &token);
    assert_eq!(scan().code(0).findings(), [""; 0]);
    // After a commit: old content is not asked about again.
    sandbox.git(["add", "a.env"]);
    sandbox.git(["commit", "--quiet", "--message=one"]);
    sandbox.stage("b.txt", "new\n");
    assert_eq!(scan().code(0).findings(), [""; 0]);
    sandbox.git(["mv", "a.env", "c.env"]);
    sandbox.stage("dir/d.env", line(&secrets::github(17)));
    let found = scan().code(1).findings();
    assert!(found.contains(&"github-classic-token dir/d.env:1:9".to_owned()), "{found:?}");
    let run = sandbox.kbsec(["scan", "--staged", "-f", "json"]).current_dir("dir").run().code(1);
    assert_eq!(run.findings(), found);
}

#[test]
fn a_commit_that_adds_nothing_is_clean() {
    let sandbox = Sandbox::repository();
    sandbox.stage("a.env", line(&secrets::github(18)));
    sandbox.git(["commit", "--quiet", "--message=one"]);
    let run = sandbox.kbsec(["scan", "--staged", "-f", "json"]).run().code(0);
    assert!(run.json()["coverage"]["nothing_to_do"].is_string());
    sandbox.git(["rm", "--quiet", "a.env"]);
    drop(sandbox.kbsec(["scan", "--staged"]).run().code(0));
}

#[test]
fn linked_worktrees_have_an_index_of_their_own() {
    let sandbox = Sandbox::repository();
    sandbox.stage("a.txt", "1\n");
    sandbox.git(["commit", "--quiet", "--message=one"]);
    sandbox.git(["worktree", "add", "--quiet", "linked"]);
    sandbox.write("linked/b.env", line(&secrets::github(19)));
    sandbox.git(["-C", "linked", "add", "b.env"]);
    let run = sandbox.kbsec(["scan", "--staged", "-f", "json"]).current_dir("linked").run().code(1);
    assert_eq!(run.findings(), ["github-classic-token b.env:1:9"]);
    drop(sandbox.kbsec(["scan", "--staged"]).run().code(0));
}

#[test]
fn the_index_that_git_names_is_the_one_that_counts() {
    let sandbox = Sandbox::repository();
    sandbox.write("a.env", line(&secrets::github(20)));
    let other = sandbox.path(".git/other-index");
    drop(sandbox.program("git", ["add", "a.env"]).env("GIT_INDEX_FILE", &other).run().code(0));
    drop(sandbox.kbsec(["scan", "--staged"]).run().code(0));
    let run = sandbox.kbsec(["scan", "--staged", "-f", "json"]).env("GIT_INDEX_FILE", &other).run().code(1);
    assert_eq!(run.findings(), ["github-classic-token a.env:1:9"]);
    // As hooks see it: relative, with GIT_DIR.
    let run = sandbox.kbsec(["scan", "--staged", "-f", "json"]);
    let run = run.env("GIT_INDEX_FILE", ".git/other-index").env("GIT_DIR", ".git").run().code(1);
    assert_eq!(run.findings(), ["github-classic-token a.env:1:9"]);
}

#[test]
fn repositories_with_sha_256_are_scanned() {
    let sandbox = Sandbox::new();
    sandbox.git(["init", "--quiet", "--object-format=sha256"]);
    sandbox.stage("a.env", line(&secrets::github(21)));
    let run = sandbox.kbsec(["scan", "--staged", "-f", "json"]).run().code(1);
    assert_eq!(run.findings(), ["github-classic-token a.env:1:9"]);
    let run = sandbox.kbsec(["scan", "-f", "json"]).run().code(1);
    assert_eq!(run.findings(), ["github-classic-token a.env:1:9"]);
}

#[test]
fn the_hook_stops_a_commit() {
    let sandbox = Sandbox::repository();
    drop(sandbox.kbsec(["hook", "install"]).run().code(0));
    drop(sandbox.kbsec(["hook", "status"]).run().code(0));
    let token = secrets::github(22);
    sandbox.stage("a.env", line(&token));
    drop(sandbox.git_unchecked(["commit", "--message=one"]).code(1).mentions("a.env:1:9").keeps(&token));
    drop(sandbox.git_unchecked(["rev-parse", "--verify", "HEAD"]).code(128));
    drop(sandbox.git_unchecked(["commit", "--message=one", "a.env"]).code(1).mentions("a.env:1:9"));
    sandbox.stage("a.env", "TOKEN = $TOKEN\n");
    sandbox.git(["commit", "--quiet", "--message=one"]);
    drop(sandbox.kbsec(["hook", "uninstall"]).run().code(0));
    sandbox.stage("a.env", line(&token));
    sandbox.git(["commit", "--quiet", "--message=two"]);
}

#[test]
fn one_file_adds_a_rule() {
    let sandbox = Sandbox::new();
    let rule = "[[rule]]\nid = \"corp-key\"\ntitle = \"Key of our own service\"\nseverity = \"high\"\nconfidence = \"high\"\n\
                token = { format = [\"corp_{base62:24}\"] }\nexamples = [\"corp_{{base62:24}}\", \"k: corp_{{base62:24}}\"]\n\
                non-examples = [\"corp_{{x*24}}\", \"corp_{{base62:20}}\"]\n\
                [rule.respond]\nimpact = \"Reads every order.\"\nrevoke = [\"Ask the platform team.\"]\n";
    sandbox.write("rules/corp.toml", rule);
    let secret = format!("corp_{}", &secrets::github(23)[10..34]);
    sandbox.write("app/a.env", line(&secret));
    drop(sandbox.kbsec(["rules", "test", "--rules", "rules"]).run().code(0));
    let run = sandbox.kbsec(["scan", "--rules", "rules", "-f", "json", "app"]).run().code(1).keeps(&secret);
    assert_eq!(run.findings(), ["corp-key app/a.env:1:9"]);
    assert_eq!(run.json()["findings"][0]["help"]["impact"], "Reads every order.");
    // Examples that do not hold fail the test of the rule.
    sandbox.write("rules/corp.toml", rule.replace("corp_{{base62:20}}", "corp_{{base62:24}}"));
    drop(sandbox.kbsec(["rules", "test", "--rules", "rules"]).run().code(1).mentions("corp-key"));
}
