//! Tests of holders: made-up tables of processes, and a real process.

use std::fs;
use std::os::unix::fs::symlink;

use super::super::witness::{Other, database, state};
use super::*;

fn look(path: &Path, table: &str) -> Outcome {
    holders(&Options { database: path.to_owned(), proc_folder: table.into() }).unwrap()
}

fn locks_of(outcome: &Outcome, pid: u32) -> Vec<(Role, bool, String)> {
    let holders = &outcome.processes.as_ref().unwrap().holders;
    let locks = holders.iter().filter(|holder| holder.pid == pid).flat_map(|holder| &holder.locks);
    locks.flat_map(|lock| lock.kinds.iter().map(|kind| (lock.role, lock.writes, kind.name()))).collect()
}

#[test]
fn a_made_up_table_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    let (path, table) = (base.join("a.db"), base.join("proc"));
    fs::write(&path, "x").unwrap();
    fs::hard_link(&path, base.join("b.db")).unwrap();
    let process = |pid: u32, stat: &str, links: &[&Path]| {
        let process = table.join(pid.to_string());
        fs::create_dir_all(process.join("fd")).unwrap();
        fs::create_dir_all(process.join("fdinfo")).unwrap();
        fs::write(process.join("stat"), stat).unwrap();
        for (number, link) in links.iter().enumerate() {
            symlink(link, process.join("fd").join(number.to_string())).unwrap();
            fs::write(process.join("fdinfo").join(number.to_string()), "pos:\t0\nflags:\t0100002\n").unwrap();
        }
    };
    let fields = "1 1 1 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0";
    process(7, &format!("7 (odd) name) T {fields} 5000 0 0"), &[&path, Path::new("/dev/null")]);
    process(8, &format!("8 (other) S {fields} 9000 0 0"), &[&base.join("b.db")]);
    process(
        9,
        &format!("9 (old) S {fields} 9000 0 0"),
        &[Path::new(&format!("{} (deleted)", path.display()))],
    );
    process(10, &format!("10 (else) S {fields} 9000 0 0"), &[Path::new("/dev/null")]);
    fs::create_dir_all(table.join("11")).unwrap();
    fs::write(table.join("11/fd"), "not a folder: as good as forbidden").unwrap();
    fs::write(table.join("uptime"), "100.55 300.00\n").unwrap();
    let inode = identity(&path).unwrap().1;
    let locks = format!(
        "1: POSIX  ADVISORY  WRITE 7 ff:ff:{inode} 1073741825 1073741825\n\
         2: POSIX  ADVISORY  READ 10 ff:ff:{inode} 1073741826 1073742335\n\
         3: POSIX  ADVISORY  READ 8 ff:ff:{inode} 1073741826 1073742335\n"
    );
    fs::write(table.join("locks"), locks).unwrap();

    let outcome = look(&path, table.to_str().unwrap());
    let found = outcome.processes.clone().unwrap();
    let told = found.holders.iter().map(|holder| (holder.pid, &*holder.command, holder.state, holder.age));
    let told: Vec<_> = told.collect();
    assert_eq!(
        told,
        [
            (7, "odd) name", Some('T'), Some(50)),
            (8, "other", Some('S'), Some(10)),
            (9, "old", Some('S'), Some(10))
        ]
    );
    assert!(found.holders[0].is_stopped() && found.holders[0].is_writing() && !found.holders[1].is_writing());
    assert_eq!(
        found.holders[0].open,
        [OpenFile { role: Role::Database, writable: Some(true), deleted: false }]
    );
    assert!(found.holders[2].has_deleted());
    assert_eq!((found.not_examined, found.locks_known, outcome.names), (1, true, 2));
    assert_eq!(locks_of(&outcome, 7), [(Role::Database, true, "RESERVED".to_owned())]);
    // A device that is none of ours counts only for processes that have the file open.
    assert_eq!(locks_of(&outcome, 10), []);

    fs::remove_file(&path).unwrap();
    let gone = look(&path, table.to_str().unwrap());
    assert_eq!((gone.names, gone.processes.unwrap().holders.len()), (0, 1));
    assert_eq!(look(&path, "/does/not/exist").processes, None);
}

#[cfg(target_os = "linux")]
#[test]
fn a_real_writer_is_named() {
    for (mode, expected) in [
        ("DELETE", vec![(Role::Database, true, "RESERVED"), (Role::Database, false, "SHARED")]),
        ("WAL", vec![(Role::Shm, true, "WAL_WRITE"), (Role::Shm, false, "WAL_DMS")]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        drop(database(&path, mode, 10));
        let other = Other::start(&path, "BEGIN IMMEDIATE; INSERT INTO t(b) VALUES('x');");
        let before = state(folder.path());
        let outcome = look(&path, "/proc");
        let locks = locks_of(&outcome, other.0.id());
        for (role, writes, name) in expected {
            assert!(locks.contains(&(role, writes, name.to_owned())), "{mode}: {locks:?}");
        }
        let holder = outcome.processes.unwrap().holders.into_iter().find(|found| found.pid == other.0.id());
        let holder = holder.unwrap();
        assert!(holder.is_writing() && !holder.is_stopped() && !holder.command.is_empty());
        assert!(holder.age.is_some_and(|seconds| seconds < 600));
        assert!(holder.open.iter().any(|file| file.role == Role::Database && file.writable == Some(true)));
        assert!(before == state(folder.path()));
    }
}
