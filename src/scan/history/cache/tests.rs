//! The cache against fresh scans: equal reports, and everything that has to make it be thrown away.

mod packs;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Mutex;

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};

use super::super::tests::{detector, pieces, random_repository, repository, token};
use super::super::{Limits, scan_history};
use super::*;
use crate::detect::Detector;
use crate::finding::Reach;
use crate::git::fixture::Fixture;
use crate::rule::RuleSet;
use crate::scan::Options;
use crate::secret::FingerprintKey;
use crate::source::Stop;

/// What a scan depends on besides the repository.
#[derive(Clone)]
struct Terms {
    rules: [u8; 32],
    key: &'static str,
    now: u64,
    max_object_bytes: u64,
}

const TERMS: Terms = Terms { rules: [1; 32], key: "key", now: 4_000_000_000, max_object_bytes: 1 << 20 };

/// A scan with what was remembered, and whether nothing had to be examined.
fn scan(repo: &Fixture, terms: &Terms) -> (Outcome, bool) {
    let (outcome, sizes) = seen(repo, terms, true);
    (outcome, sizes.is_empty())
}

/// A scan, perhaps with what was remembered, and the sizes of everything that it examined.
fn seen(repo: &Fixture, terms: &Terms, remembers: bool) -> (Outcome, Vec<u64>) {
    let sizes = Mutex::new(Vec::new());
    let progress = |bytes| sizes.lock().unwrap().push(bytes);
    let key = FingerprintKey::new(terms.key.as_bytes());
    let options = Options { key, now: terms.now, progress: &progress };
    let limits = Limits {
        here: repo.root().to_path_buf(),
        cache: remembers.then_some(terms.rules),
        max_object_bytes: terms.max_object_bytes,
        ..Limits::default()
    };
    let repository = repository(repo.root());
    let outcome = scan_history(&repository, &detector(), &limits, (&options, &Stop::default())).unwrap();
    (outcome, sizes.into_inner().unwrap())
}

/// Everything that a report tells.
fn told(outcome: &Outcome) -> Vec<String> {
    let finding = |finding: &crate::finding::Finding| {
        let worth = (finding.rule(), finding.severity(), finding.confidence(), finding.reasons());
        let evidence = finding.evidence().map(|evidence| (evidence.preview(), evidence.length()));
        let places = (finding.locations(), finding.exposure(), finding.fingerprint());
        format!("{worth:?} {evidence:?} {places:?}")
    };
    let mut told: Vec<String> = outcome.findings.iter().map(finding).collect();
    told.push(format!("{:?}", outcome.coverage));
    told
}

fn file(repo: &Fixture) -> std::path::PathBuf {
    repo.path(".git/kbsec/history.cache")
}

fn with_a_token() -> Fixture {
    let repo = Fixture::new();
    repo.write("deploy.sh", format!("TOKEN={}\n", token()));
    repo.commit_all();
    repo
}

#[test]
fn the_second_scan_looks_at_nothing_and_tells_the_same() {
    let pieces = pieces(&RuleSet::built_in().unwrap());
    for seed in 0..4 {
        let repo = random_repository(seed, &pieces);
        repo.git(&["config", "remote.origin.url", &format!("https://{}@example.com/x", token())]);
        repo.git(&["tag", "-m", &token(), "v1"]);
        repo.write("\u{fc} \n.txt", token());
        repo.commit_all();
        let (first, recalled) = scan(&repo, &TERMS);
        assert_eq!((recalled, &first.note), (false, &None), "seed {seed}");
        assert!(first.findings.len() > 3 && first.findings.iter().all(|found| found.evidence().is_some()));
        let (second, recalled) = scan(&repo, &TERMS);
        assert!(recalled, "seed {seed}");
        assert_eq!(told(&first), told(&second), "seed {seed}");
        assert!(second.findings.iter().all(|found| found.evidence().unwrap().secret().is_none()));
        fs::remove_file(file(&repo)).unwrap();
        assert_eq!(told(&scan(&repo, &TERMS).0), told(&second), "seed {seed}");
    }
}

#[test]
fn nothing_hides_behind_the_name_of_the_file() {
    let repo = Fixture::new();
    repo.write("a", "1");
    repo.commit_all();
    assert!(scan(&repo, &TERMS).0.findings.is_empty());
    assert!(scan(&repo, &TERMS).1);
    for name in ["history.cache.1-0", "history.cache"] {
        repo.write(&format!(".git/kbsec/{name}"), format!("TOKEN={}\n", token()));
        let (outcome, recalled) = scan(&repo, &TERMS);
        assert_eq!((outcome.findings.len(), recalled), (1, false), "{name}");
        fs::remove_file(repo.path(&format!(".git/kbsec/{name}"))).ok();
    }
}

#[test]
fn what_happens_in_the_repository_is_seen() {
    let repo = Fixture::new();
    repo.write("a", "1");
    repo.commit_all();
    assert!(scan(&repo, &TERMS).0.findings.is_empty());
    assert!(scan(&repo, &TERMS).1);
    repo.git(&["checkout", "-q", "-b", "side"]);
    repo.write("b", token());
    repo.commit_all();
    let reach = |outcome: &Outcome| outcome.findings[0].exposure().map(|exposure| exposure.reach);
    let steps: [(&[&str], Reach); 4] = [
        (&["status"], Reach::Head),
        (&["checkout", "-q", "main"], Reach::Branch),
        (&["branch", "-q", "-D", "side"], Reach::Reflog),
        (&["reflog", "expire", "--expire=now", "--all"], Reach::Unreachable),
    ];
    for (step, expected) in steps {
        repo.git(step);
        let (outcome, recalled) = scan(&repo, &TERMS);
        assert_eq!((reach(&outcome), recalled), (Some(expected), false), "{step:?}");
        let (outcome, recalled) = scan(&repo, &TERMS);
        assert_eq!((reach(&outcome), recalled), (Some(expected), true), "{step:?}");
    }
    repo.git(&["prune", "--expire=now"]);
    assert!(scan(&repo, &TERMS).0.findings.is_empty());
}

/// Something that happens in a repository, by a number.
fn happen(repo: &Fixture, number: usize, step: usize) {
    let text = if number.is_multiple_of(3) { token() } else { format!("line {step}") };
    let run = |arguments: &[&str]| drop(repo.command(arguments).output().unwrap());
    match number {
        0..4 => {
            repo.write(&format!("file-{number}"), text);
            repo.commit_all();
        }
        4 => run(&["checkout", "-q", "-B", "side"]),
        5 => run(&["checkout", "-q", "-f", "main"]),
        6 => run(&["branch", "-q", "-D", "side"]),
        7 => run(&["tag", "-f", "-m", &text, "v1"]),
        8 => run(&["repack", "-adfq", "--window=9"]),
        9 => run(&["reflog", "expire", "--expire=now", "--all"]),
        10 => run(&["reset", "-q", "--hard", "HEAD~1"]),
        11 => run(&["pack-refs", "--all"]),
        12 => repo.write(".git/description", text),
        13 => repo.write(".git/index.lock.bak", text),
        14 => run(&["prune", "--expire=now"]),
        15 => run(&["update-ref", "refs/remotes/origin/main", "HEAD"]),
        16 => run(&["worktree", "add", "-q", "--detach", "linked"]),
        17 => run(&["symbolic-ref", "HEAD", "refs/heads/side"]),
        18 => run(&["multi-pack-index", "write"]),
        _ => {}
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(12))]

    #[test]
    fn whatever_happens_the_report_is_that_of_a_fresh_scan(
        steps in proptest::collection::vec(0usize..22, 4..14)
    ) {
        let repo = with_a_token();
        for (step, &number) in steps.iter().enumerate() {
            happen(&repo, number, step);
            let (remembered, _) = scan(&repo, &TERMS);
            let (again, recalled) = scan(&repo, &TERMS);
            proptest::prop_assert!(recalled, "step {} of {:?}", step, &steps);
            let kept = fs::read(file(&repo)).unwrap();
            fs::remove_file(file(&repo)).unwrap();
            let fresh = told(&scan(&repo, &TERMS).0);
            proptest::prop_assert_eq!(&told(&remembered), &fresh);
            proptest::prop_assert_eq!(&told(&again), &fresh);
            fs::write(file(&repo), kept).unwrap();
        }
    }
}

#[test]
fn other_terms_are_another_scan() {
    let repo = with_a_token();
    drop(scan(&repo, &TERMS));
    let others = [
        Terms { rules: [2; 32], ..TERMS },
        Terms { key: "another", ..TERMS },
        Terms { max_object_bytes: 1 << 21, ..TERMS },
        Terms { now: TERMS.now - 1, ..TERMS },
    ];
    for terms in others {
        let kept = fs::read(file(&repo)).unwrap();
        assert!(!scan(&repo, &terms).1);
        assert_ne!(fs::read(file(&repo)).unwrap(), kept);
        fs::write(file(&repo), kept).unwrap();
        assert!(scan(&repo, &TERMS).1);
    }
    let rules = |text: &str| {
        let mut rules = RuleSet::built_in().unwrap();
        rules.parse(text, "test", "test").unwrap();
        rules.digest()
    };
    let rule = |least: u8| {
        format!(
            "[[rule]]\nid = \"x\"\ntitle = \"X\"\nseverity = \"low\"\nconfidence = \"low\"\n\
             generic = {{ words = [\"x\"], least = {least} }}\n"
        )
    };
    let digests = [RuleSet::built_in().unwrap().digest(), rules(&rule(8)), rules(&rule(9))];
    assert!(digests[0] != digests[1] && digests[1] != digests[2]);
    assert_eq!(digests[1], rules(&rule(8)));
}

/// What a test of bytes needs.
struct Kept {
    repo: Fixture,
    bytes: Vec<u8>,
    detector: Detector,
}

impl Kept {
    fn new() -> Self {
        let repo = with_a_token();
        repo.git(&["repack", "-adq"]);
        drop(scan(&repo, &TERMS));
        let bytes = fs::read(file(&repo)).unwrap();
        Self { repo, bytes, detector: detector() }
    }

    fn recall(&self, bytes: &[u8], build: &str) -> Option<Outcome> {
        let repository = repository(self.repo.root());
        let limits = Limits {
            here: self.repo.root().to_path_buf(),
            max_object_bytes: TERMS.max_object_bytes,
            ..Limits::default()
        };
        let key = FingerprintKey::new(TERMS.key.as_bytes());
        let options = Options { key, now: TERMS.now, progress: &|_| {} };
        let stop = Stop::default();
        let question = Question {
            repository: &repository,
            detector: &self.detector,
            limits: &limits,
            options: &options,
            stop: &stop,
        };
        let state = repository.state(TERMS.now).unwrap();
        Parts::of(bytes)?.outcome(&Headings::new(&question, &TERMS.rules, build, state), &question)
    }
}

#[test]
fn damaged_bytes_and_other_builds_are_thrown_away() {
    let kept = Kept::new();
    assert!(kept.recall(&kept.bytes, BUILD).is_some());
    assert!(kept.recall(&kept.bytes, "0.1.0 another").is_none());
    let mut bytes = kept.bytes.clone();
    assert!(recall_sealed(&kept, &bytes, false).is_some() && recall_sealed(&kept, &bytes, true).is_some());
    for index in 0..bytes.len() {
        for bit in [0x01, 0x80, 0xff] {
            bytes[index] ^= bit;
            let content = bytes.len() - HASH;
            assert!(recall_sealed(&kept, &bytes, false).is_none(), "byte {index}");
            if index < content {
                // With a right checksum nothing may panic; what is read is not to be relied on.
                drop(recall_sealed(&kept, &bytes, true));
            }
            bytes[index] ^= bit;
        }
        assert!(recall_sealed(&kept, &bytes[..index], false).is_none(), "cut at {index}");
        drop(recall_sealed(&kept, &bytes[..index], true));
    }
    assert!(recall_sealed(&kept, &[&bytes[..], b"\0"].concat(), false).is_none());
}

/// Recalls these bytes with the heading that stands in the kept ones, perhaps with a checksum that is made to fit.
fn recall_sealed(kept: &Kept, bytes: &[u8], seal: bool) -> Option<Outcome> {
    let mut bytes = bytes.to_vec();
    if seal {
        let content = bytes.len().checked_sub(HASH)?;
        let checksum = Sha256::digest(&bytes[..content]);
        bytes[content..].copy_from_slice(&checksum);
    }
    let parts = Parts::of(&kept.bytes).unwrap();
    let heading = |part: &[u8]| part[..HASH].try_into().unwrap();
    let headings = Headings { outcome: heading(parts.outcome), packs: heading(parts.packs) };
    let repository = repository(kept.repo.root());
    let options = Options { key: FingerprintKey::default(), now: TERMS.now, progress: &|_| {} };
    let (limits, stop) = (Limits::default(), Stop::default());
    let question = Question {
        repository: &repository,
        detector: &kept.detector,
        limits: &limits,
        options: &options,
        stop: &stop,
    };
    let parts = Parts::of(&bytes)?;
    drop(parts.packs(&headings));
    parts.outcome(&headings, &question)
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(16))]

    #[test]
    fn a_file_with_anything_in_it_changes_no_report(
        at: proptest::sample::Index, other: Vec<u8>, whole: bool
    ) {
        let repo = with_a_token();
        let (fresh, _) = scan(&repo, &TERMS);
        let mut bytes = if whole { Vec::new() } else { fs::read(file(&repo)).unwrap() };
        let at = at.index(bytes.len() + 1);
        bytes.splice(at.., other);
        fs::write(file(&repo), &bytes).unwrap();
        let (mut found, mut expected) = (scan(&repo, &TERMS).0, fresh);
        if !bytes.is_empty() && !bytes.starts_with(REMEMBERED) {
            // It has the name only, so it is one more file that is examined.
            proptest::prop_assert_eq!(found.coverage.items, expected.coverage.items + 1);
            (found.coverage, expected.coverage) = Default::default();
        }
        proptest::prop_assert_eq!(told(&found), told(&expected));
    }
}

#[test]
fn only_the_owner_can_read_it_and_it_tells_no_secret() {
    let repo = with_a_token();
    repo.git(&["commit", "-q", "--allow-empty", "-m", &token()]);
    drop(scan(&repo, &TERMS));
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = repo.path(".git/kbsec");
    assert_eq!((mode(&folder), mode(&file(&repo))), (0o700, 0o600));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    let bytes = fs::read(file(&repo)).unwrap();
    let contains = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    assert!(contains(b"deploy.sh"));
    for start in 0..3 {
        let secret = token();
        assert!(!contains(&secret.as_bytes()[start..][..12]));
        assert!(!contains(&BASE64_STANDARD.encode(&secret[start..]).as_bytes()[..16]));
    }
    for (path, loose) in [(file(&repo), 0o640), (file(&repo), 0o602), (folder.clone(), 0o750)] {
        let tight = mode(&path);
        fs::set_permissions(&path, fs::Permissions::from_mode(loose)).unwrap();
        let (outcome, recalled) = scan(&repo, &TERMS);
        assert!(!recalled && outcome.findings.len() == 1);
        fs::set_permissions(&path, fs::Permissions::from_mode(tight)).unwrap();
        assert!(scan(&repo, &TERMS).1 && scan(&repo, &TERMS).1);
    }
    let elsewhere = repo.path("elsewhere");
    fs::rename(file(&repo), &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, file(&repo)).unwrap();
    assert!(!scan(&repo, &TERMS).1, "a link is not followed");
    fs::hard_link(file(&repo), repo.path("second")).unwrap();
    assert!(!scan(&repo, &TERMS).1, "a file with two names is somebody's");
}

#[test]
fn a_secret_in_a_path_is_not_written_down() {
    let repo = with_a_token();
    // The file is found for the secret in it, and its name is told as it is.
    repo.write(&format!(".git/{}", token()), token());
    let (outcome, _) = scan(&repo, &TERMS);
    assert!(outcome.note.unwrap().contains("contains a secret"));
    assert!(!file(&repo).exists());
}

#[test]
fn where_nothing_can_be_written_nothing_is_lost() {
    let repo = with_a_token();
    repo.write(".git/kbsec", "a file");
    let (outcome, _) = scan(&repo, &TERMS);
    assert!(outcome.findings.len() == 1 && outcome.note.is_some());
    let (outcome, recalled) = scan(&repo, &TERMS);
    assert!(outcome.findings.len() == 1 && !recalled);
    // Trouble that may be over the next time is not remembered, a shallow clone is.
    let repo = with_a_token();
    repo.write(".git/objects/pack/tmp_pack_x", "x");
    let (outcome, _) = scan(&repo, &TERMS);
    assert!(outcome.note.unwrap().contains("tmp_pack_x"));
}

#[test]
fn a_git_directory_of_somebody_else_is_left_as_it_is() {
    let repo = with_a_token();
    let git_dir = repo.path(".git");
    if std::os::unix::fs::chown(&git_dir, Some(4321), None).is_err() {
        return; // Only root can try this.
    }
    let (outcome, recalled) = scan(&repo, &TERMS);
    assert!(!recalled && outcome.note.unwrap().contains("somebody else"));
    assert!(!repo.path(".git/kbsec").exists());
    std::os::unix::fs::chown(&git_dir, Some(0), None).unwrap();
    drop(scan(&repo, &TERMS));
    assert!(scan(&repo, &TERMS).1);
    for path in [git_dir, repo.path(".git/kbsec"), file(&repo)] {
        std::os::unix::fs::chown(&path, Some(4321), None).unwrap();
        assert!(!scan(&repo, &TERMS).1, "{}", path.display());
        let path = if path.exists() { path } else { continue };
        std::os::unix::fs::chown(&path, Some(0), None).unwrap();
    }
}

#[test]
fn scans_at_the_same_time_do_not_disturb_each_other() {
    let repo = with_a_token();
    let expected = told(&scan(&repo, &TERMS).0);
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let (repo, expected) = (&repo, &expected);
            scope.spawn(move || {
                for round in 0..6 {
                    let terms = Terms { rules: [(worker + round) % 3; 32], ..TERMS };
                    let (outcome, _) = scan(repo, &terms);
                    assert_eq!(&told(&outcome), expected);
                    assert_eq!(outcome.note, None);
                }
            });
        }
    });
    assert_eq!(fs::read_dir(repo.path(".git/kbsec")).unwrap().count(), 1);
}

#[test]
fn a_token_that_expires_ends_what_is_remembered() {
    let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let expires = TERMS.now + 100;
    let head = part(r#"{"alg":"HS256","typ":"JWT"}"#);
    let body = part(&format!(r#"{{"iss":"joe","sub":"u8d1","exp":{expires}}}"#));
    let signature = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest("a signature"));
    let repo = Fixture::new();
    repo.write("a.env", format!("TOKEN={head}.{body}.{signature}\n"));
    repo.commit_all();
    let is_expired = |now| {
        let (outcome, recalled) = scan(&repo, &Terms { now, ..TERMS });
        (outcome.findings[0].reasons().iter().any(|reason| reason == "expired"), recalled)
    };
    assert_eq!(is_expired(TERMS.now), (false, false));
    assert_eq!(is_expired(expires), (false, true));
    assert_eq!(is_expired(expires + 1), (true, false));
    assert_eq!(is_expired(expires + 9), (true, true));
    assert_eq!(is_expired(expires), (false, false));
}
