//! `connect`: Test Connection, for people.

use super::{Exit, given::Given, words::line};
use anyhow::Result;
use clap::Args;
use host_harness::settings::Settings;
use itsm_contract::answers::{Finding, Health};

/// Test the connection: a finding and a remedy for each step
#[derive(Args)]
pub struct Connect {
    #[command(flatten)]
    given: Given,
    /// Tell each request and what became of it
    #[arg(long, short)]
    verbose: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Connect {
    /// Runs the command.
    pub async fn run(self) -> Result<Exit> {
        let settings = Settings::read(&self.given.settings)?;
        let credential = self.given.credential(&settings)?;
        let component = self.given.component()?;
        let session = self.given.session(&component, &settings, self.verbose).credential(credential);
        let session = session.only_reads(true).open().await?;
        let findings = session.test_connection().await?;
        if self.json {
            say!("{}", serde_json::to_string_pretty(&findings)?);
        } else {
            say!("{}", render(&findings).trim_end());
        }
        Ok(exit(&findings))
    }
}

/// Any broken finding is a no.
pub fn exit(findings: &[Finding]) -> Exit {
    if findings.iter().any(|finding| finding.health == Health::Broken) { Exit::No } else { Exit::Done }
}

/// One step for all that were skipped one after the other for one reason: the step that broke is what counts.
fn gathered(findings: &[Finding]) -> Vec<Finding> {
    let is_one = |one: &Finding, next: &Finding| {
        one.health == Health::Skipped && next.health == Health::Skipped && one.problem == next.problem
    };
    let gather = |run: &[Finding]| match run {
        [first, _, ..] => Some(Finding { subject: format!("{} steps", run.len()), ..first.clone() }),
        run => run.first().cloned(),
    };
    findings.chunk_by(is_one).filter_map(gather).collect()
}

fn render(findings: &[Finding]) -> String {
    let findings = gathered(findings);
    let width = findings.iter().map(|finding| line(&finding.subject).chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for finding in &findings {
        let health = match finding.health {
            Health::Ok => "ok",
            Health::Warning => "warning",
            Health::Broken => "broken",
            Health::Skipped => "skipped",
        };
        text.push_str(&format!("  {health:8} {:width$}", line(&finding.subject)));
        if let Some(problem) = &finding.problem {
            text.push_str(&format!("  {}  [{}]\n", line(&problem.summary), line(&problem.code)));
            if let Some(detail) = &problem.detail {
                // What the host could not do is not ServiceNow's word.
                let whose = if problem.code == "servicenow.unreachable" { "because" } else { "ServiceNow says" };
                text.push_str(&format!("  {:8} {:width$}  {whose}: {}\n", "", "", line(detail)));
            }
            text.push_str(&format!("  {:8} {:width$}  → {}", "", "", line(&problem.remedy)));
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use itsm_contract::types::Problem;

    #[test]
    fn steps_that_were_skipped_for_one_reason_are_one_line() {
        let skipped = |subject: &str, why: &str| {
            let (code, remedy) = ("diagnostics.skipped".into(), "nothing to do by itself".into());
            let problem = Problem { code, summary: why.into(), remedy, detail: None };
            Finding { subject: subject.into(), health: Health::Skipped, problem: Some(problem) }
        };
        let findings = [
            Finding { subject: "instance".into(), health: Health::Ok, problem: None },
            skipped("cmdb", "it is off"),
            skipped("table incident", "an earlier step is broken"),
            skipped("attachments", "an earlier step is broken"),
        ];
        assert_eq!(
            render(&findings),
            "  ok       instance\n\
             \u{20} skipped  cmdb      it is off  [diagnostics.skipped]\n\
             \u{20}                    → nothing to do by itself\n\
             \u{20} skipped  2 steps   an earlier step is broken  [diagnostics.skipped]\n\
             \u{20}                    → nothing to do by itself\n"
        );
    }

    #[test]
    fn servicenows_words_make_no_finding_of_their_own() {
        let problem = Problem {
            code: "servicenow.acl-denied".into(),
            summary: "an access rule forbids this".into(),
            remedy: "give the user the role itil".into(),
            detail: Some("no\n  ok       table incident\n\u{202e}".into()),
        };
        let finding = Finding { subject: "table\nincident".into(), health: Health::Broken, problem: Some(problem) };
        let shown = render(&[finding]);
        assert_eq!(shown.lines().count(), 3, "{shown}");
        assert!(shown.contains("ServiceNow says: no\\n  ok       table incident\\n\\u{202e}\n"), "{shown}");
    }

    #[test]
    fn a_finding_says_what_is_wrong_and_what_to_do() {
        let problem = Problem {
            code: "servicenow.acl-denied".into(),
            summary: "an access rule forbids this".into(),
            remedy: "give the user the role itil".into(),
            detail: Some("ACL Exception".into()),
        };
        let findings = [
            Finding { subject: "instance".into(), health: Health::Ok, problem: None },
            Finding { subject: "table incident".into(), health: Health::Broken, problem: Some(problem) },
        ];
        assert_eq!(exit(&findings), Exit::No);
        assert_eq!(
            render(&findings),
            "  ok       instance      \n\
             \u{20} broken   table incident  an access rule forbids this  [servicenow.acl-denied]\n\
             \u{20}                          ServiceNow says: ACL Exception\n\
             \u{20}                          → give the user the role itil\n"
        );
    }
}
