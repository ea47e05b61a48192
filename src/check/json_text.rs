//! JSON as people write it: values with their places, and every fault for which the platform would refuse the file.
//!
//! The platform takes comments and trailing commas out of `.jsonc` files and gives the rest to the strict parser of its
//! runtime, so a byte order mark is the end for either kind of file, and a comment or a trailing comma for `.json`.

use std::collections::HashSet;

use crate::span::Position;

/// A value and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Byte offset.
    pub(super) at: usize,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    Object(Vec<Member>),
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Member {
    pub(super) key: String,
    /// Byte offset of the key.
    pub(super) at: usize,
    pub(super) value: Node,
}

/// What was read.
#[derive(Clone, Debug)]
pub(super) struct Document {
    /// The value, unless it breaks off.
    pub(super) root: Option<Node>,
    /// Why the platform refuses it, in the order of the file; the last one is where reading ended.
    pub(super) refused: Vec<Fault>,
    /// What it accepts, and nobody wants, such as a key that occurs twice.
    pub(super) doubtful: Vec<Fault>,
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) what: String,
}

/// How deep values may be nested.
const DEEPEST: usize = 128;

impl Node {
    /// The value of a key; that of the last one if it occurs twice, as the platform has it.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.members().iter().rev().find(|member| member.key == key).map(|member| &member.value)
    }

    /// The value at a path of keys.
    pub(super) fn path(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    pub(super) fn members(&self) -> &[Member] {
        match &self.kind {
            Kind::Object(members) => members,
            _ => &[],
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What kind of value it is, as a word.
    pub(super) fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Null => "null",
            Kind::Bool(_) => "a boolean",
            Kind::Number(_) => "a number",
            Kind::Text(_) => "a string",
            Kind::List(_) => "an array",
            Kind::Object(_) => "an object",
        }
    }

    /// Calls with every text in it, keys not included.
    pub(super) fn each_text(&self, visit: &mut dyn FnMut(&str, usize)) {
        match &self.kind {
            Kind::Text(text) => visit(text, self.at),
            Kind::List(nodes) => nodes.iter().for_each(|node| node.each_text(visit)),
            Kind::Object(members) => members.iter().for_each(|member| member.value.each_text(visit)),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) => {}
        }
    }
}

/// The line and column of an offset.
pub(super) fn position(text: &str, at: usize) -> Position {
    let mut end = at.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Position::START.advance(&text.as_bytes()[..end])
}

/// Reads a text as far as it goes.
pub(super) fn parse(text: &str, is_jsonc: bool) -> Document {
    let mut reader = Reader { text, at: 0, depth: 0, is_jsonc, refused: Vec::new(), doubtful: Vec::new() };
    if text.starts_with('\u{feff}') {
        reader.at = '\u{feff}'.len_utf8();
        reader.refused.push(Fault { at: 0, what: "a byte order mark stands before the value".into() });
    }
    let root = match reader.document() {
        Ok(root) => Some(root),
        Err(fault) => {
            reader.refused.push(fault);
            None
        }
    };
    Document { root, refused: reader.refused, doubtful: reader.doubtful }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    is_jsonc: bool,
    refused: Vec<Fault>,
    doubtful: Vec<Fault>,
}

impl Reader<'_> {
    fn document(&mut self) -> Result<Node, Fault> {
        self.space()?;
        let root = self.value("at the beginning")?;
        self.space()?;
        match self.peek() {
            None => Ok(root),
            Some(_) => Err(self.fault("something follows after the end of the value")),
        }
    }

    fn value(&mut self, place: &str) -> Result<Node, Fault> {
        let at = self.at;
        let kind = match self.peek() {
            Some('{') => self.nested(Self::object)?,
            Some('[') => self.nested(Self::list)?,
            Some('"') => Kind::Text(self.string()?),
            Some('-' | '0'..='9') => self.number()?,
            Some('\'') => return Err(self.fault("texts stand in double quotes")),
            Some(found) if found.is_ascii_alphabetic() => self.word()?,
            Some(_) => return Err(self.fault(&format!("expected a value {place}"))),
            None => return Err(self.fault("the file ends where a value is expected")),
        };
        Ok(Node { kind, at })
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Kind, Fault>) -> Result<Kind, Fault> {
        if self.depth == DEEPEST {
            return Err(self.fault("it is nested too deeply"));
        }
        self.depth += 1;
        self.advance();
        let kind = read(self);
        self.depth -= 1;
        kind
    }

    fn object(&mut self) -> Result<Kind, Fault> {
        let mut members = Vec::new();
        let mut keys = HashSet::new();
        loop {
            self.space()?;
            let at = self.at;
            match self.peek() {
                Some('}') => {
                    self.advance();
                    return Ok(Kind::Object(members));
                }
                Some('"') => {}
                None => return Err(self.fault("the file ends inside of an object")),
                Some(_) => return Err(self.fault("expected a key in double quotes")),
            }
            let key = self.string()?;
            let told = quoted(&key);
            if !keys.insert(key.clone()) {
                let what = format!("the key {told} occurs again; only the last one counts");
                self.doubtful.push(Fault { at, what });
            }
            self.space()?;
            if self.peek() != Some(':') {
                return Err(self.fault(&format!("expected ':' after the key {told}")));
            }
            self.advance();
            self.space()?;
            let value = self.value(&format!("for the key {told}"))?;
            members.push(Member { key, at, value });
            self.separator('}', &format!("after the value of {told}"))?;
        }
    }

    fn list(&mut self) -> Result<Kind, Fault> {
        let mut nodes = Vec::new();
        loop {
            self.space()?;
            match self.peek() {
                Some(']') => {
                    self.advance();
                    return Ok(Kind::List(nodes));
                }
                None => return Err(self.fault("the file ends inside of an array")),
                Some(_) => nodes.push(self.value("in an array")?),
            }
            self.separator(']', "in an array")?;
        }
    }

    /// A comma, unless the end comes next.
    fn separator(&mut self, end: char, place: &str) -> Result<(), Fault> {
        self.space()?;
        match self.peek() {
            Some(',') => {
                let comma = self.at;
                self.advance();
                self.space()?;
                if self.peek() == Some(end) && !self.is_jsonc {
                    self.refused.push(Fault { at: comma, what: format!("a comma stands before '{end}'") });
                }
                Ok(())
            }
            Some(found) if found == end => Ok(()),
            None => Err(self.fault(&format!("the file ends {place}"))),
            Some(_) => Err(self.fault(&format!("expected ',' or '{end}' {place}"))),
        }
    }

    fn string(&mut self) -> Result<String, Fault> {
        let start = self.at;
        self.advance();
        loop {
            match self.peek() {
                Some('"') => {
                    self.advance();
                    let written = &self.text[start..self.at];
                    return serde_json::from_str(written).map_err(|_| Fault {
                        at: start,
                        what: "this text has an escape that JSON does not know".into(),
                    });
                }
                Some('\\') => {
                    self.advance();
                    self.advance();
                }
                Some(found) if found < ' ' => {
                    return Err(match found {
                        '\n' => {
                            Fault { at: start, what: "this text has no closing quote on its line".into() }
                        }
                        _ => self.fault("a control character stands in a text"),
                    });
                }
                Some(_) => self.advance(),
                None => return Err(Fault { at: start, what: "this text has no closing quote".into() }),
            }
        }
    }

    fn number(&mut self) -> Result<Kind, Fault> {
        let start = self.at;
        while self.peek().is_some_and(|found| found.is_ascii_alphanumeric() || "+-.".contains(found)) {
            self.advance();
        }
        let number = serde_json::from_str(&self.text[start..self.at]);
        number.map(Kind::Number).map_err(|_| Fault { at: start, what: "this is no number of JSON".into() })
    }

    fn word(&mut self) -> Result<Kind, Fault> {
        let start = self.at;
        while self.peek().is_some_and(|found| found.is_ascii_alphanumeric()) {
            self.advance();
        }
        match &self.text[start..self.at] {
            "null" => Ok(Kind::Null),
            "true" => Ok(Kind::Bool(true)),
            "false" => Ok(Kind::Bool(false)),
            _ => Err(Fault { at: start, what: "this text has no quotes".into() }),
        }
    }

    /// Passes over blanks and comments.
    fn space(&mut self) -> Result<(), Fault> {
        loop {
            let rest = &self.text[self.at..];
            self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
            let rest = &self.text[self.at..];
            let length = if rest.starts_with("//") {
                rest.find('\n').unwrap_or(rest.len())
            } else if rest.starts_with("/*") {
                rest.find("*/").map(|end| end + 2).ok_or_else(|| self.fault("this comment has no end"))?
            } else {
                return Ok(());
            };
            if !self.is_jsonc {
                let what = "comments are read in .jsonc files only".to_owned();
                self.refused.push(Fault { at: self.at, what });
            }
            self.at += length;
        }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn advance(&mut self) {
        self.at += self.peek().map_or(0, char::len_utf8);
    }

    fn fault(&self, what: &str) -> Fault {
        Fault { at: self.at, what: what.to_owned() }
    }
}

/// A key as a message names it. A key may itself be a secret, so a long one is only described.
fn quoted(key: &str) -> String {
    if key.len() > 40 { format!("of {} characters", key.chars().count()) } else { format!("\"{key}\"") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str, comments: bool) -> Vec<(u64, u64, String)> {
        let document = parse(text, comments);
        let all = document.refused.into_iter().chain(document.doubtful);
        all.map(|fault| {
            let at = position(text, fault.at);
            (at.line, at.column, fault.what)
        })
        .collect()
    }

    #[test]
    fn faults_have_a_line_and_a_column() {
        for (text, line, column, what) in [
            ("{\"a\": 1\n \"b\": 2}", 2, 2, "expected ',' or '}' after the value of \"a\""),
            ("{\"a\": 1,}", 1, 8, "a comma stands before '}'"),
            ("[1 // x\n]", 1, 4, "comments are read in .jsonc files only"),
            ("{a: 1}", 1, 2, "expected a key in double quotes"),
            ("{\"a\": b}", 1, 7, "this text has no quotes"),
            ("{\"a\": \"b}", 1, 7, "this text has no closing quote"),
            ("{\"a\" 1}", 1, 6, "expected ':' after the key \"a\""),
            ("{} x", 1, 4, "something follows after the end of the value"),
            ("{\"a\":1,\"a\":2}", 1, 8, "the key \"a\" occurs again; only the last one counts"),
            ("", 1, 1, "the file ends where a value is expected"),
            ("[01]", 1, 2, "this is no number of JSON"),
        ] {
            assert_eq!(faults(text, false), [(line, column, what.to_owned())], "{text}");
        }
        assert_eq!(faults("\u{feff}{}", true).len(), 1);
        assert_eq!(faults("/* a */ [1,] // b", true), []);
        assert_eq!(faults(&"[".repeat(1 << 20), false).len(), 1);
    }

    #[test]
    fn what_is_accepted_is_what_the_strict_parser_accepts() {
        let pieces = [
            "{",
            "}",
            "[",
            "]",
            "\"a\"",
            ":",
            ",",
            "1",
            "-1.5e3",
            "true",
            "null",
            " ",
            "\"\\u00e9\"",
            "\"\\x\"",
        ];
        let mut number = 1_u64;
        let mut accepted = 0;
        for _ in 0..200_000 {
            // A small generator of its own: the texts are the same in every run.
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let length = 1 + (number >> 60) as usize / 2;
            let text: String =
                (0..length).map(|at| pieces[(number >> (at * 6)) as usize % pieces.len()]).collect();
            let ours = parse(&text, false);
            let theirs = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            assert_eq!(ours.refused.is_empty(), theirs, "{text}: {:?}", ours.refused);
            accepted += u32::from(theirs);
        }
        assert!(accepted > 1000, "{accepted}");
    }

    #[test]
    fn values_are_found_by_their_path() {
        let text = r#"{"gateway": {"port": 4000, "staticTokens": {"x": {}}}, "a": ["b"]}"#;
        let root = parse(text, false).root.unwrap();
        assert_eq!(root.path(&["gateway", "port"]).map(|node| &node.kind), Some(&Kind::Number(4000.0)));
        let mut texts = Vec::new();
        root.each_text(&mut |text, _| texts.push(text.to_owned()));
        assert_eq!(texts, ["b"]);
    }
}
