//! Histories scanned: against a scan of each object in full, and the places where secrets survive.

use std::path::Path;

use super::*;
use crate::detect::expand;
use crate::finding::{Confidence, Origin, Reach, TextKind};
use crate::git::fixture::Fixture;
use crate::git::store::{Derivation, Visited};
use crate::rule::RuleSet;
use crate::secret::FingerprintKey;

/// The slow way: every object as if it were the only one.
struct InFull<'a>(Examiner<'a>);

impl Visitor for InFull<'_> {
    type State = ();

    fn visit(&self, object: &Visited<'_>, _: Option<&Derivation<'_, ()>>) {
        self.0.visit(object, None);
    }
}

pub(super) fn repository(path: &Path) -> Repository {
    Repository::discover(path, &Default::default()).unwrap().unwrap()
}

pub(super) fn detector() -> Detector {
    Detector::new(&RuleSet::built_in().unwrap()).unwrap()
}

/// Every hit of every object, as text.
fn hits(repository: &Repository, detector: &Detector, in_full: bool) -> Vec<String> {
    let store = repository.store(Scope::All).unwrap();
    let secrets = Secrets::new(0);
    let builder = GraphBuilder::new(&store);
    let clean = Clean::default();
    let examiner = Examiner::new(detector, &secrets, &builder, &clean, &|_| {});
    let options = WalkOptions {
        stop: &|| false,
        progress: &|_| {},
        max_object_bytes: 256 << 20,
        memory: MEMORY,
        only: None,
    };
    let kinds = Kinds::BLOBS | Kinds::COMMITS | Kinds::TAGS;
    if in_full {
        store.walk(kinds, &InFull(examiner), &options);
    } else {
        store.walk(kinds, &examiner, &options);
    }
    let found = secrets.into_found();
    let mut lines: Vec<String> = found
        .hits
        .iter()
        .map(|hit| {
            let known = &found.groups[hit.secret as usize];
            let value = known.secret.fingerprint(&FingerprintKey::default(), hit.found.rule.id.as_str());
            let facts = (&hit.found.facts, &hit.found.decoded, known.allowed);
            format!("{} {value} {:?} {:?} {facts:?}", store.id(hit.object), hit.span, hit.start)
        })
        .collect();
    lines.sort();
    lines
}

/// Numbers that depend on a seed only.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides.max(1)
    }
}

/// Files that grow, shrink and move over some commits, packed with a random window and depth.
pub(super) fn random_repository(seed: u64, pieces: &[Vec<u8>]) -> Fixture {
    let mut dice = Dice(seed);
    let repo = Fixture::new();
    let mut files: Vec<Vec<Vec<u8>>> = vec![Vec::new(); 3];
    for _ in 0..12 {
        for (number, lines) in files.iter_mut().enumerate() {
            for _ in 0..dice.roll(5) {
                let at = dice.roll(lines.len() + 1);
                match dice.roll(4) {
                    0 if at < lines.len() => drop(lines.remove(at)),
                    1 if at < lines.len() => {
                        let cut = dice.roll(lines[at].len() + 1);
                        lines[at].truncate(cut);
                    }
                    _ => lines.insert(at, pieces[dice.roll(pieces.len())].clone()),
                }
            }
            repo.write(&format!("file-{number}"), lines.join(&b"\n"[..]));
        }
        repo.commit_all();
    }
    let (window, depth) =
        (format!("--window={}", 2 + dice.roll(20)), format!("--depth={}", 1 + dice.roll(40)));
    repo.git(&["repack", "-adfq", &window, &depth]);
    repo
}

/// Lines of all kinds: examples of every rule, and many without a secret.
pub(super) fn pieces(rules: &RuleSet) -> Vec<Vec<u8>> {
    let mut pieces: Vec<Vec<u8>> = rules
        .iter()
        .flat_map(|rule| rule.examples.iter().chain(&rule.non_examples).map(|text| (rule.check, text)))
        .map(|(check, text)| expand(&text.0, check, 1).unwrap())
        .collect();
    pieces.extend((0..200).map(|number| format!("an ordinary line of text, number {number}").into_bytes()));
    pieces
}

#[test]
fn what_is_taken_over_equals_what_is_found_in_full() {
    let rules = RuleSet::built_in().unwrap();
    let pieces = pieces(&rules);
    let detector = Detector::new(&rules).unwrap();
    for seed in 0..6 {
        let repo = random_repository(seed, &pieces);
        let repository = repository(repo.root());
        let fast = hits(&repository, &detector, false);
        assert!(!fast.is_empty(), "seed {seed}");
        assert_eq!(fast, hits(&repository, &detector, true), "seed {seed}");
    }
}

/// `KBSEC_REPOSITORIES=a:b cargo test --release --lib in_full_on_real -- --ignored --nocapture`
#[test]
#[ignore = "needs repositories"]
fn what_is_taken_over_equals_what_is_found_in_full_on_real_repositories() {
    let paths = std::env::var_os("KBSEC_REPOSITORIES").expect("KBSEC_REPOSITORIES names repositories");
    let detector = detector();
    for path in std::env::split_paths(&paths) {
        let repository = repository(&path);
        let fast = hits(&repository, &detector, false);
        let slow = hits(&repository, &detector, true);
        println!("{} hits in {}, equal: {}", fast.len(), path.display(), fast == slow);
        assert_eq!(fast, slow);
    }
}

pub(super) fn token() -> String {
    let text =
        expand("{{start}}ghp_{{base62:30}}{{check}}", Some(crate::rule::Check::Crc32Base62), 7).unwrap();
    String::from_utf8(text).unwrap().trim().to_owned()
}

fn scan(repo: &Fixture, limits: Limits) -> Outcome {
    let options = Options { key: FingerprintKey::default(), now: 0, progress: &|_| {} };
    let limits = Limits { here: repo.root().to_path_buf(), ..limits };
    scan_history(&repository(repo.root()), &detector(), &limits, (&options, &Stop::default())).unwrap()
}

fn reach(outcome: &Outcome) -> Vec<Reach> {
    outcome.findings.iter().filter_map(|finding| Some(finding.exposure()?.reach)).collect()
}

#[test]
fn a_secret_that_was_removed_is_found_with_its_commits() {
    let repo = Fixture::new();
    repo.write("deploy.sh", format!("echo\nTOKEN={}\n", token()));
    repo.commit_all();
    let introduced = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    repo.write("deploy.sh", "echo\n");
    repo.commit_all();
    let removed = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let outcome = scan(&repo, Limits::default());
    let [finding] = &outcome.findings[..] else { panic!("{:?}", outcome.findings) };
    assert_eq!(finding.confidence(), Confidence::High);
    let exposure = finding.exposure().unwrap();
    assert_eq!(exposure.introduced.as_ref().unwrap().id, introduced);
    assert_eq!(exposure.removed.as_ref().unwrap().id, removed);
    assert!(!exposure.at_head && exposure.reach == Reach::Head);
    let place = &finding.locations()[0];
    assert!(matches!(&place.origin, Origin::Blob { path: Some(path), .. } if path == Path::new("deploy.sh")));
    assert_eq!((place.start.line, place.start.column), (2, 7));
    assert!(!outcome.coverage.is_incomplete(), "{:?}", outcome.coverage.missed);
    // Only what later commits introduced is asked for.
    let since = Limits { commits: Some(Commits::Since(introduced)), ..Limits::default() };
    assert!(scan(&repo, since).findings.is_empty());
}

#[test]
fn secrets_in_messages_names_and_lost_objects_are_found() {
    for place in ["message", "tag", "branch", "file", "amended", "stash", "config"] {
        let repo = Fixture::new();
        repo.write("a", "1");
        repo.commit_all();
        let secret = token();
        let (expected, kind) = match place {
            "message" => {
                repo.git(&["commit", "-q", "--allow-empty", "-m", &secret]);
                (Some(Reach::Head), Some(TextKind::Commit))
            }
            "tag" => {
                repo.git(&["tag", "-m", &secret, "v1"]);
                (Some(Reach::Tag), Some(TextKind::Tag))
            }
            "branch" => {
                repo.git(&["branch", &secret]);
                (Some(Reach::Branch), Some(TextKind::RefName))
            }
            "file" => {
                repo.write(&format!("{secret}.txt"), "2");
                repo.commit_all();
                (Some(Reach::Head), Some(TextKind::FileName))
            }
            "amended" => {
                repo.write("b", &secret);
                repo.commit_all();
                repo.git(&["rm", "-q", "b"]);
                repo.git(&["commit", "-q", "--amend", "--allow-empty", "-m", "clean"]);
                repo.git(&["reflog", "expire", "--expire=now", "--all"]);
                (Some(Reach::Unreachable), None)
            }
            "stash" => {
                repo.write("a", &secret);
                repo.git(&["stash", "-q"]);
                (Some(Reach::Stash), None)
            }
            _ => {
                repo.git(&["config", "remote.origin.url", &format!("https://{secret}@example.com/x")]);
                (None, None)
            }
        };
        let outcome = scan(&repo, Limits::default());
        assert!(!outcome.findings.is_empty(), "{place}: {:?}", outcome.coverage);
        assert_eq!(reach(&outcome).first().copied(), expected, "{place}");
        if let Some(kind) = kind {
            let has = |finding: &Finding| {
                let is_kind =
                    |origin: &Origin| matches!(origin, Origin::Text { kind: found, .. } if *found == kind);
                finding.locations().iter().any(|location| is_kind(&location.origin))
            };
            assert!(outcome.findings.iter().any(has), "{place}: {:?}", outcome.findings);
        }
        let told = format!("{:?}", outcome.findings);
        assert!(!told.contains(&secret), "{place}: the secret is told");
    }
}

#[test]
fn shallow_and_damaged_repositories_are_not_clean() {
    let repo = Fixture::new();
    for text in ["1", "2", "3"] {
        repo.write("a", text);
        repo.commit_all();
    }
    let url = format!("file://{}", repo.root().display());
    repo.git(&["clone", "-q", "--depth=1", &url, "shallow"]);
    let outcome = {
        let options = Options { key: FingerprintKey::default(), now: 0, progress: &|_| {} };
        let shallow = repository(&repo.path("shallow"));
        scan_history(&shallow, &detector(), &Limits::default(), (&options, &Stop::default())).unwrap()
    };
    let gap = &outcome.coverage.missed[0];
    assert_eq!((gap.reason.as_str(), gap.hint.contains("--unshallow")), ("the clone is shallow", true));
    let blob = repo.git(&["rev-parse", "HEAD:a"]);
    let (folder, file) = blob.trim().split_at(2);
    std::fs::remove_file(repo.path(&format!(".git/objects/{folder}/{file}"))).unwrap();
    let missed = scan(&repo, Limits::default()).coverage.missed;
    assert!(missed.iter().any(|gap| gap.subject.contains(blob.trim())), "{missed:?}");
}

#[test]
fn a_comment_in_one_version_allows_all_of_them() {
    let repo = Fixture::new();
    repo.write("a", format!("{}\n", token()));
    repo.commit_all();
    repo.write("a", format!("{} # kbsec:allow: a fixture\n", token()));
    repo.commit_all();
    let outcome = scan(&repo, Limits::default());
    assert!(outcome.findings.is_empty(), "{:?}", outcome.findings);
    assert!(outcome.coverage.skipped.iter().any(|gap| gap.reason.contains("allowed")));
}
