//! Grafana Cloud's tokens: base 64 of a JSON object with organisation `o`, name `n`, key `k` and metadata `m`. API
//! keys of old have `n`, `k` and `id` and no prefix.

use serde_json::Value;

use super::Verdict;
use crate::detect::fact::shown;
use crate::detect::radix::from_base64;

pub(super) fn verify(token: &[u8]) -> Verdict {
    let text = token.strip_prefix(b"glc_").unwrap_or(token);
    let object: Option<Value> = from_base64(text).and_then(|json| serde_json::from_slice(&json).ok());
    let Some(object) = object else {
        return Verdict::Refuted;
    };
    let word = |field: &Value| match field {
        Value::String(text) if !text.is_empty() => Some(shown(text)),
        Value::Number(number) => Some(shown(&number.to_string())),
        _ => None,
    };
    let organisation = word(&object["o"]).or_else(|| word(&object["id"]));
    let (Some(organisation), Some(name), Some(_)) = (organisation, word(&object["n"]), word(&object["k"]))
    else {
        return Verdict::Refuted;
    };
    let region = word(&object["m"]["r"]).map(|region| format!(" in region {region}")).unwrap_or_default();
    Verdict::Proved(format!("organisation {organisation}, name {name}{region}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::radix::to_base64;

    #[test]
    fn the_object_names_organisation_and_region() {
        let token = |json: &str| format!("glc_{}", to_base64(json.as_bytes())).into_bytes();
        assert_eq!(
            verify(&token(r#"{"o":"652992","n":"stack-1","k":"0a1b2c","m":{"r":"us"}}"#)),
            Verdict::Proved("organisation 652992, name stack-1 in region us".to_owned())
        );
        assert_eq!(
            verify(&token(r#"{"k":"0a1b2c","n":"old","id":1}"#)[4..]),
            Verdict::Proved("organisation 1, name old".to_owned())
        );
        assert_eq!(verify(&token(r#"{"o":"652992","n":"stack-1"}"#)), Verdict::Refuted);
        assert_eq!(verify(&token("[]")), Verdict::Refuted);
        assert_eq!(verify(b"glc_eyJvIjoi!"), Verdict::Refuted);
    }
}
