//! Tests of the other engines: what the platform was seen to do, and where its engines disagree.

use super::super::language::Language;
use super::scope::Scope;
use super::{env, fetch, hardener, shell, url};

/// Holds a matcher and its language against what is expected.
#[track_caller]
fn probe(matches: bool, language: &Language, text: &str, expected: bool) {
    assert_eq!(matches, expected, "{text}");
    assert_eq!(language.contains(text), expected, "{text}");
}

#[test]
fn a_star_in_a_url_crosses_everything() {
    for (pattern, url, expected) in [
        ("api.openai.com", "https://api.openai.com/v1", false),
        ("*.qdrant.io", "https://x.qdrant.io/", false),
        ("https://api.openai.com*", "https://api.openai.com.evil.io/", true),
        ("https://*.qdrant.io/*", "https://evil.io/?a=.qdrant.io/", true),
        ("http://localhost:*", "http://localhost:1@evil.io/", true),
        ("*", "http://169.254.169.254/latest/meta-data/", true),
        ("https://a.io/(x)", "https://a.io/(x)", true),
        ("https://a.io", "https://aXio", false),
    ] {
        probe(fetch::matches(pattern, url), &fetch::language(pattern).unwrap(), url, expected);
    }
}

#[test]
fn the_two_engines_of_the_network_disagree() {
    for (pattern, url, shim, hardened) in [
        ("api.openai.com", "https://api.openai.com/v1", false, true),
        ("api.openai.com", "https://eu.api.openai.com/", false, true),
        ("https://*.qdrant.io/*", "https://x.qdrant.io/c", true, false),
        ("https://api.io/", "https://evil.io/?to=https://api.io/", false, true),
        ("localhost:3000", "http://localhost:3000/", false, false),
        ("[::1]", "http://[::1]:80/", false, true),
    ] {
        assert_eq!(fetch::matches(pattern, url), shim, "{pattern} {url}");
        probe(hardener::matches(pattern, url), &hardener::language(pattern).unwrap(), url, hardened);
    }
    assert!(hardener::language("localhost:3000").unwrap().is_empty());
    assert!(fetch::reachable(&["api.openai.com"]).unwrap().is_empty());
    assert!(hardener::reachable(&["*"]).unwrap().includes(&url::language().unwrap()).unwrap());
    let foreign = fetch::reachable(&["https://*.qdrant.io/*"]).unwrap();
    let theirs = hardener::reachable(&["*.qdrant.io"]).unwrap();
    let witness = foreign.difference(&theirs).unwrap().witness().unwrap();
    assert!(fetch::matches("https://*.qdrant.io/*", &witness), "{witness}");
    assert!(!url::host(&witness).unwrap().ends_with(".qdrant.io"), "{witness}");
}

#[test]
fn a_star_in_a_variable_closes_it() {
    for (pattern, name, expected) in [
        ("*_TOKEN", "MY_TOKEN", false),
        ("*_TOKEN", "*_TOKEN", true),
        ("GIT*", "GITHUB_TOKEN", true),
        ("KB_*", "KB_", true),
        ("KB_**", "KB_X", false),
    ] {
        probe(env::matches(pattern, name), &env::language(pattern).unwrap(), name, expected);
    }
    assert!(env::readable(&[]).unwrap().contains("CI") && env::patched(&[]).unwrap().is_empty());
}

#[test]
fn a_command_is_its_exact_word() {
    assert_eq!(shell::decide(&["git status"], "git", &["status"]), shell::Decision::Unlisted);
    assert_eq!(shell::decide(&["git"], "git", &["-c", "core.pager=x"]), shell::Decision::Granted("git"));
    assert_eq!(shell::decide(&["*"], "rm", &["-rf", "/home"]), shell::Decision::Blocked("rm -rf /"));
    assert_eq!(shell::decide(&["*"], "mv /*", &[]), shell::Decision::Blocked("mv /* "));
    assert_eq!(shell::decide(&[], "mkfs", &[]), shell::Decision::Unlisted);
    let commands = shell::commands(&["*"]).unwrap();
    assert!(commands.contains("rm") && !commands.contains("mkfs.ext4") && !commands.contains("mv /*"));
    let lines = shell::lines(&["rm"]).unwrap();
    assert!(lines.contains("rm -r -f /") && !lines.contains("rm -rf /x") && !lines.contains("git x"));
}

#[test]
fn an_empty_list_means_different_things() {
    for (scope, unnamed, named) in [
        (Scope::Beginning, false, false),
        (Scope::FirstBeginning, false, false),
        (Scope::Identifier, true, false),
        (Scope::Optional, true, true),
        (Scope::Target, false, true),
        (Scope::Plugin, false, false),
    ] {
        let language = scope.allowed(&[]).unwrap();
        probe(scope.allows(&[], ""), &language, "", unnamed);
        probe(scope.allows(&[], "x"), &language, "x", named);
    }
    assert!(
        !Scope::Beginning.matches("agent:*", "agent:x") && Scope::Identifier.matches("agent:*", "agent:x")
    );
    assert!(
        !Scope::FirstBeginning.allows(&["a:", "b:"], "b:x") && Scope::Beginning.allows(&["a:", "b:"], "b:x")
    );
    assert!(!Scope::Plugin.allows(&["@kb/*"], "@kb/x"));
}
