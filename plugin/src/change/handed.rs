//! The gate that a host hands back: which change request it names, and whether that is this work's. An approval lets
//! nothing through but what it was given for.

use super::{Held, Work};
use crate::event::invalid;
use crate::gate::seal::Seal;
use crate::identity::{Identity, OURS};
use crate::plugin::Plugin;
use crate::settings::Close;
use itsm_contract::types::{Build, Failure, Gate, Problem, Ticket, Verdict};

/// The change request in the gate that the host hands back with this work. None where it hands none back, where the work
/// names one by its number, and where a build's is no deployment's, because it is closed after the build.
///
/// # Errors
/// `InvalidEvent` where the gate is not one of this build, as it was answered.
pub fn handed_back<'a>(plugin: &Plugin, work: Work<'a>) -> Result<Option<&'a Ticket>, Failure> {
    let Some(gate) = work.gate() else { return Ok(None) };
    let is_named = work.number().is_some();
    let Some(ticket) = of_build(plugin, gate, work.build(), is_named || !work.is_asking())? else { return Ok(None) };
    if is_named {
        return Ok(None);
    }
    let own = work.identity(plugin).correlation_id;
    let key = ticket.key.as_deref();
    let is_own = key.is_none_or(|key| key == own);
    if !is_own && key.and_then(Identity::build) != Some(&plugin.build_mark(work.build())) {
        return Err(invalid(
            "gate",
            "was answered for other work: hand back the last gate of this work, or of its build",
        ));
    }
    let is_shared = plugin.settings().change.close != Close::AfterBuild;
    Ok((is_own || is_shared).then_some(ticket))
}

/// The change request of a gate that was answered for this build; none where it needs none. `may_give_up`: nothing
/// goes on by one that gives the work up.
///
/// # Errors
/// `InvalidEvent` where the gate is not one of this build, as it was answered.
pub fn of_build<'a>(
    plugin: &Plugin,
    gate: &'a Gate,
    build: &Build,
    may_give_up: bool,
) -> Result<Option<&'a Ticket>, Failure> {
    let Some(ticket) = &gate.change else { return Ok(None) };
    match Seal::carried_by(gate) {
        Some(seal) if seal.build() == plugin.build_mark(build) => Ok(Some(ticket)),
        Some(_) => Err(invalid("gate", &format!("was not answered for the build {}: hand back its own", build.id))),
        // It has no seal. A record of ours says itself what it is for.
        None if matches!(gate.verdict, Verdict::Cancel(_)) => match ticket.key.is_some() || may_give_up {
            true => Ok(Some(ticket)),
            false => Err(invalid("gate", "gives the work up: name the change request's number to ask again")),
        },
        None => Err(invalid("gate", "has lost its seal: hand the last gate back unchanged")),
    }
}

impl Held {
    /// This change request, if it may stand for this work: a person's, which was linked; the work's own; or that of the
    /// build.
    ///
    /// # Errors
    /// `Refused` where this plugin made it for other work, of which nobody approved this.
    pub fn of(self, plugin: &Plugin, work: Work) -> Result<Self, Failure> {
        match self.change.correlation_id == work.identity(plugin).correlation_id {
            true => Ok(self),
            false => self.of_build(plugin, work.build()),
        }
    }

    /// This change request, if it may stand for this build.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn of_build(self, plugin: &Plugin, build: &Build) -> Result<Self, Failure> {
        let key = &self.change.correlation_id;
        if !key.starts_with(OURS) || Identity::build(key) == Some(&plugin.build_mark(build)) {
            return Ok(self);
        }
        Err(Failure::Refused(Problem {
            code: "change.of-other-work".into(),
            summary: format!(
                "{} was made for other work: nobody approved the build {} by it",
                self.change.number, build.id
            ),
            remedy: "name a change request that a person made, which several works may share, or none to have one made"
                .into(),
            detail: None,
        }))
    }
}
