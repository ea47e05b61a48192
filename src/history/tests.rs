//! Tests of attribution: against a slow reference on random histories, and on each odd thing that a repository can hold.

mod odd;
mod random;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;

use super::*;
use crate::git::graph::GraphBuilder;
use crate::git::store::{Kinds, Scope, WalkOptions};
use crate::git::tree_table::TreePass;
use crate::git::{GitEnvironment, ObjectKind, ObjectSet, Repository};

const OPTIONS: WalkOptions<'static> = WalkOptions {
    stop: &|| false,
    progress: &|_| {},
    max_object_bytes: 1 << 30,
    memory: 256 << 20,
    only: None,
};

/// A repository that was scanned for `sec-0;`, `sec-1;`, ….
struct Scanned {
    store: Store,
    graph: Graph,
    trees: TreeTable,
    references: References,
    hits: Hits,
}

/// The secrets in a text.
fn secrets_in(text: &[u8]) -> Vec<u32> {
    let text = String::from_utf8_lossy(text);
    let numbers = text.split("sec-").skip(1).filter_map(|rest| rest.split_once(';')?.0.parse().ok());
    let all: BTreeSet<u32> = numbers.collect();
    all.into_iter().collect()
}

fn open(root: &Path) -> Repository {
    Repository::discover(root, &GitEnvironment::default()).unwrap().unwrap()
}

impl Scanned {
    fn new(root: &Path, secrets: u32) -> Self {
        let repository = open(root);
        let store = repository.store(Scope::All).unwrap();
        let mut hits = Hits { secrets, ..Hits::default() };
        let mut set = ObjectSet::new(store.len());
        for number in 0..store.len() {
            let Ok((kind, bytes)) = store.read(number, 1 << 30) else { continue };
            let found = secrets_in(&bytes);
            if !found.is_empty() && kind != ObjectKind::Tree {
                match kind {
                    ObjectKind::Blob => {
                        set.insert(number);
                        hits.blobs.push((number, found));
                    }
                    _ => hits.objects.push((number, found)),
                }
            }
        }
        let references = repository.references();
        for (at, reference) in references.refs.iter().enumerate() {
            hits.refs.push((at, secrets_in(&reference.name)));
        }
        let names = Mutex::new(BTreeMap::new());
        let judge = |name: &[u8], _| {
            let found = secrets_in(name);
            let is_hit = !found.is_empty();
            if is_hit {
                names.lock().unwrap().insert(name.to_vec(), found);
            }
            is_hit
        };
        let builder = GraphBuilder::new(&store);
        store.walk(Kinds::COMMITS | Kinds::TAGS, &builder, &OPTIONS);
        let graph = builder.finish();
        let pass = TreePass::new(&store, &set, &judge);
        store.walk(Kinds::TREES, &pass, &OPTIONS);
        let trees = pass.finish();
        hits.names = names.into_inner().unwrap().into_iter().collect();
        Self { store, graph, trees, references, hits }
    }

    fn history(&self) -> History<'_> {
        History { store: &self.store, graph: &self.graph, trees: &self.trees, references: &self.references }
    }

    fn attribute(&self) -> Attributions {
        attribute(&self.history(), &self.hits, &str::to_owned)
    }

    fn id(&self, commit: CommitIndex) -> String {
        self.store.id(self.graph.object(commit)).to_string()
    }

    fn commit(&self, hex: &str) -> CommitIndex {
        let id = crate::git::ObjectId::from_hex(hex.trim().as_bytes()).unwrap();
        self.graph.commit(self.store.number(id.as_bytes()).unwrap()).unwrap()
    }
}
