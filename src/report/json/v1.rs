//! Version 1 of the JSON report: a frozen shape, apart from the types inside kbsec.
//!
//! Fields may be added; none is removed, renamed or given another meaning without a new version. Fields that are
//! marked optional are absent when there is nothing to say; all others are always there.

mod database;
mod history;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

pub(in crate::report) use history::{Exposure, Trail};

use super::change::{Change, decoder};
use crate::coverage;
use crate::finding::{self, Confidence, Origin, Severity};
use crate::report::wording::time;
use crate::report::{Report, verdict};
use crate::secret::Consent;
use crate::span;

/// The name of this shape.
const SCHEMA: &str = "kbsec.report/1";

/// The whole report (`-f json`).
#[derive(Serialize)]
pub(super) struct Document<'a> {
    /// What was run, and how it went.
    #[serde(flatten)]
    head: Head<'a>,
    /// The findings, worst first.
    findings: Vec<Finding<'a>>,
    /// What was and was not examined.
    coverage: Coverage<'a>,
}

/// One line of `-f jsonl`; its `type` says which.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Line<'a> {
    /// `finding`: the same object as in `findings` of the document.
    Finding(Finding<'a>),
    /// `coverage`: the last line, everything of the document but its findings.
    Coverage(Account<'a>),
}

/// The document without its findings.
#[derive(Serialize)]
pub(super) struct Account<'a> {
    /// What was run, and how it went.
    #[serde(flatten)]
    head: Head<'a>,
    /// What was and was not examined.
    coverage: Coverage<'a>,
}

/// The fields with which a document begins.
#[derive(Serialize)]
struct Head<'a> {
    /// Always `kbsec.report/1`.
    schema: &'static str,
    /// The program.
    tool: Tool,
    /// The run.
    run: Run<'a>,
    /// The outcome in numbers.
    summary: Summary,
}

/// The program that wrote the report.
#[derive(Serialize)]
struct Tool {
    /// Always `kbsec`.
    name: &'static str,
    /// Its version, such as `0.1.0`.
    version: &'static str,
}

/// One run of the program.
#[derive(Serialize)]
struct Run<'a> {
    /// What was examined, for people, such as `staged changes`.
    subject: &'a str,
    /// When it started: RFC 3339, in UTC, to the second.
    started_at: String,
    /// When it ended, in the same form.
    ended_at: String,
    /// The exit code of the process.
    exit_code: u8,
    /// Whether it was interrupted, so that what is reported is only a part.
    interrupted: bool,
    /// The directory that paths of kind `file` are relative to.
    base: String,
    /// The root of the work tree, which paths of kind `staged` are relative to.
    root: String,
    /// The repository; optional.
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<Repository<'a>>,
}

/// The repository that a run belongs to.
#[derive(Serialize)]
struct Repository<'a> {
    /// URL of the remote `origin`, without credentials; optional.
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<&'a str>,
    /// Commit of HEAD, in hexadecimal; optional.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<&'a str>,
    /// Short name of the branch; optional.
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<&'a str>,
}

/// The outcome in numbers.
#[derive(Serialize)]
struct Summary {
    /// `interrupted`, `findings`, `nothing_examined`, `incomplete`, `nothing_to_do` or `clean`: the first that
    /// applies. Only `clean` and `nothing_to_do` are good news.
    verdict: &'static str,
    /// How many findings there are.
    findings: usize,
    /// The same by severity.
    by_severity: BySeverity,
}

/// Numbers of findings, one for each severity.
#[derive(Serialize)]
struct BySeverity {
    /// Full control of an account or of production.
    critical: usize,
    /// Serious harm to one system, or data of many.
    high: usize,
    /// Harm to one system or account.
    medium: usize,
    /// Limited harm.
    low: usize,
    /// Worth knowing.
    info: usize,
}

/// One problem. The same secret in many places is one finding with many locations.
#[derive(Serialize)]
pub(super) struct Finding<'a> {
    /// Its stable name, 32 hexadecimal digits: it survives moves, renames and rebases.
    fingerprint: String,
    /// The rule that made it, such as `secret/github-classic-token`.
    rule_id: &'a str,
    /// What it is, one line without a full stop.
    title: &'a str,
    /// `critical`, `high`, `medium`, `low` or `info`.
    severity: &'static str,
    /// `high`, `medium` or `low`.
    confidence: &'static str,
    /// Why it is believed, one short clause each.
    reasons: &'a [String],
    /// The secret, redacted; optional: not every finding is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<Secret>,
    /// Every place, sorted; never empty.
    locations: Vec<Location<'a>>,
    /// What the history of the repository tells of it; optional.
    #[serde(skip_serializing_if = "Option::is_none")]
    exposure: Option<Exposure<'a>>,
    /// The commits in which a known value stands more or less often than before, oldest first; optional.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Change<'a>>,
    /// What to do about it.
    help: Help<'a>,
}

/// A secret.
#[derive(Serialize)]
struct Secret {
    /// What everyone may see: the public prefix and the length.
    preview: String,
    /// Length in bytes, after decoding.
    length: usize,
    /// The value, with bytes that are no UTF-8 replaced; only after a person at a terminal asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

/// One place of a finding.
#[derive(Serialize)]
struct Location<'a> {
    /// `file` (on disk), `staged` (in the git index), `stdin`, `blob` (in the history) or `text` (of the history,
    /// such as a commit message).
    kind: &'static str,
    /// The path, with bytes that are no UTF-8 replaced; absent for `stdin`, `text` and blobs that no tree holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// The exact bytes of the path in base64 (RFC 4648 section 4), only where it is no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    path_base64: Option<String>,
    /// For `blob` its id, for `text` that of the commit, tag or tree that holds it; otherwise absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<&'a str>,
    /// For `text`: `commit` or `tag` (message or names), `file_name` or `ref_name`; otherwise absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    text_kind: Option<&'static str>,
    /// The commits that brought the secret to this path and took it away; optional.
    #[serde(skip_serializing_if = "Option::is_none")]
    trail: Option<Trail<'a>>,
    /// In a database: what is wrong, and where; optional.
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<Database<'a>>,
    /// The first character.
    start: Position,
    /// The position after the last character.
    end: Position,
    /// The bytes in the input, as stored (still encoded).
    offset: Offset,
    /// Decoders that had to be applied, outermost first: `base64`, `hex`, `percent`, `escape`, `utf-16`, `entity`,
    /// `quoted-printable`, `gzip`, `zip`, `zstd`, `xz`.
    decoded: Vec<&'a str>,
}

/// A place in a database.
#[derive(Serialize)]
struct Database<'a> {
    /// What is wrong there.
    what: &'a str,
    /// The table, the index or the part of the file; empty for the file as a whole.
    object: &'a str,
    /// The page, from 1; absent where it is not about one page. `offset` is that of the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<u32>,
    /// The cell of the page, from 0; optional.
    #[serde(skip_serializing_if = "Option::is_none")]
    cell: Option<u16>,
    /// The row; optional.
    #[serde(skip_serializing_if = "Option::is_none")]
    rowid: Option<i64>,
    /// Whether `offset` is one of the write-ahead log.
    in_log: bool,
}

/// A line and a column.
#[derive(Serialize)]
struct Position {
    /// Line, from 1.
    line: u64,
    /// Column in Unicode code points, from 1.
    column: u64,
}

/// A half-open range of bytes.
#[derive(Serialize)]
struct Offset {
    /// The first byte, from 0.
    start: u64,
    /// The byte after the last one.
    end: u64,
}

/// What a person needs to know to act.
#[derive(Serialize)]
struct Help<'a> {
    /// What an attacker can do with it.
    impact: &'a str,
    /// The steps that end the danger, in order.
    steps: &'a [String],
    /// Where to do it; optional.
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<&'a str>,
    /// Where past use is recorded; optional.
    #[serde(skip_serializing_if = "Option::is_none")]
    audit_log: Option<&'a str>,
}

/// What a run looked at and what not.
#[derive(Serialize)]
struct Coverage<'a> {
    /// Inputs that were read to the end.
    items: u64,
    /// Bytes of those inputs.
    bytes: u64,
    /// How many inputs there are of each kind, such as `blobs`; optional.
    #[serde(skip_serializing_if = "Kinds::is_empty")]
    kinds: Kinds<'a>,
    /// Inputs left out on purpose.
    skipped: Vec<Gap<'a>>,
    /// Inputs that should have been read and were not, or not to the end.
    missed: Vec<Gap<'a>>,
    /// Why there was nothing to do, such as `nothing is staged`; optional.
    #[serde(skip_serializing_if = "Option::is_none")]
    nothing_to_do: Option<&'a str>,
    /// The databases among the inputs; optional.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    databases: Vec<database::Facts<'a>>,
    /// Whether something was missed, or nothing at all was examined.
    incomplete: bool,
}

/// Numbers of inputs by kind, in order of importance.
struct Kinds<'a>(&'a [(&'static str, u64)]);

/// One input that was not examined.
#[derive(Serialize)]
struct Gap<'a> {
    /// The path, object or stream.
    subject: &'a str,
    /// Why, as a short clause.
    reason: &'a str,
    /// What can be done about it; may be empty.
    hint: &'a str,
}

impl<'a> Document<'a> {
    pub(super) fn new(report: &Report<'a>, reveal: Option<&Consent>) -> Self {
        let Account { head, coverage } = Account::new(report);
        let findings = report.findings.iter().map(|finding| Finding::new(finding, reveal)).collect();
        Self { head, findings, coverage }
    }
}

impl<'a> Account<'a> {
    pub(super) fn new(report: &Report<'a>) -> Self {
        Self { head: Head::new(report), coverage: Coverage::new(report.coverage) }
    }
}

impl<'a> Head<'a> {
    fn new(report: &Report<'a>) -> Self {
        let run = report.run;
        Self {
            schema: SCHEMA,
            tool: Tool { name: "kbsec", version: run.version },
            run: Run {
                subject: &run.subject,
                started_at: time(run.time.0),
                ended_at: time(run.time.1),
                exit_code: run.exit_code,
                interrupted: run.interrupted,
                base: run.base.to_string_lossy().into_owned(),
                root: run.root.to_string_lossy().into_owned(),
                repository: run.repository.as_ref().map(|found| Repository {
                    uri: found.uri.as_deref(),
                    revision: found.revision.as_deref(),
                    branch: found.branch.as_deref(),
                }),
            },
            summary: Summary::new(report),
        }
    }
}

impl Summary {
    fn new(report: &Report<'_>) -> Self {
        use verdict::Verdict;
        let with = |severity| report.findings.iter().filter(|found| found.severity() == severity).count();
        Self {
            verdict: match Verdict::of(report) {
                Verdict::Interrupted => "interrupted",
                Verdict::Findings => "findings",
                Verdict::NothingExamined => "nothing_examined",
                Verdict::Incomplete => "incomplete",
                Verdict::NothingToDo => "nothing_to_do",
                Verdict::Clean => "clean",
            },
            findings: report.findings.len(),
            by_severity: BySeverity {
                critical: with(Severity::Critical),
                high: with(Severity::High),
                medium: with(Severity::Medium),
                low: with(Severity::Low),
                info: with(Severity::Info),
            },
        }
    }
}

impl<'a> Finding<'a> {
    pub(super) fn new(finding: &'a finding::Finding, reveal: Option<&Consent>) -> Self {
        let rule = finding.rule();
        Self {
            fingerprint: finding.fingerprint().to_string(),
            rule_id: rule.id.as_str(),
            title: &rule.title,
            severity: match finding.severity() {
                Severity::Info => "info",
                Severity::Low => "low",
                Severity::Medium => "medium",
                Severity::High => "high",
                Severity::Critical => "critical",
            },
            confidence: match finding.confidence() {
                Confidence::Low => "low",
                Confidence::Medium => "medium",
                Confidence::High => "high",
            },
            reasons: finding.reasons(),
            secret: finding.evidence().map(|evidence| Secret {
                preview: evidence.preview(),
                length: evidence.length(),
                value: reveal.and_then(|consent| Some(evidence.secret()?.reveal(consent))),
            }),
            locations: finding.locations().iter().map(Location::new).collect(),
            exposure: finding.exposure().map(|exposure| Exposure::new(exposure, usize::MAX)),
            changes: finding.changes().iter().map(Change::new).collect(),
            help: Help {
                impact: &rule.help.impact,
                steps: &rule.help.steps,
                uri: rule.help.uri.as_deref(),
                audit_log: rule.help.audit_log.as_deref(),
            },
        }
    }
}

impl<'a> Location<'a> {
    fn new(place: &'a finding::Location) -> Self {
        let path = place.origin.path();
        let (object, text) = match &place.origin {
            Origin::Blob { id, .. } => (Some(id.as_str()), None),
            Origin::Text { kind, id } => (Some(id.as_str()), Some(*kind)),
            Origin::File { .. } | Origin::Staged { .. } | Origin::Stdin => (None, None),
        };
        let inexact = path.filter(|path| path.to_str().is_none());
        Self {
            kind: match place.origin {
                Origin::File { .. } => "file",
                Origin::Staged { .. } => "staged",
                Origin::Blob { .. } => "blob",
                Origin::Text { .. } => "text",
                Origin::Stdin => "stdin",
            },
            path: path.map(|path| path.to_string_lossy().into_owned()),
            path_base64: inexact.map(|path| STANDARD.encode(path.as_os_str().as_encoded_bytes())),
            object,
            text_kind: text.map(history::text_kind),
            trail: place.trail.as_ref().map(Trail::new),
            database: place.database.as_ref().map(Database::new),
            start: Position::new(place.start),
            end: Position::new(place.end),
            offset: Offset { start: place.span.start, end: place.span.end },
            decoded: place.decoded.iter().map(decoder).collect(),
        }
    }
}

impl<'a> Database<'a> {
    fn new(place: &'a finding::DatabasePlace) -> Self {
        Self {
            what: &place.what,
            object: &place.object,
            page: (place.page > 0).then_some(place.page),
            cell: place.cell,
            rowid: place.rowid,
            in_log: place.in_log,
        }
    }
}

impl Position {
    fn new(position: span::Position) -> Self {
        Self { line: position.line, column: position.column }
    }
}

impl<'a> Coverage<'a> {
    fn new(coverage: &'a coverage::Coverage) -> Self {
        let gaps = |gaps: &'a [coverage::Gap]| gaps.iter().map(Gap::new).collect();
        Self {
            items: coverage.items,
            bytes: coverage.bytes,
            kinds: Kinds(&coverage.kinds),
            skipped: gaps(&coverage.skipped),
            missed: gaps(&coverage.missed),
            nothing_to_do: coverage.nothing_to_do.as_deref(),
            databases: coverage.databases.iter().map(database::Facts::new).collect(),
            incomplete: coverage.is_incomplete(),
        }
    }
}

impl Kinds<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Kinds<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(kind, count)| (kind, count)))
    }
}

impl<'a> Gap<'a> {
    fn new(gap: &'a coverage::Gap) -> Self {
        Self { subject: &gap.subject, reason: &gap.reason, hint: &gap.hint }
    }
}
