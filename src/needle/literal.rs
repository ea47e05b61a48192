//! The literal search: where any form of a value stands, each place found by a short anchor and then verified.

use std::ops::Range;

use aho_corasick::{AhoCorasick, Input, MatchKind};
use memchr::memmem;

use super::Hit;
use super::encode::{Form, WRAPPABLE};

/// Anchors are no longer than this: the automaton stays small, and a longer one would find nothing less.
const ANCHOR: usize = 16;
/// Of wrapped text two such anchors lie within fewer characters than a line has, so one of them is whole.
const WRAPPED_ANCHOR: usize = WRAPPABLE / 2;
/// The shortest line of wrapped text.
const SHORTEST_LINE: usize = 32;
/// Blanks before a continued line at most.
const INDENT: usize = 16;
/// A line end in a string literal, `\r\n`, and the indent after it.
const LONGEST_BREAK: usize = 4 + INDENT;

/// Searches for all forms at once.
#[derive(Debug)]
pub(super) struct Literal {
    engine: Engine,
    anchors: Vec<Anchor>,
    forms: Vec<Form>,
    reach: usize,
}

enum Engine {
    /// One plain value: a vectorised search for all of it.
    One(Box<memmem::Finder<'static>>),
    Many(AhoCorasick),
}

impl std::fmt::Debug for Engine {
    /// Says nothing of what is searched for.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::One(_) => "One",
            Self::Many(_) => "Many",
        })
    }
}

/// A part of a form that is searched for.
#[derive(Clone, Debug)]
struct Anchor {
    form: usize,
    /// Where in the form it stands.
    part: Range<usize>,
}

impl Literal {
    /// A search for `forms`; none if there are too many for an automaton, which thousands would be.
    pub(super) fn new(forms: Vec<Form>) -> Option<Self> {
        let anchors: Vec<Anchor> = forms
            .iter()
            .enumerate()
            .flat_map(|(form, searched)| {
                parts(searched).into_iter().flatten().map(move |part| Anchor { form, part })
            })
            .collect();
        let engine = match forms.as_slice() {
            [one] => Engine::One(Box::new(memmem::Finder::new(one.bytes.expose()).into_owned())),
            _ => {
                let texts = anchors.iter().map(|anchor| text(&forms, anchor));
                let mut builder = AhoCorasick::builder();
                Engine::Many(builder.match_kind(MatchKind::LeftmostFirst).build(texts).ok()?)
            }
        };
        let reach = forms.iter().map(longest).max().unwrap_or(0);
        Some(Self { engine, anchors, forms, reach })
    }

    /// The longest stretch that one occurrence can take.
    pub(super) fn reach(&self) -> usize {
        self.reach
    }

    /// The forms, by the number that hits give.
    pub(super) fn forms(&self) -> &[Form] {
        &self.forms
    }

    /// Adds every occurrence that lies in `range`, overlapping ones too, in any order and perhaps twice.
    pub(super) fn search(&self, bytes: &[u8], range: Range<usize>, hits: &mut Vec<Hit>) {
        let Some(seen) = bytes.get(range.clone()) else { return };
        let mut at = 0;
        while let Some(found) = self.next(seen, at) {
            match &self.engine {
                Engine::One(finder) => {
                    hits.extend(Hit::new(range.start + found, finder.needle().len(), 0));
                }
                Engine::Many(_) => self.verify(seen, found, range.start, hits),
            }
            at = found + 1;
        }
    }

    fn next(&self, bytes: &[u8], from: usize) -> Option<usize> {
        match &self.engine {
            Engine::One(finder) => finder.find(bytes.get(from..)?).map(|found| from + found),
            Engine::Many(automaton) => {
                let input = Input::new(bytes).range(from..);
                automaton.find(input).map(|found| found.start())
            }
        }
    }

    /// Adds the forms of which an anchor stands at `at`.
    fn verify(&self, bytes: &[u8], at: usize, offset: usize, hits: &mut Vec<Hit>) {
        for anchor in &self.anchors {
            let form = &self.forms[anchor.form];
            if !bytes[at..].starts_with(text(&self.forms, anchor)) {
                continue;
            }
            let value = form.bytes.expose();
            let span = if form.wraps {
                wrapped(bytes, at, value, anchor.part.start)
            } else {
                bytes[at..].starts_with(value).then(|| at..at + value.len())
            };
            let hit = span.and_then(|span| Hit::new(offset + span.start, span.len(), anchor.form));
            hits.extend(hit);
        }
    }
}

/// The parts of a form that are searched for.
fn parts(form: &Form) -> [Option<Range<usize>>; 2] {
    if form.wraps {
        return [Some(0..WRAPPED_ANCHOR), Some(WRAPPED_ANCHOR..2 * WRAPPED_ANCHOR)];
    }
    [Some(0..form.bytes.len().min(ANCHOR)), None]
}

fn text<'a>(forms: &'a [Form], anchor: &Anchor) -> &'a [u8] {
    forms[anchor.form].bytes.expose().get(anchor.part.clone()).unwrap_or_default()
}

/// How many line ends may stand in a wrapped form.
fn breaks(length: usize) -> usize {
    length / SHORTEST_LINE + 1
}

fn longest(form: &Form) -> usize {
    let length = form.bytes.len();
    if form.wraps { length + breaks(length) * LONGEST_BREAK } else { length }
}

/// Where `value` stands, with line ends in it, if the byte at its index `known` is the one at `at`.
fn wrapped(bytes: &[u8], at: usize, value: &[u8], known: usize) -> Option<Range<usize>> {
    let mut left = breaks(value.len());
    let mut start = at;
    for &expected in value[..known].iter().rev() {
        let over = break_before(&bytes[..start]);
        if over > 0 {
            left = left.checked_sub(1)?;
            start -= over;
        }
        start = start.checked_sub(1)?;
        if bytes[start] != expected {
            return None;
        }
    }
    let mut end = at;
    for (index, &expected) in value[known..].iter().enumerate() {
        if index > 0 && bytes.get(end) != Some(&expected) {
            end += break_after(&bytes[end..]);
            left = left.checked_sub(1)?;
        }
        if bytes.get(end) != Some(&expected) {
            return None;
        }
        end += 1;
    }
    Some(start..end)
}

/// Length of the line end at the start of `rest`, with the indent of the next line; 0 if there is none.
fn break_after(rest: &[u8]) -> usize {
    let line_end = match rest {
        [b'\r', b'\n', ..] => 2,
        [b'\n', ..] => 1,
        [b'\\', b'r', b'\\', b'n', ..] => 4,
        [b'\\', b'n', ..] => 2,
        _ => return 0,
    };
    let blank = |byte: &&u8| matches!(byte, b' ' | b'\t');
    line_end + rest[line_end..].iter().take(INDENT).take_while(blank).count()
}

/// The same at the end of `before`.
fn break_before(before: &[u8]) -> usize {
    let blank = |byte: &&u8| matches!(byte, b' ' | b'\t');
    let indent = before.iter().rev().take(INDENT).take_while(blank).count();
    match &before[..before.len() - indent] {
        [.., b'\r', b'\n'] => indent + 2,
        [.., b'\n'] => indent + 1,
        [.., b'\\', b'r', b'\\', b'n'] => indent + 4,
        [.., b'\\', b'n'] => indent + 2,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::encode::forms;
    use super::*;

    fn search(value: &[u8], text: &[u8]) -> Vec<Hit> {
        let literal = Literal::new(forms(value)).unwrap();
        let mut hits = Vec::new();
        literal.search(text, 0..text.len(), &mut hits);
        hits.sort();
        hits.dedup();
        assert!(hits.iter().all(|hit| hit.length() <= literal.reach()));
        hits
    }

    #[test]
    fn wrapped_base64_and_hexadecimal_are_found_wherever_the_line_ends() {
        use base64::prelude::{BASE64_STANDARD, Engine as _};
        let value = b"a value of forty bytes or so, with some more";
        let base64 = BASE64_STANDARD.encode([&b"before "[..], value, b" after, and more"].concat());
        let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
        for line_end in ["\n", "\r\n", "\\n", "\n    ", "\\r\\n\t"] {
            for text in [&base64, &hex] {
                for width in [32, 60, 64, 76] {
                    for first in 0..width {
                        let mut lines = vec![text[..first].to_owned()];
                        let rest = text.as_bytes()[first..].chunks(width);
                        lines.extend(rest.map(|line| String::from_utf8_lossy(line).into_owned()));
                        let text = lines.join(line_end);
                        assert_eq!(search(value, text.as_bytes()).len(), 1, "{text}");
                    }
                }
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn plain_occurrences_are_those_of_a_naive_search(text in "[ab]{0,60}", value in "[ab]{4,8}") {
            let expected: Vec<usize> = (0..text.len())
                .filter(|&at| text[at..].starts_with(&value))
                .collect();
            let found: Vec<usize> = search(value.as_bytes(), text.as_bytes())
                .iter()
                .filter(|hit| hit.form() == 0)
                .map(|hit| hit.start())
                .collect();
            proptest::prop_assert_eq!(&found, &expected);
            let plain = Literal::new(forms(value.as_bytes()).into_iter().take(1).collect()).unwrap();
            let mut hits = Vec::new();
            plain.search(text.as_bytes(), 0..text.len(), &mut hits);
            let found: Vec<usize> = hits.iter().map(|hit| hit.start()).collect();
            proptest::prop_assert_eq!(found, expected);
        }

        #[test]
        fn never_panics(bytes: Vec<u8>, value in "[a-c]{4,40}") {
            search(value.as_bytes(), &bytes);
            search(&bytes.iter().chain(b"1234").copied().collect::<Vec<_>>(), &bytes);
        }
    }
}
