//! A crew: a few threads that work off a list, each with tools and an account of its own.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::coverage::Coverage;

/// More threads than this only wait for the disk.
const MAX_THREADS: usize = 8;
/// A list shorter than this is done before another thread has started.
const WORTH_A_THREAD: usize = 16;

/// Does `work` for every item, with tools that each thread takes from `tools`; the account of all together.
pub(super) fn work_off<T: Sync, S>(
    items: &[T],
    tools: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &T, &mut Coverage) + Sync,
) -> Coverage {
    let next = AtomicUsize::new(0);
    let run = || {
        let (mut tools, mut coverage) = (tools(), Coverage::default());
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(&mut tools, item, &mut coverage);
        }
        coverage
    };
    let available = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = available.min(MAX_THREADS).min(items.len() / WORTH_A_THREAD);
    if threads < 2 {
        return run();
    }
    thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        let mut all = Coverage::default();
        for handle in handles {
            all.absorb(handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
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
