//! Tokens that carry a JSON Web Token behind a prefix, such as GitHub's stateless `ghs_<app>_<JWT>`.

use memchr::memmem;

use super::Verdict;
use crate::detect::fact::shown;
use crate::detect::jwt;

/// Characters of the facts that are shown.
const SHOWN: usize = 200;

pub(super) fn verify(token: &[u8]) -> Verdict {
    // Base 64 has `_` and `-` in it too: the web token starts at the first separator that `eyJ` follows.
    let start = memmem::find_iter(token, b"eyJ")
        .find(|&at| at == 0 || matches!(token[at - 1], b'_' | b'-' | b'.' | b':'));
    let Some(jwt) = start.and_then(|start| jwt::parse(&token[start..])) else {
        return Verdict::Refuted;
    };
    let mut fact = String::from("holds a JSON Web Token");
    for more in jwt.facts.iter().map(|fact| shown(fact)) {
        if fact.len() + more.len() < SHOWN {
            fact = format!("{fact}, {more}");
        }
    }
    Verdict::Proved(fact)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::radix::to_base64url;

    #[test]
    fn the_web_token_behind_the_prefix_is_read() {
        let jwt = [
            to_base64url(br#"{"alg":"RS256"}"#),
            to_base64url(br#"{"iss":"github","exp":1740787200}"#),
            "c2ln".repeat(64),
        ]
        .join(".");
        let fact = "holds a JSON Web Token, signed with RS256, issuer github, expires 2025-03-01";
        for token in [format!("ghs_12345_{jwt}"), jwt.clone()] {
            assert_eq!(verify(token.as_bytes()), Verdict::Proved(fact.to_owned()));
        }
        assert_eq!(verify(format!("ghs_12345_x{jwt}").as_bytes()), Verdict::Refuted);
        assert_eq!(verify(b"ghs_12345_eyJhbGciOiJSUzI1NiJ9"), Verdict::Refuted);
    }
}
