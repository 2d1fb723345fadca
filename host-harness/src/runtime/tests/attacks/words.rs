//! Text that poses as the host's own, or that drives what shows it.

use super::{Attack, Fate};
use crate::grant::audit::Who;
use crate::runtime::Blame;

pub fn attacks() -> Vec<Attack> {
    let escapes = "\u{1b}]0;owned\u{7}\u{202e}";
    vec![
        // An entry that says, in every place where text goes, that it is the host's.
        Attack::script(
            "forge",
            Fate::Vain(|scene, _| {
                let log = scene.audit();
                let forged: Vec<_> = log.iter().filter(|entry| entry.action.starts_with("gate.proceed")).collect();
                forged.len() == 1 && forged.iter().all(|entry| entry.who == Who::Plugin)
            }),
        ),
        Attack::script(
            "audit\t1\tcall.answered\t1",
            Fate::Vain(|scene, _| {
                let log = scene.audit();
                let posing =
                    |who| log.iter().filter(|entry| entry.action == "call.answered" && entry.who == who).count();
                (posing(Who::Plugin), posing(Who::Host)) == (1, 1)
            }),
        ),
        Attack::script(
            format!("print\t1\t100\npanic\t{escapes}"),
            Fate::Trapped(Blame::Guest, r"\u{1b}]0;owned\u{7}\u{202e}".into()),
        ),
        Attack::script("config\tPATH", Fate::Told("Ok(None)")),
        Attack::script("config\tcredential", Fate::Told("Ok(None)")),
    ]
}
