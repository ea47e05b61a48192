//! Private keys in OpenSSH's own form (`PROTOCOL.key` in its sources).

use sha2::{Digest, Sha256};

use super::key::Key;
use super::varied;
use crate::detect::fact::shown;
use crate::detect::radix::to_base64;

const MAGIC: &[u8] = b"openssh-key-v1\0";

/// Reads a key, or the beginning of one.
pub(super) fn read(bytes: &[u8]) -> Option<Key> {
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let cipher = string(&mut rest)?;
    let _derivation = string(&mut rest)?;
    let _options = string(&mut rest)?;
    let _count = rest.split_off(..4)?;
    let public = string(&mut rest)?;
    let mut fields = public;
    let kind = string(&mut fields).and_then(|kind| std::str::from_utf8(kind).ok())?;
    let whole = string(&mut rest).is_some_and(varied);
    let name = match kind {
        "ssh-rsa" => rsa(fields)?,
        other => shown(other),
    };
    let digest = to_base64(&Sha256::digest(public));
    let fingerprint = Some(format!("fingerprint SHA256:{}", digest.trim_end_matches('=')));
    let key = Key { fingerprint, ..Key::new(name, whole) };
    Some(if cipher == b"none" { key } else { key.encrypted() })
}

/// A string of the wire format of SSH (RFC 4251): four bytes of length, and as many bytes.
fn string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk()?;
    let (string, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    *rest = after;
    Some(string)
}

fn rsa(mut fields: &[u8]) -> Option<String> {
    let _exponent = string(&mut fields)?;
    let modulus = string(&mut fields)?;
    let modulus = modulus.strip_prefix(&[0]).unwrap_or(modulus);
    let bits = (modulus.len() * 8).checked_sub(modulus.first()?.leading_zeros() as usize)?;
    Some(format!("RSA, {bits} bits"))
}
