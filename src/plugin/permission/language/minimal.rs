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
/// the same blocks.
fn merge_states(language: &Language) -> Language {
    let width = language.cuts.len();
    let mut blocks: Vec<u32> = language.accepting.iter().map(|accepted| u32::from(*accepted)).collect();
    let mut count = 0;
    loop {
        let mut numbers: HashMap<Vec<u32>, u32> = HashMap::new();
        let refined: Vec<u32> = language
            .next
            .chunks_exact(width)
            .zip(&blocks)
            .map(|(row, block)| {
                let leads = row.iter().map(|target| blocks[*target as usize]);
                let signature = std::iter::once(*block).chain(leads).collect();
                let fresh = numbers.len() as u32;
                *numbers.entry(signature).or_insert(fresh)
            })
            .collect();
        let found = numbers.len();
        blocks = refined;
        if found == count {
            break;
        }
        count = found;
    }
    quotient(language, &blocks, count)
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
