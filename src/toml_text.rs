//! TOML text: read into a type, with errors that say where the text is wrong and what was probably meant.

use serde::de::DeserializeOwned;

/// Reads the text.
///
/// # Errors
/// One line with line, column, what is wrong, and the known key nearest to an unknown one.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error| {
        let place = error.span().map_or_else(String::new, |span| place(text, span.start));
        let what = error.message().trim();
        let hint = meant(what).map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
        format!("{place}{what}{hint}")
    })
}

/// `line 3, column 7: `, both from 1; columns count characters.
#[must_use]
pub fn place(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let line = 1 + before.matches('\n').count();
    let column = 1 + before.rsplit('\n').next().unwrap_or(before).chars().count();
    format!("line {line}, column {column}: ")
}

/// The known name that a misspelt one is nearest to, if it is near at all.
pub fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (distance, name) = known.into_iter().map(|name| (distance(unknown, name), name)).min()?;
    (distance <= unknown.len().div_ceil(3)).then_some(name)
}

/// The name probably meant, from a message of serde: ``unknown field `tokn`, expected one of `id`, `token` ``.
fn meant(message: &str) -> Option<&str> {
    let mut names = message.strip_prefix("unknown ")?.split('`').skip(1).step_by(2);
    nearest(names.next()?, names)
}

/// How many characters must be added, removed or changed to turn one word into the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[expect(dead_code, reason = "only its name matters")]
        exclude: Vec<String>,
    }

    #[test]
    fn errors_name_place_and_nearest_key() {
        let message = parse::<Sample>("# comment\nexlude = []\n").unwrap_err();
        assert!(message.starts_with("line 2, column 1: unknown field `exlude`"), "{message}");
        assert!(message.ends_with("did you mean `exclude`?"), "{message}");
        let message = parse::<Sample>("exclude = 3\n").unwrap_err();
        assert!(message.starts_with("line 1, column 11: invalid type"), "{message}");
    }

    #[test]
    fn only_near_names_are_suggested() {
        assert_eq!(
            nearest("github-clasic-token", ["aws", "github-classic-token"]),
            Some("github-classic-token")
        );
        assert_eq!(nearest("zzz", ["aws", "github-classic-token"]), None);
        assert_eq!((distance("kitten", "sitting"), distance("", "abc")), (3, 3));
    }
}
