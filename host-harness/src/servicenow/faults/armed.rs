//! The rules in force, and which of them picks a request.

use super::Fault;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::Serialize;

/// Names a rule that is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct FaultId(pub u64);

#[derive(Debug)]
struct Armed {
    id: FaultId,
    fault: Fault,
    matched: u64,
    picked: u64,
    dice: StdRng,
}

/// The rules in force.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    armed: Vec<Armed>,
    next: u64,
}

impl Faults {
    /// Puts a rule in force.
    pub fn add(&mut self, fault: Fault) -> FaultId {
        self.next += 1;
        let id = FaultId(self.next);
        let dice = StdRng::seed_from_u64(fault.seed.unwrap_or_default());
        self.armed.push(Armed { id, fault, matched: 0, picked: 0, dice });
        id
    }

    /// Takes a rule out of force; tells whether there was one.
    pub fn remove(&mut self, id: FaultId) -> bool {
        let before = self.armed.len();
        self.armed.retain(|armed| armed.id != id);
        self.armed.len() < before
    }

    /// Whether a rule is in force.
    pub fn holds(&self, id: FaultId) -> bool {
        self.armed.iter().any(|armed| armed.id == id)
    }

    /// Takes every rule out of force.
    pub fn clear(&mut self) {
        self.armed.clear();
    }

    /// How many requests a rule has picked.
    pub fn picked(&self, id: FaultId) -> u64 {
        self.armed.iter().find(|armed| armed.id == id).map_or(0, |armed| armed.picked)
    }

    /// The rules in force, with how many requests each has matched and picked.
    pub fn list(&self) -> impl Iterator<Item = (FaultId, &Fault, u64, u64)> {
        self.armed.iter().map(|armed| (armed.id, &armed.fault, armed.matched, armed.picked))
    }

    /// The rule that picks a request; every rule that matches counts it.
    pub fn pick(&mut self, method: &str, path: &str, target: &str, user: Option<&str>) -> Option<(FaultId, Fault)> {
        let mut picked = None;
        for armed in &mut self.armed {
            if !armed.fault.matches(method, path, target, user) {
                continue;
            }
            armed.matched += 1;
            let first = armed.fault.nth.unwrap_or(1);
            let times = armed.fault.times.or(armed.fault.nth.map(|_| 1)).unwrap_or(u64::MAX);
            let in_turn = armed.matched >= first && armed.matched - first < times;
            let lucky = armed.fault.probability.is_none_or(|probability| armed.dice.random::<f64>() < probability);
            if in_turn && lucky && picked.is_none() {
                armed.picked += 1;
                picked = Some((armed.id, armed.fault.clone()));
            }
        }
        picked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picks(faults: &mut Faults, count: usize) -> Vec<bool> {
        (0..count).map(|_| faults.pick("GET", "/a", "/a?b", None).is_some()).collect()
    }

    #[test]
    fn the_nth_request_is_picked_and_no_other() {
        let mut faults = Faults::default();
        faults.add(Fault::on("/a").nth(2).status(503));
        assert_eq!(picks(&mut faults, 4), [false, true, false, false]);
    }

    #[test]
    fn a_seed_repeats_a_run() {
        let run = |seed| {
            let mut faults = Faults::default();
            faults.add(Fault::on("*").probability(0.5, seed).status(503));
            picks(&mut faults, 40)
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        assert!(run(7).contains(&true) && run(7).contains(&false));
    }

    #[test]
    fn the_first_rule_wins_and_all_count() {
        let mut faults = Faults::default();
        let first = faults.add(Fault::on("*").nth(1).status(500));
        let second = faults.add(Fault::on("*").nth(2).status(503));
        assert_eq!(picks(&mut faults, 3), [true, true, false]);
        assert_eq!((faults.picked(first), faults.picked(second)), (1, 1));
    }

    #[test]
    fn a_rule_for_everybody_but_one_picks_what_nobody_asks_too() {
        let mut faults = Faults::default();
        faults.add(Fault::on("*").not_user("beth").status(503));
        let mut picks = |user| faults.pick("GET", "/a", "/a", user).is_some();
        assert_eq!([picks(Some("beth")), picks(Some("ada")), picks(None)], [false, true, true]);
    }
}
