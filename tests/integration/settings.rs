//! `kbsec.toml`, waivers and the floor of confidence, through the program.

use crate::common::Sandbox;
use crate::secrets;

fn planted() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("app/a.env", format!("TOKEN = {}\n", secrets::github(60)));
    sandbox.write("third_party/b.env", format!("TOKEN = {}\n", secrets::github(61)));
    sandbox
}

#[test]
fn excluded_paths_are_skipped_by_name_wherever_the_scan_starts() {
    let sandbox = planted();
    sandbox.write("kbsec.toml", "exclude = [\"third_party/**\"]\n");
    let run = sandbox.kbsec(["scan", "-f", "json"]).run().code(1);
    assert_eq!(run.findings(), ["github-classic-token app/a.env:1:9"]);
    assert!(run.json()["coverage"]["skipped"].to_string().contains("excluded by the configuration"));
    let run = sandbox.kbsec(["scan", "-f", "json", "--no-config"]).run().code(1);
    assert_eq!(run.findings().len(), 2);
}

#[test]
fn excluded_paths_are_left_out_of_the_staged_change_too() {
    let sandbox = Sandbox::repository();
    sandbox.write("third_party/b.env", secrets::github(62));
    sandbox.write(".github/kbsec.toml", "exclude = [\"third_party/**\"]\n");
    sandbox.git(["add", "third_party"]);
    drop(sandbox.kbsec(["scan", "--staged"]).run().code(0).says("everything staged is excluded"));
    sandbox.write("app.env", secrets::github(63));
    sandbox.git(["add", "app.env"]);
    let run = sandbox.kbsec(["scan", "--staged", "-f", "json"]).run().code(1);
    assert_eq!(run.findings(), ["github-classic-token app.env:1:1"]);
}

#[test]
fn a_waiver_counts_until_its_last_day_and_is_accounted_for() {
    let sandbox = planted();
    let report = sandbox.kbsec(["scan", "app", "-f", "json"]).run().code(1).json();
    let fingerprint = report["findings"][0]["fingerprint"].as_str().unwrap().to_owned();
    let waiver = |day: &str| {
        format!(
            "[[waiver]]\nfingerprint = \"{fingerprint}\"\nreason = \"revoked\"\nowner = \"ada\"\nexpires = \"{day}\"\n"
        )
    };
    sandbox.write("kbsec.toml", waiver("2999-01-31"));
    let run = sandbox.kbsec(["scan", "app", "-f", "json"]).run().code(0);
    assert!(
        run.json()["coverage"]["skipped"].to_string().contains("waived by ada until 2999-01-31: revoked")
    );
    sandbox.write("kbsec.toml", waiver("2001-01-31"));
    drop(sandbox.kbsec(["scan", "app"]).run().code(1).says("its waiver expired after 2001-01-31"));
}

#[test]
fn a_key_of_the_project_changes_every_fingerprint() {
    let sandbox = planted();
    let print = |sandbox: &Sandbox| {
        sandbox.kbsec(["scan", "app", "-f", "json"]).run().json()["findings"][0]["fingerprint"].to_string()
    };
    let public = print(&sandbox);
    sandbox.write("kbsec.toml", "fingerprint-key = \"of this project\"\n");
    assert_ne!(print(&sandbox), public);
}

#[test]
fn what_is_uncertain_is_counted_and_shown_on_request() {
    let sandbox = Sandbox::new();
    sandbox.write("a.py", ["db_pass", "word = \"wintergarden77\"\n"].concat());
    drop(sandbox.kbsec(["scan"]).run().code(0).says("of low confidence (1)"));
    drop(sandbox.kbsec(["scan", "--confidence", "low"]).run().code(1).says("generic-secret"));
}

#[test]
fn a_disabled_rule_finds_nothing_and_a_misspelt_one_is_an_error() {
    let sandbox = planted();
    let run = sandbox.kbsec(["scan", "--disable", "github-classic-token", "-f", "json"]).run();
    assert!(run.findings().iter().all(|found| found.starts_with("generic-secret ")), "{run:?}");
    let run = sandbox.kbsec(["scan", "--disable", "github-clasic-token"]).run().code(2);
    drop(run.complains("did you mean github-classic-token?"));
}

#[test]
fn a_rule_without_examples_does_not_pass_its_test() {
    let sandbox = Sandbox::new();
    let rule = "[[rule]]\nid = \"acme-token\"\ntitle = \"Acme\"\nseverity = \"high\"\nconfidence = \"high\"\n\
                token = { format = [\"acme_{base62:32}\"] }\n";
    sandbox.write("acme.toml", rule);
    let run = sandbox.kbsec(["rules", "test", "--rules", "acme.toml"]).run().code(1);
    drop(run.says("acme-token: write at least two `examples`").says(": 1 fail"));
}
