//! Inspections of copies, compared with inspections of the whole.

use std::sync::OnceLock;

use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::*;
use crate::detect::expand;
use crate::rule::RuleSet;

struct Material {
    detector: Detector,
    pieces: Vec<Vec<u8>>,
}

/// Every example and near miss of every rule, some of them encoded, and what stands between secrets.
fn material() -> &'static Material {
    static MATERIAL: OnceLock<Material> = OnceLock::new();
    MATERIAL.get_or_init(|| {
        let rules = RuleSet::built_in().unwrap();
        let mut pieces = Vec::new();
        for rule in rules.iter() {
            for example in rule.examples.iter().chain(&rule.non_examples) {
                pieces.push(expand(&example.0, rule.check, 1).unwrap());
            }
        }
        for index in 0..pieces.len() {
            let piece = &pieces[index];
            let encoded = match index % 9 {
                0 => BASE64_STANDARD.encode(piece).into_bytes(),
                1 => piece.iter().flat_map(|byte| [*byte, 0]).collect(),
                2 => piece.iter().flat_map(|byte| format!("%{byte:02X}").into_bytes()).collect(),
                3 => piece.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect(),
                4 => String::from_utf8_lossy(piece).replace(['_', '-'], "\\u005f").into_bytes(),
                5 => {
                    let text = BASE64_STANDARD.encode(BASE64_STANDARD.encode(piece));
                    text.as_bytes().chunks(64).collect::<Vec<_>>().join(&b"\n"[..])
                }
                _ => continue,
            };
            pieces.push(encoded);
        }
        let between: [&[u8]; 14] = [
            b"\n",
            b" = ",
            b"\": \"",
            b"\"",
            b"{",
            b"}",
            b"\\n",
            b"%41",
            b"  # kbsec:allow\n",
            b"A",
            b"==",
            b"/",
            b"an ordinary line of text, as it stands in files\n",
            b"password: ",
        ];
        pieces.extend(between.iter().map(|text| text.to_vec()).cycle().take(1000));
        pieces.push(vec![b' '; 700]);
        pieces.push(vec![0]);
        Material { detector: Detector::new(&rules).unwrap(), pieces }
    })
}

/// Numbers that depend on a seed only.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides.max(1)
    }

    fn range(&mut self, length: usize) -> Range<usize> {
        let (one, other) = (self.roll(length + 1), self.roll(length + 1));
        one.min(other)..one.max(other)
    }
}

fn text(dice: &mut Dice) -> Vec<u8> {
    (0..dice.roll(14)).flat_map(|_| material().pieces[dice.roll(material().pieces.len())].clone()).collect()
}

/// A text made of parts of `base` and of new pieces, and which parts are copies.
fn edited(base: &[u8], dice: &mut Dice) -> (Vec<u8>, Vec<Copied>) {
    let (mut made, mut copies) = (Vec::new(), Vec::new());
    let mut from = 0;
    for _ in 0..=dice.roll(5) {
        let range = match dice.roll(4) {
            0 => dice.range(base.len()),
            1 => from..base.len(),
            _ => from..from + dice.roll(base.len() - from + 1),
        };
        if !range.is_empty() {
            copies.push(Copied {
                from: range.start as u32,
                to: made.len() as u32,
                length: range.len() as u32,
            });
            made.extend_from_slice(&base[range.clone()]);
        }
        from = (range.end + dice.roll(3) * dice.roll(40)).min(base.len());
        let new = match dice.roll(3) {
            0 => Vec::new(),
            1 => vec![b"ab=\"\n%/0"[dice.roll(8)]],
            _ => {
                let text = text(dice);
                let range = dice.range(text.len());
                text[range].to_vec()
            }
        };
        made.extend(new);
    }
    (made, copies)
}

fn told(detector: &Detector, bytes: &[u8], seen: &Inspection) -> Vec<String> {
    let settled = detector.settle(bytes, seen);
    let line = |Settled { found, span, allowed }: Settled| {
        let value = String::from_utf8_lossy(found.secret.expose()).into_owned();
        format!(
            "{} {span:?} {allowed} {value} {:?} {:?} {:?} {:?} {:?}",
            found.rule.id, found.facts, found.severity, found.confidence, found.expires, found.decoded
        )
    };
    settled.into_iter().map(line).collect()
}

/// Edits a text `steps` times; each time the copy must be seen as the whole is.
fn check(seed: u64, steps: usize) {
    let detector = &material().detector;
    let mut dice = Dice(seed);
    let mut base = text(&mut dice);
    let mut seen = detector.inspect(&base);
    for step in 0..steps {
        let (made, copies) = edited(&base, &mut dice);
        let derived = detector.inspect_copy(&made, &seen, &copies);
        let whole = detector.inspect(&made);
        assert_eq!(derived.anchors, whole.anchors, "seed {seed}, step {step}");
        let (one, other) = (told(detector, &made, &derived), told(detector, &made, &whole));
        assert_eq!(one, other, "seed {seed}, step {step}");
        (base, seen) = (made, derived);
    }
}

#[test]
fn a_copy_is_seen_as_the_whole_is() {
    (0..600).for_each(|seed| check(seed, 4));
}

/// `cargo test --release --lib many_copies -- --ignored` for an afternoon of doubt.
#[test]
#[ignore = "takes minutes"]
fn many_copies_are_seen_as_the_whole_is() {
    (1000..200_000).for_each(|seed| check(seed, 4));
}

proptest::proptest! {
    #[test]
    fn zones_of_a_layer_decode_on_their_own(seed: u64) {
        let mut dice = Dice(seed);
        let bytes = text(&mut dice);
        for layer in Layer::of(false) {
            let zone = layer.zone(&bytes, dice.range(bytes.len()));
            let stretches = |range: Range<usize>| {
                let mut found = Vec::new();
                decode::each(*layer, &bytes[range.clone()], &mut |decoded| {
                    let source = decoded.source(&(0..decoded.bytes.len()));
                    found.push((range.start + source.start, decoded.bytes));
                });
                found
            };
            let all = [0..zone.start, zone.clone(), zone.end..bytes.len()].map(&stretches).concat();
            let whole = stretches(0..bytes.len());
            let hidden = |found: &[(usize, Vec<u8>)]| found.iter().map(|(at, text)| (*at, text.clone())).collect::<Vec<_>>();
            proptest::prop_assert_eq!(hidden(&all), hidden(&whole));
        }
    }
}
