//! The texts of the kit, in Markdown: a ticket, advice for other forges, and a notice for everybody with a clone.

use std::fmt::Write as _;

use super::{Facts, moved};
use crate::rewrite::maps::Maps;

/// References and ids that a text lists.
const LISTED: usize = 100;
const OPEN: &str = "[FILL IN]";

/// The ticket for GitHub support.
pub(super) fn github(maps: &Maps, facts: &Facts) -> String {
    let repository = facts.repository.as_deref().unwrap_or("[FILL IN: owner/repository]");
    let mut text = format!(
        "# Removal of sensitive data from {repository}\n\n\
         File this at https://support.github.com. With a free account, choose the category for account and security;\n\
         the first line below says what it is. Fill in what stands in brackets; never write the secret itself.\n\n---\n\n\
         This is a request to remove sensitive data (a credential) from cached views and pull requests.\n\n"
    );
    let _ = writeln!(text, "- Repository: {repository}");
    let requests = match facts.requests() {
        Some(numbers) if numbers.is_empty() => "0".to_owned(),
        Some(numbers) => {
            let listed: Vec<_> = numbers.iter().take(LISTED).map(|number| format!("#{number}")).collect();
            format!("{} ({})", numbers.len(), listed.join(", "))
        }
        None => format!("{OPEN}: `kbsec rewrite kit --remote NAME` counts them"),
    };
    let _ = writeln!(text, "- Affected pull requests: {requests}");
    text.push_str("- First Changed Commit(s):\n");
    for first in maps.first_changed.iter().take(LISTED) {
        let _ = writeln!(text, "    - {first}");
    }
    let orphans = maps.lfs_orphans.len();
    let _ = writeln!(text, "- Orphaned LFS objects: {orphans}");
    for orphan in maps.lfs_orphans.iter().take(LISTED) {
        let _ = writeln!(text, "    - {orphan}");
    }
    let _ = write!(
        text,
        "- What leaked: {OPEN}: its kind and where it was valid\n\
         - Rotated: {OPEN}: when; and why rotation alone does not end the risk\n\
         - History rewritten and force-pushed: {}, {} commits, {} branches and tags\n\n\
         Please dereference or delete the pull requests above, remove cached views of the old commits, delete the\n\
         orphaned LFS objects, and run garbage collection, so that the first changed commits can no longer be fetched\n\
         by their ids. We have asked the owners of forks to delete or rewrite them: {OPEN}.\n",
        facts.day,
        maps.changed().count(),
        moved(maps).len()
    );
    text
}

/// What to do on other forges.
pub(super) fn forges(facts: &Facts) -> String {
    let mut text = "# After the push: what remains on the forge\n\n\
        A push moves branches and tags. The forge keeps the old objects, and references that only it can move.\n\
        `kbsec rewrite prove --maps FOLDER --remote NAME` tells when they are gone.\n"
        .to_owned();
    let hidden: Vec<_> = facts.hidden().take(LISTED).collect();
    if !hidden.is_empty() {
        text.push_str("\nThese references lead to old commits, and no push can change them:\n\n");
        for name in hidden {
            let _ = writeln!(text, "- `{name}`");
        }
    }
    text.push_str(
        "\n## GitLab\n\n\
         1. Settings > Repository > Protected branches: allow force pushes for the push, then forbid them again.\n\
         2. Merge requests and pipelines keep old commits in `refs/merge-requests/*`, `refs/pipelines/*` and\n\
         \x20  `refs/keep-around/*`. Delete the pipelines; Settings > Repository > Repository maintenance removes blobs by\n\
         \x20  their ids and then prunes. It runs a copy of git-filter-repo, so it sees neither archives nor encodings.\n\
         3. Self-managed: the administrator runs housekeeping with pruning, Admin > Projects.\n\n\
         ## Bitbucket\n\n\
         1. Allow rewriting the history under Branch restrictions for the push.\n\
         2. `refs/pull-requests/*` cannot be pushed. Decline the pull requests, then ask the support of Atlassian, or on\n\
         \x20  Data Center the administrator, to run garbage collection.\n\n\
         ## Azure DevOps\n\n\
         1. The right Force push is needed on each branch; branch policies refuse it.\n\
         2. Hidden references of pull requests keep the old commits, even in fresh clones. Abandon the pull requests and\n\
         \x20  ask the support; where that takes too long, push the clean history to a new repository and delete the old.\n\n\
         ## Gerrit and plain servers\n\n\
         1. `refs/changes/*` keep every patch set: abandon and delete the changes.\n\
         2. On the server: `git reflog expire --expire=now --all && git gc --prune=now`, also for alternates and forks\n\
         \x20  that share objects.\n\n\
         ## Everywhere\n\n\
         Forks, releases and their files, logs, artifacts and caches of CI, packages and images, the wiki, snippets,\n\
         texts of issues and reviews with their old versions, mirrors, backups.\n",
    );
    text
}

/// The notice for everybody with a clone.
pub(super) fn notice(maps: &Maps, facts: &Facts) -> String {
    let name = facts.repository.as_deref().or(facts.server.as_deref()).unwrap_or("our repository");
    let mut text = format!(
        "# The history of {name} was rewritten on {}\n\n\
         A secret was in it. It is revoked, but the old commits must not come back: **do not push, merge or pull\n\
         from a clone that is older than today.** Please do this until {OPEN}, and tell {OPEN} when you are done.\n\n\
         1. Keep your work: commit or stash it. Nothing below throws it away unasked.\n\
         2. In each of your clones run `sh clean-clone.sh`, with `commit-map` beside it. It changes nothing; it says\n\
         \x20  whether the clone holds old commits, what is your own, and how to bring that over.\n\
         3. Nothing of your own? Delete the clone and clone anew. That is the safest way.\n\
         4. Else follow the lines that the script prints, until it says `clean`.\n\
         5. So that no old commit gets back by mistake, in each clone:\n\
         \x20  `kbsec rewrite kit --ban kbsec-banned-commits .` and `kbsec hook install --pre-push`\n\n\
         Forks, build servers, deployment folders and editors in the cloud are clones, too. Links to old commits are\n\
         dead; open pull requests have to be made anew from rebased branches.\n\n\
         {} commits changed. Commits before {} kept their ids and signatures.\n\n",
        facts.day,
        maps.changed().count(),
        first(maps)
    );
    let moved = moved(maps);
    text.push_str("| branch or tag | was | is |\n|---|---|---|\n");
    let short = |id: Option<crate::git::ObjectId>| match id {
        Some(id) => id.to_string().chars().take(12).collect(),
        None => "new".to_owned(),
    };
    for (name, (old, new)) in moved.iter().take(LISTED) {
        let name = name.trim_start_matches("refs/heads/").replace('|', "\\|");
        let _ = writeln!(text, "| {name} | {} | {} |", short(*old), short(*new));
    }
    if moved.len() > LISTED {
        let _ = writeln!(text, "\nand {} more", moved.len() - LISTED);
    }
    text
}

/// The first changed commits, for a sentence.
fn first(maps: &Maps) -> String {
    let ids: Vec<_> =
        maps.first_changed.iter().map(|id| id.to_string().chars().take(12).collect::<String>()).collect();
    match ids.as_slice() {
        [] => "the first changed ones".to_owned(),
        all if all.len() <= 4 => all.join(", "),
        all => format!("{} first changed ones", all.len()),
    }
}
