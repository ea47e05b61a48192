//! Shards: one store of results for each thread at work, so that visitors need not wait for each other.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// Values of which each thread uses whichever is free.
#[derive(Debug)]
pub(super) struct Shards<T>(Vec<Mutex<T>>);

impl<T> Shards<T> {
    /// As many as there can be threads at work.
    pub(super) fn new(make: impl Fn() -> T) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self((0..threads).map(|_| Mutex::new(make())).collect())
    }

    /// A value that no other thread uses now. What a thread that failed left behind is still good: values only grow.
    pub(super) fn take(&self) -> MutexGuard<'_, T> {
        for shard in &self.0 {
            match shard.try_lock() {
                Ok(free) => return free,
                Err(TryLockError::Poisoned(error)) => return error.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        // More threads than processors: wait.
        self.0[0].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All values, when the threads are done.
    pub(super) fn into_values(self) -> impl Iterator<Item = T> {
        self.0.into_iter().map(|shard| shard.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}
