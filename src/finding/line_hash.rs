//! The line hash by which GitHub recognises an alert after its file was edited above or below it.

use std::collections::{BTreeMap, HashMap, VecDeque};

/// Characters that the hash of one line covers, counted from the start of that line.
const WINDOW: usize = 100;

/// Base of the rolling hash.
const BASE: u64 = 37;

/// Follows the last character of the text.
const END_OF_TEXT: u16 = 0xFFFF;

/// For each of `lines`, counted from 1, the `primaryLocationLineHash` that GitHub's upload action computes: the hash
/// of the 100 characters from the start of that line, a colon, and how often that hash occurred so far in the text.
///
/// Characters are UTF-16 code units; spaces and tabs do not count. Every one of CR LF, LF and CR ends a line, so in
/// a text with lone CRs the lines have GitHub's numbers. `None` stands for a line that the text does not have.
///
/// The algorithm is that of `github/codeql-action`, `src/fingerprints.ts`.
#[must_use]
pub fn line_hashes(text: &[u8], lines: &[u64]) -> Vec<Option<String>> {
    let mut roll = Roll::new(lines);
    'text: for chunk in text.utf8_chunks() {
        let invalid = (!chunk.invalid().is_empty()).then_some(char::REPLACEMENT_CHARACTER);
        for character in chunk.valid().chars().chain(invalid) {
            if roll.is_done() {
                break 'text;
            }
            roll.read(character);
        }
    }
    roll.finish();
    lines.iter().map(|line| roll.asked.get(line).cloned().flatten()).collect()
}

/// The state of the rolling hash.
struct Roll {
    /// The last characters, the oldest one at `fed % WINDOW`.
    window: [u16; WINDOW],
    /// Characters hashed so far.
    fed: usize,
    hash: u64,
    /// What the oldest character of the window weighs when it leaves: `BASE` to the power of `WINDOW`.
    leaving: u64,
    /// Lines whose hash is not complete yet: number, and the value of `fed` at their start.
    open: VecDeque<(u64, usize)>,
    line: u64,
    at_line_start: bool,
    after_cr: bool,
    /// How often each hash occurred.
    seen: HashMap<u64, u64>,
    asked: BTreeMap<u64, Option<String>>,
    last_asked: u64,
}

impl Roll {
    fn new(lines: &[u64]) -> Self {
        Self {
            window: [0; WINDOW],
            fed: 0,
            hash: 0,
            leaving: (0..WINDOW).fold(1, |power: u64, _| power.wrapping_mul(BASE)),
            open: VecDeque::new(),
            line: 0,
            at_line_start: true,
            after_cr: false,
            seen: HashMap::new(),
            asked: lines.iter().map(|&line| (line, None)).collect(),
            last_asked: lines.iter().copied().max().unwrap_or(0),
        }
    }

    fn is_done(&self) -> bool {
        self.line > self.last_asked && self.open.front().is_none_or(|&(line, _)| line > self.last_asked)
    }

    fn read(&mut self, character: char) {
        let swallowed = match character {
            ' ' | '\t' => true,
            '\n' => self.after_cr,
            _ => false,
        };
        self.after_cr = character == '\r';
        if swallowed {
            return;
        }
        let character = if self.after_cr { '\n' } else { character };
        for unit in character.encode_utf16(&mut [0; 2]) {
            self.push(*unit);
        }
    }

    /// Hashes one code unit, which begins a line if the one before ended one.
    fn push(&mut self, unit: u16) {
        self.close_line();
        if self.at_line_start {
            self.line += 1;
            self.open.push_back((self.line, self.fed));
        }
        self.at_line_start = unit == u16::from(b'\n');
        self.shift(unit);
    }

    /// Reads the end of the text and completes the lines that are shorter than the window.
    fn finish(&mut self) {
        self.push(END_OF_TEXT);
        for _ in 0..WINDOW {
            self.close_line();
            self.shift(0);
        }
    }

    fn close_line(&mut self) {
        let Some(&(line, start)) = self.open.front() else { return };
        if self.fed - start < WINDOW {
            return;
        }
        self.open.pop_front();
        let times = self.seen.entry(self.hash).or_default();
        *times += 1;
        if let Some(answer) = self.asked.get_mut(&line) {
            *answer = Some(format!("{:x}:{times}", self.hash));
        }
    }

    fn shift(&mut self, unit: u16) {
        let slot = &mut self.window[self.fed % WINDOW];
        let left = u64::from(std::mem::replace(slot, unit));
        self.hash = self
            .hash
            .wrapping_mul(BASE)
            .wrapping_add(u64::from(unit))
            .wrapping_sub(left.wrapping_mul(self.leaving));
        self.fed += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hashes of all lines, after checking that no line follows them.
    fn all(text: &[u8], lines: u64) -> Vec<String> {
        let asked: Vec<u64> = (1..=lines).collect();
        assert_eq!(line_hashes(text, &[0, lines + 1]), [None, None]);
        line_hashes(text, &asked).into_iter().map(Option::unwrap).collect()
    }

    // The expected values were computed by `hash` of github/codeql-action f3f1edbe under Node.js 20.

    #[test]
    fn short_lines_see_what_follows_them() {
        assert_eq!(all(b"", 1), ["c129715d7a2bc9a3:1"]);
        assert_eq!(all(b"one\ntwo", 2), ["7380e4cc9846ad91:1", "7926ff05c299dd0d:1"]);
        let blank = all(b"\n\n  \n\t\n", 5);
        assert_eq!(blank[..3], ["8d2f5848087196b:1", "4e5d562094661a0d:1", "5b5d4caf73a13177:1"]);
        assert_eq!(blank[3..], ["3c5bef55b72b93c9:1", "c129715d7a2bc9a3:1"]);
    }

    #[test]
    fn every_line_end_counts_as_one_newline() {
        let crlf = all(b"key = 1\r\nkey = 2\r\n\r\nkey = 1\r\n", 5);
        assert_eq!(crlf[..3], ["8753718a6c69af51:1", "75b192ea9fdbda84:1", "cfbf3885cd57ae3a:1"]);
        assert_eq!(crlf[3..], ["e830550ae8b9bf8:1", "c129715d7a2bc9a3:1"]);
        assert_eq!(crlf, all(b"key = 1\nkey = 2\n\nkey = 1\n", 5));
        let lone = all(b"a\rb\r \nc\r\r\n d\t\n", 7);
        assert_eq!(lone[..3], ["dc8712d698c350cd:1", "46bb15c259ca0ea6:1", "7348e3433ab94c2:1"]);
        assert_eq!(lone[3..6], ["1278678578abeda0:1", "5ef4a45af6614457:1", "c13b9b1f9cee4e29:1"]);
    }

    #[test]
    fn repeated_lines_are_numbered() {
        let text = b"password = hunter\n".repeat(12);
        let hashes = all(&text, 13);
        for (times, hash) in (1..=6).zip(&hashes) {
            assert_eq!(*hash, format!("d45b379f6fc741ab:{times}"));
        }
        assert_eq!(hashes[6..9], ["d45b37a0354ad353:1", "b5151c52ec79620b:1", "f34d1d0bca0c72c3:1"]);
    }

    #[test]
    fn long_lines_are_known_by_their_first_hundred_characters() {
        let twice = format!("{}\n{}\n", "x".repeat(250), "abc def ".repeat(40)).repeat(2) + "end";
        let hashes = all(twice.as_bytes(), 5);
        assert_eq!(hashes[..3], ["52b56201ffb58620:1", "6e32513260b71f52:1", "52b56201ffb58620:2"]);
        assert_eq!(hashes[3..], ["6e32513260b71f52:2", "43b6461eda086fe2:1"]);
    }

    #[test]
    fn characters_are_utf16_code_units_and_bad_bytes_are_replaced() {
        let text = "schlüssel = \"größe\"\nключ = 🔑🔑\n日本語 = 🔑\n";
        let hashes = all(text.as_bytes(), 4);
        assert_eq!(hashes[..3], ["2d9566e9950c017b:1", "196afcba56268b14:1", "433ab0f7627599c3:1"]);
        let broken = all(b"\xff\xfe bad \xe2\x82\nnext \xf0\x9f\x94\n\xc3", 3);
        assert_eq!(broken, ["2d842071feba865e:1", "5cdc09606c1d6a82:1", "8989dec65f08d110:1"]);
        assert_eq!(all(b"\xef\xbb\xbfa\nb\n", 3)[0], "8fff498b8a070609:1");
    }

    proptest::proptest! {
        #[test]
        fn stopping_early_changes_no_answer(text: Vec<u8>, line in 1u64..9) {
            let asked: Vec<u64> = (1..=400).collect();
            let at = usize::try_from(line - 1).unwrap();
            proptest::prop_assert_eq!(&line_hashes(&text, &[line])[0], &line_hashes(&text, &asked)[at]);
        }
    }
}
