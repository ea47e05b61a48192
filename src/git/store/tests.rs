//! Tests of the store against the git program, on histories that were packed in many ways.

#[cfg(test)]
mod damage;
#[cfg(test)]
mod made;
#[cfg(test)]
mod real;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use super::super::fixture::Fixture;
use super::super::{GitEnvironment, Repository};
use super::*;

/// Kind and content of objects by name.
type Objects = BTreeMap<String, (ObjectKind, Vec<u8>)>;

/// Everything that a visitor was shown.
#[derive(Default)]
struct Witness {
    seen: Mutex<BTreeMap<u32, (ObjectKind, Vec<u8>)>>,
    derived: Mutex<u32>,
}

impl Visitor for Witness {
    /// The content, so that copies can be compared with it.
    type State = Vec<u8>;

    fn visit(&self, object: &Visited<'_>, derivation: Option<&Derivation<'_, Vec<u8>>>) -> Vec<u8> {
        if let Some(derivation) = derivation {
            *self.derived.lock().unwrap() += 1;
            assert_eq!(derivation.base.len(), derivation.base_bytes_len);
            let mut end = 0;
            for copy in derivation.copies {
                assert!(copy.to >= end && copy.length > 0);
                end = copy.to + copy.length;
                let part = |from: u32| from as usize..(from + copy.length) as usize;
                assert_eq!(object.bytes[part(copy.to)], derivation.base[part(copy.from)]);
            }
        }
        let before = self.seen.lock().unwrap().insert(object.number, (object.kind, object.bytes.to_vec()));
        assert!(before.is_none(), "visited twice");
        object.bytes.to_vec()
    }
}

const OPTIONS: WalkOptions<'_> = WalkOptions {
    stop: &|| false,
    progress: &|_| (),
    max_object_bytes: u64::MAX,
    memory: 512 << 20,
    only: None,
};

fn repository(root: &Path) -> Repository {
    let environment =
        GitEnvironment { ceiling_directories: vec![root.to_path_buf()], ..GitEnvironment::default() };
    Repository::discover(root, &environment).unwrap().unwrap()
}

fn open(repo: &Fixture) -> Store {
    repository(repo.root()).store(Scope::All).unwrap()
}

/// All objects as git prints them.
fn told(repo: &Fixture) -> Objects {
    let text = repo.git_bytes(&["cat-file", "--batch-all-objects", "--batch"]);
    let mut rest = &text[..];
    let mut objects = BTreeMap::new();
    while !rest.is_empty() {
        let line = rest.split(|&byte| byte == b'\n').next().unwrap();
        let words: Vec<_> = std::str::from_utf8(line).unwrap().split(' ').collect();
        let size: usize = words[2].parse().unwrap();
        let kind = match words[1] {
            "commit" => ObjectKind::Commit,
            "tree" => ObjectKind::Tree,
            "blob" => ObjectKind::Blob,
            _ => ObjectKind::Tag,
        };
        let body = &rest[line.len() + 1..];
        objects.insert(words[0].to_owned(), (kind, body[..size].to_vec()));
        rest = &body[size + 1..];
    }
    objects
}

fn walked(store: &Store, kinds: Kinds, options: &WalkOptions<'_>) -> (Witness, WalkReport) {
    let witness = Witness::default();
    let report = store.walk(kinds, &witness, options);
    {
        let seen = witness.seen.lock().unwrap();
        assert_eq!(report.objects as usize, seen.len());
        assert_eq!(report.bytes, seen.values().map(|(_, bytes)| bytes.len() as u64).sum::<u64>());
    }
    (witness, report)
}

fn by_name(store: &Store, witness: &Witness) -> Objects {
    let seen = std::mem::take(&mut *witness.seen.lock().unwrap());
    seen.into_iter().map(|(number, object)| (store.id(number).to_string(), object)).collect()
}

/// Everything that can be asked of a store gives what git prints; how many objects came with a derivation.
#[track_caller]
fn check(repo: &Fixture) -> u32 {
    let store = open(repo);
    assert_eq!(store.gaps(), []);
    check_store(told(repo), &store)
}

#[track_caller]
fn check_store(told: Objects, store: &Store) -> u32 {
    let (witness, report) = walked(store, Kinds::ALL, &OPTIONS);
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    assert!(by_name(store, &witness) == told);
    assert_eq!(store.len() as usize, told.len());
    let mut counts = Counts::default();
    for (number, (id, (kind, bytes))) in told.iter().enumerate() {
        let number = number as u32;
        let id = ObjectId::from_hex(id.as_bytes()).unwrap();
        assert_eq!((store.number(id.as_bytes()), store.id(number)), (Some(number), id));
        assert_eq!(store.kind(number), Some(*kind));
        assert_eq!(store.read(number, u64::MAX).unwrap(), (*kind, bytes.clone()));
        match kind {
            ObjectKind::Commit => counts.commits += 1,
            ObjectKind::Tree => counts.trees += 1,
            ObjectKind::Blob => counts.blobs += 1,
            ObjectKind::Tag => counts.tags += 1,
        }
    }
    assert_eq!(store.counts(), counts);
    // With no memory for bases everything is made again and again, and is the same.
    let (poor, report) = walked(store, Kinds::BLOBS, &WalkOptions { memory: 0, ..OPTIONS });
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    let blobs: BTreeMap<_, _> = told.into_iter().filter(|(_, (kind, _))| *kind == ObjectKind::Blob).collect();
    assert!(by_name(store, &poor) == blobs);
    witness.derived.into_inner().unwrap()
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % below
    }
}

/// Commits that change lines of a few files.
fn write_history(repo: &Fixture, seed: u64, commits: u64) {
    let mut dice = Dice(seed);
    let mut files = vec![Vec::new(); 4];
    for commit in 0..commits {
        for (name, lines) in files.iter_mut().enumerate() {
            for _ in 0..dice.roll(3) {
                let line = format!("{} {}\n", dice.roll(1000), "word ".repeat(dice.roll(20) as usize));
                match dice.roll(3) {
                    0 if !lines.is_empty() => drop(lines.remove(dice.roll(lines.len() as u64) as usize)),
                    _ => lines.insert(dice.roll(lines.len() as u64 + 1) as usize, line),
                }
            }
            repo.write(&format!("d{}/f{name}", name % 2), lines.concat());
        }
        if commit == 0 {
            repo.write("empty", "");
            repo.write("zeros", vec![0; 300_000]);
        }
        repo.commit_all();
    }
    repo.git(&["tag", "-a", "-f", "-m", "a tag", "v1"]);
}

#[test]
fn loose_objects_are_all_visited() {
    let repo = Fixture::new();
    write_history(&repo, 1, 5);
    assert_eq!(check(&repo), 0);
    repo.git(&["config", "core.looseCompression", "0"]);
    write_history(&repo, 2, 3);
    check(&repo);
}

#[test]
fn an_empty_repository_has_no_objects() {
    let repo = Fixture::new();
    let store = open(&repo);
    assert!(store.is_empty());
    assert_eq!((store.number(&[0; 20]), store.number(b"")), (None, None));
    assert_eq!(walked(&store, Kinds::ALL, &OPTIONS).1.objects, 0);
}

#[test]
fn packs_of_every_shape_are_all_visited() {
    let mut dice = Dice(7);
    for (round, arguments) in
        [&[][..], &["--object-format=sha256"], &[], &["--object-format=sha256"], &[]].iter().enumerate()
    {
        let Some(repo) = Fixture::with_init(arguments) else { continue };
        write_history(&repo, round as u64, 30);
        if round % 2 == 0 {
            repo.git(&["config", "repack.useDeltaBaseOffset", "false"]);
        }
        let (window, depth) = (2 + dice.roll(30), 1 + dice.roll(60));
        let window = format!("--window={window}");
        let depth = format!("--depth={depth}");
        repo.git(&["repack", "-q", "-adf", &window, &depth]);
        assert!(check(&repo) > 20);
        // More packs, and loose objects, some of which are in a pack, too.
        write_history(&repo, 100 + round as u64, 5);
        repo.git(&["repack", "-q", "-d"]);
        write_history(&repo, 200 + round as u64, 2);
        repo.git(&["repack", "-q"]);
        write_history(&repo, 300 + round as u64, 1);
        check(&repo);
        repo.git(&["repack", "-q", "-a", "--window=5"]);
        check(&repo);
    }
}

#[test]
fn an_index_of_the_first_version_is_read() {
    let repo = Fixture::new();
    write_history(&repo, 3, 5);
    repo.git(&["-c", "pack.indexVersion=1", "repack", "-qadf"]);
    assert!(check(&repo) > 3);
}

#[test]
fn unreachable_objects_in_a_cruft_pack_are_visited() {
    let repo = Fixture::new();
    write_history(&repo, 4, 4);
    repo.git(&["tag", "-d", "v1"]);
    repo.git(&["checkout", "-q", "--orphan", "other"]);
    write_history(&repo, 5, 4);
    repo.git(&["branch", "-D", "main"]);
    repo.git(&["reflog", "expire", "--expire=now", "--all"]);
    repo.git(&["gc", "-q", "--cruft", "--prune=never"]);
    check(&repo);
}

#[test]
fn a_multi_pack_index_stands_in_for_a_missing_index() {
    let repo = Fixture::new();
    write_history(&repo, 6, 5);
    repo.git(&["repack", "-q", "-d"]);
    write_history(&repo, 7, 5);
    repo.git(&["repack", "-q", "-d"]);
    repo.git(&["multi-pack-index", "write"]);
    check(&repo);
    let told = told(&repo);
    for name in std::fs::read_dir(repo.path(".git/objects/pack")).unwrap() {
        let path = name.unwrap().path();
        if path.extension().is_some_and(|found| found == "idx") {
            std::fs::remove_file(path).unwrap();
        }
    }
    // Git itself now lists nothing.
    let store = open(&repo);
    assert_eq!(store.gaps(), []);
    assert!(check_store(told, &store) > 0);
}

#[test]
fn objects_are_borrowed_and_scope_is_what_is_not() {
    let lender = Fixture::new();
    write_history(&lender, 8, 6);
    lender.git(&["repack", "-qad"]);
    let repo = Fixture::new();
    let alternates = lender.path(".git/objects").display().to_string();
    repo.write(".git/objects/info/alternates", format!("# borrowed\n{alternates}\n"));
    // A loop of borrowing ends.
    lender.write(".git/objects/info/alternates", repo.path(".git/objects").display().to_string());
    repo.write("own", "own");
    repo.commit_all();
    check(&repo);
    let store = repository(repo.root()).store(Scope::MainOnly).unwrap();
    assert_eq!(store.gaps(), []);
    let (witness, report) = walked(&store, Kinds::ALL, &OPTIONS);
    assert_eq!((report.objects, report.failures.len()), (3, 0));
    let counts = store.counts();
    assert_eq!((counts.commits, counts.trees, counts.blobs), (1, 1, 1));
    for number in 0..store.len() {
        assert_eq!(store.is_in_scope(number), witness.seen.lock().unwrap().contains_key(&number));
        assert!(store.kind(number).is_some() && store.read(number, u64::MAX).is_ok());
    }
}

#[test]
fn only_what_is_asked_for_is_visited() {
    let repo = Fixture::new();
    write_history(&repo, 9, 30);
    repo.git(&["repack", "-qadf", "--depth=50"]);
    let store = open(&repo);
    let all = by_name(&store, &walked(&store, Kinds::ALL, &OPTIONS).0);
    for step in [2, 7, 50] {
        let only = |number: u32| number.is_multiple_of(step);
        let (witness, report) =
            walked(&store, Kinds::TREES | Kinds::BLOBS, &WalkOptions { only: Some(&only), ..OPTIONS });
        assert!(report.failures.is_empty());
        let wanted = all.iter().enumerate().filter(|(number, (_, (kind, _)))| {
            only(*number as u32) && matches!(kind, ObjectKind::Tree | ObjectKind::Blob)
        });
        let wanted = wanted.map(|(_, (id, object))| (id.clone(), object.clone())).collect();
        assert!(by_name(&store, &witness) == wanted);
    }
}

#[test]
fn progress_ends_with_everything_and_stopping_stops() {
    let repo = Fixture::new();
    write_history(&repo, 10, 10);
    repo.git(&["repack", "-qad"]);
    let store = open(&repo);
    let most = Mutex::new(0);
    let progress = |bytes: u64| {
        let mut most = most.lock().unwrap();
        *most = bytes.max(*most);
    };
    walked(&store, Kinds::BLOBS, &WalkOptions { progress: &progress, ..OPTIONS });
    assert_eq!(*most.lock().unwrap(), store.packed_bytes(Kinds::BLOBS));
    assert_eq!(walked(&store, Kinds::ALL, &WalkOptions { stop: &|| true, ..OPTIONS }).1.objects, 0);
}

#[test]
fn objects_that_are_too_large_are_failures() {
    let repo = Fixture::new();
    write_history(&repo, 11, 3);
    for packed in [false, true] {
        if packed {
            repo.git(&["repack", "-qad"]);
        }
        let store = open(&repo);
        let large = (0..store.len()).find(|&number| store.read(number, u64::MAX).unwrap().1.len() == 300_000);
        let (witness, report) =
            walked(&store, Kinds::ALL, &WalkOptions { max_object_bytes: 100_000, ..OPTIONS });
        assert_eq!(witness.seen.lock().unwrap().len() as u32 + 1, store.len());
        let [(number, ObjectError::TooLarge { bytes: 300_000 })] = report.failures[..] else {
            panic!("{:?}", report.failures)
        };
        assert_eq!(Some(number), large);
        assert!(matches!(store.read(number, 299_999), Err(ObjectError::TooLarge { bytes: 300_000 })));
        assert!(store.read(number, 300_000).is_ok());
    }
}
