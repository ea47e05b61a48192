//! A secret that has leaked, as a session knows it.

use kbsec::needle::Needle;
use kbsec::rule::Rule;
use kbsec::secret::{FingerprintKey, Secret};

/// The value of this incident, in memory only.
pub(crate) struct Leak {
    pub(crate) secret: Secret,
    pub(crate) needle: Needle,
    /// What it looks like, where a rule knows it.
    pub(crate) rule: Option<Rule>,
    pub(crate) key: FingerprintKey,
    /// What takes its place in env files.
    pub(crate) replacement: Option<Secret>,
    /// Another server that speaks the API of the provider.
    pub(crate) api_base: Option<String>,
}
