//! The scan: chunks of a source through the detector, gathered into findings.

mod group;
mod history;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::chunk::Chunk;
use crate::coverage::{Coverage, Gap};
use crate::detect::{Detector, Match};
use crate::finding::{Finding, Location, line_hashes};
use crate::secret::{Fingerprint, FingerprintKey, Secret};
use crate::source::{Source, SourceError, Stop};
use crate::span::{ByteSpan, LineIndex};
use group::{Group, earliest, expire, raise_pairs};
pub use history::{Limits, scan_history};

/// What a scan needs to know besides source and rules.
pub struct Options<'a> {
    /// Key of the fingerprints.
    pub key: FingerprintKey,
    /// Seconds since the Unix epoch, to tell expired tokens.
    pub now: u64,
    /// Called with the number of bytes after each chunk, from several threads.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

/// What a scan found.
#[derive(Debug)]
pub struct Outcome {
    /// One for each secret, worst first.
    pub findings: Vec<Finding>,
    /// What was and was not examined.
    pub coverage: Coverage,
    /// Why the scan could not be remembered, where that was asked for.
    pub note: Option<String>,
    /// Of a scan of some commits: those of them that introduced secrets, parents before children.
    pub introductions: Vec<Introduction>,
    /// When the first of the tokens expires that still work, in seconds since the Unix epoch: from then on a scan
    /// would tell something else. Nobody asks a scan of a range.
    until: Option<u64>,
}

/// A commit that introduced secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introduction {
    /// Its id in hexadecimal.
    pub commit: String,
    /// What the findings of these secrets have for a fingerprint.
    pub secrets: Vec<Fingerprint>,
}

/// Scans everything that the source holds.
///
/// # Errors
/// When the source cannot be read at all.
pub fn scan(
    source: &dyn Source,
    detector: &Detector,
    options: &Options<'_>,
    stop: &Stop,
) -> Result<Outcome, SourceError> {
    let gathered = Mutex::new(Gathered::default());
    let sink = |chunk: Chunk<'_>| {
        let seen = examine(detector, &chunk, options.now);
        (options.progress)(chunk.bytes.len() as u64);
        match seen {
            Ok(places) if places.is_empty() => {}
            Ok(places) => lock(&gathered).add(places),
            Err(gap) => lock(&gathered).missed.push(gap),
        }
    };
    let mut coverage = source.visit(&sink, stop)?;
    let gathered = gathered.into_inner().unwrap_or_else(PoisonError::into_inner);
    coverage.missed.extend(gathered.missed);
    coverage.skipped.extend(gathered.allowed);
    coverage.missed.sort();
    coverage.skipped.sort();
    let until = gathered.until;
    let mut findings: Vec<Finding> = gathered
        .groups
        .into_iter()
        .filter_map(|(name, group)| group.finding(name.1, &options.key, None))
        .collect();
    worst_first(&mut findings);
    Ok(Outcome { findings, coverage, note: None, introductions: Vec::new(), until })
}

/// Sorts findings by severity and confidence, then by place.
pub fn worst_first(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        let worst = |finding: &Finding| (finding.severity(), finding.confidence());
        worst(b).cmp(&worst(a)).then_with(|| a.locations()[0].cmp(&b.locations()[0]))
    });
}

/// What a thread that failed left behind is still good: it is only ever appended to.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A match with its place.
struct Place {
    found: Match,
    location: Location,
}

/// The secrets of one chunk; a gap when the detector failed on it.
fn examine(detector: &Detector, chunk: &Chunk<'_>, now: u64) -> Result<Vec<Place>, Gap> {
    let mut matches = catch_unwind(AssertUnwindSafe(|| detector.detect(chunk.bytes))).map_err(|_| {
        Gap::new(
            chunk.origin.to_string(),
            "the detector failed on it; please report this with the file's kind",
        )
    })?;
    matches.retain(|found| chunk.owns(&found.span));
    if matches.is_empty() {
        return Ok(Vec::new());
    }
    raise_pairs(&mut matches);
    matches.iter_mut().for_each(|found| expire(found, now));
    let mut index = LineIndex::new(chunk.bytes, chunk.position);
    let mut places: Vec<Place> = matches.into_iter().map(|found| place(found, chunk, &mut index)).collect();
    if chunk.is_whole() {
        let lines: Vec<u64> = places.iter().map(|place| place.location.start.line).collect();
        for (place, hash) in places.iter_mut().zip(line_hashes(chunk.bytes, &lines)) {
            place.location.line_hash = hash;
        }
    }
    Ok(places)
}

fn place(found: Match, chunk: &Chunk<'_>, index: &mut LineIndex<'_>) -> Place {
    let location = Location {
        origin: chunk.origin.clone(),
        span: ByteSpan {
            start: chunk.offset + found.span.start as u64,
            end: chunk.offset + found.span.end as u64,
        },
        start: index.position(found.span.start),
        end: index.position(found.span.end),
        decoded: found.decoded.clone(),
        line_hash: None,
        trail: None,
        database: None,
    };
    Place { found, location }
}

/// Everything that the threads found so far, by rule and secret.
#[derive(Default)]
struct Gathered {
    groups: HashMap<(Arc<str>, Secret), Group>,
    allowed: Vec<Gap>,
    missed: Vec<Gap>,
    until: Option<u64>,
}

impl Gathered {
    fn add(&mut self, places: Vec<Place>) {
        for Place { found, location } in places {
            self.until = earliest(self.until, found.expires);
            if found.allowed {
                let subject = format!("{}:{}", location.origin, location.start.line);
                let gap = Gap::new(subject, format!("{} allowed by a comment", found.rule.id));
                if !self.allowed.contains(&gap) {
                    self.allowed.push(gap);
                }
                continue;
            }
            let name = (Arc::from(found.rule.id.as_str()), found.secret.clone());
            self.groups.entry(name).or_insert_with(|| Group::new(&found)).add(&found, location);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::chunk::{CHUNK_BYTES, CHUNK_OVERLAP};
    use crate::finding::{Confidence, Origin};
    use crate::rule::RuleSet;
    use crate::span::Position;

    const RULES: &str = r#"
[[rule]]
id = "acme-token"
title = "Acme token"
severity = "high"
confidence = "medium"
token = { format = ["acme_{base62:24}"] }
pair = { with = "acme-id", within = 100, confidence = "high" }

[[rule]]
id = "acme-id"
title = "Acme id"
severity = "low"
confidence = "low"
token = { format = ["acmeid{digits:12}"] }
"#;

    /// Files in memory, each handed out in chunks as a reader would.
    struct Memory(Vec<(&'static str, Vec<u8>)>);

    impl Source for Memory {
        fn visit(&self, sink: &(dyn Fn(Chunk<'_>) + Sync), _stop: &Stop) -> Result<Coverage, SourceError> {
            let mut coverage = Coverage::default();
            for (path, bytes) in &self.0 {
                let origin = Origin::File { path: PathBuf::from(path) };
                let mut start = 0;
                loop {
                    let end = bytes.len().min(start + CHUNK_BYTES);
                    let position = Position::START.advance(&bytes[..start]);
                    let last = end == bytes.len();
                    sink(Chunk {
                        bytes: &bytes[start..end],
                        origin: &origin,
                        offset: start as u64,
                        position,
                        last,
                    });
                    if last {
                        break;
                    }
                    start = end - CHUNK_OVERLAP;
                }
                coverage.examined(bytes.len() as u64);
            }
            Ok(coverage)
        }
    }

    fn run(files: Vec<(&'static str, Vec<u8>)>) -> Outcome {
        let mut rules = RuleSet::default();
        rules.parse(RULES, "test", "test").unwrap();
        let detector = Detector::new(&rules).unwrap();
        let options = Options { key: FingerprintKey::default(), now: 0, progress: &|_| {} };
        scan(&Memory(files), &detector, &options, &Stop::default()).unwrap()
    }

    fn token(number: u8) -> String {
        format!("acme{}k3Fq9ZtR7bWm2XcVn5LdPs8{}", "_", char::from(b'A' + number))
    }

    #[test]
    fn one_secret_in_many_places_is_one_finding() {
        let text = format!("a = {}\nb = {}\n", token(0), token(0)).into_bytes();
        let outcome = run(vec![("x", text.clone()), ("y", text), ("z", token(1).into_bytes())]);
        let places: Vec<_> = outcome.findings.iter().map(|finding| finding.locations().len()).collect();
        assert_eq!(places, [4, 1]);
        assert_eq!(outcome.findings[0].locations()[1].start, Position { line: 2, column: 5 });
        assert!(outcome.findings[0].locations()[0].line_hash.is_some());
    }

    #[test]
    fn halves_raise_each_other_when_they_are_near() {
        let near = format!("{} acmeid{}", token(0), "123498761234").into_bytes();
        let far = format!("{} {} acmeid{}", token(1), " ".repeat(200), "123498761235").into_bytes();
        let confidence =
            |file| run(vec![("x", file)]).findings.iter().map(Finding::confidence).max().unwrap();
        assert_eq!((confidence(near), confidence(far)), (Confidence::High, Confidence::Medium));
    }

    #[test]
    fn allowed_secrets_are_accounted_for() {
        let outcome = run(vec![("x", format!("{} # kbsec:allow", token(0)).into_bytes())]);
        assert!(outcome.findings.is_empty());
        assert_eq!(outcome.coverage.skipped[0].subject, "x:1");
    }

    #[test]
    fn secrets_at_any_place_of_a_long_input_are_found_once() {
        let mut bytes = vec![b'.'; CHUNK_BYTES * 2 + 5000];
        let borders = [
            0,
            CHUNK_BYTES - CHUNK_OVERLAP - 10,
            CHUNK_BYTES - CHUNK_OVERLAP / 2 - 10,
            CHUNK_BYTES - 10,
            CHUNK_BYTES * 2 + 4900,
        ];
        for (number, at) in borders.into_iter().enumerate() {
            bytes[at..at + 29].copy_from_slice(token(number as u8).as_bytes());
        }
        let outcome = run(vec![("x", bytes)]);
        let mut starts: Vec<_> =
            outcome.findings.iter().flat_map(Finding::locations).map(|place| place.span.start).collect();
        starts.sort_unstable();
        assert_eq!(starts, borders.map(|at| at as u64));
        assert!(outcome.findings.iter().all(|finding| finding.locations()[0].start.line == 1));
    }
}
