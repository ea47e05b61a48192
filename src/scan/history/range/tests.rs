//! Tests of scanned ranges: random histories, scanned by the quick way and by the walk over all objects, and odd ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;

use super::super::{Run, scan_history};
use super::*;
use crate::git::GitEnvironment;
use crate::git::fixture::Fixture;
use crate::rule::RuleSet;
use crate::secret::FingerprintKey;

const RULES: &str = r#"
[[rule]]
id = "acme-token"
title = "Acme token"
severity = "high"
confidence = "medium"
token = { format = ["acme_{base62:24}"] }
"#;

fn token(number: usize) -> String {
    format!("acme{}k3Fq9ZtR7bWm2XcVn5LdPs8{}", "_", char::from(b'A' + number as u8))
}

fn open(repo: &Fixture) -> Repository {
    Repository::discover(repo.root(), &GitEnvironment::default()).unwrap().unwrap()
}

/// Scans by the quick way (`None` if it does not know) and by the walk over all objects.
fn both(repo: &Fixture, commits: &Commits, max_count: Option<usize>) -> (Option<Outcome>, Outcome) {
    let mut rules = RuleSet::default();
    rules.parse(RULES, "test", "test").unwrap();
    let (detector, stop) = (Detector::new(&rules).unwrap(), Stop::default());
    let options = Options { key: FingerprintKey::default(), now: 0, progress: &|_| {} };
    let repository = open(repo);
    let limits = Limits { commits: Some(commits.clone()), max_count, ..Limits::default() };
    let question = Question {
        repository: &repository,
        detector: &detector,
        limits: &limits,
        options: &options,
        stop: &stop,
    };
    let quick = match scan(&question, commits).unwrap() {
        Answer::Whole(outcome) => Some(outcome),
        Answer::Rest(_) => panic!("there are few commits"),
        Answer::Unknown => None,
    };
    let store = repository.store(Scope::All).unwrap();
    let run = Run {
        repository: &repository,
        detector: &detector,
        limits: &limits,
        options: &options,
        stop: &stop,
        store,
    };
    (quick, run.scan(Default::default()).unwrap().0)
}

/// A scan that compares at most so many commits, and walks over all objects if there are more.
fn limited(repo: &Fixture, commits: &Commits, most_commits: usize) -> Outcome {
    let mut rules = RuleSet::default();
    rules.parse(RULES, "test", "test").unwrap();
    let options = Options { key: FingerprintKey::default(), now: 0, progress: &|_| {} };
    let limits = Limits { commits: Some(commits.clone()), most_commits, ..Limits::default() };
    let detector = Detector::new(&rules).unwrap();
    scan_history(&open(repo), &detector, &limits, (&options, &Stop::default())).unwrap()
}

/// Secrets with whether HEAD has them.
fn secrets(outcome: &Outcome) -> BTreeMap<String, bool> {
    let findings = outcome.findings.iter();
    let told =
        findings.map(|finding| (finding.fingerprint().to_string(), finding.exposure().unwrap().at_head));
    told.collect()
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }
}

type Files = BTreeMap<String, String>;

fn path(dice: &mut Dice) -> String {
    let names = ["a".to_owned(), "b".to_owned(), "lib".to_owned(), token(0), "a.b".to_owned()];
    let folders: Vec<&str> =
        (0..dice.below(3)).map(|_| &*names[dice.below(14) % 5 * dice.below(2)]).collect();
    // A file never has the name of a directory.
    [folders, vec![["x.txt", "y.txt", "z.txt"][dice.below(3)]]].concat().join("/")
}

fn edit(dice: &mut Dice, files: &mut Files) {
    for _ in 0..1 + dice.below(3) {
        let keys: Vec<String> = files.keys().cloned().collect();
        let old = keys.get(dice.below(keys.len())).cloned();
        match (dice.below(7), old) {
            (0 | 1, _) | (_, None) => {
                let secret = if dice.below(2) == 0 { token(1 + dice.below(9)) } else { String::new() };
                drop(files.insert(path(dice), format!("{}\n{secret}\n", dice.below(1000))));
            }
            (2, Some(old)) => drop(files.remove(&old)),
            (3, Some(old)) => {
                let text = files.remove(&old).unwrap();
                files.insert(path(dice), text);
            }
            (4, Some(old)) => drop(files.insert(path(dice), files[&old].clone())),
            (5, Some(old)) => drop(files.insert(old, "plain\n".into())),
            (_, Some(old)) => files.get_mut(&old).unwrap().push_str("more\n"),
        }
    }
}

/// A random history with merges, some of them evil, moves, copies, reverts and clocks that err.
fn make(seed: u64) -> (Fixture, usize) {
    let mut dice = Dice(seed);
    let repo = Fixture::new();
    let mut commits: Vec<Files> = Vec::new();
    let mut stream = String::new();
    let count = 15 + dice.below(25);
    for at in 0..count {
        let parents: BTreeSet<usize> = match (at, dice.below(9)) {
            (0, _) => BTreeSet::new(),
            (_, 0) if at % 3 == 0 => BTreeSet::new(),
            (_, 1..=3) => (0..2 + dice.below(2)).map(|_| dice.below(at)).collect(),
            _ => [at - 1 - dice.below(at.min(3))].into(),
        };
        let mut files = Files::new();
        parents.iter().for_each(|&parent| files.extend(commits[parent].clone()));
        match dice.below(8) {
            0 if at > 0 => files.clone_from(&commits[dice.below(at)]),
            _ if parents.len() < 2 || dice.below(3) == 0 => edit(&mut dice, &mut files),
            _ => {}
        }
        let (author, committer) =
            (1_700_000_000 + dice.below(99) * 1000, 1_700_000_000 + (at + dice.below(9)) * 100);
        let committer = if dice.below(9) == 0 { 1_600_000_000 } else { committer };
        writeln!(stream, "reset refs/tags/c{at}\n\ncommit refs/tags/c{at}\nmark :{}", at + 1).unwrap();
        writeln!(stream, "author A <a@b> {author} +0000\ncommitter C <c@d> {committer} +0000").unwrap();
        let message = if dice.below(9) == 0 { token(10 + dice.below(4)) } else { format!("m{at}") };
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
    writeln!(stream, "reset refs/heads/main\nfrom :{count}\n").unwrap();
    let mut git = repo.command(&["fast-import", "--quiet", "--force"]).stdin(Stdio::piped()).spawn().unwrap();
    git.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
    assert!(git.wait().unwrap().success());
    (repo, count)
}

#[test]
fn the_quick_way_finds_what_the_walk_over_all_objects_finds() {
    let mut found = 0;
    for seed in 0..10 {
        let (repo, count) = make(seed);
        let mut dice = Dice(seed + 1000);
        for at in 0..8 {
            let (from, to) = (dice.below(count), dice.below(count));
            let scope = match at {
                0 => Commits::Range(format!("c{to}")),
                1 => Commits::Since(format!("c{from}")),
                _ => Commits::Range(format!("c{from}..c{to}")),
            };
            let (quick, full) = both(&repo, &scope, None);
            let quick = quick.unwrap();
            assert_eq!(secrets(&quick), secrets(&full), "seed {seed}, {scope:?}");
            assert_eq!((&quick.coverage.missed[..], &full.coverage.missed[..]), (&[][..], &[][..]));
            found += quick.findings.len();
            let range = match &scope {
                Commits::Range(range) => range.clone(),
                _ => format!("c{from}..HEAD"),
            };
            let listed = repo.git(&["rev-list", &range]);
            for finding in &quick.findings {
                let commit = finding.exposure().unwrap().introduced.as_ref().unwrap();
                assert!(listed.contains(&commit.id), "seed {seed}, {scope:?}");
            }
        }
        let some = Some(1 + dice.below(count / 2));
        let (quick, full) = both(&repo, &Commits::Range("HEAD".into()), some);
        assert_eq!(secrets(&quick.unwrap()), secrets(&full), "seed {seed}, {some:?}");
    }
    assert!(found > 100, "{found}");
}

fn commit(repo: &Fixture, files: &[(&str, String)]) {
    files.iter().for_each(|(name, text)| repo.write(name, text));
    repo.commit_all();
}

/// What the last commit brings, by both ways.
fn last(repo: &Fixture) -> usize {
    let (quick, full) = both(repo, &Commits::Range("HEAD^..HEAD".into()), None);
    let quick = quick.unwrap();
    assert_eq!(secrets(&quick), secrets(&full));
    quick.findings.len()
}

#[test]
fn what_was_there_before_is_not_new() {
    for format in [&[][..], &["--object-format=sha256"]] {
        let Some(repo) = Fixture::with_init(format) else { continue };
        commit(&repo, &[("dir/a", token(1)), ("b", "x".into()), ("c", token(4))]);
        commit(&repo, &[("b", token(1))]);
        assert_eq!(last(&repo), 0, "a copy out of a file that did not change");
        repo.git(&["mv", "dir", "moved"]);
        repo.git(&["rm", "-q", "b"]);
        repo.commit_all();
        assert_eq!(last(&repo), 0, "a directory that moves");
        commit(&repo, &[("moved/a", format!("{}\nmore\n{}", token(1), token(2)))]);
        assert_eq!(last(&repo), 1, "a file that had one secret gets another");
        commit(&repo, &[("moved/a", token(1)), (&format!("{}/x", token(3)), "x".into())]);
        assert_eq!(last(&repo), 1, "the name of a directory");
        commit(&repo, &[(&format!("{}/y", token(3)), "x".into())]);
        assert_eq!(last(&repo), 0, "a file below it");
    }
}

#[test]
fn a_secret_that_only_a_merge_brings_is_found() {
    let repo = Fixture::new();
    commit(&repo, &[("a", "1".into())]);
    repo.git(&["checkout", "-q", "-b", "side"]);
    commit(&repo, &[("side", token(1))]);
    repo.git(&["checkout", "-q", "main"]);
    commit(&repo, &[("main", token(2))]);
    repo.git(&["merge", "-q", "--no-commit", "side"]);
    assert_eq!(last(&repo), 1);
    commit(&repo, &[("evil", token(3))]);
    let (quick, full) = both(&repo, &Commits::Range("HEAD^..HEAD".into()), None);
    assert_eq!((secrets(&quick.unwrap()).len(), secrets(&full).len()), (2, 2), "side and evil");
    let known = repo.git(&["rev-parse", "HEAD^", "HEAD^2"]);
    let id = |line: &str| ObjectId::from_hex(line.trim().as_bytes()).unwrap();
    let tips = vec![("refs/heads/main".to_owned(), id(&repo.git(&["rev-parse", "HEAD"])))];
    let push = Commits::Push { tips, known: known.lines().map(id).collect() };
    let (quick, full) = both(&repo, &push, None);
    assert_eq!((secrets(&quick.unwrap()).len(), secrets(&full).len()), (1, 1), "evil alone");
}

#[test]
fn tags_and_other_objects_and_names_of_refs_are_part_of_a_push() {
    let repo = Fixture::new();
    commit(&repo, &[("a", "1".into())]);
    let id = |line: String| ObjectId::from_hex(line.trim().as_bytes()).unwrap();
    let head = id(repo.git(&["rev-parse", "HEAD"]));
    repo.git(&["tag", "-a", "one", "-m", &token(1)]);
    repo.git(&["tag", "-a", "two", "-m", "around", "one"]);
    repo.write("blob", token(2));
    let blob = id(repo.git(&["hash-object", "-w", "blob"]));
    let tags = [
        ("refs/tags/two".to_owned(), id(repo.git(&["rev-parse", "two"]))),
        ("refs/tags/blob".to_owned(), blob),
        (format!("refs/heads/{}", token(3)), head),
    ];
    let quick = both(&repo, &Commits::Push { tips: tags.into(), known: vec![head] }, None).0.unwrap();
    assert_eq!(quick.findings.len(), 3);
    let quick = both(&repo, &Commits::Push { tips: Vec::new(), known: vec![head] }, None).0.unwrap();
    assert_eq!((quick.findings.len(), quick.coverage.is_incomplete()), (0, false));
}

#[test]
fn a_push_of_too_many_commits_is_examined_by_the_walk_over_all_objects() {
    let (mut found, mut introduced) = (0, 0);
    for seed in 20..26 {
        let (repo, count) = make(seed);
        let id = |line: String| ObjectId::from_hex(line.trim().as_bytes()).unwrap();
        let commit = |name: &str| id(repo.git(&["rev-parse", &format!("{name}^{{commit}}")]));
        repo.git(&["tag", "-a", "one", "-m", &token(14), "main"]);
        repo.git(&["tag", "-a", "two", "-m", "around", "one"]);
        repo.write("blob", token(15));
        let tips = vec![
            ("refs/heads/main".to_owned(), commit("main")),
            (format!("refs/heads/{}", token(16)), commit(&format!("c{}", count / 2))),
            ("refs/tags/two".to_owned(), id(repo.git(&["rev-parse", "two"]))),
            ("refs/tags/blob".to_owned(), id(repo.git(&["hash-object", "-w", "blob"]))),
        ];
        let push = Commits::Push { tips, known: vec![commit(&format!("c{}", seed % 5))] };
        let (few, many) = (limited(&repo, &push, count), limited(&repo, &push, 2));
        assert_eq!(secrets(&few), secrets(&many), "seed {seed}");
        found += secrets(&many).len();
        let brought = |outcome: &Outcome| {
            let mut brought = BTreeMap::new();
            for made in &outcome.introductions {
                let mut secrets: Vec<String> = made.secrets.iter().map(ToString::to_string).collect();
                secrets.sort();
                brought.insert(made.commit.clone(), secrets);
            }
            brought
        };
        assert_eq!(brought(&few), brought(&many), "seed {seed}");
        introduced += few.introductions.len();
        for outcome in [&few, &many] {
            let place = |id: &str| outcome.introductions.iter().position(|made| made.commit == id);
            for (at, made) in outcome.introductions.iter().enumerate() {
                let before = repo.git(&["rev-list", &made.commit]);
                assert_eq!(
                    before.lines().filter_map(place).max(),
                    Some(at),
                    "seed {seed}: parents come first"
                );
            }
        }
        let told = (few.coverage.is_incomplete(), many.coverage.is_incomplete());
        assert_eq!(told, (false, false), "seed {seed}");
    }
    assert!(found > 30 && introduced > 15, "{found} {introduced}");
}

#[test]
fn what_is_missing_is_a_gap() {
    let repo = Fixture::new();
    for number in 0..4 {
        commit(&repo, &[("a", format!("{number}"))]);
    }
    let blob = repo.git(&["rev-parse", "HEAD:a"]);
    let object = |id: &str| repo.path(&format!(".git/objects/{}/{}", &id[..2], id[2..].trim()));
    std::fs::remove_file(object(&blob)).unwrap();
    let missed = |scope: &str| both(&repo, &Commits::Range(scope.into()), None).0.unwrap().coverage.missed;
    assert_eq!(missed("HEAD^..HEAD").len(), 1);
    assert_eq!(missed("HEAD~2..HEAD~1").len(), 0, "what is not asked about may be missing");
    let parent = repo.git(&["rev-parse", "HEAD~3"]);
    std::fs::remove_file(object(&parent)).unwrap();
    let gaps = both(&repo, &Commits::Branch("main".into()), None).0.unwrap().coverage.missed;
    assert!(gaps.iter().any(|gap| gap.reason.contains("needs it")), "{gaps:?}");
    repo.write(".git/shallow", repo.git(&["rev-parse", "HEAD~2"]));
    let gaps = both(&repo, &Commits::Branch("main".into()), None).0.unwrap().coverage.missed;
    assert!(gaps.iter().any(|gap| gap.reason == "the clone is shallow"), "{gaps:?}");
}
