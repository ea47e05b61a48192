//! The values to take out: what is looked for in every encoding, and what is too short or too common to be taken out.

use std::fmt;
use std::sync::Arc;

use crate::needle::{Needle, Unsearchable};
use crate::secret::{Fingerprint, FingerprintKey, Secret};

/// A shorter value stands by chance in data that has nothing to do with it.
pub const SHORTEST: usize = 8;

/// What the values have in common with the fingerprints of `kbsec find`.
const FAMILY: &str = "rewrite";

/// Values that leave the history together. Their printed form says nothing of them.
#[derive(Clone)]
pub struct Values(Arc<Searches>);

struct Searches {
    secrets: Vec<Secret>,
    needles: Vec<Needle>,
}

/// Why a value cannot be taken out.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// No value was given.
    #[error("no value to take out")]
    None,
    /// Below [`SHORTEST`].
    #[error("value {number} has {bytes} bytes; fewer than {SHORTEST} stand by chance in other data")]
    TooShort {
        /// Which of the values, from 1 on.
        number: usize,
        /// Its length.
        bytes: usize,
    },
    /// It has so few different bytes that it stands in what it would be replaced with, or in padding.
    #[error("value {number} has {different} different bytes; runs of them stand by chance in other data")]
    TooPlain {
        /// Which of the values, from 1 on.
        number: usize,
        /// How many different bytes it has.
        different: usize,
    },
    /// It stands in the text that replaces it.
    #[error("value {number} stands in the text that would replace it")]
    InReplacement {
        /// Which of the values, from 1 on.
        number: usize,
    },
    /// It cannot be searched for.
    #[error("value {number}: {cause}")]
    Unsearchable {
        /// Which of the values, from 1 on.
        number: usize,
        /// Why.
        #[source]
        cause: Unsearchable,
    },
}

impl Unusable {
    /// What the user can do next, as a sentence.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::None => "give it with --value-file FILE or --stdin",
            Self::InReplacement { .. } => "it is no secret: nothing has to be taken out",
            _ => {
                "give the whole secret with what stands before and after it, such as the name of the setting"
            }
        }
    }
}

impl Values {
    /// Values to look for. The same one twice is one.
    ///
    /// # Errors
    /// When there is none, or one of them would be found in what is no secret.
    pub fn new(secrets: Vec<Secret>, replacements: &[&[u8]]) -> Result<Self, Unusable> {
        let mut values = Searches { secrets: Vec::new(), needles: Vec::new() };
        for (secret, number) in secrets.into_iter().zip(1..) {
            if values.secrets.contains(&secret) {
                continue;
            }
            let mut different = secret.expose().to_vec();
            different.sort_unstable();
            different.dedup();
            if secret.len() < SHORTEST {
                return Err(Unusable::TooShort { number, bytes: secret.len() });
            }
            if different.len() < 3 {
                return Err(Unusable::TooPlain { number, different: different.len() });
            }
            let needle = Needle::value(&secret).map_err(|cause| Unusable::Unsearchable { number, cause })?;
            if replacements.iter().any(|text| !needle.search(text).is_empty()) {
                return Err(Unusable::InReplacement { number });
            }
            values.needles.push(needle);
            values.secrets.push(secret);
        }
        if values.needles.is_empty() { Err(Unusable::None) } else { Ok(Self(Arc::new(values))) }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.needles().len()
    }

    /// Never true: there is at least one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.needles().is_empty()
    }

    /// The searches, one for each value.
    #[must_use]
    pub fn needles(&self) -> &[Needle] {
        &self.0.needles
    }

    /// Names for the values that do not tell them, sorted.
    #[must_use]
    pub fn fingerprints(&self, key: &FingerprintKey) -> Vec<Fingerprint> {
        let mut all: Vec<_> = self.0.secrets.iter().map(|secret| secret.fingerprint(key, FAMILY)).collect();
        all.sort_unstable();
        all
    }

    /// Whether one of them stands there, in any encoding; nothing is unpacked.
    #[must_use]
    pub fn are_in(&self, bytes: &[u8]) -> bool {
        self.needles().iter().any(|needle| !needle.search(bytes).is_empty())
    }

    /// The text without them, for people and for files that stay.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.needles().iter().fold(text.to_owned(), |text, needle| needle.redact(&text))
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Values({})", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(texts: &[&str]) -> Result<Values, Unusable> {
        Values::new(texts.iter().map(|text| Secret::new(*text)).collect(), &[b"***REMOVED***"])
    }

    #[test]
    fn what_would_be_found_by_chance_is_refused_with_numbers() {
        let refusal = |texts: &[&str]| values(texts).unwrap_err().to_string();
        assert!(refusal(&["hunter2"]).contains("value 1 has 7 bytes"));
        assert!(refusal(&["hunter2hunter2", "--------"]).contains("value 2 has 1 different"));
        assert!(refusal(&["**REMOVED*"]).contains("would replace it"));
        assert!(refusal(&[]).contains("no value"));
        assert_eq!(values(&["hunter2hunter2", "hunter2hunter2"]).unwrap().len(), 1);
    }

    #[test]
    fn the_values_are_found_and_never_shown() {
        let values = values(&["hunter2hunter2", "correct-horse-battery"]).unwrap();
        assert!(values.are_in(b"x 68756e7465723268756e74657232"));
        assert!(!values.are_in(b"hunter"));
        assert_eq!(values.redact("hunter2hunter2/correct-horse-battery"), "[redacted]/[redacted]");
        assert_eq!(format!("{values:?}"), "Values(2)");
    }
}
