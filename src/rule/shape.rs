//! A shape: the closed list of ways in which a rule can state how a secret looks.

use std::fmt;

use serde::Deserialize;

/// How a secret looks. The detector has one file for each.
#[derive(Clone, Debug)]
pub enum Shape {
    /// A fixed text somewhere in it, the rest by alphabet and length.
    Token(TokenShape),
    /// A value of a known format, assigned to a name that holds a provider's word.
    Assigned(AssignedShape),
    /// A password in a URL.
    Url(UrlShape),
    /// A private key in armour.
    Pem(PemShape),
    /// A JSON Web Token.
    Jwt(JwtShape),
    /// A JSON object with certain fields.
    Json(JsonShape),
    /// A random value assigned to a name such as `password`.
    Generic(GenericShape),
    /// A regular expression.
    Regex(RegexShape),
}

impl Shape {
    /// Their keys in rule files.
    pub const NAMES: [&'static str; 8] =
        ["token", "assigned", "url", "pem", "jwt", "json", "generic", "regex"];

    /// Its key in rule files.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Token(_) => "token",
            Self::Assigned(_) => "assigned",
            Self::Url(_) => "url",
            Self::Pem(_) => "pem",
            Self::Jwt(_) => "jwt",
            Self::Json(_) => "json",
            Self::Generic(_) => "generic",
            Self::Regex(_) => "regex",
        }
    }
}

impl fmt::Display for Shape {
    /// One clause for people: what it looks for.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(shape) => write!(out, "its format: {}", shape.format.join("  ")),
            Self::Assigned(shape) => write!(
                out,
                "a value such as {}, assigned to a name with {}",
                shape.format.join(" or "),
                shape.words.join(", ")
            ),
            Self::Url(shape) if shape.schemes.is_empty() => {
                out.write_str("a password in a URL of any scheme")
            }
            Self::Url(shape) => write!(out, "a password in a URL of {}", shape.schemes.join(", ")),
            Self::Pem(shape) => write!(out, "its armour: {}", shape.labels.join(", ")),
            Self::Jwt(shape) if shape.issuer.is_empty() => out.write_str("a JSON Web Token"),
            Self::Jwt(shape) => write!(out, "a JSON Web Token issued by {}", shape.issuer.join(", ")),
            Self::Json(shape) => write!(out, "a JSON object with {}", shape.fields.join(", ")),
            Self::Generic(shape) => {
                write!(out, "a random value assigned to a name with {}", shape.words.join(", "))
            }
            Self::Regex(shape) => write!(out, "the pattern {}", shape.pattern),
        }
    }
}

/// `token = { format = ["gh{p|o|u}_{base62:36}"] }`
///
/// A format is literal text with `{alphabet:length}`, `{alphabet:least-most}` and `{one|or|another}` in it. Literal
/// text matches exactly; its longest piece is the anchor, and need not stand first. The characters around the token
/// must not continue it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TokenShape {
    /// Formats, any of which matches.
    pub format: Vec<String>,
    /// Bits of Shannon entropy per character that the variable part has at least; by default it depends on length.
    pub entropy: Option<f64>,
}

/// `assigned = { words = ["heroku"], format = ["{uuid}"] }`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AssignedShape {
    /// Words of which one occurs in the name (case and `-`, `_` do not matter) that the value is assigned to.
    pub words: Vec<String>,
    /// Formats of the whole value, written as in [`TokenShape`]; they need no literal text.
    pub format: Vec<String>,
    /// As in [`TokenShape`].
    pub entropy: Option<f64>,
}

/// `url = { schemes = ["postgres", "postgresql"] }`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct UrlShape {
    /// Schemes without `://`; none means all that no other rule names.
    #[serde(default)]
    pub schemes: Vec<String>,
}

/// `pem = { labels = ["RSA PRIVATE KEY"] }`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PemShape {
    /// Texts between `-----BEGIN ` and `-----`.
    pub labels: Vec<String>,
}

/// `jwt = {}` or `jwt = { issuer = ["supabase"] }`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct JwtShape {
    /// Texts of which one occurs in the claim `iss`; none means any issuer that no other rule names.
    #[serde(default)]
    pub issuer: Vec<String>,
}

/// `json = { anchor = '"service_account"', fields = ["private_key", "client_email"], secret = "private_key" }`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct JsonShape {
    /// Text inside the object by which it is found.
    pub anchor: String,
    /// Names that the object has, each with a string as its value.
    pub fields: Vec<String>,
    /// The one that holds the secret.
    pub secret: String,
}

/// `generic = { words = ["password", "secret"], least = 8 }`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GenericShape {
    /// As in [`AssignedShape`].
    pub words: Vec<String>,
    /// Characters that the value has at least.
    pub least: usize,
}

/// `regex = { pattern = 'corp-([a-z]{20})', anchors = ["corp-"], group = 1 }`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RegexShape {
    /// Syntax of the crate regex.
    pub pattern: String,
    /// Texts (case does not matter) of which one must stand within 256 bytes of the match; none means everywhere, which is slow.
    #[serde(default)]
    pub anchors: Vec<String>,
    /// The group that is the secret; 0 is the whole match.
    #[serde(default)]
    pub group: usize,
    /// As in [`TokenShape`].
    pub entropy: Option<f64>,
}
