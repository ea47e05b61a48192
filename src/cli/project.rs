//! The project around a command: its repository, its configuration, its root.

use std::path::{Path, PathBuf};

use kbsec::config::{Config, GrantWaiver, Waiver};
use kbsec::coverage::{Coverage, Gap};
use kbsec::date;
use kbsec::finding::{Confidence, Finding};
use kbsec::git::{GitError, Repository};
use kbsec::plugin::audit::Accepted;
use kbsec::report;
use kbsec::rule::RuleSet;
use kbsec::scan::Outcome;
use kbsec::secret::FingerprintKey;

use super::Context;
use super::error::Hinted;

/// What a command knows of the place it works on.
pub(super) struct Project {
    /// The repository around the place; an error when there is one that cannot be used, which files do not need.
    pub(super) repository: Result<Option<Repository>, GitError>,
    /// Its settings.
    pub(super) config: Config,
    /// The directory that patterns of the configuration are relative to.
    pub(super) config_folder: PathBuf,
    /// The work tree; the current directory without one.
    pub(super) root: PathBuf,
}

/// Which configuration to use.
#[derive(Clone, Copy)]
pub(super) enum Settings<'a> {
    /// The nearest one, upward to the root.
    Nearest,
    /// This one.
    File(&'a Path),
    /// None.
    Default,
}

impl Project {
    /// The project around `start`, which may be a file or a directory, or not exist.
    pub(super) fn find(start: &Path, settings: Settings<'_>, context: &Context) -> anyhow::Result<Self> {
        let here = &context.environment.directory;
        let start: PathBuf = here.join(start).components().collect();
        let start = if start.is_dir() { &start } else { start.parent().unwrap_or(here) };
        let repository = Repository::discover(start, &context.environment.git);
        let found = repository.as_ref().ok().and_then(Option::as_ref);
        let root = found.and_then(Repository::work_tree).unwrap_or(here).to_owned();
        let path = match settings {
            Settings::Nearest => Config::find(start, &root),
            Settings::File(path) => Some(path.to_owned()),
            Settings::Default => None,
        };
        let config_folder = path.as_deref().map_or_else(|| root.clone(), |path| here.join(folder_of(path)));
        let config = path.as_deref().map(Config::read).transpose()?.unwrap_or_default();
        Ok(Self { repository, config, config_folder, root })
    }

    /// The embedded rules, those of the configuration and `added`, without those that it or `disabled` names.
    pub(super) fn rules(&self, added: &[PathBuf], disabled: &[String]) -> anyhow::Result<RuleSet> {
        let paths: Vec<PathBuf> = added.iter().chain(&self.config.rules).cloned().collect();
        let mut rules = super::rules::load(&paths)?;
        for name in disabled.iter().chain(&self.config.disable) {
            let id = rules.get(name).ok_or_else(|| super::rules::unknown(&rules, name))?.meta.id.clone();
            rules.retain(|rule| rule.meta.id != id);
        }
        if rules.iter().next().is_none() {
            return Err(Hinted::error("every rule is disabled", "without rules nothing would be looked for"));
        }
        Ok(rules)
    }

    /// The key of the fingerprints.
    pub(super) fn key(&self, context: &Context) -> FingerprintKey {
        let from_environment = context.environment.fingerprint_key.as_ref().map(|key| key.as_encoded_bytes());
        let key = from_environment.or(self.config.fingerprint_key.as_ref().map(String::as_bytes));
        key.map_or_else(FingerprintKey::default, FingerprintKey::new)
    }

    /// Takes out what is waived, and what is not certain enough; both are accounted for.
    pub(super) fn filter(&self, outcome: &mut Outcome, floor: Confidence, now: u64) {
        self.waive(&mut outcome.findings, &mut outcome.coverage, now);
        let before = outcome.findings.len();
        outcome.findings.retain(|finding| finding.confidence() >= floor);
        let unsure = before - outcome.findings.len();
        if unsure > 0 {
            let subject = format!("{unsure} {}", if unsure == 1 { "finding" } else { "findings" });
            let hint = "`--confidence low` shows them.";
            outcome.coverage.skipped.push(Gap::new(subject, "of low confidence").hint(hint));
        }
    }

    /// Takes out what is waived and accounts for it; a finding whose waiver has expired says so.
    pub(super) fn waive(&self, findings: &mut Vec<Finding>, coverage: &mut Coverage, now: u64) {
        let today = date::day(now).unwrap_or_default();
        findings.retain_mut(|finding| {
            let by_name = self.config.waivers_of(finding).map(Consent::from);
            let by_grant = self.config.grant_waiver.iter().filter(|waiver| accepted(waiver).covers(finding));
            let consents: Vec<Consent<'_>> = by_name.chain(by_grant.map(Consent::from)).collect();
            let until =
                |consent: &&Consent<'_>| consent.expires.is_none_or(|last_day| today.as_str() <= last_day);
            if let Some(consent) = consents.iter().find(until) {
                coverage.skipped.push(consent.account(finding));
                return false;
            }
            if let Some(day) = consents.iter().find_map(|consent| consent.expires) {
                finding.explain(format!("its waiver expired after {day}"));
            }
            true
        });
    }

    /// What reports tell of the repository.
    pub(super) fn provenance(&self) -> Option<report::Repository> {
        self.repository.as_ref().ok().and_then(Option::as_ref).map(describe)
    }
}

/// Why a finding does not count, whichever kind of waiver says so.
struct Consent<'c> {
    reason: &'c str,
    owner: Option<&'c str>,
    expires: Option<&'c str>,
}

impl<'c> From<&'c Waiver> for Consent<'c> {
    fn from(waiver: &'c Waiver) -> Self {
        Self { reason: &waiver.reason, owner: waiver.owner.as_deref(), expires: waiver.expires.as_deref() }
    }
}

impl<'c> From<&'c GrantWaiver> for Consent<'c> {
    fn from(waiver: &'c GrantWaiver) -> Self {
        Self { reason: &waiver.reason, owner: waiver.owner.as_deref(), expires: waiver.expires.as_deref() }
    }
}

impl Consent<'_> {
    /// What the coverage says of the finding.
    fn account(&self, finding: &Finding) -> Gap {
        let place = &finding.locations()[0];
        let owner = self.owner.map_or(String::new(), |owner| format!(" by {owner}"));
        let until = self.expires.map_or(String::new(), |day| format!(" until {day}"));
        let subject = format!("{}:{}", place.origin, place.start.line);
        Gap::new(subject, format!("waived{owner}{until}: {}", self.reason))
    }
}

fn accepted(waiver: &GrantWaiver) -> Accepted {
    let GrantWaiver { rule, plugin, grant, .. } = waiver;
    Accepted { rule: rule.clone(), plugin: plugin.clone(), grant: grant.clone() }
}

/// The directory that the patterns of a configuration file are relative to; `.github` stands for the one above it.
fn folder_of(config: &Path) -> &Path {
    let folder = config.parent().unwrap_or(Path::new(""));
    if folder.ends_with(".github") { folder.parent().unwrap_or(folder) } else { folder }
}

fn describe(repository: &Repository) -> report::Repository {
    report::Repository {
        uri: repository.origin_url().map(str::to_owned),
        revision: repository.head().ok().flatten().map(|head| head.commit.to_string()),
        branch: repository.branch().ok().flatten(),
    }
}
