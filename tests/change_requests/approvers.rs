//! Who has to approve: groups of which the first, all or a share must answer, delegates, stages that nobody is asked in,
//! and approvals that are asked for again.

use super::work::{Work, proceeds, request, waits_for};
use anyhow::{Result, ensure};
use host_harness::servicenow::{ApprovalPolicy, Approvers, Person, Record, WaitFor};
use itsm_contract::types::{Decision, Verdict};
use serde_json::json;
use tests::World;

/// Assess.
const ASSESS: &str = "-4";
/// Authorize.
const AUTHORIZE: &str = "-3";

fn policy(state: &'static str, approvers: Approvers, wait_for: WaitFor) -> ApprovalPolicy {
    ApprovalPolicy {
        name: format!("Approval in {state}"),
        types: vec!["normal".into()],
        state,
        approvers,
        wait_for,
        condition: String::new(),
    }
}

fn board(state: &'static str, wait_for: WaitFor) -> ApprovalPolicy {
    policy(state, Approvers::Group("CAB Approval".into()), wait_for)
}

/// A world with these policies and four members of the board.
async fn world(policies: impl IntoIterator<Item = ApprovalPolicy>) -> Result<World> {
    let member =
        |user: &str, name: &str| Person::new(user, name).roles(&["itil", "approver_user"]).groups(&["CAB Approval"]);
    let instance = |instance: host_harness::servicenow::Builder| {
        let policies: Vec<ApprovalPolicy> = policies.into_iter().collect();
        instance
            .approval_policies(policies)
            .person(member("cy.young", "Cy Young"))
            .person(member("dee.dunn", "Dee Dunn"))
    };
    World::builder().instance(instance).start().await
}

/// The words of a pause, the members of its group in the order of their names: those who were asked at once come in any.
fn waits(verdict: &Verdict) -> String {
    let words = waits_for(verdict);
    let Some((group, members)) = words.split_once(" (") else { return words };
    let mut members: Vec<&str> = members.trim_end_matches(')').split(", ").collect();
    members.sort_unstable();
    format!("{group} ({})", members.join(", "))
}

async fn approve(work: &Work<'_>, user: &str) -> Result<()> {
    Ok(work.world.person(user)?.approve(&work.change()?.id, "").await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_answer_of_a_group_is_enough_and_nobody_else_is_waited_for() -> Result<()> {
    let world = world([board(AUTHORIZE, WaitFor::FirstResponse)]).await?;
    let mut work = Work::ask(&world, &request("first")?).await?;
    let waits = waits(work.look().await?);
    ensure!(waits == "approval by CAB Approval (Beth Anglin, Bow Ruggeri, Cy Young, Dee Dunn)", "{waits}");
    approve(&work, "cy.young").await?;
    assert!(proceeds(work.look().await?), "{:?}", work.waiting.last);
    let decisions = |decision: Decision| work.waiting.last.approvals.iter().filter(move |row| row.decision == decision);
    assert_eq!(decisions(Decision::Approved).count(), 1);
    assert_eq!(decisions(Decision::NotRequired).count(), 3);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn where_all_must_answer_those_who_are_left_are_named() -> Result<()> {
    let world = world([board(AUTHORIZE, WaitFor::AllResponses)]).await?;
    let mut work = Work::ask(&world, &request("all")?).await?;
    for (user, left) in [
        ("beth.anglin", "approval by CAB Approval (Bow Ruggeri, Cy Young, Dee Dunn)"),
        ("dee.dunn", "approval by CAB Approval (Bow Ruggeri, Cy Young)"),
        ("bow.ruggeri", "approval by CAB Approval (Cy Young)"),
    ] {
        approve(&work, user).await?;
        assert_eq!(waits(work.look().await?), left);
    }
    approve(&work, "cy.young").await?;
    assert!(proceeds(work.look().await?), "{:?}", work.waiting.last);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_a_group_is_enough_where_its_policy_says_so() -> Result<()> {
    let world = world([board(AUTHORIZE, WaitFor::Percentage(50))]).await?;
    let mut work = Work::ask(&world, &request("half")?).await?;
    approve(&work, "dee.dunn").await?;
    assert_eq!(waits(work.look().await?), "approval by CAB Approval (Beth Anglin, Bow Ruggeri, Cy Young)");
    approve(&work, "cy.young").await?;
    assert!(proceeds(work.look().await?), "{:?}", work.waiting.last);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delegate_approves_for_the_one_who_was_asked() -> Result<()> {
    let delegation = Record::new("sys_user_delegate")
        .with("user", "46d44a23a9fe19810012d100cca80666")
        .with("delegate", "5137153cc611227c000bbd1bd8cd2005")
        .with("approvals", "true");
    let policy = policy(AUTHORIZE, Approvers::Users(vec!["beth.anglin".into()]), WaitFor::AllResponses);
    let instance =
        |instance: host_harness::servicenow::Builder| instance.approval_policies([policy]).record(delegation);
    let world = World::builder().instance(instance).start().await?;
    let mut work = Work::ask(&world, &request("delegated")?).await?;
    assert_eq!(waits_for(work.look().await?), "approval by Beth Anglin");
    let path = format!("/api/sn_chg_rest/change/{}/approvals", work.change()?.id);
    world.person("david.loo")?.send(reqwest::Method::PATCH, &path, Some(json!({"state": "approved"}))).await?;
    assert!(proceeds(work.look().await?), "{:?}", work.waiting.last);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_in_which_nobody_is_asked_is_passed_and_each_other_one_is_waited_for() -> Result<()> {
    // In Assess nobody is asked: the change goes to Authorize by itself.
    let skipped = world([board(AUTHORIZE, WaitFor::FirstResponse)]).await?;
    let work = Work::ask(&skipped, &request("skipped")?).await?;
    assert_eq!(work.record()?.get("state"), AUTHORIZE);

    // In both: the approval of the first is none of the second.
    let assessor = policy(ASSESS, Approvers::Users(vec!["david.loo".into()]), WaitFor::AllResponses);
    let staged = world([assessor, board(AUTHORIZE, WaitFor::FirstResponse)]).await?;
    let mut work = Work::ask(&staged, &request("staged")?).await?;
    assert_eq!(waits_for(work.look().await?), "approval by David Loo");
    // Those who are asked in one second come in any order.
    staged.servicenow.clock().advance(jiff::SignedDuration::from_secs(60));
    approve(&work, "david.loo").await?;
    let waits = waits_for(work.look().await?);
    ensure!(waits.starts_with("approval by CAB Approval ("), "{waits}");
    approve(&work, "beth.anglin").await?;
    let number = work.change()?.number.clone();
    match work.look().await? {
        Verdict::Proceed(clearance) => {
            assert_eq!(clearance.reason, format!("{number} was approved by David Loo; Beth Anglin"));
        }
        other => anyhow::bail!("{other:?}"),
    }

    // In none at all.
    let nobody = world([]).await?;
    let mut work = Work::ask(&nobody, &request("nobody")?).await?;
    assert!(proceeds(work.look().await?), "{:?}", work.waiting.last);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn approval_that_is_asked_for_again_after_a_rejection_counts() -> Result<()> {
    let world = World::builder().settings("[approval]\non-rejected = \"pause\"").start().await?;
    let mut work = Work::ask(&world, &request("again")?).await?;
    world.person("beth.anglin")?.reject(&work.change()?.id, "not yet").await?;
    let number = work.change()?.number.clone();
    let waits = waits_for(work.look().await?);
    assert_eq!(waits, format!("{number} was rejected by Beth Anglin: not yet; ask for approval again in ServiceNow"));
    world.servicenow.clock().advance(jiff::SignedDuration::from_secs(60));
    work.edit(json!({"state": ASSESS})).await?;
    let waits = waits_for(work.look().await?);
    ensure!(waits.starts_with("approval by CAB Approval ("), "{waits}");
    world.servicenow.clock().advance(jiff::SignedDuration::from_secs(60));
    approve(&work, "bow.ruggeri").await?;
    match work.look().await? {
        Verdict::Proceed(clearance) => assert_eq!(clearance.reason, format!("{number} was approved by Bow Ruggeri")),
        other => anyhow::bail!("{other:?}"),
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_were_no_longer_asked_during_a_hold_are_asked_again_and_of_a_cancelled_change_nobody_is() -> Result<()>
{
    let world = World::start().await?;
    let mut work = Work::ask(&world, &request("held while asked")?).await?;
    work.edit(json!({"on_hold": "true", "on_hold_reason": "the board is away"})).await?;
    let waits = waits_for(work.look().await?);
    ensure!(waits.contains("is on hold: the board is away"), "{waits}");
    work.edit(json!({"on_hold": "false"})).await?;
    let waits = waits_for(work.look().await?);
    ensure!(waits.starts_with("approval by CAB Approval ("), "{waits}");

    work.edit(json!({"on_hold": "true", "on_hold_reason": "again"})).await?;
    work.edit(json!({"state": "4", "work_notes": "not needed"})).await?;
    work.edit(json!({"on_hold": "true", "on_hold_reason": "too late"})).await?;
    work.edit(json!({"on_hold": "false"})).await?;
    let record = work.record()?;
    assert_eq!((record.get("state"), record.get("on_hold")), ("4", "false"));
    let asked = world.servicenow.records("sysapproval_approver");
    assert!(asked.iter().all(|row| row.get("state") != "requested"), "{asked:#?}");
    assert!(matches!(work.look().await?, Verdict::Cancel(_)));
    Ok(())
}
