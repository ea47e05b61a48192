//! A moment as logs and services write it, RFC 3339 and its relatives, in milliseconds of Unix time.

use std::sync::LazyLock;

use regex::Regex;

static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s?(Z|[+-]\d\d:?\d\d)?").ok()
});

/// The moment that a text is.
pub(super) fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let found = PATTERN.as_ref()?.find(text)?;
    (found.start() == 0 && found.end() == text.len()).then(|| find(text)).flatten()
}

/// The first moment in a text. Without a zone it is taken for UTC.
pub(super) fn find(text: &str) -> Option<u64> {
    let parts = PATTERN.as_ref()?.captures(text)?;
    let number = |at: usize| parts.get(at).and_then(|part| part.as_str().parse::<i64>().ok());
    let (year, month, day) = (number(1)?, number(2)?, number(3)?);
    let (hour, minute, second) = (number(4)?, number(5)?, number(6)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 24 || minute > 59 || second > 60 {
        return None;
    }
    let fraction = parts.get(7).map_or("0", |part| part.as_str());
    let thousandths: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let zone = parts.get(8).map_or(0, |zone| offset(zone.as_str()));
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - zone;
    u64::try_from(seconds * 1000 + thousandths).ok()
}

/// Seconds east of Greenwich.
fn offset(zone: &str) -> i64 {
    let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
    let (hours, minutes) = digits.split_at_checked(2).unwrap_or(("0", "0"));
    let seconds = hours.parse().unwrap_or(0) * 3600 + minutes.parse().unwrap_or(0) * 60;
    if zone.starts_with('-') { -seconds } else { seconds }
}

/// Days from the beginning of Unix time. Years are counted from March, so that the leap day comes last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date;

    #[test]
    fn moments_are_the_inverse_of_dates() {
        for seconds in (0..4_000_000_000).step_by(86_399 * 37) {
            let text = date::second(seconds).unwrap();
            assert_eq!(parse(&text), Some(seconds * 1000), "{text}");
        }
    }

    #[test]
    fn relatives_of_the_standard_form_are_read() {
        let noon = 1_740_830_400_000;
        for (text, expected) in [
            ("2025-03-01T12:00:00.250Z", noon + 250),
            ("2025-03-01 14:00:00.5 +0200", noon + 500),
            ("2025-03-01T06:30:00-05:30", noon),
            ("2025-03-01 12:00:00,123456", noon + 123),
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        assert_eq!(find("[2025-03-01 12:00:00.000 +0000] ERROR (rest): x"), Some(noon));
        assert_eq!(parse("at 2025-03-01T12:00:00Z"), None);
        assert_eq!(find("2025-13-01 12:00:00"), None);
    }
}
