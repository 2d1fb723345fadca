//! Sends requests over `wasi:http`, to the origin that the settings name. The host judges it, adds the credential, and
//! sets the timeouts.

use crate::settings::{Origin, Settings};
use crate::transport::{Method, Request, Response, SendError, Transport};
use wasi::http::outgoing_handler;
use wasi::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingResponse, Method as HttpMethod, OutgoingBody, OutgoingRequest, Scheme,
};
use wasi::io::streams::{InputStream, StreamError};

/// Bytes written at once: what `blocking-write-and-flush` takes.
const WRITE_CHUNK: usize = 4096;

/// Bytes read at once.
const READ_CHUNK: u64 = 64 * 1024;

/// The way to one origin.
pub struct Http {
    origin: Option<Origin>,
}

impl Http {
    /// To the origin that the settings name. Settings that cannot be read are told by whoever reads them next.
    pub fn new(settings: &str) -> Self {
        Self { origin: Settings::parse(settings).ok().map(|settings| settings.instance.url) }
    }
}

impl Transport for Http {
    fn send(&self, request: &Request) -> Result<Response, SendError> {
        let origin = self.origin.as_ref().ok_or(SendError::Denied)?;
        let outgoing = outgoing(origin, request)?;
        let body = outgoing.body().map_err(|()| unexpected("body"))?;
        let reply = outgoing_handler::handle(outgoing, None).map_err(refused)?;
        write(body, &request.body)?;
        reply.subscribe().block();
        let reply = reply.get().ok_or_else(|| unexpected("reply"))?.map_err(|()| unexpected("reply"))?;
        read(reply.map_err(refused)?)
    }
}

fn outgoing(origin: &Origin, request: &Request) -> Result<OutgoingRequest, SendError> {
    let headers = Fields::new();
    let set = |name: &str, value: &str| headers.append(name, value.as_bytes()).map_err(|_| unexpected(name));
    set("accept", "application/json")?;
    if let Some(kind) = &request.content_type {
        set("content-type", kind)?;
        set("content-length", &request.body.len().to_string())?;
    }
    let outgoing = OutgoingRequest::new(headers);
    let method = match request.method {
        Method::Get => HttpMethod::Get,
        Method::Post => HttpMethod::Post,
        Method::Patch => HttpMethod::Patch,
        Method::Delete => HttpMethod::Delete,
    };
    let scheme = if origin.is_https { Scheme::Https } else { Scheme::Http };
    outgoing.set_method(&method).map_err(|()| unexpected("method"))?;
    outgoing.set_scheme(Some(&scheme)).map_err(|()| unexpected("scheme"))?;
    outgoing.set_authority(Some(&origin.authority)).map_err(|()| unexpected("authority"))?;
    outgoing.set_path_with_query(Some(&request.target)).map_err(|()| unexpected("path"))?;
    Ok(outgoing)
}

fn write(body: OutgoingBody, content: &[u8]) -> Result<(), SendError> {
    if !content.is_empty() {
        let stream = body.write().map_err(|()| unexpected("body"))?;
        for chunk in content.chunks(WRITE_CHUNK) {
            // A host that has answered already, such as with a denial, stops reading: its answer says why.
            if stream.blocking_write_and_flush(chunk).is_err() {
                break;
            }
        }
    }
    // An error here is told by the reply, too.
    let _ = OutgoingBody::finish(body, None);
    Ok(())
}

fn read(reply: IncomingResponse) -> Result<Response, SendError> {
    let status = reply.status();
    let headers = reply.headers().entries();
    let headers = headers
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), String::from_utf8_lossy(&value).into_owned()))
        .collect();
    let body = reply.consume().map_err(|()| unexpected("body"))?;
    let stream = body.stream().map_err(|()| unexpected("body"))?;
    let content = read_all(&stream)?;
    drop(stream);
    drop(IncomingBody::finish(body));
    Ok(Response { status, headers, body: content })
}

fn read_all(stream: &InputStream) -> Result<Vec<u8>, SendError> {
    let mut content = Vec::new();
    loop {
        match stream.blocking_read(READ_CHUNK) {
            Ok(chunk) => content.extend(chunk),
            Err(StreamError::Closed) => return Ok(content),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(match wasi::http::types::http_error_code(&error) {
                    Some(code) => refused(code),
                    None => SendError::Lost(error.to_debug_string()),
                });
            }
        }
    }
}

fn refused(code: ErrorCode) -> SendError {
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => SendError::Denied,
        ErrorCode::ConfigurationError => SendError::NoCredential,
        ErrorCode::HttpResponseBodySize(_) | ErrorCode::HttpResponseHeaderSectionSize(_) => SendError::TooLarge,
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout
        | ErrorCode::DnsTimeout => SendError::TimedOut,
        other => SendError::Lost(words(&other).into()),
    }
}

/// What the host's error means, for a person who looks at the instance, the network between, or the host.
fn words(code: &ErrorCode) -> &'static str {
    match code {
        ErrorCode::DnsError(_) => "its name cannot be resolved",
        ErrorCode::ConnectionRefused => "nobody listens at its port",
        ErrorCode::ConnectionTerminated => "the connection was closed before the reply",
        ErrorCode::ConnectionLimitReached => "the host has too many connections",
        ErrorCode::DestinationNotFound | ErrorCode::DestinationIpUnroutable => "no route leads to it",
        ErrorCode::DestinationUnavailable => "it, its token endpoint or the proxy is not available",
        ErrorCode::TlsCertificateError => "its certificate is not trusted: a CA bundle of the host's may be missing",
        ErrorCode::TlsProtocolError | ErrorCode::TlsAlertReceived(_) => "TLS could not be agreed on",
        ErrorCode::HttpResponseIncomplete => "the reply broke off",
        ErrorCode::HttpProtocolError => "what came back is no HTTP",
        _ => "the host's audit log or its own output says why",
    }
}

/// What the host's own interfaces rule out.
fn unexpected(what: &str) -> SendError {
    SendError::Lost(format!("the host did not take the request's {what}"))
}
