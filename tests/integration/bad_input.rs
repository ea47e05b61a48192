//! Bad input: whatever goes wrong is named, says what to do next, leaves nothing half-written, and is never exit code 0.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kbsec::report::Format;

use crate::common::{Invocation, Run, Sandbox, wait};
use crate::secrets;

fn json(sandbox: &Sandbox, paths: &[&str]) -> Run {
    sandbox.kbsec(["scan", "-f", "json"].iter().chain(paths)).run()
}

/// kbsec without the rights by which root reads everything; what a file's mode forbids is then forbidden.
#[cfg(unix)]
fn without_privileges<'a>(sandbox: &'a Sandbox, arguments: &[&str]) -> Invocation<'a> {
    let is_root = sandbox.program("id", ["-u"]).run().code(0).stdout.trim() == "0";
    if !is_root {
        return sandbox.kbsec(arguments);
    }
    let drop = ["--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"];
    sandbox.program("setpriv", drop.iter().chain(&[env!("CARGO_BIN_EXE_kbsec")]).chain(arguments))
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
#[cfg(unix)]
fn a_file_or_directory_without_permission_is_missed() {
    let sandbox = Sandbox::new();
    sandbox.write("open.txt", "1\n");
    set_mode(&sandbox.write("closed.txt", "2\n"), 0o000);
    set_mode(sandbox.write("folder/in.txt", "3\n").parent().unwrap(), 0o000);
    let run = without_privileges(&sandbox, &["scan", "-f", "json"]).run();
    let named = without_privileges(&sandbox, &["scan", "closed.txt"]).run();
    set_mode(&sandbox.path("folder"), 0o755);
    let run = run.code(3);
    let missed = run.gaps("missed");
    assert!(
        missed.len() == 2 && missed[0].starts_with("closed.txt: ") && missed[1].starts_with("folder: "),
        "{missed:?}"
    );
    assert!(missed.iter().all(|gap| gap.to_lowercase().contains("permission denied")), "{missed:?}");
    drop(named.code(3).mentions("closed.txt"));
}

#[test]
fn a_path_that_is_not_there_is_named() {
    let sandbox = Sandbox::new();
    sandbox.write("a.txt", "1\n");
    for path in ["missing.txt", "a.txt/below"] {
        for arguments in [vec!["scan", path], vec!["scan", "a.txt", path]] {
            let run = sandbox.kbsec(&arguments).run().mentions(path);
            assert!(matches!(run.code, Some(2 | 3)), "{arguments:?}: {run:?}");
        }
    }
}

#[test]
#[cfg(unix)]
fn a_broken_link_is_named_when_asked_for_and_left_out_otherwise() {
    let sandbox = Sandbox::new();
    sandbox.write("a.txt", "1\n");
    std::os::unix::fs::symlink("nowhere", sandbox.path("link")).unwrap();
    let run = sandbox.kbsec(["scan", "link"]).run().mentions("link");
    assert!(matches!(run.code, Some(2 | 3)), "{run:?}");
    drop(sandbox.kbsec(["scan"]).run().code(0));
}

#[test]
#[cfg(unix)]
fn links_are_not_followed_out_of_the_tree() {
    let sandbox = Sandbox::new();
    sandbox.write("../outside/secret.env", secrets::github(30));
    sandbox.write("tree/a.txt", "1\n");
    std::os::unix::fs::symlink("../../outside", sandbox.path("tree/link")).unwrap();
    std::os::unix::fs::symlink(".", sandbox.path("tree/circle")).unwrap();
    drop(sandbox.kbsec(["scan", "tree"]).run().code(0));
}

#[test]
#[cfg(unix)]
fn a_named_pipe_in_a_tree_does_not_block() {
    let sandbox = Sandbox::new();
    sandbox.write("a.env", secrets::github(31));
    drop(sandbox.program("mkfifo", ["pipe"]).run().code(0));
    assert_eq!(json(&sandbox, &[]).code(1).findings(), ["github-classic-token a.env:1:1"]);
}

#[test]
fn bytes_that_are_no_text_do_not_hide_a_secret() {
    let sandbox = Sandbox::new();
    let token = secrets::github(32);
    let around: [(&str, &[u8], &[u8]); 4] = [
        ("invalid-utf-8", b"\xff\xfe\xfa\xc3(", b"\xf0\x9f\xff"),
        ("nul", b"\0\0\0", b"\0\0"),
        ("executable", b"\x7fELF\x02\x01\x01\0\0\0\0\0", b"\0"),
        ("carriage-returns", b"a\r\nb\r", b"\r\n"),
    ];
    for (name, before, after) in around {
        sandbox.write(name, [before, token.as_bytes(), after].concat());
    }
    let found = json(&sandbox, &[]).code(1).findings();
    assert_eq!(found.len(), around.len(), "{found:?}");
}

#[test]
#[cfg(unix)]
fn names_cannot_attack_the_terminal() {
    use std::os::unix::ffi::OsStringExt;
    let sandbox = Sandbox::new();
    let name = std::ffi::OsString::from_vec(b"a\x1b]0;owned\x07\r\xe2\x80\xae\xff.env".to_vec());
    std::fs::write(sandbox.path(&name), secrets::github(33)).unwrap();
    for format in Format::ALL.map(Format::name) {
        let run = sandbox.kbsec(["scan", "-f", format]).run().code(1);
        for raw in ['\x1b', '\x07', '\r', '\u{202e}'] {
            assert!(
                !run.stdout.contains(raw) && !run.stderr.contains(raw),
                "{format} shows {raw:?}: {run:?}"
            );
        }
    }
}

#[test]
fn a_file_above_the_limit_is_missed_at_once() {
    let sandbox = Sandbox::new();
    sandbox.write("a.txt", "1\n");
    File::create(sandbox.path("huge.bin")).unwrap().set_len(4 << 30).unwrap();
    let start = Instant::now();
    let run = json(&sandbox, &[]).code(3);
    assert!(start.elapsed() < Duration::from_secs(10), "it took {:?}", start.elapsed());
    let missed = run.gaps("missed");
    assert!(missed.len() == 1 && missed[0].starts_with("huge.bin: "), "{missed:?}");
    drop(sandbox.kbsec(["scan"]).run().code(3).mentions("huge.bin"));
    drop(sandbox.kbsec(["scan", "--allow-incomplete"]).run().code(0).mentions("huge.bin"));
}

#[test]
fn a_file_that_changes_while_it_is_read_is_missed() {
    let sandbox = Sandbox::new();
    let path = sandbox.write("busy.log", "harmless words\n".repeat(1_000_000));
    let done = AtomicBool::new(false);
    let run = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut log = File::options().append(true).open(&path).unwrap();
            while !done.load(Ordering::Relaxed) {
                log.write_all(b"more\n").unwrap();
                std::thread::sleep(Duration::from_micros(200));
            }
        });
        let run = json(&sandbox, &[]);
        done.store(true, Ordering::Relaxed);
        run
    });
    assert_eq!(run.code(3).gaps("missed"), ["busy.log: it changed while it was read"]);
}

#[test]
fn findings_beat_gaps_and_the_report_says_both() {
    let sandbox = Sandbox::new();
    sandbox.write("a.env", secrets::github(34));
    File::create(sandbox.path("huge.bin")).unwrap().set_len(4 << 30).unwrap();
    drop(sandbox.kbsec(["scan"]).run().code(1).mentions("a.env:1:1").mentions("huge.bin"));
}

#[test]
fn looking_at_nothing_is_not_clean() {
    let sandbox = Sandbox::new();
    drop(sandbox.kbsec(["scan"]).run().code(3));
    sandbox.write("sub/empty/.keep", "");
    std::fs::remove_file(sandbox.path("sub/empty/.keep")).unwrap();
    drop(sandbox.kbsec(["scan", "sub"]).run().code(3));
    drop(sandbox.kbsec(["scan", "--allow-incomplete"]).run().code(0));
    let sandbox = Sandbox::repository();
    sandbox.write(".git/info/exclude", "*\n");
    sandbox.write("a.env", secrets::github(35));
    drop(sandbox.kbsec(["scan"]).run().code(3));
}

#[test]
fn deep_folders_are_walked_to_the_end() {
    let sandbox = Sandbox::new();
    let deep = "d/".repeat(900);
    sandbox.write(format!("{deep}a.env"), secrets::github(36));
    assert_eq!(json(&sandbox, &[]).code(1).findings(), [format!("github-classic-token {deep}a.env:1:1")]);
}

#[test]
#[cfg(unix)]
fn a_path_longer_than_the_system_allows_is_never_clean() {
    let sandbox = Sandbox::new();
    let name = "n".repeat(200);
    let script = format!(
        "i=0; while [ $i -lt 25 ]; do mkdir {name} && cd -P {name} || exit 1; i=$((i+1)); done; cat > a.env"
    );
    drop(sandbox.program("sh", ["-c", &script]).stdin(secrets::github(37)).run().code(0));
    let run = json(&sandbox, &[]);
    assert!(matches!(run.code, Some(1 | 3)), "{run:?}");
}

#[test]
fn deep_nesting_inside_a_file_is_bounded() {
    let sandbox = Sandbox::new();
    let token = secrets::github(38);
    sandbox.write("brackets.json", "[".repeat(1 << 20) + &token);
    let mut nested = format!("x {token}");
    for _ in 0..24 {
        use base64::Engine;
        nested = base64::engine::general_purpose::STANDARD.encode(&nested);
    }
    sandbox.write("nested.txt", nested);
    let start = Instant::now();
    let found = json(&sandbox, &[]).code(1).findings();
    assert!(found[0].starts_with("github-classic-token brackets.json:1:"), "{found:?}");
    assert!(start.elapsed() < Duration::from_secs(20), "it took {:?}", start.elapsed());
}

#[test]
fn a_bad_rule_file_is_explained() {
    let sandbox = Sandbox::new();
    sandbox.write("a.txt", "1\n");
    let rule = "[[rule]]\nid = \"corp-key\"\ntitle = \"Key\"\nseverity = \"high\"\nconfidence = \"high\"\n";
    let cases = [
        ("token = { format = [\"corp_{base62:20}\"] }\nsevrity = 1\n", ["line 7", "column 1", "severity"]),
        ("token = { format = [\"corp_{base62:20}\"], entrpy = 2.0 }\n", ["line 6", "column", "entropy"]),
        ("token = { format = [\"corp_{base62:20}\"\n", ["line", "column", "bad.toml"]),
        ("[rule.respond]\nimpact = 1\n", ["line 7", "column", "bad.toml"]),
    ];
    for (rest, expected) in cases {
        sandbox.write("bad.toml", rule.to_owned() + rest);
        let mut run = sandbox.kbsec(["scan", "--rules", "bad.toml"]).run().code(2);
        for text in expected {
            run = run.complains(text);
        }
        assert_eq!(run.stdout, "", "{rest}");
    }
    drop(sandbox.kbsec(["scan", "--rules", "missing.toml"]).run().code(2).complains("missing.toml"));
}

#[test]
fn rules_that_are_not_there_do_not_pass_for_rules() {
    let sandbox = Sandbox::new();
    sandbox.write("a.txt", "1\n");
    sandbox.write("empty.toml", "# no rules yet\n");
    sandbox.write("folder/rules.yaml", "rule:\n");
    for path in ["empty.toml", "folder"] {
        let run = sandbox.kbsec(["scan", "--rules", path]).run().code(2);
        drop(run.complains(path).complains("holds no rules").complains("[[rule]]"));
    }
}

#[test]
fn a_rule_that_says_nothing_or_too_much_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("a.txt", "1\n");
    let head = |id: &str| {
        format!("[[rule]]\nid = \"{id}\"\ntitle = \"Key\"\nseverity = \"high\"\nconfidence = \"high\"\n")
    };
    let cases = [
        (head("corp-key"), "corp-key"),
        (head("Corp Key") + "token = { format = [\"corp_{base62:20}\"] }\n", "Corp Key"),
        (
            head("github-classic-token") + "token = { format = [\"corp_{base62:20}\"] }\n",
            "github-classic-token",
        ),
        (head("corp-key") + "regex = { pattern = \"corp-(\" }\n", "corp-key"),
        (head("corp-key") + "token = { format = [\"corp_{nonsense:20}\"] }\n", "nonsense"),
    ];
    for (text, expected) in cases {
        sandbox.write("bad.toml", &text);
        drop(
            sandbox
                .kbsec(["scan", "--rules", "bad.toml"])
                .run()
                .code(2)
                .complains("bad.toml: line ")
                .complains(expected),
        );
    }
}

#[test]
fn an_unknown_setting_is_explained() {
    let sandbox = Sandbox::repository();
    sandbox.write("a.txt", "1\n");
    sandbox.write("kbsec.toml", "max-file-size = 1000\nexlude = [\"*.txt\"]\n");
    let run = sandbox.kbsec(["scan"]).run().code(2);
    drop(run.complains("kbsec.toml").complains("line 2").complains("exclude"));
    drop(sandbox.kbsec(["scan", "--staged"]).run().code(2).complains("line 2"));
    drop(sandbox.kbsec(["scan", "--config", "missing.toml"]).run().code(2).complains("missing.toml"));
}

#[test]
fn settings_that_cannot_be_read_do_not_pass_for_none() {
    let sandbox = Sandbox::repository();
    sandbox.write("a.txt", "1\n");
    std::fs::create_dir(sandbox.path("kbsec.toml")).unwrap();
    let run = sandbox.kbsec(["scan"]).run().code(2);
    drop(run.complains("cannot read configuration").complains("--no-config"));
    drop(sandbox.kbsec(["scan", "--no-config"]).run().code(0));
    #[cfg(unix)]
    {
        std::fs::remove_dir(sandbox.path("kbsec.toml")).unwrap();
        std::os::unix::fs::symlink("nowhere", sandbox.path("kbsec.toml")).unwrap();
        drop(sandbox.kbsec(["scan"]).run().code(2).complains("cannot read configuration"));
    }
}

#[test]
fn nothing_can_be_staged_in_a_bare_repository() {
    let sandbox = Sandbox::new();
    drop(sandbox.git(["init", "--quiet", "--bare", "."]));
    let run = sandbox.kbsec(["scan", "--staged"]).run().code(2);
    drop(run.complains("bare repository").complains("clone"));
}

#[test]
fn a_broken_repository_is_never_clean() {
    let broken: [(&str, &[u8]); 3] =
        [(".git/index", b"DIRC"), (".git/index", &[7; 400]), (".git/HEAD", b"\0nonsense")];
    for (path, bytes) in broken {
        let sandbox = Sandbox::repository();
        sandbox.stage("a.env", secrets::github(39));
        sandbox.write(path, bytes);
        let run = sandbox.kbsec(["scan", "--staged"]).run();
        assert!(matches!(run.code, Some(2 | 3)) && run.stderr.len() > 40, "{path}: {run:?}");
    }
}

#[test]
fn a_damaged_index_is_found_by_its_checksum() {
    let sandbox = Sandbox::repository();
    sandbox.stage("a.env", secrets::github(40));
    let path = sandbox.path(".git/index");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(5).position(|part| part == b"a.env").unwrap();
    bytes[at] = b'b';
    std::fs::write(&path, bytes).unwrap();
    drop(sandbox.kbsec(["scan", "--staged"]).run().code(2).complains("index"));
}

#[test]
fn a_staged_blob_that_is_gone_is_missed() {
    let sandbox = Sandbox::repository();
    sandbox.stage("kept.txt", "1\n");
    sandbox.stage("gone.txt", "2\n");
    let id = sandbox.git(["rev-parse", ":gone.txt"]);
    std::fs::remove_file(sandbox.path(format!(".git/objects/{}/{}", &id[..2], &id[2..]))).unwrap();
    let run = sandbox.kbsec(["scan", "--staged", "-f", "json"]).run().code(3);
    let missed = run.gaps("missed");
    assert!(missed.len() == 1 && missed[0].starts_with("gone.txt: "), "{missed:?}");
}

#[test]
fn staged_changes_need_a_repository() {
    let sandbox = Sandbox::new();
    sandbox.write("a.txt", "1\n");
    let run = sandbox.kbsec(["scan", "--staged"]).run().code(2).complains("repository");
    assert_eq!(run.stdout, "");
    drop(sandbox.kbsec(["scan", "--staged"]).env("GIT_DIR", "nowhere").run().code(2).complains("nowhere"));
    drop(sandbox.kbsec(["hook", "install"]).run().code(2).complains("repository"));
}

#[test]
fn wrong_arguments_are_explained() {
    let sandbox = Sandbox::new();
    sandbox.write("a.txt", "1\n");
    for arguments in
        [vec!["scna"], vec!["scan", "--stagd"], vec!["scan", "-f", "yaml"], vec!["scan", "--staged", "a.txt"]]
    {
        let run = sandbox.kbsec(&arguments).run().code(2);
        assert!(run.stdout.is_empty() && run.stderr.len() > 20, "{run:?}");
    }
    drop(sandbox.kbsec(["scan", "-f", "yaml"]).run().code(2).complains("sarif"));
    drop(
        sandbox
            .kbsec(["rules", "show", "github-clasic-token"])
            .run()
            .code(2)
            .complains("github-classic-token"),
    );
}

#[test]
fn secrets_are_revealed_on_a_terminal_only() {
    let sandbox = Sandbox::new();
    let token = secrets::github(41);
    sandbox.write("a.env", &token);
    drop(sandbox.kbsec(["scan", "--reveal"]).run().code(2).complains("terminal").keeps(&token));
}

#[test]
fn a_report_that_cannot_be_written_leaves_the_old_one() {
    let sandbox = Sandbox::new();
    sandbox.write("in/a.env", secrets::github(42));
    sandbox.write("old/report.json", "old");
    for target in ["missing/report.json", "in", "in/a.env/report.json"] {
        let run = sandbox.kbsec(["scan", "in", "-f", "json", "-o", target]).run().code(2).complains(target);
        assert_eq!(run.stdout, "");
    }
    #[cfg(unix)]
    {
        set_mode(&sandbox.path("old"), 0o555);
        let run = without_privileges(&sandbox, &["scan", "in", "-f", "json", "-o", "old/report.json"]).run();
        set_mode(&sandbox.path("old"), 0o755);
        drop(run.code(2).complains("old/report.json"));
    }
    assert_eq!(std::fs::read_to_string(sandbox.path("old/report.json")).unwrap(), "old");
    assert_eq!(std::fs::read_dir(sandbox.path("old")).unwrap().count(), 1, "something half-written was left");
    drop(sandbox.kbsec(["scan", "in", "-f", "json", "-o", "old/report.json"]).run().code(1));
    assert!(std::fs::read_to_string(sandbox.path("old/report.json")).unwrap().starts_with('{'));
}

#[test]
#[cfg(unix)]
fn a_report_goes_where_the_link_points_and_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::new();
    sandbox.write("in/a.env", secrets::github(44));
    let real = sandbox.write("real.json", "old");
    set_mode(&real, 0o600);
    std::os::unix::fs::symlink("real.json", sandbox.path("link.json")).unwrap();
    let run = sandbox.kbsec(["scan", "in", "-f", "json", "-o", "link.json"]).run().code(1);
    drop(run.complains("1 secret found; the report is in link.json"));
    assert!(sandbox.path("link.json").is_symlink());
    assert!(std::fs::read_to_string(&real).unwrap().starts_with('{'));
    assert_eq!(std::fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
    let run = sandbox.kbsec(["scan", "in", "-q", "-f", "json", "-o", "-"]).run().code(1);
    assert_eq!((run.findings().len(), run.stderr.as_str()), (1, ""));
}

#[test]
#[cfg(target_os = "linux")]
fn a_reader_of_hook_status_may_leave_early() {
    let sandbox = Sandbox::repository();
    let mut command = sandbox.kbsec(["hook", "status"]).into_command();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(1), &b""[..]));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_noticed() {
    let sandbox = Sandbox::new();
    sandbox.write("a.env", secrets::github(43));
    for format in Format::ALL.map(Format::name) {
        drop(sandbox.kbsec(["scan", "-f", format, "-o", "/dev/full"]).run().code(2).complains("/dev/full"));
        let mut command = sandbox.kbsec(["scan", "-f", format]).into_command();
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{format}: {said}");
        assert!(said.contains("No space left"), "{format}: {said}");
    }
    for arguments in [&["rules", "list"][..], &["--version"], &["--help"]] {
        let mut command = sandbox.kbsec(arguments).into_command();
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains("No space left") && said.contains("free some space"), "{arguments:?}: {said}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let sandbox = Sandbox::new();
    let many: String = (0..4000).map(|seed| secrets::github(seed) + "\n").collect();
    sandbox.write("many.txt", many);
    for format in Format::ALL.map(Format::name) {
        let mut command = sandbox.kbsec(["scan", "-f", format]).into_command();
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0; 1];
        let mut pipe = child.stdout.take().unwrap();
        pipe.read_exact(&mut first).unwrap();
        drop(pipe);
        let code = wait(&mut child, format);
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!((code, said.as_str()), (Some(1), ""), "{format}");
    }
}

/// Sends SIGINT as soon as the program is ready for it.
#[cfg(target_os = "linux")]
fn interrupt(child: &Child) {
    let caught = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim().to_owned();
        u64::from_str_radix(&mask, 16).unwrap() & 2 != 0
    };
    let start = Instant::now();
    while !caught() {
        assert!(start.elapsed() < Duration::from_secs(60), "the program never listened for an interrupt");
        std::thread::sleep(Duration::from_millis(2));
    }
    let done = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(done.success());
}

#[test]
#[cfg(target_os = "linux")]
fn an_interrupt_ends_a_scan_with_130() {
    let sandbox = Sandbox::new();
    sandbox.write("old.json", "old");
    let mut command = sandbox.kbsec(["scan", "--stdin", "-f", "json", "-o", "old.json"]).into_command();
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(b"never the end\n").unwrap();
    interrupt(&child);
    let start = Instant::now();
    assert_eq!(wait(&mut child, "kbsec scan --stdin"), Some(130));
    assert!(start.elapsed() < Duration::from_secs(10), "it took {:?}", start.elapsed());
    drop(pipe);
    let left = std::fs::read_to_string(sandbox.path("old.json")).unwrap();
    assert!(
        left == "old" || serde_json::from_str::<serde_json::Value>(&left).is_ok(),
        "half a report: {left}"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn an_interrupted_scan_of_a_tree_reports_what_it_has() {
    let sandbox = Sandbox::new();
    sandbox.write("a.env", secrets::github(44));
    let words = "harmless words that take time to read\n".repeat(400_000);
    for number in 0..24 {
        sandbox.write(format!("big/{number}.txt"), &words);
    }
    let mut command = sandbox.kbsec(["scan", "-f", "json"]).into_command();
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    interrupt(&child);
    let code = wait(&mut child, "kbsec scan");
    let mut report = String::new();
    child.stdout.take().unwrap().read_to_string(&mut report).unwrap();
    assert_eq!(code, Some(130));
    if !report.is_empty() {
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        assert_eq!((&report["run"]["interrupted"], &report["run"]["exit_code"]), (&true.into(), &130.into()));
    }
}
