//! The arguments of a scan of the history, and the scan itself.

use clap::Args;
use kbsec::detect::Detector;
use kbsec::git::graph::Scope;
use kbsec::rule::RuleSet;
use kbsec::scan::{Limits, Options, Outcome, scan_history};
use kbsec::source::Stop;

use super::super::Context;
use super::super::error::Hinted;
use super::super::project::Project;
use super::ScanArgs;
use super::push;

/// Which part of a history is scanned.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Scan the git history: every object that is still on disk, and the text in the git directory
    #[arg(long, help_heading = "History", conflicts_with_all = ["staged", "stdin"])]
    pub(super) history: bool,
    /// Report only what the commits of this branch introduced
    #[arg(long, value_name = "NAME", help_heading = "History", requires = "history", group = "commits")]
    branch: Option<String>,
    /// Report only what was introduced after this commit, up to HEAD
    #[arg(long, value_name = "COMMIT", help_heading = "History", requires = "history", group = "commits")]
    since_commit: Option<String>,
    /// Report only what the commits of this range introduced, such as main..topic
    #[arg(long, value_name = "A..B", help_heading = "History", requires = "history", group = "commits")]
    range: Option<String>,
    /// Report only what no remote-tracking branch has yet: what a push would publish
    #[arg(long, help_heading = "History", requires = "history", group = "commits")]
    unpublished: bool,
    /// Report only what the latest N of these commits introduced
    #[arg(long, value_name = "N", help_heading = "History", requires = "history")]
    max_count: Option<usize>,
    /// Remember the scan in the git directory, without secrets: while nothing changes there, the next one gives the
    /// same report at once; after that, it examines only what is new. The default where the environment variable CI
    /// is set
    #[arg(long, help_heading = "History", requires = "history", conflicts_with = "no_cache")]
    cache: bool,
    /// Scan everything, whatever is remembered, and remember nothing
    #[arg(long, help_heading = "History", requires = "history")]
    no_cache: bool,
    /// What git's pre-push hook calls: report what the push to REMOTE would publish; the refs come on standard input.
    /// Without REMOTE, what the pre-commit framework tells in the environment
    #[arg(long, value_name = "REMOTE", help_heading = "Git hooks", group = "commits")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "")]
    #[arg(conflicts_with_all = ["staged", "stdin", "paths"])]
    pub(super) pre_push: Option<String>,
    /// What git's pre-receive hook calls: report what is being received; the refs come on standard input
    #[arg(long, help_heading = "Git hooks", group = "commits", conflicts_with_all = ["staged", "stdin", "paths"])]
    pub(super) pre_receive: bool,
    /// Refuse a push that cannot be examined in so many seconds (exit code 3)
    #[arg(long, value_name = "SECONDS", help_heading = "Git hooks", requires = "pre_receive")]
    pub(super) time_limit: Option<u64>,
    /// Accept it instead, if nothing was found until then
    #[arg(long, help_heading = "Git hooks", requires = "time_limit")]
    pub(super) accept_late: bool,
}

impl HistoryArgs {
    /// Whether the history is to be scanned, or a part of it.
    pub(super) fn is_wanted(&self) -> bool {
        self.history || self.is_hook()
    }

    /// Whether one of git's hooks asks.
    pub(super) fn is_hook(&self) -> bool {
        self.pre_push.is_some() || self.pre_receive
    }

    /// The commits that are asked about; `None` for everything.
    fn commits(&self) -> Option<Scope> {
        let unpublished = || Scope::Unpublished { tips: Vec::new(), known: Vec::new() };
        let latest = || Scope::Range("HEAD".into());
        self.branch
            .clone()
            .map(Scope::Branch)
            .or_else(|| self.since_commit.clone().map(Scope::Since))
            .or_else(|| self.range.clone().map(Scope::Range))
            .or_else(|| self.unpublished.then(unpublished))
            .or_else(|| self.max_count.map(|_| latest()))
    }
}

impl ScanArgs {
    /// Whether scans are remembered. What is to be shown in full has to be found.
    fn remembers(&self, context: &Context) -> bool {
        let is_wanted = self.history.cache || (context.environment.ci && !self.history.no_cache);
        is_wanted && !self.reveal
    }
}

/// Scans the history of the project's repository.
pub(super) fn run(
    args: &ScanArgs,
    project: &Project,
    context: &Context,
    (rules, detector, options, stop): (&RuleSet, &Detector, &Options<'_>, &Stop),
) -> anyhow::Result<Outcome> {
    let repository = match &project.repository {
        Ok(Some(repository)) => repository,
        Ok(None) => {
            let place = args.paths.first().map_or(context.environment.directory.as_path(), |path| path);
            return Err(Hinted::error(
                format!("{} is not in a git repository, so it has no history", place.display()),
                "scan its files with `kbsec scan PATH`",
            ));
        }
        Err(error) => return Err(Hinted::error(error.to_string(), error.hint())),
    };
    let commits = if args.history.is_hook() {
        Some(push::scope(repository, args.history.pre_push.as_deref(), &context.environment)?)
    } else {
        args.history.commits()
    };
    let mut limits = Limits {
        commits,
        max_count: args.history.max_count,
        cache: args.remembers(context).then(|| rules.digest()),
        here: context.environment.directory.clone(),
        ..Limits::default()
    };
    let limit = args.max_file_size.or(project.config.max_file_size);
    limits.max_object_bytes = limit.unwrap_or(limits.max_object_bytes);
    let outcome = scan_history(repository, detector, &limits, (options, stop))?;
    // Where nobody asked for it, it is no loss.
    if let (true, Some(note)) = (args.history.cache, &outcome.note) {
        context.note(note);
    }
    Ok(outcome)
}

/// What a report calls the input.
pub(super) fn subject(args: &ScanArgs) -> String {
    match args.paths.first() {
        None if args.history.is_hook() => "what is pushed".to_owned(),
        None => "the history of the repository".to_owned(),
        Some(path) => format!("the history of {}", path.display()),
    }
}
