//! The page for people: what the instance holds, and the buttons that an approver, a change manager or a curious
//! developer would press. Rendered here, without a build step and without the network; the little script only keeps it
//! fresh.
//!
//! Whoever opens it chooses whom to be; what that person may do is decided by the same ACLs and rules as through the
//! APIs. Forms carry a token of the instance, so that no other page in the browser can press a button here.

mod act;
mod drawing;
mod templates;
mod view;

use super::engine::Engine;
use super::engine::caller::Caller;
use super::http::reply::Reply;
use super::http::request::Request;
use super::http::server::Shared;
use act::Act;
use http::{Method, StatusCode};
use std::collections::HashMap;
use templates::render;

/// The cookie that says whom the visitor chose to be.
const COOKIE: &str = "sim_person";
/// Who the visitor is at first: somebody who may approve.
const FIRST_PERSON: &str = "beth.anglin";

/// A page's policy: nothing from elsewhere, no inline script, in no frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Whether a path is one of the page's.
pub(crate) fn serves(path: &str) -> bool {
    matches!(path, "/" | "/incidents" | "/cmdb" | "/requests" | "/person")
        || ["/page/", "/change/", "/incident/", "/ci/", "/attachment/"].iter().any(|prefix| path.starts_with(prefix))
}

/// Answers a request to the page.
pub(crate) fn answer(shared: &Shared, request: &Request) -> Reply {
    if !is_own_host(request) {
        return Reply::html(StatusCode::MISDIRECTED_REQUEST, "open this page by the address that it was started with");
    }
    let reply = match &request.method {
        &Method::GET | &Method::HEAD => show(shared, request),
        &Method::POST => press(shared, request),
        _ => Reply::empty(StatusCode::METHOD_NOT_ALLOWED),
    };
    reply
        .with("content-security-policy", POLICY)
        .with("x-content-type-options", "nosniff")
        .with("cache-control", "no-store")
}

/// A page on loopback is asked for by a name of loopback; any other name is another site's, pointed here.
fn is_own_host(request: &Request) -> bool {
    let host = request.base.split("://").nth(1).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "localhost" || name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok()
}

/// Who the visitor is.
fn person(engine: &Engine, request: &Request) -> Caller {
    let chosen = request
        .header("cookie")
        .into_iter()
        .flat_map(|cookies| cookies.split(';'))
        .find_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('='))
        .unwrap_or(FIRST_PERSON);
    let by_name = |name: &str| engine.user(name).and_then(|user| engine.caller(user.sys_id()));
    by_name(chosen).or_else(|| by_name(FIRST_PERSON)).or_else(|| by_name("admin")).unwrap_or_else(Caller::system)
}

fn show(shared: &Shared, request: &Request) -> Reply {
    let engine = shared.engine();
    let person = person(&engine, request);
    let route = request.route();
    match route.as_slice() {
        [""] => page(shared, &engine, &person, "changes.html", view::changes(&engine, &person)),
        ["change", id] => change(shared, &engine, &person, id, None),
        ["incidents"] => page(shared, &engine, &person, "incidents.html", view::incidents(&engine, &person)),
        ["incident", id] => match view::incident(&engine, &person, id) {
            Some(view) => page(shared, &engine, &person, "incident.html", view),
            None => missing(shared, &engine, &person),
        },
        ["cmdb"] => page(shared, &engine, &person, "items.html", view::items(&engine)),
        ["ci", id] => match view::item(&engine, id) {
            Some(view) => page(shared, &engine, &person, "item.html", view),
            None => missing(shared, &engine, &person),
        },
        ["requests"] => page(shared, &engine, &person, "requests.html", view::requests(&shared.seen())),
        ["attachment", id] => match (engine.get("sys_attachment", id), engine.contents.get(*id)) {
            (Some(attachment), Some(content)) => {
                // Whatever it is, it is saved and not opened in this page's origin.
                let name = attachment.get("file_name").replace(['"', '\\', '\r', '\n'], "_");
                Reply::bytes(StatusCode::OK, "application/octet-stream", content.clone())
                    .with("content-disposition", format!("attachment; filename=\"{name}\""))
            }
            _ => missing(shared, &engine, &person),
        },
        ["page", "style.css"] => {
            Reply::bytes(StatusCode::OK, "text/css;charset=UTF-8", include_str!("templates/style.css").into())
        }
        ["page", "live.js"] => {
            Reply::bytes(StatusCode::OK, "text/javascript;charset=UTF-8", include_str!("templates/live.js").into())
        }
        _ => missing(shared, &engine, &person),
    }
}

fn change(shared: &Shared, engine: &Engine, person: &Caller, id: &str, error: Option<String>) -> Reply {
    match view::change(engine, person, id) {
        Some(mut view) => {
            let status = if error.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
            view.insert("error", error.into());
            Reply { status, ..page(shared, engine, person, "change.html", view) }
        }
        None => missing(shared, engine, person),
    }
}

fn page(shared: &Shared, engine: &Engine, person: &Caller, template: &str, mut view: view::View) -> Reply {
    view.extend(view::frame(engine, person, &shared.form_token));
    match render(template, view) {
        Ok(html) => Reply::html(StatusCode::OK, html),
        Err(error) => {
            tracing::error!(%error, template, "a page of the simulated instance cannot be rendered");
            Reply::html(StatusCode::INTERNAL_SERVER_ERROR, "this page cannot be rendered")
        }
    }
}

fn missing(shared: &Shared, engine: &Engine, person: &Caller) -> Reply {
    Reply { status: StatusCode::NOT_FOUND, ..page(shared, engine, person, "missing.html", view::View::new()) }
}

/// A button was pressed.
fn press(shared: &Shared, request: &Request) -> Reply {
    let form: HashMap<String, String> = url::form_urlencoded::parse(&request.body).into_owned().collect();
    if form.get("token") != Some(&shared.form_token) {
        return Reply::html(
            StatusCode::FORBIDDEN,
            "this form is of another start of the instance: load the page again",
        );
    }
    let route = request.route();
    match route.as_slice() {
        ["person"] => {
            let name: String = form
                .get("person")
                .map(|name| name.chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).collect())
                .unwrap_or_default();
            // Back to a page of this instance, whatever the form says.
            let back = form.get("back").filter(|back| serves(back) && !back.starts_with("/page/"));
            seen_other(back.map_or("/", String::as_str))
                .with("set-cookie", format!("{COOKIE}={name}; Path=/; HttpOnly; SameSite=Strict"))
        }
        ["change", id, act] => {
            let mut engine = shared.engine();
            let person = person(&engine, request);
            let done = match Act::read(act, &form) {
                Some(act) => act.perform(&mut engine, &person, id).map_err(|refusal| act::explain(&refusal)),
                None => Err("no such button".into()),
            };
            let reply = match done {
                Ok(()) => seen_other(&format!("/change/{id}")),
                Err(error) => change(shared, &engine, &person, id, Some(error)),
            };
            drop(engine);
            shared.changed();
            reply
        }
        _ => Reply::empty(StatusCode::NOT_FOUND),
    }
}

fn seen_other(to: &str) -> Reply {
    Reply::empty(StatusCode::SEE_OTHER).with("location", to)
}
