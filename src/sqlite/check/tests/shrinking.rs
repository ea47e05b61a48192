//! A file that gets shorter while it is read: no crash, and it is told that the result may come from that.

use std::fs::File;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::thread;

use super::*;
use crate::sqlite::recover::{Options, WalUse, recover};

/// Looks at a database whose file somebody cuts from the moment on that it is open.
fn while_it_shrinks<T>(look: impl Fn(&Files, &Path) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let sample = Recipe::platform().build();
    std::fs::write(&path, &sample.db).unwrap();
    let files = Files::open(&path).unwrap();
    let (is_over, (started, start)) = (AtomicBool::new(false), mpsc::channel());
    thread::scope(|scope| {
        scope.spawn(|| {
            let file = File::options().write(true).open(&path).unwrap();
            let mut length = sample.db.len() as u64;
            while !is_over.load(Relaxed) {
                // Not a whole page, and in the end nothing at all.
                length = length.saturating_sub(7000);
                file.set_len(length).unwrap();
                let _ = started.send(());
                thread::sleep(std::time::Duration::from_micros(300));
            }
        });
        start.recv().unwrap();
        let seen = look(&files, folder.path());
        is_over.store(true, Relaxed);
        seen
    })
}

#[test]
fn a_check_says_that_the_file_changed() {
    let outcome = while_it_shrinks(|files, _| check(files, Path::new("a.db")));
    assert!(outcome.moving);
    assert!(
        outcome.coverage.missed.iter().any(|gap| format!("{gap:?}").contains("it changed while it was read"))
    );
    let pages = while_it_shrinks(|files, _| pages(files));
    assert!(pages.len() > 100);
}

#[test]
fn a_recovery_says_that_the_file_changed() {
    let saved = while_it_shrinks(|files, folder| {
        let target = folder.join("new.db");
        let options = Options { target: target.clone(), schema: None, log: WalUse::Auto };
        recover(files, &options).map(|outcome| (outcome.has_changed, std::fs::read(target).unwrap()))
    });
    // All that could be read may have been gone already.
    if let Ok((has_changed, new)) = saved {
        assert!(has_changed);
        assert_eq!(oracle::integrity_check(&new), [""; 0]);
    }
}
