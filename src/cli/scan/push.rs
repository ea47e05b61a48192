//! A push: the refs that git tells its hooks about, and what to tell the person who pushes.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kbsec::finding::Finding;
use kbsec::git::banned::BanList;
use kbsec::git::graph::Scope;
use kbsec::git::{ObjectId, ParsedCommit, Repository};
use kbsec::report::Sanitized;
use kbsec::scan::{Introduction, Outcome};
use kbsec::source::Stop;

use super::super::environment::Environment;
use super::super::error::Hinted;
use super::super::exit::Exit;
use super::super::project::Project;
use super::ScanArgs;

/// More than any push has.
const MOST_BYTES: u64 = 64 << 20;

/// Commits that are named besides the first one; as many fit into a line.
const MOST_NAMED: usize = 4;

/// One ref that is pushed.
#[derive(Debug, PartialEq, Eq)]
struct Update {
    /// The ref on the side that receives.
    name: String,
    /// What it shall point to; null when it is deleted.
    new: ObjectId,
    /// What it points to now; null when it is new.
    old: ObjectId,
}

/// What is pushed: to a remote, or where none is given, to this repository.
pub(super) fn scope(
    repository: &Repository,
    remote: Option<&str>,
    environment: &Environment,
) -> anyhow::Result<Scope> {
    let (updates, remote) = match remote {
        Some("") => {
            let (pushed, remote) = &environment.framework;
            (told_by_framework(repository, pushed.as_deref())?, Some(remote.as_deref().unwrap_or_default()))
        }
        remote => (told_by_git(remote.is_some())?, remote),
    };
    // Refs of other remotes do not count: what is known there may still be unknown to this one.
    let mirrors = match remote {
        Some(remote) => format!("refs/remotes/{remote}/"),
        None => "refs/".to_owned(),
    };
    let references = repository.references();
    let there = references.refs.iter().filter(|found| found.name.starts_with(mirrors.as_bytes()));
    let mut known: Vec<ObjectId> = there.map(|found| found.target).collect();
    known.extend(updates.iter().map(|update| update.old).filter(|old| !old.is_null()));
    known.sort_unstable();
    known.dedup();
    let pushed = updates.into_iter().filter(|update| !update.new.is_null());
    let tips: Vec<_> = pushed.map(|update| (update.name, update.new)).collect();
    refuse_banned(repository, &tips, remote.is_some())?;
    Ok(Scope::Push { tips, known })
}

/// An error where what is pushed has a commit that was taken out of the history.
fn refuse_banned(repository: &Repository, tips: &[(String, ObjectId)], is_sent: bool) -> anyhow::Result<()> {
    let refused = if is_sent { "push stopped" } else { "push refused" };
    let found = BanList::read(repository).and_then(|list| list.first(repository, tips));
    let found = found.map_err(|error| Hinted::error(format!("{refused}: {error}"), error.hint()))?;
    let Some(commit) = found else { return Ok(()) };
    let commit = commit.to_string();
    Err(Hinted::error(
        format!(
            "{refused}: it would bring back commit {}, which was taken out of the history",
            short(&commit)
        ),
        "It held a secret. Do not force it. Fetch, put your own commits on the new\n  \
         history with `git rebase --onto NEW OLD`, and push those; the notice to the\n  \
         team and its clean-clone.sh say how.",
    ))
}

/// What the pre-commit framework pushes. It does not pass on what git told it; without an id it is HEAD.
fn told_by_framework(repository: &Repository, pushed: Option<&str>) -> anyhow::Result<Vec<Update>> {
    let new = match pushed.and_then(id) {
        Some(new) => Some(new),
        None => repository.head()?.map(|head| head.commit),
    };
    let null = ObjectId::from_bytes(&vec![0; repository.object_format().id_bytes()]);
    let update = |(new, old)| Update { name: "HEAD".to_owned(), new, old };
    Ok(new.zip(null).map(update).into_iter().collect())
}

/// What git tells its hook on standard input.
fn told_by_git(is_sent: bool) -> anyhow::Result<Vec<Update>> {
    if Environment::stdin_is_terminal() {
        return Err(Hinted::error(
            "git tells its hooks on standard input what is pushed, and this is a terminal",
            "use `kbsec scan --history --unpublished`, or `kbsec hook install --pre-push`",
        ));
    }
    let mut bytes = Vec::new();
    std::io::stdin().take(MOST_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let updates = text.lines().filter(|line| !line.trim().is_empty()).map(|line| {
        let update = if is_sent { sent(line) } else { received(line) };
        update.ok_or_else(|| {
            let form = if is_sent { "LOCAL-REF ID REMOTE-REF ID" } else { "OLD-ID NEW-ID REF" };
            Hinted::error(
                format!("standard input is not what git tells its hook: {:?}", line.trim()),
                format!("each line has to be {form}; `kbsec hook install` makes a hook that git calls"),
            )
        })
    });
    updates.collect()
}

/// A line of pre-push. The local side may be any expression, even with spaces.
fn sent(line: &str) -> Option<Update> {
    let mut words = line.trim().rsplitn(4, ' ');
    let (old, name, new) = (id(words.next()?)?, words.next()?.to_owned(), id(words.next()?)?);
    words.next().map(|_| Update { name, new, old })
}

/// A line of pre-receive.
fn received(line: &str) -> Option<Update> {
    let mut words = line.trim().splitn(3, ' ');
    let (old, new) = (id(words.next()?)?, id(words.next()?)?);
    words.next().map(|name| Update { name: name.to_owned(), new, old })
}

fn id(digits: &str) -> Option<ObjectId> {
    ObjectId::from_hex(digits.as_bytes())
}

/// Ends the scan after so many seconds; whether that has happened.
pub(super) fn watch(limit: Option<u64>, stop: &Arc<Stop>) -> Arc<AtomicBool> {
    let is_late = Arc::new(AtomicBool::new(false));
    if let Some(seconds) = limit {
        let (is_late, stop) = (Arc::clone(&is_late), Arc::clone(stop));
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(seconds));
            is_late.store(true, Ordering::Relaxed);
            stop.request();
        });
    }
    is_late
}

/// Tells of a push that passes although it was not examined.
pub(super) fn tell_late(args: &ScanArgs, is_late: bool) {
    if is_late && args.history.accept_late {
        let seconds = args.history.time_limit.unwrap_or_default();
        say(&format!(
            "kbsec: accepted without a full examination: {seconds} s were not enough.\n\
             Nothing was found until then.\n"
        ));
    }
}

/// Tells the person who pushes what to do.
pub(super) fn advise(args: &ScanArgs, project: &Project, outcome: &Outcome, (exit, is_late): (Exit, bool)) {
    let refused = if args.history.pre_receive { "push refused" } else { "push stopped" };
    let mut text = match exit {
        Exit::Findings => remedy(refused, project, outcome),
        Exit::Incomplete if is_late => format!(
            "kbsec: {refused}: {} s were not enough to examine it.\n\
             Push fewer commits at a time, or ask whoever runs this repository to\n\
             raise the limit: git config kbsec.timeLimit SECONDS\n",
            args.history.time_limit.unwrap_or_default()
        ),
        Exit::Incomplete => {
            format!("kbsec: {refused}: not everything could be examined; the report says what.\n")
        }
        _ => return,
    };
    if args.history.pre_push.is_some() {
        text.push_str("Past this check, once: 'git push --no-verify'. What it sends is out for good.\n");
    }
    say(&text);
}

/// What to do about the secrets.
fn remedy(refused: &str, project: &Project, outcome: &Outcome) -> String {
    let told: HashSet<_> = outcome.findings.iter().map(Finding::fingerprint).collect();
    let is_told = |made: &&Introduction| made.secrets.iter().any(|secret| told.contains(secret));
    let mut commits = outcome.introductions.iter().filter(is_told).map(|made| made.commit.as_str());
    let mut text = String::new();
    // Nothing that is to be mended comes before the first one, so a rebase from there goes through all of it.
    match commits.next() {
        Some(first) => {
            let others = others(&commits.map(short).collect::<Vec<_>>());
            let _ =
                writeln!(text, "kbsec: {refused}: take the secret out of commit {}{others}.", short(first));
            text.push_str("To delete it in a later commit is not enough: all of them are sent.\n");
            let _ = writeln!(text, "    {}", rewriting(project, first));
        }
        None => {
            let _ = writeln!(text, "kbsec: {refused}: take the secret out of the tag or the name,");
            text.push_str("delete that one ('git tag -d NAME') and make it anew.\n");
        }
    }
    text.push_str("Revoke the secret if it was ever pushed anywhere. If it is none, write\n");
    text.push_str("'kbsec:allow' and the reason in a comment on its line, in that commit.\n");
    text
}

/// The other commits, of which the first ones are named.
fn others(commits: &[&str]) -> String {
    let (named, more) = commits.split_at(commits.len().min(MOST_NAMED));
    match (named, more.len()) {
        ([], _) => String::new(),
        (named, 0) => format!("\nand of {}", named.join(", ")),
        (named, more) => format!("\nand of {}, and {more} more", named.join(", ")),
    }
}

/// The command that changes a commit.
fn rewriting(project: &Project, commit: &str) -> String {
    let repository = project.repository.as_ref().ok().and_then(Option::as_ref);
    let head = repository.and_then(|repository| repository.head().ok().flatten());
    if head.is_some_and(|head| head.commit.to_string() == commit) {
        return "git commit --amend    (after 'git add' of the mended file)".to_owned();
    }
    let is_first = || {
        let mut objects = repository?.objects().ok()?;
        let object = objects.read(ObjectId::from_hex(commit.as_bytes())?, u64::MAX).ok()?;
        Some(ParsedCommit::parse(object.bytes()).parents.is_empty())
    };
    let from = if is_first() == Some(true) { "--root".to_owned() } else { format!("{}^", short(commit)) };
    format!("git rebase -i {from}    (change 'pick' to 'edit' on its line)")
}

/// The first twelve digits, as reports show them.
fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

fn say(text: &str) {
    for line in text.lines() {
        let _ = writeln!(std::io::stderr(), "{}", Sanitized(line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_both_hooks_are_understood() {
        let (one, other) = ("1".repeat(40), "2".repeat(64));
        let update =
            |name: &str| Some(Update { name: name.into(), new: id(&one).unwrap(), old: id(&other).unwrap() });
        assert_eq!(sent(&format!("HEAD@{{1 day ago}} {one} refs/heads/a {other}")), update("refs/heads/a"));
        assert_eq!(received(&format!("{other} {one} refs/heads/a")), update("refs/heads/a"));
        for odd in ["", "a b c d", &format!("{one} refs/heads/a {other}"), &one] {
            assert_eq!(sent(odd), None, "{odd}");
            assert_eq!(received(odd), None, "{odd}");
        }
    }
}
