//! Armoured private keys made of random numbers: their structure is right, and they open nothing.

use crate::detect::pem::crc24;
use crate::detect::radix::to_base64;
use crate::detect::random::Random;

/// Labels that keys can be made for.
pub(super) const LABELS: [&str; 7] = [
    "RSA PRIVATE KEY",
    "EC PRIVATE KEY",
    "PRIVATE KEY",
    "OPENSSH PRIVATE KEY",
    "DSA PRIVATE KEY",
    "ENCRYPTED PRIVATE KEY",
    "PGP PRIVATE KEY BLOCK",
];
const COLUMNS: usize = 64;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_ID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// Object identifiers, with tag and length.
const RSA: &[u8] = &[OBJECT_ID, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const P_256: &[u8] = &[OBJECT_ID, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const PBES2: &[u8] = &[OBJECT_ID, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 0x0d];
const PBKDF2: &[u8] = &[OBJECT_ID, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 0x0c];
const HMAC_SHA_256: &[u8] = &[OBJECT_ID, 8, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 9];
const AES_256_CBC: &[u8] = &[OBJECT_ID, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 0x2a];
const NULL: &[u8] = &[5, 0];

/// The lines of a block, or `None` for another label.
pub(super) fn block(label: &str, random: &mut Random) -> Option<Vec<String>> {
    let bytes = match label {
        "RSA PRIVATE KEY" => rsa(random),
        "EC PRIVATE KEY" => ec(random),
        "PRIVATE KEY" => pkcs8(random),
        "OPENSSH PRIVATE KEY" => openssh(random),
        "DSA PRIVATE KEY" => dsa(random),
        "ENCRYPTED PRIVATE KEY" => encrypted(random),
        "PGP PRIVATE KEY BLOCK" => openpgp(random),
        _ => return None,
    };
    let mut lines = vec![format!("-----BEGIN {label}-----")];
    let openpgp = label.starts_with("PGP");
    lines.extend(openpgp.then(String::new));
    let text = to_base64(&bytes);
    lines.extend(text.as_bytes().chunks(COLUMNS).map(|line| String::from_utf8_lossy(line).into_owned()));
    lines.extend(openpgp.then(|| format!("={}", to_base64(&crc24(&bytes).to_be_bytes()[1..]))));
    lines.push(format!("-----END {label}-----"));
    Some(lines)
}

fn rsa(random: &mut Random) -> Vec<u8> {
    let mut fields = vec![INTEGER, 1, 0];
    fields.extend(number(256, random));
    fields.extend([INTEGER, 3, 1, 0, 1]);
    for length in [256, 128, 128, 128, 128, 128] {
        fields.extend(number(length, random));
    }
    element(SEQUENCE, &fields)
}

fn dsa(random: &mut Random) -> Vec<u8> {
    let mut fields = vec![INTEGER, 1, 0];
    for length in [128, 20, 128, 128, 20] {
        fields.extend(number(length, random));
    }
    element(SEQUENCE, &fields)
}

fn ec(random: &mut Random) -> Vec<u8> {
    let secret = element(OCTET_STRING, &random.bytes(32));
    // An uncompressed point, after a byte that counts the unused bits.
    let point = element(BIT_STRING, &[&[0, 4], random.bytes(64).as_slice()].concat());
    let fields =
        [&[INTEGER, 1, 1], secret.as_slice(), &element(0xa0, P_256), &element(0xa1, &point)].concat();
    element(SEQUENCE, &fields)
}

fn pkcs8(random: &mut Random) -> Vec<u8> {
    let algorithm = element(SEQUENCE, &[RSA, NULL].concat());
    let secret = element(OCTET_STRING, &rsa(random));
    element(SEQUENCE, &[&[INTEGER, 1, 0], algorithm.as_slice(), &secret].concat())
}

fn encrypted(random: &mut Random) -> Vec<u8> {
    let salt = element(OCTET_STRING, &random.bytes(8));
    let function = element(SEQUENCE, &[HMAC_SHA_256, NULL].concat());
    let rounds = [INTEGER, 2, 8, 0];
    let derivation = element(SEQUENCE, &[salt.as_slice(), &rounds, &function].concat());
    let derivation = element(SEQUENCE, &[PBKDF2, &derivation].concat());
    let cipher = element(SEQUENCE, &[AES_256_CBC, &element(OCTET_STRING, &random.bytes(16))].concat());
    let scheme = element(SEQUENCE, &[derivation, cipher].concat());
    let method = element(SEQUENCE, &[PBES2, &scheme].concat());
    let secret = element(OCTET_STRING, &random.bytes(1232));
    element(SEQUENCE, &[method, secret].concat())
}

fn openssh(random: &mut Random) -> Vec<u8> {
    let public = random.bytes(32);
    let public_key = [string(b"ssh-ed25519"), string(&public)].concat();
    // Twice the same four bytes, by which a reader sees that it decrypted rightly.
    let check = random.bytes(4).repeat(2);
    let secret = string(&[random.bytes(32), public].concat());
    let mut private = [check, public_key.clone(), secret, string(b"")].concat();
    let padding = private.len().next_multiple_of(8) - private.len();
    private.extend((1..).take(padding));
    let head = [b"openssh-key-v1\0".as_slice(), &string(b"none"), &string(b"none"), &string(b"")].concat();
    [head, vec![0, 0, 0, 1], string(&public_key), string(&private)].concat()
}

fn openpgp(random: &mut Random) -> Vec<u8> {
    let long = |length: usize, random: &mut Random| {
        let bits = (length * 8) as u16;
        [bits.to_be_bytes().as_slice(), &odd(length, random)].concat()
    };
    // Version 4, made in 2023, RSA.
    let mut body = vec![4, 0x65, 0x53, 0xf1, 0, 1];
    body.extend(long(256, random));
    body.extend([0, 17, 1, 0, 1]);
    let secret: Vec<u8> = [256, 128, 128, 128].into_iter().flat_map(|length| long(length, random)).collect();
    let sum = secret.iter().fold(0u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
    body.push(0);
    body.extend(secret);
    body.extend(sum.to_be_bytes());
    let length = (body.len() as u16).to_be_bytes();
    [&[0x95], length.as_slice(), &body].concat()
}

/// A positive integer with its highest and lowest bits set.
fn number(length: usize, random: &mut Random) -> Vec<u8> {
    element(INTEGER, &[&[0], odd(length, random).as_slice()].concat())
}

fn odd(length: usize, random: &mut Random) -> Vec<u8> {
    let mut bytes = random.bytes(length);
    if let Some(first) = bytes.first_mut() {
        *first |= 0x80;
    }
    if let Some(last) = bytes.last_mut() {
        *last |= 1;
    }
    bytes
}

fn element(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len().to_be_bytes();
    let significant = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    match value.len() {
        short @ 0..0x80 => [&[tag, short as u8], value].concat(),
        _ => [&[tag, 0x80 | significant.len() as u8], significant, value].concat(),
    }
}

fn string(value: &[u8]) -> Vec<u8> {
    [&(value.len() as u32).to_be_bytes(), value].concat()
}
