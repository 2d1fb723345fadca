//! What a component wants and offers, told before anything of it is compiled.

use super::error::LoadError;
use crate::guest::{Interface, MAPPING, is_inert};
use std::fmt;
use std::sync::OnceLock;

/// What a plugin is granted. The types are the contract's words, and no capability.
const GRANTED: &[&str] = &[
    "openfactory:itsm/answers",
    "openfactory:itsm/audit",
    "openfactory:itsm/events",
    "openfactory:itsm/types",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:config/store",
    "wasi:http/outgoing-handler",
    "wasi:http/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
];

/// What a plugin exports.
const EXPORTS: &[&str] = &["approvals", "diagnostics", "evidence", "itsm-integration"];

/// What a host does about an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// It works.
    Granted,
    /// It is there and does nothing: no arguments, no files, no variables.
    Inert,
    /// The component is not loaded.
    Refused,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Granted => "granted",
            Self::Inert => "inert",
            Self::Refused => "refused",
        })
    }
}

/// A component, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// `sha256:…` of its bytes.
    pub digest: String,
    /// How many bytes it has.
    pub bytes: usize,
    /// The version of `openfactory:itsm` that it was built for; none where it has nothing of that package.
    pub version: Option<String>,
    /// Its imports by full name, and what a host does about each.
    pub imports: Vec<(String, Class)>,
    /// Its exports by full name.
    pub exports: Vec<String>,
    /// Where an export, or an import of the contract's own, first differs from the contract, down to the field.
    pub difference: Option<String>,
}

impl Inspection {
    /// Reads a component. `what` names it in messages.
    ///
    /// # Errors
    /// [`LoadError::NotAComponent`].
    pub fn of(what: &str, bytes: &[u8]) -> Result<Self, LoadError> {
        let interface = Interface::of(what, bytes)?;
        let (imports, exports) = (interface.imports(), interface.exports());
        let versions = imports.iter().chain(&exports).filter_map(|name| built_for(name));
        // One that is not this host's says more than one that is.
        let version = versions.max_by_key(|version| *version != itsm_contract::VERSION).map(str::to_owned);
        let classed = |name: String| {
            let class = class(&name);
            (name, class)
        };
        Ok(Self {
            digest: crate::guest::digest(bytes),
            bytes: bytes.len(),
            version,
            imports: imports.into_iter().map(classed).collect(),
            exports,
            difference: contract()?.first_difference(&interface),
        })
    }

    /// Imports of one class.
    pub fn of_class(&self, class: Class) -> impl Iterator<Item = &str> {
        self.imports.iter().filter(move |(_, other)| *other == class).map(|(name, _)| name.as_str())
    }

    /// What a host would refuse to load.
    ///
    /// # Errors
    /// [`LoadError::Version`], [`LoadError::NoMapping`], [`LoadError::Refused`], [`LoadError::Missing`] or
    /// [`LoadError::Contract`], in this order.
    pub fn admit(&self, what: &str) -> Result<(), LoadError> {
        if let Some(version) = self.version.as_ref().filter(|version| *version != itsm_contract::VERSION) {
            return Err(LoadError::Version { what: what.into(), built_for: version.clone() });
        }
        let refused: Vec<&str> = self.of_class(Class::Refused).collect();
        if refused == [MAPPING] {
            return Err(LoadError::NoMapping { what: what.into() });
        }
        if !refused.is_empty() {
            let imports = refused.into_iter().map(|name| format!("`{name}`")).collect();
            return Err(LoadError::Refused { what: what.into(), imports });
        }
        let wanted = EXPORTS.iter().map(|name| format!("openfactory:itsm/{name}@{}", itsm_contract::VERSION));
        let missing: Vec<String> =
            wanted.filter(|name| !self.exports.contains(name)).map(|name| format!("`{name}`")).collect();
        if !missing.is_empty() {
            return Err(LoadError::Missing { what: what.into(), exports: missing });
        }
        match &self.difference {
            Some(difference) => Err(LoadError::Contract { what: what.into(), difference: difference.clone() }),
            None => Ok(()),
        }
    }
}

/// The contract's version in the name of one of its interfaces.
fn built_for(name: &str) -> Option<&str> {
    Some(name.strip_prefix("openfactory:itsm/")?.split_once('@')?.1)
}

/// The contract, parsed once.
fn contract() -> Result<&'static Interface, LoadError> {
    static CONTRACT: OnceLock<Interface> = OnceLock::new();
    match CONTRACT.get() {
        Some(contract) => Ok(contract),
        None => Ok(CONTRACT.get_or_init({
            let contract = Interface::contract()?;
            || contract
        })),
    }
}

fn class(import: &str) -> Class {
    let (name, version) = import.split_once('@').unwrap_or((import, ""));
    let served = match name.split_once(':') {
        Some(("openfactory", _)) => version == itsm_contract::VERSION,
        _ if name == "wasi:config/store" => version == "0.2.0-rc.1",
        _ => version.starts_with("0.2."),
    };
    if served && GRANTED.contains(&name) {
        Class::Granted
    } else if is_inert(import) {
        Class::Inert
    } else {
        Class::Refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_granted_is_what_the_contract_says() {
        for import in [
            "wasi:http/types@0.2.12",
            "wasi:http/outgoing-handler@0.2.4",
            "wasi:io/streams@0.2.12",
            "wasi:clocks/wall-clock@0.2.12",
            "wasi:config/store@0.2.0-rc.1",
            "openfactory:itsm/audit@0.1.0",
            "openfactory:itsm/types@0.1.0",
        ] {
            assert_eq!(class(import), Class::Granted, "{import}");
        }
    }

    #[test]
    fn what_a_runtime_insists_on_is_inert() {
        for import in ["wasi:cli/environment@0.2.0", "wasi:filesystem/preopens@0.2.6", "wasi:random/random@0.2.12"] {
            assert_eq!(class(import), Class::Inert, "{import}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for import in [
            "wasi:sockets/tcp@0.2.12",
            "wasi:sockets/ip-name-lookup@0.2.0",
            "wasi:http/incoming-handler@0.2.12",
            "wasi:http/types@0.3.0",
            "wasi:cli/run@0.2.12",
            "openfactory:itsm/audit@0.2.0",
            "openfactory:itsm-mapping/mapping@0.1.0",
            "evil",
            "wasi:http/types",
        ] {
            assert_eq!(class(import), Class::Refused, "{import}");
        }
    }
}
