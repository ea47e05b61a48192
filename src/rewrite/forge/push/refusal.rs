//! A refusal: why a server did not change a reference, and the way on from there.

use crate::git::child::Answer;

/// Lines of a server that are passed on.
const PASSED_ON: usize = 12;

/// One reference that did not change, or, without a name, the push as a whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// The full name; empty where the push failed as a whole.
    pub name: String,
    /// What git or the server says; foreign text.
    pub reason: String,
}

/// What git says about a push that did not work, its own consequences left out.
pub(super) fn refusals(answer: &Answer) -> Vec<Refusal> {
    let text = String::from_utf8_lossy(&answer.stdout);
    let mut found: Vec<Refusal> = text.lines().filter_map(line).collect();
    // Of an atomic push all references fail with the one that is the reason.
    let is_consequence = |refusal: &Refusal| {
        refusal.reason.contains("atomic push failed") || refusal.reason.contains("atomic transaction failed")
    };
    if found.iter().any(|refusal| !is_consequence(refusal)) {
        found.retain(|refusal| !is_consequence(refusal));
    }
    let said = answer.stderr.lines().filter_map(|line| line.strip_prefix("remote: ")).map(str::trim);
    let said = said.filter(|line| !line.is_empty()).take(PASSED_ON);
    found.extend(said.map(|line| Refusal { name: String::new(), reason: line.to_owned() }));
    if found.is_empty() && !answer.is_success() {
        // A hook of this repository may have stopped it, and says why before git does.
        let lines: Vec<&str> = answer.stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let last = lines.len().saturating_sub(PASSED_ON);
        found.extend(
            lines[last..].iter().map(|line| Refusal { name: String::new(), reason: (*line).to_owned() }),
        );
    }
    found
}

/// A line of `git push --porcelain` about a reference that was refused: `!`, `FROM:TO` and `[kind] (reason)`.
fn line(text: &str) -> Option<Refusal> {
    let mut fields = text.strip_prefix("!\t")?.splitn(2, '\t');
    let (_, name) = fields.next()?.rsplit_once(':')?;
    let summary = fields.next().unwrap_or_default();
    let reason = summary.rsplit_once('(').map_or(summary, |(_, reason)| reason.trim_end_matches(')'));
    Some(Refusal { name: name.to_owned(), reason: reason.to_owned() })
}

/// The way on after refusals, as sentences, each once.
#[must_use]
pub fn advice(refusals: &[Refusal]) -> Vec<&'static str> {
    const WAYS: &[(&[&str], &str)] = &[
        (
            &["stale info", "fetch first", "non-fast-forward (lease", "cannot lock ref"],
            "Somebody pushed since the rewrite. Fetch, rewrite again with what came, then push again.",
        ),
        (
            &["GH006", "protected branch", "protected", "TF402455", "force push", "ruleset", "GH013"],
            "The branch is protected. GitHub: Settings > Rules or Branches, allow force pushes for yourself; GitLab: \
             Settings > Repository > Protected branches, Allowed to force push; Bitbucket: Branch restrictions; Azure: \
             Branch policies and the Force push permission. Push again, then protect it again.",
        ),
        (
            &["hidden ref"],
            "Only the server moves that reference: push again with `--leave REF` and name it in the ticket.",
        ),
        (
            &["pre-receive hook declined", "hook declined", "update hook"],
            "A hook of the server refuses. Its lines above say why; ask the operator to lift it for this push.",
        ),
        (
            &["denyNonFastForwards", "non-fast-forward", "deletion prohibited", "denyDeletes"],
            "The server allows no rewritten or deleted references. On it: `git config receive.denyNonFastForwards \
             false` and `git config receive.denyDeletes false`, for this push.",
        ),
        (
            &["currently checked out", "denyCurrentBranch"],
            "The server has that branch checked out. Push to a bare repository, or check out another one there.",
        ),
        (
            &["Permission", "permission", "403", "Authentication", "could not read Username", "not allowed"],
            "You may not push there. Ask for the right to force-push, or let somebody push who has it.",
        ),
    ];
    let holds = |words: &&[&str]| {
        words.iter().any(|word| refusals.iter().any(|refusal| refusal.reason.contains(word)))
    };
    let mut ways: Vec<&str> = WAYS.iter().filter(|(words, _)| holds(words)).map(|(_, way)| *way).collect();
    if ways.is_empty() {
        ways.push(
            "Mend what git says above, then run the same command again: it starts from what the server has.",
        );
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(stdout: &str, stderr: &str) -> Answer {
        Answer { code: Some(1), stdout: stdout.into(), stderr: stderr.into() }
    }

    #[test]
    fn the_reason_is_told_and_its_consequences_are_not() {
        let stdout = "To x\n!\taa:refs/heads/a\t[rejected] (stale info)\n\
                      !\tbb:refs/heads/b\t[rejected] (atomic push failed)\nDone\n";
        let found = refusals(&answer(stdout, "remote: \nremote: GH006: no\nerror: failed\n"));
        let told: Vec<_> = found.iter().map(|refusal| (&*refusal.name, &*refusal.reason)).collect();
        assert_eq!(told, [("refs/heads/a", "stale info"), ("", "GH006: no")]);
        assert_eq!(advice(&found).len(), 2);
    }

    #[test]
    fn a_push_that_never_began_has_a_reason_and_a_way_on_too() {
        let found = refusals(&answer("", "warning: x\nfatal: unable to access 'x': 403\n"));
        let told: Vec<_> = found.iter().map(|refusal| refusal.reason.as_str()).collect();
        assert_eq!(told, ["warning: x", "fatal: unable to access 'x': 403"]);
        assert!(advice(&found)[0].starts_with("You may not push"));
        assert!(advice(&[])[0].starts_with("Mend what git says"));
    }
}
