//! The fields of a rule, as rule files spell them.

use std::sync::Arc;

use serde::Deserialize;

use super::shape::{
    AssignedShape, GenericShape, JsonShape, JwtShape, PemShape, RegexShape, Shape, TokenShape, UrlShape,
};
use crate::finding::{Confidence, Help, RuleId, RuleMeta, Severity};

/// One rule, checked.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What reports say of it.
    pub meta: Arc<RuleMeta>,
    /// The word that groups its findings with others of the same provider, from the name of the file: `github`.
    pub provider: String,
    /// The file, line and column that it stands at, or `built-in rules`.
    pub origin: String,
    /// How the secret looks.
    pub shape: Shape,
    /// The offline proof, if its format has one.
    pub check: Option<Check>,
    /// The other half, if the secret is one of a pair.
    pub pair: Option<Pair>,
    /// Environment variables that usually hold it.
    pub env: Vec<String>,
    /// Texts in which the rule must fire exactly once.
    pub examples: Vec<Example>,
    /// Texts in which it must not fire.
    pub non_examples: Vec<Example>,
    /// What leak-response needs.
    pub respond: Respond,
}

impl Rule {
    /// The origin of embedded rules.
    pub(super) const BUILT_IN: &str = "built-in rules";

    /// Whether it comes with the program.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        self.origin == Self::BUILT_IN
    }
}

/// What to do when the secret has leaked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Respond {
    /// What an attacker can do with it.
    pub impact: String,
    /// Page on which it is revoked.
    pub console: Option<String>,
    /// Steps that revoke and replace it.
    #[serde(default)]
    pub revoke: Vec<String>,
    /// Where its use is recorded.
    pub audit_log: Option<String>,
    /// The call that revokes it, where its provider has one. It is made only when somebody asks for it.
    pub api: Option<Call>,
}

/// A request to the API of a provider. `{secret}` in it stands for the secret.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Call {
    /// Such as `POST`.
    pub method: String,
    /// The address.
    pub url: String,
    /// Header lines.
    #[serde(default)]
    pub headers: Vec<String>,
    /// The body, JSON, where there is one.
    pub body: Option<String>,
    /// Status codes that mean success.
    pub expect: Vec<u16>,
    /// Text that a body that means success contains.
    pub answer: Option<String>,
    /// What happens, as a sentence.
    pub effect: String,
}

/// The other half of a pair.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Pair {
    /// Name of the rule of the other half, without `secret/`.
    pub with: String,
    /// Distance in bytes within which the halves belong together.
    pub within: u64,
    /// Confidence when the other half is near.
    pub confidence: Confidence,
}

/// A text for a rule to be tried on. Random parts and checksums are made when it is used, so that no scanner trips
/// on the rule file: see `detect::example` for the placeholders.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct Example(pub String);

/// An offline proof that a token is what it seems. Algorithms live in `detect::check`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// CRC-32 of the body in base 62, six digits: GitHub classic tokens, npm, Vercel.
    Crc32Base62,
    /// CRC-32 in base 36 over everything before the last seven characters, and the length field.
    GitlabRoutable,
    /// CRC-32, little-endian, eight hexadecimal digits.
    GrafanaServiceAccount,
    /// Base64 JSON with the keys `o`, `n` and `k`.
    GrafanaCloud,
    /// CRC-32 of the 40-character body, eight hexadecimal digits.
    CloudflareCrc32,
    /// CRC-32 of everything before the last eight hexadecimal digits, upper case.
    AtlassianCrc32,
    /// Account number inside an access key id; only base 32 characters.
    AwsKeyId,
    /// Macaroon for the package index.
    PypiMacaroon,
    /// Base64 JSON with region and organisation.
    SentryOrg,
    /// Halves of equal length around the marker.
    OpenaiHalves,
    /// First part is a base64 snowflake.
    DiscordBot,
    /// Marvin32 checksum with the provider's seed in the last four bytes.
    AzureIdentifiable,
    /// CRC-32 of 28 of the 32 decoded bytes.
    AzureDevopsPat,
    /// Base58 or base64 with the reference-token header.
    JfrogReference,
    /// bech32 with the prefix `AGE-SECRET-KEY-`.
    AgeBech32,
    /// A JSON Web Token after the last separator.
    EmbeddedJwt,
    /// Base64 of a user, a colon and a password.
    BasicCredentials,
}

/// A rule as it is written down.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawRule {
    id: String,
    title: String,
    severity: Severity,
    confidence: Confidence,
    token: Option<TokenShape>,
    assigned: Option<AssignedShape>,
    url: Option<UrlShape>,
    pem: Option<PemShape>,
    jwt: Option<JwtShape>,
    json: Option<JsonShape>,
    generic: Option<GenericShape>,
    regex: Option<RegexShape>,
    check: Option<Check>,
    pair: Option<Pair>,
    #[serde(default)]
    env: Vec<String>,
    #[serde(default)]
    examples: Vec<Example>,
    #[serde(default)]
    non_examples: Vec<Example>,
    #[serde(default)]
    respond: Respond,
}

/// A rule file: a list of `[[rule]]` tables.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFile {
    #[serde(default)]
    pub(super) rule: Vec<RawRule>,
}

impl RawRule {
    /// Checks what the types alone cannot.
    pub(super) fn check(self, provider: &str, origin: &str) -> Result<Rule, String> {
        let id = RuleId::new(format!("secret/{}", self.id)).map_err(|error| error.to_string())?;
        let shapes: Vec<Shape> = [
            self.token.map(Shape::Token),
            self.assigned.map(Shape::Assigned),
            self.url.map(Shape::Url),
            self.pem.map(Shape::Pem),
            self.jwt.map(Shape::Jwt),
            self.json.map(Shape::Json),
            self.generic.map(Shape::Generic),
            self.regex.map(Shape::Regex),
        ]
        .into_iter()
        .flatten()
        .collect();
        let Ok([shape]) = <[Shape; 1]>::try_from(shapes) else {
            return Err(format!("rule {} needs exactly one of: {}", self.id, Shape::NAMES.join(", ")));
        };
        let help = Help {
            impact: self.respond.impact.clone(),
            steps: self.respond.revoke.clone(),
            uri: self.respond.console.clone(),
            audit_log: self.respond.audit_log.clone(),
        };
        Ok(Rule {
            meta: Arc::new(RuleMeta {
                id,
                title: self.title,
                severity: self.severity,
                confidence: self.confidence,
                help,
            }),
            provider: provider.to_owned(),
            origin: origin.to_owned(),
            shape,
            check: self.check,
            pair: self.pair,
            env: self.env,
            examples: self.examples,
            non_examples: self.non_examples,
            respond: self.respond,
        })
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }
}
