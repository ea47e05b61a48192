//! A sample: a plugin that consists of a manifest with one command, for tests of checks.

use std::path::PathBuf;

use super::audit::{Options, audit};

/// The ids of the findings about a manifest with this member and one command, sorted.
pub(super) fn ids(member: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("package.json", r#"{ "name": "@acme/sample", "kb": { "manifest": "./dist/manifest.js" } }"#);
    let manifest = format!(
        "import * as sdk from '@kb-labs/sdk';
         import {{ combinePermissions, fullEnvPreset, kbPlatformPreset }} from '@kb-labs/sdk';
         export const manifest = {{ schema: 'kb.plugin/3', id: '@acme/sample', version: '1.0.0',
           cli: {{ commands: [{{ id: 'run', handler: './run.js#default' }}] }}, {member} }};"
    );
    write("src/manifest.ts", &manifest);
    let outcome = audit(&Options { root: folder.path().to_owned(), base: PathBuf::new() }).unwrap();
    assert_eq!(outcome.coverage.missed, [], "{manifest}");
    let mut ids: Vec<String> = outcome.findings.iter().map(|finding| finding.rule().id.to_string()).collect();
    ids.sort();
    ids
}
