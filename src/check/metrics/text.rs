//! The text format of Prometheus: a sample a line, as `name{label="value"} number timestamp`.

use super::Sample;

/// Every sample of a text; lines that are none are passed over.
pub(in crate::check) fn parse(text: &str) -> Vec<Sample> {
    text.lines().filter_map(|line| sample(line.trim())).collect()
}

fn sample(line: &str) -> Option<Sample> {
    if line.starts_with('#') {
        return None;
    }
    let end =
        line.find(|character: char| !(character.is_ascii_alphanumeric() || "_:".contains(character)))?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.trim_start().strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let value = match rest.split_whitespace().next()? {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        number => number.parse().ok()?,
    };
    (!name.is_empty()).then(|| Sample { name: name.to_owned(), labels, value })
}

type Labels = Vec<(String, String)>;

/// The labels up to the closing brace, and what follows it.
fn labels(text: &str) -> Option<(Labels, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((found, rest));
        }
        let (name, after) = rest.split_once('=')?;
        let quoted = after.trim_start().strip_prefix('"')?;
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        let end = loop {
            match characters.next()? {
                (at, '"') => break at,
                (_, '\\') => match characters.next()?.1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (_, character) => value.push(character),
            }
        };
        found.push((name.trim().to_owned(), value));
        rest = quoted.get(end + 1..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_with_their_labels() {
        let text = "# HELP a b\n# TYPE a counter\na 1\n\
            http_requests_total{route=\"/a \\\"b\\\"\\\\\",status=\"500\",} 3.5 1740839400000\n\
            x{} NaN\nnot a sample\ny{z=\"open 1\n w +Inf\n";
        let found = parse(text);
        let names: Vec<&str> = found.iter().map(|sample| sample.name.as_str()).collect();
        assert_eq!(names, ["a", "http_requests_total", "x", "w"]);
        assert_eq!((found[1].label("route"), found[1].value), (Some("/a \"b\"\\"), 3.5));
        assert!(found[2].value.is_nan() && found[3].value.is_infinite());
    }
}
