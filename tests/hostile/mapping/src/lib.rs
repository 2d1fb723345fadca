//! A mapping that does to its plugin what it finds in the rules: `loop`, `recurse`, `grow`, `panic`, or nothing.

#![cfg(target_arch = "wasm32")]
#![allow(unsafe_code, clippy::panic, clippy::indexing_slicing)]

use std::hint::black_box;

wit_bindgen::generate!({ path: "../../../wit/deps/itsm-mapping", world: "custom-mapping" });

use exports::openfactory::itsm_mapping::mapping::{Complaint, Field, Guest, Mapped, Produced};

struct Component;

impl Guest for Component {
    fn check_rules(_: String) -> Result<Vec<Produced>, Vec<Complaint>> {
        Ok(Vec::new())
    }

    fn apply(rules: String, _: String, _: String, _: Vec<Field>) -> Result<Mapped, Complaint> {
        let says = |word: &str| rules.contains(word);
        match () {
            () if says("loop") => spin(),
            () if says("recurse") => drop(black_box(recurse(1))),
            () if says("grow") => grow(),
            () if says("panic") => panic!("the mapping's own"),
            () => {}
        }
        Ok(Mapped { class_name: Some(rules), fields: Vec::new() })
    }
}

fn spin() {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

#[allow(unconditional_recursion)]
fn recurse(depth: u64) -> u64 {
    black_box(recurse(black_box(depth + 1)) ^ depth)
}

fn grow() {
    let mut held: Vec<Vec<u8>> = Vec::new();
    loop {
        held.push(black_box(vec![1; 1 << 20]));
    }
}

export!(Component);
