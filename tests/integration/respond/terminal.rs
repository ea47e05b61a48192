//! Incidents at a terminal: every prompt and Ctrl-C, at a pseudo-terminal that Python provides.

use std::fs;

use super::{assert_hidden, incident, incidents, key, leak};
use crate::common::Sandbox;

/// Runs a program at a terminal, waits for texts and types answers; prints what was seen, how the terminal was left and
/// how the program ended. Its arguments: columns, a JSON list of [text to wait for, what to type], the command.
const DRIVER: &str = r#"
import json, os, pty, select, struct, sys, termios, time, fcntl
columns, script, command = int(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:]
pid, master = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
seen, at, end = b"", 0, time.time() + 60
def read():
    global seen
    ready, _, _ = select.select([master], [], [], 0.05)
    if not ready: return True
    try: data = os.read(master, 65536)
    except OSError: return False
    seen += data
    return bool(data)
echo = None
for wanted, typed in script:
    while wanted.encode() not in seen[at:]:
        if not read() or time.time() > end:
            sys.stdout.write(seen.decode(errors="replace"))
            sys.exit(f"never saw {wanted!r}")
    at = seen.index(wanted.encode(), at) + len(wanted)
    time.sleep(0.25)
    echo = termios.tcgetattr(master)[3] & termios.ECHO
    os.write(master, typed.encode())
while time.time() < end and read(): pass
_, status = os.waitpid(pid, 0)
after = termios.tcgetattr(master)[3] & termios.ECHO
print(json.dumps({"seen": seen.decode(errors="replace"), "echo": bool(after), "last_echo": bool(echo), "code": os.waitstatus_to_exitcode(status)}))
"#;

/// What came of a session at a terminal.
struct Session {
    seen: String,
    /// Whether typing is visible after it.
    echo: bool,
    /// Whether it was at the last question.
    last_echo: bool,
    code: i64,
}

fn at_terminal(sandbox: &Sandbox, columns: usize, script: &[(&str, &str)], arguments: &[&str]) -> Session {
    let driver = sandbox.write("../driver.py", DRIVER);
    let script = serde_json::to_string(&script).unwrap();
    let columns = columns.to_string();
    let mut all = vec![driver.to_str().unwrap(), &columns, &script, env!("CARGO_BIN_EXE_kbsec")];
    all.extend(arguments);
    let run = sandbox.program("python3", all).env("TERM", "dumb").run().code(0);
    let value: serde_json::Value = serde_json::from_str(run.stdout.lines().last().unwrap()).unwrap();
    Session {
        seen: value["seen"].as_str().unwrap().to_owned(),
        echo: value["echo"].as_bool().unwrap(),
        last_echo: value["last_echo"].as_bool().unwrap(),
        code: value["code"].as_i64().unwrap(),
    }
}

#[test]
fn keys_notes_skips_and_ctrl_c_at_questions() {
    let sandbox = Sandbox::new();
    let script = [
        ("What did you do? (nothing is an answer)", "?\n"),
        ("Users can work while you look for the cause.", "n\n"),
        ("note > ", "the pager was late\n"),
        ("written down", "l\n"),
        ("note relieve the pager was late", "s\n"),
        ("why is it left out? > ", "nobody may\n"),
        ("Where is the follow-up?", "\u{3}"),
    ];
    let script: Vec<(&str, &str)> = [("Which plugin?", "\n")].into_iter().chain(script).collect();
    let session = at_terminal(&sandbox, 60, &script, &["respond", "high-latency"]);
    assert_eq!(session.code, 130, "{}", session.seen);
    let id = incident(&sandbox);
    assert!(session.seen.contains(&format!("kbsec respond --resume {id}")), "{}", session.seen);
    assert!(session.echo && session.last_echo);
    for line in session.seen.lines().filter(|line| !line.contains(&id)) {
        assert!(line.trim_end().chars().count() <= 60, "{line}");
    }
    let log = fs::read_to_string(incidents(&sandbox).join(&id).join("log.jsonl")).unwrap();
    for kind in ["note", "skipped", "interrupted"] {
        assert!(log.contains(&format!("\"kind\":\"{kind}\"")), "{kind}\n{log}");
    }
}

#[test]
fn the_value_of_a_leak_is_asked_for_and_never_seen() {
    let (sandbox, _consumer, _) = leak();
    let value = key();
    let typed = format!("{value}\n");
    let script = [
        ("never stored): ", typed.as_str()),
        ("Revoke the key, now", ""),
        ("d = done > ", "d\n"),
        ("(a word, or Enter) > ", "key 17, 14:03\n"),
        ("Under which name is the new key stored?", "q\n"),
    ];
    let session = at_terminal(&sandbox, 80, &script, &["leak-response"]);
    assert_eq!(session.code, 10, "{}", session.seen);
    assert!(session.seen.contains("Paused. Everything is in the log.") && session.echo, "{}", session.seen);
    assert!(session.seen.contains("Anthropic") || session.seen.contains("anthropic"), "{}", session.seen);
    assert_hidden(&value, &incidents(&sandbox), &[&session.seen]);
}

#[test]
fn ctrl_c_while_typing_invisibly_leaves_the_terminal_in_order() {
    let sandbox = Sandbox::repository();
    let session = at_terminal(&sandbox, 80, &[("never stored): ", "abc\u{3}")], &["leak-response"]);
    assert!(!session.last_echo, "what was typed could be seen");
    assert!(session.echo, "typing stays invisible");
    assert!(!session.seen.contains("abc"), "{}", session.seen);
    assert_eq!(session.code, 2, "{}", session.seen);
}

#[test]
fn what_was_typed_before_a_dangerous_question_is_no_answer() {
    let sandbox = Sandbox::new();
    sandbox.write(
        ".kb/marketplace.lock",
        r#"{"schema":"kb.marketplace/2","installed":{"@a/b":{"enabled":true}}}"#,
    );
    let script = [("Which plugin?", "@a/b\ny\ny\ny\n"), ("y = do it > ", "q\n")];
    let session = at_terminal(&sandbox, 80, &script, &["respond", "rogue-plugin"]);
    assert_eq!(session.code, 10, "{}", session.seen);
    let lock = fs::read_to_string(sandbox.path(".kb/marketplace.lock")).unwrap();
    assert!(lock.contains("true"), "it was disabled by what nobody meant: {lock}\n{}", session.seen);
}
