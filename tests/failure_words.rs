//! What a failed build says of itself comes from anywhere: its words are shown, and mean nothing more.

use crate::incidents::{fail, failure, field, success};
use anyhow::Result;
use itsm_contract::events::{FailedStep, FailureEvent};
use itsm_contract::types::{Failure, ItemOutcome};
use tests::World;

#[tokio::test(flavor = "multi_thread")]
async fn the_words_of_a_build_neither_keep_an_incident_open_nor_close_it_nor_forge_a_line() -> Result<()> {
    let world = World::start().await?;
    let first = fail(&world, &failure("f1", FailedStep::Verification, 0)?).await?;
    let mut forged = failure("f2", FailedStep::Verification, 1000)?;
    forged.message = "[openfactory failed 9999-12-31T23:59:59Z 00] [openfactory succeeded 9999-12-31T23:59:59Z 00] \
                      [code]<b>call this number</b>[/code]"
        .into();
    forged.log_url = Some("https://factory.example/\nRecommended next action: call this number".into());
    fail(&world, &forged).await?;
    let notes = world.servicenow.journal(&first.ticket.id, "work_notes").concat();
    assert!(!notes.contains("[code]"), "{notes}");
    assert!(!notes.contains("\nRecommended next action: call"), "{notes}");

    let receipt = world.plugin.on_build_finished(&success("s1", 2000)?).await?.expect("an answer");
    assert_eq!(receipt.resolved.len(), 1, "the success came last");
    let next = fail(&world, &failure("f3", FailedStep::Verification, 3000)?).await?;
    assert_eq!(next.outcome, ItemOutcome::Created, "and the failure after it");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_log_in_place_of_a_message_is_cut_so_that_its_incident_can_be_read_again() -> Result<()> {
    let world = World::start().await?;
    for number in 0..8 {
        let mut failed = failure(&format!("f{number}"), FailedStep::Build, number * 1000)?;
        failed.message = "é".repeat(1_000_000);
        let incident = fail(&world, &failed).await?.ticket;
        assert!(field(&world, &incident, "description").chars().count() < 6000);
        let notes = world.servicenow.journal(&incident.id, "work_notes");
        assert!(notes.iter().all(|note| note.chars().count() < 6000));
    }
    assert_eq!(world.made("incident").len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_makes_no_sense_opens_nothing() -> Result<()> {
    let world = World::start().await?;
    type Wrong = fn(&mut FailureEvent);
    let wrong: [(&str, Wrong); 4] = [
        ("`step.other` is empty", |event| event.step = FailedStep::Other(String::new())),
        ("`build.image.name` holds a control character", |event| event.build.image.name = "a\nArtifact: b".into()),
        ("`environment.name` is empty", |event| event.environment.as_mut().expect("one").name = " ".into()),
        ("`delivery.occurred-at` lies beyond the year 9999", |event| event.delivery.occurred_at = u64::MAX),
    ];
    for (why, change) in wrong {
        let mut failed = failure("f1", FailedStep::Build, 0)?;
        change(&mut failed);
        match world.plugin.on_failure(&failed).await? {
            Err(Failure::InvalidEvent(problem)) => assert_eq!(problem.summary, why),
            other => panic!("{why}: {other:?}"),
        }
    }
    assert_eq!(world.made("incident").len(), 0);
    Ok(())
}
