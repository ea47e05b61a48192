//! The contents of objects: which secrets each of them holds, each read and examined once.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use super::Question;
use crate::git::store::ObjectNumber;
use crate::git::{GitError, ObjectError, ObjectId, ObjectReader};
use crate::scan::history::secrets::{Found, SecretNumber, Secrets};

/// Examines objects, from several threads.
pub(super) struct Contents<'a> {
    question: &'a Question<'a>,
    secrets: Secrets,
    known: Mutex<Known>,
    bytes: AtomicU64,
}

/// What is known so far.
#[derive(Default)]
struct Known {
    /// How many numbers there are.
    count: ObjectNumber,
    numbers: HashMap<ObjectId, ObjectNumber>,
    /// What was examined.
    of_object: HashMap<ObjectId, Vec<SecretNumber>>,
    /// Names without a secret.
    clean_names: HashSet<Vec<u8>>,
    /// Names with secrets, by the tree in which they stand.
    of_name: HashMap<(ObjectId, Vec<u8>), Vec<SecretNumber>>,
    /// Names of refs with secrets, with the number that stands for the ref.
    of_ref: HashMap<String, (ObjectNumber, Vec<SecretNumber>)>,
    unread: Vec<(ObjectId, ObjectError)>,
    missed: HashSet<ObjectId>,
    failed: Vec<ObjectId>,
}

impl<'a> Contents<'a> {
    pub(super) fn new(question: &'a Question<'a>) -> Self {
        let secrets = Secrets::new(question.options.now);
        Self { question, secrets, known: Mutex::default(), bytes: AtomicU64::new(0) }
    }

    /// Examines what is new, in parallel; what cannot be read is missed.
    pub(super) fn examine(&self, ids: &[ObjectId]) -> Result<(), GitError> {
        self.each(ids, |objects, id| match self.examine_one(objects, id) {
            Ok(bytes) => drop(self.bytes.fetch_add(bytes, Ordering::Relaxed)),
            Err(error) => self.miss(vec![(id, error)]),
        })
    }

    /// Examines what was there before, only to know what is not new. What cannot be read is nobody's loss.
    pub(super) fn examine_old(&self, ids: &[ObjectId]) -> Result<(), GitError> {
        self.each(ids, |objects, id| drop(self.examine_one(objects, id)))
    }

    fn each(
        &self,
        ids: &[ObjectId],
        visit: impl Fn(&mut ObjectReader, ObjectId) + Sync,
    ) -> Result<(), GitError> {
        let new: Vec<ObjectId> = {
            let known = self.lock();
            ids.iter().copied().filter(|id| !known.of_object.contains_key(id)).collect()
        };
        let share = new.len().div_ceil(rayon::current_num_threads() * 4).max(16);
        new.par_chunks(share).try_for_each(|ids| {
            let mut objects = self.question.repository.objects()?;
            ids.iter().filter(|_| !self.question.stop.requested()).for_each(|&id| visit(&mut objects, id));
            Ok(())
        })
    }

    /// Examines one object; how many bytes it has.
    fn examine_one(&self, objects: &mut ObjectReader, id: ObjectId) -> Result<u64, ObjectError> {
        let object = objects.read(id, self.question.limits.max_object_bytes)?;
        let number = self.number(id);
        let detector = self.question.detector;
        let look = || {
            let bytes = object.bytes();
            let seen = detector.inspect(bytes);
            if seen.is_clean() {
                return Vec::new();
            }
            self.secrets.record(number, bytes, detector.settle(bytes, &seen))
        };
        // One object on which the detector fails must not end the scan.
        let seen = catch_unwind(AssertUnwindSafe(look));
        let bytes = object.bytes().len() as u64;
        (self.question.options.progress)(bytes);
        let mut known = self.lock();
        match seen {
            Ok(secrets) => drop(known.of_object.insert(id, secrets)),
            Err(_) => known.failed.push(id),
        }
        Ok(bytes)
    }

    /// The secrets in a name that stands in a tree.
    pub(super) fn name(&self, name: &[u8], tree: ObjectId) -> Vec<SecretNumber> {
        let key = (tree, name.to_vec());
        {
            let known = self.lock();
            if known.clean_names.contains(name) {
                return Vec::new();
            }
            if let Some(secrets) = known.of_name.get(&key) {
                return secrets.clone();
            }
        }
        let matches = self.question.detector.detect(name);
        if matches.is_empty() {
            self.lock().clean_names.insert(key.1);
            return Vec::new();
        }
        let secrets = self.secrets.record_name(self.number(tree), name, matches);
        self.lock().of_name.insert(key, secrets.clone());
        secrets
    }

    /// The secrets in the name of a ref, and the number that stands for it.
    pub(super) fn ref_name(&self, name: &str) -> (ObjectNumber, Vec<SecretNumber>) {
        if let Some(known) = self.lock().of_ref.get(name) {
            return known.clone();
        }
        let number = {
            let mut known = self.lock();
            known.count += 1;
            known.count - 1
        };
        let matches = self.question.detector.detect(name.as_bytes());
        let secrets = match matches.is_empty() {
            true => Vec::new(),
            false => self.secrets.record_name(number, name.as_bytes(), matches),
        };
        self.lock().of_ref.insert(name.to_owned(), (number, secrets.clone()));
        (number, secrets)
    }

    /// The secrets in an object that was examined.
    pub(super) fn secrets(&self, id: ObjectId) -> Vec<SecretNumber> {
        self.lock().of_object.get(&id).cloned().unwrap_or_default()
    }

    /// Notes objects that cannot be read, each once.
    pub(super) fn miss(&self, unread: Vec<(ObjectId, ObjectError)>) {
        let mut known = self.lock();
        for (id, error) in unread {
            if known.missed.insert(id) {
                known.unread.push((id, error));
            }
        }
    }

    /// Whether everything so far was read and examined.
    pub(super) fn is_complete(&self) -> bool {
        let known = self.lock();
        known.unread.is_empty() && known.failed.is_empty() && !self.question.stop.requested()
    }

    /// Calls `each` for what was not read, and what the detector failed on (without an error).
    pub(super) fn each_gap(&self, mut each: impl FnMut(ObjectId, Option<&ObjectError>)) {
        let known = self.lock();
        known.unread.iter().for_each(|(id, error)| each(*id, Some(error)));
        known.failed.iter().for_each(|id| each(*id, None));
    }

    /// How many of these objects were examined.
    pub(super) fn count(&self, ids: impl IntoIterator<Item = ObjectId>) -> u64 {
        let known = self.lock();
        ids.into_iter().filter(|id| known.of_object.contains_key(id)).count() as u64
    }

    /// Bytes that were examined, without what was there before.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The number by which the secrets know an object.
    pub(super) fn number(&self, id: ObjectId) -> ObjectNumber {
        let mut known = self.lock();
        let next = known.count;
        let number = *known.numbers.entry(id).or_insert(next);
        known.count += ObjectNumber::from(number == next);
        number
    }

    /// All that was found; nothing is left.
    pub(super) fn take_found(&self) -> Found {
        self.secrets.take_found()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
