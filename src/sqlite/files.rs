//! The files of a database: itself, and what SQLite keeps beside it.

use std::path::Path;
use std::sync::Arc;

use super::evidence::{Evidence, EvidenceError};
use super::sidecar::Role;

/// A database with its sidecars, open for reading.
#[derive(Clone, Debug)]
pub struct Files {
    /// The database.
    pub database: Arc<Evidence>,
    /// Its write-ahead log, `…-wal`.
    pub log: Option<Arc<Evidence>>,
    /// Its rollback journal, `…-journal`.
    pub journal: Option<Arc<Evidence>>,
}

impl Files {
    /// Opens the database at `path` and what lies beside it.
    ///
    /// # Errors
    /// When one of them is there and cannot be read.
    pub fn open(path: &Path) -> Result<Self, EvidenceError> {
        let beside = |role: Role| Ok(Evidence::open_if_there(&role.beside(path))?.map(Arc::new));
        Ok(Self {
            database: Arc::new(Evidence::open(path)?),
            log: beside(Role::Wal)?,
            journal: beside(Role::Journal)?,
        })
    }

    /// Whether somebody changed one of them since they were opened.
    #[must_use]
    pub fn have_changed(&self) -> bool {
        let all = [Some(&self.database), self.log.as_ref(), self.journal.as_ref()];
        all.into_iter().flatten().any(|file| file.has_changed())
    }
}
