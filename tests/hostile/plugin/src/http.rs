//! Requests of every kind.

use std::fmt::Write as _;
use wasi::http::outgoing_handler;
use wasi::http::types::{
    ErrorCode, Fields, IncomingBody, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
};
use wasi::io::streams::StreamError;

pub fn send(method: &str, scheme: &str, authority: &str, path: &str, headers: &[&str]) -> String {
    let fields = Fields::new();
    for header in headers {
        let (name, value) = header.split_once('=').unwrap_or((header, ""));
        if let Err(error) = fields.append(name, value.as_bytes()) {
            return format!("{error:?}");
        }
    }
    match request(method, scheme, authority, path, fields) {
        Ok(request) => finish(request, None),
        Err(part) => format!("invalid {part}"),
    }
}

pub fn hurried(nanoseconds: u64, authority: &str, path: &str) -> String {
    let options = RequestOptions::new();
    let _ = options.set_connect_timeout(Some(nanoseconds));
    let _ = options.set_first_byte_timeout(Some(nanoseconds));
    let _ = options.set_between_bytes_timeout(Some(nanoseconds));
    match request("GET", "http", authority, path, Fields::new()) {
        Ok(request) => finish(request, Some(options)),
        Err(part) => format!("invalid {part}"),
    }
}

pub fn request(
    method: &str,
    scheme: &str,
    authority: &str,
    path: &str,
    fields: Fields,
) -> Result<OutgoingRequest, String> {
    let method = match method {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "CONNECT" => Method::Connect,
        "TRACE" => Method::Trace,
        other => Method::Other(other.into()),
    };
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.into()),
    };
    let request = OutgoingRequest::new(fields);
    let named = |part: &'static str| move |()| part.to_owned();
    request.set_method(&method).map_err(named("method"))?;
    request.set_scheme(Some(&scheme)).map_err(named("scheme"))?;
    request.set_authority(Some(authority)).map_err(named("authority"))?;
    request.set_path_with_query(Some(path)).map_err(named("path"))?;
    Ok(request)
}

fn finish(request: OutgoingRequest, options: Option<RequestOptions>) -> String {
    reply(outgoing_handler::handle(request, options)).unwrap_or_else(|error| format!("{error:?}"))
}

pub type Future = wasi::http::types::FutureIncomingResponse;

fn reply(future: Result<Future, ErrorCode>) -> Result<String, ErrorCode> {
    let future = future?;
    future.subscribe().block();
    let Some(Ok(reply)) = future.get() else { return Ok("no reply".into()) };
    let reply = reply?;
    let mut report = reply.status().to_string();
    for (name, value) in reply.headers().entries() {
        let _ = write!(report, " {name}={}", String::from_utf8_lossy(&value));
    }
    let Ok(body) = reply.consume() else { return Ok("no body".into()) };
    let Ok(stream) = body.stream() else { return Ok("no stream".into()) };
    let mut content = Vec::new();
    loop {
        match stream.blocking_read(64 * 1024) {
            Ok(piece) => content.extend(piece),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => {
                return match wasi::http::types::http_error_code(&error) {
                    Some(code) => Err(code),
                    None => Ok(error.to_debug_string()),
                };
            }
        }
    }
    drop(stream);
    drop(IncomingBody::finish(body));
    let _ = write!(report, " {}", String::from_utf8_lossy(&content));
    Ok(report)
}

pub fn post(authority: &str, path: &str, bytes: usize) -> String {
    let Ok(request) = request("POST", "http", authority, path, Fields::new()) else { return "invalid".into() };
    let Ok(body) = request.body() else { return "no body".into() };
    let future = outgoing_handler::handle(request, None);
    if let Ok(stream) = body.write() {
        let piece = vec![b'x'; 4096];
        let mut left = bytes;
        while left > 0 {
            let now = left.min(piece.len());
            if stream.blocking_write_and_flush(&piece[..now]).is_err() {
                break;
            }
            left -= now;
        }
    }
    let _ = OutgoingBody::finish(body, None);
    reply(future).unwrap_or_else(|error| format!("{error:?}"))
}

pub fn flood(authority: &str, path: &str) -> String {
    let Ok(request) = request("POST", "http", authority, path, Fields::new()) else { return "invalid".into() };
    let Ok(body) = request.body() else { return "no body".into() };
    let _future = outgoing_handler::handle(request, None);
    let Ok(stream) = body.write() else { return "no stream".into() };
    loop {
        let pollable = stream.subscribe();
        pollable.block();
        match stream.check_write() {
            Ok(0) => {}
            Ok(_) => {
                if let Err(error) = stream.write(&[]) {
                    return format!("{error:?}");
                }
            }
            Err(error) => return format!("{error:?}"),
        }
    }
}

pub fn header(name: &str, value: &str) -> String {
    let fields = Fields::new();
    let appended = fields.append(name, value.as_bytes());
    let set = fields.set(name, &[value.as_bytes().to_vec()]);
    let listed = Fields::from_list(&[(name.to_owned(), value.as_bytes().to_vec())]).map(drop);
    format!("{appended:?} {set:?} {listed:?}")
}

pub fn headers(count: usize) -> String {
    let fields = Fields::new();
    for number in 0..count {
        if let Err(error) = fields.append(&format!("x-{number}"), b"value") {
            return format!("{error:?}");
        }
    }
    "set".into()
}
