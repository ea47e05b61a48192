//! Fake secrets, made when a test runs: the same seed gives the same value, and no file of this repository holds one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const DIGITS: &[u8; 10] = b"0123456789";

/// Random enough for fakes: splitmix64.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        let mut pick = || char::from(alphabet[(self.next() >> 33) as usize % alphabet.len()]);
        (0..length).map(|_| pick()).collect()
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| (self.next() >> 40) as u8).collect()
    }
}

/// A GitHub classic token with the right checksum: CRC-32 of the body, six digits in base 62.
pub(crate) fn github(seed: u64) -> String {
    let body = Seeded(seed).text(BASE62, 30);
    format!("{}{body}{}", ["gh", "p_"].concat(), base62(crc32fast::hash(body.as_bytes())))
}

/// A GitHub classic token whose checksum is wrong.
pub(crate) fn github_mistyped(seed: u64) -> String {
    let mut token = github(seed);
    let last = if token.pop() == Some('0') { '1' } else { '0' };
    token.push(last);
    token
}

fn base62(mut number: u32) -> String {
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[number as usize % 62];
        number /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

/// The id of an AWS access key.
pub(crate) fn aws_key_id(seed: u64) -> String {
    format!("{}{}", ["AK", "IA"].concat(), Seeded(seed).text(BASE32, 16))
}

/// A Slack bot token.
pub(crate) fn slack(seed: u64) -> String {
    let mut random = Seeded(seed);
    let (team, bot, key) = (random.text(DIGITS, 11), random.text(DIGITS, 11), random.text(BASE62, 24));
    format!("{}-1{team}-1{bot}-{key}", ["xo", "xb"].concat())
}

/// A live secret key of Stripe, in the long form.
pub(crate) fn stripe(seed: u64) -> String {
    format!("{}51{}", ["sk_", "live_"].concat(), Seeded(seed).text(BASE62, 97))
}

/// An RSA private key in armour: real DER (RFC 8017, appendix A.1.2) around random numbers.
pub(crate) fn pem(seed: u64) -> String {
    let mut random = Seeded(seed);
    let mut body = vec![2, 1, 0];
    for length in [256, 3, 256, 128, 128, 128, 128, 128] {
        let mut number = random.bytes(length);
        number[0] = number[0] & 0x7f | 0x40;
        number[length - 1] |= 1;
        body.extend(der(2, &number));
    }
    let lines: Vec<String> = STANDARD
        .encode(der(0x30, &body))
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    let label = ["RSA PRIV", "ATE KEY"].concat();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match length {
        0..128 => vec![tag, length as u8],
        128..256 => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [&head, content].concat()
}

/// A password as a generator makes it.
pub(crate) fn password(seed: u64) -> String {
    let mut random = Seeded(seed);
    format!("{}7{}Q{}k", random.text(BASE62, 9), random.text(BASE62, 9), random.text(BASE62, 4))
}

/// A database URL with a password in it, and the password.
pub(crate) fn database_url(seed: u64) -> (String, String) {
    let word = password(seed);
    (format!("{}://billing:{word}@db7.corp-internal.net:5432/billing", ["post", "gres"].concat()), word)
}

#[test]
fn the_checksum_of_a_fake_github_token_is_right() {
    let token = github(1);
    assert_eq!((token.len(), &token[..4]), (40, ["gh", "p_"].concat().as_str()));
    assert_eq!(token[34..], base62(crc32fast::hash(&token.as_bytes()[4..34])));
    assert_eq!(token, github(1));
    assert_ne!(token, github(2));
    assert_ne!(token[34..], github_mistyped(1)[34..]);
    assert_eq!(base62(62 * 62 + 61), "00010z");
}

#[test]
fn fakes_have_the_length_of_their_format() {
    assert_eq!((aws_key_id(1).len(), slack(1).len(), stripe(1).len()), (20, 55, 107));
    assert!(pem(1).lines().nth(1).is_some_and(|line| line.starts_with("MII") && line.len() == 64));
    let (url, word) = database_url(1);
    assert!(url.contains(&format!(":{word}@")));
}
