//! A sample: a plugin that consists of a manifest with one command, for tests of checks.

use std::path::PathBuf;

use tempfile::TempDir;

use super::audit::{Options, audit};
use super::workspace::Workspace;
use crate::finding::Finding;

/// Limits that no check has anything against.
pub(super) const QUOTAS: &str = "quotas: { timeoutMs: 1, memoryMb: 1 }";

/// The ids of the findings about a plugin with these permissions and limits, sorted.
pub(super) fn permissions(inside: &str) -> Vec<String> {
    let comma = if inside.is_empty() { "" } else { ", " };
    ids(&format!("permissions: {{ {inside}{comma}{QUOTAS} }}"))
}

/// The same for permissions that these calls of the builder make.
pub(super) fn built(calls: &str) -> Vec<String> {
    ids(&format!("permissions: combinePermissions(){calls}.with({{ {QUOTAS} }}).build()"))
}

/// The ids of the findings about a manifest with this member and one command, sorted.
pub(super) fn ids(member: &str) -> Vec<String> {
    let folder = folder(member);
    sorted(&without_code(&folder, member))
}

/// The findings about a plugin whose code is not looked at.
fn without_code(folder: &TempDir, member: &str) -> Vec<Finding> {
    let options = Options { root: folder.path().to_owned(), base: PathBuf::new() };
    let workspace = Workspace::read(&options).unwrap();
    assert_eq!(workspace.coverage.missed, [], "{member}");
    workspace.findings()
}

/// The ids of the findings about a plugin with such permissions whose command has this code, sorted.
pub(super) fn coded(inside: &str, code: &str) -> Vec<String> {
    sorted(&findings(inside, &[("src/run.ts", code)]))
}

/// The ids of the findings about a manifest with this member and these files, code too, sorted.
pub(super) fn audited(member: &str, files: &[(&str, &str)]) -> Vec<String> {
    sorted(&with_code(member, files))
}

/// The findings about a plugin with such permissions and these files.
pub(super) fn findings(inside: &str, files: &[(&str, &str)]) -> Vec<Finding> {
    let comma = if inside.is_empty() { "" } else { ", " };
    with_code(&format!("permissions: {{ {inside}{comma}{QUOTAS} }}"), files)
}

fn with_code(member: &str, files: &[(&str, &str)]) -> Vec<Finding> {
    let folder = folder(member);
    add(&folder, files);
    let outcome = audit(&Options { root: folder.path().to_owned(), base: PathBuf::new() }).unwrap();
    assert_eq!(outcome.coverage.missed, []);
    outcome.findings
}

fn sorted(findings: &[Finding]) -> Vec<String> {
    let mut ids: Vec<String> = findings.iter().map(|finding| finding.rule().id.to_string()).collect();
    ids.sort();
    ids
}

/// The same for a plugin with more files, such as what was built.
pub(super) fn with_files(member: &str, files: &[(&str, &str)]) -> Vec<String> {
    let folder = folder(member);
    add(&folder, files);
    sorted(&without_code(&folder, member))
}

fn add(folder: &TempDir, files: &[(&str, &str)]) {
    for (file, text) in files {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// The integrity of its package.json, as the platform computes it.
pub(super) fn integrity() -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(PACKAGE.as_bytes());
    format!("sha256-{}", base64::engine::general_purpose::STANDARD.encode(digest))
}

/// Its package.json.
const PACKAGE: &str = r#"{ "name": "@acme/sample", "kb": { "manifest": "./dist/manifest.js" } }"#;

/// A folder with the plugin that has such a manifest.
pub(super) fn folder(member: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("package.json", PACKAGE);
    let manifest = format!(
        "import * as sdk from '@kb-labs/sdk';
         import {{ told }} from './told'; import {{ combinePermissions, fullEnvPreset, kbPlatformPreset }} from '@kb-labs/sdk';
         export const manifest = {{ schema: 'kb.plugin/3', id: '@acme/sample', version: '1.0.0',
           cli: {{ commands: [{{ id: 'run', handler: './run.js#default' }}] }}, {member} }};"
    );
    write("src/manifest.ts", &manifest);
    folder
}
