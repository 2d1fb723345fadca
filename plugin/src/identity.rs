//! Who a record is. A record's identity follows from the event that asks for it, so that a repeat meets the first one.
//!
//! ServiceNow's Table API keeps a `sys_id` that the client supplies, so a repeated insert is refused. Where an instance
//! is set not to (`glide.rest.table_api.admin_only_sys_fields`), the `correlation_id` tells which records are one.

use sha2::{Digest, Sha256};

/// What every `correlation_id` of ours begins with.
pub const OURS: &str = "openfactory/";

/// Hexadecimal digits of a `sys_id`.
const SYS_ID_LENGTH: usize = 32;

/// Hexadecimal digits of a build in the `correlation_id` of its change request: 64 bits, so that nobody finds a second
/// build with the same ones by trying.
const BUILD_LENGTH: usize = 16;

/// What a record is for. Part of its identity: one event may lead to several records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A build's change request.
    BuildChange,
    /// A deployment's change request.
    DeployChange,
    /// A failure's incident.
    Incident,
    /// An image's configuration item.
    Image,
    /// A system's configuration item.
    System,
}

impl Purpose {
    /// As it stands in a `correlation_id`.
    pub fn name(self) -> &'static str {
        match self {
            Self::BuildChange => "build-change",
            Self::DeployChange => "deploy-change",
            Self::Incident => "incident",
            Self::Image => "image",
            Self::System => "system",
        }
    }
}

/// The two names that a record of ours carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// 32 lower-case hexadecimal digits.
    pub sys_id: String,
    /// At most 100 characters: `openfactory/<purpose>/<sys_id>`, and for a build's change request `/<build>` after that.
    pub correlation_id: String,
}

impl Identity {
    /// The identity of the record that `key` asks for. The parts are told apart by their lengths, so no two sets of
    /// parts read the same.
    pub fn derive(tenant: &str, purpose: Purpose, key: &str) -> Self {
        let sys_id = hashed([tenant, purpose.name(), key], SYS_ID_LENGTH);
        let correlation_id = format!("{OURS}{}/{sys_id}", purpose.name());
        Self { sys_id, correlation_id }
    }

    /// The identity of a build's change request. It says which build that is, so that no other is let through by it.
    pub fn of_build_change(tenant: &str, key: &str, build: &str) -> Self {
        let Self { sys_id, correlation_id } = Self::derive(tenant, Purpose::BuildChange, key);
        Self { sys_id, correlation_id: format!("{correlation_id}/{}", build_mark(tenant, build)) }
    }

    /// The identity of a deployment's change request. Another build under the same id is another deployment.
    pub fn of_deploy_change(tenant: &str, deployment: &str, build: &str) -> Self {
        Self::derive(tenant, Purpose::DeployChange, &format!("{}/{deployment}", build_mark(tenant, build)))
    }

    /// Whether a `correlation_id` of ours was made together with this `sys_id`. Where it was not, the instance gave the
    /// record a `sys_id` of its own.
    pub fn names(correlation_id: &str, sys_id: &str) -> bool {
        correlation_id.split('/').nth(2) == Some(sys_id)
    }

    /// The [mark](build_mark) of the build whose change request carries this `correlation_id`.
    pub fn build(correlation_id: &str) -> Option<&str> {
        let mut parts = correlation_id.strip_prefix(OURS)?.split('/');
        (parts.next() == Some(Purpose::BuildChange.name())).then(|| parts.nth(1)).flatten()
    }
}

/// A build of a tenant, short.
pub fn build_mark(tenant: &str, build: &str) -> String {
    hashed([tenant, "build", build], BUILD_LENGTH)
}

/// The first digits of a hash.
fn hashed(parts: [&str; 3], length: usize) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut digits = hex(&hash.finalize());
    digits.truncate(length);
    digits
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// `sha256:…` of some bytes.
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_event_has_the_same_identity_and_no_other_has_it() {
        let first = Identity::derive("acme", Purpose::BuildChange, "b-1");
        assert_eq!(first, Identity::derive("acme", Purpose::BuildChange, "b-1"));
        assert_eq!(first.sys_id.len(), SYS_ID_LENGTH);
        assert!(first.correlation_id.len() <= 100);
        for (tenant, purpose, key) in [
            ("acme", Purpose::DeployChange, "b-1"),
            ("acme", Purpose::BuildChange, "b-2"),
            ("acm", Purpose::BuildChange, "eb-1"),
        ] {
            assert_ne!(first.sys_id, Identity::derive(tenant, purpose, key).sys_id);
        }
    }

    #[test]
    fn a_builds_change_request_is_that_of_no_other_build() {
        let identity = Identity::of_build_change("acme", "b-1", "build-1");
        assert!(identity.correlation_id.len() <= 100);
        assert!(Identity::names(&identity.correlation_id, &identity.sys_id));
        assert!(Identity::build(&identity.correlation_id) == Some(&build_mark("acme", "build-1")));
        for (tenant, build) in [("acme", "build-2"), ("umbrella", "build-1")] {
            assert_ne!(Identity::build(&identity.correlation_id), Some(&*build_mark(tenant, build)));
        }
        let deployment = Identity::derive("acme", Purpose::DeployChange, "build-1");
        assert_eq!(Identity::build(&deployment.correlation_id), None);
    }

    #[test]
    fn a_digest_is_that_of_the_standard() {
        assert_eq!(digest(b"abc"), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
