//! SARIF 2.1.0 (OASIS, errata 01): the report for code scanning. It never holds the value of a secret.

mod code_flow;
mod invocation;
mod locations;
mod results;
mod rules;
#[cfg(test)]
mod schema;

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_sarif::sarif::{self, ArtifactLocation, Message, VersionControlDetails};

use super::json::write_pretty;
use super::place::directory_uri;
use super::{Report, Reporter};
use rules::Rules;

/// Where the schema is published, errata included.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Stands for the root of the work tree in URIs (section 3.14.14).
const ROOT: &str = "SRCROOT";

/// One log with one run.
#[derive(Debug)]
pub(super) struct Sarif;

impl Reporter for Sarif {
    fn write(&self, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
        let log = sarif::Sarif::builder().schema(SCHEMA).version("2.1.0").runs(vec![run(report)]).build();
        write_pretty(&log, out)
    }
}

fn run(report: &Report<'_>) -> sarif::Run {
    let rules = Rules::of(report);
    let (results, cut) = results::of(report, &rules);
    let driver = sarif::ToolComponent::builder()
        .name("kbsec")
        .version(report.run.version)
        .semantic_version(report.run.version)
        .rules(rules.descriptors())
        .notifications(invocation::descriptors())
        .build();
    let mut run = sarif::Run::builder()
        .tool(sarif::Tool::builder().driver(driver).build())
        .automation_details(sarif::RunAutomationDetails::builder().id("kbsec/scan/").build())
        .column_kind("unicodeCodePoints")
        .original_uri_base_ids(BTreeMap::from([(ROOT.to_owned(), root(report))]))
        .invocations(vec![invocation::of(report, cut)])
        .results(results)
        .build();
    run.version_control_provenance = provenance(report).map(|details| vec![details]);
    run
}

/// The root of the work tree; without a URI where it is not known (section 3.14.14 allows that).
fn root(report: &Report<'_>) -> ArtifactLocation {
    let description = Message::builder().text("root of the work tree").build();
    let mut root = ArtifactLocation::builder().description(description).build();
    root.uri = directory_uri(&report.run.root);
    root
}

/// The repository, if it has an address (section 3.23.3 requires one).
fn provenance(report: &Report<'_>) -> Option<VersionControlDetails> {
    let repository = report.run.repository.as_ref()?;
    let mapped_to = ArtifactLocation::builder().uri_base_id(ROOT).build();
    let mut details = VersionControlDetails::builder()
        .repository_uri(absolute_uri(repository.uri.as_deref()?)?)
        .mapped_to(mapped_to)
        .build();
    details.revision_id.clone_from(&repository.revision);
    details.branch.clone_from(&repository.branch);
    Some(details)
}

/// An address as git knows it as an absolute URI: `host:path` means SSH, a path means a file.
fn absolute_uri(address: &str) -> Option<String> {
    let uri = match (address.split_once("://"), address.split_once(':')) {
        (Some((scheme, rest)), _) if !scheme.is_empty() && !rest.is_empty() => address.to_owned(),
        (None, _) if address.starts_with('/') => format!("file://{address}"),
        (None, Some((host, path))) if !host.is_empty() && !host.contains('/') => {
            format!("ssh://{host}/{}", path.trim_start_matches('/'))
        }
        _ => return None,
    };
    Some(encode(&uri))
}

/// Percent-encodes what no URI may hold (RFC 3986 section 2), and nothing else.
fn encode(uri: &str) -> String {
    let mut encoded = String::with_capacity(uri.len());
    for byte in uri.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// A plain text message in which every character stands for itself.
fn message(text: &str) -> Message {
    Message::builder().text(escape(text)).build()
}

/// Escapes what would begin a link or a placeholder in a plain text message (sections 3.11.5 and 3.11.6).
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '[' | ']' => escaped.extend(['\\', character]),
            '{' | '}' => escaped.extend([character, character]),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_absolute_uris() {
        let cases = [
            ("https://example.com/a/b.git", Some("https://example.com/a/b.git")),
            ("example.com:a/b c.git", Some("ssh://example.com/a/b%20c.git")),
            ("/srv/git/größe", Some("file:///srv/git/gr%C3%B6%C3%9Fe")),
            ("../sibling", None),
            ("./with:colon", None),
            ("", None),
        ];
        for (address, uri) in cases {
            assert_eq!(absolute_uri(address).as_deref(), uri, "{address}");
        }
    }

    #[test]
    fn messages_hold_no_links_and_no_placeholders() {
        assert_eq!(escape(r"a [b](c) {0} \d"), r"a \[b\](c) {{0}} \\d");
    }
}
