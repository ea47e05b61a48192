//! Standard input: one stream without a name.

use std::fmt;
use std::io::Read;
use std::sync::{Mutex, PoisonError};

use super::reader::{Reader, Unread};
use super::{Source, SourceError, Stop};
use crate::chunk::Chunk;
use crate::coverage::{Coverage, Gap};
use crate::finding::Origin;

/// A stream, read once and never held in memory as a whole.
pub struct Stdin(Mutex<Box<dyn Read + Send>>);

impl fmt::Debug for Stdin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Stdin")
    }
}

impl Stdin {
    /// A source of everything that `input` has.
    pub fn new(input: impl Read + Send + 'static) -> Self {
        Self(Mutex::new(Box::new(input)))
    }
}

impl Source for Stdin {
    fn visit(&self, sink: &(dyn Fn(Chunk<'_>) + Sync), stop: &Stop) -> Result<Coverage, SourceError> {
        let mut input = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut coverage = Coverage::default();
        match Reader::new(sink, stop).stream(&mut **input, &Origin::Stdin) {
            // A program that failed before it wrote anything leaves an empty stream: that is no clean result.
            Ok(0) => coverage
                .missed
                .push(Gap::new(Origin::Stdin.to_string(), "empty").hint("check the program before the pipe")),
            Ok(bytes) => coverage.examined(bytes),
            Err(Unread::Io(error)) => {
                let gap = super::reader::io_gap(Origin::Stdin.to_string(), &error);
                coverage.missed.push(gap.hint("run again the program that writes to this one"));
            }
            Err(other) => coverage.missed.push(other.gap(Origin::Stdin.to_string(), u64::MAX)),
        }
        Ok(coverage)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    struct Breaks;

    impl Read for Breaks {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the other end is gone"))
        }
    }

    #[test]
    fn everything_is_read_and_an_empty_stream_is_not_clean() {
        for text in ["some text", ""] {
            let seen = Mutex::new(String::new());
            let sink = |chunk: Chunk<'_>| {
                assert!(chunk.is_whole() && *chunk.origin == Origin::Stdin);
                *seen.lock().unwrap() += std::str::from_utf8(chunk.bytes).unwrap();
            };
            let coverage = Stdin::new(text.as_bytes()).visit(&sink, &Stop::default()).unwrap();
            assert_eq!(*seen.lock().unwrap(), text);
            assert_eq!(coverage.bytes, text.len() as u64);
            assert_eq!(coverage.is_incomplete(), text.is_empty());
        }
    }

    #[test]
    fn a_stream_that_breaks_is_missed_after_what_came() {
        let seen = Mutex::new(0);
        let sink = |chunk: Chunk<'_>| *seen.lock().unwrap() += chunk.bytes.len();
        let input = io::repeat(b'x').take(5 << 20).chain(Breaks);
        let coverage = Stdin::new(input).visit(&sink, &Stop::default()).unwrap();
        assert_eq!(coverage.missed[0].reason, "the other end is gone");
        assert!(coverage.is_incomplete());
        assert!(*seen.lock().unwrap() >= 4 << 20);
    }
}
