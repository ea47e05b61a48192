//! A private key in armour: `-----BEGIN …-----`, base 64, `-----END …-----`, as it stands in files, diffs, comments,
//! string literals, JSON and environment variables.

use memchr::memmem;

use super::radix::from_base64;

mod body;
mod der;
mod key;
mod openpgp;
mod openssh;

use body::Body;
use key::Key;
pub(crate) use openpgp::crc24;

/// Bytes from the start of the BEGIN line within which the END line has to stand.
pub(crate) const LONGEST: usize = 32 * 1024;
const BEGIN: &[u8] = b"-----BEGIN ";
const DASHES: &[u8] = b"-----";
const LONGEST_LABEL: usize = 64;
/// Characters of base 64 without which the beginning of a key is no leak: that much is often the public half.
const LEAST_OF_A_PART: usize = 200;
/// A key of this many bytes encrypted in the old way (RFC 1421) is the smallest there is.
const SMALLEST_CIPHERTEXT: usize = 64;

/// How much of a key there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PemKind {
    /// A key from beginning to end.
    Complete,
    /// The beginning of a key, without its end.
    Truncated,
    /// Words, dots or bytes that are no key.
    Placeholder,
}

/// An armoured block.
#[derive(Debug)]
pub(crate) struct Pem {
    /// Its length in bytes, to the end of the END line or, if there is none, of what can be read.
    pub(crate) len: usize,
    /// The text between `-----BEGIN ` and `-----`.
    pub(crate) label: String,
    /// What people want to know of it.
    pub(crate) facts: Vec<String>,
    /// Whether a passphrase protects it.
    pub(crate) encrypted: bool,
    /// How much of a key there is.
    pub(crate) kind: PemKind,
}

/// Reads the block at the start of `bytes`, which begin with `-----BEGIN `.
pub(crate) fn parse(bytes: &[u8]) -> Option<Pem> {
    let window = &bytes[..bytes.len().min(LONGEST)];
    let label = label(window)?;
    let start = BEGIN.len() + label.len() + DASHES.len();
    let (stop, end) = stop(&window[start..], label);
    let text = &window[start..start + stop];
    let label = String::from_utf8_lossy(label).into_owned();
    match end {
        Some(end) => Some(whole(label, start + stop + end, &Body::between(text))),
        None => {
            let (body, read) = Body::open_ended(text);
            Some(part(label, start, read, &body))
        }
    }
}

/// Letters, all of them capital or, as some tools write them, none, digits and spaces up to the next dashes.
fn label(window: &[u8]) -> Option<&[u8]> {
    let rest = window.strip_prefix(BEGIN)?;
    let label = &rest[..memchr::memchr(b'-', &rest[..rest.len().min(LONGEST_LABEL + 1)])?];
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b' ';
    let is_mixed = label.iter().any(u8::is_ascii_uppercase) && label.iter().any(u8::is_ascii_lowercase);
    let sound = label.iter().all(is_plain) && !is_mixed;
    (sound && !label.is_empty() && rest[label.len()..].starts_with(DASHES)).then_some(label)
}

/// Where the text of the block stops, and the length of the END line if that is what stops it.
fn stop(text: &[u8], label: &[u8]) -> (usize, Option<usize>) {
    let end_line = [b"-----END ", label, DASHES].concat();
    let dashes = memmem::Finder::new(DASHES);
    let mut from = 0;
    while let Some(found) = dashes.find(&text[from..]) {
        // In a diff that removes the line one more dash stands before it: the last five count.
        let run = text[from + found..].iter().take_while(|&&byte| byte == b'-').count();
        from += found + run;
        let at = from - DASHES.len();
        let rest = &text[at..];
        if rest.starts_with(&end_line) {
            return (at, Some(end_line.len()));
        }
        if rest.starts_with(BEGIN) || rest.starts_with(b"-----END ") {
            return (at, None);
        }
    }
    (text.len(), None)
}

fn whole(label: String, len: usize, body: &Body) -> Pem {
    let decoded = from_base64(&body.base64).filter(|_| body.clean);
    let key = decoded.as_deref().and_then(|bytes| match body.encrypted {
        true => ciphertext(bytes),
        false => structure(bytes),
    });
    let kind = match &key {
        Some(key) if key.whole => PemKind::Complete,
        Some(_) if body.base64.len() >= LEAST_OF_A_PART => PemKind::Truncated,
        _ => PemKind::Placeholder,
    };
    let intact = body.checksum.zip(decoded).is_some_and(|(sum, bytes)| crc24(&bytes) == sum);
    let mut pem = Pem::new(label, len, kind, key);
    pem.facts.extend((intact && kind != PemKind::Placeholder).then(|| "checksum valid".to_owned()));
    pem
}

fn part(label: String, start: usize, read: usize, body: &Body) -> Pem {
    let whole_groups = body.base64.len() / 4 * 4;
    let long = body.base64.len() >= LEAST_OF_A_PART;
    let decoded = from_base64(&body.base64[..whole_groups]).filter(|_| long);
    let key = decoded.as_deref().and_then(|bytes| match body.encrypted {
        true => varied(bytes).then(|| Key::new("private key", false).encrypted()),
        false => structure(bytes),
    });
    match key {
        Some(key) => Pem::new(label, start + read, PemKind::Truncated, Some(key)),
        None => Pem::new(label, start, PemKind::Placeholder, None),
    }
}

impl Pem {
    fn new(label: String, len: usize, kind: PemKind, key: Option<Key>) -> Self {
        let encrypted = key.as_ref().is_some_and(|key| key.encrypted);
        let mut facts = Vec::new();
        if let Some(key) = key.filter(|_| kind != PemKind::Placeholder) {
            facts.push(key.name);
            facts.extend(key.fingerprint);
            facts.push(if encrypted { "encrypted with a passphrase" } else { "not encrypted" }.to_owned());
        }
        if kind == PemKind::Truncated {
            facts.push("cut off before its end".to_owned());
        }
        Self { len, label, facts, encrypted, kind }
    }
}

/// The key whose outer structure the bytes have.
fn structure(bytes: &[u8]) -> Option<Key> {
    openssh::read(bytes).or_else(|| key::read(bytes)).or_else(|| openpgp::read(bytes))
}

/// A block cipher's output has no structure, but whole blocks and no repetition.
fn ciphertext(bytes: &[u8]) -> Option<Key> {
    let sound = bytes.len() >= SMALLEST_CIPHERTEXT && bytes.len().is_multiple_of(8) && varied(bytes);
    sound.then(|| Key::new("private key", true).encrypted())
}

/// Whether the bytes may be random: enough different ones among the first 256.
fn varied(bytes: &[u8]) -> bool {
    let mut seen = [false; 256];
    let sample = &bytes[..bytes.len().min(256)];
    sample.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    seen.iter().filter(|seen| **seen).count() > sample.len() / 4
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::detect::example::expand;

    const LABELS: [(&str, &str); 7] = [
        ("RSA PRIVATE KEY", "RSA, 2048 bits"),
        ("EC PRIVATE KEY", "EC, curve P-256"),
        ("PRIVATE KEY", "RSA, 2048 bits"),
        ("OPENSSH PRIVATE KEY", "ssh-ed25519"),
        ("DSA PRIVATE KEY", "DSA, 1024 bits"),
        ("ENCRYPTED PRIVATE KEY", "private key"),
        ("PGP PRIVATE KEY BLOCK", "OpenPGP, RSA, 2048 bits"),
    ];

    /// What a place does to a key that is written there.
    type Dress = fn(&str) -> String;

    fn key(label: &str) -> String {
        String::from_utf8(expand(&format!("{{{{pem:{label}}}}}"), None, 5).unwrap()).unwrap()
    }

    fn read(text: &str) -> Pem {
        parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn keys_of_every_kind_are_complete_and_tell_what_they_are() {
        for (label, name) in LABELS {
            let text = key(label);
            let pem = read(&format!("{text}\nmore"));
            assert_eq!((pem.len, pem.label.as_str(), pem.kind), (text.len(), label, PemKind::Complete));
            assert_eq!(pem.facts[0], name);
            assert_eq!(pem.encrypted, label.starts_with("ENCRYPTED"));
        }
        assert!(read(&key("RSA PRIVATE KEY")).facts[1].starts_with("SHA-256 of the modulus begins "));
        assert!(read(&key("OPENSSH PRIVATE KEY")).facts[1].starts_with("fingerprint SHA256:"));
        assert_eq!(read(&key("PGP PRIVATE KEY BLOCK")).facts[1..], ["not encrypted", "checksum valid"]);
        assert_eq!(read(&key("ENCRYPTED PRIVATE KEY")).facts[1..], ["encrypted with a passphrase"]);
    }

    #[test]
    fn keys_are_read_whatever_stands_around_their_lines() {
        let surroundings: [(&str, Dress); 18] = [
            ("CRLF", |text| text.replace('\n', "\r\n")),
            ("indentation", |text| text.replace('\n', "\n    ")),
            ("mail", |text| text.replace('\n', "\n> ")),
            ("mail within mail", |text| text.replace('\n', "\n> > ")),
            ("comment", |text| text.replace('\n', "\n# ")),
            ("comment with slashes", |text| text.replace('\n', "\n    // ")),
            ("comment with stars", |text| text.replace('\n', "\n * ")),
            ("diff", |text| text.replace('\n', "\n+")),
            ("diff that removes it", |text| text.replace('\n', "\n-")),
            ("diff of an indented file", |text| text.replace('\n', "\n-  ")),
            ("escaped line breaks", |text| text.replace('\n', "\\n")),
            ("escaped escapes", |text| text.replace('\n', "\\\\n")),
            ("escapes and CR", |text| text.replace('\n', "\\r\\n")),
            ("escapes and line breaks", |text| text.replace('\n', "\\n\\\n")),
            ("escaped slashes", |text| text.replace('\n', "\\n").replace('/', "\\/")),
            ("escaped equal signs", |text| text.replace('\n', "\\n").replace('=', "\\u003d")),
            ("concatenation", |text| text.replace('\n', "\\n\" +\n    \"")),
            ("implicit concatenation", |text| text.replace('\n', "\\n'\n '")),
        ];
        for (name, dress) in surroundings {
            for (label, _) in LABELS {
                let text = dress(&key(label));
                let pem = read(&format!("{text}\"\n"));
                assert_eq!((pem.kind, pem.len), (PemKind::Complete, text.len()), "{name} {label}: {text}");
            }
        }
    }

    #[test]
    fn keys_on_one_line_are_read() {
        for (label, _) in LABELS.iter().filter(|(label, _)| !label.starts_with("PGP")) {
            for between in [" ", ""] {
                let text = key(label).replace('\n', between);
                assert_eq!((read(&text).kind, read(&text).len), (PemKind::Complete, text.len()), "{label}");
            }
        }
        assert_eq!(read(&key("PGP PRIVATE KEY BLOCK").replace('\n', " ")).kind, PemKind::Complete);
    }

    #[test]
    fn headers_tell_of_encryption() {
        let lines: Vec<String> = (0..10u8)
            .map(|line| super::super::radix::to_base64(&[line; 48].map(|byte| byte.wrapping_mul(37))))
            .collect();
        let random =
            String::from_utf8(expand("{{base64:64}}\n{{base64:64}}\n{{base64:64}}", None, 3).unwrap());
        let headers = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0123456789ABCDEF0123456789ABCDEF\n";
        let (begin, end) = ("-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----");
        let random = random.unwrap();
        for text in [
            format!("{begin}\n{headers}\n{random}\n{end}"),
            format!("{begin} {headers} {random} {end}").replace('\n', " "),
        ] {
            let pem = read(&text);
            assert_eq!((pem.kind, pem.encrypted), (PemKind::Complete, true), "{text}");
        }
        let constant = format!("{begin}\n{headers}\n{}\n{end}", lines.join("\n"));
        assert_eq!(read(&constant).kind, PemKind::Placeholder);
        let comment =
            key("PGP PRIVATE KEY BLOCK").replacen('\n', "\nVersion: GnuPG v2\nComment: a b, c\n", 1);
        assert_eq!(read(&comment).kind, PemKind::Complete);
    }

    #[test]
    fn what_is_no_key_is_a_placeholder() {
        for body in [
            "",
            "...",
            "MIIE...your key here",
            "<your private key>",
            "${PRIVATE_KEY}",
            "MIIEpAIBAAKCAQEA\n...\n",
            &"A".repeat(640),
            &"MIIEpAIBAAKCAQEA".repeat(60),
            "VGhpcyBpcyBub3QgYSBrZXkgYXQgYWxsLCBqdXN0IHdvcmRz",
        ] {
            let text = format!("-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----");
            let pem = read(&text);
            assert_eq!((pem.kind, pem.len), (PemKind::Placeholder, text.len()), "{body}");
            assert!(pem.facts.is_empty());
        }
    }

    #[test]
    fn keys_without_end_are_truncated() {
        let text = key("RSA PRIVATE KEY");
        for (dress, name) in [("\n", "plain"), ("\n+", "diff"), ("\n  // ", "comment"), ("\\n", "escaped")] {
            let dressed = text.replace('\n', dress);
            let cut = &dressed[..dressed.find("-----END").unwrap() - 100];
            for rest in ["", "\nthe end, my friend", "\n-----BEGIN OTHER-----", "\n-----END CERTIFICATE-----"]
            {
                let pem = read(&format!("{cut}{rest}"));
                assert_eq!(
                    (pem.kind, pem.facts[0].as_str()),
                    (PemKind::Truncated, "RSA, 2048 bits"),
                    "{name}"
                );
                assert!(pem.len >= cut.len() && pem.len <= cut.len() + 1, "{name}{rest}");
            }
        }
        let mention = "-----BEGIN RSA PRIVATE KEY-----\n is how it begins";
        assert_eq!((read(mention).kind, read(mention).len), (PemKind::Placeholder, 31));
        assert_eq!(read(&text[..150]).kind, PemKind::Placeholder);
        let ssh = key("OPENSSH PRIVATE KEY");
        assert_eq!(read(&ssh[..300]).kind, PemKind::Truncated);
        let lacking = [&text[..900], "\n-----END RSA PRIVATE KEY-----"].concat();
        assert_eq!((read(&lacking).kind, read(&lacking).len), (PemKind::Truncated, lacking.len()));
    }

    #[test]
    fn dense_armour_takes_linear_time() {
        for unit in [
            "-----BEGIN RSA PRIVATE KEY-----\n",
            "-----BEGIN A-----",
            "-----",
            "-----BEGIN A-----\nAAAA\\n\"\n",
        ] {
            let text = format!("-----BEGIN A-----{}", unit.repeat(200_000 / unit.len()));
            let started = std::time::Instant::now();
            for at in memmem::find_iter(text.as_bytes(), BEGIN) {
                let _ = parse(&text.as_bytes()[at..]);
            }
            assert!(started.elapsed().as_millis() < 1000, "{unit}: {:?}", started.elapsed());
        }
    }

    #[test]
    fn labels_are_capital_or_small_letters() {
        for (label, _) in LABELS.iter().filter(|(label, _)| !label.starts_with("PGP")) {
            let small = label.to_lowercase();
            let read = read(&key(label).replace(label, &small));
            assert_eq!((read.kind, read.label), (PemKind::Complete, small));
        }
        for text in
            ["-----BEGIN -----", "-----BEGIN aB-----", "-----BEGIN A----", "-----BEGIN A", "BEGIN A-----", ""]
        {
            assert!(parse(text.as_bytes()).is_none(), "{text}");
        }
        assert!(parse(format!("-----BEGIN {}-----", "A".repeat(65)).as_bytes()).is_none());
    }

    #[test]
    fn no_more_is_read_than_32_kilobytes() {
        let far = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----", "A".repeat(LONGEST));
        assert_eq!((read(&far).kind, read(&far).len), (PemKind::Placeholder, 27));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(
            tail: Vec<u8>,
            text in "([A-Za-z0-9+/=]{4}|\\\\{1,3}[nru\"]?|[>#+\"' \t]|\n|-----|Proc-Type: 4,ENCRYPTED\n){0,60}",
            end: bool,
        ) {
            for middle in [tail.as_slice(), text.as_bytes()] {
                let ending: &[u8] = if end { b"-----END RSA PRIVATE KEY-----" } else { b"" };
                let whole = [b"-----BEGIN RSA PRIVATE KEY-----", middle, ending].concat();
                let pem = parse(&whole).unwrap();
                prop_assert!(pem.len <= whole.len());
                let _ = parse(&[BEGIN, middle].concat());
            }
        }

        #[test]
        fn any_damage_to_a_key_is_survived(which in 0..LABELS.len(), at: prop::sample::Index, byte: u8, drop: bool) {
            let mut text = key(LABELS[which].0).into_bytes();
            let at = at.index(text.len() - 30) + 30;
            if drop { text.truncate(at); } else { text[at] = byte; }
            if let Some(pem) = parse(&text) {
                prop_assert!(pem.len <= text.len());
            }
        }

        #[test]
        fn any_structure_is_read_without_panic(lead in prop::sample::select(vec![&b""[..], b"openssh-key-v1\0", &[0x30, 0x82, 1, 0], &[0x30, 0x20, 2, 1, 0], &[0x30, 0x20, 2, 1, 1, 4, 16]]), bytes: Vec<u8>) {
            let _ = structure(&[lead, &bytes].concat());
        }
    }
}
