//! What must hold for any text that is taken for a manifest, and for any pattern of a permission.

use std::fs;

use kbsec::plugin::audit::{Options, audit};
use kbsec::plugin::permission::engine::fs::Fs;
use kbsec::plugin::permission::engine::scope::Scope;
use kbsec::plugin::permission::engine::{env, fetch, hardener, shell, url};

/// Where files lie in the model.
const WORKSPACE: &str = "/work/space";

/// A manifest in TypeScript, or in JSON if the lowest bit of the first byte is set: it is read, or named as missed.
pub fn manifest(data: &[u8]) {
    let Some((&first, text)) = data.split_first() else { return };
    let Ok(folder) = tempfile::tempdir() else { return };
    let (package, file) = match first & 1 {
        0 => (r#"{ "name": "@acme/a", "kb": { "manifest": "./dist/manifest.js" } }"#, "src/manifest.ts"),
        _ => (r#"{ "name": "@acme/a" }"#, "kb.plugin.json"),
    };
    let path = folder.path().join(file);
    let parent = path.parent().map_or(Ok(()), fs::create_dir_all);
    let written = parent
        .and_then(|()| fs::write(folder.path().join("package.json"), package))
        .and_then(|()| fs::write(&path, text));
    let options = Options { root: folder.path().to_owned(), base: "here".into() };
    let (Ok(()), Ok(outcome)) = (written, audit(&options)) else { return };
    let plugins = outcome.coverage.kinds.iter().filter(|(kind, _)| !kind.contains("module"));
    let read: u64 = plugins.map(|(_, count)| count).sum();
    assert!(read > 0 || !outcome.coverage.missed.is_empty(), "a manifest is read or missed");
    for place in outcome.findings.iter().flat_map(|finding| finding.locations()) {
        assert!(place.span.start <= place.span.end && place.span.end <= text.len().max(package.len()) as u64);
    }
}

/// A pattern and an input, parted by a line end, for the matcher that the first byte tells: what it decides is what its
/// set of inputs says.
pub fn permission_pattern(data: &[u8]) {
    let Some((&first, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let (pattern, input) = text.split_once('\n').unwrap_or((text, ""));
    let files = Fs::new(WORKSPACE, None);
    let Ok(files) = files.as_ref() else { return };
    // The sets of paths speak of absolute ones in normal form.
    let path = files.resolved(input);
    let input = if first % 7 == 6 { path.as_str() } else { input };
    let (language, decided) = match first % 7 {
        0 => (fetch::language(pattern), fetch::matches(pattern, input)),
        1 => (env::language(pattern), env::matches(pattern, input)),
        2 => (shell::language(pattern), shell::matches(pattern, input)),
        // Other texts are no URLs to it.
        3 if url::language().is_ok_and(|urls| urls.contains(input)) => {
            (hardener::language(pattern), hardener::matches(pattern, input))
        }
        4 => (Scope::Beginning.language(pattern), Scope::Beginning.matches(pattern, input)),
        5 => (Scope::Identifier.language(pattern), Scope::Identifier.matches(pattern, input)),
        6 => (files.language(pattern), files.matches(pattern, input)),
        _ => return,
    };
    if let Ok(language) = language {
        assert_eq!(language.contains(input), decided, "{pattern:?} {input:?}");
        assert!(language.is_empty() || language.witness().is_some());
    }
}
