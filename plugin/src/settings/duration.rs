//! Lengths of time, as people write them: `90s`, `15m`, `4h`, `7d`.

use super::SettingsError;
use super::read::Setting;
use serde_json::Value;

/// The longest that a setting may say: ten years. Beyond lie slips of the pen, and moments that no date can write.
const LONGEST_MS: u64 = 3_653 * 86_400_000;

/// A length of time, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub u64);

impl Duration {
    /// So many seconds.
    pub const fn seconds(count: u64) -> Self {
        Self(count * 1000)
    }

    /// So many hours.
    pub const fn hours(count: u64) -> Self {
        Self::seconds(count * 3600)
    }

    /// Reads a whole number and a unit.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let unit = text.find(|c: char| !c.is_ascii_digit())?;
        let (count, unit) = text.split_at_checked(unit)?;
        let unit = match unit.trim() {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        count.parse::<u64>().ok()?.checked_mul(unit).filter(|length| *length <= LONGEST_MS).map(Self)
    }
}

impl Setting for Duration {
    fn read(path: &str, value: Value) -> Result<Self, SettingsError> {
        let text = String::read(path, value)?;
        Self::parse(&text).ok_or_else(|| wrong(path, &text, ""))
    }
}

/// A length of time, or `never`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout(pub Option<Duration>);

/// A timeout that never comes.
pub const NEVER: &str = "never";

impl Setting for Timeout {
    fn read(path: &str, value: Value) -> Result<Self, SettingsError> {
        let text = String::read(path, value)?;
        if text.trim() == NEVER {
            return Ok(Self(None));
        }
        Duration::parse(&text).map(|length| Self(Some(length))).ok_or_else(|| wrong(path, &text, ", or `never`"))
    }
}

fn wrong(path: &str, text: &str, or: &str) -> SettingsError {
    let message = format!(
        "`{text}` is no length of time: write a whole number and ms, s, m, h or d, such as 90s, and ten years at most{or}"
    );
    SettingsError { path: path.into(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        assert_eq!(Duration::parse("90s"), Some(Duration(90_000)));
        assert_eq!(Duration::parse("7 d"), Some(Duration::hours(168)));
        for wrong in ["", "90", "s", "1.5h", "-1s", "99999999999999999999d", "3654d", "1é"] {
            assert_eq!(Duration::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_timeout_may_be_never() {
        let read = |text: &str| Timeout::read("approval.timeout", text.into()).map_err(|error| error.message);
        assert_eq!(read("never"), Ok(Timeout(None)));
        assert_eq!(read("72h"), Ok(Timeout(Some(Duration::hours(72)))));
        assert!(read("soon").unwrap_err().ends_with("ten years at most, or `never`"));
    }
}
