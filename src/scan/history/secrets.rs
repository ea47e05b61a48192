//! The secrets of a history: each of them once, with every object that holds it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::coverage::Gap;
use crate::detect::{Match, Settled};
use crate::finding::{Location, Origin, Trail};
use crate::git::store::ObjectNumber;
use crate::scan::group::{Group, earliest, expire, raise_pairs};
use crate::secret::Secret;
use crate::span::{ByteSpan, LineIndex, Position};

/// Collects secrets from many threads.
#[derive(Debug)]
pub(super) struct Secrets {
    /// Seconds since the Unix epoch.
    now: u64,
    found: Mutex<Found>,
}

/// What was collected.
#[derive(Debug, Default)]
pub(super) struct Found {
    numbers: HashMap<(Arc<str>, Secret), SecretNumber>,
    /// By the number of the secret.
    pub(super) groups: Vec<Known>,
    pub(super) hits: Vec<Hit>,
    /// Matches that were met before, by their address: objects that were made from each other share them.
    matches: HashMap<usize, (SecretNumber, Arc<Match>)>,
    /// When the first of the tokens expires that still work.
    pub(super) until: Option<u64>,
}

/// The index of a secret.
pub(super) type SecretNumber = u32;

/// A secret and what is known of it.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) group: Group,
    pub(super) secret: Secret,
    /// Whether a comment allows it in some version: then it is allowed in all of them.
    pub(super) allowed: bool,
}

/// A secret in an object.
#[derive(Clone, Debug)]
pub(super) struct Hit {
    pub(super) object: ObjectNumber,
    pub(super) secret: SecretNumber,
    pub(super) span: ByteSpan,
    pub(super) start: Position,
    pub(super) end: Position,
    pub(super) found: Arc<Match>,
    /// Whether it stands in a name: of a file in this tree, or of a reference to this object.
    pub(super) in_name: bool,
}

impl Known {
    /// What the coverage says of a secret that a comment allows.
    pub(super) fn allowed_at(&self, first: Option<&Location>) -> Gap {
        let subject =
            first.map_or_else(String::new, |place| format!("{}:{}", place.origin, place.start.line));
        Gap::new(subject, format!("{} allowed by a comment", self.group.rule().id))
    }
}

impl Hit {
    /// Its place, as a report shows it.
    pub(super) fn location(&self, origin: Origin, trail: Option<Trail>) -> Location {
        Location {
            origin,
            span: self.span,
            start: self.start,
            end: self.end,
            decoded: self.found.decoded.clone(),
            line_hash: None,
            trail,
            database: None,
        }
    }
}

impl Secrets {
    pub(super) fn new(now: u64) -> Self {
        Self { now, found: Mutex::default() }
    }

    /// Notes what stands in an object; `settled` is in ascending order.
    pub(super) fn record(
        &self,
        object: ObjectNumber,
        bytes: &[u8],
        settled: Vec<Settled>,
    ) -> Vec<SecretNumber> {
        let raised = raised(&settled);
        let mut lines = LineIndex::new(bytes, Position::START);
        let places: Vec<_> = settled
            .iter()
            .map(|Settled { span, .. }| (lines.position(span.start), lines.position(span.end)))
            .collect();
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let mut numbers = Vec::with_capacity(settled.len());
        for (index, (settled, (start, end))) in settled.into_iter().zip(places).enumerate() {
            let secret = found.number(&settled.found, self.now);
            let known = &mut found.groups[secret as usize];
            known.allowed |= settled.allowed;
            if let Some(raised) = raised.get(index) {
                known.group.learn(raised);
            }
            let span = ByteSpan { start: settled.span.start as u64, end: settled.span.end as u64 };
            found.hits.push(Hit { object, secret, span, start, end, found: settled.found, in_name: false });
            numbers.push(secret);
        }
        numbers
    }

    /// Notes what stands in the name of an object: of a file in a tree, or of a reference to a commit.
    pub(super) fn record_name(
        &self,
        object: ObjectNumber,
        name: &[u8],
        matches: Vec<Match>,
    ) -> Vec<SecretNumber> {
        let mut lines = LineIndex::new(name, Position::START);
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let mut numbers = Vec::new();
        for told in matches {
            let (start, end) = (lines.position(told.span.start), lines.position(told.span.end));
            let span = ByteSpan { start: told.span.start as u64, end: told.span.end as u64 };
            let told = Arc::new(told);
            let secret = found.number(&told, self.now);
            numbers.push(secret);
            found.hits.push(Hit { object, secret, span, start, end, found: told, in_name: true });
        }
        numbers
    }

    /// Calls `visit` for every object with a secret, for some of them more than once.
    pub(super) fn objects(&self, mut visit: impl FnMut(ObjectNumber)) {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.hits.iter().for_each(|hit| visit(hit.object));
    }

    /// Everything, the hits sorted by secret, then object, then place.
    pub(super) fn into_found(self) -> Found {
        self.take_found()
    }

    /// The same; nothing is left here.
    pub(super) fn take_found(&self) -> Found {
        let mut found = std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner));
        found.matches.clear();
        found.hits.sort_by_key(|hit| (hit.secret, hit.object, hit.span));
        found
    }
}

impl Found {
    /// Every object with the secrets in its content.
    pub(super) fn by_object(&self) -> Vec<(ObjectNumber, Vec<SecretNumber>)> {
        let mut pairs: Vec<_> =
            self.hits.iter().filter(|hit| !hit.in_name).map(|hit| (hit.object, hit.secret)).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let of_one =
            |pairs: &[(ObjectNumber, SecretNumber)]| (pairs[0].0, pairs.iter().map(|pair| pair.1).collect());
        pairs.chunk_by(|one, other| one.0 == other.0).map(of_one).collect()
    }

    /// The places of a secret in an object.
    pub(super) fn hits_of(&self, secret: SecretNumber, object: ObjectNumber) -> &[Hit] {
        let first = self.hits.partition_point(|hit| (hit.secret, hit.object) < (secret, object));
        let rest = &self.hits[first..];
        &rest[..rest.partition_point(|hit| (hit.secret, hit.object) == (secret, object))]
    }

    /// A place of a secret in some name; empty if there is none.
    pub(super) fn name_of(&self, secret: SecretNumber) -> &[Hit] {
        let first = self.hits.partition_point(|hit| hit.secret < secret);
        let of_secret = self.hits[first..].iter().take_while(|hit| hit.secret == secret);
        of_secret.filter(|hit| hit.in_name).map(std::slice::from_ref).next().unwrap_or_default()
    }

    fn number(&mut self, found: &Arc<Match>, now: u64) -> SecretNumber {
        let address = Arc::as_ptr(found) as usize;
        if let Some(&(number, _)) = self.matches.get(&address) {
            return number;
        }
        let mut told = (**found).clone();
        expire(&mut told, now);
        self.until = earliest(self.until, told.expires);
        let name = (Arc::from(told.rule.id.as_str()), told.secret.clone());
        let next = self.groups.len() as SecretNumber;
        let number = *self.numbers.entry(name).or_insert(next);
        if number == next {
            let secret = told.secret.clone();
            self.groups.push(Known { group: Group::new(&told), secret, allowed: false });
        }
        self.groups[number as usize].group.learn(&told);
        self.matches.insert(address, (number, Arc::clone(found)));
        number
    }
}

/// The matches with what their other halves say, or nothing where no rule among them has a half.
fn raised(settled: &[Settled]) -> Vec<Match> {
    if settled.iter().all(|settled| settled.found.pair.is_none()) {
        return Vec::new();
    }
    let mut matches: Vec<Match> = settled.iter().map(Settled::to_match).collect();
    raise_pairs(&mut matches);
    matches
}
