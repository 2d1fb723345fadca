//! Times as RFC 3339.
//!
//! By hand, field by field: a general calendar and its formatter would be a fifth of the plugin.

use crate::types::Timestamp;
use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

/// Seconds of a day.
const DAY: u64 = 86_400;

/// Days after which the Gregorian calendar repeats itself.
const DAYS_IN_400_YEARS: u64 = 146_097;

/// Days from the first of March of the year 0 to 1970-01-01.
const MARCH_OF_YEAR_ZERO: u64 = 719_468;

/// The last moment that RFC 3339 can write.
const LAST: &str = "9999-12-31T23:59:59.999Z";

/// Writes milliseconds since the epoch as RFC 3339; what lies beyond its last moment, as that.
pub fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text(*time).as_deref().unwrap_or(LAST))
}

/// Reads RFC 3339.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| {
        D::Error::custom(format_args!("`{text}` is no time since 1970: write RFC 3339, such as 2026-11-24T16:20:00Z"))
    })
}

/// Milliseconds since the epoch as RFC 3339, in UTC; none beyond the year 9999.
pub fn text(time: Timestamp) -> Option<String> {
    let (seconds, millis) = (time / 1000, time % 1000);
    let (days, second) = (seconds / DAY, seconds % DAY);
    let (year, month, day) = date(days)?;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if millis != 0 {
        text.push_str(&format!(".{millis:03}"));
    }
    text.push('Z');
    Some(text)
}

/// RFC 3339 as milliseconds since the epoch; none where it is none, or lies before 1970.
pub fn parse(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_at_checked(10)?;
    let (separator, rest) = rest.split_at_checked(1)?;
    let (clock, rest) = rest.split_at_checked(8)?;
    let zone = rest.find(['Z', 'z', '+', '-'])?;
    let (fraction, zone) = rest.split_at_checked(zone)?;
    if !matches!(separator, "T" | "t" | " ") {
        return None;
    }
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days(year, month, day)?.checked_mul(DAY)? + hour * 3600 + minute * 60 + second;
    seconds.checked_add_signed(-offset(zone)?)?.checked_mul(1000)?.checked_add(millis(fraction)?)
}

/// The date so many days after 1970-01-01, in the Gregorian calendar; none beyond the year 9999.
fn date(days: u64) -> Option<(u64, u64, u64)> {
    // Years are counted from the first of March: the leap day is then a year's last.
    let days = days.checked_add(MARCH_OF_YEAR_ZERO)?;
    let (cycle, day) = (days / DAYS_IN_400_YEARS, days % DAYS_IN_400_YEARS);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // March to July and August to December have 153 days each.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    let year = cycle * 400 + year;
    (year <= 9999).then_some((year, month, day))
}

/// Days from 1970-01-01 to a date; none where there is no such date, or it lies before.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if day == 0 || day > length {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    days.checked_sub(MARCH_OF_YEAR_ZERO)
}

/// Three numbers of exactly so many digits.
fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(separator);
    let mut next = |digits| {
        let part = parts.next()?;
        let is_number = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { part.parse().ok() } else { None }
    };
    let [first, second, third] = digits;
    let numbers = [next(first)?, next(second)?, next(third)?];
    parts.next().is_none().then_some(numbers)
}

/// `.5` is 500; digits beyond the third are dropped.
fn millis(fraction: &str) -> Option<u64> {
    let Some(digits) = fraction.strip_prefix('.') else { return fraction.is_empty().then_some(0) };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.bytes().chain(*b"00").take(3).try_fold(0, |sum, digit| Some(sum * 10 + u64::from(digit - b'0')))
}

/// Seconds east of UTC.
fn offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, zone) = zone.split_at_checked(1)?;
    let (hours, minutes) = zone.split_once(':')?;
    let two = |text: &str| (text.len() == 2).then(|| text.parse::<u8>().ok()).flatten().map(i64::from);
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    let seconds = hours * 3600 + minutes * 60;
    (hours < 24 && minutes < 60).then_some(if sign == "-" { -seconds } else { seconds })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::{SignedDuration, civil::DateTime};
    use proptest::prelude::*;

    const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

    #[test]
    fn every_day_has_the_date_that_the_calendar_gives_it() {
        let mut expected = EPOCH.date();
        for day in 0.. {
            let found = date(day);
            assert_eq!(found, Some((expected.year() as u64, expected.month() as u64, expected.day() as u64)), "{day}");
            assert_eq!(found.and_then(|(year, month, date)| days(year, month, date)), Some(day));
            match expected.tomorrow() {
                Ok(next) => expected = next,
                Err(_) => {
                    assert_eq!(date(day + 1), None, "there is no year 10000");
                    break;
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_time_reads_as_a_calendar_reads_it(year in 0i16..=9999, month in 0i8..14, day in 0i8..33, hour in 0i8..25, minute in 0i8..61) {
            let expected = DateTime::new(year, month, day, hour, minute, 0, 0).ok();
            let expected = expected.and_then(|time| u64::try_from(time.duration_since(EPOCH).as_millis()).ok());
            prop_assert_eq!(parse(&format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:00Z")), expected);
        }

        #[test]
        fn a_time_is_written_as_a_calendar_writes_it(time in 0u64..253_402_300_800_000) {
            let expected = EPOCH.checked_add(SignedDuration::from_millis(time as i64)).unwrap();
            prop_assert_eq!(text(time), Some(format!("{expected}Z").replace(' ', "T")).map(|text| trimmed(&text)));
            prop_assert_eq!(parse(&text(time).unwrap()), Some(time));
        }
    }

    /// Three digits of a fraction, or none.
    fn trimmed(text: &str) -> String {
        match text.trim_end_matches('Z').split_once('.') {
            Some((whole, fraction)) => format!("{whole}.{fraction:0<3}Z"),
            None => text.to_owned(),
        }
    }
}
