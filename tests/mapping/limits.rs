//! ServiceNow's limits are kept: what it would cut or lose without a word is cut by us, and told.

use anyhow::{Context as _, Result};
use host_harness::grant::audit;
use host_harness::servicenow::{Column, Kind};
use tests::{World, event};

const RULES: &str = r#"
[mapping.build-change.fields]
short_description = "{{ build.image.name }} 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
category = "Kitchen appliances"
u_missing = "nowhere"
u_reason = "A reason that is a little longer than the customer's own column is"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_is_cut_with_an_ellipsis_and_what_servicenow_does_not_keep_is_told() -> Result<()> {
    let reason = || Column { max_length: 20, ..Column::new("u_reason", "Reason", Kind::String) };
    let world = World::builder().instance(|instance| instance.column("change_request", reason())).settings(RULES);
    let world = world.start().await?;
    world.plugin.on_build_requested(&event("build-requested")?).await?.expect("an answer");

    let changes = world.made("change_request");
    let change = changes.first().context("no change request")?;
    let description = change.get("short_description");
    assert_eq!(description.chars().count(), 160);
    assert!(description.starts_with("rhel-9-hardened 0123") && description.ends_with('…'), "{description}");
    assert_eq!(change.get("u_reason"), "A reason that is a …");

    let entries: Vec<_> = audit::entries(&world.audit())?.collect::<Result<_, _>>()?;
    let told: Vec<String> = entries
        .iter()
        .filter(|entry| entry.action.starts_with("mapping."))
        .map(|entry| {
            let values = entry.details.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>();
            format!("{}: {}", entry.action, values.join(", "))
        })
        .collect();
    assert_eq!(
        told,
        [
            "mapping.cut: short_description, 160",
            "mapping.cut: u_reason, 20",
            "mapping.lost: category, Kitchen appliances, emptied",
            "mapping.lost: u_missing, nowhere, dropped",
        ]
    );

    // All of it for one request more.
    let plain = World::start().await?;
    plain.plugin.on_build_requested(&event("build-requested")?).await?.expect("an answer");
    assert_eq!(world.asked().len(), plain.asked().len() + 1);
    assert_eq!(world.asked().iter().filter(|request| request.ends_with("sys_dictionary")).count(), 1);
    Ok(())
}
