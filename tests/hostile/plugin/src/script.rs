//! What a script can say: one command a line, its words parted by tabs, one line of report for each.
//!
//! | command | does |
//! |---|---|
//! | `echo TEXT` | reports the text |
//! | `send METHOD SCHEME AUTHORITY PATH [NAME=VALUE]…` | sends a request; reports status, header fields and body, or the error |
//! | `post AUTHORITY PATH BYTES` | sends a body of so many bytes |
//! | `dawdle AUTHORITY PATH` | begins a body, and neither goes on nor ends it |
//! | `sip AUTHORITY PATH` | reads a reply byte by byte, with a rest after each |
//! | `ignore AUTHORITY PATH` | has a reply, and never reads it |
//! | `hoard COUNT AUTHORITY PATH` | has so many replies, and reads and drops none of them |
//! | `flood AUTHORITY PATH` | writes nothing to a body, without end |
//! | `many COUNT AUTHORITY PATH` | sends so many requests |
//! | `timeouts NANOSECONDS AUTHORITY PATH` | sends a request with these three timeouts |
//! | `header NAME VALUE` | tries to set a header field |
//! | `headers COUNT` | sets so many |
//! | `say COUNT TEXT` | reports the text so many times |
//! | `stall BYTES` | asks for a setting whose name has so many bytes, without end |
//! | `loop`, `recurse`, `grow`, `hold` | CPU, stack, memory, resources, without end |
//! | `audit COUNT ACTION BYTES` | appends so many entries of that size |
//! | `forge` | appends an entry that says it is the host's |
//! | `print COUNT BYTES` | prints so many times |
//! | `random BYTES` | asks for randomness |
//! | `search HEX` | looks through all of its memory for these bytes, each of which is given with its bits turned |
//! | `config KEY` | reports a value of `wasi:config` |
//! | `map COMMAND` | has the mapping do it |
//! | `panic TEXT` | panics |
//! | `exit` | ends the program |

use crate::bindings::openfactory::itsm_mapping::mapping;
use crate::{attack, http, slow};
use itsm_contract::answers::{Review, Reviewed};
use itsm_contract::types::{Gate, Pause, Verdict};

pub fn run(script: &str) -> String {
    script.lines().map(command).collect::<Vec<_>>().join("\n")
}

fn command(line: &str) -> String {
    let words: Vec<&str> = line.split('\t').collect();
    match words.as_slice() {
        ["echo", text] => (*text).into(),
        ["send", method, scheme, authority, path, headers @ ..] => http::send(method, scheme, authority, path, headers),
        ["post", authority, path, bytes] => http::post(authority, path, number(bytes)),
        ["dawdle", authority, path] => slow::dawdle(authority, path),
        ["sip", authority, path] => slow::sip(authority, path),
        ["ignore", authority, path] => slow::ignore(authority, path),
        ["hoard", count, authority, path] => slow::hoard(number(count), authority, path),
        ["flood", authority, path] => http::flood(authority, path),
        ["many", count, authority, path] => {
            let mut report = String::new();
            for _ in 0..number(count) {
                report = http::send("GET", "http", authority, path, &[]);
            }
            report
        }
        ["timeouts", nanoseconds, authority, path] => http::hurried(number(nanoseconds) as u64, authority, path),
        ["header", name, value] => http::header(name, value),
        ["headers", count] => http::headers(number(count)),
        ["loop"] => attack::spin(),
        ["recurse"] => attack::recurse(1).to_string(),
        ["grow"] => attack::grow(),
        ["hold"] => attack::hold(),
        ["audit", count, action, bytes] => attack::audit(number(count), action, number(bytes)),
        ["forge"] => attack::forge(),
        ["print", count, bytes] => attack::print(number(count), number(bytes)),
        ["random", bytes] => attack::random(number(bytes) as u64),
        ["search", hex] => attack::search(hex).to_string(),
        ["config", key] => format!("{:?}", crate::bindings::wasi::config::store::get(key)),
        ["say", count, text] => text.repeat(number(count)),
        ["stall", bytes] => attack::stall(number(bytes)),
        ["map", command] => match mapping::apply(command, "incident", "{}", &[]) {
            Ok(mapped) => mapped.class_name.unwrap_or_default(),
            Err(complaint) => complaint.message,
        },
        ["panic", text] => attack::panic(text),
        ["exit"] => {
            wasi::cli::exit::exit(Err(()));
            String::new()
        }
        _ => format!("no such command: {line}"),
    }
}

/// What a review answers for what a cursor says: `moved COUNT CHANGE` so many times that this change moved, `waits COUNT
/// CHANGE` once that it waits for so many.
pub fn review(cursor: &str) -> Option<Review> {
    let words: Vec<&str> = cursor.split('\t').collect();
    let (count, change, verdict) = match words.as_slice() {
        ["moved", count, change] => (number(count), change, Verdict::Cancel("it moved".into())),
        ["waits", count, change] => {
            let waiting_for = vec!["the approval of everybody".to_owned(); number(count)];
            (1, change, Verdict::Pause(Pause { waiting_for, check_after: 0, expires_at: None }))
        }
        _ => return None,
    };
    let gate = Gate { change: None, verdict, approvals: Vec::new(), window: None };
    let moved = vec![Reviewed { change: (*change).into(), answer: Ok(gate) }; count];
    Some(Review { moved, cursor: String::new() })
}

fn number(text: &str) -> usize {
    text.parse().unwrap_or_default()
}
