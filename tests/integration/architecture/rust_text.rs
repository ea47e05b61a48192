//! Rust source as text: comments and literals blanked, tests cut off, paths and functions found.

use std::ops::Range;

/// A source file of the program, reduced to the code that users run.
pub(super) struct Code {
    /// Path from the root of the repository, such as `src/detect/token.rs`.
    pub(super) path: String,
    /// The module it is, such as `detect`, `token`; empty for lib.rs.
    pub(super) module: Vec<String>,
    /// The text as it stands in the file.
    pub(super) original: String,
    /// The text of the same length without comments, literals and tests.
    pub(super) text: String,
    /// Lines outside of inline tests.
    pub(super) lines: usize,
}

impl Code {
    pub(super) fn new(path: &str, original: &str) -> Self {
        let mut text = blank(original);
        let mut lines = original.lines().count();
        for range in tests(&text) {
            lines -= text[range.clone()].lines().count();
            let gap = erase(&text[range.clone()]);
            text.replace_range(range, &gap);
        }
        let module = path.trim_start_matches("src/").trim_end_matches(".rs");
        let module =
            if module == "lib" { Vec::new() } else { module.split('/').map(str::to_owned).collect() };
        Self { path: path.to_owned(), module, original: original.to_owned(), text, lines }
    }

    /// `path:line` of a byte offset.
    pub(super) fn at(&self, offset: usize) -> String {
        format!("{}:{}", self.path, self.text[..offset].matches('\n').count() + 1)
    }
}

/// Whether the file at `path` is a test module of its own: its parent declares it under `#[cfg(test)]`.
pub(super) fn is_test_module(path: &str, parent: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or("").trim_end_matches(".rs");
    let parent = blank(parent);
    tests(&parent).into_iter().any(|range| parent[range].trim_end().ends_with(&format!("mod {name};")))
}

fn erase(text: &str) -> String {
    text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
}

/// Replaces comments and literals by spaces; every other byte keeps its place.
pub(super) fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let end = comment(text, at).or_else(|| raw_string(text, at)).or_else(|| quoted(text, at));
        let Some(end) = end else {
            let width = text[at..].chars().next().map_or(1, char::len_utf8);
            out.push_str(&text[at..at + width]);
            at += width;
            continue;
        };
        out.push_str(&erase(&text[at..end]));
        at = end;
    }
    out
}

/// The end of the comment that starts here.
fn comment(text: &str, at: usize) -> Option<usize> {
    let rest = &text[at..];
    if rest.starts_with("//") {
        return Some(rest.find('\n').map_or(text.len(), |end| at + end));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let (mut depth, mut end) = (0, at);
    while end < text.len() {
        match &text.as_bytes()[end..text.len().min(end + 2)] {
            b"/*" => (depth, end) = (depth + 1, end + 2),
            b"*/" => (depth, end) = (depth - 1, end + 2),
            _ => end += 1,
        }
        if depth == 0 {
            return Some(end);
        }
    }
    Some(text.len())
}

fn raw_string(text: &str, at: usize) -> Option<usize> {
    let rest = text[at..].strip_prefix('r')?;
    let body = rest.trim_start_matches('#');
    let close = format!("\"{}", "#".repeat(rest.len() - body.len()));
    let body = body.strip_prefix('"')?;
    let length = body.find(&close).map_or(body.len(), |end| end + close.len());
    Some(text.len() - body.len() + length)
}

/// The end of the string or character that starts here; a lifetime is neither.
fn quoted(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut end = at + 1;
    match bytes[at] {
        b'"' => {}
        b'\'' => {
            let width = text[end..].chars().next().map_or(1, char::len_utf8);
            if bytes.get(end) != Some(&b'\\') && bytes.get(end + width) != Some(&b'\'') {
                return None;
            }
        }
        _ => return None,
    }
    while end < text.len() && bytes[end] != bytes[at] {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    Some(text.len().min(end + 1))
}

/// Every item under `#[cfg(test)]`, with its attributes, in blanked text; last one first.
fn tests(text: &str) -> Vec<Range<usize>> {
    let mark = "#[cfg(test)]";
    let mut found: Vec<Range<usize>> = Vec::new();
    for (start, _) in text.match_indices(mark) {
        if found.last().is_some_and(|range| range.contains(&start)) {
            continue;
        }
        let mut item = start + mark.len();
        while text[item..].trim_start().starts_with("#[") {
            item += text[item..].find(']').map_or(0, |end| end + 1);
        }
        let semicolon = text[item..].find(';').map_or(text.len(), |end| item + end + 1);
        let is_use = text[item..].trim_start().starts_with("use ");
        let end = match text[item..].find('{').map(|open| item + open) {
            Some(open) if open < semicolon && !is_use => closing(text, open),
            _ => semicolon,
        };
        found.push(start..end);
    }
    found.reverse();
    found
}

/// The offset after the brace that closes the one at `open`.
fn closing(text: &str, open: usize) -> usize {
    let mut depth = 0;
    for (offset, byte) in text.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return offset + 1;
        }
    }
    text.len()
}

/// A path such as `crate::finding::Origin`, in a `use` or in an expression.
#[derive(Debug, PartialEq)]
pub(super) struct PathUse {
    /// Offset of its last part, where a reader has to look.
    pub(super) offset: usize,
    pub(super) segments: Vec<String>,
    /// Whether a `use` brings it into the module.
    pub(super) imported: bool,
}

/// Every path of two parts or more, and everything after `use`; trees are spread out.
pub(super) fn paths(text: &str) -> Vec<PathUse> {
    let mut found = Vec::new();
    let (mut at, mut imported) = (0, false);
    while at < text.len() {
        let word = identifier(text, at);
        if word.is_empty() {
            imported &= text.as_bytes()[at].is_ascii_whitespace() || text[at..].starts_with("::");
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        } else if word == "use" {
            (at, imported) = (at + word.len(), true);
        } else if imported || text[at + word.len()..].starts_with("::") {
            at = spread(text, at, &[], &mut |offset, segments| {
                found.push(PathUse { offset, segments, imported });
            });
            imported = false;
        } else {
            at += word.len();
        }
    }
    found
}

fn identifier(text: &str, at: usize) -> &str {
    let rest = text.get(at..).unwrap_or("");
    let length = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    if rest.starts_with(|first: char| first.is_ascii_digit()) { &rest[..0] } else { &rest[..length] }
}

/// Walks one tree of a path from `at`, whose parents are `above`; returns the offset after it.
fn spread(text: &str, at: usize, above: &[String], found: &mut impl FnMut(usize, Vec<String>)) -> usize {
    let mut segments = above.to_vec();
    let mut at = at + text[at..].len() - text[at..].trim_start().len();
    loop {
        if text[at..].starts_with('{') {
            at += 1;
            loop {
                at += text[at..].find(|sign: char| !sign.is_whitespace() && sign != ',').unwrap_or(0);
                if at >= text.len() || text[at..].starts_with('}') {
                    return (at + 1).min(text.len());
                }
                at = spread(text, at, &segments, found);
                at += text[at..].find([',', '}']).unwrap_or(text.len() - at);
            }
        }
        let word = identifier(text, at);
        let only_closes_a_tree = word == "self" && !segments.is_empty();
        if !word.is_empty() && !only_closes_a_tree {
            segments.push(word.to_owned());
        }
        let next = at + word.len();
        if word.is_empty() || !text[next..].starts_with("::") {
            found(at, segments);
            return next.max(at);
        }
        at = next + 2;
    }
}

/// A function and how many lines of code it has.
#[derive(Debug, PartialEq)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) offset: usize,
    /// From `fn` to the closing brace, without lines that are blank or only comment.
    pub(super) lines: usize,
}

/// Every function with a body, in blanked text.
pub(super) fn functions(text: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for (offset, _) in text.match_indices("fn ") {
        let before = text[..offset].bytes().last().unwrap_or(b' ');
        let name = identifier(text, offset + 3);
        if before.is_ascii_alphanumeric() || before == b'_' || name.is_empty() {
            continue;
        }
        let mut depth = 0;
        let body = text[offset..].bytes().position(|byte| {
            depth += i32::from(matches!(byte, b'(' | b'[')) - i32::from(matches!(byte, b')' | b']'));
            depth == 0 && matches!(byte, b'{' | b';')
        });
        let Some(open) = body.map(|open| offset + open).filter(|open| text[*open..].starts_with('{')) else {
            continue;
        };
        let lines = text[offset..closing(text, open)].lines().filter(|line| !line.trim().is_empty()).count();
        found.push(Function { name: name.to_owned(), offset, lines });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Code, blank, functions, is_test_module, paths};

    #[test]
    fn comments_and_literals_are_blanked_and_keep_their_place() {
        let text = "a /* x /* y */ z */ b // c\n\"d\\\"e\" r#\"f\"g\"# 'h' '\\'' '\"' &'life i r#type é";
        let blanked = blank(text);
        assert_eq!(blanked.split_whitespace().collect::<Vec<_>>(), ["a", "b", "&'life", "i", "r#type", "é"]);
        assert_eq!(blanked.len(), text.len());
        assert_eq!(blanked.find('\n'), text.find('\n'));
    }

    #[test]
    fn tests_are_cut_off() {
        let code = Code::new(
            "src/a/b.rs",
            "fn a() {}\n#[cfg(test)]\n#[expect(x)]\nmod tests {\n fn b() {}\n}\nfn c() {}\n",
        );
        assert_eq!(
            functions(&code.text).iter().map(|found| found.name.as_str()).collect::<Vec<_>>(),
            ["a", "c"]
        );
        assert_eq!((code.lines, code.module), (2, vec!["a".to_owned(), "b".to_owned()]));
        let code = Code::new("src/lib.rs", "#[cfg(test)]\nuse a::{b, c};\nfn d() {}\n");
        assert_eq!(functions(&code.text)[0].name, "d");
        assert_eq!(paths(&code.text), []);
    }

    #[test]
    fn test_modules_in_files_of_their_own_are_told_by_their_parent() {
        let parent = "mod words;\n#[cfg(test)]\nmod tests;\n";
        assert!(is_test_module("src/detect/tests.rs", parent));
        assert!(!is_test_module("src/detect/words.rs", parent));
        assert!(!is_test_module("src/detect/tests.rs", "mod tests;"));
    }

    #[test]
    fn paths_are_found_in_trees_and_expressions() {
        let text = "use crate::{a::B, c::{self, D as E}, f::*};\nuse g;\nfn x() -> std::io::Result<()> { y(crate::h::I::<u8>) }";
        let found: Vec<_> = paths(text).iter().map(|path| path.segments.join("::")).collect();
        let expected =
            ["crate::a::B", "crate::c", "crate::c::D", "crate::f", "g", "std::io::Result", "crate::h::I"];
        assert_eq!(found, expected);
        assert_eq!(paths(text).iter().filter(|path| path.imported).count(), 5);
    }

    #[test]
    fn functions_have_their_length() {
        let text = "trait T { fn none(&self) -> [u8; 4]; }\nfn three(x: fn(u8)) -> [u8; 2]\nwhere X: Y {\n\n}\nlet fn_ = 1;";
        let found = functions(text);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].name.as_str(), found[0].lines), ("three", 3));
    }
}
