//! Who was asked, and what they said: `sysapproval_approver`, one row for each person.

use crate::plugin::Plugin;
use crate::servicenow::{Error, List, Query, Record};
use itsm_contract::types::{Approval, Decision};

/// Rows of one request: what ServiceNow gives at most without being asked for more.
const ROWS_LIMIT: usize = 10_000;

const FIELDS: &str = "sys_id,sysapproval,approver,state,comments,group.assignment_group,sys_updated_on";

/// One person's row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// `sys_id` of the change.
    pub change: String,
    /// The group as whose member they were asked.
    pub group: Option<String>,
    /// The answer.
    pub approval: Approval,
}

/// The approvers of these changes, oldest first.
pub fn of(changes: &[&str]) -> List<'static> {
    let query = Query::new().one_of("sysapproval", changes.iter().copied());
    let query = query.ordered_by("sys_created_on").ordered_by("sys_id");
    List { table: "sysapproval_approver", query, fields: FIELDS, limit: ROWS_LIMIT, is_displayed: true }
}

/// The approvers of one change, oldest first.
///
/// # Errors
/// Where ServiceNow cannot be asked.
pub fn read(plugin: &Plugin, change: &str) -> Result<Vec<Row>, Error> {
    let list = of(&[change]);
    let found = plugin.client().list_displayed(list.table, &list.query, list.fields, list.limit)?;
    Ok(rows(&found, change))
}

/// The rows of one change out of a reply: a term that the instance did not understand is dropped, so only what was asked
/// for counts.
pub fn rows(found: &[Record], change: &str) -> Vec<Row> {
    found.iter().map(row).filter(|row| row.change == change).collect()
}

/// One person's row out of a reply.
pub fn row(record: &Record) -> Row {
    let decision = match &*record.text("state") {
        "approved" => Decision::Approved,
        "rejected" => Decision::Rejected,
        "requested" => Decision::Requested,
        "cancelled" => Decision::Cancelled,
        "not_required" => Decision::NotRequired,
        other => Decision::Other(other.into()),
    };
    let is_answer = matches!(decision, Decision::Approved | Decision::Rejected);
    let group = record.display("group.assignment_group").into_owned();
    let name = match record.display("approver").into_owned() {
        // The user may not read the person's name.
        name if name.is_empty() => record.text("approver").into_owned(),
        name => name,
    };
    Row {
        change: record.text("sysapproval").into_owned(),
        group: (!group.is_empty()).then_some(group),
        approval: Approval {
            approver: name,
            decision,
            comment: comment(&record.display("comments")),
            at: record.time("sys_updated_on").filter(|_| is_answer),
        },
    }
}

/// The newest entry of a rendered journal, without its heading `2026-02-16 16:45:20 - Ann (Comments)`; plain text as it
/// is.
fn comment(rendered: &str) -> Option<String> {
    let newest = rendered.trim().split("\n\n").next().unwrap_or_default();
    let text = match newest.split_once('\n') {
        Some((heading, text)) if heading.contains(" - ") && heading.trim_end().ends_with(')') => text,
        _ => newest,
    };
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Those who are still to answer, for people: a group once with its members, a person alone.
pub fn pending(rows: &[Row]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut groups: Vec<&str> = Vec::new();
    let asked = || rows.iter().filter(|row| row.approval.decision == Decision::Requested);
    for row in asked() {
        match row.group.as_deref() {
            None => words.push(format!("approval by {}", row.approval.approver)),
            Some(group) if groups.contains(&group) => {}
            Some(group) => {
                groups.push(group);
                let members = asked().filter(|other| other.group.as_deref() == Some(group));
                let members: Vec<&str> = members.map(|other| other.approval.approver.as_str()).collect();
                words.push(format!("approval by {group} ({})", members.join(", ")));
            }
        }
    }
    words
}

/// Those who gave this answer, with what they said, such as `Ann: not today`. Where approval was asked for again after a
/// rejection, what was said before it counts no more; of several rejections the newest does.
pub fn voices(rows: &[Row], decision: &Decision) -> Vec<String> {
    let rejections = rows.iter().filter(|row| row.approval.decision == Decision::Rejected);
    let rejected_at = rejections.map(|row| row.approval.at).max().flatten();
    let those = rows.iter().filter(|row| row.approval.decision == *decision);
    those
        .filter(|row| row.approval.at >= rejected_at)
        .map(|row| match &row.approval.comment {
            Some(comment) => format!("{}: {comment}", row.approval.approver),
            None => row.approval.approver.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(approver: &str, group: Option<&str>, decision: Decision) -> Row {
        let approval = Approval { approver: approver.into(), decision, comment: None, at: None };
        Row { change: "c".into(), group: group.map(str::to_owned), approval }
    }

    #[test]
    fn a_group_is_named_once_with_those_of_its_members_who_are_still_to_answer() {
        let rows = [
            asked("Ann", Some("CAB"), Decision::Requested),
            asked("Bob", Some("CAB"), Decision::NotRequired),
            asked("Cy", Some("CAB"), Decision::Requested),
            asked("Dee", None, Decision::Requested),
        ];
        assert_eq!(pending(&rows), ["approval by CAB (Ann, Cy)", "approval by Dee"]);
    }

    #[test]
    fn what_was_said_before_a_rejection_counts_no_more_once_approval_was_asked_for_again() {
        let said = |approver, decision, at| {
            let row = asked(approver, None, decision);
            Row { approval: Approval { at: Some(at), ..row.approval }, ..row }
        };
        let rows = [
            said("Ann", Decision::Approved, 1),
            said("Bob", Decision::Rejected, 2),
            said("Cy", Decision::Rejected, 4),
            said("Dee", Decision::Approved, 5),
        ];
        assert_eq!(voices(&rows, &Decision::Rejected), ["Cy"]);
        assert_eq!(voices(&rows, &Decision::Approved), ["Dee"]);
        assert_eq!(voices(&rows[..1], &Decision::Approved), ["Ann"]);
    }

    #[test]
    fn a_comment_is_read_from_the_rendered_journal() {
        let rendered = "2026-02-16 16:45:20 - Ann Lee (Comments)\nnot during\nthe freeze\n\n2026-02-15 10:00:00 - Ann Lee (Comments)\nold\n\n";
        assert_eq!(comment(rendered).as_deref(), Some("not during\nthe freeze"));
        assert_eq!(comment("plain words").as_deref(), Some("plain words"));
        assert_eq!(comment(" \n"), None);
    }
}
