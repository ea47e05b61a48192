//! A repeatable source of numbers (SplitMix64). For examples only: nothing secret may be made with it.

use super::alphabet::Alphabet;

/// Words and runs that detectors take for placeholders; no text made here contains one, in any case of letters.
const PLACEHOLDERS: [&[u8]; 24] = [
    b"abcd",
    b"asdf",
    b"changeme",
    b"demo",
    b"dummy",
    b"example",
    b"fake",
    b"foo",
    b"insert",
    b"invalid",
    b"mock",
    b"pass",
    b"placeholder",
    b"qwer",
    b"redact",
    b"replace",
    b"sample",
    b"secret",
    b"test",
    b"token",
    b"xxx",
    b"your",
    b"1234",
    b"0123",
];
/// Draws after which a text is taken as it is: an alphabet such as `[a]` has no other.
const DRAWS: usize = 64;

/// The state of the generator.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The same seed gives the same numbers for ever.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Some bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| (self.next() >> 56) as u8).collect()
    }

    /// A UUID of version 4 (RFC 9562).
    pub(crate) fn uuid(&mut self) -> String {
        let (high, low) = (self.next() & !0xf000 | 0x4000, self.next() & !(3 << 62) | 1 << 63);
        let (first, second, third) = (high >> 32, high >> 16 & 0xffff, high & 0xffff);
        format!("{first:08x}-{second:04x}-{third:04x}-{:04x}-{:012x}", low >> 48, low << 16 >> 16)
    }

    /// A text that looks as a generated secret does: no placeholder in it, no long repetition, and characters of
    /// every kind that the alphabet has.
    pub(crate) fn text(&mut self, alphabet: &Alphabet, count: usize) -> Vec<u8> {
        let members: Vec<u8> = alphabet.iter().collect();
        let mut text = Vec::new();
        for _ in 0..DRAWS {
            text = (0..count).map(|_| members[(self.next() >> 32) as usize % members.len()]).collect();
            if looks_generated(&text, alphabet) {
                break;
            }
        }
        text
    }
}

fn looks_generated(text: &[u8], alphabet: &Alphabet) -> bool {
    let lower = text.to_ascii_lowercase();
    let placeholder = PLACEHOLDERS.iter().any(|word| memchr::memmem::find(&lower, word).is_some());
    let repeated = lower.windows(4).any(|four| four.iter().all(|byte| *byte == four[0]));
    !placeholder && !repeated && (text.len() < 12 || has_every_kind(text, alphabet))
}

fn has_every_kind(text: &[u8], alphabet: &Alphabet) -> bool {
    [u8::is_ascii_digit, u8::is_ascii_lowercase, u8::is_ascii_uppercase]
        .into_iter()
        .all(|kind| text.iter().any(kind) || !alphabet.iter().any(|byte| kind(&byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_splitmix64() {
        // First outputs for the seed 1234567, as published with the algorithm.
        let mut random = Random::new(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn uuids_have_version_and_variant() {
        let mut random = Random::new(3);
        for _ in 0..100 {
            let uuid = random.uuid();
            let shape: Vec<usize> = uuid.split('-').map(str::len).collect();
            assert_eq!((shape, &uuid[14..15]), (vec![8, 4, 4, 4, 12], "4"));
            assert!(matches!(uuid.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
        }
    }

    #[test]
    fn texts_look_generated_where_the_alphabet_allows_it() {
        let mut random = Random::new(7);
        for name in ["base62", "hex", "base32", "digits", "lower"] {
            let alphabet = Alphabet::parse(name).unwrap();
            for _ in 0..300 {
                let text = random.text(&alphabet, 36);
                assert!(text.len() == 36 && looks_generated(&text, &alphabet), "{name}");
                assert!(text.iter().all(|&byte| alphabet.contains(byte)));
            }
        }
        assert_eq!(random.text(&Alphabet::parse("[a]").unwrap(), 5), b"aaaaa");
        assert!(!looks_generated(b"aXxX", &Alphabet::parse("alpha").unwrap()));
        assert!(!looks_generated(b"abcdefghijklmnop", &Alphabet::parse("base36").unwrap()));
    }
}
