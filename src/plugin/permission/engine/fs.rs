//! The files that a plugin reaches through `ctx.runtime.fs`: declared patterns and what is always allowed, without what
//! is always denied.
//!
//! The shim resolves paths as text and follows no link, so neither does this model: a link inside the workspace leads
//! out of it. POSIX paths only.

use std::sync::LazyLock;

use super::super::language::{Language, Pattern, TooLarge, Units};
use super::{glob, posix};

/// A workspace in a place of which no denial speaks.
pub const WORKSPACE: &str = "/work/space";

/// The files of a plugin that runs in [`WORKSPACE`], made once.
///
/// # Errors
/// When its paths are undecided.
pub fn files() -> Result<&'static Fs, TooLarge> {
    static FILES: LazyLock<Result<Fs, TooLarge>> = LazyLock::new(|| Fs::new(WORKSPACE, None));
    FILES.as_ref().map_err(|_| TooLarge)
}

/// Where and how a plugin runs, as far as its files depend on it.
#[derive(Clone, Debug)]
pub struct Fs {
    cwd: String,
    /// What the shim adds to the writable patterns.
    always_writable: String,
    /// Absolute paths in normal form that no hard denial stops.
    reachable: Language,
}

/// What a plugin wants to do with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read, list or stat it.
    Read,
    /// Write, create or remove it.
    Write,
}

/// What the shim decides about a path, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<'p> {
    /// The first pattern that lets it through.
    Granted(&'p str),
    /// The shim lets it through whatever is declared: the working folder for reading, the output folder for writing.
    Always,
    /// A hard denial stops it; the text is the name, extension or folder that it looks for.
    Denied(&'static str),
    /// No pattern matches.
    Unlisted,
}

/// A text that makes a path unreachable wherever it stands, be it within a longer name.
struct Denial {
    text: &'static str,
    place: Place,
}

#[derive(PartialEq)]
enum Place {
    Anywhere,
    /// The same, in upper or lower case.
    AnyCase,
    AtEnd,
}

const DENIALS: [Denial; 13] = [
    Denial { text: "node_modules", place: Place::Anywhere },
    Denial { text: ".git/", place: Place::Anywhere },
    Denial { text: ".env", place: Place::AtEnd },
    Denial { text: ".env.", place: Place::Anywhere },
    Denial { text: ".ssh", place: Place::Anywhere },
    Denial { text: "/etc/", place: Place::Anywhere },
    Denial { text: "/usr/", place: Place::Anywhere },
    Denial { text: "/var/", place: Place::Anywhere },
    Denial { text: "credentials", place: Place::AnyCase },
    Denial { text: "password", place: Place::AnyCase },
    Denial { text: ".pem", place: Place::AtEnd },
    Denial { text: ".key", place: Place::AtEnd },
    Denial { text: ".secret", place: Place::AtEnd },
];

impl Fs {
    /// The file system of a plugin that runs in `cwd` and may write its results to `outdir`; both are absolute.
    ///
    /// # Errors
    /// None with the denials of this version; the algebra has a limit, and they are far from it.
    pub fn new(cwd: &str, outdir: Option<&str>) -> Result<Self, TooLarge> {
        let cwd = posix::resolve("/", cwd);
        let always_writable = match outdir {
            Some(outdir) => posix::relative(&cwd, outdir),
            None => ".kb/output".to_owned(),
        };
        let denied = Language::any(DENIALS.iter().map(|denial| Language::of(&denial.pattern())))?;
        let reachable = normal_paths()?.difference(&denied)?;
        Ok(Self { cwd, always_writable, reachable })
    }

    /// Whether a path, absolute or from the working folder, matches a pattern; denials are left aside.
    #[must_use]
    pub fn matches(&self, pattern: &str, path: &str) -> bool {
        self.matches_resolved(pattern, &posix::resolve(&self.cwd, path))
    }

    /// The absolute path, in normal form, that the shim makes of a path.
    #[must_use]
    pub fn resolved(&self, path: &str) -> String {
        posix::resolve(&self.cwd, path)
    }

    /// The absolute paths that a pattern matches; denials are left aside.
    ///
    /// # Errors
    /// When the pattern is undecided.
    pub fn language(&self, pattern: &str) -> Result<Language, TooLarge> {
        match pattern {
            "**" => Ok(Language::all()),
            _ => Language::of(&self.compiled(pattern)),
        }
    }

    /// The same as a pattern, which takes no automaton.
    #[must_use]
    pub fn pattern(&self, pattern: &str) -> Pattern {
        match pattern {
            "**" => Pattern::new().anything(),
            _ => self.compiled(pattern),
        }
    }

    fn always(&self, access: Access) -> &str {
        match access {
            Access::Read => ".",
            Access::Write => &self.always_writable,
        }
    }

    /// The same for paths that begin where the pattern does: what its author means. The shim also finds a glob in the
    /// middle of a path.
    #[must_use]
    pub fn intended(&self, pattern: &str) -> Pattern {
        match pattern {
            "**" => Pattern::new().anything(),
            _ if is_glob(pattern) => {
                glob::path(Pattern::new(), &posix::resolve(&self.cwd, pattern)).anything()
            }
            _ => self.compiled(pattern),
        }
    }

    /// The absolute paths that can be read under some patterns.
    ///
    /// # Errors
    /// When the patterns together are undecided.
    pub fn readable(&self, patterns: &[&str]) -> Result<Language, TooLarge> {
        self.granted(Access::Read, patterns)
    }

    /// The absolute paths that can be written under some patterns.
    ///
    /// # Errors
    /// When the patterns together are undecided.
    pub fn writable(&self, patterns: &[&str]) -> Result<Language, TooLarge> {
        self.granted(Access::Write, patterns)
    }

    /// The absolute paths that one pattern adds, denials taken off: empty for a grant that is dead.
    ///
    /// # Errors
    /// When the pattern is undecided.
    pub fn effective(&self, pattern: &str) -> Result<Language, TooLarge> {
        self.language(pattern)?.intersection(&self.reachable)
    }

    /// What the shim decides about a path under some patterns. Denials come first, as in the shim.
    #[must_use]
    pub fn decide<'p>(&self, access: Access, patterns: &[&'p str], path: &str) -> Decision<'p> {
        let path = posix::resolve(&self.cwd, path);
        if let Some(denial) = DENIALS.iter().find(|denial| denial.stops(&path)) {
            return Decision::Denied(denial.text);
        }
        if self.matches_resolved(self.always(access), &path) {
            return Decision::Always;
        }
        let first = patterns.iter().find(|pattern| self.matches_resolved(pattern, &path));
        first.map_or(Decision::Unlisted, |pattern| Decision::Granted(pattern))
    }

    fn granted(&self, access: Access, patterns: &[&str]) -> Result<Language, TooLarge> {
        let patterns = std::iter::once(self.always(access)).chain(patterns.iter().copied());
        // Denials first: what they cut off need not be told apart in the union.
        Language::any(patterns.map(|pattern| self.effective(pattern)))
    }

    fn matches_resolved(&self, pattern: &str, path: &str) -> bool {
        if pattern == "**" {
            return true;
        }
        if is_glob(pattern) {
            return self.compiled(pattern).matches(path);
        }
        path.starts_with(&posix::resolve(&self.cwd, pattern))
    }

    /// A glob is looked for anywhere in the path; another pattern is how the path begins, be it within a name.
    fn compiled(&self, pattern: &str) -> Pattern {
        let resolved = posix::resolve(&self.cwd, pattern);
        match is_glob(pattern) {
            true => glob::path(Pattern::new().anything(), &resolved).anything(),
            false => Pattern::new().text(&resolved).anything(),
        }
    }
}

impl Denial {
    fn stops(&self, path: &str) -> bool {
        match self.place {
            Place::Anywhere => path.contains(self.text),
            Place::AnyCase => path.to_ascii_lowercase().contains(self.text),
            Place::AtEnd => path.ends_with(self.text),
        }
    }

    fn pattern(&self) -> Pattern {
        let before = Pattern::new().anything();
        match self.place {
            Place::Anywhere => before.text(self.text).anything(),
            Place::AnyCase => before.text_of_any_case(self.text).anything(),
            Place::AtEnd => before.text(self.text),
        }
    }
}

fn is_glob(pattern: &str) -> bool {
    pattern.contains(['*', '?'])
}

/// The absolute paths that the shim can come to ask about: no empty name, no `.`, no `..`; and no NUL, which the
/// system does not take.
fn normal_paths() -> Result<Language, TooLarge> {
    let anything = || Pattern::new().anything();
    let mut wrong = vec![anything().one(Units::only(0)).anything(), anything().text("//").anything()];
    for name in [".", ".."] {
        wrong.push(anything().text(&format!("/{name}/")).anything());
        wrong.push(anything().text(&format!("/{name}")));
    }
    // One slash alone is the root; a slash behind something closes a path that is not in normal form.
    wrong.push(Pattern::new().text("/").anything().text("/"));
    Language::of(&Pattern::new().text("/").anything())?.difference(&Language::of_any(&wrong)?)
}

#[cfg(test)]
mod tests;
