//! Credentials of HTTP's basic scheme, RFC 7617: base 64 of a user, a colon and a password.

use super::Verdict;
use crate::detect::plausible;
use crate::detect::radix::from_base64;

/// Shorter passwords are examples.
const SHORTEST: usize = 4;

pub(super) fn verify(token: &[u8]) -> Verdict {
    let Some(text) = from_base64(token) else { return Verdict::Refuted };
    let Some(colon) = memchr::memchr(b':', &text) else { return Verdict::Refuted };
    let (user, password) = (&text[..colon], &text[colon + 1..]);
    let printable = text.iter().all(|byte| (b' '..=b'~').contains(byte));
    let well_known = user == password
        || password.to_ascii_lowercase().windows(4).any(|four| four == b"pass")
        || plausible::is_placeholder(password)
        || plausible::is_reference(password);
    if !printable || user.is_empty() || password.len() < SHORTEST || well_known {
        return Verdict::Refuted;
    }
    Verdict::Proved("base64 of a user and a password".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::radix::to_base64;

    #[test]
    fn a_user_and_a_password_are_credentials() {
        assert!(matches!(verify(to_base64(b"ada:k7Rw29sLq").as_bytes()), Verdict::Proved(_)));
        for text in ["ada:", "ada", ":k7Rw29sLq", "ada:password", "ada:${PASSWORD}", "ada:k7\u{1}w29sLq"] {
            assert_eq!(verify(to_base64(text.as_bytes()).as_bytes()), Verdict::Refuted, "{text}");
        }
        assert_eq!(verify(b"no base 64"), Verdict::Refuted);
    }
}
