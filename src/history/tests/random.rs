//! Random histories, attributed once by the engine and once by listing every tree of every commit with git.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;

use super::*;
use crate::git::fixture::Fixture;

const SECRETS: u32 = 70;

/// A generator of numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }

    fn one_in(&mut self, sides: usize) -> bool {
        self.below(sides) == 0
    }
}

type Files = BTreeMap<String, String>;

fn path(dice: &mut Dice) -> String {
    const PARTS: &[&str] = &["a", "b", "c", "a.b", "lib", "sec-7;", "x sec-8; y", "zz"];
    let depth = 1 + dice.below(4);
    let parts: Vec<&str> = (0..depth).map(|_| PARTS[dice.below(PARTS.len())]).collect();
    // A file never has the name of a directory.
    format!("{}/{}.txt", parts.join("/"), PARTS[dice.below(PARTS.len())])
}

fn content(dice: &mut Dice) -> String {
    let mut text = format!("noise {}\n", dice.below(1000));
    for _ in 0..dice.below(3) {
        writeln!(text, "key = sec-{};", dice.below(SECRETS as usize)).unwrap();
    }
    text
}

fn edit(dice: &mut Dice, files: &mut Files) {
    for _ in 0..1 + dice.below(3) {
        let keys: Vec<String> = files.keys().cloned().collect();
        let some = keys.get(dice.below(keys.len())).cloned();
        match (dice.below(6), some) {
            (0 | 1, _) | (_, None) => drop(files.insert(path(dice), content(dice))),
            (2, Some(old)) => drop(files.remove(&old)),
            (3, Some(old)) => {
                let text = files.remove(&old).unwrap();
                files.insert(path(dice), text);
            }
            (4, Some(old)) => files.get_mut(&old).unwrap().push_str("more\n"),
            (_, Some(old)) => drop(files.insert(old, content(dice))),
        }
    }
}

/// Makes a repository with merges, some of them evil or octopuses, orphans and criss-crossing branches.
fn make(seed: u64) -> Fixture {
    let mut dice = Dice(seed);
    let repo = Fixture::new();
    let mut commits: Vec<Files> = Vec::new();
    let mut stream = String::new();
    let branches =
        ["heads/main", "heads/side", "tags/light", "pull/1/head", "remotes/origin/main", "notes/x"];
    for at in 0..20 + dice.below(40) {
        let parents: BTreeSet<usize> = match (at, dice.below(10)) {
            (0, _) | (_, 0) => BTreeSet::new(),
            (_, 1..=3) => (0..2 + dice.below(2)).map(|_| dice.below(at)).collect(),
            _ => [at - 1 - dice.below(at.min(4))].into(),
        };
        let mut files = Files::new();
        for &parent in &parents {
            for (path, text) in &commits[parent] {
                if dice.below(20) > 0 {
                    files.insert(path.clone(), text.clone());
                }
            }
        }
        if parents.len() < 2 || dice.one_in(3) {
            edit(&mut dice, &mut files);
        }
        let time = 1_700_000_000 + dice.below(50) * 1000;
        let branch = branches[dice.below(branches.len())];
        writeln!(stream, "reset refs/{branch}\n\ncommit refs/{branch}\nmark :{}", at + 1).unwrap();
        writeln!(stream, "author A <a@b> {time} +0000\ncommitter C <c@d> 1700000000 +0000").unwrap();
        let message =
            if dice.one_in(9) { format!("sec-{};", dice.below(SECRETS as usize)) } else { "m".into() };
        writeln!(stream, "data {}\n{message}", message.len()).unwrap();
        for (place, parent) in parents.iter().enumerate() {
            writeln!(stream, "{} :{}", if place == 0 { "from" } else { "merge" }, parent + 1).unwrap();
        }
        stream.push_str("deleteall\n");
        for (path, text) in &files {
            writeln!(stream, "M 100644 inline \"{path}\"\ndata {}\n{text}", text.len()).unwrap();
        }
        commits.push(files);
    }
    let mut git = repo.command(&["fast-import", "--quiet", "--force"]).stdin(Stdio::piped()).spawn().unwrap();
    git.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
    assert!(git.wait().unwrap().success());
    let (window, depth) = (1 + dice.below(20), 1 + dice.below(50));
    if dice.one_in(2) {
        repo.git(&[
            "repack",
            "-q",
            "-a",
            "-d",
            "-f",
            "-k",
            &format!("--window={window}"),
            &format!("--depth={depth}"),
        ]);
    }
    repo
}

/// What a commit holds: secrets by path, by asking git.
fn listed(repo: &Fixture, commit: &str) -> BTreeMap<(u32, String), ()> {
    let mut found = BTreeMap::new();
    let listed = repo.git(&["ls-tree", "-r", "-z", commit]);
    for line in listed.split('\0').filter(|line| !line.is_empty()) {
        let (about, path) = line.split_once('\t').unwrap();
        let blob = about.rsplit(' ').next().unwrap();
        for secret in secrets_in(repo.git(&["cat-file", "blob", blob]).as_bytes()) {
            found.insert((secret, path.to_owned()), ());
        }
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        for end in ends {
            let name = path[..end].rsplit('/').next().unwrap();
            for secret in secrets_in(name.as_bytes()) {
                found.insert((secret, path[..end].to_owned()), ());
            }
        }
    }
    found
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Expected {
    introducing: BTreeSet<CommitIndex>,
    removing: BTreeSet<CommitIndex>,
    places: BTreeMap<String, (Option<CommitIndex>, Option<CommitIndex>, bool)>,
    at_head: bool,
}

/// The slow reference: compares complete lists.
fn expected(repo: &Fixture, scanned: &Scanned) -> Vec<Expected> {
    let graph = &scanned.graph;
    let lists: Vec<BTreeMap<_, _>> =
        (0..graph.len()).map(|commit| listed(repo, &scanned.id(commit))).collect();
    let sets: Vec<BTreeSet<u32>> =
        lists.iter().map(|list| list.keys().map(|(secret, _)| *secret).collect()).collect();
    let head = repo.command(&["rev-parse", "-q", "--verify", "HEAD"]).output().unwrap();
    let head = head.status.success().then(|| scanned.commit(std::str::from_utf8(&head.stdout).unwrap()));
    let in_head = |commit: CommitIndex| head.is_some_and(|head| graph.ancestors([head]).contains(commit));
    let mut all: Vec<Expected> = (0..SECRETS).map(|_| Expected::default()).collect();
    let mut removals: HashMap<(u32, String), Vec<CommitIndex>> = HashMap::new();
    for commit in 0..graph.len() {
        let parents: Vec<usize> = graph.parents(commit).iter().map(|&parent| parent as usize).collect();
        let own = commit as usize;
        for secret in 0..SECRETS {
            let had: Vec<bool> = parents.iter().map(|&parent| sets[parent].contains(&secret)).collect();
            if sets[own].contains(&secret) && !had.contains(&true) {
                all[secret as usize].introducing.insert(commit);
            }
            if !sets[own].contains(&secret) && !had.is_empty() && !had.contains(&false) {
                all[secret as usize].removing.insert(commit);
            }
        }
        for key in lists[own].keys() {
            if !parents.iter().any(|&parent| lists[parent].contains_key(key)) {
                let places = &mut all[key.0 as usize].places;
                places.entry(key.1.clone()).or_insert((Some(commit), None, false));
            }
        }
        let Some(&first) = parents.first() else { continue };
        for key in lists[first].keys() {
            if !lists[own].contains_key(key) && parents.iter().all(|&parent| lists[parent].contains_key(key))
            {
                removals.entry(key.clone()).or_default().push(commit);
            }
        }
    }
    for ((secret, path), commits) in removals {
        let best = commits.iter().rfind(|&&commit| in_head(commit)).or(commits.last());
        all[secret as usize].places.get_mut(&path).unwrap().1 = best.copied();
    }
    if let Some(head) = head {
        for (secret, path) in lists[head as usize].keys() {
            let place = all[*secret as usize].places.get_mut(path).unwrap();
            (place.1, place.2) = (None, true);
            all[*secret as usize].at_head = true;
        }
    }
    for (object, secrets) in &scanned.hits.objects {
        for &secret in secrets {
            all[secret as usize].introducing.extend(graph.commit(*object));
        }
    }
    all
}

/// The refs that contain one of the commits, by asking git.
fn containing(repo: &Fixture, scanned: &Scanned, commits: &[CommitIndex]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for &commit in commits {
        let contains = format!("--contains={}", scanned.id(commit));
        let listed = repo.git(&["for-each-ref", "--format=%(refname)", &contains]);
        found.extend(listed.lines().map(str::to_owned));
    }
    if found.contains("refs/heads/main") {
        found.insert("HEAD".to_owned());
    }
    found
}

#[test]
fn attribution_equals_the_slow_reference() {
    for seed in 0..12 {
        let repo = make(seed);
        let scanned = Scanned::new(repo.root(), SECRETS);
        let attributions = scanned.attribute();
        assert!(!attributions.truncated);
        let named = |commit: &Option<std::sync::Arc<crate::finding::Commit>>| {
            commit.as_ref().map(|commit| scanned.commit(&commit.id))
        };
        for ((found, expected), secret) in
            attributions.secrets.iter().zip(expected(&repo, &scanned)).zip(0..SECRETS)
        {
            let what = format!("seed {seed}, secret {secret}");
            let places = found.places.iter().filter_map(|place| {
                let path = String::from_utf8(place.path.clone()?).unwrap();
                let trail = &place.trail;
                Some((path, (named(&trail.introduced), named(&trail.removed), trail.at_head)))
            });
            let actual = Expected {
                introducing: found.introducing.iter().copied().collect(),
                removing: found.removing.iter().copied().collect(),
                places: places.collect(),
                at_head: found.exposure.at_head,
            };
            assert_eq!(actual, expected, "{what}");
            assert_eq!(named(&found.exposure.introduced), found.introducing.first().copied(), "{what}");
            let refs: BTreeSet<String> = found.exposure.refs.iter().cloned().collect();
            let mut wanted = containing(&repo, &scanned, &found.introducing);
            for (at, secrets) in &scanned.hits.refs {
                assert!(secrets.is_empty(), "{at}");
            }
            assert_eq!(found.refs, wanted.len(), "{what}");
            assert_eq!(refs, std::mem::take(&mut wanted), "{what}");
            for place in found.places.iter().filter(|place| place.path.is_some()) {
                let (kind, bytes) = scanned.store.read(place.object, 1 << 20).unwrap();
                assert!(kind == ObjectKind::Tree || secrets_in(&bytes).contains(&secret), "{what}");
            }
        }
    }
}
