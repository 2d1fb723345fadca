//! What breaks the guest itself: its call ends, and no other.

use super::{Attack, Deed, Fate};
use crate::runtime::limits::Limits;
use crate::runtime::{Blame, Call, Hook};

pub fn attacks() -> Vec<Attack> {
    let panics = Hook::ALL.into_iter().map(|hook| {
        let words = match hook {
            Hook::Describe | Hook::TestConnection | Hook::Preview => hook.name(),
            _ => "boom",
        };
        Attack::new(format!("a panic in {hook}"), Deed::Panic(hook), Fate::Trapped(Blame::Guest, words.into()))
    });
    let by_hand = |deed: fn(&'static str, &'static str) -> Deed, code, blame, words: &str| {
        Attack::new(format!("{code}, {blame}'s"), deed(code, ""), Fate::Trapped(blame, words.into()))
    };
    let others = [
        Attack::script("map\tpanic", Fate::Trapped(Blame::Mapping, "the mapping trapped: ".into())),
        Attack::script("exit", Fate::Trapped(Blame::Guest, "exit".into())),
        by_hand(Deed::Plugin, "unreachable", Blame::Guest, "unreachable"),
        by_hand(Deed::Mapping, "unreachable", Blame::Mapping, "unreachable"),
        // An answer that lies beyond its memory, and one that is none of the cases.
        by_hand(Deed::Plugin, "(return (i32.const -16))", Blame::Guest, ""),
        by_hand(Deed::Mapping, "(return (i32.const -16))", Blame::Mapping, ""),
        by_hand(Deed::Mapping, "(i32.store (i32.const 64) (i32.const 7)) (return (i32.const 64))", Blame::Mapping, ""),
    ];
    panics.chain(others).collect()
}

/// A call of a hook, with an event that has the hostile plugin panic over `boom`.
pub fn call(hook: Hook) -> Call {
    let delivery = r#""delivery": {"key": "k", "attempt": 1, "occurred-at": "2026-11-24T16:20:00Z"}"#;
    let build = r#""build": {"id": "panic\tboom", "image": {"name": "i", "version": "1"}}"#;
    let rest = r#""systems": [], "labels": {}"#;
    let event = match hook {
        Hook::OnBuildRequested => format!("{{{delivery}, {build}, {rest}}}"),
        Hook::OnFailure => format!(r#"{{{delivery}, {build}, {rest}, "step": "build", "message": "boom"}}"#),
        Hook::OnDeploy => format!(
            r#"{{{delivery}, {build}, {rest}, "deployment-id": "boom", "phase": "started",
                "environment": {{"name": "prod", "tier": "production"}}}}"#
        ),
        Hook::OnBuildFinished => {
            format!(r#"{{{delivery}, {build}, "outcome": "passed", "files": [], "labels": {{}}}}"#)
        }
        Hook::Check => r#"{"waiting": [], "cursor": "boom"}"#.into(),
        Hook::Preview => format!(r#"{{"build-requested": {{{delivery}, {build}, {rest}}}}}"#),
        Hook::Validate => r#"{"boom": 1}"#.into(),
        Hook::Describe | Hook::TestConnection => String::new(),
    };
    Call::from_json(hook, &event, &Limits::default()).unwrap()
}
