//! The relations between systems and images of ours, as ServiceNow holds them.

use super::key;
use crate::plugin::Plugin;
use crate::servicenow::{Client, Error, Kind, List, Query};
use itsm_contract::types::{Failure, Problem};

/// Systems whose relations are read at once. ServiceNow's front end refuses long URLs; 100 ids are under 4 KB.
const CHUNK: usize = 100;

/// Relations read at once: a system has one image, or two while it moves.
const LIMIT: usize = 1000;

/// A relation between a system and an image of ours.
#[derive(Clone, Debug, PartialEq)]
pub struct Relation {
    /// Its record.
    pub sys_id: String,
    /// The system's record.
    pub system: String,
    /// The image's record.
    pub image: String,
    /// The image's name.
    pub image_name: String,
}

/// The type of relation that the settings name.
///
/// # Errors
/// `Misconfigured` where this instance has none of that name: it would drop the relation without a word.
pub fn kind(plugin: &Plugin) -> Result<String, Failure> {
    let name = &plugin.settings().cmdb.relation;
    plugin.reference("cmdb_rel_type", "name", name).map_err(|error| match error.kind {
        Kind::NotFound => Failure::Misconfigured(Problem {
            code: "cmdb.relation-unknown".into(),
            summary: format!("this instance has no type of relation that is called `{name}`"),
            remedy: "set `cmdb.relation` to a name in the table cmdb_rel_type".into(),
            detail: error.detail,
        }),
        _ => error.into(),
    })
}

/// The relations of these systems to images of ours.
///
/// # Errors
/// Where ServiceNow cannot be asked, or did not understand.
pub fn read(plugin: &Plugin, client: Client, kind: &str, systems: &[&str]) -> Result<Vec<Relation>, Error> {
    let (system, image) = ends(plugin);
    let key_field = format!("{image}.correlation_id");
    let prefix = key::image_prefix(plugin);
    let fields = format!("sys_id,parent,child,type,{key_field},{image}.name");
    let chunks: Vec<&[&str]> = systems.chunks(CHUNK).collect();
    let list = |chunk: &&[&str]| List {
        table: "cmdb_rel_ci",
        query: Query::new()
            .equals("type", kind)
            .one_of(system, chunk.iter().copied())
            .term(&key_field, "STARTSWITH", &prefix)
            .ordered_by("sys_id"),
        fields: &fields,
        limit: LIMIT,
        is_displayed: false,
    };
    let lists: Vec<List> = chunks.iter().map(list).collect();
    let mut relations = Vec::new();
    for (found, chunk) in client.lists(&lists)?.into_iter().zip(chunks) {
        let found = found?;
        let is_answer = found.len() < LIMIT
            && found.iter().all(|record| {
                record.text("type") == kind
                    && record.text(&key_field).starts_with(&prefix)
                    && chunk.iter().any(|id| *id == record.text(system))
            });
        if !is_answer {
            return Err(Error::new(Kind::ReplyUnexpected, "GET cmdb_rel_ci")
                .with_detail("the search for relations found something else, or too much"));
        }
        relations.extend(found.iter().map(|record| Relation {
            sys_id: record.text("sys_id").into_owned(),
            system: record.text(system).into_owned(),
            image: record.text(image).into_owned(),
            image_name: record.text(&format!("{image}.name")).into_owned(),
        }));
    }
    Ok(relations)
}

/// Deletes relations, each through the CMDB Instance API. One that is gone already counts as deleted: so each is named by
/// the class that all systems have, whatever class an item turned out to be of. Each has its own answer.
///
/// # Errors
/// Where ServiceNow cannot be asked.
pub fn delete<'a>(
    plugin: &Plugin,
    relations: impl Iterator<Item = &'a Relation>,
) -> Result<Vec<Result<(), Error>>, Error> {
    let target = |relation: &Relation| {
        format!("/api/now/cmdb/instance/cmdb_ci/{}/relation/{}", relation.system, relation.sys_id)
    };
    let targets: Vec<String> = relations.map(target).collect();
    plugin.client().delete_all(&targets, "DELETE cmdb/instance relation")
}

/// The columns of the system and of the image.
fn ends(plugin: &Plugin) -> (&'static str, &'static str) {
    if plugin.settings().cmdb.image_is_parent { ("child", "parent") } else { ("parent", "child") }
}
