//! The cache: the outcome of the last scan of a whole history, recalled as long as nothing has changed.
//!
//! It holds no secret, only their lengths and fingerprints. Whatever does not fit, it is thrown away: the build of
//! kbsec, the rules, the key, a limit, a file of the repository, an expired token, a damaged byte, a wrong owner.

mod codec;
mod file;
mod record;
#[cfg(test)]
#[cfg(unix)]
mod tests;

use sha2::{Digest, Sha256};

use super::gaps;
use super::range::Question;
use crate::git::{REMEMBERED, State};
use crate::scan::Outcome;
use crate::secret::Secret;
use crate::source::SourceError;
use codec::{Reader, Writer};
use file::CacheFile;

/// What tells one build of kbsec from another one.
const BUILD: &str = concat!(env!("CARGO_PKG_VERSION"), " ", env!("KBSEC_BUILD"));
/// Bytes of a hash.
const HASH: usize = 32;

/// Recalls the scan, or runs it and remembers its outcome.
pub(super) fn scan(
    question: &Question<'_>,
    rules: &[u8; 32],
    run: impl FnOnce() -> Result<Outcome, SourceError>,
) -> Result<Outcome, SourceError> {
    let now = question.options.now;
    let file = CacheFile::of(question.repository);
    let Some(state) = question.repository.state(now).filter(|_| !question.stop.requested()) else {
        let outcome = run()?;
        return Ok(Outcome {
            note: Some(not_kept("whether files changed could not be told later")),
            ..outcome
        });
    };
    let heading = heading(question, rules, BUILD, state);
    let recalled = file.read().and_then(|bytes| recall(&bytes, &heading, question));
    if let Some(outcome) = recalled {
        return Ok(outcome);
    }
    let outcome = run()?;
    let note = keep(&file, &heading, question, (&outcome, state)).err();
    Ok(Outcome { note: note.as_deref().map(not_kept), ..outcome })
}

fn not_kept(why: &str) -> String {
    format!("this scan is not remembered: {why}")
}

/// Everything that has to be as it was.
fn heading(question: &Question<'_>, rules: &[u8; 32], build: &str, state: State) -> [u8; HASH] {
    let check = Secret::new("which key made the fingerprints?").fingerprint(&question.options.key, "cache");
    let mut hash = Sha256::new();
    hash.update(format!("{build}\n{check}\n{}\n", question.limits.max_object_bytes));
    // Paths in reports are relative to it.
    hash.update(format!("{:?}\n", question.limits.here));
    hash.update(rules);
    hash.update(state.0);
    hash.finalize().into()
}

/// The outcome, if it would be the same today.
fn recall(bytes: &[u8], heading: &[u8; HASH], question: &Question<'_>) -> Option<Outcome> {
    let (content, checksum) = bytes.split_at_checked(bytes.len().checked_sub(HASH)?)?;
    if Sha256::digest(content).as_slice() != checksum {
        return None;
    }
    let content = content.strip_prefix(REMEMBERED)?.strip_prefix(heading)?;
    let mut reader = Reader::new(content);
    let (then, until) = (reader.number()?, reader.optional(Reader::number)?);
    let now = question.options.now;
    if now < then || until.is_some_and(|until| until < now) {
        return None;
    }
    let (findings, coverage) = record::read(reader, &question.detector.rules())?;
    Some(Outcome { findings, coverage, note: None, until })
}

/// Writes the outcome down; why not, if it cannot or should not be.
fn keep(
    file: &CacheFile,
    heading: &[u8; HASH],
    question: &Question<'_>,
    (outcome, before): (&Outcome, State),
) -> Result<(), String> {
    if question.stop.requested() {
        return Err("it was interrupted".into());
    }
    if let Some(gap) = outcome.coverage.missed.iter().find(|gap| !gaps::is_lasting(gap)) {
        return Err(format!("the next one may read {}", gap.subject));
    }
    if question.repository.state(question.options.now) != Some(before) {
        return Err("the repository changed meanwhile".into());
    }
    let bytes = written(heading, question.options.now, outcome)?;
    file.write(&bytes).map_err(|error| format!("{}: {error}", file.path().display()))
}

/// The content of the file.
fn written(heading: &[u8; HASH], now: u64, outcome: &Outcome) -> Result<Vec<u8>, String> {
    let mut writer = Writer::default();
    writer.raw(REMEMBERED);
    writer.raw(heading);
    writer.number(now);
    writer.optional(outcome.until.as_ref(), |writer, until| writer.number(*until));
    record::write(&mut writer, outcome).ok_or("its outcome has no written form")?;
    let mut bytes = writer.into_bytes();
    if tells_a_secret(&bytes, outcome) {
        return Err("a name or a path in it contains a secret".into());
    }
    let checksum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&checksum);
    Ok(bytes)
}

/// Shorter values are ordinary words as a rule, which stand in many names.
const LEAST_TELLING: usize = 12;

/// Whether a secret stands in what would be written: a file of the git directory may be named after one.
fn tells_a_secret(bytes: &[u8], outcome: &Outcome) -> bool {
    let values = outcome.findings.iter().filter_map(|finding| finding.evidence()?.secret());
    let values: Vec<&[u8]> =
        values.map(Secret::expose).filter(|value| value.len() >= LEAST_TELLING).collect();
    // A search that cannot be made has found nothing out.
    aho_corasick::AhoCorasick::new(values).map_or(true, |search| search.is_match(bytes))
}
