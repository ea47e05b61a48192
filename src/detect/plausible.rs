//! Plausibility: whether a value looks like something a machine or a careful person made up at random.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// Words that stand in examples and templates, never in random text of some length.
const PLACEHOLDERS: [&str; 32] = [
    "example",
    "changeme",
    "change_me",
    "change-me",
    "placeholder",
    "your_",
    "your-",
    "yourtoken",
    "yourkey",
    "yourapi",
    "yoursecret",
    "yourpass",
    "dummy",
    "xxxx",
    "redacted",
    "insert",
    "replace",
    "sample",
    "fake",
    "notreal",
    "not-real",
    "not_real",
    "invalid",
    "foobar",
    "lorem",
    "todo",
    "mock",
    "enter_",
    "abcdefgh",
    "12345678",
    "01234567",
    "00000000",
];

/// Words that say the same only where a value begins.
const FIRST_WORDS: [&[u8]; 4] = [b"my_", b"my-", b"the_", b"the-"];

/// How published keys begin that programs accept on a developer's machine only, such as that of the Azure emulator.
const PUBLIC_VALUES: [&[u8]; 1] = [b"Eby8vdM02xNOcqFlqUwJPLlmEtlCDX"];

static PLACEHOLDER: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(PLACEHOLDERS).ok());

/// Above this length random text holds some short word too often for those to count.
const LONGEST_FOR_WORDS: usize = 64;
/// A word of this length stands in no random text.
const LONG_WORD: usize = 7;

/// Whether the value says itself that it is not a real one.
pub(crate) fn is_placeholder(value: &[u8]) -> bool {
    let least = if value.len() <= LONGEST_FOR_WORDS { 0 } else { LONG_WORD };
    let is_long = |word: aho_corasick::Match| word.len() >= least;
    let has_word = || PLACEHOLDER.as_ref().is_some_and(|words| words.find_iter(value).any(is_long));
    let first_word =
        |word: &&[u8]| value.len() > word.len() && value[..word.len()].eq_ignore_ascii_case(word);
    (least == 0 && FIRST_WORDS.iter().any(first_word))
        || has_word()
        || PUBLIC_VALUES.iter().any(|known| value.starts_with(known))
        || is_repetitive(value)
}

/// Whether one character, or a short piece, makes up the value: `aaaaaaaa`, `abcabcabc`, `********`.
pub(crate) fn is_repetitive(value: &[u8]) -> bool {
    (1..=4).any(|period| {
        let repeats = value.windows(period + 1).filter(|window| window[0] == window[period]).count();
        value.len() > period * 2 && repeats * 4 >= (value.len() - period) * 3
    })
}

/// Shannon entropy in bits per byte.
pub(crate) fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    value.iter().for_each(|&byte| counts[usize::from(byte)] += 1);
    let total = value.len() as f64;
    counts
        .iter()
        .filter(|&&count| count > 0)
        .map(|&count| f64::from(count) / total)
        .map(|p| -p * p.log2())
        .sum()
}

/// Whether the variable part of a token is random enough; `least` overrides the bound, which depends on the length.
///
/// A random text of n characters has at most log2(n) bits per character, and near that when its alphabet is large.
/// Six tenths of it, or of the four bits that hexadecimal digits have, no random token misses in practice.
pub(crate) fn is_random(part: &[u8], least: Option<f64>) -> bool {
    if part.is_empty() {
        return true;
    }
    let possible =
        (part.len() as f64).log2().min(if part.iter().all(u8::is_ascii_digit) { 3.3 } else { 4.0 });
    entropy(part) >= least.unwrap_or(possible * 0.6) && !is_repetitive(part)
}

/// Share of neighbouring letters that are common neighbours in English words, from 0 to 1; 0 without letters.
pub(crate) fn wordiness(value: &[u8]) -> f64 {
    let (mut pairs, mut common) = (0u32, 0u32);
    for window in value.windows(2) {
        let (first, second) = (window[0].to_ascii_lowercase(), window[1].to_ascii_lowercase());
        if first.is_ascii_lowercase() && second.is_ascii_lowercase() {
            pairs += 1;
            common += COMMON_PAIRS[usize::from(first - b'a')] >> (second - b'a') & 1;
        }
    }
    if pairs == 0 { 0.0 } else { f64::from(common) / f64::from(pairs) }
}

/// Above this share letters form words.
const WORDY: f64 = 0.62;

/// Whether the letters of the value form words.
pub(crate) fn is_wordy(value: &[u8]) -> bool {
    wordiness(value) > WORDY
}

/// Whether the value is a template, an expression or the name of something, rather than the secret itself.
pub(crate) fn is_reference(value: &[u8]) -> bool {
    let marks: [&[u8]; 7] = [b"()", b"->", b"::", b"process.env", b"os.environ", b"secrets.", b"..."];
    let first = matches!(
        value.first(),
        Some(b'$' | b'%' | b'<' | b'{' | b'[' | b'*' | b'&' | b'/' | b'.' | b'@' | b'(')
    );
    first || is_template(value) || has_any(value, &marks) || is_dotted_name(value)
}

/// Whether something is to be put in before the value is one: `${TOKEN}`, `{{ token }}`, `$(cat token)`.
pub(crate) fn is_template(value: &[u8]) -> bool {
    has_any(value, &[b"${", b"{{", b"$(", b"#{", b"<%", b"%("])
}

fn has_any(value: &[u8], texts: &[&[u8]]) -> bool {
    texts.iter().any(|text| memchr::memmem::find(value, text).is_some())
}

/// `config.auth.password`, `user_password`, `getToken`, `ctrl+shift+down`, `kebab-case-word`.
fn is_dotted_name(value: &[u8]) -> bool {
    let joint =
        |byte: &u8| matches!(byte, b'_' | b'.' | b'-' | b'+' | b'/' | b':' | b'[' | b']' | b'(' | b')');
    let short = !value.iter().any(u8::is_ascii_uppercase) && value.len() < 16;
    value.iter().all(|byte| byte.is_ascii_alphabetic() || joint(byte)) && (is_wordy(value) || short)
}

/// For each letter, the letters that often follow it: the pairs that make up 92 % of those in a list of English words.
/// `tests/english_pairs.py` makes this table.
const COMMON_PAIRS: [u32; 26] = [
    0x13ebd4e, 0x0124911, 0x01a4d91, 0x0164911, 0x0aeb97d, 0x0124931, 0x01649d1, 0x0104111, 0x22ef87f,
    0x0000000, 0x0040110, 0x11c4919, 0x014d113, 0x00c655d, 0x07ef94f, 0x01ec991, 0x0100000, 0x11e715d,
    0x01cd995, 0x11e4991, 0x00eb95f, 0x0000111, 0x0004111, 0x0000000, 0x0000000, 0x0000010,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_recognised() {
        for value in
            ["your_api_key", "EXAMPLEKEY", "xxxxxxxxxxxx", "abcabcabcabc", "changeme", "0000000000001"]
        {
            assert!(is_placeholder(value.as_bytes()), "{value}");
        }
        for value in ["q7Rk29sLw0ZpVb3N", "f3a9c17be04d52", "Tr0ub4dor&3"] {
            assert!(!is_placeholder(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn words_and_random_letters_differ() {
        assert!(wordiness(b"authenticationHandler") > 0.7);
        assert!(wordiness(b"qXzKvBnWjRtLpDgF") < 0.5);
        assert_eq!(wordiness(b"1234"), 0.0);
    }

    #[test]
    fn entropy_is_in_bits() {
        assert!((entropy(b"abcd") - 2.0).abs() < 1e-9);
        assert!(!is_random(b"aaaabaaaabaaaabaaaab", None));
        assert!(is_random(b"3f9a0c7e15b2d864", None));
    }
}
