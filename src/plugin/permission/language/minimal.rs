//! The smallest automaton of a language: states that no string tells apart become one, ranges that act alike too.

use std::collections::HashMap;

use super::Language;

/// Automata beyond this stay as they are: each round looks at all states, and there may be as many rounds.
const LARGE: usize = 1_500;

/// An equal automaton, the smallest unless it is large.
pub(super) fn minimize(language: Language) -> Language {
    let language = if language.states() > LARGE { language } else { merge_states(&language) };
    merge_ranges(language)
}

/// Moore's refinement: begins with accepting and other states, and splits blocks until all states of a block lead to
/// the same blocks. Rounds compare hashes; the outcome is checked, and a collision leaves the automaton as it is.
fn merge_states(language: &Language) -> Language {
    let width = language.cuts.len();
    let mut blocks: Vec<u32> = language.accepting.iter().map(|accepted| u32::from(*accepted)).collect();
    let mut count = 0;
    let mut numbers: HashMap<u64, u32> = HashMap::new();
    loop {
        numbers.clear();
        let mut refined = Vec::with_capacity(blocks.len());
        for (row, block) in language.next.chunks_exact(width).zip(&blocks) {
            let signature =
                row.iter().fold(mixed(0, *block), |hash, next| mixed(hash, blocks[*next as usize]));
            let fresh = numbers.len() as u32;
            refined.push(*numbers.entry(signature).or_insert(fresh));
        }
        blocks = refined;
        if numbers.len() == count {
            break;
        }
        count = numbers.len();
    }
    let smaller = quotient(language, &blocks, count);
    if is_quotient(language, &blocks, &smaller) { smaller } else { language.clone() }
}

/// A hash that depends on the order of the numbers put in.
fn mixed(hash: u64, number: u32) -> u64 {
    let hash = (hash ^ u64::from(number)).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    hash ^ (hash >> 29)
}

/// Whether every state does what its block does, so that both automata accept the same strings.
fn is_quotient(language: &Language, blocks: &[u32], smaller: &Language) -> bool {
    let rows = language.next.chunks_exact(language.cuts.len());
    rows.zip(&language.accepting).zip(blocks).all(|((row, accepted), block)| {
        let mut ranges = row.iter().enumerate();
        smaller.accepts(*block) == *accepted
            && ranges.all(|(range, next)| smaller.successor(*block, range) == blocks[*next as usize])
    })
}

/// The automaton whose states are the blocks; they are numbered by their first states, so the first is 0 again.
fn quotient(language: &Language, blocks: &[u32], count: usize) -> Language {
    let width = language.cuts.len();
    let mut next = Vec::with_capacity(count * width);
    let mut accepting = Vec::with_capacity(count);
    for (state, row) in language.next.chunks_exact(width).enumerate() {
        if blocks[state] as usize == accepting.len() {
            next.extend(row.iter().map(|target| blocks[*target as usize]));
            accepting.push(language.accepting[state]);
        }
    }
    Language { cuts: language.cuts.clone(), next, accepting }
}

/// Joins each range with the one before it when no state tells them apart.
fn merge_ranges(language: Language) -> Language {
    let width = language.cuts.len();
    let kept: Vec<usize> = (0..width)
        .filter(|range| {
            *range == 0 || language.next.chunks_exact(width).any(|row| row[*range] != row[*range - 1])
        })
        .collect();
    if kept.len() == width {
        return language;
    }
    let next = language.next.chunks_exact(width).flat_map(|row| kept.iter().map(|range| row[*range]));
    Language {
        next: next.collect(),
        cuts: kept.iter().map(|range| language.cuts[*range]).collect(),
        accepting: language.accepting,
    }
}
