//! Logs by recipe: pino lines, plain text, packed files, and lines that are no good.

use std::io::Write;
use std::path::Path;

use super::*;
use crate::check::tests::context;

/// A line as pino writes it; `rest` are further members, such as `,"pluginId":"@acme/x"`.
pub(in crate::check) fn line(level: u64, time: u64, message: &str, rest: &str) -> String {
    let message = serde_json::Value::from(message);
    format!(r#"{{"level":{level},"time":{time},"pid":812,"hostname":"wks7"{rest},"msg":{message}}}"#) + "\n"
}

/// Writes the log of a service, as `kb-dev` keeps it.
pub(in crate::check) fn write(root: &Path, service: &str, text: &str) {
    let folder = root.join(".kb/logs/tmp");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{service}.log")), text).unwrap();
}

fn all(context: &Context) -> (Vec<Record>, Account) {
    let mut records = Vec::new();
    let account = each(context, &mut |record| records.push(record.clone()));
    (records, account)
}

#[test]
fn lines_of_pino_and_plain_text_are_understood() {
    let folder = tempfile::tempdir().unwrap();
    let context = context(folder.path());
    let rest = r#","serviceId":"rest-api","requestId":"req_1","plugin":"@acme/x","err":{"message":"refused","stack":"Error: no\n at f"}"#;
    let mut text = line(50, 1_740_839_000_123, "cannot", rest);
    text += "[2025-03-01 12:00:00.000 +0000] \u{1b}[31mERROR\u{1b}[39m (rest): boom\n";
    text += "Error: listen EADDRINUSE: address already in use :::4000\n    at Server.listen\n{\"level\":\n";
    text +=
        r#"{"level":"warn","timestamp":"2025-03-01T12:00:01Z","message":"low","meta":{"pluginId":"@b/y"}}"#;
    write(folder.path(), "rest", &text);
    let (records, account) = all(&context);
    assert_eq!((account.files, account.lines, records.len()), (1, 6, 6));
    let first = &records[0];
    assert_eq!((first.level, first.time), (Some(Level::Error), Some(1_740_839_000_123)));
    assert_eq!(
        (&*first.service, first.plugin(), first.complaint().as_str()),
        ("rest-api", Some("@acme/x"), "cannot: refused")
    );
    assert!(first.belongs_to("req_1") && first.stack().is_some());
    assert_eq!((records[1].level, records[1].time), (Some(Level::Error), Some(1_740_830_400_000)));
    assert!(records[2].is_error() && records[3].level.is_none());
    assert_eq!(records[4].level, None);
    assert_eq!((records[5].level, records[5].plugin()), (Some(Level::Warn), Some("@b/y")));
    assert_eq!(records[5].place(), ".kb/logs/tmp/rest.log:6");
}

#[test]
fn lines_of_the_journal_are_understood() {
    let origin = record::Origin { file: "journal".into(), service: "gateway".into() };
    let text = "1740839400.123456 wks7 node[4411]: ".to_owned() + &line(60, 1_740_839_400_120, "bad", "");
    let record = Record::parse(&origin, 1, text.trim_end().as_bytes());
    assert_eq!(
        (record.level, record.time, record.pid),
        (Some(Level::Fatal), Some(1_740_839_400_120), Some(812))
    );
    let record = Record::parse(&origin, 2, b"1740839400.123456 wks7 systemd[1]: Started kb-gateway.");
    assert_eq!((record.message.as_str(), record.pid), ("Started kb-gateway.", Some(1)));
}

#[test]
fn packed_rotated_and_endless_lines_are_read_within_limits() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join(".kb/logs");
    std::fs::create_dir_all(&logs).unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(line(50, 1, "old", "").as_bytes()).unwrap();
    std::fs::write(logs.join("rest.log.2.gz"), packed.finish().unwrap()).unwrap();
    let endless = "x".repeat(1 << 20) + "\n" + &line(30, 2, "new", "");
    std::fs::write(logs.join("rest.log"), endless).unwrap();
    std::fs::write(logs.join("notes.txt"), "ERROR").unwrap();
    let (records, account) = all(&context(folder.path()));
    assert_eq!((records.len(), account.files), (3, 2));
    assert!(records.iter().all(|record| record.message.len() <= 64 << 10));
    assert!(
        records.iter().any(|record| record.message == "old")
            && records.iter().any(|record| record.message == "new")
    );
}

#[test]
fn of_a_large_file_the_end_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("big.log");
    let text: String = (0..1000).map(|number| format!("line {number}\n")).collect();
    std::fs::write(&path, text).unwrap();
    let mut seen = Vec::new();
    let extent =
        stream::lines(&path, 25, &mut |_, line| seen.push(String::from_utf8_lossy(line).into_owned()));
    assert!(extent.unwrap().is_cut);
    assert_eq!(seen, ["line 998", "line 999"]);
}
