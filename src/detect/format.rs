//! A token format, compiled: literal text and runs of an alphabet, matched outward from the anchor.

use std::ops::Range;

use super::alphabet::Alphabet;
use super::boundary;
use super::inspect::Reach;

/// One format without alternatives.
#[derive(Clone, Debug)]
pub(crate) struct Format {
    elements: Vec<Element>,
    /// Index of the element that is searched for: the longest literal.
    anchor: Option<usize>,
}

#[derive(Clone, Debug, PartialEq)]
enum Element {
    Literal(Vec<u8>),
    Run { alphabet: Alphabet, least: usize, most: usize },
}

/// The most formats that the alternatives of one text may multiply to.
const MOST_ALTERNATIVES: usize = 64;
/// The most characters in one run: a secret has to fit into the overlap of two chunks.
const LONGEST_RUN: usize = 8 << 10;

const UUID: &str = "{anyhex:8}-{anyhex:4}-{anyhex:4}-{anyhex:4}-{anyhex:12}";

impl Format {
    /// Reads a format as rule files spell it (`rule::TokenShape`); alternatives multiply out.
    ///
    /// # Errors
    /// What is wrong with the text, as a clause.
    pub(crate) fn parse(text: &str) -> Result<Vec<Self>, String> {
        let mut variants: Vec<Vec<Element>> = vec![Vec::new()];
        let mut rest = text;
        while !rest.is_empty() {
            let (literal, tail) = rest.split_once('{').unwrap_or((rest, ""));
            variants.iter_mut().for_each(|elements| push_literal(elements, literal));
            if literal.len() == rest.len() {
                break;
            }
            let (inside, after) =
                tail.split_once('}').ok_or_else(|| format!("format {text:?} has a `{{` without `}}`"))?;
            if inside == "uuid" {
                let uuid = Self::parse(UUID)?.remove(0).elements;
                variants.iter_mut().for_each(|elements| elements.extend(uuid.iter().cloned()));
            } else if inside.contains('|') && !inside.starts_with('[') {
                variants = multiply(&variants, inside);
            } else {
                let run = run(inside).map_err(|error| format!("format {text:?}: {error}"))?;
                variants.iter_mut().for_each(|elements| elements.push(run.clone()));
            }
            if variants.len() > MOST_ALTERNATIVES {
                return Err(format!("format {text:?} has more than {MOST_ALTERNATIVES} alternatives"));
            }
            rest = after;
        }
        Ok(variants.into_iter().map(Self::new).collect())
    }

    /// The text to search for, if there is any.
    pub(crate) fn anchor(&self) -> Option<&[u8]> {
        match &self.elements[self.anchor?] {
            Element::Literal(text) => Some(text),
            Element::Run { .. } => None,
        }
    }

    /// The literal text that it begins with; it is public.
    pub(crate) fn prefix(&self) -> &[u8] {
        match self.elements.first() {
            Some(Element::Literal(text)) => text,
            _ => &[],
        }
    }

    /// The token whose anchor begins at `anchor`.
    pub(crate) fn match_around(&self, bytes: &[u8], anchor: usize) -> Option<Range<usize>> {
        let index = self.anchor?;
        let end = self.forward(index, bytes, anchor)?;
        let start = self.backward(index, bytes, anchor)?;
        (boundary::starts(bytes, start) && boundary::ends(bytes, end)).then_some(start..end)
    }

    /// How far from the start of the anchor a token and its boundaries stand; none without an anchor.
    pub(crate) fn reach(&self) -> Option<Reach> {
        let longest = |elements: &[Element]| -> usize {
            elements
                .iter()
                .map(|element| match element {
                    Element::Literal(text) => text.len(),
                    Element::Run { most, .. } => most + 1,
                })
                .sum()
        };
        let (before, after) = self.elements.split_at(self.anchor?);
        Some(Reach { before: longest(before) + boundary::REACH, after: longest(after) + 1 })
    }

    /// Whether `value` is a token of this format from its first to its last byte.
    pub(crate) fn matches(&self, value: &[u8]) -> bool {
        self.forward(0, value, 0) == Some(value.len())
    }

    /// The bytes of a matching token that are not literal.
    pub(crate) fn variable_part(&self, token: &[u8]) -> Vec<u8> {
        let mut rest = token;
        let mut part = Vec::with_capacity(token.len());
        for element in &self.elements {
            if let Element::Literal(text) = element
                && let Some(at) = memchr::memmem::find(rest, text)
            {
                part.extend_from_slice(&rest[..at]);
                rest = &rest[at + text.len()..];
            }
        }
        part.extend_from_slice(rest);
        part
    }

    fn new(elements: Vec<Element>) -> Self {
        let length = |element: &Element| match element {
            Element::Literal(text) => text.len(),
            Element::Run { .. } => 0,
        };
        let longest = (0..elements.len()).rev().max_by_key(|&index| length(&elements[index]));
        let anchor = longest.filter(|&index| length(&elements[index]) > 0);
        Self { elements, anchor }
    }

    /// The end of the elements from `index` on, when they begin at `at`.
    fn forward(&self, index: usize, bytes: &[u8], at: usize) -> Option<usize> {
        match self.elements.get(index) {
            None => Some(at),
            Some(Element::Literal(text)) => {
                bytes.get(at..)?.starts_with(text).then(|| self.forward(index + 1, bytes, at + text.len()))?
            }
            Some(&Element::Run { alphabet, least, most }) => {
                let run = bytes
                    .get(at..)?
                    .iter()
                    .take(most + 1)
                    .take_while(|&&byte| alphabet.contains(byte))
                    .count();
                if self.must_take_all(index + 1, &alphabet) {
                    return (least..=most)
                        .contains(&run)
                        .then(|| self.forward(index + 1, bytes, at + run))?;
                }
                (least..=run.min(most)).rev().find_map(|length| self.forward(index + 1, bytes, at + length))
            }
        }
    }

    /// The start of the elements before `index`, when they end at `at`.
    fn backward(&self, index: usize, bytes: &[u8], at: usize) -> Option<usize> {
        let Some(before) = index.checked_sub(1) else { return Some(at) };
        match &self.elements[before] {
            Element::Literal(text) => {
                bytes[..at].ends_with(text).then(|| self.backward(before, bytes, at - text.len()))?
            }
            &Element::Run { alphabet, least, most } => {
                let run = bytes[..at]
                    .iter()
                    .rev()
                    .take(most + 1)
                    .take_while(|&&byte| alphabet.contains(byte))
                    .count();
                if before == 0 {
                    return (least..=most).contains(&run).then_some(at - run);
                }
                (least..=run.min(most)).rev().find_map(|length| self.backward(before, bytes, at - length))
            }
        }
    }

    /// Whether a run has to end where its alphabet ends: it is the last element, or the next one cannot begin inside.
    fn must_take_all(&self, next: usize, alphabet: &Alphabet) -> bool {
        match self.elements.get(next) {
            None => true,
            Some(Element::Literal(text)) => !alphabet.contains(text[0]),
            Some(Element::Run { .. }) => false,
        }
    }
}

fn push_literal(elements: &mut Vec<Element>, text: &str) {
    match elements.last_mut() {
        _ if text.is_empty() => {}
        Some(Element::Literal(last)) => last.extend_from_slice(text.as_bytes()),
        _ => elements.push(Element::Literal(text.as_bytes().to_vec())),
    }
}

fn multiply(variants: &[Vec<Element>], alternatives: &str) -> Vec<Vec<Element>> {
    let with = |elements: &Vec<Element>, alternative| {
        let mut elements = elements.clone();
        push_literal(&mut elements, alternative);
        elements
    };
    alternatives
        .split('|')
        .flat_map(|alternative| variants.iter().map(move |elements| with(elements, alternative)))
        .collect()
}

/// `base62:36`, `[a-z0-9]:20-40`.
fn run(text: &str) -> Result<Element, String> {
    let (name, length) = text.rsplit_once(':').ok_or_else(|| format!("`{{{text}}}` has no `:length`"))?;
    let alphabet = Alphabet::parse(name).ok_or_else(|| {
        let known: Vec<&str> = Alphabet::names().collect();
        format!("{name:?} is no alphabet; there are {}, or a class such as [a-f0-9_]", known.join(" "))
    })?;
    let number = |digits: &str| digits.parse::<usize>().map_err(|_| format!("{digits:?} is no length"));
    let (least, most) = match length.split_once('-') {
        Some((least, most)) => (number(least)?, number(most)?),
        None => (number(length)?, number(length)?),
    };
    if least > most || most == 0 || most > LONGEST_RUN {
        return Err(format!("length {length} is empty, backwards or above {LONGEST_RUN}"));
    }
    Ok(Element::Run { alphabet, least, most })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(format: &str, text: &str) -> Option<String> {
        Format::parse(format).unwrap().iter().find_map(|format| {
            let anchor = format.anchor()?;
            memchr::memmem::find_iter(text.as_bytes(), anchor)
                .find_map(|at| format.match_around(text.as_bytes(), at))
                .map(|range| text[range].to_owned())
        })
    }

    #[test]
    fn matches_literals_runs_alternatives_and_middle_anchors() {
        assert_eq!(find("g{p|o}_{hex:4}", "x=go_12af;").as_deref(), Some("go_12af"));
        assert_eq!(find("{base62:4}.atlas.{hex:2-3}", "(aB12.atlas.abc)").as_deref(), Some("aB12.atlas.abc"));
        assert_eq!(find("k-{base62:2-9}Zed{base62:2}", "k-aZedbbZedcc ").as_deref(), Some("k-aZedbbZedcc"));
        assert_eq!(find("id{uuid}", "id00112233-4455-6677-8899-aabbccddeeff").map(|id| id.len()), Some(38));
    }

    #[test]
    fn a_longer_run_is_another_token() {
        for text in ["go_12afa", "go_12af9", "ago_12af", "go_12a", "go_12afg"] {
            assert_eq!(find("g{p|o}_{hex:4}", text), None, "{text}");
        }
        assert_eq!(find("{hex:4}.at", "12345.at"), None);
    }

    #[test]
    fn escapes_before_a_token_do_not_continue_it() {
        for before in [r"\n", "%3D", "\u{1b}[31m", r"\u003d", "_", "\""] {
            assert!(find("go_{hex:4}", &format!("{before}go_12af")).is_some(), "{before}");
        }
    }

    #[test]
    fn bad_formats_say_what_is_wrong() {
        for (bad, word) in
            [("a{b", "without"), ("{hex}", "length"), ("{nope:3}", "alphabet"), ("{hex:9-3}", "backwards")]
        {
            assert!(Format::parse(bad).unwrap_err().contains(word), "{bad}");
        }
    }

    #[test]
    fn the_variable_part_leaves_literals_out() {
        let format = &Format::parse("go_{hex:4}.x.{hex:2}").unwrap()[0];
        assert_eq!(format.variable_part(b"go_12af.x.00"), b"12af00");
    }
}
