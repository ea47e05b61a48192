//! Renames: what `git log` makes of two directories, asked of the git program, whose guesses cannot be foretold.

use std::io::{self, BufRead, BufReader, Write};
use std::process::Stdio;

use super::object::ObjectId;
use super::{GitError, Repository, program};

/// A line of `git diff-tree --raw`: a file that was changed, added, removed or moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawChange {
    /// The content before; `None` where it was added.
    pub before: Option<ObjectId>,
    /// The content after; `None` where it was removed.
    pub after: Option<ObjectId>,
}

impl Repository {
    /// Hands what changed between each pair of root directories, renames found as `git log` finds them, to `visit`,
    /// with the index of the pair; the indexes of pairs that git cannot compare, as when a file is missing.
    ///
    /// # Errors
    /// When git cannot be started.
    pub fn changes_with_renames(
        &self,
        pairs: &[(ObjectId, ObjectId)],
        visit: &mut dyn FnMut(usize, &[RawChange]),
    ) -> Result<Vec<usize>, GitError> {
        let mut answers = Answers { pairs, next: 0, open: None, changes: Vec::new(), failed: Vec::new() };
        while answers.next < pairs.len() {
            let ended_well = self.diff_trees(&pairs[answers.next..], |output| answers.read(output, visit))?;
            // Git ends at the first pair that it cannot compare: the others are asked of another one.
            match (answers.open.take(), ended_well) {
                (Some(last), true) => visit(last, &answers.changes),
                (Some(last), false) => answers.failed.push(last),
                (None, _) => answers.skip_to(answers.next + 1),
            }
            if ended_well {
                answers.skip_to(pairs.len());
            }
        }
        Ok(answers.failed)
    }

    /// Runs git once; whether it ended well.
    fn diff_trees(
        &self,
        pairs: &[(ObjectId, ObjectId)],
        read: impl FnOnce(&mut dyn BufRead),
    ) -> Result<bool, GitError> {
        let mut command = program::command(&self.place.git_dir);
        command.env("GIT_OBJECT_DIRECTORY", &self.objects.main);
        if let Ok(list) = std::env::join_paths(&self.objects.alternates) {
            command.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", list);
        }
        command.args(["diff-tree", "--stdin", "-r", "-M", "--raw", "-z", "--no-textconv", "--no-ext-diff"]);
        let cannot_start = |cause| GitError::NoProgram { cause };
        let mut child = command.stdin(Stdio::piped()).spawn().map_err(cannot_start)?;
        let (Some(requests), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(cannot_start(io::ErrorKind::BrokenPipe.into()));
        };
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut requests = io::BufWriter::new(requests);
                // Git may have ended early, which its answers tell.
                let _ = pairs.iter().try_for_each(|(before, after)| writeln!(requests, "{before} {after}"));
            });
            read(&mut BufReader::new(answers));
        });
        Ok(child.wait().map_err(cannot_start)?.success())
    }
}

/// What was read so far.
struct Answers<'a> {
    pairs: &'a [(ObjectId, ObjectId)],
    /// The first pair whose comparison has not begun.
    next: usize,
    /// The one whose changes are being read.
    open: Option<usize>,
    changes: Vec<RawChange>,
    failed: Vec<usize>,
}

impl Answers<'_> {
    /// Reads to the end, and hands out every pair but the last, which may not be complete.
    fn read(&mut self, output: &mut dyn BufRead, visit: &mut dyn FnMut(usize, &[RawChange])) {
        let mut line = Vec::new();
        while let Ok([first, ..]) = output.fill_buf() {
            let (is_change, end) = if *first == b':' { (true, 0) } else { (false, b'\n') };
            line.clear();
            if output.read_until(end, &mut line).is_err() {
                return;
            }
            if !is_change {
                if let Some(last) = self.open.take() {
                    visit(last, &self.changes);
                }
                self.changes.clear();
                if !self.begin(&line) {
                    return;
                }
                continue;
            }
            let Some((change, paths)) = parse(&line) else { return };
            for _ in 0..paths {
                line.clear();
                if output.read_until(0, &mut line).is_err() {
                    return;
                }
            }
            self.changes.push(change);
        }
    }

    /// Begins the pair that git names; it says nothing of pairs whose directories are not there.
    fn begin(&mut self, line: &[u8]) -> bool {
        let mut ids = line.trim_ascii_end().split(|&byte| byte == b' ').map(ObjectId::from_hex);
        let (Some(Some(before)), Some(Some(after))) = (ids.next(), ids.next()) else { return false };
        let rest = self.pairs.get(self.next..).unwrap_or_default();
        let Some(at) = rest.iter().position(|pair| *pair == (before, after)) else { return false };
        self.skip_to(self.next + at);
        self.open = Some(self.next);
        self.next += 1;
        true
    }

    fn skip_to(&mut self, pair: usize) {
        self.failed.extend(self.next..pair);
        self.next = self.next.max(pair);
    }
}

/// The change that `:100644 100644 <id> <id> R090` tells of, and how many paths follow it.
fn parse(line: &[u8]) -> Option<(RawChange, usize)> {
    let mut words = line.strip_suffix(b"\0")?.split(|&byte| byte == b' ').skip(2);
    let mut id = || words.next().and_then(ObjectId::from_hex);
    let (before, after) = (id()?, id()?);
    let paths = if matches!(words.next()?.first(), Some(b'R' | b'C')) { 2 } else { 1 };
    let present = |id: ObjectId| (!id.is_null()).then_some(id);
    Some((RawChange { before: present(before), after: present(after) }, paths))
}

#[cfg(test)]
mod tests {
    use super::super::GitEnvironment;
    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn renames_are_paired_and_a_pair_that_fails_does_not_stop_the_others() {
        let repo = Fixture::new();
        let text: String = (0..100).map(|line| format!("line {line}\n")).collect();
        repo.write("old name", &text);
        repo.commit_all();
        std::fs::rename(repo.path("old name"), repo.path("new name")).unwrap();
        repo.write("new name", text.clone() + "more\n");
        repo.write("other", "x");
        repo.commit_all();
        let id = |name: &str| ObjectId::from_hex(repo.git(&["rev-parse", name]).trim().as_bytes()).unwrap();
        let pair = (id("HEAD~^{tree}"), id("HEAD^{tree}"));
        let missing = ObjectId::from_hex(&[b'7'; 40]).unwrap();
        let repository = Repository::discover(repo.root(), &GitEnvironment::default()).unwrap().unwrap();
        let mut seen = Vec::new();
        let failed = repository
            .changes_with_renames(&[pair, (missing, pair.1), (pair.1, pair.1), pair], &mut |at, changes| {
                seen.push((at, changes.to_vec()));
            })
            .unwrap();
        assert_eq!(failed, [1]);
        let renamed = RawChange { before: Some(id("HEAD~:old name")), after: Some(id("HEAD:new name")) };
        let added = RawChange { before: None, after: Some(id("HEAD:other")) };
        assert_eq!(seen, [(0, vec![renamed, added]), (2, vec![]), (3, vec![renamed, added])]);
    }

    proptest::proptest! {
        #[test]
        fn any_answer_is_read_to_an_end(bytes: Vec<u8>, mess in "[:0-9a-f RM\\x00\n]{0,200}") {
            let mut answers =
                Answers { pairs: &[], next: 0, open: None, changes: Vec::new(), failed: Vec::new() };
            answers.read(&mut &bytes[..], &mut |_, _| {});
            answers.read(&mut mess.as_bytes(), &mut |_, _| {});
        }
    }
}
