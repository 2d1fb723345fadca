//! What was not touched is proved, and every way to alter it is found.

use super::*;
use serde_json::json;

fn held(name: &str, content: &[u8]) -> Held {
    Held { name: name.into(), content: content.to_vec() }
}

fn statement(number: &str) -> Vec<u8> {
    json!({"predicate": {
        "change": {"number": number},
        "files": [
            {"name": "notes.txt", "digest": digest(b"held"), "kept": "attached"},
            {"name": "sbom.json", "kept": "linked", "link": "https://f/s"},
        ],
    }})
    .to_string()
    .into_bytes()
}

fn recorded() -> Recorded {
    Recorded {
        about: "build-1".into(),
        name: "evidence-build-1.json".into(),
        digest: digest(&statement("CHG1")),
        content: None,
        change: None,
    }
}

fn all() -> Vec<Held> {
    vec![held("notes.txt", b"held"), held("evidence-build-1.json", &statement("CHG1")), held("mine.doc", b"x")]
}

#[test]
fn what_was_not_touched_is_proved_and_what_else_people_attached_is_theirs() {
    let proofs = check("CHG1", &[recorded()], &all(), "").unwrap();
    let [proof] = proofs.as_slice() else { panic!("{proofs:?}") };
    assert_eq!(proof.files, ["notes.txt"]);
    assert_eq!(proof.elsewhere, ["sbom.json: linked: https://f/s"]);
}

#[test]
fn every_way_to_alter_it_is_found_and_named() {
    let altered = |change: fn(&mut Vec<Held>)| {
        let mut files = all();
        change(&mut files);
        check("CHG1", &[recorded()], &files, "").unwrap_err().to_string()
    };
    assert!(altered(|files| files[0].content.push(b'!')).starts_with("`notes.txt` was altered: its digest is sha256:"));
    assert!(altered(|files| drop(files.remove(0))).starts_with("`notes.txt` is gone"));
    assert!(altered(|files| files[0].name = "n.txt".into()).starts_with("`notes.txt` is gone"));
    assert!(altered(|files| files[1].content.push(b' ')).starts_with("`evidence-build-1.json` was altered"));
    assert!(altered(|files| files.push(held("notes.txt", b"other"))).starts_with("a second `notes.txt` was added"));
}

#[test]
fn an_earlier_statement_of_the_same_name_is_no_surprise() {
    let earlier = Recorded { digest: digest(b"earlier"), ..recorded() };
    let mut files = all();
    files.push(held("evidence-build-1.json", b"earlier"));
    assert!(check("CHG1", &[earlier, recorded()], &files, "").is_ok());
    assert!(matches!(check("CHG1", &[recorded()], &files, ""), Err(Difference::Added { .. })));
}

#[test]
fn a_file_that_an_earlier_statement_lists_is_no_surprise_either() {
    let listing = |digest: &str| {
        let files = json!([{"name": "notes.txt", "digest": digest, "kept": "attached"}]);
        json!({"predicate": {"change": {"number": "CHG1"}, "files": files}}).to_string().into_bytes()
    };
    let (before, after) = (listing(&digest(b"first")), listing(&digest(b"second")));
    let name = "evidence-build-1.json";
    let files = [held("notes.txt", b"first"), held("notes.txt", b"second"), held(name, &before), held(name, &after)];
    let of = |content: &[u8]| Recorded { digest: digest(content), ..recorded() };
    assert!(check("CHG1", &[of(&before), of(&after)], &files, "").is_ok());
    assert!(matches!(check("CHG1", &[of(&after)], &files, ""), Err(Difference::Added { .. })));
}

#[test]
fn two_builds_whose_statements_have_one_name_are_both_proved() {
    let other = Recorded { about: "build/1".into(), digest: digest(&statement("CHG1 ")), ..recorded() };
    let missing = check("CHG1", &[other, recorded()], &all(), "").unwrap_err();
    assert!(matches!(missing, Difference::Altered { .. }), "{missing}");
}

#[test]
fn a_statement_of_another_change_request_proves_nothing() {
    let mut recorded = recorded();
    recorded.digest = digest(&statement("CHG2"));
    let files = [held("notes.txt", b"held"), held("evidence-build-1.json", &statement("CHG2"))];
    assert!(matches!(check("CHG1", std::slice::from_ref(&recorded), &files, ""), Err(Difference::Misplaced { .. })));
}

#[test]
fn a_linked_statement_is_proved_by_the_audit_log_and_its_work_note() {
    let mut recorded = recorded();
    let content = json!({"predicate": {"change": {"number": "CHG1"}, "files": []}}).to_string();
    recorded.digest = digest(content.as_bytes());
    recorded.content = Some(content);
    let note = format!("Evidence of build-1: {}", recorded.digest);
    assert!(check("CHG1", std::slice::from_ref(&recorded), &[], &note).is_ok());
    assert!(matches!(check("CHG1", std::slice::from_ref(&recorded), &[], "nothing"), Err(Difference::Unlinked { .. })));
}
