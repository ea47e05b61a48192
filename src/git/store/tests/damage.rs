//! Damaged stores: packs, indexes and objects that are cut off, changed, or lie.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use super::made::{MadePack, Stored, appending, blob_id, compressed, header};
use super::*;

/// A repository with one pack, and what it held when it was whole.
fn packed(arguments: &[&str]) -> (Fixture, Objects) {
    let repo = Fixture::new();
    write_history(&repo, 20, 12);
    repo.git(&[arguments, &["repack", "-qadf"]].concat());
    let told = told(&repo);
    (repo, told)
}

/// The file of the only pack with this ending.
fn file(repo: &Fixture, ending: &str) -> PathBuf {
    let names = fs::read_dir(repo.path(".git/objects/pack")).unwrap().map(|entry| entry.unwrap().path());
    names.filter(|path| path.extension().is_some_and(|found| found == ending)).last().unwrap()
}

fn change(repo: &Fixture, ending: &str, edit: impl FnOnce(&mut Vec<u8>)) {
    let path = file(repo, ending);
    let mut bytes = fs::read(&path).unwrap();
    edit(&mut bytes);
    fs::remove_file(&path).unwrap();
    fs::write(&path, bytes).unwrap();
}

/// Walks: every object is either right or a failure; how many are failures.
#[track_caller]
fn lost(store: &Store, told: &Objects) -> usize {
    let (witness, report) = walked(store, Kinds::ALL, &OPTIONS);
    let seen = by_name(store, &witness);
    assert!(seen.iter().all(|(id, object)| told[id] == *object));
    for (number, _) in &report.failures {
        assert!(!seen.contains_key(&store.id(*number).to_string()));
    }
    assert_eq!(seen.len() + report.failures.len(), store.len() as usize);
    assert!(report.failures.is_sorted_by(|a, b| a.0 < b.0));
    for number in 0..store.len() {
        let is_lost = report.failures.iter().any(|failure| failure.0 == number);
        assert_eq!(store.read(number, u64::MAX).is_err(), is_lost);
    }
    report.failures.len()
}

fn gaps(store: &Store) -> String {
    store.gaps().iter().map(|gap| format!("{}: {} ({})\n", gap.subject, gap.reason, gap.hint)).collect()
}

#[test]
fn what_is_left_of_a_pack_that_was_cut_off_is_read() {
    let (repo, told) = packed(&[]);
    change(&repo, "pack", |bytes| bytes.truncate(bytes.len() * 2 / 3));
    let store = open(&repo);
    assert!(gaps(&store).contains("does not end with the hash"), "{}", gaps(&store));
    let lost_some = lost(&store, &told);
    assert!(lost_some > 0 && lost_some < told.len());
    change(&repo, "pack", |bytes| bytes.truncate(10));
    assert_eq!(lost(&open(&repo), &told), told.len());
    change(&repo, "pack", Vec::clear);
    let store = open(&repo);
    assert!(gaps(&store).contains("it is cut off"), "{}", gaps(&store));
    assert_eq!(lost(&store, &told), told.len());
}

#[test]
fn header_and_trailer_of_a_pack_that_are_wrong_are_named_and_everything_is_read() {
    let (repo, told) = packed(&[]);
    change(&repo, "pack", |bytes| *bytes.last_mut().unwrap() ^= 1);
    let store = open(&repo);
    assert!(gaps(&store).contains("does not end with the hash"), "{}", gaps(&store));
    assert_eq!(lost(&store, &told), 0);
    change(&repo, "pack", |bytes| {
        *bytes.last_mut().unwrap() ^= 1;
        bytes[11] ^= 1;
    });
    let store = open(&repo);
    assert!(gaps(&store).contains("its number of objects"), "{}", gaps(&store));
    assert_eq!(lost(&store, &told), 0);
    change(&repo, "pack", |bytes| bytes[7] = 9);
    assert!(gaps(&open(&repo)).contains("does not begin like a pack"));
}

#[test]
fn an_index_that_was_cut_off_or_changed_is_named() {
    let (repo, told) = packed(&[]);
    change(&repo, "idx", |bytes| *bytes.last_mut().unwrap() ^= 1);
    let store = open(&repo);
    assert!(
        gaps(&store).contains("its checksum is wrong (delete it and run `git index-pack"),
        "{}",
        gaps(&store)
    );
    assert_eq!(lost(&store, &told), 0);
    change(&repo, "idx", |bytes| bytes.truncate(bytes.len() / 2));
    let store = open(&repo);
    assert!(gaps(&store).contains("the index is damaged: "), "{}", gaps(&store));
    assert!(store.is_empty());
    fs::remove_file(file(&repo, "idx")).unwrap();
    assert!(gaps(&open(&repo)).contains("it has no index (run `git index-pack "));
}

#[test]
fn an_index_without_its_pack_is_named() {
    let (repo, _) = packed(&[]);
    fs::remove_file(file(&repo, "pack")).unwrap();
    let store = open(&repo);
    assert!(gaps(&store).contains("its pack file is missing"), "{}", gaps(&store));
    assert!(store.is_empty());
}

#[test]
fn a_damaged_object_is_read_from_another_pack() {
    let (repo, told) = packed(&[]);
    let (pack, index) = (file(&repo, "pack"), file(&repo, "idx"));
    for (name, copy) in [(&pack, "pack-0.pack"), (&index, "pack-0.idx")] {
        fs::copy(name, pack.with_file_name(copy)).unwrap();
    }
    let first = fs::read(&pack).unwrap();
    let step = first.len() / 7;
    for at in (20..first.len() - 20).step_by(step) {
        let mut bytes = first.clone();
        bytes[at] ^= 0x10;
        fs::remove_file(&pack).unwrap();
        fs::write(&pack, &bytes).unwrap();
        assert_eq!(lost(&open(&repo), &told), 0);
        let name = pack.with_file_name("pack-0.pack");
        fs::rename(&name, pack.with_file_name("away")).unwrap();
        assert!(lost(&open(&repo), &told) > 0);
        fs::rename(pack.with_file_name("away"), name).unwrap();
    }
}

#[test]
fn a_delta_that_lies_is_a_failure_and_so_is_what_is_made_from_it() {
    for (delta, what) in [
        (&b"\x05\x02\x91\x04\x02"[..], "copies beyond the end"),
        (b"\x06\x01\x90\x01", "another size"),
        (b"\x05\x01\x00", "does not exist"),
        (b"\x05\x09\x90\x01", "too few"),
        (b"\x05\x01\x90\x05", "too many"),
        (b"", "cut off"),
    ] {
        let repo = Fixture::new();
        let mut pack = MadePack::new();
        let root = pack.blob(b"12345");
        let bad = pack.add(blob_id(b"bad"), &Stored::ToEntry(root, delta));
        let below = pack.add(blob_id(b"below"), &Stored::ToEntry(bad, &appending(3, b"x")));
        pack.add(blob_id(b"deeper"), &Stored::ToEntry(below, &appending(4, b"x")));
        pack.add(blob_id(b"123456"), &Stored::ToEntry(root, &appending(5, b"6")));
        pack.write(&repo, "made");
        let store = open(&repo);
        assert_eq!(store.gaps(), []);
        let (witness, report) = walked(&store, Kinds::BLOBS, &OPTIONS);
        assert_eq!((witness.seen.lock().unwrap().len(), report.failures.len()), (2, 3));
        let told: Vec<String> = report.failures.iter().map(|(_, error)| error.to_string()).collect();
        assert_eq!(told.iter().filter(|told| told.contains(what)).count(), 1, "{told:?}");
        assert_eq!(
            told.iter().filter(|told| told.contains("made from cannot be read")).count(),
            2,
            "{told:?}"
        );
        let bad = store.number(blob_id(b"bad").as_bytes()).unwrap();
        assert!(store.read(bad, 100).unwrap_err().to_string().contains(what));
    }
}

#[test]
fn sizes_that_lie_are_failures_and_take_no_memory() {
    for (claimed, what) in [(4, "more bytes"), (6, "fewer bytes"), (1 << 30, "too large to be true")] {
        let repo = Fixture::new();
        let mut pack = MadePack::new();
        let raw = compressed(b"12345");
        let root = pack.add(blob_id(b"12345"), &Stored::Raw(&header(3, claimed), &raw));
        pack.add(blob_id(b"below"), &Stored::ToEntry(root, &appending(5, b"x")));
        pack.add(blob_id(b"other"), &Stored::Raw(&[0x50], &raw));
        pack.add(blob_id(b"empty"), &Stored::Raw(b"", b""));
        pack.blob(b"");
        pack.write(&repo, "made");
        let store = open(&repo);
        let (_, report) = walked(&store, Kinds::BLOBS, &OPTIONS);
        let told: Vec<String> = report.failures.iter().map(|(_, error)| error.to_string()).collect();
        // Two entries begin where the empty one is; only one can be right.
        assert!(told.len() >= 3 && told.iter().any(|told| told.contains(what)), "{told:?}");
        assert!(told.iter().any(|told| told.contains("no known kind")), "{told:?}");
    }
}

#[test]
fn bases_are_found_wherever_they_are_and_are_missed_when_they_are_nowhere() {
    let repo = Fixture::new();
    let (loose, packed, lost) = (b"loose", b"packed", blob_id(b"lost"));
    repo.write("file", loose);
    repo.git(&["hash-object", "-w", "file"]);
    let mut pack = MadePack::new();
    // Bases that come later in the same pack, in another pack, loose, and nowhere.
    pack.add(blob_id(b"later1"), &Stored::ToId(blob_id(b"later"), &appending(5, b"1")));
    pack.blob(b"later");
    let above = pack.add(blob_id(b"packed1"), &Stored::ToId(blob_id(packed), &appending(6, b"1")));
    pack.add(blob_id(b"packed12"), &Stored::ToEntry(above, &appending(7, b"2")));
    pack.add(blob_id(b"loose1"), &Stored::ToId(blob_id(loose), &appending(5, b"1")));
    pack.add(blob_id(b"lost1"), &Stored::ToId(lost, &appending(4, b"1")));
    pack.write(&repo, "a");
    let mut pack = MadePack::new();
    pack.blob(packed);
    pack.write(&repo, "b");
    let store = open(&repo);
    let (witness, report) = walked(&store, Kinds::BLOBS, &OPTIONS);
    let mut seen: Vec<_> =
        by_name(&store, &witness).into_values().map(|(_, bytes)| String::from_utf8(bytes).unwrap()).collect();
    seen.sort();
    assert_eq!(seen, ["later", "later1", "loose", "loose1", "packed", "packed1", "packed12"]);
    let [(number, error)] = &report.failures[..] else { panic!("{:?}", report.failures) };
    assert_eq!(store.id(*number), blob_id(b"lost1"));
    assert!(error.to_string().contains(&format!("its base {lost} is missing")), "{error}");
    assert_eq!(store.kind(*number), None);
    let kinds = (0..store.len()).filter(|&number| store.kind(number) == Some(ObjectKind::Blob)).count();
    assert_eq!(kinds, 7);
    let packs = store.packs().map(|pack| (pack.is_self_contained(), report.faulty.contains(&pack.number())));
    assert_eq!(packs.collect::<Vec<_>>(), [(false, true), (true, false)]);
}

#[test]
fn an_object_that_stands_in_a_pack_twice_is_visited_once() {
    let repo = Fixture::new();
    let mut pack = MadePack::new();
    pack.blob(b"12345");
    pack.blob(b"other");
    let second = pack.blob(b"12345");
    pack.add(blob_id(b"123456"), &Stored::ToEntry(second, &appending(5, b"6")));
    pack.write(&repo, "made");
    let store = open(&repo);
    let (witness, report) = walked(&store, Kinds::BLOBS, &OPTIONS);
    assert_eq!((report.objects, report.failures.len(), store.len()), (3, 0, 3));
    assert!(by_name(&store, &witness).contains_key(&blob_id(b"123456").to_string()));
    let pack = store.packs().next().unwrap();
    let mut objects: Vec<_> = pack.objects().collect();
    assert!(pack.is_self_contained());
    objects.sort_unstable();
    assert_eq!(objects, [None, Some(0), Some(1), Some(2)]);
}

#[test]
fn loops_end() {
    let repo = Fixture::new();
    let id = |name: u8| blob_id(&[name]);
    let delta = appending(5, b"1");
    let mut pack = MadePack::new();
    pack.add(id(0), &Stored::ToId(id(0), &delta));
    pack.add(id(1), &Stored::ToId(id(2), &delta));
    let two = pack.add(id(2), &Stored::ToId(id(1), &delta));
    pack.add(id(3), &Stored::ToEntry(two, &delta));
    pack.add(id(4), &Stored::ToId(id(5), &delta));
    pack.blob(b"good");
    pack.write(&repo, "a");
    let mut pack = MadePack::new();
    pack.add(id(5), &Stored::ToId(id(4), &delta));
    pack.write(&repo, "b");
    let store = open(&repo);
    let (witness, report) = walked(&store, Kinds::COMMITS, &OPTIONS);
    assert_eq!((witness.seen.lock().unwrap().len(), report.failures.len()), (0, 6));
    let (witness, report) = walked(&store, Kinds::BLOBS, &OPTIONS);
    assert_eq!((witness.seen.lock().unwrap().len(), report.failures.len()), (1, 6));
    for (number, error) in report.failures {
        assert!(error.to_string().contains("made from itself"), "{error}");
        assert!(store.read(number, 100).is_err() && store.kind(number).is_none());
    }
    assert_eq!(store.counts(), Counts { blobs: 1, unknown: 6, ..Counts::default() });
    assert!(store.packs().all(|pack| !pack.is_self_contained()));
}

#[test]
fn chains_of_any_depth_are_followed() {
    let repo = Fixture::new();
    let mut pack = MadePack::new();
    let mut content = b"root".to_vec();
    let mut last = pack.blob(&content);
    for link in 0u32..4095 {
        let delta = appending(content.len(), &link.to_be_bytes()[2..]);
        content.extend(&link.to_be_bytes()[2..]);
        last = pack.add(blob_id(&content), &Stored::ToEntry(last, &delta));
    }
    pack.write(&repo, "made");
    let store = open(&repo);
    let number = store.number(blob_id(&content).as_bytes()).unwrap();
    assert_eq!(store.read(number, u64::MAX).unwrap(), (ObjectKind::Blob, content));
    for memory in [0, 1 << 20] {
        let report = walked(&store, Kinds::BLOBS, &WalkOptions { memory, ..OPTIONS }).1;
        assert_eq!((report.objects, report.failures.len()), (4096, 0));
    }
}

#[test]
fn a_large_family_is_shared_between_threads() {
    let repo = Fixture::new();
    let mut pack = MadePack::new();
    let mut dice = Dice(5);
    let mut made = vec![(pack.blob(b"root"), b"root".to_vec())];
    for number in 0u32..3000 {
        let (base, mut content) = made[dice.roll(made.len() as u64) as usize].clone();
        let delta = appending(content.len(), &number.to_be_bytes());
        content.extend(number.to_be_bytes());
        made.push((pack.add(blob_id(&content), &Stored::ToEntry(base, &delta)), content));
    }
    pack.write(&repo, "made");
    let store = open(&repo);
    for memory in [0, 100, 512 << 20] {
        let (witness, report) = walked(&store, Kinds::BLOBS, &WalkOptions { memory, ..OPTIONS });
        assert_eq!((report.objects, report.failures.len()), (3001, 0));
        assert_eq!(*witness.derived.lock().unwrap(), 3000);
        let seen = by_name(&store, &witness);
        assert!(made.iter().all(|(_, content)| seen[&blob_id(content).to_string()].1 == *content));
    }
}

#[test]
fn what_is_made_from_an_object_that_is_too_large_is_visited_if_memory_allows() {
    let repo = Fixture::new();
    let mut pack = MadePack::new();
    let large = vec![7; 5000];
    let root = pack.blob(&large);
    // The first hundred bytes of it.
    pack.add(blob_id(&large[..100]), &Stored::ToEntry(root, b"\x88\x27\x64\x90\x64"));
    pack.write(&repo, "made");
    let store = open(&repo);
    let options = WalkOptions { max_object_bytes: 1000, memory: 10_000, ..OPTIONS };
    let (witness, report) = walked(&store, Kinds::BLOBS, &options);
    assert_eq!((report.objects, *witness.derived.lock().unwrap()), (1, 0));
    assert!(matches!(report.failures[..], [(_, ObjectError::TooLarge { bytes: 5000 })]));
    let report = walked(&store, Kinds::BLOBS, &WalkOptions { memory: 9998, ..options }).1;
    assert_eq!((report.objects, report.failures.len()), (0, 2));
}

#[test]
fn directories_that_cannot_be_read_are_named() {
    let (repo, told) = packed(&[]);
    repo.write(".git/objects/aa", "no directory");
    repo.write(".git/objects/info/alternates", "/nowhere/at/all\n");
    let store = open(&repo);
    assert!(gaps(&store).contains("objects/aa: not a directory"), "{}", gaps(&store));
    assert!(gaps(&store).contains("/nowhere/at/all: entity not found"), "{}", gaps(&store));
    assert_eq!(lost(&store, &told), 0);
    fs::rename(repo.path(".git/objects/pack"), repo.path("away")).unwrap();
    repo.write(".git/objects/pack", "no directory");
    let store = open(&repo);
    assert!(gaps(&store).contains("objects/pack: not a directory"), "{}", gaps(&store));
    let found = repository(repo.root());
    fs::remove_dir_all(repo.path(".git/objects")).unwrap();
    assert!(matches!(found.store(Scope::All), Err(GitError::Unreadable { .. })));
}

#[test]
fn loose_objects_that_are_damaged_are_failures() {
    let repo = Fixture::new();
    let write = |content: &[u8], bytes: &[u8]| {
        let id = blob_id(content).to_string();
        repo.write(&format!(".git/objects/{}/{}", &id[..2], &id[2..]), bytes);
    };
    write(b"1", b"");
    write(b"2", b"no zlib stream");
    write(b"3", &compressed(b"blob 4\x00123"));
    write(b"4", &compressed(b"blob 2\x00123"));
    write(b"5", &compressed(b"blub 3\x00123"));
    write(b"6", &compressed(b"blob 99999999999999999999\x00123"));
    write(b"7", &compressed(b"blob 999999999999\x00123"));
    write(b"8", &compressed(b"blob 3"));
    write(b"9", &compressed(&vec![b'x'; 1 << 20]));
    write(b"123", &compressed(b"blob 3\x00123"));
    let store = open(&repo);
    let (witness, report) = walked(&store, Kinds::BLOBS, &OPTIONS);
    assert_eq!((witness.seen.lock().unwrap().len(), report.failures.len()), (1, 9));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_pack_or_index_with_wrong_bytes_never_panics_and_never_lies(
        is_index: bool, is_first: bool, changes in prop::collection::vec((0usize..100_000, 1u8..), 1..4),
    ) {
        static REAL: std::sync::OnceLock<[(Fixture, Objects); 2]> =
            std::sync::OnceLock::new();
        static LOCK: Mutex<()> = Mutex::new(());
        let _lock = LOCK.lock();
        let real = REAL.get_or_init(|| [packed(&[]), packed(&["-c", "pack.indexVersion=1"])]);
        let (repo, told) = &real[usize::from(is_first)];
        let ending = if is_index { "idx" } else { "pack" };
        let before = fs::read(file(repo, ending)).unwrap();
        change(repo, ending, |bytes| {
            for (at, mask) in changes {
                let at = at % bytes.len();
                bytes[at] ^= mask;
            }
        });
        let store = open(repo);
        let (witness, report) = walked(&store, Kinds::ALL, &OPTIONS);
        if is_index {
            // A wrong name or offset cannot be seen in the object.
            prop_assert!(!store.gaps().is_empty());
        } else {
            prop_assert_eq!(report.objects as usize + report.failures.len(), told.len());
            let seen = by_name(&store, &witness);
            prop_assert!(is_first || seen.iter().all(|(id, object)| told[id] == *object));
        }
        for number in 0..store.len() {
            let _ = (store.read(number, 1 << 20), store.kind(number));
        }
        change(repo, ending, |bytes| *bytes = before);
    }
}
