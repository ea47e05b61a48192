//! The names that a grant of platform services is limited to: keys, paths, identifiers, namespaces.

use super::super::language::{Language, Pattern, TooLarge};

/// How the platform compares a name with the list of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Keys of the cache, paths of the storage, identifiers that a search of vectors shows: each entry is a beginning,
    /// `*` stands for itself. An empty list allows nothing.
    Beginning,
    /// Identifiers of vectors that are written or deleted: they get the first entry as their beginning, whatever the
    /// other entries are.
    FirstBeginning,
    /// Identifiers of workflows and types of jobs: exact, or a beginning before a closing `*`. An empty list allows
    /// nothing but the empty name.
    Identifier,
    /// Templates, sources, paths and namespaces of environments, workspaces and snapshots: entries as with identifiers,
    /// but an empty list allows everything, and a request without a name is not asked.
    Optional,
    /// The namespace of a target of execution: the same, but the name must be there.
    Target,
    /// Plugins to invoke: exact, or `*` for all. An empty list allows nothing.
    Plugin,
}

impl Scope {
    /// Whether an entry of the list covers a name; the list as a whole is left aside.
    #[must_use]
    pub fn matches(self, pattern: &str, name: &str) -> bool {
        match self {
            Self::Beginning | Self::FirstBeginning => name.starts_with(pattern),
            Self::Identifier | Self::Optional | Self::Target => super::env::matches(pattern, name),
            Self::Plugin => super::shell::matches(pattern, name),
        }
    }

    /// The names that an entry covers.
    ///
    /// # Errors
    /// When the pattern is undecided.
    pub fn language(self, pattern: &str) -> Result<Language, TooLarge> {
        match self {
            Self::Beginning | Self::FirstBeginning => Language::of(&Pattern::new().text(pattern).anything()),
            Self::Identifier | Self::Optional | Self::Target => super::env::language(pattern),
            Self::Plugin => super::shell::language(pattern),
        }
    }

    /// Whether the platform lets a request with this name through under a list.
    #[must_use]
    pub fn allows(self, patterns: &[&str], name: &str) -> bool {
        let limited = self.heeded(patterns);
        match self {
            Self::Identifier | Self::Optional if name.is_empty() => true,
            Self::Target if name.is_empty() => false,
            Self::Optional | Self::Target if patterns.is_empty() => true,
            _ => limited.iter().any(|pattern| self.matches(pattern, name)),
        }
    }

    /// The names of the requests that the platform lets through under a list.
    ///
    /// # Errors
    /// When the patterns together are undecided.
    pub fn allowed(self, patterns: &[&str]) -> Result<Language, TooLarge> {
        let empty = Language::exactly("")?;
        let listed = match self {
            Self::Optional | Self::Target if patterns.is_empty() => Language::all(),
            _ => Language::any(self.heeded(patterns).iter().map(|pattern| self.language(pattern)))?,
        };
        match self {
            Self::Identifier | Self::Optional => listed.union(&empty),
            Self::Target => listed.difference(&empty),
            Self::Beginning | Self::FirstBeginning | Self::Plugin => Ok(listed),
        }
    }

    /// The entries that the platform looks at.
    fn heeded<'a, 'p>(self, patterns: &'a [&'p str]) -> &'a [&'p str] {
        match self {
            Self::FirstBeginning => patterns.get(..1).unwrap_or(patterns),
            _ => patterns,
        }
    }
}
