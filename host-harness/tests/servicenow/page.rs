//! The page for people: what it shows, what its buttons do, and that no other page can press them.

use crate::browser::{Browser, ENTER, TAB};
use crate::support::{Answer, Client, text};
use host_harness::servicenow::Instance;
use reqwest::Method;
use serde_json::json;

const GROUP: &str = "287ebd7da9fe198100f92cc8d1d2154e";

/// A change that waits for the CAB.
async fn waiting(client: &Client, name: &str) -> String {
    let body = json!({"type": "normal", "short_description": name, "assignment_group": GROUP});
    let id = text(&client.create("change_request", body).await["sys_id"]).to_owned();
    client.patch(&format!("/api/now/table/change_request/{id}"), json!({"state": "-4"})).await.expect(200);
    id
}

fn state(instance: &Instance, id: &str) -> (String, String) {
    let changes = instance.records("change_request");
    let change = changes.iter().find(|change| change.sys_id() == id).unwrap();
    (change.get("state").to_owned(), change.get("approval").to_owned())
}

#[tokio::test]
async fn a_person_approves_and_rejects_in_a_browser() {
    let Some(browser) = Browser::start().await else { return };
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let approved = waiting(&client, "Publish rhel9-base 1.4.3").await;
    let rejected = waiting(&client, "Publish rhel9-base 1.4.4").await;
    let account = instance.account();
    let target =
        format!("/api/now/attachment/file?table_name=change_request&table_sys_id={approved}&file_name=evidence.json");
    let attach = client.request(Method::POST, &target).basic_auth(&account.user, Some(&account.password));
    Client::answer(attach.header("content-type", "application/json").body("{}")).await.expect(201);

    browser.open(&instance.url()).await;
    browser.says("h2", "Waiting for an answer").await;
    browser.screenshot("1-changes").await;
    browser.click(&format!("a[href='/change/{approved}']")).await;
    browser.says("#mood", "Requested").await;
    browser.screenshot("2-waiting").await;
    // With the keyboard alone: a comment, on to the next control, pressed.
    browser.keys("#comments", &format!("go ahead{TAB}")).await;
    browser.wait("document.activeElement.id", "approve").await;
    browser.keys("#approve", ENTER).await;
    browser.says("#mood", "Approved").await;
    browser.screenshot("3-approved").await;
    assert_eq!(state(&instance, &approved), ("-2".into(), "approved".into()));

    browser.open(&format!("{}/change/{rejected}", instance.url())).await;
    browser.click("#reject").await;
    browser.says("#error", "a rejection needs a comment: say why").await;
    assert_eq!(state(&instance, &rejected).1, "requested");
    browser.keys("#comments", "outside the freeze").await;
    browser.click("#reject").await;
    browser.says("#mood", "Rejected").await;
    browser.screenshot("4-rejected").await;
    assert_eq!(state(&instance, &rejected), ("-5".into(), "rejected".into()));
    assert!(instance.journal(&rejected, "approval_history").concat().contains("outside the freeze"));
    browser.close().await;
}

#[tokio::test]
async fn the_page_follows_what_happens_and_fits_a_phone() {
    let Some(browser) = Browser::start().await else { return };
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let id = waiting(&client, "A change with a rather long summary, so that a narrow screen has to break it").await;
    browser.resize(390, 844).await;
    for (page, name) in [("/", "changes"), (&*format!("/change/{id}"), "change"), ("/cmdb", "cmdb")] {
        browser.open(&format!("{}{page}", instance.url())).await;
        browser.element("h1").await;
        browser.wait("document.documentElement.scrollWidth <= window.innerWidth", true).await;
        browser.screenshot(&format!("phone-{name}")).await;
    }
    browser.open(&format!("{}/change/{id}", instance.url())).await;
    browser.says("#mood", "Requested").await;
    let beth = Client::of(&instance, "beth.anglin");
    beth.patch(&format!("/api/sn_chg_rest/change/{id}/approvals"), json!({"state": "approved"})).await.expect(200);
    browser.says("#mood", "Approved").await;
    client.patch(&format!("/api/now/table/change_request/{id}"), json!({"state": "-1"})).await.expect(200);
    browser.says(".path .here", "Implement").await;
    browser.close().await;
}

/// A page as a browser without script asks for it.
async fn get(client: &Client, page: &str) -> Answer {
    Client::answer(client.request(Method::GET, page)).await
}

async fn press(client: &Client, target: &str, form: &[(&str, &str)]) -> Answer {
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = client.request(Method::POST, target).header("content-type", "application/x-www-form-urlencoded");
    Client::answer(request.body(form)).await
}

fn token(page: &Answer) -> String {
    let (_, rest) = page.body.split_once("name=\"token\" value=\"").unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

#[tokio::test]
async fn the_buttons_hold_release_edit_and_cancel() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let id = waiting(&client, "x").await;
    let page = format!("/change/{id}");
    let token = token(&get(&client, &page).await.expect(200));
    let act = |act: &'static str, name: &'static str, value: &'static str| {
        let (target, token, client) = (format!("{page}/{act}"), token.clone(), &client);
        async move { press(client, &target, &[("token", &token), (name, value)]).await }
    };
    act("hold", "reason", "").await.expect(409);
    act("hold", "reason", "audit").await.expect(303);
    let change = |column: &str| instance.records("change_request")[0].get(column).to_owned();
    assert_eq!((change("on_hold"), change("on_hold_reason")), ("true".into(), "audit".into()));
    act("release", "", "").await.expect(303);
    act("edit", "short_description", "y").await.expect(303);
    assert_eq!((change("on_hold"), change("short_description")), ("false".into(), "y".into()));
    act("note", "work_notes", "seen").await.expect(303);
    assert_eq!(instance.journal(&id, "work_notes"), ["seen"]);
    act("cancel", "", "").await.expect(303);
    assert_eq!(change("state"), "4");
    act("no-such", "", "").await.expect(409);
}

#[tokio::test]
async fn the_page_lets_nobody_do_what_their_roles_do_not_allow() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let id = waiting(&client, "x").await;
    let page = get(&client, &format!("/change/{id}")).await.expect(200);
    let form = format!("token={}&person=abel.tuter&back=https://example.com/", token(&page));
    let request = client.request(Method::POST, "/person").header("content-type", "application/x-www-form-urlencoded");
    let chosen = Client::answer(request.body(form)).await.expect(303);
    assert_eq!(
        (chosen.header("location"), chosen.header("set-cookie").split(';').next()),
        ("/", Some("sim_person=abel.tuter"))
    );
    let request = client.request(Method::GET, &format!("/change/{id}")).header("cookie", "sim_person=abel.tuter");
    Client::answer(request).await.expect(404);
}

#[tokio::test]
async fn no_other_page_presses_a_button_and_no_text_becomes_markup() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let id = waiting(&client, "<script>alert(1)</script>").await;
    press(&client, &format!("/change/{id}/approve"), &[("token", "guessed")]).await.expect(403);
    assert_eq!(state(&instance, &id).1, "requested");
    let page = get(&client, &format!("/change/{id}")).await.expect(200);
    assert!(!page.body.contains("<script>alert") && page.body.contains("&lt;script&gt;"));
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    let elsewhere = client.request(Method::GET, "/").header("host", "rebound.example.com");
    Client::answer(elsewhere).await.expect(421);
    let plain = Instance::builder().page(false).start().await.unwrap();
    get(&Client::integration(&plain), "/").await.expect(404);
}
