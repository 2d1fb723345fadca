//! How long a client waits for an answer: `30s`, `2m`, or seconds as a number.

use std::time::Duration;

/// The longest that a request is held. Load balancers cut what is silent for longer.
pub const LONGEST: Duration = Duration::from_secs(50);

/// Reads a duration. One that is longer than [`LONGEST`] is that.
pub fn parse(text: &str) -> Option<Duration> {
    let (number, scale) = match text.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => match text.strip_suffix('m') {
            Some(number) => (number, 60_000),
            None => (text.strip_suffix('s').unwrap_or(text), 1_000),
        },
    };
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Beyond what fits it is the longest anyhow.
    let millis = number.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(scale);
    Some(Duration::from_millis(millis).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, expected) in [("30s", 30_000), ("250ms", 250), ("7", 7_000), ("0", 0)] {
            assert_eq!(parse(text), Some(Duration::from_millis(expected)), "{text}");
        }
        assert_eq!(parse("10m"), Some(LONGEST));
        assert_eq!(parse("99999999999999999999999s"), Some(LONGEST));
        for text in ["", "s", "-1s", "1h", "1.5s", "1 s", "+1"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_or_waits_longer(text in ".{0,12}") {
            prop_assert!(parse(&text).is_none_or(|wait| wait <= LONGEST));
        }
    }
}
