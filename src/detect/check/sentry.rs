//! Sentry's organisation tokens: `sntrys_`, base 64 of a JSON object that names host and organisation, `_`, and
//! random characters.

use serde_json::Value;

use super::Verdict;
use crate::detect::fact::shown;
use crate::detect::radix::from_base64;

pub(super) fn verify(token: &[u8]) -> Verdict {
    let body = token.strip_prefix(b"sntrys_").unwrap_or(token);
    let text = &body[..memchr::memrchr(b'_', body).unwrap_or(body.len())];
    let object: Option<Value> = from_base64(text).and_then(|json| serde_json::from_slice(&json).ok());
    let Some(object) = object else {
        return Verdict::Refuted;
    };
    let text = |name: &str| object[name].as_str();
    match (text("org"), text("region_url").or(text("url"))) {
        (Some(organisation), Some(host)) if object["iat"].is_number() => {
            Verdict::Proved(format!("organisation {} at {}", shown(organisation), shown(host)))
        }
        _ => Verdict::Refuted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::radix::to_base64;

    #[test]
    fn the_object_names_organisation_and_host() {
        let token =
            |json: &str| format!("sntrys_{}_{}", to_base64(json.as_bytes()), "kA1".repeat(14)).into_bytes();
        let json = r#"{"iat":1700000000.5,"url":"https://a.example","region_url":"https://us.a.example","org":"acme"}"#;
        assert_eq!(
            verify(&token(json)),
            Verdict::Proved("organisation acme at https://us.a.example".to_owned())
        );
        assert_eq!(verify(&token(&json.replace("org", "gro"))), Verdict::Refuted);
        assert_eq!(verify(&token("{}")), Verdict::Refuted);
        assert_eq!(verify(b"sntrys_eyJpYXQiOjE"), Verdict::Refuted);
    }
}
