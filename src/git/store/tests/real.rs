//! Real repositories: walks those that the environment names, and prints what it cost.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use sha1::Digest;

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

/// Makes sure that every object has the hash that names it.
struct Hash<'s>(&'s Store);

impl Visitor for Hash<'_> {
    type State = ();

    fn visit(&self, object: &Visited<'_>, _: Option<&Derivation<'_, ()>>) {
        let kind = match object.kind {
            ObjectKind::Commit => "commit",
            ObjectKind::Tree => "tree",
            ObjectKind::Blob => "blob",
            ObjectKind::Tag => "tag",
        };
        let hash = sha1::Sha1::new().chain_update(format!("{kind} {}\0", object.bytes.len()));
        let hash = hash.chain_update(object.bytes).finalize();
        assert_eq!(self.0.id(object.number).as_bytes(), &hash[..]);
    }
}

/// A line of `/proc/self/status`.
fn status(name: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or("unknown").trim().to_owned()
}

fn repositories() -> Vec<PathBuf> {
    std::env::var_os("KBSEC_REPOSITORIES").iter().flat_map(std::env::split_paths).collect()
}

/// `KBSEC_REPOSITORIES=a:b cargo test --release --lib cost_of_real -- --ignored --nocapture`
#[test]
#[ignore = "prints what a walk of real repositories costs"]
fn cost_of_real_repositories() {
    for path in repositories() {
        let start = Instant::now();
        let repository = Repository::discover(&path, &GitEnvironment::default()).unwrap().unwrap();
        let store = repository.store(Scope::All).unwrap();
        println!("{}: opened in {:.3?}; gaps: {:?}", path.display(), start.elapsed(), store.gaps());
        for (name, kinds) in [("blobs", Kinds::BLOBS), ("trees", Kinds::TREES), ("commits", Kinds::COMMITS)] {
            let start = Instant::now();
            let walk = store.walk(kinds, &Glance::default(), &OPTIONS);
            let (elapsed, peak) = (start.elapsed(), status("VmHWM:"));
            let (failures, megabytes) = (walk.failures.len(), walk.bytes >> 20);
            println!(
                "{elapsed:.3?}: {} {name}, {megabytes} MB, {failures} failures; peak {peak}",
                walk.objects
            );
        }
    }
}

#[test]
#[ignore = "takes long"]
fn objects_of_real_repositories_have_the_hashes_that_name_them() {
    for path in repositories() {
        let repository = Repository::discover(&path, &GitEnvironment::default()).unwrap().unwrap();
        let store = repository.store(Scope::All).unwrap();
        let walk = store.walk(Kinds::ALL, &Hash(&store), &OPTIONS);
        assert_eq!((walk.objects, walk.failures.len()), (u64::from(store.len()), 0));
        println!("{}: {} objects, {:?}", path.display(), walk.objects, store.counts());
    }
}
