//! The telling of proofs: a line for each, words first, then what contradicts it; or one JSON document.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::json;

use super::{Claim, Proof, State};

/// Faults and gaps of a proof that are told to people.
const TOLD: usize = 20;

/// Columns of the text; longer words stand on a line of their own.
const WIDTH: usize = 80;

/// All proofs as text. Foreign text is not made harmless for terminals.
#[must_use]
pub fn text(proofs: &[Proof]) -> String {
    let mut text = String::new();
    for proof in proofs {
        let head = format!("{:?} {:<12} ", proof.claim, proof.state.to_string());
        if !proof.asked {
            let hint = proof.gaps.first().map_or("", |gap| &gap.hint);
            wrap(&mut text, &head, &format!("not asked for; {hint}"));
            continue;
        }
        lines(&mut text, &head, " · ", summary(proof).iter().map(String::as_str));
        for fault in proof.faults.iter().take(TOLD) {
            wrap(&mut text, "   still: ", &format!("{} ({})", fault.place, fault.what));
        }
        more(&mut text, proof.faults.len(), "places");
        for gap in proof.gaps.iter().take(TOLD) {
            let hint = if gap.hint.is_empty() { String::new() } else { format!("; {}", gap.hint) };
            wrap(&mut text, "   not read: ", &format!("{}: {}{hint}", gap.subject, gap.reason));
        }
        more(&mut text, proof.gaps.len(), "gaps");
        for note in &proof.notes {
            wrap(&mut text, "   note: ", note);
        }
    }
    text
}

/// Writes words behind a head, and under its end where they do not fit into the line.
fn wrap(text: &mut String, head: &str, words: &str) {
    lines(text, head, " ", words.split(' '));
}

fn lines<'a>(text: &mut String, head: &str, between: &str, parts: impl Iterator<Item = &'a str>) {
    let indent = head.chars().count();
    text.push_str(head);
    let mut column = indent;
    for part in parts {
        let length = part.chars().count();
        if column > indent && column + between.chars().count() + length > WIDTH {
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if column > indent {
            text.push_str(between);
            column += between.chars().count();
        }
        text.push_str(part);
        column += length;
    }
    text.push('\n');
}

fn more(text: &mut String, count: usize, what: &str) {
    if count > TOLD {
        let _ = writeln!(text, "   and {} more {what}; `-f json` lists all", count - TOLD);
    }
}

/// The numbers of a proof, each with what it counts.
fn summary(proof: &Proof) -> Vec<String> {
    let mut words = vec![match proof.faults.len() {
        0 => match proof.claim {
            Claim::P1 | Claim::P3 => "0 places".to_owned(),
            Claim::P2 => "0 faults".to_owned(),
        },
        1 => "1 place".to_owned(),
        count => format!("{count} places"),
    }];
    for fact in &proof.facts {
        let shown = match fact.what.strip_prefix("bytes of ") {
            Some(_) => amount(fact.count),
            None if fact.count == 1 => format!("1 {}", one(fact.what)),
            None => format!("{} {}", grouped(fact.count), fact.what),
        };
        words.push(shown);
    }
    words.push(format!("{:.2} s", proof.duration.as_secs_f64()));
    words
}

/// `object` of `objects`, `path changed` of `paths changed`.
fn one(many: &str) -> String {
    let (first, rest) =
        many.split_once(' ').map_or((many, String::new()), |(first, rest)| (first, format!(" {rest}")));
    format!("{}{rest}", first.trim_end_matches('s'))
}

/// A number of bytes for people.
fn amount(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[derive(Serialize)]
struct Told<'a> {
    claim: Claim,
    asked: bool,
    state: State,
    holds: bool,
    facts: serde_json::Map<String, serde_json::Value>,
    faults: &'a [super::Fault],
    not_read: Vec<serde_json::Value>,
    notes: &'a [String],
    milliseconds: u64,
}

/// All proofs as one JSON document of the schema `kbsec-proofs/1`, with a line end.
#[must_use]
pub fn json(proofs: &[Proof]) -> String {
    let told: Vec<Told<'_>> = proofs.iter().map(told).collect();
    let document = json!({"schema": "kbsec-proofs/1", "proofs": told});
    format!("{document:#}\n")
}

fn told(proof: &Proof) -> Told<'_> {
    let facts = proof.facts.iter().map(|fact| (fact.what.replace(' ', "_"), fact.count.into()));
    let gap =
        |gap: &crate::coverage::Gap| json!({"subject": gap.subject, "reason": gap.reason, "hint": gap.hint});
    Told {
        claim: proof.claim,
        asked: proof.asked,
        state: proof.state,
        holds: proof.state.holds(),
        facts: facts.collect(),
        faults: &proof.faults,
        not_read: proof.gaps.iter().map(gap).collect(),
        notes: &proof.notes,
        milliseconds: u64::try_from(proof.duration.as_millis()).unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coverage::Gap;
    use crate::rewrite::prove::Fault;

    #[test]
    fn lines_fit_and_words_come_first() {
        let mut proof = Proof::new(Claim::P3, std::time::Duration::from_millis(1234));
        for what in ["objects", "bytes of objects", "references", "ids asked for", "commits rewritten"] {
            proof.fact(what, if what == "references" { 1 } else { 1_234_567 });
        }
        proof.faults.push(Fault::new("commit or tag ".to_owned() + &"a".repeat(40), "handed out by its id"));
        proof.gaps.push(
            Gap::new("a file", "it cannot be read, and that for a long reason")
                .hint("mend it, and prove again"),
        );
        proof.judge(State::Gone, State::StillServed);
        let text = text(&[proof.clone(), Proof::not_run(Claim::P2, "--maps names the folder")]);
        assert!(
            text.starts_with("P3 still-served 1 place · 1,234,567 objects · 1.2 MB · 1 reference"),
            "{text}"
        );
        assert!(text.contains("\nP2 not-checked  not asked for; --maps"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        let document: serde_json::Value = serde_json::from_str(&json(&[proof])).unwrap();
        assert_eq!(document["proofs"][0]["facts"]["bytes_of_objects"], 1_234_567);
    }
}
