//! A JSON Web Token found in text: signed (RFC 7515), unsigned or encrypted (RFC 7516), with what its parts say.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value};
use sha2::Sha256;

use super::fact::shown;
use super::radix::from_base64url;
use crate::date::day;

/// Longest token that is read, in bytes.
pub(crate) const LONGEST: usize = 16 * 1024;

/// Longest header that is read, in bytes: one may hold a chain of certificates.
const LONGEST_HEADER: usize = 8 * 1024;
/// Characters that hold the first name in the header. The longest registered one has eight letters.
const FIRST: usize = 48;

/// Secrets that KB Labs publishes for development: what a gateway falls back to when it is given none, the value of
/// its sample environment file, and that of its internal header.
const PUBLIC_SECRETS: [&str; 3] = [
    concat!("dev-insecure-", "secret-change-me"),
    concat!("dev-jwt-", "secret-kb-labs"),
    concat!("dev-internal-", "secret-kb-labs"),
];

/// A token whose header and, unless it is encrypted, payload are JSON objects.
#[derive(Debug)]
pub(crate) struct Jwt {
    /// Its length in bytes.
    pub(crate) len: usize,
    /// The claim `iss`, or `iss` of the header if the payload is encrypted.
    pub(crate) issuer: Option<String>,
    /// The claim `exp`, in Unix seconds.
    pub(crate) expires: Option<u64>,
    /// What people want to know of it.
    pub(crate) facts: Vec<String>,
    /// Whether its signature verifies under a secret that is public.
    pub(crate) forgeable: bool,
    /// Whether it has no signature.
    pub(crate) unsigned: bool,
}

/// Reads the token at the start of `bytes`, which begin with `eyJ`.
pub(crate) fn parse(bytes: &[u8]) -> Option<Jwt> {
    if !bytes.starts_with(b"eyJ") || !starts_with_a_name(bytes) {
        return None;
    }
    let window = &bytes[..bytes.len().min(LONGEST)];
    let end = memchr::memchr(b'.', &window[..window.len().min(LONGEST_HEADER)])?;
    let (head, at) = part(&window[..=end], 0)?;
    let header = object(head)?;
    let algorithm = header.get("alg")?.as_str()?.to_owned();
    let (second, at) = part(window, at)?;
    if header.contains_key("enc") {
        return encrypted(window, &header, &algorithm, at);
    }
    let payload = object(second)?;
    let signature = run(&window[at..]);
    let len = at + signature.len();
    if len == LONGEST || !fits(&algorithm, signature.len()) {
        return None;
    }
    let unsigned = signature.is_empty() || algorithm.eq_ignore_ascii_case("none");
    let forgeable = !unsigned && algorithm == "HS256" && forgeable(&window[..at - 1], signature);
    let expires = payload.get("exp").and_then(seconds);
    let issuer = payload.get("iss").and_then(Value::as_str).map(ToOwned::to_owned);
    let mut facts = vec![if unsigned {
        "not signed: whoever accepts it accepts any claim".to_owned()
    } else {
        format!("signed with {}", shown(&algorithm))
    }];
    facts.extend(claims(&payload, expires));
    if forgeable {
        facts.push("forgeable: signed with the public development secret of KB Labs".to_owned());
    }
    Some(Jwt { len, issuer, expires, facts, forgeable, unsigned })
}

/// Whether a signature of the algorithm can have this many base64 characters (RFC 7518 section 3); one that cannot
/// was made up or cut off, and opens nothing.
fn fits(algorithm: &str, length: usize) -> bool {
    length == 0
        || match algorithm {
            "HS256" => length == 43,
            "HS384" => length == 64,
            "HS512" | "ES256" | "ES256K" | "EdDSA" => length == 86,
            "ES384" => length == 128,
            "ES512" => length == 176,
            "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" => length >= 171,
            _ => true,
        }
}

/// A token of five parts: header, encrypted key (may be empty), initialisation vector, ciphertext, tag.
fn encrypted(window: &[u8], header: &Map<String, Value>, algorithm: &str, at: usize) -> Option<Jwt> {
    let (_, at) = part(window, at)?;
    let (ciphertext, at) = part(window, at)?;
    let tag = run(&window[at..]);
    let len = at + tag.len();
    if ciphertext.is_empty() || tag.is_empty() || len == LONGEST {
        return None;
    }
    let mut facts = vec![format!("encrypted with {}", shown(algorithm))];
    let issuer = header.get("iss").and_then(Value::as_str).map(ToOwned::to_owned);
    facts.extend(issuer.as_deref().map(|issuer| format!("issuer {}", shown(issuer))));
    Some(Jwt { len, issuer, expires: None, facts, forgeable: false, unsigned: false })
}

/// Whether the first characters spell `{"name":`. Text full of `eyJ` is thus not read over and over.
fn starts_with_a_name(bytes: &[u8]) -> bool {
    let first = run(&bytes[..bytes.len().min(FIRST)]);
    let Some(text) = from_base64url(&first[..first.len() / 4 * 4]) else {
        return false;
    };
    let rest = text.get(2..).unwrap_or_default();
    let name =
        rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"_-#.:/".contains(byte)).count();
    let after = rest[name..].strip_prefix(b"\"").map(<[u8]>::trim_ascii_start);
    name > 0 && after.is_some_and(|after| after.starts_with(b":"))
}

/// The part that starts at `at`, and where the one after its dot starts.
fn part(window: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let part = run(window.get(at..)?);
    let dot = at + part.len();
    (window.get(dot) == Some(&b'.')).then_some((part, dot + 1))
}

fn run(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b'_'));
    &bytes[..end.unwrap_or(bytes.len())]
}

fn object(part: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(&from_base64url(part)?).ok()
}

/// A NumericDate of RFC 7519, which may have a fraction.
fn seconds(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_f64().filter(|number| *number >= 0.0).map(|number| number as u64))
}

fn forgeable(signed: &[u8], signature: &[u8]) -> bool {
    PUBLIC_SECRETS.iter().any(|secret| verifies(secret.as_bytes(), signed, signature))
}

fn verifies(secret: &[u8], signed: &[u8], signature: &[u8]) -> bool {
    let mac = Hmac::<Sha256>::new_from_slice(secret).ok();
    mac.zip(from_base64url(signature))
        .is_some_and(|(mac, signature)| mac.chain_update(signed).verify_slice(&signature).is_ok())
}

fn claims(payload: &Map<String, Value>, expires: Option<u64>) -> Vec<String> {
    let text = |name: &str| payload.get(name).and_then(Value::as_str);
    let mut facts = Vec::new();
    facts.extend(text("iss").map(|issuer| format!("issuer {}", shown(issuer))));
    facts.extend(text("sub").and_then(subject));
    facts.extend(text("role").map(|role| format!("role {}", shown(role))));
    facts.extend(text("type").map(|kind| format!("type {}", shown(kind))));
    facts.push(match expires {
        Some(seconds) => {
            day(seconds).map_or("expires after the year 9999".to_owned(), |day| format!("expires {day}"))
        }
        None => "never expires".to_owned(),
    });
    facts
}

/// What kind of subject it is: the text itself may be personal, and names nothing that people can act on.
fn subject(text: &str) -> Option<String> {
    let kind = if text.starts_with("system:serviceaccount:") {
        "a Kubernetes service account"
    } else if text.starts_with("repo:") {
        "a repository's workflow"
    } else if text.contains('@') {
        "an e-mail address"
    } else if text.starts_with("host_") {
        "a KB Labs host"
    } else {
        return None;
    };
    Some(format!("subject is {kind}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::detect::radix::to_base64url;

    fn signed(header: &str, payload: &str, secret: &str) -> String {
        let text = format!("{}.{}", to_base64url(header.as_bytes()), to_base64url(payload.as_bytes()));
        let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(&text);
        format!("{text}.{}", to_base64url(&mac.finalize().into_bytes()))
    }

    #[test]
    fn a_signed_token_tells_its_claims() {
        let payload = r#"{"iss":"supabase","role":"service_role","sub":"a@b.example","exp":1740787200.5}"#;
        let token = signed(r#"{"alg": "HS256","typ":"JWT"}"#, payload, "something else");
        let jwt = parse(format!("{token}\", next").as_bytes()).unwrap();
        assert_eq!(jwt.len, token.len());
        assert_eq!(jwt.issuer.as_deref(), Some("supabase"));
        assert!(jwt.facts.contains(&"signed with HS256".to_owned()));
        assert_eq!(jwt.expires, Some(1_740_787_200));
        assert_eq!((jwt.unsigned, jwt.forgeable), (false, false));
        assert_eq!(
            jwt.facts,
            [
                "signed with HS256",
                "issuer supabase",
                "subject is an e-mail address",
                "role service_role",
                "expires 2025-03-01"
            ]
        );
    }

    #[test]
    fn the_example_of_rfc_7515_is_read_and_its_signature_verifies_under_its_key() {
        // Appendix A.1.
        let signing = concat!(
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
            ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        );
        let signature = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let key = concat!(
            "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_",
            "T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
        );
        let key = from_base64url(key.as_bytes()).unwrap();
        assert!(verifies(&key, signing.as_bytes(), signature.as_bytes()));
        assert!(!verifies(&key[1..], signing.as_bytes(), signature.as_bytes()));
        let jwt = parse(format!("{signing}.{signature}").as_bytes()).unwrap();
        assert_eq!((jwt.issuer.as_deref(), jwt.expires), (Some("joe"), Some(1_300_819_380)));
        assert!(jwt.facts.contains(&"expires 2011-03-22".to_owned()));
    }

    #[test]
    fn tokens_under_public_secrets_are_forgeable() {
        for secret in PUBLIC_SECRETS {
            let jwt = parse(
                signed(r#"{"alg":"HS256"}"#, r#"{"sub":"host_1","type":"machine"}"#, secret).as_bytes(),
            );
            let jwt = jwt.unwrap();
            assert!(jwt.forgeable, "{:?}", jwt.facts);
            assert_eq!(jwt.facts[1..4], ["subject is a KB Labs host", "type machine", "never expires"]);
        }
        let other = signed(r#"{"alg":"HS256"}"#, r#"{"sub":"host_1"}"#, "another secret");
        assert!(!parse(other.as_bytes()).unwrap().forgeable);
    }

    #[test]
    fn a_signature_of_another_length_than_its_algorithm_makes_was_invented() {
        let short = signed(r#"{"alg":"HS512"}"#, r#"{"sub":"host_1"}"#, PUBLIC_SECRETS[0]);
        assert!(parse(short.as_bytes()).is_none());
    }

    #[test]
    fn tokens_without_signature_are_unsigned() {
        let none = signed(r#"{"alg":"none"}"#, "{}", "");
        assert!(parse(none.as_bytes()).unwrap().unsigned);
        let empty = format!("{}.{}.", to_base64url(br#"{"alg":"HS256"}"#), to_base64url(b"{}"));
        let jwt = parse(format!("{empty}\n").as_bytes()).unwrap();
        assert!(jwt.unsigned && jwt.len == empty.len());
    }

    #[test]
    fn an_encrypted_token_has_five_parts() {
        let header = to_base64url(br#"{"alg":"dir","enc":"A256GCM","iss":"acme"}"#);
        let token = format!("{header}..aXZpdml2.Y2lwaGVydGV4dA.dGFn");
        let jwt = parse(format!("{token}.").as_bytes()).unwrap();
        assert_eq!((jwt.len, jwt.issuer.as_deref()), (token.len(), Some("acme")));
        assert!(parse(format!("{header}..aXZpdml2.Y2lw").as_bytes()).is_none());
    }

    #[test]
    fn what_only_looks_like_a_token_is_none() {
        let part = |text: &str| to_base64url(text.as_bytes());
        let texts = [
            "eyJ".to_owned(),
            format!("{}.{}", part(r#"{"alg":"HS256"}"#), part("{}")),
            format!("{}.{}.sig", part(r#"{"typ":"JWT"}"#), part("{}")),
            format!("{}.{}.sig", part(r#"{"alg":"HS256"}"#), part("[]")),
            format!("{}.{}.sig", part(r#"{"alg":"HS256""#), part("{}")),
            format!("{}.{}.{}", part(r#"{"alg":"HS256"}"#), part("{}"), "s".repeat(LONGEST)),
            format!("{}.{}.s", part(r#"{"alg":"HS256"}"#), part(&"[".repeat(4000))),
        ];
        for text in texts {
            assert!(parse(text.as_bytes()).is_none(), "{text:.60}");
        }
    }

    #[test]
    fn dense_anchors_take_linear_time() {
        for unit in [
            "eyJ",
            "eyJh",
            "eyJhb",
            "eyJhbGci",
            "eyJhbGciOiJI",
            "eyJhbGciOiJIUzI1NiJ9.",
            "eyJhbGciOiJIUzI1NiJ9.e30.",
        ] {
            let text = unit.repeat(200_000 / unit.len());
            let started = std::time::Instant::now();
            for at in (0..text.len()).step_by(unit.len()) {
                let _ = parse(&text.as_bytes()[at..]);
            }
            assert!(started.elapsed().as_millis() < 1000, "{unit}: {:?}", started.elapsed());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(tail: Vec<u8>, header in "\\PC{0,40}", payload in "\\PC{0,40}") {
            let start = [b"eyJ".as_slice(), &tail].concat();
            let _ = parse(&start);
            let text = [signed(&format!(r#"{{"alg":{header}}}"#), &format!("{{{payload}}}"), "k").as_bytes(), &tail].concat();
            if let Some(jwt) = parse(&text) {
                prop_assert!(jwt.len <= text.len());
            }
            let numbers = signed(r#"{"alg":"a"}"#, &format!(r#"{{"exp":{}}}"#, i64::from_le_bytes(std::array::from_fn(|at| tail.get(at).copied().unwrap_or(9)))), "k");
            prop_assert!(parse(numbers.as_bytes()).is_some());
        }
    }
}
