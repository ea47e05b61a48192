//! How a rewrite is shown: its checks, its plan and its outcome, for people and for programs.

use std::fmt::Write as _;

use kbsec::report::{Sanitized, wrap};
use kbsec::rewrite::Outcome;
use kbsec::rewrite::checks::Check;
use kbsec::rewrite::plan::Plan;
use kbsec::rewrite::values::Values;

/// More of a kind are counted only.
const LISTED: usize = 12;
/// Digits of ids that are shown.
const DIGITS: usize = 10;

/// Columns before what a check has found.
const MARGIN: usize = 20;

/// Checks and plan as text of this width.
pub(super) fn survey(checks: &[Check], plan: Option<&Plan>, values: &Values, width: usize) -> String {
    let mut text = String::from("Checks\n");
    for check in checks {
        let state = if check.pass { "pass" } else { "FAIL" };
        let found = values.redact(&check.found);
        let fix = format!("fix: {}", check.fix);
        let start = format!("  {state}  {:<11} ", check.id);
        hang(&mut text, &start, &found, width);
        if !check.pass {
            hang(&mut text, "", &fix, width);
        }
    }
    match plan {
        Some(plan) => plan_text(&mut text, plan, values),
        None => text.push_str("\nNo plan: mend what fails first. Nothing has changed.\n"),
    }
    text
}

/// Text beside a margin in which `start` stands.
fn hang(text: &mut String, start: &str, words: &str, width: usize) {
    let mut start = start;
    for line in wrap(&Sanitized(words).to_string(), width.saturating_sub(MARGIN)) {
        let _ = writeln!(text, "{start:<MARGIN$}{line}");
        start = "";
    }
}

/// Checks and plan as JSON.
pub(super) fn json(checks: &[Check], plan: Option<&Plan>, values: &Values) -> String {
    let checks = checks.iter().map(|check| {
        serde_json::json!({
            "id": check.id, "pass": check.pass, "found": values.redact(&check.found), "fix": check.fix,
        })
    });
    let checks: Vec<_> = checks.collect();
    let plan = plan.map(|plan| plan.json(values, true));
    let hash = plan.as_ref().and_then(|plan| plan.get("plan_hash").cloned());
    format!("{:#}\n", serde_json::json!({ "checks": checks, "plan_hash": hash, "plan": plan }))
}

fn plan_text(text: &mut String, plan: &Plan, values: &Values) {
    let _ = writeln!(text, "\nPlan");
    let _ = writeln!(
        text,
        "  {} of {} commits are rewritten; all others keep id and signature",
        plan.commits.len(),
        plan.reachable
    );
    let _ = writeln!(
        text,
        "  {} file contents, {} directories, {} annotated tags",
        plan.blobs.len(),
        plan.trees,
        plan.tags.len()
    );
    if plan.unreachable > 0 {
        let _ = writeln!(text, "  {} objects that nothing reaches hold it and are deleted", plan.unreachable);
    }
    let blobs = plan.blobs.iter().map(|blob| {
        let path = blob.path.as_deref().unwrap_or("(in no commit)");
        format!("{}  {:<11} {path}", short(&blob.old.to_string()), blob.how.word())
    });
    list(text, "File contents", blobs);
    let name = |name: &[u8]| values.redact(&String::from_utf8_lossy(name));
    let refs = plan.refs.iter().map(|change| {
        let renamed = if change.name == change.new_name {
            String::new()
        } else {
            format!(", renamed {}", name(&change.new_name))
        };
        let ids = format!("{} -> {}", short(&change.old.to_string()), short(&change.new.to_string()));
        format!("{ids}  {}{renamed}", name(&change.name))
    });
    list(text, "References", refs);
    list(text, "Files and directories that get another name", plan.renamed.iter().map(|new| name(new)));
    list(
        text,
        "Commits and tags that lose their signature",
        plan.unsigned.iter().map(|id| short(&id.to_string())),
    );
    list(
        text,
        "Commits that lose the copy of a merged signed tag",
        plan.merged_tags.iter().map(|id| short(&id.to_string())),
    );
    list(text, "Commits that keep citing an old id", plan.circular.iter().map(|id| short(&id.to_string())));
    list(text, "Files of the git directory", plan.files.iter().map(|(path, fate)| format!("{fate}  {path}")));
    let doubtful = plan.doubtful.iter().map(|(id, why)| format!("{}  {why}", short(&id.to_string())));
    list(text, "Contents that could not be unpacked, and stay", doubtful);
    let _ = writeln!(text, "\n  reflogs, leftovers and old objects are deleted; a backup is made before");
    let _ = writeln!(text, "  plan hash {}", plan.hash(values));
}

/// A heading with its lines, of which there may be many.
fn list(text: &mut String, heading: &str, lines: impl ExactSizeIterator<Item = String>) {
    let count = lines.len();
    if count == 0 {
        return;
    }
    let _ = writeln!(text, "\n  {heading} ({count})");
    for line in lines.take(LISTED) {
        let _ = writeln!(text, "    {}", Sanitized(&line));
    }
    if count > LISTED {
        let _ = writeln!(text, "    and {} more; `-f json` lists all", count - LISTED);
    }
}

fn short(id: &str) -> String {
    id.get(..DIGITS).unwrap_or(id).to_owned()
}

/// What was done.
pub(super) fn outcome(outcome: &Outcome) -> String {
    let mut text = String::from("\nDone\n");
    let (commits, refs) = (outcome.commit_map.len(), outcome.ref_map.len());
    let _ = writeln!(text, "  {commits} commits rewritten, {refs} references changed");
    let _ = writeln!(text, "  backup, maps and journal: {}", outcome.folder.path().display());
    let _ = writeln!(text, "  The backup holds the value: delete it as soon as you no longer need it.\n");
    text
}
