//! The parts of the JSON form that serde does not give by itself: times, attributes, bytes and answers.

/// Times as RFC 3339.
pub mod time {
    use crate::types::Timestamp;
    use jiff::{SignedDuration, civil::DateTime};
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    /// 1970-01-01T00:00:00.
    const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

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
            D::Error::custom(format_args!(
                "`{text}` is no time since 1970: write RFC 3339, such as 2026-11-24T16:20:00Z"
            ))
        })
    }

    /// Milliseconds since the epoch as RFC 3339, in UTC; none beyond the year 9999. Field by field: a general formatter
    /// would be a tenth of the plugin.
    pub fn text(time: Timestamp) -> Option<String> {
        let time = EPOCH.checked_add(SignedDuration::from_millis(i64::try_from(time).ok()?)).ok()?;
        let mut text = format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            time.year(),
            time.month(),
            time.day(),
            time.hour(),
            time.minute(),
            time.second(),
        );
        if time.millisecond() != 0 {
            text.push_str(&format!(".{:03}", time.millisecond()));
        }
        text.push('Z');
        Some(text)
    }

    /// RFC 3339 as milliseconds since the epoch; none where it is none, or lies before 1970. By hand, as above.
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
        let small = |number: i16| i8::try_from(number).ok();
        let civil =
            DateTime::new(year, small(month)?, small(day)?, small(hour)?, small(minute)?, small(second)?, 0).ok()?;
        let seconds = civil.duration_since(EPOCH).as_secs().checked_sub(offset(zone)?)?;
        Timestamp::try_from(seconds).ok()?.checked_mul(1000)?.checked_add(millis(fraction)?)
    }

    /// Three numbers of exactly so many digits.
    fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Option<[i16; 3]> {
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
}

/// As [`time`], where there may be none.
pub mod optional_time {
    use super::time;
    use crate::types::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes `null` or RFC 3339.
    pub fn serialize<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => time::serialize(time, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads `null` or RFC 3339.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        #[derive(Deserialize)]
        struct Wrapped(#[serde(with = "time")] Timestamp);
        Ok(Option::<Wrapped>::deserialize(deserializer)?.map(|wrapped| wrapped.0))
    }
}

/// Attributes as an object; a name that repeats takes an array.
pub mod attributes {
    use crate::types::Attribute;
    use serde::de::{Deserializer, MapAccess, Visitor};
    use serde::ser::{SerializeMap, Serializer};
    use std::fmt;

    /// Writes each name once, in the order in which it first came.
    pub fn serialize<S: Serializer>(attributes: &[Attribute], serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (index, (name, value)) in attributes.iter().enumerate() {
            if attributes.iter().take(index).any(|(earlier, _)| earlier == name) {
                continue;
            }
            let values: Vec<&String> = attributes.iter().filter(|(other, _)| other == name).map(|(_, v)| v).collect();
            match values.len() {
                1 => map.serialize_entry(name, value)?,
                _ => map.serialize_entry(name, &values)?,
            }
        }
        map.end()
    }

    /// Reads an object of strings and arrays of strings.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Attribute>, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Values {
            One(String),
            Many(Vec<String>),
        }

        struct Attributes;
        impl<'de> Visitor<'de> for Attributes {
            type Value = Vec<Attribute>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object whose values are strings or arrays of strings")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut attributes = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    match map.next_value()? {
                        Values::One(value) => attributes.push((name, value)),
                        Values::Many(values) => {
                            attributes.extend(values.into_iter().map(|value| (name.clone(), value)));
                        }
                    }
                }
                Ok(attributes)
            }
        }

        deserializer.deserialize_map(Attributes)
    }
}

/// Bytes as base64.
pub mod bytes {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    /// Writes base64, padded.
    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    /// Reads base64, padded.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text.as_bytes()).map_err(|error| D::Error::custom(format_args!("not base64: {error}")))
    }
}

/// A hook's answer: the value itself, or `{"failure": …}`.
pub mod answer {
    use crate::types::Failure;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Either<F, T> {
        Failure { failure: F },
        Value(T),
    }

    /// Writes the value itself, or the failure under its name.
    pub fn serialize<T: Serialize, S: Serializer>(
        answer: &Result<T, Failure>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match answer {
            Ok(value) => Either::<&Failure, _>::Value(value),
            Err(failure) => Either::Failure { failure },
        }
        .serialize(serializer)
    }

    /// Reads what [`serialize`] wrote.
    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Result<T, Failure>, D::Error> {
        Ok(match Either::deserialize(deserializer)? {
            Either::Failure { failure } => Err(failure),
            Either::Value(value) => Ok(value),
        })
    }
}
