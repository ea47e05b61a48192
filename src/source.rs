//! A source: a place that holds bytes to examine, and hands them out as chunks.

mod crew;
mod excluded;
pub mod git_files;
mod reader;
pub mod staged;
pub mod stdin;
pub mod worktree;

use std::sync::atomic::{AtomicBool, Ordering};

use crate::chunk::Chunk;
use crate::coverage::Coverage;

/// Anything that can be scanned.
pub trait Source: Sync {
    /// Hands every chunk to `sink`, from several threads at once, and accounts for everything it did not hand out.
    ///
    /// An input longer than [`CHUNK_BYTES`](crate::chunk::CHUNK_BYTES) comes in several chunks that overlap by [`CHUNK_OVERLAP`](crate::chunk::CHUNK_OVERLAP).
    ///
    /// # Errors
    /// Only when nothing at all can be read; single inputs that fail are gaps of the coverage.
    fn visit(&self, sink: &(dyn Fn(Chunk<'_>) + Sync), stop: &Stop) -> Result<Coverage, SourceError>;
}

/// A request to end early, checked between inputs and between chunks.
#[derive(Debug, Default)]
pub struct Stop(AtomicBool);

impl Stop {
    /// Asks every thread to end soon.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether to end.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Nothing could be read at all.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct SourceError {
    /// What could not be done, naming the object: `cannot read the index of /srv/app`.
    pub what: String,
    /// What the user can do next, as a sentence.
    pub hint: String,
    /// The cause.
    #[source]
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}
