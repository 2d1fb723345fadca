//! The way of a deployment into the CMDB, and what would become of it: both go the same way, so that the preview is what
//! then happens.

use super::ire::{self, Change, Mode, Outcome};
use super::item::{self, Item};
use super::order::{overtaken, overtaken_items};
use super::refusal;
use super::relation::{self, Relation};
use super::{Recorded, key};
use crate::plugin::Plugin;
use itsm_contract::answers;
use itsm_contract::events::DeployEvent;
use itsm_contract::types::{Failure, ItemOutcome, Later, Problem, System, Ticket};
use std::collections::BTreeSet;

/// Names of items that one failure tells of; every item has its own outcome beside it.
const NAMED: usize = 10;

/// Records the image and these systems, or says what would become of them.
///
/// # Errors
/// Where nothing could be done at all.
pub fn run(
    plugin: &Plugin,
    event: &DeployEvent,
    systems: &[&System],
    mode: Mode,
    recorded: &mut Recorded,
) -> Result<(), Failure> {
    let kind = relation::kind(plugin)?;
    let late = overtaken(plugin, event)?;
    let image = Item::image(plugin, event)?;
    let lean = item::lean(event);
    let mut run = Run {
        plugin,
        event,
        mode,
        kind,
        image,
        image_outcome: None,
        systems: Vec::new(),
        relations: Vec::new(),
        sent: Vec::new(),
    };
    let mut items = Vec::new();
    let mut machines = BTreeSet::new();
    for system in systems {
        let told = |outcome| answers::Item { name: system.name.clone(), outcome, ticket: None };
        if late.contains(&key::system(plugin, &event.environment, system)) {
            run.systems.push(told(ItemOutcome::Skipped));
            continue;
        }
        match Item::system(plugin, event, &lean, system) {
            // ServiceNow refuses a second system with one serial number while the first is new, and takes it for the
            // first one afterwards.
            Ok(item) if !machines.insert(item.machine()) => {
                run.systems.push(told(ItemOutcome::Failed(refusal::same_item(&item.machine()))));
            }
            Ok(item) => items.push(item),
            Err(failure) => run.systems.push(told(ItemOutcome::Failed(failure))),
        }
    }
    let outcome = if items.is_empty() && !late.is_empty() { Ok(()) } else { run.send_all(&items) };
    run.finish(systems, outcome.as_ref().err(), recorded);
    outcome
}

struct Run<'a> {
    plugin: &'a Plugin<'a>,
    event: &'a DeployEvent,
    mode: Mode,
    /// The type of the relations.
    kind: String,
    image: Item,
    image_outcome: Option<Outcome>,
    systems: Vec<answers::Item>,
    relations: Vec<answers::Item>,
    sent: Vec<Item>,
}

impl Run<'_> {
    fn send_all(&mut self, items: &[Item]) -> Result<(), Failure> {
        if items.is_empty() {
            return self.send(&[]);
        }
        items.chunks(ire::SYSTEMS_LIMIT).try_for_each(|chunk| self.send(chunk))
    }

    fn send(&mut self, systems: &[Item]) -> Result<(), Failure> {
        let payload: Vec<Item> = std::iter::once(&self.image).chain(systems).cloned().collect();
        self.sent.extend_from_slice(if self.sent.is_empty() { &payload } else { systems });
        let reply = ire::send(self.plugin, self.mode, &payload, self.event.delivery.occurred_at)?;
        let mut outcomes = reply.items.into_iter();
        let image = outcomes.next();
        let image_id = image.as_ref().and_then(Outcome::sys_id).map(str::to_owned);
        // A further call of the same deployment finds the image as the first one left it.
        self.image_outcome = self.image_outcome.take().or(image);
        let mut stored = Vec::new();
        let mut taken = BTreeSet::new();
        for ((system, mut outcome), said) in systems.iter().zip(outcomes).zip(reply.relations) {
            if let Some(sys_id) = outcome.sys_id().filter(|sys_id| !taken.insert((*sys_id).to_owned())) {
                outcome = Outcome::Refused(refusal::same_item(sys_id));
            }
            self.systems.push(self.told(system, &outcome));
            if let Outcome::Stored { sys_id, .. } = outcome {
                stored.push(Stored { item: system, sys_id, said });
            }
        }
        self.relate(&stored, image_id.as_deref())
    }

    /// Reads the relations of these systems back, tells what became of them, and deletes those to earlier images.
    fn relate(&mut self, stored: &[Stored], image: Option<&str>) -> Result<(), Failure> {
        if matches!(self.image_outcome, Some(Outcome::Refused(_))) {
            return Ok(()); // Without an image there is nothing to relate to, and the earlier one is still the truth.
        }
        let ids: Vec<&str> = stored.iter().filter_map(|system| system.sys_id.as_deref()).collect();
        // A batch of reads would be a write to a grant that allows reads alone.
        let client = match self.mode {
            Mode::Commit => self.plugin.client(),
            Mode::Query => self.plugin.client().one_by_one(),
        };
        let held = relation::read(self.plugin, client, &self.kind, &ids)?;
        let is_due = |relation: &&Relation| Some(relation.image.as_str()) != image;
        // Looked at again at the moment of use: a newer deployment may have been recorded meanwhile, or before, of a system
        // that had another name or environment by then.
        let moving: Vec<&str> = held.iter().filter(is_due).map(|relation| relation.system.as_str()).collect();
        let late = overtaken_items(self.plugin, client, self.event, &moving)?;
        let mut outdated: Vec<(&Item, &Relation)> = Vec::new();
        for system in stored {
            let (earlier, own): (Vec<&Relation>, Vec<&Relation>) = held
                .iter()
                .filter(|relation| Some(&relation.system) == system.sys_id.as_ref())
                .partition(|relation| is_due(relation));
            let is_late = system.sys_id.as_ref().is_some_and(|sys_id| late.contains(sys_id));
            let outcome = match (self.mode, own.first(), &system.said) {
                _ if is_late => ItemOutcome::Skipped,
                (_, None, Some(Err(failure))) => ItemOutcome::Failed(failure.clone()),
                (Mode::Query, None, _) => ItemOutcome::Created,
                (Mode::Commit, None, _) => ItemOutcome::Failed(not_stored()),
                (Mode::Commit, Some(_), Some(Ok(Change::Inserted))) => ItemOutcome::Created,
                (_, Some(_), _) => ItemOutcome::Unchanged,
            };
            let is_related = !matches!(outcome, ItemOutcome::Failed(_));
            self.relations.push(answers::Item {
                name: format!("{} – {}", system.item.name, self.image.name),
                outcome,
                ticket: own.first().map(|relation| self.relation_ticket(relation)),
            });
            // Of two equal relations one goes; a late one goes in favour of the newer; and without the new relation the
            // earlier one is still the truth.
            match is_late {
                true => outdated.extend(own.into_iter().map(|relation| (system.item, relation))),
                false if is_related => {
                    let others = earlier.into_iter().chain(own.into_iter().skip(1));
                    outdated.extend(others.map(|relation| (system.item, relation)));
                }
                false => {}
            }
        }
        self.remove(&outdated);
        Ok(())
    }

    fn remove(&mut self, outdated: &[(&Item, &Relation)]) {
        let answers = match self.mode {
            Mode::Query => vec![Ok(()); outdated.len()],
            Mode::Commit => relation::delete(self.plugin, outdated.iter().map(|(_, relation)| *relation))
                .unwrap_or_else(|error| vec![Err(error); outdated.len()]),
        };
        for ((system, relation), answer) in outdated.iter().zip(answers) {
            let ticket = self.relation_ticket(relation);
            let outcome = match answer {
                Ok(()) => ItemOutcome::Removed,
                Err(error) => ItemOutcome::Failed(error.into()),
            };
            if self.mode == Mode::Commit && outcome == ItemOutcome::Removed {
                let details = [("system", system.name.as_str()), ("image", relation.image_name.as_str())];
                self.plugin.audit("cmdb.relation-deleted", &self.event.delivery.key, Some(&ticket), &details);
            }
            let name = format!("{} – {}", system.name, relation.image_name);
            self.relations.push(answers::Item { name, outcome, ticket: Some(ticket) });
        }
    }

    fn told(&self, item: &Item, outcome: &Outcome) -> answers::Item {
        let ticket =
            outcome.sys_id().map(|sys_id| self.plugin.ticket(&item.class, sys_id, &item.name, Some(&item.key)));
        let outcome = match outcome {
            Outcome::Stored { change: Change::Inserted, .. } => ItemOutcome::Created,
            Outcome::Stored { change: Change::Updated, .. } => ItemOutcome::Updated,
            Outcome::Stored { change: Change::None, .. } => ItemOutcome::Unchanged,
            Outcome::Refused(failure) => ItemOutcome::Failed(failure.clone()),
        };
        answers::Item { name: item.name.clone(), outcome, ticket }
    }

    fn relation_ticket(&self, relation: &Relation) -> Ticket {
        self.plugin.ticket("cmdb_rel_ci", &relation.sys_id, &self.plugin.settings().cmdb.relation, None)
    }

    /// The answer: the image first, then the systems in the event's order, then the relations. What was not reached because
    /// of `failure` failed by it.
    fn finish(mut self, systems: &[&System], failure: Option<&Failure>, recorded: &mut Recorded) {
        let untold = |name: &str| {
            let outcome = failure.map_or(ItemOutcome::Skipped, |failure| ItemOutcome::Failed(failure.clone()));
            answers::Item { name: name.to_owned(), outcome, ticket: None }
        };
        let image = match &self.image_outcome {
            Some(outcome) => self.told(&self.image, outcome),
            None => untold(&self.image.name),
        };
        let reached = self.image_outcome.as_ref().map(|_| &image).into_iter();
        recorded.unfinished.extend(unfinished(reached.chain(&self.systems).chain(&self.relations)));
        let mut told = Vec::new();
        for system in systems {
            let place = self.systems.iter().position(|item| item.name == system.name);
            told.push(place.map_or_else(|| untold(&system.name), |place| self.systems.swap_remove(place)));
        }
        let items: Vec<answers::Item> = std::iter::once(image).chain(told).chain(self.relations).collect();
        if self.mode == Mode::Commit {
            let count = |wanted: &ItemOutcome| items.iter().filter(|item| item.outcome == *wanted).count().to_string();
            let details = [
                ("deployment", self.event.deployment_id.clone()),
                ("created", count(&ItemOutcome::Created)),
                ("updated", count(&ItemOutcome::Updated)),
                ("unchanged", count(&ItemOutcome::Unchanged)),
                ("removed", count(&ItemOutcome::Removed)),
                ("skipped", count(&ItemOutcome::Skipped)),
            ];
            let details: Vec<(&str, &str)> = details.iter().map(|(name, value)| (*name, value.as_str())).collect();
            self.plugin.audit("cmdb.recorded", &self.event.delivery.key, None, &details);
        }
        recorded.items = items;
        recorded.sent = self.sent;
    }
}

/// A system that is in the CMDB.
struct Stored<'a> {
    item: &'a Item,
    sys_id: Option<String>,
    said: Option<Result<Change, Failure>>,
}

fn not_stored() -> Failure {
    Failure::Retry(Later {
        problem: Problem {
            code: "cmdb.relation-not-stored".into(),
            summary: "ServiceNow took the relation and does not hold it".into(),
            remedy: "nothing to do if it passes: the event is delivered again; else check `cmdb.relation`".into(),
            detail: None,
        },
        retry_after_ms: None,
    })
}

/// One failure for each code, with the names of those that it befell.
fn unfinished<'a>(items: impl Iterator<Item = &'a answers::Item>) -> Vec<Failure> {
    let mut kinds: Vec<(Failure, Vec<&str>)> = Vec::new();
    for item in items {
        let ItemOutcome::Failed(failure) = &item.outcome else { continue };
        match kinds.iter_mut().find(|(other, _)| other.problem().code == failure.problem().code) {
            Some((_, names)) => names.push(&item.name),
            None => kinds.push((failure.clone(), vec![&item.name])),
        }
    }
    kinds.into_iter().map(|(failure, names)| naming(failure, &names)).collect()
}

fn naming(mut failure: Failure, names: &[&str]) -> Failure {
    let more = names.len().saturating_sub(NAMED);
    let mut list = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    if more > 0 {
        list.push_str(&format!(" and {more} more"));
    }
    let problem = failure.problem_mut();
    problem.summary = format!("{list}: {}", problem.summary);
    failure
}
