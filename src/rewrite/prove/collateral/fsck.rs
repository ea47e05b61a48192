//! What `git fsck --full` says of a repository after a rewrite that it did not say before.

use std::collections::BTreeMap;
use std::path::Path;

use super::NO_BEFORE;
use crate::coverage::Gap;
use crate::git::{Repository, child};
use crate::rewrite::prove::{Fault, Proof};

/// How often git says each thing, with an example; ids are left out, because a rewrite changes them.
type Messages = BTreeMap<String, (u64, String)>;

/// Compares the messages before and after.
pub(super) fn compare(repository: &Repository, before: Option<&Path>, proof: &mut Proof) {
    let (before, after) = std::thread::scope(|scope| {
        let after = scope.spawn(|| messages(repository.common_dir()));
        (before.map(messages), after.join().ok().flatten())
    });
    let Some(after) = after else {
        proof.gaps.push(Gap::new("git fsck --full", "it cannot be run").hint("run it to see why"));
        return;
    };
    let known = match before {
        Some(Some(known)) => known,
        // Where nothing is said, nothing new is said.
        _ if after.is_empty() => Messages::new(),
        _ => {
            let text = format!("{} messages, and what it said before is not known", after.len());
            proof.gaps.push(Gap::new("git fsck --full", text).hint(NO_BEFORE));
            return;
        }
    };
    for (kind, (count, example)) in after {
        if known.get(&kind).is_none_or(|(before, _)| *before < count) {
            proof.faults.push(Fault::new("git fsck --full", example));
        }
    }
}

/// What git says; `None` when it cannot be run.
fn messages(git_dir: &Path) -> Option<Messages> {
    let mut command = child::offline(git_dir);
    let answer = child::run(command.args(["fsck", "--full", "--no-dangling", "--no-progress"])).ok()?;
    let said = String::from_utf8_lossy(&answer.stdout).into_owned() + &answer.stderr;
    let mut messages = Messages::new();
    // What is in no history is the matter of the first proof.
    let harmless = ["dangling ", "unreachable ", "notice: "];
    for line in said.lines().filter(|line| !harmless.iter().any(|start| line.starts_with(start))) {
        let entry = messages.entry(without_ids(line)).or_insert((0, line.to_owned()));
        entry.0 += 1;
    }
    Some(messages)
}

fn without_ids(line: &str) -> String {
    let is_id = |word: &str| word.len() >= 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = line.split(' ').map(|word| {
        let bare = word.trim_end_matches([':', ',']);
        if is_id(bare) { word.replace(bare, "ID") } else { word.to_owned() }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_the_same_whatever_the_id() {
        let id = |digit: &str| format!("warning in tag {}: missingTaggerEntry: x", digit.repeat(40));
        assert_eq!(without_ids(&id("a")), without_ids(&id("b")));
        assert_ne!(without_ids("broken link from tree"), without_ids("broken link to tree"));
    }
}
