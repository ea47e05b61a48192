//! Bytes and numbers written in other radixes: base 64, 58, 36, 32 and 62, and hexadecimal.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Tokens come with and without padding, and some issuers fill the spare bits of the last character.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
static STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
static URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT.with_encode_padding(false));

/// Digits of base 62 in the order that GitHub's checksum uses; the first 36, in lower case, are those of base 36.
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// Decoding base 58 takes time that grows with the square of the length; no token is longer.
const LONGEST_BASE58: usize = 256;

/// Decodes standard base 64 with or without padding.
pub(crate) fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Decodes base 64 in the URL-safe alphabet with or without padding.
pub(crate) fn from_base64url(text: &[u8]) -> Option<Vec<u8>> {
    URL.decode(text).ok()
}

/// Standard base 64 with padding.
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Base 64 in the URL-safe alphabet without padding.
pub(crate) fn to_base64url(bytes: &[u8]) -> String {
    URL.encode(bytes)
}

/// A number in base 62 with at least `width` digits.
pub(crate) fn to_base62(number: u32, width: usize) -> Vec<u8> {
    digits(number, 62, width)
}

/// A number in base 36, lower case, with at least `width` digits.
pub(crate) fn to_base36(number: u32, width: usize) -> Vec<u8> {
    let mut text = digits(number, 36, width);
    text.make_ascii_lowercase();
    text
}

/// Reads a number in base 36 of either case that fits.
pub(crate) fn from_base36(text: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(text).ok()?, 36).ok()
}

/// Reads eight hexadecimal digits of either case.
pub(crate) fn from_hex8(text: &[u8]) -> Option<u32> {
    let sound = text.len() == 8 && text.iter().all(u8::is_ascii_hexdigit);
    u32::from_str_radix(std::str::from_utf8(text).ok().filter(|_| sound)?, 16).ok()
}

/// Decodes base 32 of RFC 4648 of either case; bits that fill no byte are dropped.
pub(crate) fn from_base32(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 5 / 8);
    let (mut window, mut bits) = (0u32, 0);
    for byte in text {
        let value = match byte.to_ascii_uppercase() {
            letter @ b'A'..=b'Z' => letter - b'A',
            digit @ b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        };
        window = window << 5 | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((window >> bits) as u8);
            window &= (1 << bits) - 1;
        }
    }
    Some(bytes)
}

/// Base 32 of RFC 4648 in lower case without padding.
pub(crate) fn to_base32(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len() * 8 / 5 + 1);
    let digit = |value: u32| b"abcdefghijklmnopqrstuvwxyz234567"[(value & 31) as usize];
    let (mut window, mut bits) = (0u32, 0);
    for &byte in bytes {
        window = (window & 31) << 8 | u32::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(digit(window >> bits));
        }
    }
    if bits > 0 {
        text.push(digit(window << (5 - bits)));
    }
    text
}

/// Decodes base 58 of at most 256 characters.
pub(crate) fn from_base58(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() > LONGEST_BASE58 {
        return None;
    }
    let mut little_endian: Vec<u8> = Vec::with_capacity(text.len());
    for byte in text {
        let mut carry = BASE58.iter().position(|digit| digit == byte)? as u32;
        for byte in &mut little_endian {
            carry += u32::from(*byte) * 58;
            *byte = carry as u8;
            carry >>= 8;
        }
        if carry > 0 {
            little_endian.push(carry as u8);
        }
    }
    let zeros = text.iter().take_while(|&&byte| byte == b'1').count();
    little_endian.extend(std::iter::repeat_n(0, zeros));
    little_endian.reverse();
    Some(little_endian)
}

fn digits(mut number: u32, radix: u32, width: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(width);
    while number > 0 || text.len() < width {
        text.push(BASE62[(number % radix) as usize]);
        number /= radix;
    }
    text.reverse();
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_padded_on_the_left() {
        assert_eq!(to_base62(0, 6), b"000000");
        assert_eq!(to_base62(61, 2), b"0z");
        assert_eq!(to_base62(u32::MAX, 6), b"4gfFC3");
        assert_eq!(to_base36(u32::MAX, 7), b"1z141z3");
        assert_eq!(from_base36(b"1z141z3"), Some(u64::from(u32::MAX)));
        assert_eq!(from_base36(b"-1"), None);
        assert_eq!(from_hex8(b"Cbf43926"), Some(0xcbf4_3926));
        assert_eq!(from_hex8(b"+bf43926"), None);
    }

    #[test]
    fn bytes_follow_rfc_4648_and_the_base58_draft() {
        assert_eq!(to_base32(b"foobar"), b"mzxw6ytboi");
        assert_eq!(from_base32(b"MZXW6YTBOI").unwrap(), b"foobar");
        assert_eq!(from_base32(b"mzxw1"), None);
        assert_eq!(to_base64(b"foob"), "Zm9vYg==");
        assert_eq!(from_base64(b"Zm9vYg==").unwrap(), b"foob");
        assert_eq!(from_base64(b"Zm9vYh").unwrap(), b"foob");
        assert_eq!(from_base64url(b"-_8").unwrap(), [0xfb, 0xff]);
        assert_eq!(to_base64url(&[0xfb, 0xff]), "-_8");
        assert_eq!(
            from_base58(b"USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z").unwrap(),
            b"The quick brown fox jumps over the lazy dog."
        );
        assert_eq!(from_base58(b"11233QC4").unwrap(), [0, 0, 0x28, 0x7f, 0xb4, 0xcd]);
        assert_eq!(from_base58(b"0"), None);
    }

    proptest! {
        #[test]
        fn base32_round_trips(bytes: Vec<u8>) {
            prop_assert_eq!(from_base32(&to_base32(&bytes)).unwrap(), bytes);
        }
    }
}
