//! The kit: texts and files for everybody who has a copy of the old history: forges, colleagues, and hooks.

mod texts;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;

use crate::git::banned::BanList;
use crate::git::{GitError, ObjectId, Repository, child};
use crate::rewrite::maps::Maps;
use crate::rewrite::remote::is_hidden;

/// The script for each clone; `@FIRST@` stands for the first changed commits.
const SCRIPT: &str = include_str!("kit/clean-clone.sh");

/// What the kit is made from.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The address of the server without credentials, where it is known.
    pub server: Option<String>,
    /// `owner/repository`, where it is known.
    pub repository: Option<String>,
    /// The day, such as `2026-11-25`.
    pub day: String,
    /// References of the server that lead to old commits, without values in their names; `None` if it was not asked.
    pub leading: Option<Vec<String>>,
}

/// A file of the kit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub name: &'static str,
    /// What it is for, as a clause.
    pub purpose: &'static str,
    /// Its text.
    pub text: String,
}

impl Facts {
    /// The numbers of pull or merge requests whose references lead to old commits; `None` if the server was not asked.
    #[must_use]
    pub fn requests(&self) -> Option<Vec<u64>> {
        let number = |name: &String| {
            let rest = ["refs/pull/", "refs/merge-requests/", "refs/pull-requests/"];
            let rest = rest.iter().find_map(|start| name.strip_prefix(start))?;
            rest.split('/').next()?.parse().ok()
        };
        let mut numbers: Vec<u64> = self.leading.as_ref()?.iter().filter_map(number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        Some(numbers)
    }

    /// Other references that only the server moves.
    fn hidden(&self) -> impl Iterator<Item = &String> {
        self.leading.iter().flatten().filter(|name| is_hidden(name.as_bytes()))
    }
}

/// `owner/repository` of an address, whose last two parts these are.
#[must_use]
pub fn repository_of(address: &str) -> Option<String> {
    let path = match address.split_once("://") {
        Some((scheme, rest)) if scheme != "file" => rest.split_once('/')?.1,
        Some(_) => return None,
        None => address.split_once(':')?.1,
    };
    let path = path.trim_matches('/').trim_end_matches(".git");
    let mut parts = path.rsplit('/');
    let (name, owner) = (parts.next()?, parts.next()?);
    let is_plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic());
    (is_plain(name) && is_plain(owner)).then(|| format!("{owner}/{name}"))
}

/// The commits that must not come back.
///
/// # Errors
/// When git cannot be asked.
pub fn ban_list(repository: &Repository, maps: &Maps) -> Result<BanList, GitError> {
    let commits = maps.changed().map(|(old, _)| old).collect();
    let mut before = Vec::new();
    for first in &maps.first_changed {
        // Parents that kept their ids are those of the new commit, too. Of a dropped commit they are not known.
        let Some(Some(new)) = maps.commits.get(first) else {
            return Ok(BanList { commits, before: Vec::new() });
        };
        before.extend(parents(repository, *new)?);
    }
    before.sort_unstable();
    before.dedup();
    before.retain(|parent| maps.commits.get(parent).is_none_or(|new| *new == Some(*parent)));
    Ok(BanList { commits, before })
}

fn parents(repository: &Repository, commit: ObjectId) -> Result<Vec<ObjectId>, GitError> {
    let mut command = child::offline(repository.common_dir());
    let answer = child::run(command.args(["rev-parse", "--quiet", &format!("{commit}^@")]))?;
    Ok(answer.stdout.split(|&byte| byte == b'\n').filter_map(ObjectId::from_hex).collect())
}

/// All files of the kit.
#[must_use]
pub fn files(maps: &Maps, list: &BanList, facts: &Facts) -> Vec<File> {
    let file = |name, purpose, text| File { name, purpose, text };
    vec![
        file("ticket-github.md", "the ticket for GitHub support", texts::github(maps, facts)),
        file("forges.md", "what to do on GitLab, Bitbucket, Azure DevOps and Gerrit", texts::forges(facts)),
        file("notice.md", "the notice for everybody with a clone", texts::notice(maps, facts)),
        file("clean-clone.sh", "the check for each clone, changes nothing", script(maps)),
        file("commit-map", "which commit became which, for clean-clone.sh", map(maps)),
        file(crate::git::banned::FILE, "the ban list, for `kbsec rewrite kit --ban`", list.text()),
    ]
}

fn script(maps: &Maps) -> String {
    let first: Vec<String> = maps.first_changed.iter().map(ToString::to_string).collect();
    SCRIPT.replacen("@FIRST@", &first.join(" "), 1)
}

/// The rewritten commits, as git-filter-repo writes them.
fn map(maps: &Maps) -> String {
    let mut text = format!("{:40} new\n", "old");
    for (old, new) in maps.changed() {
        let dropped = || "0".repeat(old.to_string().len());
        let _ = writeln!(text, "{old} {}", new.map_or_else(dropped, |new| new.to_string()));
    }
    text
}

/// Writes the files into a folder, which is made; scripts can be run there.
///
/// # Errors
/// When that is not possible.
pub fn write(files: &[File], folder: &std::path::Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for file in files {
        let path = folder.join(file.name);
        std::fs::write(&path, &file.text)?;
        #[cfg(unix)]
        if file.text.starts_with("#!") {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}

/// The references that moved, by name, as text.
fn moved(maps: &Maps) -> BTreeMap<String, (Option<ObjectId>, Option<ObjectId>)> {
    let is_shared = |name: &[u8]| name.starts_with(b"refs/heads/") || name.starts_with(b"refs/tags/");
    let moved = maps.refs.iter().filter(|moved| moved.old != moved.new && is_shared(&moved.name));
    // A name that is no more may have held a value.
    let moved = moved.filter(|moved| moved.new.is_some());
    moved.map(|moved| (String::from_utf8_lossy(&moved.name).into_owned(), (moved.old, moved.new))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_read_from_its_address() {
        for (address, expected) in [
            ("https://github.com/owner/name.git", Some("owner/name")),
            ("git@github.com:owner/name.git", Some("owner/name")),
            ("ssh://git@gitlab.com/group/sub/name", Some("sub/name")),
            ("file:///srv/git/name.git", None),
            ("/srv/git/name.git", None),
            ("https://example.org/name", None),
        ] {
            assert_eq!(repository_of(address).as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn requests_are_counted_once() {
        let names = ["refs/pull/7/head", "refs/pull/7/merge", "refs/pull/12/head", "refs/heads/pull/9"];
        let facts = Facts { leading: Some(names.map(str::to_owned).to_vec()), ..Facts::default() };
        assert_eq!(facts.requests(), Some(vec![7, 12]));
        assert_eq!(Facts::default().requests(), None);
    }

    #[test]
    fn the_script_is_short_and_plain() {
        assert!(SCRIPT.lines().count() <= 60);
        assert_eq!(SCRIPT.matches("@FIRST@").count(), 1);
        assert!(SCRIPT.starts_with("#!/bin/sh\n"));
    }
}
