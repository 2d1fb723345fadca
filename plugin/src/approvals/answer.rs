//! The answers of a look: gates judged by what was read, and those whose change ServiceNow still prepares.

use super::check::{asked, differs};
use super::look::Look;
use crate::change::{Change, Held, TABLE, is_renamed, prepare};
use crate::gate;
use crate::gate::beside::Beside;
use crate::servicenow::{Error, Kind};
use itsm_contract::answers::{Reviewed, Waiting};
use itsm_contract::types::{Failure, Gate, Ticket, Verdict};
use std::ops::Bound;

/// Works in one look whose change ServiceNow still prepares: each costs some requests.
const PREPARED_LIMIT: usize = 20;

/// A change, by the `sys_id` that is waited for, and work that waits for it.
type News<'w> = (&'w str, &'w Waiting, Change);

impl<'a> Look<'a> {
    /// Judges the gates of these changes, and tells those that say something else than before.
    pub(super) fn answer_all(&mut self, changes: Vec<Change>, beside: Option<Beside>) -> Result<(), Error> {
        let mut news: Vec<News<'a>> = Vec::new();
        for change in changes {
            let Some((id, works)) = self.waiting.get_key_value(change.sys_id.as_str()) else { continue };
            self.judged.insert(*id);
            news.extend(works.iter().filter(|work| preparing(work).is_none()).map(|work| (*id, *work, change.clone())));
        }
        let news = self.settled(news)?;
        let beside = match beside {
            Some(beside) if !news.iter().any(|(id, _, change)| *id != change.sys_id) => beside,
            _ => Beside::read(self.plugin, news.iter().map(|(.., change)| change))?,
        };
        self.approvers += beside.approvers_read();
        for (id, work, change) in news {
            let Some(ticket) = &work.last.change else { continue };
            let answer = self.judge(work, ticket, change, &beside);
            self.tell(id, work, answer);
        }
        Ok(())
    }

    fn judge(&self, work: &Waiting, ticket: &Ticket, change: Change, beside: &Beside) -> Result<Gate, Failure> {
        let held = match ticket.key.as_deref().filter(|_| is_renamed(ticket)) {
            Some(key) => Held::ours(self.plugin, change, key)?,
            None => Held::believe(self.plugin, change, ticket)?,
        };
        let left = prepare::left_to_people(&work.last);
        gate::decide(self.plugin, &held, &asked(work, ticket), beside, &left)
    }

    /// Where the instance gave a record a `sys_id` of its own, another host's record may be the one that counts: that one
    /// is judged. What cannot be told apart fails alone.
    fn settled(&mut self, news: Vec<News<'a>>) -> Result<Vec<News<'a>>, Error> {
        let key = |work: &Waiting| {
            let ticket = work.last.change.as_ref().filter(|ticket| is_renamed(ticket))?;
            ticket.key.clone()
        };
        let keys: Vec<String> = news.iter().filter_map(|(_, work, _)| key(work)).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let winners = match Held::search_all(self.plugin, &keys) {
            Err(error) if error.kind.is_passing() && error.kind != Kind::ReplyUnexpected => return Err(error),
            winners => winners,
        };
        let mut settled = Vec::new();
        for (id, work, change) in news {
            let Some(key) = key(work) else {
                settled.push((id, work, change));
                continue;
            };
            let winner = winners.as_ref().map(|all| all.iter().find(|winner| winner.change.correlation_id == key));
            match winner {
                Ok(Some(winner)) => settled.push((id, work, winner.change.clone())),
                Ok(None) => {
                    let error = Error::new(Kind::NotFound, format!("GET {TABLE}"));
                    self.tell(id, work, Err(error.into()));
                }
                Err(error) => self.tell(id, work, Err(error.clone().into())),
            }
        }
        Ok(settled)
    }

    /// Goes on with some of those whose change request ServiceNow was still working on.
    pub(super) fn prepare(&mut self) {
        let from = std::mem::take(&mut self.after.prepared_to);
        let beyond = (Bound::Excluded(from.as_str()), Bound::Unbounded);
        let is_prepared = |work: &&Waiting| preparing(work).is_some();
        let works = self.waiting.range::<str, _>(beyond);
        let works = works.flat_map(|(id, works)| works.iter().copied().filter(is_prepared).map(|work| (*id, work)));
        let works: Vec<(&str, &Waiting)> = works.take(PREPARED_LIMIT).collect();
        // With fewer than the limit the end is reached: the next look begins anew.
        if let Some((last, _)) = works.last().filter(|_| works.len() == PREPARED_LIMIT) {
            self.after.prepared_to = (*last).to_owned();
        }
        for (id, work) in works {
            let (Some(waits), Some(ticket)) = (preparing(work), &work.last.change) else { continue };
            let answer = self.prepared(work, ticket, waits);
            self.tell(id, work, answer);
        }
    }

    fn prepared(&self, work: &Waiting, ticket: &Ticket, waits: &[String]) -> Result<Gate, Failure> {
        let (held, left) = prepare::look(self.plugin, ticket, waits)?;
        gate::go_on(self.plugin, held, &asked(work, ticket), &left)
    }

    fn tell(&mut self, id: &str, work: &Waiting, answer: Result<Gate, Failure>) {
        if answer.as_ref().map_or(true, |gate| differs(&work.last, gate)) {
            self.moved.push(Reviewed { change: id.into(), answer });
        }
    }
}

/// What ServiceNow was still working on at the last look.
fn preparing(work: &Waiting) -> Option<&[String]> {
    match &work.last.verdict {
        Verdict::Pause(pause) if pause.waiting_for.iter().any(|words| prepare::names_worker(words)) => {
            Some(&pause.waiting_for)
        }
        _ => None,
    }
}
