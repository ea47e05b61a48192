//! What a history tells, in the sample report; and what every format makes of it.

use serde_json::Value;

use super::*;
use crate::finding::{Commit, Exposure, Reach, TextKind, Trail};

const DAY: i64 = 86_400;

/// Every way to reach an object, most public first, each with refs as a scan would list them.
const REACHES: [(Reach, &[&str]); 10] = [
    (Reach::Head, &["HEAD", "refs/heads/main", "refs/remotes/origin/main"]),
    (Reach::Branch, &["refs/heads/feature/login", "refs/tags/rc"]),
    (Reach::Tag, &["refs/tags/v1.0"]),
    (Reach::Remote, &["refs/remotes/origin/old"]),
    (Reach::PullRequest, &["refs/pull/7/head"]),
    (Reach::Other, &["refs/custom/x"]),
    (Reach::Note, &["refs/notes/commits"]),
    (Reach::Stash, &["refs/stash"]),
    (Reach::Reflog, &[]),
    (Reach::Unreachable, &[]),
];

fn commit(id: &str, day: i64, author: &str) -> Arc<Commit> {
    let email = format!("{}@example.com", author.split(' ').next().unwrap_or_default().to_lowercase());
    Arc::new(Commit { time: day * DAY + 3_600, id: id.repeat(5), author: author.into(), email })
}

/// Ada brought it on 2024-01-07, 1 051 days before the sample run.
fn brought() -> Arc<Commit> {
    commit("5f2b3c1d", 19_729, "Ada Lovelace")
}

/// Bob took it away on 2024-01-10.
fn took() -> Arc<Commit> {
    commit("0a1b2c3d", 19_732, "Bob Example")
}

fn present() -> Trail {
    Trail { introduced: Some(brought()), removed: None, at_head: true }
}

fn past() -> Trail {
    Trail { introduced: Some(brought()), removed: Some(took()), at_head: false }
}

fn blob(path: Option<&str>, version: u64, line: u64, trail: Option<Trail>) -> Location {
    let origin = Origin::Blob { path: path.map(PathBuf::from), id: format!("{version:08x}").repeat(5) };
    Location { line_hash: None, trail, ..place(origin, line) }
}

fn text(kind: TextKind, trail: Option<Trail>) -> Location {
    let origin = Origin::Text { kind, id: brought().id.clone() };
    Location { line_hash: None, trail, ..place(origin, 6) }
}

fn exposure(reach: Reach, refs: &[&str], trail: Option<&Trail>) -> Exposure {
    let owned = |refs: &[&str]| refs.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let remote: Vec<_> = refs.iter().copied().filter(|name| name.starts_with("refs/remotes/")).collect();
    Exposure {
        reach,
        refs: owned(refs),
        published: owned(&remote),
        introduced: trail.and_then(|trail| trail.introduced.clone()),
        removed: trail.and_then(|trail| trail.removed.clone()),
        at_head: trail.is_some_and(|trail| trail.at_head),
    }
}

fn found(rule: Arc<RuleMeta>, filler: char, places: Vec<Location>, exposure: Exposure) -> Finding {
    let evidence = Evidence::new(Secret::new(token(filler)), "");
    let builder = FindingBuilder::new(rule).evidence(evidence).exposure(exposure);
    places.into_iter().fold(builder, FindingBuilder::location).build(&FingerprintKey::default()).unwrap()
}

/// The findings that the sample of every format holds.
pub(super) fn findings() -> Vec<Finding> {
    let refs = [
        "HEAD",
        "refs/heads/main",
        "refs/heads/release/2026",
        "refs/tags/v1.0",
        "refs/tags/v1.1",
        "refs/tags/v2.0",
        "refs/remotes/origin/main",
        "refs/remotes/origin/release/2026",
    ];
    let mut encoded = blob(Some("deploy/app.env"), 9, 3, Some(present()));
    encoded.decoded = vec![Decoding::Base64];
    let mut places =
        vec![encoded, blob(Some("deploy/app.env"), 10, 3, None), text(TextKind::Commit, Some(past()))];
    places.extend((1..5).map(|version| blob(Some("settings/production.yaml"), version, 7, Some(past()))));
    let still = found(github(), 'c', places, exposure(Reach::Head, &refs, Some(&present())));

    let places = vec![blob(Some("app.env"), 20, 4, Some(past()))];
    let gone = found(github(), 'd', places, exposure(Reach::Branch, REACHES[1].1, Some(&past())));

    let lost = found(key(), 'e', vec![blob(None, 30, 1, None)], exposure(Reach::Unreachable, &[], None));

    let begun = Trail { removed: None, ..past() };
    let places = vec![text(TextKind::FileName, Some(begun.clone())), text(TextKind::RefName, None)];
    let named = found(password(), 'f', places, exposure(Reach::Stash, REACHES[7].1, Some(&begun)));
    vec![still, gone, lost, named]
}

/// Whatever a commit can hold tries to harm its reader.
pub(super) fn hostile() -> Finding {
    let commit = Arc::new(Commit {
        time: i64::MAX,
        id: "66".repeat(32),
        author: HOSTILE.into(),
        email: HOSTILE.repeat(50),
    });
    let trail = Trail { introduced: Some(Arc::clone(&commit)), removed: Some(commit), at_head: false };
    let refs = [HOSTILE, "refs/remotes/\u{1b}]8;;https://example.com\u{7}", "refs/heads/\u{2066}x"];
    let long = format!("{}/{HOSTILE}", "very-long-name/".repeat(40));
    let places = vec![
        blob(Some(HOSTILE), 1, 1, Some(trail.clone())),
        blob(Some(&long), 2, 1 << 50, Some(trail.clone())),
        blob(None, 3, 1, Some(trail.clone())),
        text(TextKind::Tag, Some(trail.clone())),
    ];
    let mut exposure = exposure(Reach::Other, &refs, Some(&trail));
    exposure.published = exposure.refs.clone();
    found(github(), 'i', places, exposure)
}

/// One finding for each way to reach an object; of the first, hundreds of files and versions hold it.
fn many() -> Sample {
    let finding = |(filler, (reach, refs)): (char, (Reach, &[&str]))| {
        let places = match reach {
            Reach::Head => (0..400).map(many_places).collect(),
            _ => vec![blob(None, 1, 1, None)],
        };
        found(github(), filler, places, exposure(reach, refs, None))
    };
    let kinds = vec![("blobs", 262_343), ("commits", 203_114), ("tags", 1), ("notes", 0)];
    let coverage = Coverage { items: 465_458, bytes: 8_107_000_000, kinds, ..Coverage::default() };
    let findings = ('a'..).zip(REACHES).map(finding).collect();
    Sample { findings, coverage, rules: Vec::new(), run: Run { subject: "history".into(), ..run() } }
}

/// 20 files of 20 versions each; the last of them are at HEAD.
fn many_places(version: u64) -> Location {
    let file = version / 20;
    let trail = if file > 17 { present() } else { past() };
    blob(Some(&format!("{file:02}.env")), version, version % 7 + 1, Some(trail))
}

fn json(sample: &Sample, format: Format) -> Value {
    serde_json::from_str(&sample.write(format, Style::default())).unwrap()
}

#[test]
fn text_lists_each_path_once_and_what_can_be_opened_first() {
    let written = many().write(Format::Text, narrow());
    let places: Vec<_> = written.lines().skip_while(|line| !line.starts_with("where")).collect();
    assert_eq!(places[0], "where       18.env:4:12  19 more versions");
    assert_eq!(places[1], "            19.env:3:12  19 more versions");
    assert_eq!(places[2], "            00.env:1:12");
    assert_eq!(places[3], "              in 5f2b3c1d5f2b, removed by 0a1b2c3d0a1b; 19 more versions");
    assert!(written.contains("            and 200 more places (-f json lists them)\n"));
    assert!(!written.contains("kbsec:allow"), "nobody comments on a line of the past");
    let wide = written.lines().find(|line| line.chars().count() > 80);
    assert_eq!(wide, None);
}

#[test]
fn every_format_tells_every_way_to_reach_a_secret() {
    let sample = many();
    let words = [
        "in the history of HEAD, refs/heads/main",
        "in branch refs/heads/feature/login",
        "only in tag refs/tags/v1.0",
        "only in remote-tracking ref refs/remotes/origin/old",
        "only in pull request refs/pull/7/head",
        "only in ref refs/custom/x",
        "only in note refs/notes/commits",
        "only in the stash",
        "only in a reflog",
        "in no ref: unreachable",
    ];
    for format in [Format::Text, Format::Sarif, Format::Github] {
        let written = sample.write(format, Style::default());
        for reach in words {
            assert!(written.contains(reach), "{format} does not tell {reach:?}");
        }
    }
    let names = ["head", "branch", "tag", "remote", "pull_request", "other", "note", "stash", "reflog"];
    let json = json(&sample, Format::Json);
    let told: Vec<_> =
        json["findings"].as_array().unwrap().iter().map(|one| &one["exposure"]["reach"]).collect();
    assert_eq!(told[..9], names);
    assert_eq!(told[9], "unreachable");
}

#[test]
fn coverage_names_the_kinds_of_inputs() {
    let mut sample = many();
    let written = sample.write(Format::Text, narrow());
    let examined = "examined    history: 262 343 blobs, 203 114 commits, 1 tag (8.1 GB)\n";
    assert!(written.contains(examined), "{written}");
    sample.findings.clear();
    let clean = "clean: nothing was found in 262 343 blobs, 203 114 commits, 1 tag, 8.1 GB";
    assert_eq!(sample.report().verdict(), clean);
    assert_eq!(json(&sample, Format::Json)["coverage"]["kinds"]["commits"], 203_114);
    assert!(json(&Sample::clean(), Format::Json)["coverage"].get("kinds").is_none());
}

#[test]
fn objects_that_a_clone_lacks_are_told_together() {
    let mut sample = Sample::clean();
    let hint = "Run git fetch --unshallow.";
    let lacking =
        (0..3000).map(|at| Gap::new(format!("object {at:040x}"), "the clone is shallow").hint(hint));
    sample.coverage.missed = lacking.collect();
    let text = sample.write(Format::Text, narrow());
    assert!(text.contains("missed      the clone is shallow (3 000): object\n            000"), "{text}");
    assert!(text.contains("and 2 995 more\n              Run git fetch --unshallow.\n"), "{text}");
    assert!(text.lines().count() < 15);
    let github = sample.write(Format::Github, Style::default());
    let warnings: Vec<_> = github.lines().filter(|line| line.starts_with("::warning ")).collect();
    assert!(warnings.len() == 1 && warnings[0].contains("::the clone is shallow (3 000): object 0"));
    assert!(warnings[0].ends_with("and 2 995 more%0ARun git fetch --unshallow."));
}

#[test]
fn json_tells_commits_trails_and_objects() {
    let json = json(&Sample::full(), Format::Json);
    let of = |preview: &str, at: usize| {
        let findings = json["findings"].as_array().unwrap().iter();
        let mut matching =
            findings.filter(|one| one["secret"]["preview"] == preview && !one["exposure"].is_null());
        matching.nth(at).unwrap().clone()
    };
    let preview = "… (40 characters)";
    let gone = of(preview, 1);
    let commit = serde_json::json!({
        "id": "0a1b2c3d".repeat(5),
        "author": "Bob Example",
        "email": "bob@example.com",
        "date": "2024-01-10T01:00:00Z",
    });
    assert_eq!(gone["exposure"]["removed"], commit);
    assert_eq!(gone["exposure"]["window_seconds"], 3 * DAY);
    let place = &gone["locations"][0];
    assert_eq!((&place["kind"], &place["path"]), (&"blob".into(), &"app.env".into()));
    assert_eq!(place["object"], "00000014".repeat(5));
    assert_eq!((&place["trail"]["removed"], &place["trail"]["at_head"]), (&commit, &false.into()));
    let named = of(preview, 3);
    let kinds: Vec<_> = (0..2).map(|at| &named["locations"][at]["text_kind"]).collect();
    assert_eq!(kinds, ["file_name", "ref_name"]);
    assert!(named["locations"][0].get("path").is_none() && named["locations"][0]["kind"] == "text");
}

#[test]
fn sarif_flows_from_the_introducing_commit_to_the_removing_one() {
    let log = json(&Sample::full(), Format::Sarif);
    let results = log["runs"][0]["results"].as_array().unwrap();
    let at = |uri: &str| {
        let uri_of =
            |result: &Value| result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].clone();
        results.iter().find(|result| uri_of(result) == uri).unwrap()
    };
    let steps = |uri: &str| {
        let steps = at(uri)["codeFlows"][0]["threadFlows"][0]["locations"].as_array().unwrap().iter();
        steps.map(|step| step["location"]["message"]["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let introduced = "introduced by 5f2b3c1d5f2b on 2024-01-07 by Ada Lovelace <ada@example.com>";
    let removed = "removed by 0a1b2c3d0a1b on 2024-01-10 by Bob Example <bob@example.com>";
    assert_eq!(steps("app.env"), [introduced, removed]);
    assert_eq!(steps("deploy/app.env"), [introduced, "still in HEAD"]);
    let message = at("app.env")["message"]["text"].as_str().unwrap();
    assert!(message.contains(" Introduced: 5f2b3c1d5f2b on 2024-01-07 by Ada"), "{message}");
    assert_eq!(at("app.env")["locations"][0]["properties"]["trail"]["at_head"], false);
    assert_eq!(at("app.env")["properties"]["exposure"]["reach"], "branch");

    let lost = at(&format!(".git/blob/{}", "0000001e".repeat(5)));
    assert!(lost.get("codeFlows").is_none());
    assert_eq!(lost["locations"][0]["logicalLocations"][0]["kind"], "blob");
    let artifact = &lost["locations"][0]["physicalLocation"]["artifactLocation"];
    assert!(artifact.get("uriBaseId").is_none(), "an object is not in the work tree");
}

#[test]
fn every_result_has_an_artifact_without_a_scheme_because_github_refuses_the_others() {
    for sample in [Sample::full(), Sample::hostile(), many()] {
        let log = json(&sample, Format::Sarif);
        let mut places = Vec::new();
        for result in log["runs"][0]["results"].as_array().unwrap() {
            places.extend(result["locations"].as_array().unwrap());
            places.extend(result["relatedLocations"].as_array().into_iter().flatten());
            let steps = result["codeFlows"][0]["threadFlows"][0]["locations"].as_array();
            places.extend(steps.into_iter().flatten().map(|step| &step["location"]));
        }
        for place in places {
            let uri = place["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap();
            assert!(!uri.contains(':') || uri.starts_with("file:"), "{uri}");
        }
    }
}

#[test]
fn github_annotates_only_files_that_head_has() {
    let written = Sample::full().write(Format::Github, narrow());
    let line = |part: &str| written.lines().find(|line| line.contains(part)).unwrap();
    assert!(line("file=deploy/app.env,line=3").contains("removed: no, still in HEAD, open for 1 051 days"));
    let gone = line("where: app.env:4:12 (in 5f2b3c1d5f2b, removed by 0a1b2c3d0a1b)");
    assert!(!gone.contains("file="), "{gone}");
    assert!(gone.contains("introduced: 5f2b3c1d5f2b on 2024-01-07 by Ada Lovelace"));
}
