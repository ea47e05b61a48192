//! A crew: threads that work off a list, each stretch of it with tools and an account of its own.

use rayon::prelude::*;

use crate::coverage::Coverage;

/// A list shorter than this is done before another thread has started.
const WORTH_A_THREAD: usize = 16;
/// Stretches for each thread: more even the load out, but each needs new tools.
const STRETCHES: usize = 4;

/// Does `work` for every item, with tools that each stretch takes from `tools`; the account of all together.
pub(super) fn work_off<T: Sync, S>(
    items: &[T],
    tools: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &T, &mut Coverage) + Sync,
) -> Coverage {
    let stretch = |items: &[T]| {
        let (mut tools, mut coverage) = (tools(), Coverage::default());
        items.iter().for_each(|item| work(&mut tools, item, &mut coverage));
        coverage
    };
    if items.len() < WORTH_A_THREAD {
        return stretch(items);
    }
    let length = items.len().div_ceil(rayon::current_num_threads() * STRETCHES).max(WORTH_A_THREAD);
    items.par_chunks(length).map(stretch).reduce(Coverage::default, |mut all, part| {
        all.absorb(part);
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_done_once() {
        for length in [0, 1, 15, 1000] {
            let items: Vec<u64> = (0..length).collect();
            let coverage = work_off(&items, || (), |(), item, coverage| coverage.examined(*item));
            assert_eq!((coverage.items, coverage.bytes), (length, items.iter().sum()));
        }
    }
}
