//! The project around a command: its repository, its configuration, its root.

use std::path::{Path, PathBuf};

use kbsec::config::{Config, Waiver};
use kbsec::coverage::Gap;
use kbsec::date;
use kbsec::finding::{Confidence, Finding};
use kbsec::git::{GitError, Repository};
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

    /// Takes out what is not certain enough and what is waived; the latter is accounted for.
    pub(super) fn filter(&self, outcome: &mut Outcome, floor: Confidence, now: u64) {
        let today = date::day(now).unwrap_or_default();
        let waived = &mut outcome.coverage.skipped;
        let mut unsure = 0;
        outcome.findings.retain_mut(|finding| {
            let mut expired = None;
            for waiver in self.config.waivers_of(finding) {
                if waiver.counts_on(&today) {
                    waived.push(account(waiver, finding));
                    return false;
                }
                expired = waiver.expires.as_ref();
            }
            if let Some(day) = expired {
                finding.explain(format!("its waiver expired after {day}"));
            }
            unsure += usize::from(finding.confidence() < floor);
            finding.confidence() >= floor
        });
        if unsure > 0 {
            let subject = format!("{unsure} {}", if unsure == 1 { "finding" } else { "findings" });
            let hint = "`--confidence low` shows them.";
            waived.push(Gap::new(subject, "of low confidence").hint(hint));
        }
    }

    /// What reports tell of the repository.
    pub(super) fn provenance(&self) -> Option<report::Repository> {
        self.repository.as_ref().ok().and_then(Option::as_ref).map(describe)
    }
}

/// What the coverage says of a finding that is waived.
fn account(waiver: &Waiver, finding: &Finding) -> Gap {
    let place = &finding.locations()[0];
    let owner = waiver.owner.as_ref().map_or(String::new(), |owner| format!(" by {owner}"));
    let until = waiver.expires.as_ref().map_or(String::new(), |day| format!(" until {day}"));
    let subject = format!("{}:{}", place.origin, place.start.line);
    Gap::new(subject, format!("waived{owner}{until}: {}", waiver.reason))
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
