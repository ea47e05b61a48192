//! Real repositories: walks those that the environment names, and prints what it cost.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use super::super::super::GitEnvironment;
use super::*;

/// Looks at nothing.
#[derive(Default)]
struct Glance(AtomicU64);

impl Visitor for Glance {
    type State = ();

    fn visit(&self, object: &Visited<'_>, derivation: Option<&Derivation<'_, ()>>) {
        let first = object.bytes.first().copied().unwrap_or(0);
        self.0.fetch_add(u64::from(first) + derivation.map_or(0, |d| d.copies.len() as u64), Relaxed);
    }
}

/// A line of `/proc/self/status`.
fn status(name: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or("unknown").trim().to_owned()
}

/// `KBSEC_REPOSITORIES=a:b cargo test --release --lib walk_of_real -- --ignored --nocapture`
#[test]
#[ignore = "prints what a walk of real repositories costs"]
fn walk_of_real_repositories() {
    let Some(names) = std::env::var_os("KBSEC_REPOSITORIES") else { return };
    for path in std::env::split_paths(&names) {
        let start = Instant::now();
        let repository = Repository::discover(&path, &GitEnvironment::default()).unwrap().unwrap();
        let store = repository.store(Scope::All).unwrap();
        let opened = start.elapsed();
        let walk = store.walk(Kinds::BLOBS, &Glance::default(), &OPTIONS);
        let walked = start.elapsed() - opened;
        println!(
            "{}: opened in {opened:.3?}, walked in {walked:.3?}: {} objects, {} MB, {} failures, {:?}; peak {}",
            path.display(),
            walk.objects,
            walk.bytes >> 20,
            walk.failures.len(),
            store.gaps(),
            status("VmHWM:"),
        );
    }
}
