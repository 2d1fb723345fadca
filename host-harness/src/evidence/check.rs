//! Whether what ServiceNow holds is what the audit log says was put there. No network: what was read comes in.

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// What the audit log says of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The build or deployment that it is about.
    pub about: String,
    /// The file's name.
    pub name: String,
    /// `sha256:…`.
    pub digest: String,
    /// The statement itself, where it was not attached.
    pub content: Option<String>,
    /// The change request's `sys_id`; none where there was none.
    pub change: Option<String>,
}

/// A file that is attached to the change request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// What was proved of one statement.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Proof {
    /// The build or deployment that it is about.
    pub about: String,
    /// Its digest, as in the audit log.
    pub digest: String,
    /// Files that are attached as it says.
    pub files: Vec<String>,
    /// Files that it lists and that are not attached, each with the reason.
    pub elsewhere: Vec<String>,
}

/// The first thing that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// A file is gone.
    #[error("`{name}` is gone: nothing of that name is attached")]
    Missing {
        /// Its name.
        name: String,
    },
    /// A file has another content.
    #[error("`{name}` was altered: its digest is {found}, and was {expected}")]
    Altered {
        /// Its name.
        name: String,
        /// What it was.
        expected: String,
        /// What it is.
        found: String,
    },
    /// Beside the true one there is another of its name.
    #[error("a second `{name}` was added: its digest is {found}")]
    Added {
        /// Its name.
        name: String,
        /// What it is.
        found: String,
    },
    /// The statement is about another change request.
    #[error("the statement of {about} is about {found}, and was asked for {expected}")]
    Misplaced {
        /// The build or deployment.
        about: String,
        /// The change request that was asked for.
        expected: String,
        /// The one that it names.
        found: String,
    },
    /// What the digest proves is no statement.
    #[error("the statement of {about} cannot be read: {why}")]
    Unreadable {
        /// The build or deployment.
        about: String,
        /// What is wrong.
        why: String,
    },
    /// A work note is gone.
    #[error("no work note of the change request names the digest {digest} of {about}")]
    Unlinked {
        /// The build or deployment.
        about: String,
        /// The digest.
        digest: String,
    },
}

#[derive(Deserialize)]
struct Statement {
    predicate: Predicate,
}

#[derive(Deserialize)]
struct Predicate {
    change: Option<Change>,
    #[serde(default)]
    files: Vec<File>,
}

#[derive(Deserialize)]
struct Change {
    number: String,
}

#[derive(Deserialize)]
struct File {
    name: String,
    digest: Option<String>,
    kept: String,
    link: Option<String>,
    why: Option<String>,
}

/// Proves every statement of a change request and the files that they list. `recorded` is all that the audit log says of
/// it, oldest first: of each name the last one counts, and what an earlier one says is no surprise. `notes` are the change
/// request's work notes, for statements that are only linked.
///
/// # Errors
/// The first difference.
pub fn check(change: &str, recorded: &[Recorded], held: &[Held], notes: &str) -> Result<Vec<Proof>, Difference> {
    let mut expected: Vec<&str> = recorded.iter().map(|recorded| recorded.digest.as_str()).collect();
    let statements: Vec<(&Recorded, Statement)> = newest(recorded)
        .map(|recorded| Ok((recorded, read(change, recorded, held, notes)?)))
        .collect::<Result<_, Difference>>()?;
    let files = statements.iter().flat_map(|(_, statement)| &statement.predicate.files);
    expected.extend(files.filter_map(|file| file.digest.as_deref()));
    statements.iter().map(|(recorded, statement)| prove(recorded, statement, held, &expected)).collect()
}

/// Of each name the last.
fn newest(recorded: &[Recorded]) -> impl Iterator<Item = &Recorded> {
    let is_last =
        |(index, one): &(usize, &Recorded)| !recorded.iter().skip(index + 1).any(|later| later.name == one.name);
    recorded.iter().enumerate().filter(is_last).map(|(_, recorded)| recorded)
}

/// The statement, once its digest is proved.
fn read(change: &str, recorded: &Recorded, held: &[Held], notes: &str) -> Result<Statement, Difference> {
    let content = match &recorded.content {
        None => find(held, &recorded.name, &recorded.digest)?,
        Some(content) if digest(content.as_bytes()) != recorded.digest => {
            return Err(Difference::Altered {
                name: recorded.name.clone(),
                expected: recorded.digest.clone(),
                found: digest(content.as_bytes()),
            });
        }
        Some(_) if !notes.contains(&recorded.digest) => {
            return Err(Difference::Unlinked { about: recorded.about.clone(), digest: recorded.digest.clone() });
        }
        Some(content) => content.as_bytes(),
    };
    let about = || recorded.about.clone();
    let statement: Statement = serde_json::from_slice(content)
        .map_err(|error| Difference::Unreadable { about: about(), why: error.to_string() })?;
    let named = statement.predicate.change.as_ref().map(|change| change.number.as_str()).unwrap_or_default();
    if named != change {
        return Err(Difference::Misplaced { about: about(), expected: change.into(), found: named.into() });
    }
    Ok(statement)
}

/// Proves the files that a statement lists. `expected` are the digests of all that was ever put there.
fn prove(recorded: &Recorded, statement: &Statement, held: &[Held], expected: &[&str]) -> Result<Proof, Difference> {
    let mut proof = Proof {
        about: recorded.about.clone(),
        digest: recorded.digest.clone(),
        files: Vec::new(),
        elsewhere: Vec::new(),
    };
    nothing_added(held, &recorded.name, expected)?;
    for file in &statement.predicate.files {
        match (file.kept.as_str(), &file.digest) {
            ("attached", Some(digest)) => {
                find(held, &file.name, digest)?;
                nothing_added(held, &file.name, expected)?;
                proof.files.push(file.name.clone());
            }
            ("attached", None) => {
                let why = format!("`{}` is attached without a digest", file.name);
                return Err(Difference::Unreadable { about: recorded.about.clone(), why });
            }
            (kept, _) => {
                let place = file.link.as_ref().or(file.why.as_ref()).map(String::as_str).unwrap_or_default();
                proof.elsewhere.push(format!("{}: {kept}: {place}", file.name));
            }
        }
    }
    Ok(proof)
}

/// The file of this name and digest.
fn find<'a>(held: &'a [Held], name: &str, expected: &str) -> Result<&'a [u8], Difference> {
    let mut named = held.iter().filter(|file| file.name == name);
    let Some(first) = named.clone().next() else { return Err(Difference::Missing { name: name.into() }) };
    named.find(|file| digest(&file.content) == expected).map(|file| file.content.as_slice()).ok_or_else(|| {
        Difference::Altered { name: name.into(), expected: expected.into(), found: digest(&first.content) }
    })
}

/// A file of the same name that nobody recorded would be shown to people just as well.
fn nothing_added(held: &[Held], name: &str, expected: &[&str]) -> Result<(), Difference> {
    let mut found = held.iter().filter(|file| file.name == name).map(|file| digest(&file.content));
    match found.find(|found| !expected.contains(&found.as_str())) {
        Some(found) => Err(Difference::Added { name: name.into(), found }),
        None => Ok(()),
    }
}

/// `sha256:…` of some bytes.
fn digest(bytes: &[u8]) -> String {
    struct Hex(sha2::digest::Output<Sha256>);
    impl fmt::Display for Hex {
        fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
            self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
        }
    }
    format!("sha256:{}", Hex(Sha256::digest(bytes)))
}

#[cfg(test)]
mod tests {
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
        assert!(
            altered(|files| files[0].content.push(b'!')).starts_with("`notes.txt` was altered: its digest is sha256:")
        );
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
    fn a_statement_of_another_change_request_proves_nothing() {
        let mut recorded = recorded();
        recorded.digest = digest(&statement("CHG2"));
        let files = [held("notes.txt", b"held"), held("evidence-build-1.json", &statement("CHG2"))];
        assert!(matches!(
            check("CHG1", std::slice::from_ref(&recorded), &files, ""),
            Err(Difference::Misplaced { .. })
        ));
    }

    #[test]
    fn a_linked_statement_is_proved_by_the_audit_log_and_its_work_note() {
        let mut recorded = recorded();
        let content = json!({"predicate": {"change": {"number": "CHG1"}, "files": []}}).to_string();
        recorded.digest = digest(content.as_bytes());
        recorded.content = Some(content);
        let note = format!("Evidence of build-1: {}", recorded.digest);
        assert!(check("CHG1", std::slice::from_ref(&recorded), &[], &note).is_ok());
        assert!(matches!(
            check("CHG1", std::slice::from_ref(&recorded), &[], "nothing"),
            Err(Difference::Unlinked { .. })
        ));
    }
}
