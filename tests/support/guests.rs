//! Mappings for the tests, written by hand: what no toolchain builds, or not in a second.

use anyhow::{Context as _, Result};
use host_harness::guest;
use std::fmt::Display;
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Where [`returning`] puts what a mapping answers.
const ANSWER: usize = 64;

/// A mapping whose `apply` runs this code, and answers what lies at `ANSWER` where it comes to an end.
pub fn running(apply: &str, data: &str) -> Result<Vec<u8>> {
    let interface = "openfactory:itsm-mapping/mapping@0.1.0";
    let mut module = wat::parse_str(format!(
        r#"(module $acme
             (memory (export "memory") 1)
             {data}
             (func (export "{interface}#check-rules") (param i32 i32) (result i32) (i32.const 0))
             (func (export "{interface}#apply") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
               {apply}
               (i32.const {ANSWER}))
             (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
               ;; What comes in is laid anywhere beyond the answer: nothing reads it.
               (i32.and (i32.const 4096) (i32.sub (i32.const 0) (local.get 2)))))"#
    ))?;
    let mut resolve = Resolve::default();
    let package = resolve.push_str("mapping.wit", include_str!("../../wit/deps/itsm-mapping/mapping.wit"))?;
    let world = resolve.select_world(&[package], Some("custom-mapping"))?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    guest::encode("a mapping of the tests", &module).context("the mapping of the tests")
}

/// A mapping that answers one field, whatever it is asked.
pub fn returning(name: &str, value: &str) -> Result<Vec<u8>> {
    // result<mapped, complaint>: the case, then class-name, then the list of fields; a field is its name, the value's case
    // and the value.
    let words = |words: &[usize]| {
        words.iter().fold(String::new(), |text, word| {
            word.to_le_bytes().iter().take(4).fold(text, |text, byte| text + &format!("\\{byte:02x}"))
        })
    };
    let (fields, texts) = (128, 256);
    let answer = words(&[0, 0, 0, 0, fields, 1]);
    let field = words(&[texts, name.len(), 0, texts + name.len(), value.len()]);
    let data = format!(
        r#"(data (i32.const {ANSWER}) "{answer}") (data (i32.const {fields}) "{field}") (data (i32.const {texts}) "{name}{value}")"#
    );
    running("", &data)
}

/// Says on the terminal, past the capture of tests that pass, that something is not tested here.
pub fn skipped(what: &str, why: impl Display) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "\nSKIPPED: {what}: {why}");
}
