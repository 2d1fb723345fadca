//! The filters that a template may use.

use super::render::{Lookups, glob};
use crate::data::{Data, join};
use crate::event::Shape;

/// A filter: a function of the value before the bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// The argument where there is nothing.
    Default,
    /// A to Z in small letters; the tables for all other scripts weigh 30 KB.
    Lower,
    /// A to Z in capital letters.
    Upper,
    /// Without spaces around it.
    Trim,
    /// With one text in place of another.
    Replace,
    /// At most so many characters, the last an ellipsis where some are cut.
    Truncate,
    /// The items of a list, with a text between.
    Join,
    /// A list of the parts between a text.
    Split,
    /// The first item of a list.
    First,
    /// The last item of a list.
    Last,
    /// How many items or characters.
    Length,
    /// Whether a text starts so.
    StartsWith,
    /// Whether a text ends so.
    EndsWith,
    /// Whether a text has a pattern, in which `*` stands for any text.
    Matches,
    /// What a table of the rules has for this key.
    Lookup,
    /// A time as ServiceNow takes it: `2026-11-24 09:30:00`, in UTC.
    Datetime,
}

/// What a filter is called, what it takes, what its arguments are, and what it gives.
pub struct Signature {
    pub filter: Filter,
    pub name: &'static str,
    pub takes: Takes,
    pub arguments: &'static [&'static Shape],
    pub gives: Option<&'static Shape>,
}

/// What may stand before the bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    Anything,
    Text,
    List,
    TextOrList,
}

use Shape::{Flag, List, Number, Text};

const fn of(
    filter: Filter,
    name: &'static str,
    takes: Takes,
    arguments: &'static [&'static Shape],
    gives: Option<&'static Shape>,
) -> Signature {
    Signature { filter, name, takes, arguments, gives }
}

pub const FILTERS: &[Signature] = &[
    of(Filter::Default, "default", Takes::Anything, &[&Text], None),
    of(Filter::Lower, "lower", Takes::Text, &[], Some(&Text)),
    of(Filter::Upper, "upper", Takes::Text, &[], Some(&Text)),
    of(Filter::Trim, "trim", Takes::Text, &[], Some(&Text)),
    of(Filter::Replace, "replace", Takes::Text, &[&Text, &Text], Some(&Text)),
    of(Filter::Truncate, "truncate", Takes::Text, &[&Number], Some(&Text)),
    of(Filter::Join, "join", Takes::List, &[&Text], Some(&Text)),
    of(Filter::Split, "split", Takes::Text, &[&Text], Some(&List(&Text))),
    of(Filter::First, "first", Takes::List, &[], None),
    of(Filter::Last, "last", Takes::List, &[], None),
    of(Filter::Length, "length", Takes::TextOrList, &[], Some(&Number)),
    of(Filter::StartsWith, "starts_with", Takes::Text, &[&Text], Some(&Flag)),
    of(Filter::EndsWith, "ends_with", Takes::Text, &[&Text], Some(&Flag)),
    of(Filter::Matches, "matches", Takes::Text, &[&Text], Some(&Flag)),
    of(Filter::Lookup, "lookup", Takes::Text, &[&Text], Some(&Text)),
    of(Filter::Datetime, "datetime", Takes::Text, &[], Some(&Text)),
];

impl Filter {
    /// Its entry above.
    pub fn signature(self) -> Option<&'static Signature> {
        FILTERS.iter().find(|signature| signature.filter == self)
    }

    /// What it makes of a value. Nothing stays nothing, but for `default` and `length`.
    pub fn apply(self, value: Data, arguments: &[Data], lookups: &Lookups) -> Data {
        let argument = |number: usize| arguments.get(number).map(Data::text).unwrap_or_default();
        match (self, value) {
            (Self::Default, value) if !value.holds() && value != Data::Flag(false) && value != Data::Number(0) => {
                arguments.first().cloned().unwrap_or_default()
            }
            (Self::Default, value) => value,
            (Self::Join, Data::List(items)) => Data::Text(join(&items, &argument(0))),
            (Self::First, Data::List(items)) => items.into_iter().next().unwrap_or_default(),
            (Self::Last, Data::List(items)) => items.into_iter().last().unwrap_or_default(),
            (Self::Length, Data::List(items)) => count(items.len()),
            (Self::Length, value) => count(value.text().chars().count()),
            (_, Data::Nothing) => Data::Nothing,
            (_, value) => {
                let text = value.text();
                match self {
                    Self::Lower => Data::Text(text.to_ascii_lowercase()),
                    Self::Upper => Data::Text(text.to_ascii_uppercase()),
                    Self::Trim => Data::Text(text.trim().to_owned()),
                    Self::Replace => Data::Text(text.replace(&*argument(0), &argument(1))),
                    Self::Truncate => Data::Text(truncate(&text, arguments.first())),
                    Self::Split if argument(0).is_empty() => Data::List(vec![Data::Text(text.into_owned())]),
                    Self::Split => {
                        Data::List(text.split(&*argument(0)).map(|part| Data::Text(part.to_owned())).collect())
                    }
                    Self::StartsWith => Data::Flag(text.starts_with(&*argument(0))),
                    Self::EndsWith => Data::Flag(text.ends_with(&*argument(0))),
                    Self::Matches => Data::Flag(glob(&argument(0), &text)),
                    Self::Lookup => {
                        lookups.find(&argument(0), &text).map_or(Data::Nothing, |found| Data::Text(found.to_owned()))
                    }
                    Self::Datetime => Data::Text(datetime(&text)),
                    // The value before the bar is no list: as if it were the only item of one.
                    Self::Default | Self::Join | Self::First | Self::Last | Self::Length => {
                        Data::Text(text.into_owned())
                    }
                }
            }
        }
    }
}

fn count(number: usize) -> Data {
    Data::Number(i64::try_from(number).unwrap_or(i64::MAX))
}

fn truncate(text: &str, length: Option<&Data>) -> String {
    let Some(Data::Number(length)) = length else { return text.to_owned() };
    let length = usize::try_from(*length).unwrap_or(0);
    if text.chars().count() <= length {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(length.saturating_sub(1)).collect();
    if length > 0 {
        cut.push('…');
    }
    cut
}

/// An event's time, which is RFC 3339 in UTC, as ServiceNow's `glide_date_time` takes it. What is no time stays as it is.
fn datetime(text: &str) -> String {
    match text.strip_suffix('Z').and_then(|text| text.split_once('T')) {
        Some((date, time)) => {
            let whole = time.split_once('.').map_or(time, |(whole, _)| whole);
            format!("{date} {whole}")
        }
        None => text.to_owned(),
    }
}
