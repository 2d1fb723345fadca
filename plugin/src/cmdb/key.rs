//! The keys by which OpenFactory knows an image and a system. ServiceNow keeps them in `sys_object_source` and matches by
//! them before any rule of its own, so a renamed system stays the same configuration item.

use crate::identity::{Identity, Purpose};
use crate::plugin::Plugin;
use itsm_contract::types::{Environment, Image, System};

/// Hexadecimal digits that tell tenants, and environments, apart.
const SCOPE_LENGTH: usize = 16;

/// What every key of an image of this tenant begins with.
pub fn image_prefix(plugin: &Plugin) -> String {
    let tenant = &plugin.settings().instance.tenant;
    format!("openfactory/image/{}/", scope(tenant, Purpose::Image, ""))
}

/// The key of an image: its artifact's, so that the same version built anew is another image.
pub fn image(plugin: &Plugin, image: &Image) -> String {
    let digest = image.digest.as_deref().unwrap_or_default().to_ascii_lowercase();
    let parts = [image.name.as_str(), image.version.as_str(), &digest];
    format!("{}{}", image_prefix(plugin), joined(plugin, Purpose::Image, &parts))
}

/// What every key of a system begins with.
pub const SYSTEM_PREFIX: &str = "openfactory/system/";

/// What every key of a system in this environment begins with.
pub fn system_prefix(plugin: &Plugin, environment: &Environment) -> String {
    let tenant = &plugin.settings().instance.tenant;
    format!("{SYSTEM_PREFIX}{}/", scope(tenant, Purpose::System, &environment.name))
}

/// The key of a system, whose name is unique in its environment.
pub fn system(plugin: &Plugin, environment: &Environment, system: &System) -> String {
    let parts = [environment.name.as_str(), system.name.as_str()];
    format!("{}{}", system_prefix(plugin, environment), joined(plugin, Purpose::System, &parts))
}

fn scope(tenant: &str, purpose: Purpose, name: &str) -> String {
    let mut scope = Identity::derive(tenant, purpose, name).sys_id;
    scope.truncate(SCOPE_LENGTH);
    scope
}

/// One identity of several parts, told apart by their lengths.
fn joined(plugin: &Plugin, purpose: Purpose, parts: &[&str]) -> String {
    let key: String = parts.iter().map(|part| format!("{}:{part}", part.len())).collect();
    Identity::derive(&plugin.settings().instance.tenant, purpose, &key).sys_id
}
