//! Verdicts as people read them: a column for the check, one for the word, and text that keeps to the terminal.

use std::fmt::Write as _;

use kbsec::check::{self, Status, Verdict};
use kbsec::report::{Sanitized, wrap};

/// Width of the ids.
const ID: usize = 13;
/// Where the text begins: after the id, the word `unknown`, and two spaces behind each.
const TEXT: usize = ID + 2 + 7 + 2;

/// One paragraph for each verdict, and a line that sums up.
pub(super) fn of_verdicts(verdicts: &[Verdict], width: usize) -> String {
    let mut text = String::new();
    for verdict in verdicts {
        let start = format!("{:ID$}  {:7}  ", verdict.check, verdict.status.name());
        paragraph(&mut text, &start, &sentence(verdict), width);
        if !verdict.fix.is_empty() && verdict.status != Status::Pass {
            paragraph(&mut text, &" ".repeat(TEXT), &format!("fix: {}", verdict.fix), width);
        }
    }
    let _ = writeln!(text, "\n{}", sum(verdicts));
    text
}

/// What was found, and what would be good where it is not.
fn sentence(verdict: &Verdict) -> String {
    let mut text = match verdict.subject.is_empty() || verdict.value.starts_with(&verdict.subject) {
        true => verdict.value.clone(),
        false => format!("{}: {}", verdict.subject, verdict.value),
    };
    if !verdict.expected.is_empty() && verdict.status != Status::Pass {
        let _ = write!(text, " (expected {})", verdict.expected);
    }
    text
}

fn paragraph(text: &mut String, start: &str, content: &str, width: usize) {
    let shown = Sanitized(content).to_string();
    for (at, line) in wrap(&shown, width.saturating_sub(TEXT).max(20)).iter().enumerate() {
        let start = if at == 0 { start } else { &" ".repeat(TEXT) };
        let _ = writeln!(text, "{start}{line}");
    }
}

/// `5 pass, 1 fail`.
fn sum(verdicts: &[Verdict]) -> String {
    let count = |status| verdicts.iter().filter(|verdict| verdict.status == status).count();
    let all = [Status::Fail, Status::Warn, Status::Unknown, Status::Pass];
    let parts: Vec<String> = all
        .into_iter()
        .filter(|&status| count(status) > 0)
        .map(|status| format!("{} {}", count(status), status.name()))
        .collect();
    parts.join(", ")
}

/// The table of checks.
pub(super) fn of_checks(width: usize) -> String {
    let mut text = String::new();
    for check in check::ALL {
        let needs: Vec<&str> = check.needs.iter().map(|need| need.name()).collect();
        let needs = if needs.is_empty() { String::new() } else { format!(" [{}]", needs.join(", ")) };
        let lines = wrap(&format!("{}{needs}", check.title), width.saturating_sub(ID + 2));
        for (at, line) in lines.iter().enumerate() {
            let _ = writeln!(text, "{:ID$}  {line}", if at == 0 { check.id } else { "" });
        }
    }
    let legend = "[network] asks a service, [privileges] sees more as root; -f json says why each matters.";
    text.push('\n');
    wrap(legend, width).iter().for_each(|line| text.extend([line, "\n"]));
    text
}
