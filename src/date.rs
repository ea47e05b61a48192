//! A date: the day of a moment in Unix time, in the Gregorian calendar and UTC.

/// Seconds in a day; Unix time has no leap seconds.
const DAY: u64 = 86_400;
/// Days in 400 years, after which the calendar repeats.
const ERA: u64 = 146_097;
/// The last second of the year 9999; what lies beyond is no date that a token means.
const END: u64 = 253_402_300_799;

/// The day as `2025-03-01`, or `None` after the year 9999.
#[must_use]
pub fn day(unix_seconds: u64) -> Option<String> {
    if unix_seconds > END {
        return None;
    }
    // Years are counted from March, so that the leap day comes last and months fall on multiples of 153/5 days.
    let since_era = unix_seconds / DAY + 719_468;
    let (era, rest) = (since_era / ERA, since_era % ERA);
    let year_of_era = (rest - rest / 1_460 + rest / 36_524 - rest / 146_096) / 365;
    let day_of_year = rest - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month < 3);
    Some(format!("{year:04}-{month:02}-{day:02}"))
}

/// The second as `2025-03-01T23:59:59Z`, or `None` after the year 9999.
#[must_use]
pub fn second(unix_seconds: u64) -> Option<String> {
    let rest = unix_seconds % DAY;
    let (hours, minutes, seconds) = (rest / 3600, rest / 60 % 60, rest % 60);
    day(unix_seconds).map(|day| format!("{day}T{hours:02}:{minutes:02}:{seconds:02}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days() {
        for (seconds, expected) in [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_420_070_400, "2015-01-01"),
            (1_740_787_200, "2025-03-01"),
            (4_107_542_399, "2100-02-28"),
            (4_107_542_400, "2100-03-01"),
            (END, "9999-12-31"),
        ] {
            assert_eq!(day(seconds).as_deref(), Some(expected));
        }
        assert_eq!(day(END + 1), None);
        assert_eq!(day(u64::MAX), None);
    }

    #[test]
    fn known_seconds() {
        assert_eq!(second(951_782_399).as_deref(), Some("2000-02-28T23:59:59Z"));
        assert_eq!(second(951_782_400 + 3_661).as_deref(), Some("2000-02-29T01:01:01Z"));
        assert_eq!(second(END + 1), None);
    }

    #[test]
    fn days_follow_each_other() {
        let mut before = String::new();
        for number in 0..60_000 {
            let now = day(number * DAY).unwrap();
            assert!(before < now, "{before} < {now}");
            before = now;
        }
    }
}
