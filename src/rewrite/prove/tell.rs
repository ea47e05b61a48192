//! The telling of proofs: a line for each, words first, then what contradicts it; or one JSON document.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::json;

use super::{Claim, Proof, State};

/// Faults and gaps of a proof that are told to people.
const TOLD: usize = 20;

/// All proofs as text of at most `width` columns, where words allow it. Foreign text is not made harmless for terminals.
#[must_use]
pub fn text(proofs: &[Proof]) -> String {
    let mut text = String::new();
    for proof in proofs {
        if !proof.asked {
            let hint = proof.gaps.first().map_or("", |gap| &gap.hint);
            let _ = writeln!(text, "{:?} {:<12} not asked for; {hint}", proof.claim, proof.state.to_string());
            continue;
        }
        let _ = writeln!(text, "{:?} {:<12} {}", proof.claim, proof.state.to_string(), summary(proof));
        for fault in proof.faults.iter().take(TOLD) {
            let _ = writeln!(text, "   still: {} ({})", fault.place, fault.what);
        }
        more(&mut text, proof.faults.len(), "places");
        for gap in proof.gaps.iter().take(TOLD) {
            let _ = writeln!(text, "   not read: {}: {}", gap.subject, gap.reason);
            if !gap.hint.is_empty() {
                let _ = writeln!(text, "             {}", gap.hint);
            }
        }
        more(&mut text, proof.gaps.len(), "gaps");
        for note in &proof.notes {
            let _ = writeln!(text, "   note: {note}");
        }
    }
    text
}

fn more(text: &mut String, count: usize, what: &str) {
    if count > TOLD {
        let _ = writeln!(text, "   and {} more {what}; `-f json` lists all", count - TOLD);
    }
}

/// The numbers of a proof in one line.
fn summary(proof: &Proof) -> String {
    let mut words = vec![match proof.faults.len() {
        0 => match proof.claim {
            Claim::P1 | Claim::P3 => "0 places".to_owned(),
            Claim::P2 => "0 faults".to_owned(),
        },
        1 => "1 place".to_owned(),
        count => format!("{count} places"),
    }];
    let shown = proof.facts.iter().map(|fact| match fact.what.strip_prefix("bytes of ") {
        Some(_) => amount(fact.count),
        None if fact.count == 1 => format!("1 {}", fact.what.replacen("s ", " ", 1).trim_end_matches('s')),
        None => format!("{} {}", grouped(fact.count), fact.what),
    });
    words.extend(shown);
    words.push(format!("{:.2} s", proof.duration.as_secs_f64()));
    words.join(" · ")
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
