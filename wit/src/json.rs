//! The parts of the JSON form that serde does not give by itself: times, attributes, bytes and answers.

pub mod time;

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
    use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
    use serde::ser::{SerializeMap, Serializer};
    use std::fmt;

    /// Writes each name once, in the order in which it first came.
    pub fn serialize<S: Serializer>(attributes: &[Attribute], serializer: S) -> Result<S::Ok, S::Error> {
        // By name, each at the place where it first came: an event may have a million of them.
        let mut places: Vec<(&str, usize)> = (0..).zip(attributes).map(|(at, (name, _))| (name.as_str(), at)).collect();
        places.sort_unstable();
        let mut groups: Vec<&[(&str, usize)]> = places.chunk_by(|(one, _), (other, _)| one == other).collect();
        groups.sort_unstable_by_key(|group| group.first().map(|(_, at)| *at));
        let mut map = serializer.serialize_map(Some(groups.len()))?;
        for group in groups {
            let mut values = group.iter().filter_map(|(_, at)| attributes.get(*at)).map(|(_, value)| value);
            match (group, values.next()) {
                ([(name, _)], Some(value)) => map.serialize_entry(name, value)?,
                ([(name, _), ..], Some(first)) => {
                    let values: Vec<&String> = std::iter::once(first).chain(values).collect();
                    map.serialize_entry(name, &values)?;
                }
                _ => {}
            }
        }
        map.end()
    }

    /// Reads an object of strings and arrays of strings.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Attribute>, D::Error> {
        /// By hand: serde's own messages for a value of several kinds name its types.
        struct Values(Vec<String>);
        impl<'de> Deserialize<'de> for Values {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Either;
                impl<'de> Visitor<'de> for Either {
                    type Value = Values;

                    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                        f.write_str("a string or an array of strings")
                    }

                    fn visit_str<E: Error>(self, value: &str) -> Result<Values, E> {
                        Ok(Values(vec![value.to_owned()]))
                    }

                    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Values, S::Error> {
                        let mut values = Vec::new();
                        while let Some(value) = seq.next_element()? {
                            values.push(value);
                        }
                        Ok(Values(values))
                    }
                }

                deserializer.deserialize_any(Either)
            }
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
                    let Values(values) = map.next_value()?;
                    attributes.extend(values.into_iter().map(|value| (name.clone(), value)));
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
