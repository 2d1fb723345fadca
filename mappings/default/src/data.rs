//! What templates work on: JSON, with its maps in their order and its numbers whole.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A value of an event or of the rules.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Data {
    /// Null, or not there.
    #[default]
    Nothing,
    /// True or false.
    Flag(bool),
    /// A whole number: no event has another.
    Number(i64),
    /// A text.
    Text(String),
    /// Several values.
    List(Vec<Data>),
    /// Values by name.
    Map(Vec<(String, Data)>),
}

impl Data {
    /// Reads JSON.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// The value of this name; nothing where there is none.
    pub fn get(&self, name: &str) -> &Data {
        const NOTHING: &Data = &Data::Nothing;
        match self {
            Self::Map(entries) => entries.iter().find(|(key, _)| key == name).map_or(NOTHING, |(_, value)| value),
            _ => NOTHING,
        }
    }

    /// As a condition: nothing, false, zero and what is empty do not hold.
    pub fn holds(&self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Flag(flag) => *flag,
            Self::Number(number) => *number != 0,
            Self::Text(text) => !text.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Map(entries) => !entries.is_empty(),
        }
    }

    /// As it is printed: nothing prints nothing, a list its items with commas between.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Nothing | Self::Map(_) => Cow::Borrowed(""),
            Self::Flag(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Text(text) => Cow::Borrowed(text),
            Self::List(items) => Cow::Owned(join(items, ", ")),
        }
    }
}

/// The items that are something, printed, with `separator` between.
pub fn join(items: &[Data], separator: &str) -> String {
    let mut joined = String::new();
    for (number, item) in items.iter().filter(|item| **item != Data::Nothing).enumerate() {
        if number > 0 {
            joined.push_str(separator);
        }
        joined.push_str(&item.text());
    }
    joined
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Data;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value without fractions")
    }

    fn visit_unit<E>(self) -> Result<Data, E> {
        Ok(Data::Nothing)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Data, E> {
        Ok(Data::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Data, E> {
        Ok(Data::Number(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Data, E> {
        i64::try_from(number).map(Data::Number).map_err(|_| E::custom("a number is too large"))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Data, E> {
        Err(E::custom("a number has a fraction"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Data, E> {
        Ok(Data::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Data, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Data::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Data, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Data::Map(entries))
    }
}
