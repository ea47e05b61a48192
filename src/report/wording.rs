//! Numbers, sizes, times and lists as words, the same in every report for people.

use crate::coverage::Coverage;

/// A whole number in groups of three digits: `4 843`.
pub(super) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

/// A number and its noun: `1 file`, `2 files`, `2 days`, `2 entries`.
pub(super) fn count(value: u64, noun: &str) -> String {
    let consonant_y = noun.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u']));
    match (value, consonant_y) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{} {stem}ies", number(value)),
        (_, None) => format!("{} {noun}s", number(value)),
    }
}

/// What was examined: `4 843 files`, or kind by kind `262 343 blobs, 203 114 commits, 1 tag`.
pub(super) fn examined(coverage: &Coverage) -> String {
    let kinds: Vec<_> = coverage.kinds.iter().filter(|(_, value)| *value > 0).map(of_kind).collect();
    if kinds.is_empty() { count(coverage.items, "file") } else { kinds.join(", ") }
}

/// A number and its noun, given in the plural.
fn of_kind(&(kind, value): &(&str, u64)) -> String {
    match (value, kind.strip_suffix("ies"), kind.strip_suffix('s')) {
        (1, Some(stem), _) => format!("1 {stem}y"),
        (1, None, Some(singular)) => format!("1 {singular}"),
        _ => format!("{} {kind}", number(value)),
    }
}

/// A size in decimal units with two or three significant digits: `7 bytes`, `1.2 kB`, `60 MB`.
pub(super) fn size(bytes: u64) -> String {
    if bytes < 1000 {
        return count(bytes, "byte");
    }
    let mut value = bytes as f64;
    let mut unit = "";
    for larger in ["kB", "MB", "GB", "TB", "PB", "EB"] {
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = larger;
    }
    let digits = usize::from(value < 9.95);
    let text = format!("{value:.digits$}");
    format!("{} {unit}", text.strip_suffix(".0").unwrap_or(&text))
}

/// Seconds since the Unix epoch as an RFC 3339 time in UTC, such as `2026-11-23T21:24:00Z`.
pub(super) fn time(seconds: u64) -> String {
    let second = seconds % 86_400;
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{}T{hour:02}:{minute:02}:{:02}Z", day(seconds), second % 60)
}

/// The same of a commit, whose author chose it: what lies before 1970 begins with 1970, as in git.
pub(super) fn commit_time(seconds: i64) -> String {
    time(u64::try_from(seconds).unwrap_or(0))
}

/// The day of a commit in UTC, such as `2026-11-23`.
pub(super) fn date(seconds: i64) -> String {
    day(u64::try_from(seconds).unwrap_or(0))
}

/// No format of dates goes beyond the year 9999, so time ends there.
fn day(seconds: u64) -> String {
    crate::date::day(seconds).unwrap_or_else(|| "9999-12-31".to_owned())
}

/// A length of time in its largest unit, as far as that is full: `412 days`, `1 hour`.
pub(super) fn duration(seconds: u64) -> String {
    let units = [("day", 86_400), ("hour", 3600), ("minute", 60)];
    let fits = units.into_iter().find(|(_, length)| seconds >= *length);
    fits.map_or_else(|| count(seconds, "second"), |(unit, length)| count(seconds / length, unit))
}

/// At most `limit` of the names and how many more there are: `a, b and 3 more`.
pub(super) fn names<'a>(all: impl ExactSizeIterator<Item = &'a str>, limit: usize) -> String {
    let more = all.len().saturating_sub(limit);
    let shown: Vec<_> = all.take(limit).collect();
    match more {
        0 => shown.join(", "),
        _ => format!("{} and {} more", shown.join(", "), number(more as u64)),
    }
}

/// Lines of at most `width` characters, broken at spaces; a longer word stands alone. 0 means one line.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        if let Some(line) = lines.last_mut().filter(|_| used == 0 || width == 0 || used + 1 + length <= width)
        {
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += length;
        } else {
            lines.push(word.to_owned());
            used = length;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_nouns_agree() {
        assert_eq!([0, 7, 999, 1000, 1_234_567].map(number), ["0", "7", "999", "1 000", "1 234 567"]);
        assert_eq!(count(1, "file"), "1 file");
        assert_eq!(count(0, "file"), "0 files");
        assert_eq!(count(4843, "entry"), "4 843 entries");
        assert_eq!(count(2, "day"), "2 days");
    }

    #[test]
    fn kinds_of_inputs_agree_with_their_numbers() {
        let kinds = vec![("blobs", 262_343), ("commits", 1), ("notes", 0), ("reflog entries", 1)];
        let mut coverage = Coverage { items: 262_345, kinds, ..Coverage::default() };
        assert_eq!(examined(&coverage), "262 343 blobs, 1 commit, 1 reflog entry");
        coverage.kinds.clear();
        assert_eq!(examined(&coverage), "262 345 files");
    }

    #[test]
    fn sizes_are_rounded_into_the_right_unit() {
        let cases = [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1000, "1 kB"),
            (1250, "1.2 kB"),
            (9_960, "10 kB"),
            (999_499, "999 kB"),
            (999_500, "1 MB"),
            (60_123_456, "60 MB"),
            (u64::MAX, "18 EB"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(size(bytes), expected);
        }
    }

    #[test]
    fn times_follow_the_calendar() {
        let cases = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(time(seconds), expected);
        }
    }

    #[test]
    fn commits_have_a_date_whatever_their_authors_claim() {
        assert_eq!(commit_time(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(commit_time(i64::MIN), "1970-01-01T00:00:00Z");
        assert_eq!([date(-1), date(i64::MAX)], ["1970-01-01", "9999-12-31"]);
    }

    #[test]
    fn lengths_of_time_are_told_in_their_largest_unit() {
        let cases = [(0, "0 seconds"), (59, "59 seconds"), (60, "1 minute"), (7_199, "1 hour")];
        for (seconds, expected) in cases {
            assert_eq!(duration(seconds), expected);
        }
        assert_eq!(duration(412 * 86_400 + 5), "412 days");
    }

    #[test]
    fn lines_break_at_spaces_only() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("https://example.com/long a b", 6), ["https://example.com/long", "a b"]);
        assert_eq!(wrap("one two three", 0), ["one two three"]);
        assert_eq!(wrap("", 5), [""]);
    }

    #[test]
    fn lists_say_what_they_leave_out() {
        assert_eq!(names(["a", "b"].into_iter(), 2), "a, b");
        assert_eq!(names(["a", "b", "c", "d"].into_iter(), 2), "a, b and 2 more");
    }
}
