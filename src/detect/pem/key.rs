//! Private keys in DER: PKCS#1 (RFC 8017), PKCS#8 (RFC 5958), SEC 1 (RFC 5915) and OpenSSL's form of DSA.

use sha2::{Digest, Sha256};

use super::der::{CONTEXT_0, Element, INTEGER, OBJECT_ID, OCTET_STRING, Reader, SEQUENCE};
use super::varied;

/// What the structure of a key tells.
#[derive(Debug)]
pub(super) struct Key {
    /// Algorithm and size.
    pub(super) name: String,
    /// A hash of its public half, by which the two can be matched.
    pub(super) fingerprint: Option<String>,
    pub(super) encrypted: bool,
    /// Whether it is there to its end.
    pub(super) whole: bool,
}

impl Key {
    pub(super) fn new(name: impl Into<String>, whole: bool) -> Self {
        Self { name: name.into(), fingerprint: None, encrypted: false, whole }
    }

    pub(super) fn encrypted(self) -> Self {
        Self { encrypted: true, ..self }
    }
}

/// Smallest and largest modulus that anyone uses, in bits.
const MODULUS: std::ops::RangeInclusive<usize> = 512..=16_384;
/// Bytes of the largest public exponent that anyone uses.
const LARGEST_EXPONENT: usize = 16;
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
/// Object identifiers of algorithms other than these two, by their beginning.
const ALGORITHMS: [(&[u8], &str); 7] = [
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0a], "RSA-PSS"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1], "DSA"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 3, 1], "Diffie-Hellman"),
    (&[0x2b, 0x65, 0x6e], "X25519"),
    (&[0x2b, 0x65, 0x6f], "X448"),
    (&[0x2b, 0x65, 0x70], "Ed25519"),
    (&[0x2b, 0x65, 0x71], "Ed448"),
];
const CURVES: [(&[u8], &str); 5] = [
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7], "P-256"),
    (&[0x2b, 0x81, 4, 0, 0x22], "P-384"),
    (&[0x2b, 0x81, 4, 0, 0x23], "P-521"),
    (&[0x2b, 0x81, 4, 0, 0x0a], "secp256k1"),
    (&[0x2b, 0x24, 3, 3, 2, 8, 1, 1, 7], "brainpoolP256r1"),
];
/// Password-based encryption: PKCS#5 and PKCS#12.
const ENCRYPTIONS: [&[u8]; 2] =
    [&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5], &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 0x0c, 1]];

/// Reads a key, or the beginning of one.
pub(super) fn read(bytes: &[u8]) -> Option<Key> {
    let outer = Reader::new(bytes).cut().filter(|outer| outer.tag == SEQUENCE)?;
    let whole = outer.value.len() == outer.stated;
    let mut fields = Reader::new(outer.value);
    if fields.tag()? == SEQUENCE {
        return encrypted(fields, whole);
    }
    let version = fields.expect(INTEGER)?;
    match (version, fields.tag()?) {
        ([0 | 1], SEQUENCE) => pkcs8(fields, whole),
        ([0 | 1], INTEGER) => integers(fields, whole),
        ([1], OCTET_STRING) => sec1(fields, whole),
        _ => None,
    }
}

fn encrypted(mut fields: Reader<'_>, whole: bool) -> Option<Key> {
    let method = Reader::new(fields.expect(SEQUENCE)?).expect(OBJECT_ID)?;
    let known = ENCRYPTIONS.iter().any(|start| method.starts_with(start));
    let secret = fields.cut().filter(|secret| known && secret.tag == OCTET_STRING && varied(secret.value))?;
    Some(Key::new("private key", whole && is_whole(&secret)).encrypted())
}

fn pkcs8(mut fields: Reader<'_>, whole: bool) -> Option<Key> {
    let mut algorithm = Reader::new(fields.expect(SEQUENCE)?);
    let id = algorithm.expect(OBJECT_ID)?;
    let secret = fields.cut().filter(|secret| secret.tag == OCTET_STRING)?;
    let whole = whole && is_whole(&secret);
    if id == RSA {
        let inner = read(secret.value)?;
        return Some(Key { whole: whole && inner.whole, ..inner });
    }
    if !varied(secret.value) {
        return None;
    }
    if id == EC {
        return Some(Key::new(curve(algorithm.expect(OBJECT_ID)), whole));
    }
    let name = ALGORITHMS.iter().find(|(start, _)| id.starts_with(start));
    Some(Key::new(name.map_or("PKCS#8 key of another algorithm", |(_, name)| name), whole))
}

/// RSA has eight numbers or more after the version, of which the second is small; DSA has five.
fn integers(mut fields: Reader<'_>, whole: bool) -> Option<Key> {
    let first = fields.cut().filter(|first| first.tag == INTEGER)?;
    let size = modulus_bits(&first)?;
    let dsa = fields.cut().is_some_and(|second| second.stated > LARGEST_EXPONENT);
    let mut others = 0;
    while fields.expect(INTEGER).is_some_and(|number| !number.is_empty()) {
        others += 1;
    }
    match (dsa, whole, others) {
        (true, true, 3) | (true, false, _) => Some(Key::new(format!("DSA, {size} bits"), whole)),
        (false, true, 6..) | (false, false, _) => {
            let modulus = first.value.strip_prefix(&[0]).unwrap_or(first.value);
            let fingerprint = is_whole(&first).then(|| short_hash(modulus));
            Some(Key { fingerprint, ..Key::new(format!("RSA, {size} bits"), whole) })
        }
        _ => None,
    }
}

fn sec1(mut fields: Reader<'_>, whole: bool) -> Option<Key> {
    let secret =
        fields.expect(OCTET_STRING).filter(|secret| matches!(secret.len(), 16..=72) && varied(secret))?;
    let parameters =
        fields.expect(CONTEXT_0).and_then(|parameters| Reader::new(parameters).expect(OBJECT_ID));
    match parameters {
        Some(id) => Some(Key::new(curve(Some(id)), whole)),
        None => Some(Key::new(format!("EC, {} bits", secret.len() * 8), whole)),
    }
}

fn curve(id: Option<&[u8]>) -> String {
    let name = CURVES.iter().find(|(known, _)| Some(*known) == id);
    name.map_or("EC".to_owned(), |(_, name)| format!("EC, curve {name}"))
}

fn is_whole(element: &Element<'_>) -> bool {
    element.value.len() == element.stated
}

/// The size that the number states, if it can be a modulus: positive, odd as far as one can see, and random.
fn modulus_bits(number: &Element<'_>) -> Option<usize> {
    let (zeros, top) = match number.value {
        [0, top, ..] => (1, *top),
        [top, ..] => (0, *top),
        [] => return None,
    };
    let bits = number.stated.checked_sub(zeros)?.checked_mul(8)?.checked_sub(top.leading_zeros() as usize)?;
    let odd = !is_whole(number) || number.value.last().is_some_and(|last| last & 1 == 1);
    (odd && (zeros == 1 || top < 0x80) && MODULUS.contains(&bits) && varied(number.value)).then_some(bits)
}

fn short_hash(modulus: &[u8]) -> String {
    let digest = Sha256::digest(modulus);
    let digits: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("SHA-256 of the modulus begins {digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, value: &[u8]) -> Vec<u8> {
        let length = (value.len() as u16).to_be_bytes();
        [&[tag, 0x82], length.as_slice(), value].concat()
    }

    fn number(length: usize) -> Vec<u8> {
        element(INTEGER, &(0..length).map(|at| (at * 37 + 64) as u8 & 0x7f | 1).collect::<Vec<_>>())
    }

    #[test]
    fn numbers_make_a_key_only_if_there_are_enough_of_them() {
        let key = |lengths: &[usize]| {
            let numbers: Vec<u8> = lengths.iter().flat_map(|length| number(*length)).collect();
            read(&element(SEQUENCE, &[element(INTEGER, &[0]), numbers].concat())).map(|key| key.name)
        };
        assert_eq!(key(&[128, 3, 128, 64, 64, 64, 64, 64]).as_deref(), Some("RSA, 1023 bits"));
        assert_eq!(key(&[128, 3, 128, 64, 64, 64, 64]), None);
        assert_eq!(key(&[128, 3]), None);
        assert_eq!(key(&[128, 20, 128, 128, 20]).as_deref(), Some("DSA, 1023 bits"));
        assert_eq!(key(&[128, 20, 128, 128]), None);
        assert_eq!(key(&[32, 3, 128, 64, 64, 64, 64, 64]), None);
    }

    #[test]
    fn algorithms_are_named_by_their_identifier() {
        let key = |id: &[u8]| {
            let algorithm = element(SEQUENCE, &element(OBJECT_ID, id));
            let secret = element(OCTET_STRING, &number(32));
            read(&element(SEQUENCE, &[element(INTEGER, &[0]), algorithm, secret].concat()))
                .map(|key| key.name)
        };
        for (id, name) in ALGORITHMS {
            assert_eq!(key(id).as_deref(), Some(name));
        }
        assert_eq!(key(&[0x2a, 1]).as_deref(), Some("PKCS#8 key of another algorithm"));
        assert_eq!(key(EC).as_deref(), Some("EC"));
        assert_eq!(key(RSA), None);
    }
}
