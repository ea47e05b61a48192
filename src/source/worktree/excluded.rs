//! Excluded paths: what the configuration leaves out.

use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::super::SourceError;

/// Compiled patterns.
pub(super) struct Excluded {
    base: PathBuf,
    patterns: Gitignore,
}

impl Excluded {
    /// Compiles `patterns`, which are relative to `base`.
    pub(super) fn new(patterns: &[String], base: &Path) -> Result<Self, SourceError> {
        let base = if patterns.is_empty() { base.to_path_buf() } else { real(base)? };
        let mut builder = GitignoreBuilder::new(&base);
        let bad = |pattern: &str, cause| SourceError {
            what: format!("the exclude pattern {pattern:?} cannot be understood"),
            hint: "patterns are written as in a .gitignore file, for example `dist/**`".into(),
            cause: Some(Box::new(cause)),
        };
        for pattern in patterns {
            builder.add_line(None, pattern).map_err(|cause| bad(pattern, cause))?;
        }
        let patterns = builder.build().map_err(|cause| bad("exclude", cause))?;
        Ok(Self { base, patterns })
    }

    /// Whether there are patterns at all.
    pub(super) fn any(&self) -> bool {
        !self.patterns.is_empty()
    }

    /// Whether `real` itself matches; its parents were asked before.
    pub(super) fn has(&self, real: &Path, is_directory: bool) -> bool {
        self.any() && real.starts_with(&self.base) && self.patterns.matched(real, is_directory).is_ignore()
    }

    /// Whether the file `real` or a directory above it matches.
    pub(super) fn has_below(&self, real: &Path) -> bool {
        self.any()
            && real.starts_with(&self.base)
            && self.patterns.matched_path_or_any_parents(real, false).is_ignore()
    }
}

fn real(base: &Path) -> Result<PathBuf, SourceError> {
    base.canonicalize().map_err(|cause| SourceError {
        what: format!("cannot read {}, which the exclude patterns are relative to", base.display()),
        hint: "check the place of the configuration file".into(),
        cause: Some(Box::new(cause)),
    })
}
