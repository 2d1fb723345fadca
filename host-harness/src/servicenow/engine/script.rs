//! The scripts that a query may hold: `javascript:gs.getUserID()`, relative dates, dynamic filters. A handful that
//! queries use; any other cannot be evaluated here, and its term is dropped as the sandbox drops it.

use super::Engine;
use super::caller::Caller;
use crate::servicenow::clock::{database_time, parse_civil};
use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};

/// The `sys_id` of the dynamic filter option *Me*.
pub const DYNAMIC_ME: &str = "90d1921e5f510100a9ad2572f2b477fe";

/// Seconds in a minute, an hour, a day.
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A term's value, its script evaluated; none where that is not possible.
pub fn value(engine: &Engine, caller: &Caller, value: &str) -> Option<String> {
    match value.strip_prefix("javascript:") {
        None => Some(value.to_owned()),
        Some(script) => call(engine, caller, script.trim().trim_end_matches(';')),
    }
}

fn call(engine: &Engine, caller: &Caller, script: &str) -> Option<String> {
    let (function, rest) = script.strip_prefix("gs.")?.split_once('(')?;
    let arguments: Vec<&str> = rest
        .strip_suffix(')')?
        .split(',')
        .map(|argument| argument.trim().trim_matches(['\'', '"']))
        .filter(|argument| !argument.is_empty())
        .collect();
    let number = || arguments.first().and_then(|argument| argument.parse::<i64>().ok());
    let now = engine.clock.now().to_zoned_datetime(caller.zone.clone());
    let local = |at: DateTime| Some(database_time(caller.zone.to_zoned_datetime(at).ok()?.timestamp()));
    // Numbers come from whoever asks: one that is out of range makes a term that cannot be evaluated.
    let ago = |unit: i64| {
        let seconds = number()?.checked_mul(unit)?;
        Some(database_time(now.timestamp().checked_sub(SignedDuration::from_secs(seconds)).ok()?))
    };
    let day = |back: i64| now.date().checked_sub(SignedDuration::from_secs(back.checked_mul(DAY)?)).ok();
    let start = |back: i64| local(day(back)?.at(0, 0, 0, 0));
    let end = |back: i64| local(day(back)?.at(23, 59, 59, 0));
    match function {
        "getUserID" => Some(caller.sys_id.clone()),
        "getUserName" => Some(caller.user_name.clone()),
        "now" => Some(now.date().to_string()),
        "nowDateTime" => Some(database_time(now.timestamp())),
        "beginningOfToday" => start(0),
        "endOfToday" => end(0),
        "beginningOfYesterday" => start(1),
        "endOfYesterday" => end(1),
        "daysAgo" => ago(DAY),
        "daysAgoStart" => start(number()?),
        "daysAgoEnd" => end(number()?),
        "hoursAgo" | "hoursAgoStart" => ago(HOUR),
        "minutesAgo" | "minutesAgoStart" => ago(MINUTE),
        "dateGenerate" => local(parse_civil(&arguments.join(" "))?),
        _ => None,
    }
}

/// `@hour@ago@3` as the moment it means.
pub fn relative(now: Timestamp, value: &str) -> Option<String> {
    let mut parts = value.trim_start_matches('@').split('@');
    let (unit, direction, count) = (parts.next()?, parts.next()?, parts.next()?.parse::<i64>().ok()?);
    let unit = match unit {
        "minute" => MINUTE,
        "hour" => HOUR,
        "day" => DAY,
        "week" => 7 * DAY,
        "month" => 30 * DAY,
        _ => return None,
    };
    let span = SignedDuration::from_secs(count.checked_mul(unit)?);
    let at = match direction {
        "ago" => now.checked_sub(span),
        "ahead" => now.checked_add(span),
        _ => return None,
    };
    Some(database_time(at.ok()?))
}

/// A dynamic filter option's value.
pub fn dynamic(caller: &Caller, option: &str) -> Option<String> {
    (option == DYNAMIC_ME).then(|| caller.sys_id.clone())
}
