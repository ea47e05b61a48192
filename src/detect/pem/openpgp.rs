//! OpenPGP secret keys (RFC 9580): the first packet of an armoured block.

use super::key::Key;

const SECRET_KEY: u8 = 5;
const SECRET_SUBKEY: u8 = 7;

/// Reads the packet of a secret key, or the beginning of one.
pub(super) fn read(bytes: &[u8]) -> Option<Key> {
    let (tag, length, body) = packet(bytes)?;
    if !matches!(tag, SECRET_KEY | SECRET_SUBKEY) {
        return None;
    }
    let whole = length <= body.len();
    let body = &body[..length.min(body.len())];
    let (version, algorithm) = (*body.first()?, *body.get(5)?);
    // Versions 5 and 6 state the length of the public part, in four bytes.
    let mut rest = body.get(
        match version {
            4 => 6,
            5 | 6 => 10,
            _ => return None,
        }..,
    )?;
    let name = public_part(algorithm, &mut rest)?;
    // 0 means that the secret numbers stand there in clear; everything else names a way of encryption.
    let protection = rest.first().copied();
    let key = Key::new(format!("OpenPGP, {name}"), whole && protection.is_some());
    Some(if protection.unwrap_or(0) == 0 { key } else { key.encrypted() })
}

/// CRC-24 of RFC 9580, section 6.1.1.
pub(crate) fn crc24(bytes: &[u8]) -> u32 {
    let register = bytes.iter().fold(0x00b7_04ce, |register, byte| {
        (0..8).fold(register ^ u32::from(*byte) << 16, |register, _| {
            let shifted = register << 1;
            if shifted & 0x0100_0000 == 0 { shifted } else { shifted ^ 0x0186_4cfb }
        })
    });
    register & 0x00ff_ffff
}

/// Tag, length and what follows the header of the first packet.
fn packet(bytes: &[u8]) -> Option<(u8, usize, &[u8])> {
    let (&header, rest) = bytes.split_first()?;
    let number = |count: usize| -> Option<(usize, &[u8])> {
        let (digits, rest) = rest.split_at_checked(count)?;
        Some((digits.iter().fold(0, |number, digit| number << 8 | usize::from(*digit)), rest))
    };
    let (tag, (length, rest)) = match header {
        0x80..0xc0 => (header >> 2 & 15, number(1 << (header & 3)).filter(|_| header & 3 != 3)?),
        0xc0.. => (
            header & 63,
            match rest {
                [first @ 0..192, rest @ ..] => (usize::from(*first), rest),
                [first @ 192..224, second, rest @ ..] => {
                    (((usize::from(*first) - 192) << 8) + usize::from(*second) + 192, rest)
                }
                [255, a, b, c, d, rest @ ..] => (u32::from_be_bytes([*a, *b, *c, *d]) as usize, rest),
                _ => return None,
            },
        ),
        _ => return None,
    };
    Some((tag, length, rest))
}

/// Skips the public numbers of the key and names its algorithm.
fn public_part(algorithm: u8, rest: &mut &[u8]) -> Option<String> {
    let name = match algorithm {
        1..=3 => {
            let bits = integers(1, rest)?;
            integers(1, rest)?;
            return Some(format!("RSA, {bits} bits"));
        }
        16 => (integers(3, rest)?, "Elgamal").1,
        17 => (integers(4, rest)?, "DSA").1,
        18 => {
            identifier(rest)?;
            integers(1, rest)?;
            identifier(rest)?;
            "ECDH"
        }
        19 | 22 => {
            identifier(rest)?;
            integers(1, rest)?;
            if algorithm == 19 { "ECDSA" } else { "EdDSA" }
        }
        25 => (rest.split_off(..32)?, "X25519").1,
        26 => (rest.split_off(..56)?, "X448").1,
        27 => (rest.split_off(..32)?, "Ed25519").1,
        28 => (rest.split_off(..57)?, "Ed448").1,
        _ => return None,
    };
    Some(name.to_owned())
}

/// Skips numbers that state their length in bits, and tells that of the first.
fn integers(count: usize, rest: &mut &[u8]) -> Option<usize> {
    let mut first = None;
    for _ in 0..count {
        let bits = rest.split_off(..2).map(|bits| usize::from(bits[0]) << 8 | usize::from(bits[1]))?;
        rest.split_off(..bits.div_ceil(8))?;
        first = first.or(Some(bits));
    }
    first
}

/// Skips an object identifier, or the parameters of a key derivation: one byte of length, and as many bytes.
fn identifier(rest: &mut &[u8]) -> Option<()> {
    let length = rest.split_off_first()?;
    rest.split_off(..usize::from(*length)).map(|_| ())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_checksum_has_its_published_check_value() {
        assert_eq!(crc24(b"123456789"), 0x0021_cf02);
    }

    proptest! {
        #[test]
        fn any_packet_is_read_without_panic(tag in prop::sample::select(vec![0x95u8, 0x97, 0xc5, 0x94, 0x9d]), bytes: Vec<u8>, version in 3u8..7, algorithm in 0u8..30) {
            let start = [&[tag, bytes.len() as u8, 0, version, 1, 2, 3, 4, algorithm], bytes.as_slice()].concat();
            let _ = read(&start);
            let _ = read(&bytes);
        }
    }
}
