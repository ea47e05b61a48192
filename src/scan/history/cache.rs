//! The cache: the outcome of the last scan of a whole history, recalled as long as nothing has changed, and the objects in
//! which it found nothing, for a scan after a change.
//!
//! It holds no secret, only their lengths and fingerprints. Whatever does not fit, it is thrown away: the build of
//! kbsec, the rules, a limit, a damaged byte, a wrong owner. The outcome also depends on the key, each file of the
//! repository, and tokens that expire; the clean objects of a pack on the file that this pack is.

mod codec;
mod file;
mod record;
#[cfg(test)]
#[cfg(unix)]
mod tests;

use sha2::{Digest, Sha256};

use super::clean::CleanPacks;
use super::gaps;
use super::range::Question;
use crate::git::{PackState, REMEMBERED, State};
use crate::scan::Outcome;
use crate::secret::Secret;
use crate::source::SourceError;
use codec::{Reader, Writer};
use file::CacheFile;

/// What tells one build of kbsec from another one.
const BUILD: &str = concat!(env!("CARGO_PKG_VERSION"), " ", env!("KBSEC_BUILD"));
/// Bytes of a hash.
const HASH: usize = 32;

/// Recalls the scan, or runs it with what is known of its packs and remembers its outcome.
pub(super) fn scan(
    question: &Question<'_>,
    rules: &[u8; 32],
    run: impl FnOnce(&CleanPacks) -> Result<(Outcome, CleanPacks), SourceError>,
) -> Result<Outcome, SourceError> {
    let now = question.options.now;
    let file = CacheFile::of(question.repository);
    let Some(state) = question.repository.state(now).filter(|_| !question.stop.requested()) else {
        let (outcome, _) = run(&CleanPacks::default())?;
        return Ok(Outcome {
            note: Some(not_kept("whether files changed could not be told later")),
            ..outcome
        });
    };
    let headings = Headings::new(question, rules, BUILD, state);
    let bytes = file.read().unwrap_or_default();
    let parts = Parts::of(&bytes).unwrap_or_default();
    if let Some(outcome) = parts.outcome(&headings, question) {
        return Ok(outcome);
    }
    let (outcome, known) = run(&parts.packs(&headings).unwrap_or_default())?;
    drop(bytes);
    let note = keep((&file, &headings), question, (&outcome, &known), state).err();
    Ok(Outcome { note: note.as_deref().map(not_kept), ..outcome })
}

fn not_kept(why: &str) -> String {
    format!("this scan is not remembered: {why}")
}

/// Hashes of everything that has to be as it was.
struct Headings {
    outcome: [u8; HASH],
    /// What the verdict on a single object depends on.
    packs: [u8; HASH],
}

impl Headings {
    fn new(question: &Question<'_>, rules: &[u8; 32], build: &str, state: State) -> Self {
        let mut packs = Sha256::new();
        packs.update(format!("{build}\n{}\n", question.limits.max_object_bytes));
        packs.update(rules);
        let packs = packs.finalize();
        let check =
            Secret::new("which key made the fingerprints?").fingerprint(&question.options.key, "cache");
        let mut outcome = Sha256::new();
        outcome.update(packs);
        // Paths in reports are relative to it.
        outcome.update(format!("{check}\n{:?}\n", question.limits.here));
        outcome.update(state.0);
        Self { outcome: outcome.finalize().into(), packs: packs.into() }
    }
}

/// The two parts of the file, each behind its heading.
#[derive(Clone, Copy, Default)]
struct Parts<'a> {
    outcome: &'a [u8],
    packs: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Those of a file that was written by [`written()`].
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let (content, checksum) = bytes.split_at_checked(bytes.len().checked_sub(HASH)?)?;
        if Sha256::digest(content).as_slice() != checksum {
            return None;
        }
        let mut reader = Reader::new(content.strip_prefix(REMEMBERED)?);
        let parts = Self { outcome: reader.bytes()?, packs: reader.bytes()? };
        reader.is_empty().then_some(parts)
    }

    /// The outcome, if it would be the same today.
    fn outcome(&self, headings: &Headings, question: &Question<'_>) -> Option<Outcome> {
        let mut reader = Reader::new(self.outcome.strip_prefix(&headings.outcome)?);
        let (then, until) = (reader.number()?, reader.optional(Reader::number)?);
        let now = question.options.now;
        if now < then || until.is_some_and(|until| until < now) {
            return None;
        }
        let (findings, coverage) = record::read(reader, &question.detector.rules())?;
        Some(Outcome { findings, coverage, note: None, introductions: Vec::new(), until })
    }

    /// What is known of packs, if it would be found out again today.
    fn packs(&self, headings: &Headings) -> Option<CleanPacks> {
        let mut reader = Reader::new(self.packs.strip_prefix(&headings.packs)?);
        let size = |reader: &mut Reader<'_>| u32::try_from(reader.number()?).ok();
        let packs = reader.list(|reader| Some((PackState(reader.raw()?), reader.list(size)?)))?;
        reader.is_empty().then(|| CleanPacks(packs.into_iter().collect()))
    }
}

/// Writes the outcome down; why not, if it cannot or should not be.
fn keep(
    (file, headings): (&CacheFile, &Headings),
    question: &Question<'_>,
    (outcome, known): (&Outcome, &CleanPacks),
    before: State,
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
    let bytes = written(headings, question.options.now, (outcome, known))?;
    file.write(&bytes).map_err(|error| format!("{}: {error}", file.path().display()))
}

/// The content of the file.
fn written(
    headings: &Headings,
    now: u64,
    (outcome, known): (&Outcome, &CleanPacks),
) -> Result<Vec<u8>, String> {
    let mut told = Writer::default();
    told.raw(&headings.outcome);
    told.number(now);
    told.optional(outcome.until.as_ref(), |writer, until| writer.number(*until));
    record::write(&mut told, outcome).ok_or("its outcome has no written form")?;
    let told = told.into_bytes();
    if tells_a_secret(&told, outcome) {
        return Err("a name or a path in it contains a secret".into());
    }
    let mut packs = Writer::default();
    packs.raw(&headings.packs);
    packs.number(known.0.len() as u64);
    for (state, sizes) in &known.0 {
        packs.raw(&state.0);
        packs.number(sizes.len() as u64);
        sizes.iter().for_each(|&size| packs.number(size.into()));
    }
    let mut writer = Writer::default();
    writer.raw(REMEMBERED);
    writer.bytes(&told);
    writer.bytes(&packs.into_bytes());
    let mut bytes = writer.into_bytes();
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
