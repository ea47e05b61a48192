//! How numbers are shown: bytes, durations, shares and moments.

use std::time::Duration;

use crate::date;

/// `1.9 GiB`.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut amount = bytes as f64;
    let mut shown = None;
    for unit in UNITS {
        if amount < 1023.95 {
            break;
        }
        amount /= 1024.0;
        shown = Some(unit);
    }
    shown.map_or_else(|| format!("{bytes} bytes"), |unit| format!("{amount:.1} {unit}"))
}

/// `41 min`: the two largest units would be no more useful in an incident.
pub(super) fn milliseconds(milliseconds: u64) -> String {
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{:.1} s", milliseconds as f64 / 1e3),
        60_000..7_200_000 => format!("{} min", milliseconds / 60_000),
        7_200_000..172_800_000 => format!("{} h", milliseconds / 3_600_000),
        _ => format!("{} days", milliseconds / 86_400_000),
    }
}

/// The same of a duration.
pub(super) fn duration(duration: Duration) -> String {
    milliseconds(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// `2025-03-01T23:59:59Z` of milliseconds of Unix time.
pub(super) fn moment(milliseconds: u64) -> String {
    date::second(milliseconds / 1000).unwrap_or_else(|| "after the year 9999".to_owned())
}

/// `23:59:59Z`, for moments of the day that is looked at.
pub(super) fn time(milliseconds: u64) -> String {
    moment(milliseconds).split_once('T').map_or_else(String::new, |(_, time)| time.to_owned())
}

/// `3 lines`.
pub(super) fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// `a, b, c and 4 more`.
pub(super) fn names(names: &[String], most: usize) -> String {
    let shown = names.iter().take(most).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_right() {
        assert_eq!([bytes(0), bytes(1023), bytes(1024)], ["0 bytes", "1023 bytes", "1.0 KiB"]);
        assert_eq!(bytes(2_040_109_466), "1.9 GiB");
        assert_eq!(bytes((1 << 20) - 1), "1.0 MiB");
        assert_eq!(milliseconds(999), "999 ms");
        assert_eq!(milliseconds(30_000), "30.0 s");
        assert_eq!(milliseconds(41 * 60_000), "41 min");
        assert_eq!(milliseconds(26 * 3_600_000), "26 h");
        assert_eq!(milliseconds(5 * 86_400_000), "5 days");
        assert_eq!(time(1_740_873_599_000), "23:59:59Z");
        assert_eq!(names(&["a".into(), "b".into(), "c".into()], 2), "a, b and 1 more");
    }
}
