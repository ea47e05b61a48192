//! Ctrl-C: ends the scan soon and with a report, or at once when it does not react.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use kbsec::source::Stop;

use super::exit::Exit;

/// How long the scan may take to end by itself; reading from a silent pipe never does.
const GRACE: Duration = Duration::from_millis(1500);

/// Catches SIGINT, SIGTERM and SIGHUP. Where they cannot be caught, they end the program as usual.
pub(crate) fn listen() -> Arc<Stop> {
    let stop = Arc::new(Stop::default());
    let requested = Arc::clone(&stop);
    let _ = ctrlc::set_handler(move || {
        if requested.requested() {
            leave();
        }
        requested.request();
        std::thread::spawn(|| {
            std::thread::sleep(GRACE);
            leave();
        });
    });
    stop
}

/// Catches the same signals for work that must not be cut off: the first one only asks, the second one ends the program
/// after `restore` has put the terminal in order.
pub(crate) fn listen_patiently(restore: fn()) -> Arc<Stop> {
    let stop = Arc::new(Stop::default());
    let requested = Arc::clone(&stop);
    let _ = ctrlc::set_handler(move || {
        if requested.requested() {
            restore();
            leave_incident();
        }
        requested.request();
    });
    stop
}

#[expect(clippy::disallowed_methods, reason = "somebody pressed Ctrl-C twice: what runs may hang for ever")]
fn leave_incident() -> ! {
    let _ = writeln!(std::io::stderr(), "\nkbsec: ended at once; `kbsec incident list` says how to go on");
    std::process::exit(i32::from(Exit::Interrupted as u8))
}

#[expect(clippy::disallowed_methods, reason = "the main thread may be blocked in a read for ever")]
fn leave() -> ! {
    super::progress::clear();
    let _ = writeln!(std::io::stderr(), "kbsec: interrupted before the scan could end; there is no report");
    std::process::exit(i32::from(Exit::Interrupted as u8))
}
