//! The conformance table names tests that there are.

use std::path::Path;

#[test]
fn every_test_that_the_table_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read_to_string(root.join("src/servicenow/CONFORMANCE.md")).unwrap();
    let mut named = 0;
    for name in table.split('`').filter(|name| name.contains("::") && !name.contains(' ') && *name != "module::test") {
        let (module, test) = name.split_once("::").unwrap();
        let source = root.join("tests/servicenow").join(format!("{module}.rs"));
        let source = std::fs::read_to_string(&source).unwrap_or_else(|_| panic!("no module {module}"));
        assert!(source.contains(&format!("fn {test}(")), "no test {name}");
        named += 1;
    }
    assert!(named > 50, "the table names {named} tests");
    for row in table.lines().filter(|row| row.contains("| yes |")) {
        assert!(row.contains("::"), "done, and no test shows it: {row}");
    }
}
