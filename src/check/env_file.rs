//! Assignments of variables in files: `.env` files, files of systemd and of compose. Values stay secrets.

use std::path::Path;

use crate::secret::Secret;

/// One assignment.
#[derive(Clone, Debug)]
pub(super) struct Assignment {
    pub(super) name: String,
    pub(super) value: Secret,
    /// From 1.
    pub(super) line: usize,
}

/// The assignments of a file of `NAME=value` lines, or why it cannot be read.
pub(super) fn read(path: &Path) -> Result<Vec<Assignment>, String> {
    Ok(parse(&super::config_file::text(path)?))
}

/// The assignments of a text; the last one of a name counts. A value in quotes may go over several lines.
pub(super) fn parse(text: &str) -> Vec<Assignment> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=') else { continue };
        let name = name.trim();
        if !is_name(name) {
            continue;
        }
        let value = value.trim_start();
        let value = match value.chars().next() {
            Some(quote @ ('"' | '\'' | '`')) => {
                let mut value = value[1..].to_owned();
                while !value.contains(quote) {
                    let Some((_, next)) = lines.next() else { break };
                    value.push('\n');
                    value.push_str(next);
                }
                value.split(quote).next().unwrap_or_default().to_owned()
            }
            _ => value.split(" #").next().unwrap_or_default().trim_end().to_owned(),
        };
        found.push(Assignment { name: name.to_owned(), value: Secret::new(value), line: index + 1 });
    }
    found
}

/// Whether a text can name a variable.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_are_read_as_the_platform_reads_them() {
        let text = "# A=1\nexport B='two words' # no\nC=3 # three\n D = \"x\ny\"\nE=\n1F=no\nG";
        let found = parse(text);
        let shown: Vec<_> = found
            .iter()
            .map(|one| format!("{}:{}={}", one.line, one.name, String::from_utf8_lossy(one.value.expose())))
            .collect();
        assert_eq!(shown, ["2:B=two words", "3:C=3", "4:D=x\ny", "6:E="]);
    }
}
