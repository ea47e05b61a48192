//! Every built-in rule, through the program: each example planted in a file of its own, plain and hidden.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use kbsec::detect::expand;
use kbsec::rule::{Rule, RuleSet};

use crate::common::{Run, Sandbox};

/// Hides a text.
type Encode = Box<dyn Fn(&[u8]) -> Vec<u8>>;

/// The examples of all rules, as files: name and content.
fn examples() -> Vec<(String, String, Vec<u8>)> {
    let rules = RuleSet::built_in().unwrap();
    let mut files = Vec::new();
    let texts = |rule: &Rule| -> Vec<Vec<u8>> {
        rule.examples.iter().map(|example| expand(&example.0, rule.check, 7).unwrap()).collect()
    };
    for rule in rules.iter() {
        for (number, text) in texts(rule).into_iter().enumerate() {
            files.push((
                rule.meta.id.name().to_owned(),
                format!("{}-{number}.txt", rule.meta.id.name()),
                text,
            ));
        }
    }
    files
}

/// For each file the rules that found something in it, once for each place.
fn found(run: &Run) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in run.findings() {
        let (rule, place) = line.split_once(' ').unwrap();
        let file = place.split(':').next().unwrap();
        found.entry(file.to_owned()).or_default().push(rule.to_owned());
    }
    found
}

#[test]
fn every_example_is_found_once_and_named_in_every_format() {
    let sandbox = Sandbox::new();
    let examples = examples();
    for (_, file, text) in &examples {
        sandbox.write(file, text);
    }
    let scan = |format| sandbox.kbsec(["scan", "--confidence", "low", "-f", format]).run().code(1);
    let expected: BTreeMap<_, _> =
        examples.iter().map(|(rule, file, _)| (file.clone(), vec![rule.clone()])).collect();
    assert_eq!(found(&scan("json")), expected);

    let sarif = scan("sarif").json();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let placed: BTreeSet<_> = results
        .iter()
        .map(|result| {
            let file = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
            let rule = result["ruleId"].as_str().unwrap().trim_start_matches("secret/");
            (file.as_str().unwrap().to_owned(), rule.to_owned())
        })
        .collect();
    let pairs = examples.iter().map(|(rule, file, _)| (file.clone(), rule.clone())).collect();
    assert_eq!((placed, results.len()), (pairs, examples.len()));

    for format in ["text", "jsonl"] {
        let run = scan(format);
        for (_, file, _) in &examples {
            assert!(run.stdout.contains(file.as_str()), "{format}: {file}");
        }
    }
}

#[test]
fn every_example_is_found_in_every_encoding() {
    let wrapped = |text: &[u8]| {
        let encoded = BASE64_STANDARD.encode(text);
        encoded.as_bytes().chunks(76).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n")
    };
    let utf16 = |text: &[u8]| -> Vec<u8> {
        String::from_utf8_lossy(text).encode_utf16().flat_map(u16::to_le_bytes).collect()
    };
    let each = |text: &[u8], prefix: &str, width: usize| {
        text.iter().fold(String::new(), |mut all, byte| {
            let _ = write!(all, "{prefix}{byte:0width$x}");
            all
        })
    };
    let encodings: [(&str, Encode); 6] = [
        ("percent", Box::new(move |text| each(text, "%", 2).into_bytes())),
        ("escape", Box::new(move |text| each(text, "\\u", 4).into_bytes())),
        ("base64", Box::new(move |text| BASE64_STANDARD.encode(text).into_bytes())),
        ("wrapped", Box::new(move |text| wrapped(text).into_bytes())),
        ("hex", Box::new(move |text| each(text, "", 2).into_bytes())),
        ("utf-16", Box::new(utf16)),
    ];
    for (name, encode) in encodings {
        let sandbox = Sandbox::new();
        let examples = examples();
        for (_, file, text) in &examples {
            sandbox.write(file, encode(text));
        }
        let run = sandbox.kbsec(["scan", "--confidence", "low", "-f", "json"]).run().code(1);
        let found = found(&run);
        let missed: Vec<_> =
            examples.iter().filter(|(rule, file, _)| found.get(file) != Some(&vec![rule.clone()])).collect();
        let names: Vec<_> = missed.iter().map(|(_, file, _)| (file, found.get(file))).collect();
        assert!(names.is_empty(), "{name}: {} of {}: {names:?}", names.len(), examples.len());
    }
}
