//! The names of all objects of a store: in order, each once, and numbered in that order.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::index::be32;

/// A table of names.
#[derive(Default)]
pub(super) struct Names {
    width: usize,
    ids: Vec<u8>,
    /// How far the leading bits of a name are shifted to become a row of `starts`.
    shift: u32,
    /// The number of the first name with those leading bits, or higher ones.
    starts: Vec<u32>,
}

/// The numbers of the objects of one source, in the order of their names.
pub(super) enum Numbers {
    /// It has all objects of the store.
    All,
    /// These; a number may stand there twice.
    Listed(Vec<u32>),
}

/// In which source each object is looked for first.
pub(super) enum First {
    /// Only one source has objects.
    Sole(u32),
    Each(Vec<u32>),
}

/// The names of several sources, made one.
pub(super) struct Merged {
    pub(super) names: Names,
    pub(super) numbers: Vec<Numbers>,
    pub(super) first: First,
}

impl Names {
    fn new(width: usize, ids: Vec<u8>) -> Self {
        let count = ids.len() / width;
        let bits = (usize::BITS - count.leading_zeros()).clamp(1, 16);
        let shift = 32 - bits;
        let mut starts = vec![0u32; (1 << bits) + 1];
        for id in ids.chunks_exact(width) {
            starts[(be32(id) >> shift) as usize + 1] += 1;
        }
        let mut total = 0;
        for start in &mut starts {
            total += *start;
            *start = total;
        }
        Self { width, ids, shift, starts }
    }

    pub(super) fn len(&self) -> u32 {
        self.starts.last().copied().unwrap_or(0)
    }

    /// The name with this number.
    pub(super) fn id(&self, number: u32) -> &[u8] {
        &self.ids[number as usize * self.width..][..self.width]
    }

    pub(super) fn number(&self, id: &[u8]) -> Option<u32> {
        if id.len() != self.width {
            return None;
        }
        let row = (be32(id) >> self.shift) as usize;
        let (mut low, mut high) = (*self.starts.get(row)?, *self.starts.get(row + 1)?);
        // Names are hashes, so where in its row a name stands can be guessed. Whoever makes names on purpose only
        // makes the guesses bad, and after a few of them halving goes on.
        let wanted = first_bits(id);
        let within = wanted << (32 - self.shift) >> 32;
        let mut at = low + ((u64::from(high - low) * within) >> 32) as u32;
        let mut guesses = 0;
        while low < high {
            let found = self.id(at);
            let order = first_bits(found).cmp(&wanted).then_with(|| found.cmp(id));
            guesses += 1;
            match order {
                Ordering::Less => (low, at) = (at + 1, at + 1),
                Ordering::Equal => return Some(at),
                Ordering::Greater => (high, at) = (at, at.saturating_sub(1)),
            }
            if guesses >= GUESSES {
                at = low + (high - low) / 2;
            }
        }
        None
    }
}

/// Steps from the place where a name should stand to its neighbours before the search is made otherwise.
const GUESSES: u32 = 6;

/// The beginning of a name as a number: it tells nearly all names apart.
fn first_bits(id: &[u8]) -> u64 {
    id.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

impl Numbers {
    /// Where an object stands among those of the source.
    pub(super) fn position(&self, number: u32) -> Option<u32> {
        match self {
            Self::All => Some(number),
            Self::Listed(numbers) => {
                let at = numbers.partition_point(|&listed| listed < number);
                numbers.get(at).filter(|&&listed| listed == number)?;
                u32::try_from(at).ok()
            }
        }
    }

    /// All of them; a source that has everything has as many as the store.
    pub(super) fn all(&self, store: u32) -> impl Iterator<Item = u32> {
        let (range, listed) = match self {
            Self::All => (0..store, &[][..]),
            Self::Listed(numbers) => (0..0, &numbers[..]),
        };
        range.chain(listed.iter().copied())
    }

    /// Whether the object stands before that position, too.
    pub(super) fn is_repeated(&self, position: u32) -> bool {
        match self {
            Self::Listed(numbers) if position > 0 => {
                numbers[position as usize] == numbers[position as usize - 1]
            }
            _ => false,
        }
    }

    /// The number of the object at a position.
    pub(super) fn number(&self, position: u32) -> u32 {
        match self {
            Self::All => position,
            Self::Listed(numbers) => numbers[position as usize],
        }
    }
}

impl First {
    pub(super) fn source(&self, number: u32) -> u32 {
        match self {
            Self::Sole(source) => *source,
            Self::Each(sources) => sources[number as usize],
        }
    }
}

/// Numbers the names of all sources, each an ascending list; `None` when there are too many to be numbered.
pub(super) fn merge(width: usize, mut lists: Vec<Vec<u8>>) -> Option<Merged> {
    let total = lists.iter().map(|list| list.len() / width).sum::<usize>();
    u32::try_from(total).ok().filter(|total| *total < u32::MAX - 8)?;
    let mut filled = lists.iter().enumerate().filter(|(_, list)| !list.is_empty()).map(|(at, _)| at);
    let sole = filled.next().unwrap_or(0);
    let is_sole = filled.next().is_none();
    if is_sole && lists.get(sole).is_none_or(|list| list.chunks_exact(width).is_sorted_by(|a, b| a < b)) {
        let numbers = (0..lists.len()).map(|at| match at == sole {
            true => Numbers::All,
            false => Numbers::Listed(Vec::new()),
        });
        let (numbers, ids) = (numbers.collect(), lists.get_mut(sole).map(std::mem::take).unwrap_or_default());
        return Some(Merged {
            names: Names::new(width, ids),
            numbers,
            first: First::Sole(u32::try_from(sole).ok()?),
        });
    }
    let mut ids: Vec<u8> = Vec::with_capacity(total * width);
    let mut first = Vec::with_capacity(total);
    let mut numbers: Vec<Vec<u32>> =
        lists.iter().map(|list| Vec::with_capacity(list.len() / width)).collect();
    let mut heads: BinaryHeap<_> = lists
        .iter()
        .enumerate()
        .filter_map(|(source, list)| Some(Reverse((list.get(..width)?, source))))
        .collect();
    while let Some(Reverse((_, source))) = heads.pop() {
        let limit = heads.peek().map(|Reverse(head)| *head);
        // One source usually has most of the objects: its names are taken as long as they come before the others'.
        let list = &lists[source];
        let name = |at: usize| list.get(at * width..).and_then(|rest| rest.get(..width));
        while let Some(id) = name(numbers[source].len()) {
            if limit.is_some_and(|limit| (id, source) > limit) {
                heads.push(Reverse((id, source)));
                break;
            }
            if first.is_empty() || ids[ids.len() - width..] != *id {
                ids.extend_from_slice(id);
                first.push(u32::try_from(source).ok()?);
            }
            numbers[source].push(u32::try_from(first.len() - 1).ok()?);
        }
    }
    Some(Merged {
        names: Names::new(width, ids),
        numbers: numbers.into_iter().map(Numbers::Listed).collect(),
        first: First::Each(first),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_name_has_one_number_and_every_source_knows_its_own(
            sources in prop::collection::vec(prop::collection::vec(0u16..300, 0..40), 0..5),
        ) {
            let wide = |value: u16| [&value.to_be_bytes()[..], &[7; 18]].concat();
            let sorted = |mut list: Vec<u16>| { list.sort_unstable(); list };
            let sources: Vec<_> = sources.into_iter().map(sorted).collect();
            let lists = sources.iter().map(|list| list.iter().flat_map(|&v| wide(v)).collect()).collect();
            let merged = merge(20, lists).unwrap();
            let mut all: Vec<u16> = sources.concat();
            all.sort_unstable();
            all.dedup();
            prop_assert_eq!(merged.names.len() as usize, all.len());
            for value in 0..300 {
                let number = merged.names.number(&wide(value));
                prop_assert_eq!(number.map(|n| n as usize), all.binary_search(&value).ok());
                let Some(number) = number else { continue };
                prop_assert_eq!(merged.names.id(number), &wide(value)[..]);
                let first = sources.iter().position(|list| list.contains(&value)).unwrap();
                prop_assert_eq!(merged.first.source(number) as usize, first);
                for (list, numbers) in sources.iter().zip(&merged.numbers) {
                    let position = numbers.position(number);
                    prop_assert_eq!(position.map(|p| p as usize), list.iter().position(|v| *v == value));
                    prop_assert!(position.is_none_or(|position| numbers.number(position) == number));
                }
            }
        }
    }
}
