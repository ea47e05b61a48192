//! What holds for every check, whatever it asks.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use super::*;
use crate::detect::Detector;
use crate::rule::RuleSet;

static DETECTOR: LazyLock<Arc<Detector>> =
    LazyLock::new(|| Arc::new(Detector::new(&RuleSet::built_in().unwrap()).unwrap()));

/// A context for tests, at half past two on a Sunday, with the programs of this machine.
pub(crate) fn context(root: &Path) -> Context {
    let mut context = Context::new(root.to_owned(), 1_740_839_400_000, Arc::clone(&DETECTOR));
    context.variables.insert("PATH".into(), std::env::var_os("PATH").unwrap().into_string().unwrap());
    context
}

#[test]
fn ids_are_unique_and_well_formed() {
    let mut ids: Vec<_> = ALL.iter().map(|check| check.id).collect();
    for id in &ids {
        let (area, name) = id.split_once('.').unwrap();
        assert!(
            [area, name].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_alphanumeric())),
            "{id}"
        );
    }
    ids.sort_unstable();
    let before = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), before);
    assert_eq!(run("no.such", &context(Path::new("/srv"))), Err(UnknownCheck("no.such".into())));
}
