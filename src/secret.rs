//! A secret value: bytes that redact themselves in every printed form and are wiped when dropped.

use std::fmt;
use std::hash::{Hash, Hasher};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The bytes of a credential. `Debug` and `Display` show its length only.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes ownership of the bytes of a credential.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The raw bytes, for comparing, hashing and parsing. Never print them: that is what [`Secret::reveal`] is for.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The value as text for a person who asked to see it.
    #[must_use]
    pub fn reveal(&self, _consent: &Consent) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no byte at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// HMAC-SHA-256 over `family`, a zero byte and the value: the same secret has the same fingerprint in every
    /// file, commit and report made with the same key, and the value cannot be guessed from it without the key.
    #[must_use]
    pub fn fingerprint(&self, key: &FingerprintKey, family: &str) -> Fingerprint {
        let mut mac = key.0.clone();
        mac.update(family.as_bytes());
        mac.update(&[0]);
        mac.update(&self.0);
        let digest = mac.finalize().into_bytes();
        let mut short = [0; 16];
        short.copy_from_slice(&digest[..16]);
        Fingerprint(short)
    }
}

impl Hash for Secret {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.expose().hash(state);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Secret({} bytes)", self.len())
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "[redacted, {} bytes]", self.len())
    }
}

/// Proof that a person at a terminal asked to see secrets. Only the command line makes one.
#[derive(Debug)]
pub struct Consent(());

impl Consent {
    /// Call this only after a person asked, and only when the output goes to their terminal.
    #[must_use]
    pub fn given_at_a_terminal() -> Self {
        Self(())
    }
}

/// The key under which fingerprints are made: one per project, or the public default.
#[derive(Clone)]
pub struct FingerprintKey(Hmac<Sha256>);

impl FingerprintKey {
    /// A key of any length.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        // HMAC hashes a long key and pads a short one (RFC 2104 section 2), so no length is refused.
        let mut block = Zeroizing::new([0u8; 64]);
        if key.len() > block.len() {
            block[..32].copy_from_slice(&<Sha256 as sha2::Digest>::digest(key));
        } else {
            block[..key.len()].copy_from_slice(key);
        }
        Self(Hmac::new((&*block).into()))
    }
}

impl Default for FingerprintKey {
    /// The key for projects that set none. It is public: weak passwords can be guessed from their fingerprints.
    fn default() -> Self {
        Self::new(b"kbsec default fingerprint key v1")
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("FingerprintKey(redacted)")
    }
}

/// A keyed, irreversible name for a secret (or another finding), shown as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 16]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl std::str::FromStr for Fingerprint {
    type Err = NotAFingerprint;

    fn from_str(text: &str) -> Result<Self, NotAFingerprint> {
        let digits = text.as_bytes();
        if digits.len() != 32 {
            return Err(NotAFingerprint);
        }
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16).ok_or(NotAFingerprint);
            *byte = (digit(0)? << 4 | digit(1)?) as u8;
        }
        Ok(Self(bytes))
    }
}

/// The text is no fingerprint.
#[derive(Debug, thiserror::Error)]
#[error("a fingerprint has 32 hexadecimal digits")]
pub struct NotAFingerprint;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_forms_never_show_the_value() {
        let secret = Secret::new("hunter2-hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "[redacted, 15 bytes] Secret(15 bytes)");
        assert_eq!(secret.reveal(&Consent::given_at_a_terminal()), "hunter2-hunter2");
    }

    #[test]
    fn fingerprints_follow_rfc_4231_and_depend_on_key_and_family() {
        // RFC 4231 test case 2 has key "Jefe" and this text; the zero byte keeps family and value apart.
        let mut mac = FingerprintKey::new(b"Jefe").0;
        mac.update(b"what do ya want for nothing?");
        assert_eq!(mac.finalize().into_bytes()[..4], [0x5b, 0xdc, 0xc1, 0x46]);

        let secret = Secret::new("value");
        let default = FingerprintKey::default();
        let one = secret.fingerprint(&default, "aws");
        assert_ne!(one, secret.fingerprint(&default, "github"));
        assert_ne!(one, secret.fingerprint(&FingerprintKey::new(&[7; 100]), "aws"));
        assert_eq!(one.to_string().parse::<Fingerprint>().unwrap(), one);
        assert!("zz".parse::<Fingerprint>().is_err());
    }
}
