//! How records are read: the shapes of references, what people see, queries with their real precedence, paging.

use crate::support::{Client, text};
use host_harness::servicenow::{Clock, Instance};
use reqwest::Method;
use serde_json::{Value, json};

const ABEL: &str = "62826bf03710200044e0bfc8bcbe5df1";

#[tokio::test]
async fn a_reference_has_six_shapes_and_an_empty_one() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let made = client.create("incident", json!({"caller_id": ABEL})).await;
    let id = text(&made["sys_id"]);
    let link = |version: &str| format!("{}/api/now{version}/table/sys_user/{ABEL}", instance.url());
    let name = "Abel Tuter";
    for (display, exclude, full, empty) in [
        ("false", "false", json!({"link": link(""), "value": ABEL}), json!("")),
        ("false", "true", json!(ABEL), json!("")),
        ("true", "false", json!({"display_value": name, "link": link("")}), json!("")),
        ("true", "true", json!(name), json!("")),
        (
            "all",
            "false",
            json!({"display_value": name, "link": link(""), "value": ABEL}),
            json!({"display_value": "", "value": ""}),
        ),
        ("all", "true", json!({"display_value": name, "value": ABEL}), json!({"display_value": "", "value": ""})),
    ] {
        let target = format!(
            "/api/now/table/incident/{id}?sysparm_display_value={display}&sysparm_exclude_reference_link={exclude}"
        );
        let read = client.get(&target).await.expect(200).result();
        assert_eq!((&read["caller_id"], &read["assigned_to"]), (&full, &empty), "{display} {exclude}");
    }
    let second = client.get(&format!("/api/now/v2/table/incident/{id}")).await.expect(200).result();
    assert_eq!(second["caller_id"]["link"], link("/v2"));
    assert_eq!(second["sys_domain"]["value"], "global");
}

#[tokio::test]
async fn people_see_labels_and_their_own_time() {
    let clock = Clock::default();
    clock.freeze("2026-01-31T10:00:00Z".parse().unwrap());
    let builder = Instance::builder().clock(clock).integration(|person| person.time_zone("America/Los_Angeles"));
    let instance = builder.start().await.unwrap();
    let client = Client::integration(&instance);
    let made = client.create("change_request", json!({"work_notes": "first"})).await;
    let target = format!("/api/now/table/change_request/{}", text(&made["sys_id"]));
    client.patch(&target, json!({"work_notes": "second"})).await.expect(200);
    let shown = client.get(&format!("{target}?sysparm_display_value=true")).await.expect(200).result();
    assert_eq!(shown["sys_created_on"], "2026-01-31 02:00:00");
    assert_eq!((&shown["state"], &shown["sys_class_name"]), (&json!("New"), &json!("Change Request")));
    assert_eq!(
        shown["work_notes"],
        "2026-01-31 02:00:00 - Image Factory (Work notes)\nsecond\n\n2026-01-31 02:00:00 - Image Factory (Work \
         notes)\nfirst\n\n"
    );
    assert_eq!(client.get(&target).await.expect(200).result()["work_notes"], "");
    let local =
        json!({"start_date": "2026-02-01 08:00:00", "assignment_group": "CAB Approval", "category": "Software"});
    let written = client.patch(&format!("{target}?sysparm_input_display_value=true"), local).await.expect(200).result();
    assert_eq!(written["start_date"], "2026-02-01 16:00:00");
    assert_eq!(written["assignment_group"]["value"], "b85d44954a3623120004689b2d5dd60a");
}

#[tokio::test]
async fn queries_mean_what_they_mean_on_an_instance() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    for (name, impact, caller) in [("alpha", "1", ABEL), ("beta", "2", ""), ("gamma disk", "3", "")] {
        let body = json!({"short_description": name, "impact": impact, "urgency": impact, "caller_id": caller});
        client.create("incident", body).await;
    }
    let found = |query: &'static str| {
        let client = &client;
        async move {
            let ids = client.find("incident", query).await;
            let mut names: Vec<String> = Vec::new();
            for id in ids {
                names.push(text(&client.record("incident", &id).await["short_description"]).to_owned());
            }
            names.join(" ")
        }
    };
    for (query, names) in [
        ("impact=1^ORimpact=2^urgency=2", "beta"),
        ("impact=1^NQimpact=3", "alpha gamma disk"),
        ("impactIN1,3", "alpha gamma disk"),
        ("impactNOT IN1,3", "beta"),
        ("impact>1^ORDERBYDESCimpact", "gamma disk beta"),
        ("impactBETWEEN2@3", "beta gamma disk"),
        ("short_descriptionLIKEdisk", "gamma disk"),
        ("short_descriptionNOT LIKEdisk", "alpha beta"),
        ("short_descriptionSTARTSWITHal", "alpha"),
        ("short_description%ta", "beta"),
        ("caller_idISEMPTY", "beta gamma disk"),
        ("caller_idISNOTEMPTY", "alpha"),
        ("caller_id=", "beta gamma disk"),
        ("caller_id.user_name=abel.tuter", "alpha"),
        ("caller_idSTARTSWITHAbel", "alpha"),
        ("impactSAMEASurgency^impact=2", "beta"),
        ("opened_by=javascript:gs.getUserID()^impact=1", "alpha"),
        ("sys_created_onONToday@javascript:gs.beginningOfToday()@javascript:gs.endOfToday()^impact=1", "alpha"),
        ("sys_created_on>javascript:gs.daysAgoStart(1)^impact=1", "alpha"),
        ("sys_created_onRELATIVEGT@hour@ago@1^impact=1", "alpha"),
        ("123TEXTQUERY321=disk", "gamma disk"),
        ("impact=1^no_such=1", "alpha"),
        ("impact=1^sys_created_on>javascript:gs.unheardOf()", "alpha"),
    ] {
        assert_eq!(found(query).await, names, "{query}");
    }
    let pairs = client.get("/api/now/table/incident?impact=1%20-%20High&sysparm_fields=short_description").await;
    assert_eq!(pairs.expect(200).result(), json!([{"short_description": "alpha"}]));
    // A child's column is none of its parent's: asked through the parent, the term is dropped.
    assert_eq!(client.find("task", "caller_idISNOTEMPTY").await.len(), 3);
    assert_eq!(client.find("task", "sys_class_nameINSTANCEOFincident").await.len(), 3);
    let classes = "sys_class_nameINSTANCEOFcmdb_ci_hardware";
    assert_eq!(client.find("cmdb_ci", classes).await.len(), 2);
}

#[tokio::test]
async fn a_base_table_answers_with_its_own_columns() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let id = text(&client.create("incident", json!({})).await["sys_id"]).to_owned();
    let task = client.record("task", &id).await;
    assert_eq!(task["sys_class_name"], "incident");
    assert!(task.get("caller_id").is_none());
    client.get(&format!("/api/now/table/change_request/{id}")).await.expect(404);
}

#[tokio::test]
async fn an_empty_list_is_404_in_the_first_version_only() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    assert_eq!(client.get("/api/now/table/incident").await.expect(200).result(), json!([]));
    assert_eq!(client.get("/api/now/v2/table/incident").await.expect(200).result(), json!([]));
    client.get("/api/now/v1/table/incident").await.expect(404);
}

#[tokio::test]
async fn a_count_and_links_are_left_out_when_they_are_not_wanted() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let page = client.get("/api/now/table/sys_user?sysparm_no_count=true&sysparm_limit=1").await.expect(200);
    assert_eq!(page.header("x-total-count"), "");
    assert!(!page.header("link").contains("last"));
    let page = client.get("/api/now/table/sys_user?sysparm_suppress_pagination_header=true").await.expect(200);
    assert_eq!(page.header("link"), "");
    client.get("/api/now/table/sys_user?sysparm_limit=many").await.expect(400);
}

#[tokio::test]
async fn methods_are_overridden_and_bodies_held_back() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let account = instance.account();
    let id = text(&client.create("incident", json!({})).await["sys_id"]).to_owned();
    let target = format!("/api/now/table/incident/{id}");
    let send = |method: Method, header: (&'static str, &'static str), body: &'static str| {
        let request = client.request(method, &target).basic_auth(&account.user, Some(&account.password));
        Client::answer(request.header(header.0, header.1).header("content-type", "application/json").body(body))
    };
    let patched = send(Method::POST, ("x-http-method-override", "PATCH"), "{\"description\": \"d\"}").await.expect(200);
    assert_eq!(patched.result()["description"], "d");
    let silent = send(Method::PATCH, ("x-no-response-body", "true"), "{\"description\": \"e\"}").await.expect(200);
    assert_eq!(silent.body, "");
    let put = send(Method::PUT, ("accept", "*/*"), "{\"impact\": 1}").await.expect(200).result();
    assert_eq!((text(&put["description"]), text(&put["impact"])), ("e", "1"));
    send(Method::GET, ("accept", "text/csv"), "").await.expect(406);
    assert_eq!(send(Method::HEAD, ("accept", "*/*"), "").await.expect(200).body, "");
    let broken = send(Method::PATCH, ("accept", "*/*"), "{\"impact\": ").await.expect(400);
    assert_eq!(broken.error().0, "Exception while reading request");
    client.send(Method::PUT, "/api/now/table/incident", Some(json!({}))).await.expect(405);
    client.patch(&format!("/api/now/table/incident/{}", "0".repeat(32)), json!({})).await.expect(404);
}

#[tokio::test]
async fn the_schema_can_be_read_and_grown() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let admin = Client::of(&instance, "admin");
    let lengths = "/api/now/table/sys_dictionary?sysparm_query=name=task%5Eelement=short_description";
    assert_eq!(client.get(lengths).await.expect(200).result()[0]["max_length"], "160");
    let column = json!({"name": "change_request", "element": "u_digest", "internal_type": "string",
                        "column_label": "Digest", "max_length": 80});
    client.post("/api/now/table/sys_dictionary", column.clone()).await.expect(403);
    assert_eq!(client.create("change_request", json!({"u_digest": "x"})).await.get("u_digest"), None);
    admin.post("/api/now/table/sys_dictionary", column).await.expect(201);
    assert_eq!(client.create("change_request", json!({"u_digest": "x"})).await["u_digest"], Value::from("x"));
}
