//! The terminal of a person in an incident: lines, read so that Ctrl-C is noticed at once and leaves all in order.

use std::io::{self, Write as _};
use std::sync::{Arc, Mutex};

use kbsec::secret::Secret;
use kbsec::source::Stop;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// How the terminal was before something was typed invisibly; a second Ctrl-C restores it from another thread.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);
/// How long Ctrl-C may go unnoticed.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
/// Bytes of a line; a pasted file is no answer.
const LONGEST: usize = 64 << 10;

/// Standard input and standard error of a person.
#[derive(Debug)]
pub(crate) struct Terminal {
    stop: Arc<Stop>,
    /// What was read behind the end of a line.
    rest: Zeroizing<Vec<u8>>,
}

/// What came of reading a line.
pub(crate) enum Line {
    /// Without its end.
    Text(Zeroizing<Vec<u8>>),
    /// Nothing will come any more.
    End,
    /// Ctrl-C, or a signal.
    Interrupted,
}

impl Terminal {
    pub(crate) fn new(stop: Arc<Stop>) -> Self {
        Self { stop, rest: Zeroizing::default() }
    }

    /// Forgets what was typed before the question was seen.
    pub(crate) fn forget(&mut self) {
        self.rest.clear();
        let _ = tcflush(io::stdin(), QueueSelector::IFlush);
    }

    /// Asks for a line.
    pub(crate) fn line(&mut self, prompt: &str) -> Line {
        say(prompt);
        let line = self.read();
        if matches!(line, Line::Interrupted) {
            say("\n");
        }
        line
    }

    /// Asks for a secret, which does not appear on the screen.
    pub(crate) fn secret(&mut self, prompt: &str) -> Option<Secret> {
        self.forget();
        say(prompt);
        let hidden = hide();
        let line = self.read();
        restore();
        say("\n");
        match line {
            // Where the terminal cannot hide it, it has been seen; it is taken all the same.
            Line::Text(bytes) if !bytes.is_empty() => {
                if !hidden {
                    say("kbsec: this terminal showed what you typed; clear its screen\n");
                }
                Some(Secret::new(bytes.to_vec()))
            }
            _ => None,
        }
    }

    fn read(&mut self) -> Line {
        loop {
            if let Some(at) = self.rest.iter().position(|byte| *byte == b'\n') {
                let mut line = Zeroizing::new(self.rest.drain(..=at).collect::<Vec<u8>>());
                while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
                    line.pop();
                }
                return Line::Text(line);
            }
            if self.stop.requested() {
                return Line::Interrupted;
            }
            let stdin = io::stdin();
            let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
            match poll(&mut fds, Some(&TICK)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => continue,
                Ok(_) => {}
                Err(_) => return Line::End,
            }
            let mut buffer = Zeroizing::new([0_u8; 4096]);
            match rustix::io::read(&stdin, &mut buffer[..]) {
                Ok(0) => return Line::End,
                Ok(count) => self.rest.extend_from_slice(buffer.get(..count).unwrap_or_default()),
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
                Err(_) => return Line::End,
            }
            if self.rest.len() > LONGEST {
                self.rest.clear();
                say("\nkbsec: that is too long; write a line\n");
            }
        }
    }
}

/// Turns the echo off. False where that is not possible.
fn hide() -> bool {
    let Ok(before) = tcgetattr(io::stdin()) else { return false };
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    if let Ok(mut kept) = BEFORE.lock() {
        *kept = Some(before);
    }
    tcsetattr(io::stdin(), OptionalActions::Flush, &hidden).is_ok()
}

/// Puts the terminal back as it was.
pub(crate) fn restore() {
    if let Ok(mut kept) = BEFORE.lock()
        && let Some(before) = kept.take()
    {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
    }
}

fn say(text: &str) {
    let mut out = io::stderr();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
