//! The three stories, and what is expected of each step.

use super::events::Subject;
use super::stage::{APPROVER, Expected, FACTORY, Stage, now, step};
use super::story::{Mark, of_failure};
use itsm_contract::answers::{Deployment, Waiting};
use itsm_contract::events::DeployPhase;
use itsm_contract::types::{Gate, ItemOutcome, Ticket};

/// ServiceNow's value for a closed change request.
const CLOSED: &str = "3";

/// Plays all of them. A step that breaks ends its story, and is told there.
pub async fn play(stage: &mut Stage) {
    let image = Subject::new("rhel-9-hardened", "2026.11.1", now());
    stage.act(format!("{} goes from request to machines", image.name()));
    let _ = to_machines(stage, &image).await;

    let image = Subject::new("rhel-9-hardened", "2026.11.2", now());
    stage.act(format!("{} is rejected", image.name()));
    let _ = rejected(stage, &image).await;

    let image = Subject::new("debian-13-base", "2026.11.1", now());
    stage.act(format!("{} does not pass its verification", image.name()));
    let _ = not_verified(stage, &image).await;
}

/// A story that broke has said so in its last step.
type Scene = Option<()>;

async fn to_machines(stage: &mut Stage, image: &Subject) -> Scene {
    let gate = ask_to_build(stage, image).await?;
    let change = gate.change.clone()?;
    let gate = look_again(stage, gate, Expected::Pause).await?;
    answer(stage, &change, "approved", "Window agreed with the business.").await?;
    let gate = look_again(stage, gate, Expected::Proceed).await?;

    let result = image.build_result(Some(gate.clone()));
    let began = step(FACTORY, "built and tested it: 128 passed, the result goes to the change");
    let done = match stage.session.on_build_finished(&result).await {
        Ok(Ok(receipt)) => {
            let attached: Vec<String> = receipt.attached.iter().map(|ticket| ticket.number.clone()).collect();
            let mut done = began.unfinished(&receipt.unfinished);
            done.lines.push(format!("evidence {} on {}", short(&receipt.digest), attached.join(", ")));
            done.tickets.extend(receipt.attached.iter().cloned());
            done.expect(attached.contains(&change.number), "the evidence on the change")
        }
        Ok(Err(failure)) => began.broken(of_failure(&failure)),
        Err(error) => began.broken(format!("{error:#}")),
    };
    go_on(stage, done)?;

    let deployment = deploy(stage, image, "asks to deploy to prod-eu-1", DeployPhase::Requested, Some(&gate)).await?;
    let gate = deployment.gate.clone().unwrap_or(gate);
    deploy(stage, image, "deploys", DeployPhase::Started, Some(&gate)).await?;
    deploy(stage, image, "deployed to web-01, web-02 and db-01", DeployPhase::Succeeded, Some(&gate)).await?;

    let state = state_of(stage, &change);
    let mut end = step("ServiceNow", if state == CLOSED { "holds the closed change" } else { "holds the change" });
    end.tickets.push(change);
    go_on(stage, end.expect(state == CLOSED, &format!("the change to be closed, and it is in state {state}")))
}

async fn rejected(stage: &mut Stage, image: &Subject) -> Scene {
    let gate = ask_to_build(stage, image).await?;
    let change = gate.change.clone()?;
    answer(stage, &change, "rejected", "Freeze until the quarter is closed.").await?;
    look_again(stage, gate, Expected::Cancel).await?;
    Some(())
}

async fn not_verified(stage: &mut Stage, image: &Subject) -> Scene {
    let gate = ask_to_build(stage, image).await?;
    let change = gate.change.clone()?;
    answer(stage, &change, "approved", "Go ahead.").await?;
    look_again(stage, gate, Expected::Proceed).await?;

    let mut event = image.verification_failure();
    event.change = Some(change);
    for (what, is_first) in
        [("a required check failed: cis-benchmark", true), ("is told of the same failure again", false)]
    {
        let began = step(FACTORY, what);
        let mut done = match stage.session.on_failure(&event).await {
            Ok(Ok(Some(incident))) => {
                let is_expected = (incident.outcome == ItemOutcome::Created) == is_first;
                began
                    .outcome("the incident", &incident.outcome, Some(&incident.ticket))
                    .expect(is_expected, "one incident, and no second one")
            }
            Ok(Ok(None)) => began.broken("expected an incident".into()),
            Ok(Err(failure)) => began.broken(of_failure(&failure)),
            Err(error) => began.broken(format!("{error:#}")),
        };
        done.mark = if is_first { Mark::Stop } else { Mark::Go };
        go_on(stage, done)?;
        event.delivery.attempt += 1;
    }
    let count =
        stage.instance.records("incident").iter().filter(|record| !record.get("correlation_id").is_empty()).count();
    let end = step("ServiceNow", "holds one incident for it");
    go_on(stage, end.expect(count == 1, &format!("one incident, and there are {count}")))
}

async fn ask_to_build(stage: &mut Stage, image: &Subject) -> Option<Gate> {
    let began = step(FACTORY, "asks to build it");
    let (done, gate) = match stage.session.on_build_requested(&image.build_request()).await {
        Ok(Ok(gate)) => (began.gate(&gate, Expected::Pause), Some(gate)),
        Ok(Err(failure)) => (began.broken(of_failure(&failure)), None),
        Err(error) => (began.broken(format!("{error:#}")), None),
    };
    go_on(stage, done)?;
    gate
}

async fn answer(stage: &mut Stage, change: &Ticket, state: &str, comment: &str) -> Scene {
    let verb = if state == "approved" { "approves" } else { "rejects" };
    let mut done = step(APPROVER, verb);
    done.tickets.push(change.clone());
    done.lines.push(format!("“{comment}”"));
    if state != "approved" {
        done.mark = Mark::Stop;
    }
    if let Err(error) = stage.approver.answer(&change.id, state, comment).await {
        done = done.broken(format!("{error:#}"));
    }
    go_on(stage, done)
}

async fn look_again(stage: &mut Stage, last: Gate, expected: Expected) -> Option<Gate> {
    let began = step(FACTORY, "looks at its waiting gates");
    let waiting = [Waiting { last, since: now() }];
    let (done, gate) = match stage.session.check(&waiting, None).await {
        Ok(Ok(review)) => match review.moved.into_iter().next().map(|moved| moved.answer) {
            Some(Ok(gate)) => (began.gate(&gate, expected), Some(gate)),
            Some(Err(failure)) => (began.broken(of_failure(&failure)), None),
            None => (began.broken("expected the gate to have moved".into()), None),
        },
        Ok(Err(failure)) => (began.broken(of_failure(&failure)), None),
        Err(error) => (began.broken(format!("{error:#}")), None),
    };
    go_on(stage, done)?;
    gate
}

async fn deploy(
    stage: &mut Stage,
    image: &Subject,
    what: &str,
    phase: DeployPhase,
    gate: Option<&Gate>,
) -> Option<Deployment> {
    let key = match phase {
        DeployPhase::Requested => "deploy-requested",
        DeployPhase::Started => "deploy-started",
        _ => "deploy-succeeded",
    };
    let is_end = phase == DeployPhase::Succeeded;
    let began = step(FACTORY, what);
    let (done, deployment) = match stage.session.on_deploy(&image.deploy(key, phase, gate.cloned())).await {
        Ok(Ok(deployment)) => {
            let mut done = began.unfinished(&deployment.unfinished);
            if let Some(gate) = &deployment.gate {
                done = done.gate(gate, Expected::Proceed);
            }
            for item in &deployment.items {
                done = done.outcome(&item.name, &item.outcome, None);
            }
            done = done.expect(!is_end || !deployment.items.is_empty(), "configuration items");
            (done, Some(deployment))
        }
        Ok(Err(failure)) => (began.broken(of_failure(&failure)), None),
        Err(error) => (began.broken(format!("{error:#}")), None),
    };
    go_on(stage, done)?;
    deployment
}

/// Adds a step; a story whose step is a surprise goes no further.
fn go_on(stage: &mut Stage, step: super::story::Step) -> Scene {
    let is_expected = step.surprise.is_none();
    stage.add(step);
    is_expected.then_some(())
}

fn state_of(stage: &Stage, change: &Ticket) -> String {
    let records = stage.instance.records("change_request");
    records
        .iter()
        .find(|record| record.sys_id() == change.id)
        .map(|record| record.get("state").to_owned())
        .unwrap_or_default()
}

fn short(digest: &str) -> String {
    digest.chars().take(19).collect::<String>() + "…"
}
