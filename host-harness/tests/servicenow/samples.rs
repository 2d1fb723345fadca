//! Every recorded sample is reproduced in shape: status, keys, types, and the headers that matter.
//!
//! The samples are in `tests/fixtures/servicenow`. One conversation walks them all; a file that it neither reproduces
//! nor sends, and that is not left out for a reason, fails the test.

use crate::support::{Answer, Client, text};
use host_harness::servicenow::{Clock, Fault, Instance, Record};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Samples that are not reproduced, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    (
        "devops-artifact-registration-201.json",
        "DevOps Change Velocity is a product of its own, which we do not talk to",
    ),
    ("devops-changeControl-201.json", "as above"),
    ("devops-changeInfo-200.json", "as above"),
    ("devops-changeStatus-approved-200.json", "as above"),
    ("devops-changeStatus-pending-201.json", "as above"),
    ("devops-error-400.json", "as above"),
    ("em-event-request.json", "Event Management is a product of its own, which we do not talk to"),
    ("import-201.json", "import sets are for mappings kept in ServiceNow; no client here needs them"),
    ("import-insertMultiple-201.json", "as above"),
    ("import-row-error-201.json", "as above"),
];

const GROUP: &str = "287ebd7da9fe198100f92cc8d1d2154e";
const LNUX101: &str = "b0c4030ac0a800090152e7a4564ca36c";
const IMAGE: &str = "1f00aa112f8a0110abcd12345678ef03";
const ABEL: &str = "62826bf03710200044e0bfc8bcbe5df1";

/// How a reply is held against its sample.
#[derive(Clone, Copy, PartialEq)]
enum Keys {
    /// The same keys, no more and no fewer.
    Same,
    /// The sample's keys and perhaps more: samples of records show a choice of their columns.
    AtLeast,
}

struct Walk {
    seen: BTreeSet<String>,
}

impl Walk {
    fn path(name: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/servicenow").join(name)
    }

    fn read(&mut self, name: &str) -> String {
        self.seen.insert(name.to_owned());
        std::fs::read_to_string(Self::path(name)).unwrap()
    }

    /// A sample that is a request's body.
    fn body(&mut self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }

    /// Holds a reply against its sample; its status is in the sample's name.
    #[track_caller]
    fn check(&mut self, name: &str, answer: Answer, keys: Keys) -> Value {
        let status =
            name.split(['-', '.']).find_map(|part| part.parse::<u16>().ok().filter(|code| *code >= 100)).unwrap_or(200);
        let sample: Value = serde_json::from_str(&self.read(name)).unwrap();
        let answer = answer.expect(status).json();
        alike(name, &sample, &answer, keys);
        answer
    }

    /// Every header of a sample is there, by name; those that say the same in every reply by value too.
    #[track_caller]
    fn headers(&mut self, name: &str, answer: &Answer) {
        for line in self.read(name).lines().skip(1) {
            let Some((header, value)) = line.split_once(": ") else { continue };
            assert!(answer.headers.contains_key(header), "{name}: no {header}");
            if matches!(header, "Pragma" | "Cache-Control" | "Expires" | "Content-Type" | "WWW-Authenticate" | "Server")
            {
                assert_eq!(answer.header(header), value, "{name}: {header}");
            }
        }
    }
}

/// Whether a reply has a sample's shape.
#[track_caller]
fn alike(at: &str, sample: &Value, answer: &Value, keys: Keys) {
    match (sample, answer) {
        (Value::Object(sample), Value::Object(answer)) => {
            for (key, value) in sample {
                let found = answer.get(key).unwrap_or_else(|| panic!("{at}: no `{key}` in {answer:?}"));
                alike(&format!("{at}.{key}"), value, found, keys);
            }
            if keys == Keys::Same {
                let extra: Vec<_> = answer.keys().filter(|key| !sample.contains_key(*key)).collect();
                assert!(extra.is_empty(), "{at}: more than the sample has: {extra:?}");
            }
        }
        (Value::Array(sample), Value::Array(answer)) => {
            assert_eq!(sample.is_empty(), answer.is_empty(), "{at}: {answer:?}");
            if let (Some(sample), Some(answer)) = (sample.first(), answer.first()) {
                alike(&format!("{at}[first]"), sample, answer, keys);
            }
            if let (Some(sample), Some(answer)) = (sample.last(), answer.last()) {
                alike(&format!("{at}[last]"), sample, answer, keys);
            }
        }
        (Value::Number(sample), Value::Number(answer)) => {
            assert_eq!(sample.is_f64(), answer.is_f64(), "{at}: {sample} and {answer}");
        }
        _ => assert_eq!(
            std::mem::discriminant(sample),
            std::mem::discriminant(answer),
            "{at}: {sample} in the sample, {answer} here"
        ),
    }
}

async fn instance() -> Instance {
    let clock = Clock::default();
    clock.freeze("2026-01-31T10:00:00Z".parse().unwrap());
    Instance::builder()
        .clock(clock)
        .integration(|person| person.time_zone("America/Los_Angeles"))
        .properties(|properties| properties.batch_items = 2)
        .record(
            Record::new("cmdb_ci_linux_server")
                .with("sys_id", LNUX101)
                .with("name", "lnux101")
                .with("serial_number", "S-0")
                .with("managed_by", ABEL),
        )
        .record(Record::new("cmdb_ci_spkg").with("sys_id", IMAGE).with("name", "base").with("version", "1"))
        .start()
        .await
        .unwrap()
}

#[tokio::test]
async fn every_sample_is_reproduced_or_left_out_for_a_reason() {
    let instance = instance().await;
    let mut walk = Walk { seen: BTreeSet::new() };
    let client = Client::integration(&instance);
    let change = changes(&mut walk, &instance, &client).await;
    tables(&mut walk, &instance, &client, &change).await;
    cmdb(&mut walk, &client).await;
    attachments(&mut walk, &client, &change, &instance).await;
    tokens(&mut walk, &instance, &client).await;
    refusals(&mut walk, &instance, &client).await;
    let files: BTreeSet<String> = std::fs::read_dir(Walk::path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let left_out: BTreeSet<String> = LEFT_OUT.iter().map(|(name, _)| (*name).to_owned()).collect();
    let covered: BTreeSet<String> = walk.seen.union(&left_out).cloned().collect();
    assert_eq!(walk.seen.intersection(&left_out).count(), 0);
    assert_eq!(covered, files);
}

async fn changes(walk: &mut Walk, instance: &Instance, client: &Client) -> String {
    use Keys::{AtLeast, Same};
    const API: &str = "/api/sn_chg_rest/change";
    let body = json!({
        "short_description": "Promote image rhel9-base 1.4.3 to production", "assignment_group": GROUP,
        "cmdb_ci": LNUX101, "start_date": "2026-02-02 20:00:00", "end_date": "2026-02-02 22:00:00",
        "correlation_id": "imgfactory:promo:rhel9-base:1.4.3", "no_such_field": "x",
    });
    let made = client.post(&format!("{API}/normal"), body.clone()).await;
    let made = walk.check("change-create-normal-200.json", made, AtLeast);
    let id = text(&made["result"]["sys_id"]["value"]).to_owned();
    let one = format!("{API}/{id}");
    walk.check("change-get-200.json", client.get(&one).await, AtLeast);
    walk.check("change-list-200.json", client.get(&format!("{API}?sysparm_query=numberINCHG0030001")).await, AtLeast);
    let none = client.get(&format!("{API}?sysparm_query=correlation_id=nope%5Eassigned_two=x")).await;
    walk.check("change-list-empty-200.json", none, Same);
    walk.check("change-model-list-200.json", client.get(&format!("{API}/model")).await, AtLeast);
    let templates = client.get(&format!("{API}/standard/template?active=true")).await;
    walk.check("change-standard-template-list-200.json", templates, AtLeast);
    let mut known = body.clone();
    known.as_object_mut().unwrap().remove("no_such_field");
    let standard = client.post(&format!("{API}/standard/92b8544047810200e90d87e8dee490b0"), known).await;
    walk.check("change-create-standard-200.json", standard, AtLeast);
    let table = "/api/now/table/change_request?sysparm_exclude_reference_link=true";
    walk.check("change-table-create-201.json", client.post(table, body).await, AtLeast);

    let mut cis = walk.body("change-ci-add-request.json");
    cis["cmdb_ci_sys_ids"][1] = IMAGE.into();
    walk.check("change-ci-add-202.json", client.post(&format!("{one}/ci"), cis).await, Same);
    let cis = client.get(&format!("{one}/ci?association_type=affected")).await;
    walk.check("change-ci-list-200.json", cis, Same);
    let refreshed = client.post(&format!("{one}/refresh_impacted_services"), json!({})).await;
    let refreshed = walk.check("change-refresh-impacted-200.json", refreshed, Same);
    let worker = text(&refreshed["result"]["worker"]["sysId"]).to_owned();
    walk.check("change-worker-complete-200.json", client.get(&format!("{API}/worker/{worker}")).await, Same);
    let read = |answer: Answer| {
        let link = text(&answer.expect(202).result()["worker"]["link"]).replace(&instance.url(), "");
        async move { client.get(&link).await }
    };
    let asked = client.get(&format!("{one}/schedule?duration_in_seconds=10800")).await;
    walk.check("change-schedule-worker-200.json", read(asked).await, Same);
    let asked = client.patch(&format!("{one}/schedule/first_available"), json!({"duration_in_seconds": 10800})).await;
    walk.check("change-first-available-worker-200.json", read(asked).await, Same);

    walk.check("change-conflict-start-200.json", client.post(&format!("{one}/conflict"), json!({})).await, Same);
    walk.check("change-conflict-none-200.json", client.get(&format!("{one}/conflict")).await, Same);
    let window = Record::new("cmn_schedule")
        .with("sys_id", "c1".repeat(16))
        .with("name", "window")
        .with("type", "maintenance")
        .with("start_date_time", "2026-03-01 00:00:00")
        .with("end_date_time", "2026-03-01 04:00:00");
    instance.put_record(window);
    client.post(&format!("{one}/conflict"), json!({})).await.expect(200);
    walk.check("change-conflict-found-200.json", client.get(&format!("{one}/conflict")).await, Same);
    walk.check("change-risk-200.json", client.patch(&format!("{one}/risk"), json!({})).await, Same);

    let target = format!("/api/now/table/change_request/{id}?sysparm_exclude_reference_link=true");
    let submit = || async { client.patch(&target, json!({"state": "-4"})).await.expect(200) };
    submit().await;
    let approval = walk.body("change-approvals-approve-request.json");
    let refused = client.patch(&format!("{one}/approvals"), approval.clone()).await;
    walk.check("change-approvals-400.json", refused, Same);
    let beth = Client::of(instance, "beth.anglin");
    let rejection = walk.body("change-approvals-reject-request.json");
    beth.patch(&format!("{one}/approvals"), rejection).await.expect(200);
    walk.check("change-table-after-rejection-200.json", client.get(&target).await, AtLeast);
    submit().await;
    beth.patch(&format!("{one}/approvals"), approval).await.expect(200);
    walk.check("change-table-after-approval-200.json", client.get(&target).await, AtLeast);
    let rows = format!(
        "/api/now/table/sysapproval_approver?sysparm_query=sysapproval={id}&sysparm_exclude_reference_link=true"
    );
    walk.check("sysapproval_approver-list-200.json", client.get(&rows).await, AtLeast);
    let groups =
        format!("/api/now/table/sysapproval_group?sysparm_query=parent={id}&sysparm_exclude_reference_link=true");
    walk.check("sysapproval_group-list-200.json", client.get(&groups).await, AtLeast);
    let begun = json!({"state": "-1", "work_notes": "Promotion started"});
    walk.check("change-patch-implement-200.json", client.patch(&one, begun).await, AtLeast);
    walk.check("change-nextstates-200.json", client.get(&format!("{one}/nextstates")).await, Same);
    walk.check("change-task-list-200.json", client.get(&format!("{one}/task")).await, AtLeast);
    let task = client.post(&format!("{one}/task"), json!({"short_description": "Smoke test image"})).await;
    walk.check("change-task-create-200.json", task, AtLeast);
    id
}

async fn tables(walk: &mut Walk, instance: &Instance, client: &Client, change: &str) {
    use Keys::{AtLeast, Same};
    let mut body = walk.body("incident-create-request.json");
    body["caused_by"] = change.into();
    let made = client.post("/api/now/table/incident?sysparm_exclude_reference_link=true", body).await;
    let made = walk.check("incident-create-201.json", made, AtLeast);
    let id = text(&made["result"]["sys_id"]).to_owned();
    let one = |query: &str| format!("/api/now/table/incident/{id}{query}");
    walk.check("table-get-default-200.json", client.get(&one("")).await, AtLeast);
    let excluded = client.get(&one("?sysparm_exclude_reference_link=true")).await;
    walk.check("table-get-exclude-reference-link-200.json", excluded, AtLeast);
    walk.check("table-get-display-true-200.json", client.get(&one("?sysparm_display_value=true")).await, AtLeast);
    walk.check("table-get-display-all-200.json", client.get(&one("?sysparm_display_value=all")).await, AtLeast);
    let listed =
        client.get("/api/now/table/incident?sysparm_limit=10&sysparm_fields=sys_id,number,state,caller_id.email");
    let listed = listed.await;
    walk.headers("http-headers-list-200.txt", &listed);
    walk.check("table-list-200.json", listed, Same);
    let none = client.get("/api/now/table/incident?sysparm_query=number=INC0").await;
    walk.check("table-list-empty-200.json", none, Same);
    let resolve = walk.body("incident-resolve-request.json");
    let resolved = client.patch(&one("?sysparm_exclude_reference_link=true"), resolve).await;
    walk.check("incident-resolve-200.json", resolved, AtLeast);
    let journal = format!("/api/now/table/sys_journal_field?sysparm_query=element_id={id}");
    walk.check("sys_journal_field-list-200.json", Client::of(instance, "admin").get(&journal).await, AtLeast);
    assert_eq!(client.get(&journal).await.expect(200).result(), json!([]));
    let choices = "/api/now/table/sys_choice?sysparm_query=name=incident%5Eelement=close_code%5Einactive=false";
    walk.check("sys_choice-close_code-200.json", client.get(choices).await, AtLeast);
    let mut batch = walk.body("batch-request.json");
    batch["rest_requests"][1]["url"] = "/api/now/table/sys_choice".into();
    let third = batch["rest_requests"][0].clone();
    batch["rest_requests"].as_array_mut().unwrap().push(third);
    walk.check("batch-200.json", client.post("/api/now/v1/batch", batch).await, Same);
    let tiny =
        client.post("/api/now/tinyurl", json!({"url": "/api/now/table/incident?sysparm_query=number=INC0"})).await;
    let tiny = walk.check("tinyurl-200.json", tiny, Same);
    assert_eq!(client.get(text(&tiny["result"])).await.expect(200).result(), json!([]));
}

async fn cmdb(walk: &mut Walk, client: &Client) {
    use Keys::{AtLeast, Same};
    const IRE: &str = "/api/now/identifyreconcile?sysparm_data_source=ImageFactory";
    let mut payload = walk.body("ire-request.json");
    payload["items"][0]["values"]["name"] = "lnux900".into();
    let same = |name: &str| name.starts_with("ire-insert");
    for (sample, ip) in [
        ("ire-insert-200.json", "10.0.0.5"),
        ("ire-no-change-200.json", "10.0.0.5"),
        ("ire-update-200.json", "10.0.0.6"),
    ] {
        payload["items"][0]["values"]["ip_address"] = ip.into();
        let answer = client.post(IRE, payload.clone()).await;
        let answer = walk.check(sample, answer, if same(sample) { Same } else { AtLeast });
        let operation = text(&answer["result"]["items"][0]["operation"]).to_lowercase().replace('_', "-");
        assert!(sample.contains(&operation), "{sample} {operation}");
    }
    let failing = json!({"items": [
        {"className": "cmdb_ci_os_template", "values": {"object_id": "x"}},
        {"className": "cmdb_ci_linux_server", "values": {"name": "y"}},
    ]});
    walk.check("ire-item-error-200.json", client.post(IRE, failing).await, AtLeast);
    let partial = json!({"items": [{"className": "cmdb_ci_computer", "values": {"ip_address": "10.0.0.7"}}]});
    let enhanced = IRE.replace('?', "/enhanced?");
    let partial = walk.check("ire-partial-200.json", client.post(&enhanced, partial).await, Same);
    assert_eq!(partial["result"]["items"][0]["operation"], "INSERT_AS_PARTIAL");

    const API: &str = "/api/now/cmdb/instance";
    walk.check("cmdb-instance-list-200.json", client.get(&format!("{API}/cmdb_ci_linux_server")).await, Same);
    let related = walk.body("cmdb-instance-relation-request.json");
    let created = walk.body("cmdb-instance-create-request.json");
    let mut body = created.clone();
    body["attributes"]["object_id"] = "sha256:ab12".into();
    body["attributes"]["managed_by"] = ABEL.into();
    body["outbound_relations"] = json!([{
        "type": "5f985e0ec0a8010e00a9714f2a172815", "target": "8f1eb1aa2f8a0110abcd12345678ef20",
    }]);
    let made = client.post(&format!("{API}/cmdb_ci_os_template"), body).await;
    let made = walk.check("cmdb-instance-get-200.json", made, AtLeast);
    let id = text(&made["result"]["attributes"]["sys_id"]).to_owned();
    let with = client.post(&format!("{API}/cmdb_ci_os_template/{id}/relation"), related).await.expect(200).result();
    assert_eq!(with["outbound_relations"].as_array().unwrap().len(), 2);
    let mut number = created.clone();
    number["attributes"]["object_id"] = 1.into();
    walk.check("cmdb-instance-500-cast.json", client.post(&format!("{API}/cmdb_ci_os_template"), number).await, Same);
    let mut source = created;
    source["source"] = "Nonesuch".into();
    let refused = client.post(&format!("{API}/cmdb_ci_os_template"), source).await;
    walk.check("cmdb-instance-400-source.json", refused, Same);
    let dependent = json!({"attributes": {"object_id": "z"}, "source": "Manual Entry"});
    let failed = client.post(&format!("{API}/cmdb_ci_os_template"), dependent).await;
    walk.check("error-500-script.json", failed, Same);
    let kinds = "/api/now/table/cmdb_rel_type?sysparm_query=name=Depends%20on::Used%20by";
    walk.check("cmdb_rel_type-list-200.json", client.get(kinds).await, AtLeast);
    let relations = format!("/api/now/table/cmdb_rel_ci?sysparm_query=parent={id}&sysparm_exclude_reference_link=true");
    walk.check("cmdb_rel_ci-list-200.json", client.get(&relations).await, AtLeast);
}

async fn attachments(walk: &mut Walk, client: &Client, change: &str, instance: &Instance) {
    let account = instance.account();
    let form = walk.read("attachment-upload-multipart-request.txt").replace("\r\n", "\n");
    let (_, form) = form.split_once("\n\n").unwrap();
    let form = form.replace("c9d2b0aa2f8a0110abcd12345678ef02", change).replace('\n', "\r\n");
    let upload = client
        .request(Method::POST, "/api/now/attachment/upload")
        .basic_auth(&account.user, Some(&account.password))
        .header("content-type", "multipart/form-data; boundary=XX")
        .body(form);
    let made = Client::answer(upload).await;
    assert!(made.header("location").contains("/api/now/attachment/"));
    walk.check("attachment-upload-201.json", made, Keys::Same);
    let listed = client.get(&format!("/api/now/attachment?sysparm_query=table_sys_id={change}")).await;
    walk.check("attachment-list-200.json", listed, Keys::Same);
}

async fn tokens(walk: &mut Walk, instance: &Instance, client: &Client) {
    let account = instance.account();
    let ask = |form: String| async {
        let request = client.request(Method::POST, "/oauth_token.do");
        Client::answer(request.header("content-type", "application/x-www-form-urlencoded").body(form)).await
    };
    let own = format!("client_id={}&client_secret={}", account.client_id, account.client_secret);
    let sample = walk.read("oauth-token-request.txt");
    let asked = sample.trim().replace("0123456789abcdef0123456789abcdef", &account.client_id);
    let granted = ask(asked.replace("REDACTED", &account.client_secret)).await;
    walk.check("oauth-token-client-credentials-200.json", granted, Keys::Same);
    let password = format!("grant_type=password&{own}&username={}&password={}", account.user, account.password);
    walk.check("oauth-token-200.json", ask(password.clone()).await, Keys::Same);
    walk.check("oauth-token-401.json", ask(format!("{password}x")).await, Keys::Same);
    let unknown = ask(sample.trim().to_owned()).await;
    walk.check("oauth-token-401-invalid-client.json", unknown, Keys::Same);
    walk.check("oauth-token-400-unsupported-grant.json", ask(format!("grant_type=x&{own}")).await, Keys::Same);
}

async fn refusals(walk: &mut Walk, instance: &Instance, client: &Client) {
    use Keys::Same;
    const TABLE: &str = "/api/now/table/incident";
    walk.check("error-400-invalid-table.json", client.get("/api/now/table/u_nope").await, Same);
    walk.check("error-400-unknown-uri.json", client.get("/api/sn_nope/v1/thing").await, Same);
    instance.set_properties(|properties| properties.max_content_length = 100);
    let large = client.post(TABLE, json!({"description": "x".repeat(200)})).await;
    walk.check("error-400-body-too-large.json", large, Same);
    instance.set_properties(|properties| properties.max_content_length = 1_000_000);
    let wrong = Client::new(instance, "nobody", "wrong").get(TABLE).await;
    walk.headers("http-headers-401.txt", &wrong);
    assert_eq!(wrong.header("x-is-logged-in"), "");
    walk.check("error-401.json", wrong, Same);
    walk.check("error-403-acl-insert.json", client.post("/api/now/table/sys_choice", json!({})).await, Same);
    let stuck = text(&client.create("change_request", json!({})).await["sys_id"]).to_owned();
    let refused = client.patch(&format!("/api/now/table/change_request/{stuck}"), json!({"state": "-1"})).await;
    walk.check("error-403-business-rule.json", refused, Same);
    let stuck = text(&client.create("incident", json!({})).await["sys_id"]).to_owned();
    let refused = client.patch(&format!("{TABLE}/{stuck}"), json!({"state": "6"})).await;
    let refused = walk.check("error-403-data-policy.json", refused, Same);
    assert_eq!(refused, serde_json::from_str::<Value>(&walk.read("error-403-data-policy.json")).unwrap());
    instance.set_properties(|properties| properties.query_acls = true);
    let query = client.get("/api/now/table/sys_user?sysparm_query=user_passwordISNOTEMPTY").await;
    walk.check("error-403-query-acl.json", query, Same);
    let outsider = Client::of(instance, "abel.tuter").get("/api/sn_chg_rest/change").await;
    walk.check("error-403-api-acl.json", outsider, Same);
    walk.check("error-404.json", client.get(&format!("{TABLE}/{}", "0".repeat(32))).await, Same);
    walk.check("error-404-attachment.json", client.get("/api/now/attachment/none").await, Same);
    instance.fault(Fault::on(TABLE).nth(1).cancelled_after());
    walk.check("error-500-transaction-cancelled.json", client.get(TABLE).await, Same);
    instance.clear_faults();
    instance.fault(Fault::on(TABLE).nth(1).hibernating());
    assert_eq!(client.get(TABLE).await.expect(200).body, walk.read("fault-200-hibernating.html"));
    instance.clear_faults();
    instance.fault(Fault::on(TABLE).nth(1).action(host_harness::servicenow::Action::ErrorInBody));
    let broken = client.get(TABLE).await.expect(200).body;
    let sample = walk.read("fault-200-error-inside-body.txt");
    let (_, tail) = sample.trim().split_once("{\"error\"").unwrap();
    assert!(broken.starts_with("{\"result\":[") && broken.ends_with(tail), "{broken}");
    let rule = Record::new("sys_rate_limit_rules").with("resource", "Table API").with("request_limit", "1");
    instance.put_record(rule);
    let counted = client.get(TABLE).await.expect(200);
    assert_eq!((counted.header("x-ratelimit-limit"), counted.header("retry-after")), ("1", ""));
    let denied = client.get(TABLE).await;
    walk.headers("http-headers-429.txt", &denied);
    assert_eq!((denied.header("x-ratelimit-reset"), denied.header("retry-after")), ("1769857200", "3600"));
    walk.check("error-429.json", denied, Same);
    instance.clock().advance(jiff::SignedDuration::from_hours(1));
    client.get(TABLE).await.expect(200);
}
