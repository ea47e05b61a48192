//! Coverage: what a run looked at, what it left out on purpose, and what it should have read but could not.

mod database;

pub use database::{DatabaseAccount, Holder, Shape, View};

/// The honest account of one run. "Nothing found" means something only beside it.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Inputs that were read to the end.
    pub items: u64,
    /// Bytes of those inputs.
    pub bytes: u64,
    /// Where there are inputs of several kinds, how many of each, such as `("commits", 12)`; in order of importance.
    pub kinds: Vec<(&'static str, u64)>,
    /// Inputs left out on purpose, by default or by the user's wish; they do not make the run incomplete.
    pub skipped: Vec<Gap>,
    /// Inputs that should have been read and were not, or not to the end: the run is incomplete.
    pub missed: Vec<Gap>,
    /// Set when there was truly nothing to do, such as a commit that changes no file.
    pub nothing_to_do: Option<String>,
    /// The databases among the inputs, where they were examined as such.
    pub databases: Vec<DatabaseAccount>,
}

/// One input that was not examined.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// The path, object or stream.
    pub subject: String,
    /// Why, as a short clause: `permission denied`, `larger than the limit of 256 MiB`.
    pub reason: String,
    /// What the user can do about it, as a sentence; may be empty.
    pub hint: String,
}

impl Gap {
    /// A gap without a hint.
    pub fn new(subject: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { subject: subject.into(), reason: reason.into(), hint: String::new() }
    }

    /// Adds what the user can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}

impl Coverage {
    /// Counts one input that was read to the end.
    pub fn examined(&mut self, bytes: u64) {
        self.items += 1;
        self.bytes += bytes;
    }

    /// Adds the account of another part of the same run.
    pub fn absorb(&mut self, other: Self) {
        self.items += other.items;
        self.bytes += other.bytes;
        for (kind, count) in other.kinds {
            match self.kinds.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, total)) => *total += count,
                None => self.kinds.push((kind, count)),
            }
        }
        self.skipped.extend(other.skipped);
        self.missed.extend(other.missed);
        self.databases.extend(other.databases);
        self.nothing_to_do = self.nothing_to_do.take().or(other.nothing_to_do);
    }

    /// Whether something that should have been examined was not, or nothing was examined at all.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        !self.missed.is_empty() || (self.items == 0 && self.nothing_to_do.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_at_nothing_is_not_being_clean() {
        let mut coverage = Coverage::default();
        assert!(coverage.is_incomplete());
        coverage.nothing_to_do = Some("nothing is staged".into());
        assert!(!coverage.is_incomplete());
        coverage.missed.push(Gap::new("a", "permission denied"));
        assert!(coverage.is_incomplete());
    }
}
