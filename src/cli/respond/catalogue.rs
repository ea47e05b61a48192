//! The catalogue: which incidents there are, and what their playbooks say, on paper.

use std::fmt::Write as _;

use kbsec::playbook::{Fault, Kind, Playbook, Playbooks, Step};
use kbsec::report::wrap;

/// All incidents, with what each is known by.
pub(super) fn list(playbooks: &Playbooks, width: usize) -> String {
    let mut text = String::from("What do you see? Begin with `kbsec respond NAME`.\n");
    for playbook in playbooks.iter() {
        let name = if playbook.id == "secret-leak" { "kbsec leak-response" } else { &playbook.id };
        let _ = writeln!(text, "\n{name}: {}", playbook.title);
        for symptom in &playbook.symptoms {
            push(&mut text, ("  - ", "    "), &symptom.text, width);
        }
    }
    text
}

/// What is wrong with playbooks.
pub(super) fn faults(playbooks: &Playbooks, faults: &[Fault]) -> String {
    if faults.is_empty() {
        let steps: usize = playbooks.iter().map(|playbook| playbook.steps.len()).sum();
        return format!("{} playbooks with {steps} steps, no fault\n", playbooks.iter().count());
    }
    faults.iter().map(|fault| format!("{}: {}\n", fault.place, fault.message)).collect()
}

/// One playbook with everything that it says.
pub(super) fn explain(playbook: &Playbook, width: usize) -> String {
    let mut text = format!("{}: {}\n", playbook.id, playbook.title);
    push(&mut text, ("", ""), &playbook.summary, width);
    let mut phase = None;
    for (at, step) in playbook.steps.iter().enumerate() {
        if phase != Some(step.phase) {
            phase = Some(step.phase);
            let _ = writeln!(text, "\n{}", step.phase.to_string().to_uppercase());
        }
        let title = format!("{} [{}, {}]", step.title, step.id, step.kind);
        push(&mut text, (&format!("{:>3} ", at + 1), "    "), &title, width);
        for (word, line) in details(step) {
            push(&mut text, (&format!("{word:>12}  "), &" ".repeat(14)), &line, width);
        }
    }
    text
}

/// What would be done, in short.
pub(super) fn dry_run(playbook: &Playbook, width: usize) -> String {
    let mut text =
        format!("{}: {}\nNothing is done or written. Steps in their order:\n", playbook.id, playbook.title);
    let mut phase = None;
    for (at, step) in playbook.steps.iter().enumerate() {
        if phase != Some(step.phase) {
            phase = Some(step.phase);
            let _ = writeln!(text, "\n{}", step.phase.to_string().to_uppercase());
        }
        let who = match step.kind {
            Kind::Automatic => "kbsec".to_owned(),
            kind => kind.to_string(),
        };
        push(&mut text, (&format!("{:>3} ", at + 1), "    "), &format!("{} ({who})", step.title), width);
        for (word, line) in details(step) {
            if ["run", "check", "keep", "only if"].contains(&word) {
                push(&mut text, (&format!("{word:>12}  "), &" ".repeat(14)), &line, width);
            }
        }
    }
    text
}

fn details(step: &Step) -> Vec<(&'static str, String)> {
    let mut lines = vec![("why", step.why.clone())];
    lines.extend(step.when.iter().map(|when| ("only if", when.clone())));
    lines.extend(step.evidence.iter().map(|kind| ("keep", kind.clone())));
    lines.extend(step.check.iter().map(|check| ("check", check.clone())));
    for (at, command) in step.command.iter().enumerate() {
        lines.push((if at == 0 { "run" } else { "or" }, command.join(" ")));
    }
    lines.extend(step.action.iter().map(|action| ("kbsec does", action.clone())));
    lines.extend(step.say.iter().map(|line| ("do", line.clone())));
    for question in &step.ask {
        lines.push(("question", format!("{} [{}]", question.text, question.id)));
    }
    lines.extend(step.verify.iter().map(|check| ("proved by", check.clone())));
    lines.extend(step.undo.iter().map(|undo| ("undo", undo.clone())));
    lines.extend(step.correction.iter().map(|line| ("manual", line.clone())));
    lines
}

fn push(text: &mut String, (first, then): (&str, &str), line: &str, width: usize) {
    let room = width.saturating_sub(then.chars().count()).max(20);
    for (at, part) in wrap(line, room).iter().enumerate() {
        let _ = writeln!(text, "{}{part}", if at == 0 { first } else { then });
    }
}
