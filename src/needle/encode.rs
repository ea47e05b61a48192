//! The encodings of a value: every form in which text, code, mail or a manifest may carry it.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::finding::Decoding;
use crate::secret::Secret;

/// A needle shorter than this would match by chance.
const SHORTEST: usize = 6;
/// Longer ones are cut: their start says enough, and a match has to fit into the overlap of two chunks.
const LONGEST: usize = 32 << 10;
/// From this length on, base64 and hexadecimal are looked for across line ends, too.
pub(super) const WRAPPABLE: usize = 24;

/// One form of a value.
#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) bytes: Secret,
    /// Outermost first; empty for the value as it is.
    pub(super) decoding: Vec<Decoding>,
    /// Whether line ends may stand in it.
    pub(super) wraps: bool,
}

/// The value as it is.
pub(super) fn plain(value: &[u8]) -> Form {
    Form { bytes: Secret::new(value), decoding: Vec::new(), wraps: false }
}

/// Every form of the value, the plain one first, each only once.
pub(super) fn forms(value: &[u8]) -> Vec<Form> {
    let mut forms = Forms(vec![plain(value)]);
    let text = std::str::from_utf8(value).ok();
    if value.contains(&b'\n') && !value.contains(&b'\r') {
        forms.add(&[], replace(value, |byte| (byte == b'\n').then(|| b"\r\n".to_vec())));
    }
    forms.radix(&[], value);
    forms.percent(value);
    forms.code(value);
    if let Some(text) = text {
        forms.unicode(text);
        forms.entities(text);
        forms.utf16(text);
    }
    forms.add(&[Decoding::QuotedPrintable], quoted_printable(value));
    forms.0
}

struct Forms(Vec<Form>);

impl Forms {
    fn add(&mut self, decoding: &[Decoding], bytes: impl Into<Vec<u8>>) {
        self.push(decoding, bytes.into(), false);
    }

    fn push(&mut self, decoding: &[Decoding], mut bytes: Vec<u8>, wraps: bool) {
        bytes.truncate(LONGEST);
        let bytes = Secret::new(bytes);
        if bytes.len() >= SHORTEST && !self.0.iter().any(|known| known.bytes == bytes) {
            let wraps = wraps && bytes.len() >= WRAPPABLE;
            self.0.push(Form { bytes, decoding: decoding.to_vec(), wraps });
        }
    }

    /// Base64 in both alphabets at each alignment, and hexadecimal in both cases.
    fn radix(&mut self, inner: &[Decoding], value: &[u8]) {
        let chain = |outer| [&[outer], inner].concat();
        for skipped in 0..3 {
            let padded = [&[0; 2][..skipped.min(2)], value].concat();
            // Only the characters that no neighbouring byte has a say in.
            let (first, last) = ((skipped * 8).div_ceil(6), padded.len() * 8 / 6);
            for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
                let encoded = engine.encode(&padded);
                let known = encoded.as_bytes().get(first..last).unwrap_or_default();
                self.push(&chain(Decoding::Base64), known.to_vec(), true);
            }
        }
        for digits in [lower_hex, upper_hex] {
            let encoded: String = value.iter().map(|&byte| digits(byte)).collect();
            self.push(&chain(Decoding::Hex), encoded.into_bytes(), true);
        }
    }

    /// URLs: reserved characters, those that browsers encode, form fields, and every byte.
    fn percent(&mut self, value: &[u8]) {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let component = |byte: u8| unreserved(byte) || b"!'()*".contains(&byte);
        let path = |byte: u8| component(byte) || b"$&+,;=:@/".contains(&byte);
        for digits in [upper_hex, lower_hex] {
            let escape = |byte: u8| format!("%{}", digits(byte)).into_bytes();
            for kept in [&unreserved as &dyn Fn(u8) -> bool, &component, &path, &|_| false] {
                self.add(&[Decoding::Percent], replace(value, |byte| (!kept(byte)).then(|| escape(byte))));
            }
            let form = replace(value, |byte| match byte {
                b' ' => Some(b"+".to_vec()),
                byte => (!unreserved(byte)).then(|| escape(byte)),
            });
            self.add(&[Decoding::Percent], form);
        }
    }

    /// String literals of JSON and of code, and `\x41`.
    fn code(&mut self, value: &[u8]) {
        self.add(&[Decoding::Escape], replace(value, short_escape));
        let slashed = |byte| if byte == b'/' { Some(b"\\/".to_vec()) } else { short_escape(byte) };
        self.add(&[Decoding::Escape], replace(value, slashed));
        let single = |byte| match byte {
            b'\'' => Some(b"\\'".to_vec()),
            b'"' => None,
            byte => short_escape(byte),
        };
        self.add(&[Decoding::Escape], replace(value, single));
        // A string that holds JSON, as in a workflow log.
        let twice = replace(value, short_escape);
        self.add(&[Decoding::Escape, Decoding::Escape], replace(&twice, short_escape));
        for digits in [lower_hex, upper_hex] {
            let all: String = value.iter().map(|&byte| format!("\\x{}", digits(byte))).collect();
            self.add(&[Decoding::Escape], all);
        }
    }

    /// `\u0041` of what is not ASCII, of what HTML-safe writers of JSON escape, and of everything.
    fn unicode(&mut self, text: &str) {
        let foreign = |character: char| !character.is_ascii();
        let unsafe_in_html = |character: char| "<>&".contains(character);
        let unsafe_in_scripts = |character: char| "<>&='".contains(character);
        let asked: [&dyn Fn(char) -> bool; 5] =
            [&foreign, &unsafe_in_html, &unsafe_in_scripts, &|c| foreign(c) || "<>&".contains(c), &|_| true];
        for upper in [false, true] {
            for escaped in asked {
                let mut out = String::new();
                for character in text.chars() {
                    let short = u8::try_from(character).ok().and_then(short_escape);
                    match short {
                        _ if escaped(character) => push_unicode(&mut out, character, upper),
                        Some(short) => out.push_str(&String::from_utf8_lossy(&short)),
                        None => out.push(character),
                    }
                }
                self.add(&[Decoding::Escape], out);
            }
        }
    }

    /// HTML and XML, with the three spellings of an apostrophe.
    fn entities(&mut self, text: &str) {
        for apostrophe in ["'", "&#39;", "&#x27;", "&apos;"] {
            for quote in ["\"", "&quot;", "&#34;"] {
                let encoded = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                let encoded = encoded.replace('"', quote).replace('\'', apostrophe);
                self.add(&[Decoding::Entity], encoded);
            }
        }
        let numbers: String = text.chars().map(|character| format!("&#{};", u32::from(character))).collect();
        self.add(&[Decoding::Entity], numbers);
    }

    /// UTF-16 in both byte orders, and its base64, as `powershell -EncodedCommand` takes it.
    fn utf16(&mut self, text: &str) {
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        self.add(&[Decoding::Utf16], little.clone());
        self.add(&[Decoding::Utf16], big);
        self.radix(&[Decoding::Utf16], &little);
    }
}

/// The value with some bytes replaced.
fn replace(value: &[u8], with: impl Fn(u8) -> Option<Vec<u8>>) -> Vec<u8> {
    value.iter().flat_map(|&byte| with(byte).unwrap_or_else(|| vec![byte])).collect()
}

/// What JSON must escape, as every writer does it.
fn short_escape(byte: u8) -> Option<Vec<u8>> {
    let escaped = match byte {
        b'"' => "\\\"".into(),
        b'\\' => "\\\\".into(),
        b'\n' => "\\n".into(),
        b'\r' => "\\r".into(),
        b'\t' => "\\t".into(),
        8 => "\\b".into(),
        12 => "\\f".into(),
        0..32 => format!("\\u{byte:04x}"),
        _ => return None,
    };
    Some(escaped.into_bytes())
}

fn push_unicode(out: &mut String, character: char, upper: bool) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        // Writing to a string cannot fail.
        let _ = if upper { write!(out, "\\u{unit:04X}") } else { write!(out, "\\u{unit:04x}") };
    }
}

/// RFC 2045 section 6.7, without soft line breaks.
fn quoted_printable(value: &[u8]) -> Vec<u8> {
    replace(value, |byte| {
        let plain = matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n') && byte != b'=';
        (!plain).then(|| format!("={}", upper_hex(byte)).into_bytes())
    })
}

fn lower_hex(byte: u8) -> String {
    format!("{byte:02x}")
}

fn upper_hex(byte: u8) -> String {
    format!("{byte:02X}")
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};

    use super::*;

    /// Whether some form of the value with that outer decoding stands in the text.
    fn stands(value: &[u8], outer: Option<Decoding>, text: &[u8]) -> bool {
        forms(value)
            .iter()
            .filter(|form| form.decoding.first().copied() == outer)
            .any(|form| memchr::memmem::find(text, form.bytes.expose()).is_some())
    }

    #[test]
    fn base64_is_recognised_whatever_stands_around_the_value() {
        let value = b"s3cr3t/+~?value";
        for before in 0..6 {
            for after in 0..4 {
                let text = [&vec![b'x'; before][..], value, &vec![b'y'; after]].concat();
                for encoded in [BASE64_STANDARD.encode(&text), BASE64_URL_SAFE.encode(&text)] {
                    assert!(stands(value, Some(Decoding::Base64), encoded.as_bytes()), "{before} {after}");
                }
            }
        }
    }

    #[test]
    fn text_encodings_are_those_of_common_writers() {
        let value = "pä\"s/w&rd='x y\n";
        let json = serde_json::to_string(value).unwrap();
        for (decoding, text) in [
            (Decoding::Escape, json.as_str()),
            (Decoding::Escape, r#"p\u00e4\"s/w&rd='x y\n"#),
            (Decoding::Escape, r#"p\u00e4\"s/w\u0026rd='x y\n"#),
            (Decoding::Escape, r#"pä\"s/w\u0026rd\u003d\u0027x y\n"#),
            (Decoding::Escape, r#"pä\"s\/w&rd='x y\n"#),
            (Decoding::Percent, "p%C3%A4%22s%2Fw%26rd%3D%27x%20y%0A"),
            (Decoding::Percent, "p%c3%a4%22s%2fw%26rd%3d'x%20y%0a"),
            (Decoding::Percent, "p%C3%A4%22s/w&rd='x%20y%0A"),
            (Decoding::Percent, "p%C3%A4%22s%2Fw%26rd%3D%27x+y%0A"),
            (Decoding::Entity, "pä&quot;s/w&amp;rd=&#39;x y\n"),
            (Decoding::Entity, "pä\"s/w&amp;rd='x y\n"),
            (Decoding::QuotedPrintable, "p=C3=A4\"s/w&rd=3D'x y\n"),
        ] {
            assert!(stands(value.as_bytes(), Some(decoding), text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn every_byte_may_be_escaped() {
        let value = b"key-0+1";
        for (decoding, text) in [
            (Decoding::Percent, "%6b%65%79%2d%30%2b%31"),
            (Decoding::Escape, r"\u006B\u0065\u0079\u002D\u0030\u002B\u0031"),
            (Decoding::Escape, r"\x6b\x65\x79\x2d\x30\x2b\x31"),
            (Decoding::Hex, "6B65792D302B31"),
            (Decoding::Utf16, "k\0e\0y\0-\x000\0+\x001\0"),
            (Decoding::Entity, "&#107;&#101;&#121;&#45;&#48;&#43;&#49;"),
        ] {
            assert!(stands(value, Some(decoding), text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn forms_are_distinct_long_enough_and_silent() {
        for value in ["abcd", "plain0value", "with\nline", "ünïcode-välue"] {
            let forms = forms(value.as_bytes());
            assert!(forms[0].decoding.is_empty() && forms[0].bytes.expose() == value.as_bytes());
            for (at, form) in forms.iter().enumerate().skip(1) {
                assert!(form.bytes.len() >= SHORTEST);
                assert!(forms[..at].iter().all(|other| other.bytes != form.bytes));
            }
            assert!(!format!("{forms:?}").contains(value));
        }
        assert!(forms(&[b'x'; 16 << 10]).iter().all(|form| form.bytes.len() <= LONGEST));
    }
}
