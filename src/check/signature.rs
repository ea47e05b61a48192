//! A signature: what errors that happen again have in common, numbers and names of single requests left out.

use std::sync::LazyLock;

use regex::Regex;

use super::context::Context;
use super::log::Record;

/// What differs from one occurrence to the next: ids, hexadecimal numbers, digits, quoted texts, addresses.
static VARYING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|\b(?:req|exec|run|trace|span|inv)[_-]\w+|\b[0-9a-f]{12,}\b|"[^"]*"|'[^']*'|\d+(?:\.\d+)*"#)
        .ok()
});

/// The message without what varies, and the place in the code that threw it.
///
/// Secrets go first: without its digits, one would not be recognised any more.
pub(super) fn of(context: &Context, record: &Record) -> String {
    let complaint = context.redact(&record.complaint());
    let plain =
        VARYING.as_ref().map_or(complaint.as_str().into(), |pattern| pattern.replace_all(&complaint, "…"));
    let short: String = plain.chars().take(120).collect();
    match record.stack().and_then(frame) {
        Some(frame) => format!("{short} @ {frame}"),
        None => short,
    }
}

/// The first frame of a stack outside of the runtime, without the folders above the file.
fn frame(stack: &str) -> Option<String> {
    let frames = stack.lines().map(str::trim).filter_map(|line| line.strip_prefix("at "));
    let own = frames.clone().find(|line| !line.contains("node:") && !line.contains("node_modules/"));
    let line = own.or_else(|| frames.clone().next())?;
    let place = line.trim_end_matches(')').rsplit(['(', ' ']).next()?;
    place.rsplit('/').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_is_the_first_one_of_the_plugin() {
        let stack = "Error: x\n at node:internal/a:1:2\n at run (/srv/plugins/r/dist/run.js:10:5)\n at x (/a/b.js:1:1)";
        assert_eq!(frame(stack).as_deref(), Some("run.js:10:5"));
        assert_eq!(frame("Error: x"), None);
    }
}
