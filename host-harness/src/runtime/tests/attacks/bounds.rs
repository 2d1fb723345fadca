//! Whatever a call can use up: time, memory, tables, resources, the network, the log.

use super::{Attack, Deed, Fate};
use crate::runtime::Blame::{self, Guest, Mapping, ServiceNow};
use crate::runtime::limits::{Limit, Limits};
use std::time::Duration;

/// Grows a table for ever.
const TABLE_BOMB: &str = "(loop (drop (table.grow (ref.null func) (i32.const 1000))) (br 0))";
/// Grows a memory for ever.
const MEMORY_BOMB: &str = "(loop (drop (memory.grow (i32.const 16))) (br 0))";
/// Asks the host for a setting of a long name, for ever.
pub const STALL: &str = "stall\t20971520";
/// Fills most of a memory for ever.
const FILL: &str = "(drop (memory.grow (i32.const 1000))) (loop (memory.fill (i32.const 0) (i32.const 0) (i32.const 65000000)) (br 0))";
const A_TABLE: &str = "(table 1 funcref)";

/// Until a call that waits is ended: enough to begin with beside everybody else's, and little to wait for.
pub const SOON: Duration = Duration::from_secs(4);

fn soon(limits: &mut Limits) {
    limits.wall_clock = SOON;
}

fn ends(script: &str, limit: Limit, blame: Blame, tighten: fn(&mut Limits)) -> Attack {
    Attack::script(script, Fate::Ended(limit, blame)).under(tighten)
}

pub fn attacks() -> Vec<Attack> {
    [computing(), growing(), sending(), waiting(), replying(), talking()].into_iter().flatten().collect()
}

fn computing() -> Vec<Attack> {
    let dear = |limits: &mut Limits| limits.fuel = 10_000_000;
    let begin = "(func $begin (loop (br 0))) (start $begin)";
    let plugin = |code, more, limit| Attack::new(code, Deed::Plugin(code, more), Fate::Ended(limit, Guest));
    let fills = |what, deed: fn(&'static str, &'static str) -> Deed, blame| {
        Attack::new(what, deed(FILL, ""), Fate::Ended(Limit::WallClock, blame)).under(|limits| {
            limits.fuel = u64::MAX;
            soon(limits);
        })
    };
    vec![
        ends("loop", Limit::Fuel, Guest, dear),
        ends("map\tloop", Limit::Fuel, Mapping, dear),
        // Before any hook is called.
        plugin("", begin, Limit::Fuel).under(dear),
        ends("loop", Limit::WallClock, Guest, |limits| {
            limits.fuel = u64::MAX;
            soon(limits);
        }),
        // Some ten units of fuel a turn, and milliseconds of the host's.
        ends(STALL, Limit::WallClock, Guest, soon),
        fills("fills its memory, the plugin's", Deed::Plugin, Guest),
        fills("fills its memory, the mapping's", Deed::Mapping, Mapping),
        ends("recurse", Limit::Stack, Guest, |_| ()),
        ends("map\trecurse", Limit::Stack, Mapping, |_| ()),
    ]
}

fn growing() -> Vec<Attack> {
    let small = |limits: &mut Limits| limits.memory = 32 << 20;
    let by_hand = |deed: fn(&'static str, &'static str) -> Deed, code, limit, blame| {
        Attack::new(format!("{code}, {blame}'s"), deed(code, A_TABLE), Fate::Ended(limit, blame))
    };
    vec![
        ends("grow", Limit::Memory, Guest, small),
        ends("map\tgrow", Limit::Memory, Mapping, small),
        by_hand(Deed::Plugin, MEMORY_BOMB, Limit::Memory, Guest).under(small),
        by_hand(Deed::Mapping, MEMORY_BOMB, Limit::Memory, Mapping).under(small),
        by_hand(Deed::Plugin, TABLE_BOMB, Limit::TableElements, Guest),
        by_hand(Deed::Mapping, TABLE_BOMB, Limit::TableElements, Mapping),
        // Too much from the beginning.
        ends("echo\tx", Limit::Memory, Guest, |limits| limits.memory = 1 << 20),
        ends("echo\tx", Limit::TableElements, Guest, |limits| limits.table_elements = 2),
        ends("echo\tx", Limit::Memories, Guest, |limits| limits.memories = 1),
        ends("echo\tx", Limit::Tables, Guest, |limits| limits.tables = 1),
        ends("echo\tx", Limit::Instances, Guest, |limits| limits.instances = 1),
        ends("hold", Limit::Resources, Guest, |limits| limits.resources = 500),
        ends("random\t1000000000", Limit::RandomBytes, Guest, |_| ()),
        ends("audit\t1\tx\t100000", Limit::HostcallBytes, Guest, |limits| limits.hostcall_bytes = 64 * 1024),
    ]
}

fn sending() -> Vec<Attack> {
    let few = |limits: &mut Limits| limits.exchanges = 5;
    let frames = |limits: &mut Limits| limits.request_frames = 100;
    vec![
        ends("post\tSITE\t/api/x\t200000", Limit::RequestBytes, Guest, |limits| limits.request_bytes = 100_000),
        // Writes of nothing, to where it may send and to where it may not.
        ends("flood\tSITE\t/api/x", Limit::RequestFrames, Guest, frames),
        ends("flood\tevil.example\t/api/x", Limit::RequestFrames, Guest, frames),
        ends("headers\t100000", Limit::RequestHeaderBytes, Guest, |_| ()),
        ends("many\t6\tSITE\t/api/x", Limit::Exchanges, Guest, few),
        ends("many\t6\tevil.example\t/api/x", Limit::Exchanges, Guest, few),
    ]
}

/// What takes no instruction and would never end.
fn waiting() -> Vec<Attack> {
    vec![
        // A reader that takes its reply byte by byte, one that never takes it, one that has many and takes none.
        ends("sip\tSITE\t/api/huge?n=10000", Limit::WallClock, Guest, soon),
        ends("ignore\tSITE\t/api/huge?n=10000", Limit::WallClock, Guest, soon),
        ends("hoard\t100\tSITE\t/api/huge?n=100000", Limit::HeldBytes, Guest, |limits| limits.held_bytes = 1_000_000),
        // One whose requests are held, not its replies.
        ends("post\tSITE\t/api/x\t200000", Limit::HeldBytes, Guest, |limits| limits.held_bytes = 100_000),
        // A writer that does not go on.
        ends("dawdle\tSITE\t/api/x", Limit::WallClock, Guest, soon),
        // A server that never begins, and one that never ends.
        ends("send\tGET\thttp\tSITE\t/api/silent", Limit::WallClock, ServiceNow, soon),
        ends("send\tGET\thttp\tSITE\t/api/trickle", Limit::WallClock, ServiceNow, soon),
        // Waits that the guest asked for itself: none, which would mean never to ask, and for ever.
        Attack::script("timeouts\t0\tSITE\t/api/silent", Fate::Told("ErrorCode::HttpResponseTimeout")),
        Attack::script(
            format!("timeouts\t{}\tSITE\t/api/silent", u64::MAX),
            Fate::Told("ErrorCode::HttpResponseTimeout"),
        )
        .under(|limits| {
            limits.connect_timeout = SOON;
            limits.reply_timeout = Duration::from_millis(1);
        })
        .reaching("reply-timeout"),
        Attack::script("send\tGET\thttp\tSITE\t/api/drip", Fate::Told("ErrorCode::ConnectionReadTimeout"))
            .under(|limits| limits.read_timeout = Duration::from_millis(100))
            .reaching("read-timeout"),
    ]
}

/// Of these the guest is told, as of a server that fails.
fn replying() -> Vec<Attack> {
    let told =
        |script: &str, told, limit, tighten| Attack::script(script, Fate::Told(told)).under(tighten).reaching(limit);
    vec![
        told(
            "send\tGET\thttp\tSITE\t/api/huge?n=1001",
            "ErrorCode::HttpResponseBodySize(Some(1000))",
            "reply-bytes",
            |limits| {
                limits.reply_bytes = 1000;
            },
        ),
        told("send\tGET\thttp\tSITE\t/api/x", "ErrorCode::HttpResponseBodySize(", "reply-frames", |limits| {
            limits.reply_frames = 0;
        }),
        told(
            "send\tGET\thttp\tSITE\t/api/fields?n=2000",
            "ErrorCode::HttpResponseHeaderSectionSize(",
            "reply-header-bytes",
            |limits| {
                limits.reply_header_bytes = 1000;
            },
        ),
        told("send\tGET\thttp\tSITE\t/api/cookie", "ErrorCode::HttpProtocolError", "reply-fields", |limits| {
            limits.reply_fields = 2;
        }),
        told("send\tGET\thttp\tSITE\t/api/x", "ErrorCode::ConfigurationError", "credential-bytes", |limits| {
            limits.credential_bytes = 10;
        }),
    ]
}

fn talking() -> Vec<Attack> {
    vec![
        ends("audit\t11\tx\t1", Limit::AuditEntries, Guest, |limits| limits.audit_entries = 10),
        ends("audit\t11\tx\t1000", Limit::AuditBytes, Guest, |limits| limits.audit_bytes = 10_000),
        // One entry that is larger than a line may be.
        ends("audit\t1\tx\t2000000", Limit::AuditBytes, Guest, |_| ()),
        ends("print\t11\t0", Limit::StdioWrites, Guest, |limits| limits.stdio_writes = 10),
        // What is printed beyond the limit is dropped, and nobody is the worse for it.
        Attack::script("print\t1\t100000", Fate::Told("printed"))
            .under(|limits| limits.stdio_bytes = 100)
            .reaching("stdio-bytes"),
    ]
}
