//! A text and two edits of it, as the bytes of a fuzzer tell: each edit must be seen as if it were new.

use std::ops::Range;
use std::sync::OnceLock;

use kbsec::detect::{Detector, Inspection, expand};
use kbsec::rule::RuleSet;
use kbsec::span::Copied;

/// Bytes of a text at most.
const LARGEST: usize = 32 << 10;

struct Material {
    detector: Detector,
    /// Examples of rules, and what stands between secrets.
    pieces: Vec<Vec<u8>>,
}

fn material() -> &'static Material {
    static MATERIAL: OnceLock<Material> = OnceLock::new();
    MATERIAL.get_or_init(|| {
        let rules = RuleSet::built_in().unwrap_or_default();
        let examples = rules.iter().flat_map(|rule| {
            let texts = rule.examples.iter().chain(&rule.non_examples);
            texts.filter_map(|example| expand(&example.0, rule.check, 1).ok())
        });
        let between: [&[u8]; 10] =
            [b"\n", b" = ", b"\": \"", b"{", b"\\n", b"%41", b"\\u005f", b"  # kbsec:allow\n", b"QUJD", &[0]];
        let pieces = between.iter().map(|piece| piece.to_vec()).chain(examples).collect();
        Material { detector: Detector::new(&rules).unwrap_or_else(|error| panic!("{error}")), pieces }
    })
}

/// Bytes that are read one after the other; zeros follow the last one.
struct Tape<'a>(&'a [u8]);

impl<'a> Tape<'a> {
    fn byte(&mut self) -> usize {
        self.take(1).first().copied().map_or(0, usize::from)
    }

    fn pair(&mut self) -> usize {
        self.byte() << 8 | self.byte()
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn range(&mut self, length: usize) -> Range<usize> {
        let start = self.pair() % (length + 1);
        start..start + self.pair() % (length - start + 1)
    }

    /// A piece of the material, a part of one, or bytes as they are.
    fn text(&mut self) -> Vec<u8> {
        match self.byte() % 4 {
            0 => {
                let length = self.byte() % 64;
                self.take(length).to_vec()
            }
            1 => {
                let piece = &material().pieces[self.pair() % material().pieces.len()];
                piece[self.range(piece.len())].to_vec()
            }
            _ => material().pieces[self.pair() % material().pieces.len()].clone(),
        }
    }

    /// A text made of parts of `base` and of others, and which parts are copies.
    fn edit(&mut self, base: &[u8]) -> (Vec<u8>, Vec<Copied>) {
        let (mut made, mut copies) = (Vec::new(), Vec::new());
        for _ in 0..self.byte() % 8 {
            if self.byte().is_multiple_of(3) {
                made.extend(self.text());
                continue;
            }
            let range = self.range(base.len());
            if !range.is_empty() && made.len() + range.len() <= LARGEST {
                copies.push(Copied {
                    from: range.start as u32,
                    to: made.len() as u32,
                    length: range.len() as u32,
                });
                made.extend_from_slice(&base[range]);
            }
        }
        (made, copies)
    }
}

/// Makes a text, edits it twice, and compares what the detector takes over with what it finds anew.
pub fn inspect_copy(data: &[u8]) {
    let detector = &material().detector;
    let mut tape = Tape(data);
    let mut base = Vec::new();
    for _ in 0..tape.byte() % 8 {
        base.extend(tape.text());
    }
    base.truncate(LARGEST);
    let mut seen = detector.inspect(&base);
    for _ in 0..2 {
        let (made, copies) = tape.edit(&base);
        let derived = detector.inspect_copy(&made, &seen, &copies);
        assert_eq!(told(&made, &derived), told(&made, &detector.inspect(&made)));
        (base, seen) = (made, derived);
    }
}

fn told(bytes: &[u8], seen: &Inspection) -> Vec<String> {
    let settled = material().detector.settle(bytes, seen);
    let line = |one: &kbsec::detect::Settled| {
        let found = &one.found;
        format!(
            "{} {:?} {} {} {:?} {:?} {:?} {:?}",
            found.rule.id,
            one.span,
            one.allowed,
            String::from_utf8_lossy(found.secret.expose()),
            found.facts,
            found.severity,
            found.confidence,
            found.decoded
        )
    };
    settled.iter().map(line).collect()
}
