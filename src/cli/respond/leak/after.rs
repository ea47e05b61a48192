//! After a leak: the history is cleaned, the team knows, and hook and CI stop the next one.

use std::fs;
use std::path::PathBuf;

use kbsec::git::Repository;
use kbsec::playbook::{Applied, Facts, Outcome, Plan, Verdict};
use kbsec::scan::{self, Limits, scan_history};

use super::super::super::environment::Environment;
use super::super::super::environment::random;
use super::super::child;
use super::super::deed::{fail, pass, unknown};
use super::super::deed::{failed, needless};
use super::super::leaked::Leak;
use super::super::machine::Machine;
use super::copies;

/// Findings that are shown.
const SHOWN: usize = 8;

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// What installing the hooks would do.
pub(super) fn plan_hook(machine: &Machine<'_>) -> Plan {
    let status = machine.child(&words("kbsec hook status --pre-commit --pre-push"));
    match status.code {
        Some(0) => needless("both hooks are in force already"),
        _ if repository(machine).is_none() => needless("this is no git repository"),
        _ => Plan {
            lines: vec![
                "install pre-commit and pre-push; hooks that are there already are kept and run first".into(),
                "then try a commit with a made-up key, which has to be refused".into(),
            ],
            ..Plan::default()
        },
    }
}

/// Installs them.
pub(super) fn hook(machine: &Machine<'_>) -> Applied {
    let said = machine.child(&words("kbsec hook install --pre-commit --pre-push"));
    let text = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    let outcome = match said.code {
        Some(0) => Outcome::Done,
        _ => Outcome::Failed(text.lines().next().unwrap_or("the hooks cannot be installed").to_owned()),
    };
    Applied { outcome, lines: text.lines().map(str::to_owned).collect(), ..Applied::default() }
}

fn repository(machine: &Machine<'_>) -> Option<Repository> {
    Repository::discover(&machine.root, &machine.context.environment.git).ok().flatten()
}

/// Commits a made-up key in a repository of its own that uses the hooks of this one; they have to refuse it.
pub(super) fn canary(machine: &Machine<'_>) -> Verdict {
    let Some(repository) = repository(machine) else { return unknown("this is no git repository") };
    let hooks = machine.child(&words("git rev-parse --git-path hooks"));
    let hooks = PathBuf::from(String::from_utf8_lossy(&hooks.stdout).trim().to_owned());
    let hooks = if hooks.is_absolute() { hooks } else { machine.root.join(hooks) };
    let folder = repository.git_dir().join(format!("kbsec-canary-{}", std::process::id()));
    let verdict = refused(machine, &folder, &hooks);
    let _ = fs::remove_dir_all(&folder);
    match verdict {
        Ok(true) => pass("a commit with a made-up key was refused"),
        Ok(false) => fail("a commit with a made-up key went through", "look at `kbsec hook status`"),
        Err(why) => unknown(&why),
    }
}

fn refused(machine: &Machine<'_>, folder: &PathBuf, hooks: &std::path::Path) -> Result<bool, String> {
    let git = child::locate("git", &machine.context.environment.responder.path)
        .ok_or("git is not installed here")?;
    let said = |error: std::io::Error| error.to_string();
    fs::create_dir(folder).map_err(said)?;
    let run = |arguments: &[&str]| {
        let arguments: Vec<String> = arguments.iter().map(|part| (*part).to_owned()).collect();
        child::run(&git, &arguments, folder, None)
    };
    run(&["init", "--quiet", "."]);
    let letters: Vec<u8> = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".to_vec();
    let random = random(93).map_err(|error| error.to_string())?;
    let body: String = random.iter().map(|byte| char::from(letters[usize::from(byte % 64)])).collect();
    let key = ["sk-ant", "-api03-", &body, "AA"].concat();
    fs::write(folder.join("canary.env"), format!("ANTHROPIC_API_KEY={key}\n")).map_err(said)?;
    let added = run(&["add", "canary.env"]);
    if added.code != Some(0) {
        return Err(String::from_utf8_lossy(&added.stderr).trim().to_owned());
    }
    let path = format!("core.hooksPath={}", hooks.display());
    let who = ["-c", "user.name=canary", "-c", "user.email=canary@localhost", "-c", &path];
    let committed = run(&[&who[..], &["commit", "--quiet", "-m", "canary"]].concat());
    let words =
        String::from_utf8_lossy(&committed.stderr).into_owned() + &String::from_utf8_lossy(&committed.stdout);
    match committed.code {
        Some(0) => Ok(false),
        // Git can fail for reasons of its own, which prove nothing.
        _ if words.contains("anthropic") || words.contains("kbsec") => Ok(true),
        _ => Err(words.lines().next().unwrap_or("git did not commit").to_owned()),
    }
}

/// Whether some job of CI looks for secrets.
pub(super) fn ci(machine: &Machine<'_>) -> Verdict {
    let workflows = fs::read_dir(machine.path(".github/workflows")).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = workflows.map(|entry| entry.path()).collect();
    files.push(machine.path(".gitlab-ci.yml"));
    let known = ["kbsec", "gitleaks", "trufflehog", "ggshield", "detect-secrets"];
    for file in files {
        let text = fs::read_to_string(&file).unwrap_or_default();
        if let Some(tool) = known.iter().find(|tool| text.contains(**tool)) {
            return pass(format!("{} runs {tool}", machine.shown(&file)));
        }
    }
    fail("no job of CI looks for secrets", "the README has a job for GitHub and GitLab")
}

/// Looks through the whole history for other secrets.
pub(super) fn audit(machine: &Machine<'_>, leak: &Leak) -> Applied {
    let Some(repository) = repository(machine) else {
        return Applied { lines: vec!["this is no git repository".into()], ..Applied::default() };
    };
    let limits = Limits { here: machine.context.environment.directory.clone(), ..Limits::default() };
    let options = scan::Options { key: leak.key.clone(), now: Environment::now(), progress: &|_| {} };
    let outcome =
        match scan_history(&repository, machine.filter.detector(), &limits, (&options, &machine.stop)) {
            Ok(outcome) => outcome,
            Err(error) => return failed(error.to_string()),
        };
    let others = outcome.findings.iter().filter(|finding| !copies::is_the_leak(finding, leak));
    let rows: Vec<String> = others.map(|finding| copies::row(machine, finding)).collect();
    let mut lines = vec![match rows.len() {
        0 => format!("no other secret in {} objects of the history", outcome.coverage.items),
        count => format!("{count} other secrets in the history; each is an incident of its own:"),
    }];
    lines.extend(rows.iter().take(SHOWN).cloned());
    let mut facts = Facts::new();
    if !rows.is_empty() {
        facts.insert("other-secrets".into(), rows.len().to_string());
    }
    let evidence = vec![machine.piece("other secrets of the history", "history", rows.join("\n").as_bytes())];
    Applied { lines, facts, evidence, ..Applied::default() }
}

/// Writes what others have to be told.
pub(super) fn notice(facts: &Facts) -> Applied {
    let get = |name: &str| facts.get(name).map_or("unknown", String::as_str);
    let commit = get("first-commit");
    let in_history = facts.contains_key("in-history");
    let mut files = Vec::new();
    let notice = format!(
        "# A secret has leaked: {}\n\nIt is revoked. Do not use it any more; the new one is in the secret manager.\n\n{}",
        get("subject"),
        if in_history {
            format!(
                "The history of the repository is rewritten. Before: push what you have. After:\n\n\
                 1. Do not push from your old clone, and do not pull into it.\n\
                 2. Clone anew, or run clean-clone.sh in the old clone.\n\
                 3. Carry unpushed work over with `git format-patch` and `git am`, never by merging.\n\n\
                 First commit with the secret: {commit}\nRefs: {}\n",
                get("refs")
            )
        } else {
            "The history of the repository does not hold it, so nothing has to be cloned anew.\n".to_owned()
        }
    );
    files.push(("notice.md".to_owned(), notice.into_bytes()));
    if in_history {
        files.push(("clean-clone.sh".to_owned(), clean_clone(commit).into_bytes()));
        files.push(("ticket.md".to_owned(), ticket(facts).into_bytes()));
    }
    Applied { files, ..Applied::default() }
}

/// A script that brings an old clone to the new history, or says what holds the old one.
fn clean_clone(commit: &str) -> String {
    format!(
        "#!/bin/sh\n# Brings this clone to the rewritten history. Unpushed work is kept as patches in ../kept-patches.\n\
         set -eu\nold={commit}\n\
         git cat-file -e \"$old\" 2>/dev/null || {{ echo 'this clone does not hold the secret'; exit 0; }}\n\
         git fetch --prune origin\nmkdir -p ../kept-patches\n\
         git log --branches --not --remotes --format=%H | while read -r commit; do\n\
         \x20   git format-patch -1 -o ../kept-patches \"$commit\" >/dev/null\ndone\n\
         current=$(git symbolic-ref --short -q HEAD || true)\n\
         git for-each-ref --format='%(refname:short)' --contains \"$old\" refs/heads | while read -r branch; do\n\
         \x20   if ! git rev-parse -q --verify \"refs/remotes/origin/$branch\" >/dev/null; then\n\
         \x20       echo \"$branch is not on the server: carry its patches over, then git branch -D $branch\"\n\
         \x20   elif [ \"$branch\" = \"$current\" ]; then\n\
         \x20       git reset --quiet --hard \"origin/$branch\"\n\
         \x20   else\n\
         \x20       git branch --quiet --force \"$branch\" \"origin/$branch\"\n\
         \x20   fi\ndone\n\
         git reflog expire --expire=now --all\ngit gc --quiet --prune=now\n\
         if git cat-file -e \"$old\" 2>/dev/null; then\n\
         \x20   echo 'a branch, tag, stash or worktree still holds the old history:'\n\
         \x20   git for-each-ref --contains \"$old\"\n    git stash list\n    exit 1\nfi\n\
         echo 'clean; apply your patches with git am ../kept-patches/*'\n"
    )
}

/// What the support of a forge needs to drop cached and pull-request copies.
fn ticket(facts: &Facts) -> String {
    let get = |name: &str| facts.get(name).map_or("unknown", String::as_str);
    format!(
        "# Please remove sensitive data from a repository\n\n\
         Repository: TODO owner/name\nWhat: {} (revoked)\nFirst changed commit: {}\nRefs that held it: {}\n\
         Pull requests affected: TODO (git ls-remote origin 'refs/pull/*/head' | wc -l)\nOrphaned LFS objects: TODO\n\n\
         The history was rewritten and pushed. Please drop the old commits from pull requests and caches, and run \
         garbage collection.\n",
        get("subject"),
        get("first-commit"),
        get("refs")
    )
}
