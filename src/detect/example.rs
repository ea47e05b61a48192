//! An example: a text for a rule to be tried on, made from a template so that no real or realistic secret is stored.
//!
//! | placeholder | becomes |
//! |---|---|
//! | `{{base62:30}}` | random characters of an alphabet: a name that [`Alphabet::parse`] knows, or `{{[a-z0-9_]:8}}` |
//! | `{{x*36}}` | the text before the star, repeated |
//! | `{{uuid}}` | a random UUID of version 4 |
//! | `{{check}}` | what the rule's check wants to follow the token so far |
//! | `{{start}}` | nothing: the token starts here |
//! | `{{b64:…}}`, `{{b64url:…}}` | the text in base 64, or in its URL-safe alphabet without padding |
//! | `{{jwt:{…}.{…}}}` | a JSON Web Token of header and payload with a random signature |
//! | `{{jwt@SECRET:{…}.{…}}}` | one that is signed with HMAC-SHA-256 under the secret |
//! | `{{pem:RSA PRIVATE KEY}}`, `{{pemj:…}}` | an armoured key of random numbers, its lines ended by line breaks or by `\n` in letters |
//!
//! The text in `b64`, `b64url` and `jwt` may hold placeholders. A placeholder ends where its braces are balanced.
//! Without `{{start}}` the token starts after the last character that ends words (white space, quotes, and
//! `= : / @ , ; ( < >`). The same template and seed give the same text for ever.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value};
use sha2::Sha256;

use super::alphabet::Alphabet;
use super::check::complete;
use super::radix::{to_base64, to_base64url};
use super::random::Random;
use crate::rule::Check;

mod armour;

/// Characters that one placeholder makes at most.
const MOST: usize = 64 * 1024;
/// Bytes of a whole example.
const LARGEST: usize = 1024 * 1024;
/// Placeholders within placeholders.
const DEEPEST: usize = 3;

/// Replaces the placeholders of `template`.
///
/// # Errors
/// Says which placeholder is wrong and why.
pub fn expand(template: &str, check: Option<Check>, seed: u64) -> Result<Vec<u8>, String> {
    let mut writer = Writer { out: Vec::new(), start: None, check, random: Random::new(seed), depth: 0 };
    writer.text(template)?;
    Ok(writer.out)
}

struct Writer {
    out: Vec<u8>,
    /// Where `{{start}}` stood.
    start: Option<usize>,
    check: Option<Check>,
    random: Random,
    depth: usize,
}

impl Writer {
    fn text(&mut self, template: &str) -> Result<(), String> {
        let mut rest = template;
        while let Some(at) = rest.find("{{") {
            self.out.extend(&rest.as_bytes()[..at]);
            let inside = balanced(&rest[at + 2..])
                .ok_or_else(|| format!("placeholder is not closed: {:.40}", &rest[at..]))?;
            self.placeholder(inside).map_err(|reason| match reason {
                Problem::Here(reason) => format!("placeholder {{{{{inside:.60}}}}} {reason}"),
                Problem::Inside(reason) => reason,
            })?;
            if self.out.len() > LARGEST {
                return Err(format!("example is larger than {LARGEST} bytes: shorten its placeholders"));
            }
            rest = &rest[at + 4 + inside.len()..];
        }
        self.out.extend(rest.as_bytes());
        Ok(())
    }

    fn placeholder(&mut self, inside: &str) -> Result<(), Problem> {
        let (kind, argument) = inside.split_once(':').unwrap_or((inside, ""));
        let made = match kind {
            "start" => {
                self.start = Some(self.out.len());
                Vec::new()
            }
            "check" => self.check()?,
            "uuid" => self.random.uuid().into_bytes(),
            "b64" => to_base64(&self.nested(argument)?).into_bytes(),
            "b64url" => to_base64url(&self.nested(argument)?).into_bytes(),
            "pem" | "pemj" => armour::block(argument, &mut self.random)
                .ok_or_else(|| format!("has a label that is none of: {}", armour::LABELS.join(", ")))?
                .join(if kind == "pem" { "\n" } else { "\\n" })
                .into_bytes(),
            "jwt" => self.jwt(argument, None)?,
            _ => match kind.strip_prefix("jwt@") {
                Some(secret) => self.jwt(argument, Some(secret))?,
                None => self.characters(inside)?,
            },
        };
        self.out.extend(made);
        Ok(())
    }

    /// `base62:30` or `x*36`.
    fn characters(&mut self, inside: &str) -> Result<Vec<u8>, String> {
        let split = |separator| {
            inside.rsplit_once(separator).and_then(|(what, count)| Some((what, count.parse::<usize>().ok()?)))
        };
        let (what, count, alphabet) = match (split(':'), split('*')) {
            (Some((name, count)), _) => {
                let alphabet =
                    Alphabet::parse(name).ok_or("names no alphabet, such as base62 or [a-z0-9]")?;
                (name, count, Some(alphabet))
            }
            (None, Some((text, count))) => (text, count, None),
            (None, None) => return Err("is not known: use for example {{base62:30}} or {{check}}".to_owned()),
        };
        match alphabet {
            Some(alphabet) if count <= MOST => Ok(self.random.text(&alphabet, count)),
            None if what.len().saturating_mul(count) <= MOST => Ok(what.as_bytes().repeat(count)),
            _ => Err(format!("is longer than {MOST} characters")),
        }
    }

    fn check(&mut self) -> Result<Vec<u8>, String> {
        let check = self.check.ok_or("needs a rule with a check")?;
        let start = self.start.take().unwrap_or_else(|| {
            let word_end = self.out.iter().rposition(|&byte| ends_word(byte));
            word_end.map_or(0, |at| at + 1)
        });
        complete(check, &self.out[start..])
            .ok_or_else(|| format!("does not fit: {check:?} cannot complete what stands before it"))
    }

    /// `{…}.{…}`
    fn jwt(&mut self, argument: &str, secret: Option<&str>) -> Result<Vec<u8>, Problem> {
        let at = argument.find("}.{").ok_or("needs a header and a payload: {…}.{…}".to_owned())? + 1;
        let header = self.nested(&argument[..at])?;
        let payload = self.nested(&argument[at + 1..])?;
        let object = |json: &[u8]| serde_json::from_slice::<Map<String, Value>>(json).ok();
        let (Some(fields), Some(_)) = (object(&header), object(&payload)) else {
            return Err("needs JSON objects as header and payload".to_owned().into());
        };
        let algorithm = fields.get("alg").and_then(Value::as_str).unwrap_or_default();
        let signed = format!("{}.{}", to_base64url(&header), to_base64url(&payload));
        let signature = match secret {
            Some(secret) if algorithm == "HS256" => {
                let mac =
                    Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|error| error.to_string())?;
                to_base64url(&mac.chain_update(&signed).finalize().into_bytes())
            }
            Some(_) => return Err("can only be signed with HS256".to_owned().into()),
            None => self.signature(algorithm),
        };
        Ok(format!("{signed}.{signature}").into_bytes())
    }

    /// Random characters, as many as signatures of the algorithm have.
    fn signature(&mut self, algorithm: &str) -> String {
        let length = match algorithm {
            "none" => 0,
            "HS384" => 64,
            "HS512" | "ES256" | "EdDSA" => 86,
            "RS256" | "RS384" | "RS512" | "PS256" => 342,
            "ES384" => 128,
            _ => 43,
        };
        let text = Alphabet::parse("base64url").map(|alphabet| self.random.text(&alphabet, length));
        String::from_utf8_lossy(&text.unwrap_or_default()).into_owned()
    }

    /// Expands a text that stands in a placeholder.
    fn nested(&mut self, text: &str) -> Result<Vec<u8>, Problem> {
        if self.depth == DEEPEST {
            return Err(format!("stands more than {DEEPEST} placeholders deep").into());
        }
        let outer = (std::mem::take(&mut self.out), self.start.take());
        self.depth += 1;
        let result = self.text(text);
        self.depth -= 1;
        let inner = std::mem::replace(&mut self.out, outer.0);
        self.start = outer.1;
        result.map_err(Problem::Inside)?;
        Ok(inner)
    }
}

/// What is wrong with a placeholder, or with one inside of it.
enum Problem {
    Here(String),
    Inside(String),
}

impl From<String> for Problem {
    fn from(reason: String) -> Self {
        Self::Here(reason)
    }
}

/// The text up to the `}}` that closes two braces which stand before it.
fn balanced(text: &str) -> Option<&str> {
    let mut open = 2usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => open += 1,
            b'}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return text[..=at].strip_suffix("}}");
        }
    }
    None
}

fn ends_word(byte: u8) -> bool {
    byte.is_ascii_whitespace()
        || matches!(byte, b'"' | b'\'' | b'`' | b'=' | b':' | b'/' | b'@' | b',' | b';' | b'(' | b'<' | b'>')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::detect::check::{Verdict, verify};
    use crate::detect::{jwt, pem};

    fn made(template: &str, check: Option<Check>) -> String {
        String::from_utf8(expand(template, check, 1).unwrap()).unwrap()
    }

    #[test]
    fn every_placeholder_becomes_what_it_promises() {
        assert_eq!(made("a {{ x*3}}{{ab*2}} {b} }}", None), "a  x x xabab {b} }}");
        assert_eq!(made("{{b64:a{{x*2}}b}}|{{b64url:{\"a\":{}}}}|", None), "YXh4Yg==|eyJhIjp7fX0|");
        let text = made("k={{hex:40}}:{{[a-c:]:9}};{{uuid}}", None);
        let parts: Vec<&str> = text.split(['=', ';']).collect();
        assert_eq!(parts[1].len(), 50);
        assert!(parts[1][..40].bytes().all(|byte| Alphabet::parse("hex").unwrap().contains(byte)));
        assert!(parts[1][41..].bytes().all(|byte| b"abc:".contains(&byte)));
        assert_eq!(parts[2].len(), 36);
        assert_eq!(made("{{base62:20}}", None), made("{{base62:20}}", None));
        assert_ne!(expand("{{base62:20}}", None, 1), expand("{{base62:20}}", None, 2));
    }

    #[test]
    fn examples_of_every_check_pass_it() {
        let curve = "[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]";
        let json =
            r#"{"iat":1700000000.5,"url":"https://a.example","region_url":"https://b.example","org":"acme"}"#;
        let templates = [
            (Check::Crc32Base62, "git clone https://x:ghp_{{base62:30}}{{check}}".to_owned()),
            (Check::Crc32Base62, "npm_{{base62:30}}{{check}}".to_owned()),
            (Check::Crc32Base62, "vcp_{{base62:50}}{{check}}".to_owned()),
            (Check::GitlabRoutable, "t: glpat-{{base64url:27}}{{check}}".to_owned()),
            (Check::GitlabRoutable, "glrt-t1_{{b64url:o:1{{x*20}}}}.01.{{check}}".to_owned()),
            (Check::GrafanaServiceAccount, "glsa_{{base62:32}}_{{check}}".to_owned()),
            (
                Check::GrafanaCloud,
                r#"glc_{{b64:{"o":"1","n":"n","k":"{{base62:24}}","m":{"r":"us"}}}}"#.to_owned(),
            ),
            (Check::CloudflareCrc32, "cfat_{{base62:40}}{{check}}".to_owned()),
            (Check::AtlassianCrc32, "ATATT3xFfGF0{{[A-Za-z0-9_-]:171}}{{check}}".to_owned()),
            (Check::AtlassianCrc32, "p={{start}}ATATT3xFfGF0{{base64url:171}}={{check}}".to_owned()),
            (Check::AtlassianCrc32, "ATBB{{alnum:24}}{{check}}".to_owned()),
            (Check::SentryOrg, format!("sntrys_{{{{b64:{json}}}}}_{{{{base62:43}}}}")),
            (Check::OpenaiHalves, "sk-proj-{{base64url:74}}T3BlbkFJ{{check}}".to_owned()),
            (Check::AzureIdentifiable, "K={{start}}{{base64:76}}+ASt{{check}}".to_owned()),
            (Check::AzureIdentifiable, "{{base62:33}}AIoT{{check}}".to_owned()),
            (Check::AzureDevopsPat, "{{[a-z2-7]:44}}{{check}}".to_owned()),
            (Check::AgeBech32, format!("AGE-SECRET-KEY-1{{{{{curve}:52}}}}{{{{check}}}}")),
            (Check::EmbeddedJwt, r#"ghs_1_{{jwt:{"alg":"RS256"}.{"iss":"github"}}}"#.to_owned()),
            (Check::JfrogReference, "{{b64:reftkn:01:1740787200:{{base62:28}}}}".to_owned()),
        ];
        for (check, template) in &templates {
            for seed in 0..20 {
                let text = expand(template, Some(*check), seed).unwrap();
                let start = text.iter().rposition(u8::is_ascii_whitespace).map_or(0, |at| at + 1);
                let word = &text[start..];
                let token =
                    ["https://x:", "p=", "K="].iter().find_map(|lead| word.strip_prefix(lead.as_bytes()));
                let verdict = verify(*check, token.unwrap_or(word));
                assert!(matches!(verdict, Verdict::Proved(_)), "{template}: {verdict:?}");
            }
        }
        let plausible = [
            (Check::AwsKeyId, "AKIA{{base32:16}}"),
            (Check::JfrogReference, "AKCp{{base58:69}}"),
            (Check::DiscordBot, "{{b64url:1{{[2-9]:17}}}}.{{base64url:6}}.{{base64url:38}}"),
        ];
        for (check, template) in plausible {
            let verdict = verify(check, made(template, Some(check)).as_bytes());
            assert!(matches!(verdict, Verdict::Plausible(_)), "{template}: {verdict:?}");
        }
    }

    #[test]
    fn web_tokens_are_signed_at_random_or_for_real() {
        let random = made(r#"{{jwt:{"alg":"HS256"}.{"iss":"a","n":{"b":{}}}}}"#, None);
        let read = jwt::parse(random.as_bytes()).unwrap();
        assert_eq!((read.len, read.issuer.as_deref(), read.forgeable), (random.len(), Some("a"), false));
        assert_eq!(random.rsplit('.').next().unwrap().len(), 43);
        let secret = ["dev-jwt-", "secret-kb-labs"].concat();
        let signed =
            made(&format!(r#"{{{{jwt@{secret}:{{"alg":"HS256"}}.{{"sub":"{{{{hex:8}}}}"}}}}}}"#), None);
        assert!(jwt::parse(signed.as_bytes()).unwrap().forgeable);
        let none = made(r#"{{jwt:{"alg":"none"}.{}}}"#, None);
        assert!(jwt::parse(none.as_bytes()).unwrap().unsigned);
    }

    #[test]
    fn armoured_keys_are_complete_in_both_forms() {
        for label in armour::LABELS {
            for kind in ["pem", "pemj"] {
                let text = made(&format!("{{{{{kind}:{label}}}}}"), None);
                let read = pem::parse(text.as_bytes()).unwrap();
                assert_eq!((read.kind, read.len), (pem::PemKind::Complete, text.len()), "{label} {text}");
                assert_eq!(read.encrypted, label.starts_with("ENCRYPTED"));
                assert_eq!(kind == "pemj", !text.contains('\n'));
            }
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (template, reason) in [
            ("a {{base62:3", "placeholder is not closed: {{base62:3"),
            ("{{base61:3}}", "placeholder {{base61:3}} names no alphabet"),
            ("{{base62}}", "placeholder {{base62}} is not known"),
            ("{{check}}", "placeholder {{check}} needs a rule with a check"),
            ("{{pem:KEY}}", "placeholder {{pem:KEY}} has a label that is none of: RSA PRIVATE KEY"),
            ("{{x*99999999999}}", "placeholder {{x*99999999999}} is longer than 65536 characters"),
            ("{{b64:{{nix}}}}", "placeholder {{nix}} is not known"),
            ("{{jwt:{}}}", "placeholder {{jwt:{}}} needs a header and a payload"),
            ("{{jwt:{a}.{}}}", "placeholder {{jwt:{a}.{}}} needs JSON objects"),
            (
                r#"{{jwt@s:{"alg":"RS256"}.{}}}"#,
                r#"placeholder {{jwt@s:{"alg":"RS256"}.{}}} can only be signed"#,
            ),
        ] {
            let error = expand(template, None, 1).unwrap_err();
            assert!(error.starts_with(reason), "{error}");
        }
        let error = expand("AKIA{{check}}", Some(Check::AwsKeyId), 1).unwrap_err();
        assert_eq!(
            error,
            "placeholder {{check}} does not fit: AwsKeyId cannot complete what stands before it"
        );
        assert!(expand(&"{{x*65536}}".repeat(17), None, 1).is_err());
        assert!(expand(&"{{b64:".repeat(50), None, 1).is_err());
        assert!(expand(&format!("{}x{}", "{{b64:".repeat(9), "}}".repeat(9)), None, 1).is_err());
    }

    proptest! {
        #[test]
        fn any_template_is_expanded_or_refused(
            parts in prop::collection::vec("\\{\\{|\\}\\}|[{}]|check|start|base62|:|\\*|9|jwt|@|b64|pem|\\}\\.\\{|\\PC{0,3}", 0..20),
            check in prop::sample::select(vec![None, Some(Check::GitlabRoutable), Some(Check::AgeBech32)]),
            seed: u64,
        ) {
            let template = parts.concat();
            let made = expand(&template, check, seed);
            prop_assert!(made.is_err() || template.contains("{{") || made.unwrap() == template.as_bytes());
        }
    }
}
