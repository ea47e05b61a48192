//! The progress bar: on the standard error of a terminal, for work that takes longer than a second.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Work below this needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// The bar on the screen; global because an interrupt has to remove it from another thread.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Counts bytes and shows them.
pub(crate) struct Progress {
    started: Instant,
    bytes: AtomicU64,
    visible: bool,
}

impl Progress {
    /// A bar that appears after a second, unless the user wants none or there is no terminal.
    pub(crate) fn new(quiet: bool) -> Self {
        let visible = !quiet && std::io::stderr().is_terminal();
        Self { started: Instant::now(), bytes: AtomicU64::new(0), visible }
    }

    /// Adds bytes that were examined.
    pub(crate) fn add(&self, bytes: u64) {
        let bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if self.visible && self.started.elapsed() > PATIENCE {
            let Ok(mut bar) = BAR.lock() else { return };
            bar.get_or_insert_with(|| new_bar(self.started.elapsed())).set_position(bytes);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        clear();
    }
}

/// Removes the bar from the screen.
pub(crate) fn clear() {
    if let Some(bar) = BAR.lock().ok().and_then(|mut bar| bar.take()) {
        bar.finish_and_clear();
    }
}

fn new_bar(elapsed: Duration) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{spinner} examined {decimal_bytes} in {elapsed} ({decimal_bytes_per_sec})",
    );
    let bar = ProgressBar::new_spinner()
        .with_elapsed(elapsed)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
