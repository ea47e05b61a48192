//! A check: proof, without a network, that a text is or is not a secret of its provider.

use crate::rule::Check;

mod age;
mod atlassian;
mod aws;
mod azure_devops;
mod azure_identifiable;
mod basic_credentials;
mod cloudflare;
mod crc32_base62;
mod discord;
mod embedded_jwt;
mod gitlab;
mod grafana;
mod grafana_cloud;
mod jfrog;
mod marvin;
mod openai;
mod pypi;
mod sentry;

/// What a check found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is one. The text says for people why.
    Proved(String),
    /// It may be one; with what it says of itself, if anything.
    Plausible(Option<String>),
    /// It is none.
    Refuted,
}

impl Verdict {
    /// The verdict of a checksum whose algorithm is certain.
    fn checksum(holds: bool) -> Self {
        if holds { Self::Proved("checksum valid".to_owned()) } else { Self::Refuted }
    }

    /// The verdict of a checksum whose algorithm is not confirmed by a real token: failure proves nothing.
    fn unconfirmed_checksum(holds: bool) -> Self {
        if holds { Self::Proved("checksum valid".to_owned()) } else { Self::Plausible(None) }
    }
}

/// Tries the proof on a whole token, which foreign text may have formed.
pub(crate) fn verify(check: Check, token: &[u8]) -> Verdict {
    match check {
        Check::Crc32Base62 => crc32_base62::verify(token),
        Check::GitlabRoutable => gitlab::verify(token),
        Check::GrafanaServiceAccount => grafana::verify(token),
        Check::GrafanaCloud => grafana_cloud::verify(token),
        Check::CloudflareCrc32 => cloudflare::verify(token),
        Check::AtlassianCrc32 => atlassian::verify(token),
        Check::AwsKeyId => aws::verify(token),
        Check::PypiMacaroon => pypi::verify(token),
        Check::SentryOrg => sentry::verify(token),
        Check::OpenaiHalves => openai::verify(token),
        Check::DiscordBot => discord::verify(token),
        Check::AzureIdentifiable => azure_identifiable::verify(token),
        Check::AzureDevopsPat => azure_devops::verify(token),
        Check::JfrogReference => jfrog::verify(token),
        Check::AgeBech32 => age::verify(token),
        Check::EmbeddedJwt => embedded_jwt::verify(token),
        Check::BasicCredentials => basic_credentials::verify(token),
    }
}

/// What has to follow `so_far` for the token to pass, for examples. `None` if the token ends in nothing that follows
/// from the rest, or if `so_far` is not what the check expects (each file says what that is).
pub(crate) fn complete(check: Check, so_far: &[u8]) -> Option<Vec<u8>> {
    match check {
        Check::Crc32Base62 => crc32_base62::complete(so_far),
        Check::GitlabRoutable => gitlab::complete(so_far),
        Check::GrafanaServiceAccount => grafana::complete(so_far),
        Check::CloudflareCrc32 => cloudflare::complete(so_far),
        Check::AtlassianCrc32 => atlassian::complete(so_far),
        Check::PypiMacaroon => pypi::complete(so_far),
        Check::OpenaiHalves => openai::complete(so_far),
        Check::AzureIdentifiable => azure_identifiable::complete(so_far),
        Check::AzureDevopsPat => azure_devops::complete(so_far),
        Check::AgeBech32 => age::complete(so_far),
        Check::GrafanaCloud
        | Check::AwsKeyId
        | Check::SentryOrg
        | Check::DiscordBot
        | Check::JfrogReference
        | Check::EmbeddedJwt
        | Check::BasicCredentials => None,
    }
}

/// The token without its last `count` bytes, and those.
fn cut(token: &[u8], count: usize) -> Option<(&[u8], &[u8])> {
    token.split_at_checked(token.len().checked_sub(count)?)
}

/// The token after its first underscore.
fn after_underscore(token: &[u8]) -> Option<&[u8]> {
    token.get(memchr::memchr(b'_', token)? + 1..)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every check, with a text that its tokens start with.
    const ALL: [(Check, &[u8]); 20] = [
        (Check::Crc32Base62, b"ghp_"),
        (Check::GitlabRoutable, b"glpat-"),
        (Check::GitlabRoutable, b"glrt-t1_"),
        (Check::GrafanaServiceAccount, b"glsa_"),
        (Check::GrafanaCloud, b"glc_eyJ"),
        (Check::CloudflareCrc32, b"cfut_"),
        (Check::AtlassianCrc32, b"ATATT"),
        (Check::AwsKeyId, b"AKIA"),
        (Check::PypiMacaroon, b"pypi-AgE"),
        (Check::SentryOrg, b"sntrys_eyJ"),
        (Check::OpenaiHalves, b"sk-proj-"),
        (Check::DiscordBot, b"M"),
        (Check::AzureIdentifiable, b""),
        (Check::AzureDevopsPat, b""),
        (Check::JfrogReference, b"AKCp"),
        (Check::JfrogReference, b"cmVmdGtu"),
        (Check::AgeBech32, b"AGE-SECRET-KEY-1"),
        (Check::EmbeddedJwt, b"ghs_1_eyJ"),
        (Check::EmbeddedJwt, b"eyJ"),
        (Check::BasicCredentials, b"YWRhO"),
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn any_bytes_get_a_verdict_and_facts_are_printable(
            bytes in prop::collection::vec(any::<u8>(), 0..120),
            text in "[0-9A-Za-z._=+/-]{0,120}",
            which in 0..ALL.len(),
        ) {
            let (check, prefix) = ALL[which];
            for token in [bytes.clone(), [prefix, &bytes].concat(), [prefix, text.as_bytes()].concat(), text.into_bytes()] {
                if let Verdict::Proved(fact) | Verdict::Plausible(Some(fact)) = verify(check, &token) {
                    prop_assert!(fact.len() < 250 && fact.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{fact}");
                }
                if let Some(rest) = complete(check, &token) {
                    prop_assert!(rest.is_ascii());
                }
            }
        }
    }
}
