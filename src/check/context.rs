//! The context of a check: everything that comes from outside, so that the library asks neither clock nor environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::sensitive;
use crate::detect::Detector;
use crate::secret::FingerprintKey;

/// What checks may know and do.
#[derive(Clone, Debug)]
pub struct Context {
    /// The folder of the installation, which has a `.kb`.
    pub root: PathBuf,
    /// The home folder of the user.
    pub home: Option<PathBuf>,
    /// Where the system shows its processes: `/proc`.
    pub proc_folder: PathBuf,
    /// Where the system shows its control groups: `/sys/fs/cgroup`.
    pub cgroup_folder: PathBuf,
    /// Where units of systemd are described, the first one wins.
    pub unit_folders: Vec<PathBuf>,
    /// The environment of the user's shell. Values are never shown.
    pub variables: BTreeMap<String, String>,
    /// Now, in milliseconds of Unix time.
    pub now: u64,
    /// How far back a check looks, in milliseconds.
    pub window: u64,
    /// Which connections are allowed.
    pub network: Network,
    /// How long one answer of a service may take.
    pub timeout: Duration,
    /// Base addresses by the name of a service, `prometheus` or `registry`, such as `http://127.0.0.1:4000`.
    pub bases: BTreeMap<String, String>,
    /// Log files besides those of the installation.
    pub logs: Vec<PathBuf>,
    /// What the user asks about.
    pub only: Only,
    /// Finds the secrets that must not be shown.
    pub detector: Arc<Detector>,
    /// The key of fingerprints.
    pub key: FingerprintKey,
}

/// What the user asks about; checks that know nothing of it take no notice.
#[derive(Clone, Debug, Default)]
pub struct Only {
    /// A service, such as `gateway`.
    pub service: Option<String>,
    /// The id of a plugin.
    pub plugin: Option<String>,
    /// The id of a request or a trace.
    pub request: Option<String>,
    /// A package of the registry.
    pub package: Option<String>,
    /// A port.
    pub port: Option<u16>,
}

/// Which connections a check may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// None.
    Off,
    /// To this machine.
    Local,
    /// To every host.
    Any,
}

/// How far back checks look unless told otherwise: an hour, as long as an incident usually takes to be noticed.
const WINDOW: u64 = 60 * 60 * 1000;
/// How long a service may take to answer: a check has a second, and tries more than once.
const TIMEOUT: Duration = Duration::from_millis(600);

impl Context {
    /// A context for the installation in a folder, at a moment in milliseconds of Unix time.
    #[must_use]
    pub fn new(root: PathBuf, now: u64, detector: Arc<Detector>) -> Self {
        Self {
            root,
            home: None,
            proc_folder: "/proc".into(),
            cgroup_folder: "/sys/fs/cgroup".into(),
            unit_folders: ["/etc/systemd/system", "/usr/lib/systemd/system"].map(PathBuf::from).into(),
            variables: BTreeMap::new(),
            now,
            window: WINDOW,
            network: Network::Local,
            timeout: TIMEOUT,
            bases: BTreeMap::new(),
            logs: Vec::new(),
            only: Only::default(),
            detector,
            key: FingerprintKey::default(),
        }
    }

    /// The beginning of the time that is looked at, in milliseconds of Unix time.
    #[must_use]
    pub fn since(&self) -> u64 {
        self.now.saturating_sub(self.window)
    }

    /// A text that others wrote, without the secrets in it.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        sensitive::mask(&self.detector.redact(text)).into_owned()
    }

    /// The same in one line of so many characters. Secrets go first: half of one is no longer recognised.
    #[must_use]
    pub fn shorten(&self, text: &str, most: usize) -> String {
        let clean = self.redact(text);
        let mut line = clean.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.chars().count() > most {
            line = line.chars().take(most.saturating_sub(1)).collect();
            line.push('…');
        }
        line
    }

    /// A path as it is shown: relative to the installation where it lies in there.
    #[must_use]
    pub(crate) fn name_of(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    /// A file of the installation.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::context;

    #[test]
    fn secrets_go_before_a_text_is_cut() {
        let context = context(Path::new("/srv"));
        let short = context.shorten("password=hunter22hunter22 was used", 12);
        assert!(!short.contains("hun"), "{short}");
        assert_eq!(context.shorten("one\ntwo  three", 9), "one two …");
    }
}
