//! What hostile components do to their host, and what must come of it. There is one list of attacks: each is made by
//! itself, and all of them at once beside honest events.

pub mod bounds;
mod egress;
mod headers;
mod traps;
mod words;

use super::handwritten;
use super::scene::{Scene, hostile};
use crate::grant::Outcome;
use crate::grant::audit::{Who, verify};
use crate::runtime::limits::{Limit, Limits};
use crate::runtime::{Blame, Call, CallError, Hook, Host};

/// A promise, and the attacks on it.
pub type Promise = (&'static str, fn() -> Vec<Attack>);

/// What is attacked, and by what.
pub const PROMISES: [Promise; 5] = [
    ("no way out but one", egress::attacks),
    ("no header field that says who or where", headers::attacks),
    ("nothing used without bound", bounds::attacks),
    ("no word that deceives", words::attacks),
    ("nothing broken beyond the call", traps::attacks),
];

/// All attacks on all promises.
pub fn attacks() -> Vec<Attack> {
    PROMISES.iter().flat_map(|(_, attacks)| attacks()).collect()
}

/// The password behind the wall of each scene.
pub const CREDENTIAL: &str = r#"{"user": "itsm", "password": "canary-1b6f7a"}"#;

/// One attack.
pub struct Attack {
    /// In words, or the script itself.
    pub what: String,
    deed: Deed,
    tighten: fn(&mut Limits),
    /// The limit that it reaches, by name.
    reaches: Option<&'static str>,
    fate: Fate,
}

enum Deed {
    /// The hostile plugin runs a script, in which `SITE` stands for the granted authority and `PORT` for its port.
    Script(String),
    /// It panics in this hook.
    Panic(Hook),
    /// A plugin written by hand runs this code, in a module with these parts.
    Plugin(&'static str, &'static str),
    /// The same for a mapping.
    Mapping(&'static str, &'static str),
}

/// What becomes of an attack.
pub enum Fate {
    /// The guest learns no more than that it was denied, the log why; nothing is sent.
    Denied(&'static str),
    /// It is told this, and nothing is sent.
    Invalid(&'static str),
    /// It is told this.
    Told(&'static str),
    /// The call ends at this limit, and this one is blamed.
    Ended(Limit, Blame),
    /// The call ends in a trap of this one's, told in these words.
    Trapped(Blame, String),
    /// It seems to succeed, and has no effect.
    Vain(fn(&Scene, &str) -> bool),
}

impl Attack {
    fn new(what: impl Into<String>, deed: Deed, fate: Fate) -> Self {
        let reaches = if let Fate::Ended(limit, _) = &fate { Some(limit.name()) } else { None };
        Self { what: what.into(), deed, tighten: |_| (), reaches, fate }
    }

    fn script(script: impl Into<String>, fate: Fate) -> Self {
        let script = script.into();
        Self::new(script.replace(['\t', '\n'], " "), Deed::Script(script), fate)
    }

    /// Under a tighter limit.
    fn under(mut self, tighten: fn(&mut Limits)) -> Self {
        self.tighten = tighten;
        self
    }

    /// Reaches a limit of which the guest is told.
    fn reaching(mut self, limit: &'static str) -> Self {
        self.reaches = Some(limit);
        self
    }

    /// The name of the limit that it reaches.
    pub fn limit(&self) -> Option<&'static str> {
        self.reaches
    }

    /// Who is blamed for it, where a call is ended.
    pub fn blame(&self) -> Option<Blame> {
        match self.fate {
            Fate::Ended(_, blame) | Fate::Trapped(blame, _) => Some(blame),
            _ => None,
        }
    }

    /// The hook that it breaks.
    pub fn hook(&self) -> Option<Hook> {
        if let Deed::Panic(hook) = self.deed { Some(hook) } else { None }
    }

    /// Makes it, in a scene of its own on this host; what is wrong where it does not come to its fate.
    pub async fn made_on(&self, host: &Host) -> Result<(), String> {
        let component = match self.deed {
            Deed::Script(_) | Deed::Panic(_) => hostile().to_vec(),
            Deed::Plugin(code, more) => handwritten::plugin(code, more),
            Deed::Mapping(code, more) => handwritten::mapping(code, more),
        };
        let setting = Scene::setting().component(component).credential(CREDENTIAL).limits(self.tighten);
        let scene = setting.on(host).await;
        let site = scene.site.authority();
        let port = site.rsplit_once(':').unwrap_or_default().1;
        let outcome = match &self.deed {
            Deed::Script(script) => scene.run(&script.replace("SITE", &site).replace("PORT", port)).await,
            Deed::Panic(hook) => said(&scene, &traps::call(*hook)).await,
            Deed::Plugin(..) => scene.plugin.describe().await.map(|answer| format!("{answer:?}")),
            Deed::Mapping(..) => scene.run("map\tx").await,
        };
        if self.is_met(&scene, &outcome) {
            return Ok(());
        }
        let log: Vec<_> = scene.audit().into_iter().map(|entry| (entry.action, entry.details)).collect();
        Err(format!("{}: {outcome:?}, {log:?}", self.what))
    }

    fn is_met(&self, scene: &Scene, outcome: &Result<String, CallError>) -> bool {
        let log = scene.audit();
        let logged = |action: &str, name: &str, value: &str| {
            let mut entries = log.iter().filter(|entry| entry.action == action && entry.who == Who::Host);
            entries.any(|entry| entry.details.iter().any(|(other, said)| other == name && said.contains(value)))
        };
        let ended = |blame: Blame| logged("call.failed", "blame", &blame.to_string());
        let nothing_sent = || scene.site.seen("/").is_empty();
        let met = match (&self.fate, outcome) {
            (Fate::Denied(why), Ok(told)) => {
                let exchanges = scene.watched.exchanges.lock().unwrap();
                told == "ErrorCode::HttpRequestDenied"
                    && logged("egress.denied", "why", why)
                    && exchanges.iter().all(|exchange| matches!(exchange.outcome, Outcome::Denied(_)))
                    && nothing_sent()
            }
            (Fate::Invalid(expected), Ok(told)) => told.starts_with(expected) && nothing_sent(),
            (Fate::Told(expected), Ok(told)) => told.starts_with(expected),
            (Fate::Ended(limit, blame), Err(error)) => {
                let allowed = limit.allowed(scene.plugin.limits());
                *error == CallError::Limit { limit: *limit, allowed, blame: *blame } && ended(*blame)
            }
            (Fate::Trapped(blame, words), Err(error @ CallError::Trap(trapped))) => {
                let placed = trapped.panic.as_ref().is_none_or(|panic| panic.location.contains(".rs:"));
                trapped.blame == *blame && error.to_string().contains(words) && placed && ended(*blame)
            }
            (Fate::Vain(is_vain), Ok(told)) => is_vain(scene, told),
            _ => false,
        };
        met && drives_no_terminal(outcome) && verify(&scene.folder.path().join("audit.jsonl")).is_ok()
    }
}

async fn said(scene: &Scene, call: &Call) -> Result<String, CallError> {
    scene.plugin.call(call).await.map(|reply| format!("{reply:?}"))
}

/// Whatever a guest made its host say can be shown to people.
fn drives_no_terminal(outcome: &Result<String, CallError>) -> bool {
    let Err(error) = outcome else { return true };
    let mut said = error.to_string();
    if let CallError::Trap(trapped) = error {
        said.push_str(&trapped.printed);
        said.push_str(&trapped.frames.join("\n"));
    }
    !said.contains(['\u{1b}', '\u{7}', '\u{202e}'])
}
