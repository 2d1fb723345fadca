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
/// it, oldest first: of each build and deployment the last one counts, and what an earlier one says is no surprise. `notes`
/// are the change request's work notes, for statements that are only linked.
///
/// # Errors
/// The first difference.
pub fn check(change: &str, recorded: &[Recorded], held: &[Held], notes: &str) -> Result<Vec<Proof>, Difference> {
    let mut expected: Vec<&str> = recorded.iter().map(|recorded| recorded.digest.as_str()).collect();
    let (newest, earlier) = by_age(recorded);
    let statements: Vec<(&Recorded, Statement)> = newest
        .into_iter()
        .map(|recorded| Ok((recorded, read(change, recorded, held, notes)?)))
        .collect::<Result<_, Difference>>()?;
    let earlier: Vec<Statement> =
        earlier.into_iter().filter_map(|recorded| read(change, recorded, held, notes).ok()).collect();
    let files = statements.iter().map(|(_, statement)| statement).chain(&earlier);
    let files = files.flat_map(|statement| &statement.predicate.files);
    expected.extend(files.filter_map(|file| file.digest.as_deref()));
    statements.iter().map(|(recorded, statement)| prove(recorded, statement, held, &expected)).collect()
}

/// Of each build and deployment the last; then the others.
fn by_age(recorded: &[Recorded]) -> (Vec<&Recorded>, Vec<&Recorded>) {
    let is_same = |one: &Recorded, other: &Recorded| (&one.name, &one.about) == (&other.name, &other.about);
    let (newest, earlier): (Vec<_>, Vec<_>) = recorded
        .iter()
        .enumerate()
        .partition(|(index, one)| !recorded.iter().skip(index + 1).any(|later| is_same(one, later)));
    let alone = |list: Vec<(usize, _)>| list.into_iter().map(|(_, recorded)| recorded).collect();
    (alone(newest), alone(earlier))
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
mod tests;
