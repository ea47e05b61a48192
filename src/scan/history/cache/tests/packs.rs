//! Packs that are still the same: only what is new is examined, and the report is that of a scan without memory.

use std::path::PathBuf;

use super::*;

/// A fresh scan that remembers nothing.
fn fresh(repo: &Fixture, terms: &Terms) -> Vec<String> {
    told(&seen(repo, terms, false).0)
}

/// The sizes of pieces that differ in nothing else.
const OLD: std::ops::Range<u64> = 5001..5021;

/// How many of the old pieces a scan looked at, what it told, and the sizes of everything that it looked at.
fn look(repo: &Fixture, terms: &Terms) -> (usize, Vec<String>, Vec<u64>) {
    let (outcome, sizes) = seen(repo, terms, true);
    assert_eq!(outcome.note, None);
    let told = told(&outcome);
    assert_eq!(told, fresh(repo, terms));
    (sizes.iter().filter(|size| OLD.contains(size)).count(), told, sizes)
}

fn text(size: u64) -> String {
    let mut text = String::new();
    while (text.len() as u64) < size {
        text.push_str(&format!("{} says {size}\n", text.len()));
    }
    text.truncate(size as usize);
    text
}

/// Writes a file that git does not look into again: what it finds in a pack it marks there as used just now.
fn write(repo: &Fixture, name: &str, content: impl AsRef<[u8]>) {
    repo.write(name, content);
    let then = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    fs::File::open(repo.path(name)).unwrap().set_modified(then).unwrap();
}

/// A repository of one pack: the old pieces, and something of 7000 bytes with a secret.
fn packed() -> Fixture {
    let repo = Fixture::new();
    for size in OLD {
        write(&repo, &format!("{size}.txt"), text(size));
    }
    let secret = token();
    write(&repo, "secret", format!("{secret}\n{}", text(6999 - secret.len() as u64)));
    repo.commit_all();
    repo.git(&["repack", "-adq"]);
    repo
}

fn files(repo: &Fixture, end: &str) -> Vec<PathBuf> {
    let names = fs::read_dir(repo.path(".git/objects/pack")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = names.filter(|path| path.extension().is_some_and(|found| found == end)).collect();
    files.sort();
    files
}

#[test]
fn only_what_is_new_or_held_a_secret_is_examined() {
    let repo = packed();
    assert_eq!(look(&repo, &TERMS).0, OLD.count());
    for round in 0..3 {
        write(&repo, "new", text(6001 + round));
        repo.commit_all();
        let (old, told, sizes) = look(&repo, &TERMS);
        assert_eq!((old, told.len()), (0, 2), "round {round}: {told:?}");
        assert!(sizes.contains(&(6001 + round)) && sizes.contains(&7000), "round {round}: {sizes:?}");
    }
    // One more pack: what is loose goes there, and is examined there once.
    repo.git(&["repack", "-dq"]);
    let (old, _, sizes) = look(&repo, &TERMS);
    assert!(old == 0 && sizes.contains(&6001));
    repo.git(&["branch", "side"]);
    let (old, _, sizes) = look(&repo, &TERMS);
    assert!(old == 0 && !sizes.contains(&6001) && sizes.contains(&7000));
    // Another pack of everything.
    repo.git(&["repack", "-adfq"]);
    assert_eq!(look(&repo, &TERMS).0, OLD.count());
    write(&repo, "planted", token());
    repo.commit_all();
    assert_eq!(look(&repo, &TERMS).0, 0);
}

#[test]
fn other_rules_and_limits_examine_everything_again_and_another_key_does_not() {
    let repo = packed();
    let terms = [
        (TERMS, OLD.count()),
        (Terms { key: "another", ..TERMS }, 0),
        (Terms { now: TERMS.now - 1, ..TERMS }, 0),
        (Terms { rules: [2; 32], ..TERMS }, OLD.count()),
        (Terms { max_object_bytes: 5010, ..TERMS }, 10),
        (Terms { max_object_bytes: 5011, ..TERMS }, 11),
    ];
    for (index, (terms, expected)) in terms.iter().enumerate() {
        assert_eq!(look(&repo, terms).0, *expected, "terms {index}");
    }
    // What was too large once is too large again.
    repo.git(&["branch", "side"]);
    let (old, told, _) = look(&repo, &Terms { max_object_bytes: 5011, ..TERMS });
    assert_eq!(old, 0);
    assert!(told.last().unwrap().contains("larger than the limit"));
}

#[test]
fn a_pack_that_was_replaced_or_copied_is_another_one() {
    let repo = packed();
    drop(look(&repo, &TERMS));
    for end in ["pack", "idx"] {
        let path = files(&repo, end).remove(0);
        fs::copy(&path, repo.path(".git/copy")).unwrap();
        fs::rename(repo.path(".git/copy"), &path).unwrap();
        assert_eq!(look(&repo, &TERMS).0, OLD.count(), "{end}");
    }
    let copy = Fixture::new();
    fs::remove_dir_all(copy.path(".git")).unwrap();
    let copied = std::process::Command::new("cp").arg("-a").arg(repo.path(".git")).arg(copy.root()).status();
    assert!(copied.unwrap().success() && file(&copy).exists());
    assert_eq!(look(&copy, &TERMS).0, OLD.count(), "what is remembered belongs to the other files");
}

#[test]
fn a_damaged_cache_is_no_memory() {
    let repo = packed();
    drop(look(&repo, &TERMS));
    repo.git(&["branch", "side"]);
    let bytes = fs::read(file(&repo)).unwrap();
    let parts = Parts::of(&bytes).unwrap();
    let at = bytes.len() - HASH - parts.packs.len() + HASH;
    for index in [at, bytes.len() - HASH - 1, bytes.len() - 1] {
        let mut other = bytes.clone();
        other[index] ^= 1;
        fs::write(file(&repo), &other).unwrap();
        assert_eq!(look(&repo, &TERMS).0, OLD.count(), "byte {index}");
    }
    fs::write(file(&repo), &bytes).unwrap();
    assert_eq!(look(&repo, &TERMS).0, 0);
}

/// A pack that says that it holds `name` and holds the content of `object`, read before all others.
fn forge(repo: &Fixture, name: &str, object: &str) {
    let mut command = repo.command(&["pack-objects", "-q", ".git/objects/pack/pack"]);
    let mut child =
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), object.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    let pack = files(repo, "pack").into_iter().find(|path| fs::metadata(path).unwrap().len() < 500).unwrap();
    let mut index = fs::read(pack.with_extension("idx")).unwrap();
    let id: Vec<u8> = (0..20).map(|at| u8::from_str_radix(&name[2 * at..2 * at + 2], 16).unwrap()).collect();
    for first in 0..256 {
        index[8 + 4 * first + 3] = u8::from(first >= usize::from(id[0]));
    }
    index[8 + 1024..][..20].copy_from_slice(&id);
    let forged = repo.path(&format!(".git/objects/pack/pack-{}", "0".repeat(40)));
    fs::rename(&pack, forged.with_extension("pack")).unwrap();
    fs::remove_file(pack.with_extension("idx")).unwrap();
    fs::write(forged.with_extension("idx"), index).unwrap();
}

#[test]
fn another_copy_of_a_clean_object_is_not_clean() {
    let repo = packed();
    let name = repo.git(&["rev-parse", "HEAD:5001.txt"]);
    drop(look(&repo, &TERMS));
    repo.write("loose", token());
    let loose = repo.git(&["hash-object", "-w", "loose"]);
    forge(&repo, name.trim(), &loose);
    let (folder, rest) = loose.trim().split_at(2);
    fs::remove_file(repo.path(&format!(".git/objects/{folder}/{rest}"))).unwrap();
    let (outcome, sizes) = seen(&repo, &TERMS, true);
    assert_eq!(told(&outcome), fresh(&repo, &TERMS));
    assert!(told(&outcome).concat().contains("5001.txt"), "{:?}", told(&outcome));
    assert!(!sizes.contains(&5002));
}

#[test]
fn what_was_found_elsewhere_is_not_known_of_the_pack() {
    let repo = packed();
    let name = repo.git(&["rev-parse", "HEAD:5001.txt"]);
    let path = files(&repo, "pack").remove(0);
    let listed = repo.git(&["verify-pack", "-v", &path.display().to_string()]);
    let line = listed.lines().find(|line| line.starts_with(name.trim())).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    let (length, offset): (usize, usize) = (words[3].parse().unwrap(), words[4].parse().unwrap());
    let content = repo.git_bytes(&["cat-file", "blob", name.trim()]);
    let mut pack = fs::read(&path).unwrap();
    pack[offset + length / 2] ^= 0x55;
    fs::remove_file(&path).unwrap();
    fs::write(&path, &pack).unwrap();
    repo.write(".git/content", content);
    repo.git(&["-c", "core.looseCompression=1", "hash-object", "-w", "--no-filters", ".git/content"]);
    let (folder, rest) = name.trim().split_at(2);
    let loose = repo.path(&format!(".git/objects/{folder}/{rest}"));
    if !loose.exists() {
        // Git knows that it has the object, though it does not look at it.
        let aside = path.with_extension("aside");
        fs::rename(&path, &aside).unwrap();
        repo.git(&["hash-object", "-w", "--no-filters", ".git/content"]);
        fs::rename(&aside, &path).unwrap();
    }
    fs::remove_file(repo.path(".git/content")).unwrap();
    drop(look(&repo, &TERMS));
    fs::remove_file(loose).unwrap();
    let (outcome, _) = seen(&repo, &TERMS, true);
    assert_eq!(told(&outcome), fresh(&repo, &TERMS));
    assert!(outcome.coverage.missed.iter().any(|gap| gap.subject.contains(name.trim())));
}

/// Something that happens in a repository that also fetches from another one, by a number.
fn happen(repo: &Fixture, remote: &Fixture, number: usize, step: usize) {
    let run = |arguments: &[&str]| drop(repo.command(arguments).output().unwrap());
    let line = if number.is_multiple_of(4) { token() } else { format!("line {step}") };
    let content = format!("{}{line}\n{}", text(900), text(40 * step as u64));
    match number {
        0..6 => {
            repo.write(&format!("file-{}", number % 3), content);
            repo.commit_all();
        }
        6..10 => {
            let here = repo.root().display().to_string();
            drop(remote.command(&["fetch", "-q", &here, "HEAD"]).output().unwrap());
            drop(remote.command(&["reset", "-q", "--hard", "FETCH_HEAD"]).output().unwrap());
            remote.write(&format!("file-{}", number % 3), content);
            remote.commit_all();
            let there = remote.root().display().to_string();
            run(&["-c", "fetch.unpackLimit=1", "fetch", "-q", &there, "+main:refs/remotes/there/main"]);
        }
        10 => run(&["reset", "-q", "--hard", "refs/remotes/there/main"]),
        11 => run(&["reset", "-q", "--hard", "HEAD~1"]),
        12 => run(&["repack", "-dq"]),
        13 => run(&["repack", "-adfq"]),
        14 => run(&["gc", "-q", "--prune=now"]),
        15 => run(&["reflog", "expire", "--expire=now", "--all"]),
        16 => run(&["tag", "-f", "-m", &line, "v1"]),
        17 => run(&["update-ref", "-d", "refs/remotes/there/main"]),
        18 => run(&["commit", "-q", "--allow-empty", "-m", &line]),
        _ => run(&["multi-pack-index", "write"]),
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(16))]

    #[test]
    fn whatever_happens_to_the_packs_the_report_is_that_of_a_fresh_scan(
        steps in proptest::collection::vec((0usize..20, 0u8..5), 4..12)
    ) {
        let (repo, remote) = (Fixture::new(), Fixture::new());
        repo.write("file-0", text(900));
        repo.commit_all();
        for (step, &(number, rules)) in steps.iter().enumerate() {
            happen(&repo, &remote, number, step);
            // Now and then the rules change.
            let terms = Terms { rules: [rules / 4; 32], ..TERMS };
            let (outcome, _) = seen(&repo, &terms, true);
            proptest::prop_assert_eq!(&outcome.note, &None);
            proptest::prop_assert_eq!(told(&outcome), fresh(&repo, &terms), "step {} of {:?}", step, &steps);
        }
    }
}
