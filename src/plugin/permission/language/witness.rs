//! A witness: a shortest well-formed member of a language, written with letters where there is a choice.

use std::collections::VecDeque;

use super::Language;

/// Characters for a witness, the clearest first.
const CLEAR: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./";
const HIGH: (u16, u16) = (0xD800, 0xDBFF);
const LOW: (u16, u16) = (0xDC00, 0xDFFF);

/// A way to go on from a state: by a unit of a range, if what was read before is half of a surrogate pair or not.
struct Edge {
    range: usize,
    unit: u16,
    /// Whether it completes a pair.
    completes: bool,
    /// Whether it begins a pair.
    begins: bool,
}

/// A shortest member; `None` when there is no well-formed one.
pub(super) fn shortest(language: &Language) -> Option<String> {
    let edges = edges(language);
    // Places are twice the state, plus one in the middle of a pair.
    let mut from: Vec<Option<(usize, u16)>> = vec![None; language.states() * 2];
    let mut queue = VecDeque::from([0]);
    while let Some(place) = queue.pop_front() {
        let state = u32::try_from(place / 2).ok()?;
        let inside = place % 2 == 1;
        if !inside && language.accepts(state) {
            return String::from_utf16(&trail(&from, place)).ok();
        }
        for edge in edges.iter().filter(|edge| edge.completes == inside) {
            let target = language.successor(state, edge.range) as usize * 2 + usize::from(edge.begins);
            if target != 0 && from[target].is_none() {
                from[target] = Some((place, edge.unit));
                queue.push_back(target);
            }
        }
    }
    None
}

/// The units that lead to a place.
fn trail(from: &[Option<(usize, u16)>], mut place: usize) -> Vec<u16> {
    let mut units = Vec::new();
    while let Some((before, unit)) = from[place] {
        units.push(unit);
        place = before;
    }
    units.reverse();
    units
}

/// One edge for each range and each part that it plays in pairs, the clearest first.
fn edges(language: &Language) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (range, &first) in language.cuts.iter().enumerate() {
        let last = language.cuts.get(range + 1).map_or(u16::MAX, |cut| cut - 1);
        let part = |(low, high): (u16, u16)| Some(first.max(low)).filter(|unit| *unit <= last.min(high));
        let whole = part((0, HIGH.0 - 1)).or_else(|| part((LOW.1 + 1, u16::MAX)));
        if let Some(unit) = whole {
            let unit = clearest(first, last).unwrap_or(unit);
            edges.push(Edge { range, unit, completes: false, begins: false });
        }
        edges.extend(part(HIGH).map(|unit| Edge { range, unit, completes: false, begins: true }));
        edges.extend(part(LOW).map(|unit| Edge { range, unit, completes: true, begins: false }));
    }
    edges.sort_by_key(|edge| rank(edge.unit));
    edges
}

/// The clearest character of a range; `None` when it has none.
fn clearest(first: u16, last: u16) -> Option<u16> {
    CLEAR.bytes().map(u16::from).find(|unit| (first..=last).contains(unit))
}

/// Where a unit stands in the order of clearness: chosen characters, other printable ones, the rest.
fn rank(unit: u16) -> usize {
    let chosen = CLEAR.bytes().position(|clear| u16::from(clear) == unit);
    chosen.unwrap_or_else(|| if (0x20..0x7F).contains(&unit) { 100 } else { 200 })
}
