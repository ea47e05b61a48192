//! One sample report for every format, what each format makes of it, and what none may ever do.
//!
//! `tests/fixtures/report/sample.<format>` holds the expected reports. After a wanted change, rewrite them with
//! `cargo test --lib rewrite_expected_reports -- --ignored` and read the difference.

// This file is for tests only, so this module is too: the attribute tells the architecture test.
#[cfg(test)]
mod history;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::terminal::is_hidden;
use super::*;
use crate::coverage::Gap;
use crate::finding::{
    Confidence, Decoding, Evidence, FindingBuilder, Help, Location, Origin, RuleId, Severity,
};
use crate::secret::{FingerprintKey, Secret};
use crate::span::{ByteSpan, Position};

/// A report that owns its parts.
pub(super) struct Sample {
    pub(super) findings: Vec<Finding>,
    pub(super) coverage: Coverage,
    pub(super) rules: Vec<Arc<RuleMeta>>,
    pub(super) run: Run,
}

impl Sample {
    fn report(&self) -> Report<'_> {
        Report { findings: &self.findings, coverage: &self.coverage, rules: &self.rules, run: &self.run }
    }

    pub(super) fn write(&self, format: Format, style: Style) -> String {
        let mut out = Vec::new();
        format.reporter(style).write(&self.report(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// A run over two files that found nothing.
    pub(super) fn clean() -> Self {
        let mut coverage = Coverage::default();
        coverage.examined(1200);
        coverage.examined(34);
        Self { findings: Vec::new(), coverage, rules: vec![github()], run: run() }
    }

    /// Every kind of finding and of gap.
    pub(super) fn full() -> Self {
        let rules = vec![manifest(), github(), password(), key()];
        let mut findings =
            vec![leaked_token(), second_token(), leaked_key(), leaked_password(), broad_manifest()];
        findings.extend(history::findings());
        let kinds = vec![("files", 4843), ("blobs", 12_004), ("commits", 1), ("tags", 0)];
        let mut coverage = Coverage { items: 16_848, bytes: 60_123_456, kinds, ..Coverage::default() };
        for number in 1..=12 {
            coverage.skipped.push(Gap::new(format!("images/{number}.png"), "picture"));
        }
        let limit =
            Gap::new("dump.sql", "larger than the limit of 256 MiB").hint("Raise it with --max-size.");
        coverage.skipped.push(limit);
        let denied = Gap::new("config/private.env", "permission denied");
        coverage.missed.push(denied.hint("Run kbsec as a user who may read it."));
        coverage.missed.push(Gap::new("logs/today.log", "changed while it was read"));
        let repository = Repository {
            uri: Some("https://example.com/team/project.git".into()),
            revision: Some("5f2b".repeat(10)),
            branch: Some("main".into()),
        };
        let subject = "3 paths and their history".to_owned();
        let run = Run { exit_code: 1, repository: Some(repository), subject, ..run() };
        Self { findings, coverage, rules, run }
    }

    /// More of everything than a report may hold: one token at 150 places comes last but is the worst.
    pub(super) fn huge() -> Self {
        let mut findings: Vec<_> = (0..5001)
            .map(|at| FindingBuilder::new(manifest()).location(place(file(&format!("{at}.json")), 1)))
            .map(|builder| builder.build(&FingerprintKey::default()).unwrap())
            .collect();
        let places = (1..=150).map(|line| place(file("token"), line)).collect();
        findings.push(build(github(), &token('a'), "ghp_", &[], places));
        let mut coverage = Coverage { items: 1, ..Coverage::default() };
        for at in 0..1000 {
            coverage.missed.push(Gap::new(at.to_string(), "permission denied"));
            coverage.skipped.push(Gap::new(at.to_string(), format!("reason {at}")));
        }
        Self { findings, coverage, rules: Vec::new(), run: run() }
    }

    /// Everything that comes from scanned content or from rules tries to harm its reader.
    pub(super) fn hostile() -> Self {
        let rule = Arc::new(RuleMeta { title: HOSTILE.into(), ..(*github()).clone() });
        let mut builder =
            FindingBuilder::new(Arc::clone(&rule)).evidence(Evidence::new(Secret::new(token('h')), ""));
        builder = builder.reason(HOSTILE).location(place(file(HOSTILE), 1));
        let path = Path::new("bad").join(not_utf8());
        builder =
            builder.location(place(Origin::File { path }, 2)).location(place(file("a b%41:1,2.txt"), 3));
        let findings = vec![builder.build(&FingerprintKey::default()).unwrap(), history::hostile()];
        let mut coverage = Coverage::default();
        coverage.examined(1);
        coverage.skipped.push(Gap::new(HOSTILE, HOSTILE).hint(HOSTILE));
        coverage.missed.push(Gap::new(HOSTILE, HOSTILE).hint(HOSTILE));
        let run = Run { subject: HOSTILE.into(), ..run() };
        Self { findings, coverage, rules: vec![rule], run }
    }
}

const HOSTILE: &str =
    "x\u{1b}[31m\r::error::forged\n::error::forged\u{202e}\u{200b}\u{9b}50% [a](b) {0} \\\"<&";

fn run() -> Run {
    Run {
        version: "0.1.0",
        subject: "3 paths".into(),
        base: "/srv/project".into(),
        root: "/srv/project".into(),
        repository: None,
        interrupted: false,
        exit_code: 0,
        time: (1_795_468_440, 1_795_468_442),
    }
}

fn rule(id: &str, title: &str, (severity, confidence): (Severity, Confidence), help: Help) -> Arc<RuleMeta> {
    Arc::new(RuleMeta { id: RuleId::new(id).unwrap(), title: title.into(), severity, confidence, help })
}

fn github() -> Arc<RuleMeta> {
    let help = Help {
        impact:
            "Whoever holds it acts as its owner: reads and changes every repository that its scopes allow."
                .into(),
        steps: vec![
            "Open the token page, find the token by its name or last use, and delete it.".into(),
            "Create a replacement with the fewest scopes and an expiry date, or better a fine-grained token."
                .into(),
            "Restart what reads it.".into(),
        ],
        uri: Some("https://github.com/settings/tokens".into()),
        audit_log: Some("https://github.com/settings/security-log".into()),
    };
    let title = "GitHub token (classic, OAuth or user-to-server)";
    rule("secret/github-classic-token", title, (Severity::Critical, Confidence::High), help)
}

fn key() -> Arc<RuleMeta> {
    let help = Help {
        impact: "Whoever holds it can log in wherever the public key is trusted.".into(),
        steps: vec!["Remove the public key wherever it is trusted.".into(), "Make a new pair.".into()],
        uri: None,
        audit_log: Some("the log of the SSH server".into()),
    };
    rule("secret/private-key", "Private key", (Severity::High, Confidence::High), help)
}

fn password() -> Arc<RuleMeta> {
    rule("secret/password", "Password", (Severity::Medium, Confidence::Low), Help::default())
}

fn manifest() -> Arc<RuleMeta> {
    let help = Help { steps: vec!["Name the folders that it needs.".into()], ..Help::default() };
    rule("plugin/fs-write-anywhere", "Plugin may write anywhere", (Severity::Info, Confidence::Medium), help)
}

/// A value of a classic token's length, made here so that no scanner takes this file for a leak.
fn token(filler: char) -> String {
    ["gh", "p_"].concat() + &format!("{filler}7").repeat(18)
}

fn pem() -> String {
    let line = "-".repeat(5);
    format!(
        "{line}BEGIN {kind}{line}\n{}\n{line}END {kind}{line}\n",
        "bm90IGE".repeat(8),
        kind = "PRIVATE KEY"
    )
}

fn file(path: &str) -> Origin {
    Origin::File { path: path.into() }
}

fn place(origin: Origin, line: u64) -> Location {
    Location {
        origin,
        span: ByteSpan { start: line * 100, end: line * 100 + 40 },
        start: Position { line, column: 12 },
        end: Position { line, column: 52 },
        decoded: Vec::new(),
        line_hash: Some(format!("{line:x}0ddba11:1")),
        trail: None,
        database: None,
    }
}

fn build(rule: Arc<RuleMeta>, value: &str, prefix: &str, reasons: &[&str], places: Vec<Location>) -> Finding {
    let evidence = Evidence::new(Secret::new(value), prefix);
    let builder = FindingBuilder::new(rule).evidence(evidence);
    let builder = reasons.iter().fold(builder, |builder, reason| builder.reason(*reason));
    places.into_iter().fold(builder, FindingBuilder::location).build(&FingerprintKey::default()).unwrap()
}

fn leaked_token() -> Finding {
    let mut places: Vec<_> = (1..=14).map(|line| place(file("deploy/values.yaml"), line)).collect();
    places.push(place(file("../shared/größe.env"), 3));
    let mut encoded = place(file("src/config.rs"), 12);
    encoded.decoded = vec![Decoding::Base64, Decoding::Percent];
    places.insert(0, encoded);
    build(github(), &token('a'), "ghp_", &["checksum valid", "issued for a user"], places)
}

fn second_token() -> Finding {
    let mut unread = place(Origin::Staged { path: "my notes.txt".into() }, 7);
    unread.line_hash = None;
    build(github(), &token('b'), "ghp_", &["checksum valid"], vec![unread])
}

fn leaked_key() -> Finding {
    let mut many_lines = place(file("id_ed25519"), 1);
    many_lines.end = Position { line: 3, column: 26 };
    build(key(), &pem(), "", &[], vec![many_lines])
}

fn leaked_password() -> Finding {
    build(password(), "correct horse battery", "", &["assigned to `password`"], vec![place(Origin::Stdin, 2)])
}

fn broad_manifest() -> Finding {
    let builder = FindingBuilder::new(manifest()).location(place(file("plugin.json"), 5));
    builder.build(&FingerprintKey::default()).unwrap()
}

/// A file name that is no UTF-8, on systems that have such names.
fn not_utf8() -> OsString {
    #[cfg(unix)]
    {
        std::os::unix::ffi::OsStringExt::from_vec(b"caf\xe9\x1b.txt".to_vec())
    }
    #[cfg(not(unix))]
    {
        "caf.txt".into()
    }
}

fn narrow() -> Style {
    Style { width: 80, ..Style::default() }
}

fn expected(format: Format) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/report").join(format!("sample.{format}"))
}

#[test]
fn each_format_writes_what_its_expected_file_shows() {
    for format in Format::ALL {
        let path = expected(format);
        let expected = fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
        let written = Sample::full().write(format, narrow());
        assert_eq!(written, expected, "{} differs", path.display());
        assert_eq!(written, Sample::full().write(format, narrow()), "{format} is not the same each time");
    }
}

#[test]
#[ignore = "rewrites the expected files"]
fn rewrite_expected_reports() {
    for format in Format::ALL {
        fs::write(expected(format), Sample::full().write(format, narrow())).unwrap();
    }
}

#[test]
fn the_readme_names_every_field_of_the_json_report() {
    fn fields(value: &serde_json::Value, into: &mut std::collections::BTreeSet<String>) {
        match value {
            serde_json::Value::Object(object) => object.iter().for_each(|(name, value)| {
                into.insert(name.clone());
                fields(value, into);
            }),
            serde_json::Value::Array(values) => values.iter().for_each(|value| fields(value, into)),
            _ => {}
        }
    }
    let readme = include_str!("../../README.md");
    let section = readme.split("## ").find(|section| section.starts_with("The JSON report")).unwrap();
    let is_name = |character: char| character == '_' || character.is_ascii_alphanumeric();
    let words: Vec<&str> = section.split(|character| !is_name(character)).collect();
    for sample in [Sample::full(), Sample::hostile()] {
        let mut all = std::collections::BTreeSet::new();
        fields(&serde_json::from_str(&sample.write(Format::Json, Style::default())).unwrap(), &mut all);
        let unnamed: Vec<_> = all.iter().filter(|name| !words.contains(&name.as_str())).collect();
        assert!(unnamed.is_empty(), "{unnamed:?}");
    }
}

#[test]
fn names_are_read_back_and_unknown_ones_are_refused_with_a_choice() {
    for format in Format::ALL {
        assert_eq!(format.name().parse(), Ok(format));
    }
    let error = "xml".parse::<Format>().unwrap_err().to_string();
    assert!(error.starts_with("format \"xml\" is not known: choose one of text, "));
    assert!(Format::ALL.iter().all(|format| error.contains(format.name())));
}

#[test]
fn no_format_shows_a_secret_unasked() {
    let mut values = vec![pem(), "correct horse battery".to_owned()];
    values.extend(('a'..='f').map(token));
    for format in Format::ALL {
        let written = Sample::full().write(format, Style { color: true, ..narrow() });
        for value in &values {
            for part in value.lines() {
                assert!(!written.contains(part), "{format} shows a value");
                let encoded = STANDARD.encode(part);
                assert!(!written.contains(encoded.trim_end_matches('=')), "{format} shows a value in base64");
            }
            assert!(!written.contains(&STANDARD.encode(value)), "{format} shows a value in base64");
        }
    }
}

#[test]
fn only_formats_for_a_person_reveal() {
    for format in Format::ALL {
        let style = Style { reveal: Some(Consent::given_at_a_terminal()), ..narrow() };
        let written = Sample::full().write(format, style);
        let reveals = matches!(format, Format::Text | Format::Json | Format::Jsonl);
        assert_eq!(written.contains(&token('a')), reveals, "{format}");
    }
}

#[test]
fn hostile_content_commands_nobody() {
    for format in Format::ALL {
        let written = Sample::hostile().write(format, narrow());
        let hidden = written.chars().find(|&character| character != '\n' && is_hidden(character));
        assert_eq!(hidden, None, "{format} lets a hidden character pass");
        assert!(!written.lines().any(|line| line.starts_with("::error::forged")), "{format} can be forged");
    }
}

#[test]
fn hostile_paths_stay_exact_where_machines_read_them() {
    let json: serde_json::Value =
        serde_json::from_str(&Sample::hostile().write(Format::Json, Style::default())).unwrap();
    let places = json["findings"][0]["locations"].as_array().unwrap();
    let with = |path: &str| places.iter().find(|place| place["path"] == path);
    assert!(with(HOSTILE).is_some_and(|place| place.get("path_base64").is_none()));
    let sarif = Sample::hostile().write(Format::Sarif, Style::default());
    assert!(sarif.contains("\"a%20b%2541%3A1,2.txt\""));
    let github = Sample::hostile().write(Format::Github, Style::default());
    assert!(github.lines().all(|line| line.starts_with("::")));
    if cfg!(unix) {
        let exact = STANDARD.encode(b"bad/caf\xe9\x1b.txt");
        assert_eq!(with("bad/caf\u{fffd}\u{1b}.txt").unwrap()["path_base64"], *exact);
        assert!(sarif.contains("\"bad/caf%E9%1B.txt\""));
    }
}

#[test]
fn every_line_of_jsonl_is_a_document_and_the_last_one_tells_the_coverage() {
    let written = Sample::full().write(Format::Jsonl, Style::default());
    let lines: Vec<serde_json::Value> =
        written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let types: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    let (last, findings) = types.split_last().unwrap();
    assert!(*last == "coverage" && findings.len() == Sample::full().findings.len());
    assert!(findings.iter().all(|kind| *kind == "finding"));
    let document: serde_json::Value =
        serde_json::from_str(&Sample::full().write(Format::Json, Style::default())).unwrap();
    assert_eq!(lines[findings.len()]["coverage"], document["coverage"]);
    for (line, finding) in lines.iter().zip(document["findings"].as_array().unwrap()) {
        let mut line = line.clone();
        line.as_object_mut().unwrap().remove("type");
        assert_eq!(line, *finding);
    }
}

#[test]
fn text_fits_the_page_and_colour_adds_no_word() {
    let plain = Sample::full().write(Format::Text, narrow());
    let wide: Vec<_> = plain.lines().filter(|line| line.chars().count() > 80).collect();
    assert!(wide.is_empty(), "{wide:#?}");
    let mut painted = Sample::full().write(Format::Text, Style { color: true, ..narrow() });
    assert!(painted.contains("\u{1b}[1;31mcritical\u{1b}[0m"));
    while let Some(start) = painted.find("\u{1b}[") {
        let end = start + painted[start..].find('m').unwrap();
        painted.replace_range(start..=end, "");
    }
    assert_eq!(painted, plain);
    let unwrapped = Sample::full().write(Format::Text, Style::default());
    assert!(
        unwrapped
            .contains("1. Open the token page, find the token by its name or last use, and delete it.\n")
    );
}

#[test]
fn nothing_found_and_nothing_looked_at_never_look_alike() {
    let last =
        |sample: &Sample| sample.write(Format::Text, Style::default()).lines().last().unwrap().to_owned();
    let mut sample = Sample::clean();
    assert_eq!(last(&sample), "clean: nothing was found in 2 files, 1.2 kB (exit code 0)");

    sample.coverage.missed.push(Gap::new("a", "permission denied"));
    sample.run.exit_code = 3;
    let incomplete = "incomplete: 1 input could not be examined; nothing was found in 2 files (exit code 3)";
    assert_eq!(last(&sample), incomplete);

    sample.coverage.items = 0;
    let unread =
        "nothing was examined: 1 input could not be read, and this is not a clean result (exit code 3)";
    assert_eq!(last(&sample), unread);

    sample.coverage.missed.clear();
    assert_eq!(
        last(&sample),
        "nothing was examined: this is not a clean result; check the path, or add --no-ignore (exit code 3)"
    );
    for format in Format::ALL {
        let written = sample.write(format, Style::default());
        let telling =
            ["nothing was examined", "nothing_examined"].iter().any(|words| written.contains(words));
        assert!(telling, "{format} hides that nothing was examined");
    }

    sample.coverage.nothing_to_do = Some("nothing is staged".into());
    sample.run.exit_code = 0;
    assert_eq!(last(&sample), "nothing to do: nothing is staged (exit code 0)");

    sample.run.interrupted = true;
    sample.run.exit_code = 130;
    assert_eq!(
        last(&sample),
        "interrupted: nothing was found until then, and the rest is not known (exit code 130)"
    );
    sample.findings.push(leaked_password());
    assert!(last(&sample).starts_with("interrupted: 1 secret found until then"));
}

#[test]
fn long_lists_are_counted() {
    let mut sample = Sample::full();
    sample.coverage.missed =
        (0..30).map(|at| Gap::new(format!("f{at}"), format!("permission {at} denied"))).collect();
    sample.findings = (b'a'..=b'z')
        .map(|filler| build(password(), &token(char::from(filler)), "", &[], vec![place(file("f"), 1)]))
        .collect();
    let text = sample.write(Format::Text, narrow());
    assert!(text.contains("and 10 more inputs") && !text.contains("f20:"));
    let github = sample.write(Format::Github, narrow());
    let count = |kind: &str| github.lines().filter(|line| line.starts_with(kind)).count();
    assert_eq!([count("::error "), count("::warning "), count("::notice ")], [10, 10, 1]);
    assert!(github.contains("21 more inputs could not be examined"));
    assert!(github.contains("16 findings not shown here"));
}

/// Takes so many bytes and then fails like a full disk.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error_wherever_it_strikes() {
    let sample = Sample::full();
    for format in Format::ALL {
        let length = sample.write(format, narrow()).len();
        for room in (0..length).step_by(211).chain([length - 1]) {
            let written = format.reporter(narrow()).write(&sample.report(), &mut Full(room));
            assert_eq!(
                written.unwrap_err().kind(),
                io::ErrorKind::StorageFull,
                "{format} after {room} bytes"
            );
        }
        assert!(format.reporter(narrow()).write(&sample.report(), &mut Full(length)).is_ok());
    }
}
