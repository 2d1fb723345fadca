//! The hook that sends: judges a request, adds the credential, sends it, and takes out of the reply what the guest must
//! not see.

use super::audit::{Note, Who};
use super::client::{chain, error_of, prohibited};
use super::credential::Authorization;
use super::observer::{Exchange, Outcome};
use super::scrub::scrub;
use super::{Denial, Grant, Prohibited, Reason, headers};
use crate::runtime::limits::Limit;
use crate::runtime::{End, Held, Meter, caught};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, Request, Response, StatusCode, header, uri::Scheme};
use http_body_util::{BodyExt as _, Full};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use wasmtime_wasi_http::{Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks};

/// Less than this, a guest's timeout is taken for this: zero would mean never to ask.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(1);
/// Bytes of one write to a request's body. What is written and not yet taken is at most two of these.
const CHUNK: usize = 64 * 1024;

/// The way out of one call.
pub(crate) struct Outgoing {
    pub(crate) grant: Arc<Grant>,
    pub(crate) meter: Arc<Meter>,
    /// The delivery key of the event.
    pub(crate) key: Option<String>,
}

type Answer = (Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

impl WasiHttpHooks for Outgoing {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        headers::is_forbidden(name)
    }

    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(headers::is_forbidden)
    }

    fn is_supported_scheme(&mut self, _: &Scheme) -> bool {
        // Judged with the rest of the URI, so that a denial is one, and in the log.
        true
    }

    fn set_host_header(&mut self) -> bool {
        // Written from the granted origin, never from what the guest calls it.
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Answer, Error>> + Send> {
        let sending = Sending {
            grant: Arc::clone(&self.grant),
            meter: Arc::clone(&self.meter),
            key: self.key.clone(),
            options: options.unwrap_or_default(),
        };
        Box::new(async move {
            // The task is not the call's own: it is told of a panic, so as not to panic over it.
            let reply = caught(sending.run(request)).await.unwrap_or_else(|panicked| {
                sending.meter.end(End::Host(panicked));
                Err(Error::InternalError(None))
            })?;
            let done: Box<dyn Future<Output = Result<(), Error>> + Send> = Box::new(async { Ok(()) });
            let body = |bytes| Full::new(bytes).map_err(|never| match never {}).boxed_unsync();
            Ok((reply.map(body), done))
        })
    }
}

/// One request on its way.
struct Sending {
    grant: Arc<Grant>,
    meter: Arc<Meter>,
    key: Option<String>,
    options: RequestOptions,
}

impl Sending {
    async fn run(&self, request: Request<WasiBody>) -> Result<Response<Bytes>, Error> {
        if !self.meter.exchange() {
            return Err(Error::HttpRequestDenied);
        }
        let began = Instant::now();
        let (parts, body) = request.into_parts();
        let verdict = self.grant.egress.judge(&parts.method, &parts.uri);
        // Taken in any case: a guest that is still writing when its request is refused would see a broken pipe, not why.
        let mut held = self.meter.hold();
        let body = self.collect(body, &mut held).await?;
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let mut exchange = Exchange {
            key: self.key.clone(),
            method: parts.method.clone(),
            target,
            outcome: Outcome::Failed(String::new()),
            request_bytes: body.len(),
            took: Duration::ZERO,
        };
        if let Err(denial) = verdict {
            self.log_denial(&denial)?;
            exchange.outcome = Outcome::Denied(denial);
            self.grant.observe(|observer| observer.exchanged(&exchange));
            return Err(Error::HttpRequestDenied);
        }
        let waiting = self.meter.waiting();
        let outcome = self.exchange(&parts, body, &exchange.target).await;
        drop((waiting, held));
        exchange.took = began.elapsed();
        exchange.outcome = match &outcome {
            Ok(reply) => Outcome::Answered {
                status: reply.status(),
                headers: reply.headers().clone(),
                bytes: reply.body().len(),
            },
            Err(Failed { prohibited: Some(prohibited), .. }) => {
                let denial = Denial::of(&parts.method, &parts.uri, Reason::Address(prohibited.clone()));
                self.log_denial(&denial)?;
                Outcome::Denied(denial)
            }
            Err(failed) => Outcome::Failed(failed.why.clone()),
        };
        self.grant.observe(|observer| observer.exchanged(&exchange));
        outcome.or_else(|failed| *failed.told)
    }

    /// The whole of a request's body, within its limits.
    async fn collect(&self, mut body: WasiBody, held: &mut Held) -> Result<Bytes, Error> {
        let limits = &self.meter.limits;
        let over = |limit| {
            self.meter.end(End::Limit(limit));
            Error::HttpRequestBodySize(u64::try_from(limits.request_bytes).ok())
        };
        let mut whole = BytesMut::new();
        let mut frames = 0;
        while let Some(frame) = body.frame().await {
            // Empty ones count too: they cost as much to pass on.
            frames += 1;
            if frames > limits.request_frames {
                return Err(over(Limit::RequestFrames));
            }
            match frame?.into_data() {
                Ok(piece) if whole.len() + piece.len() > limits.request_bytes => return Err(over(Limit::RequestBytes)),
                Ok(piece) if !held.add(piece.len()) => return Err(over(Limit::HeldBytes)),
                Ok(piece) => whole.extend_from_slice(&piece),
                // No REST API of ServiceNow reads trailers.
                Err(_) => return Err(Error::HttpRequestTrailerSectionSize(Some(0))),
            }
        }
        Ok(whole.freeze())
    }

    async fn exchange(
        &self,
        parts: &http::request::Parts,
        body: Bytes,
        target: &str,
    ) -> Result<Response<Bytes>, Failed> {
        let Grant { egress, client, credential, .. } = &*self.grant;
        // The granted origin and the judged target: nothing else of what the guest wrote.
        let url = format!("{}{target}", egress.origin());
        let mut request = client.request(parts.method.clone(), url).body(body).build().map_err(Failed::sending)?;
        // The client's reader of URLs is another than the one that was judged by: what it made of it is judged again.
        let same = request.url().as_str().parse().is_ok_and(|uri| egress.judge(&parts.method, &uri).is_ok());
        if !same {
            return Err(Failed::new(Error::HttpRequestUriInvalid, "its URL has two readings"));
        }
        for (name, value) in &parts.headers {
            if !headers::is_forbidden(name) && !headers::is_dropped(name) {
                request.headers_mut().append(name, value.clone());
            }
        }
        let Some(credential) = credential else {
            return self.send(request, None, None).await;
        };
        let unavailable = |error| self.no_credential(&error);
        let authorization = credential.authorization(client, egress).await.map_err(unavailable)?;
        let again = request.try_clone();
        let reply = self.send(request, Some(&authorization), None).await?;
        let (StatusCode::UNAUTHORIZED, Some(again)) = (reply.status(), again) else {
            return Ok(reply);
        };
        match credential.after_refusal(&authorization, client, egress).await.map_err(unavailable)? {
            Some(renewed) => self.send(again, Some(&renewed), Some(&authorization)).await,
            None => Ok(reply),
        }
    }

    /// Sends it with this authorization. Where it is sent for the second time, the reply may tell of the `refused` one too.
    async fn send(
        &self,
        mut request: reqwest::Request,
        authorization: Option<&Authorization>,
        refused: Option<&Authorization>,
    ) -> Result<Response<Bytes>, Failed> {
        let limits = &self.meter.limits;
        if let Some(Authorization { header, value, .. }) = authorization {
            request.headers_mut().insert(header, value.clone());
        }
        let clamp =
            |asked: Option<Duration>, most: Duration| asked.map_or(most, |asked| asked.clamp(SHORTEST_TIMEOUT, most));
        let connecting = clamp(self.options.connect_timeout, limits.connect_timeout);
        let first = connecting + clamp(self.options.first_byte_timeout, limits.reply_timeout);
        let between = clamp(self.options.between_bytes_timeout, limits.read_timeout);
        let mut reply = timeout(first, self.grant.client.execute(request))
            .await
            .map_err(|_| Failed::new(Error::HttpResponseTimeout, format!("no reply within {first:?}")))?
            .map_err(Failed::sending)?;
        let sent = authorization.into_iter().chain(refused);
        let secrets: Vec<&str> = sent.flat_map(|sent| sent.secrets.iter().map(|secret| secret.as_str())).collect();
        let (status, headers) = (reply.status(), self.reply_headers(reply.headers(), &secrets)?);
        let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
        if let Some(coding) = codings.find(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            // None was asked for, and no secret is found in it.
            let coding = String::from_utf8_lossy(coding.as_bytes()).into_owned();
            let why = format!("the reply is encoded ({coding}), which nobody asked for");
            return Err(Failed::new(Error::HttpResponseContentCoding(Some(coding)), why));
        }
        let mut body = BytesMut::new();
        let mut held = self.meter.hold();
        let mut frames = 0;
        loop {
            let piece = timeout(between, reply.chunk())
                .await
                .map_err(|_| {
                    let why = format!("nothing more of the reply within {between:?}");
                    Failed::new(Error::ConnectionReadTimeout, why)
                })?
                .map_err(Failed::sending)?;
            let Some(piece) = piece else { break };
            frames += 1;
            if frames > limits.reply_frames || body.len() + piece.len() > limits.reply_bytes {
                let why = format!("the reply is larger than {} bytes, or in too many pieces", limits.reply_bytes);
                return Err(Failed::new(Error::HttpResponseBodySize(u64::try_from(limits.reply_bytes).ok()), why));
            }
            if !held.add(piece.len()) {
                let why = format!("with it more than {} bytes were held for the call", limits.held_bytes);
                return Err(Failed::new(Error::InternalError(None), why));
            }
            body.extend_from_slice(&piece);
        }
        scrub(&mut body, &secrets);
        let mut response = Response::new(held.whole(body.freeze()));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }

    /// A reply's header fields without those that are the host's alone, and without secrets.
    fn reply_headers(&self, sent: &HeaderMap, secrets: &[impl AsRef<str>]) -> Result<HeaderMap, Failed> {
        let most = self.meter.limits.reply_header_bytes;
        let bytes: usize = sent.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if bytes > most {
            let why = format!("the reply's header fields are larger than {most} bytes");
            return Err(Failed::new(Error::HttpResponseHeaderSectionSize(u32::try_from(bytes).ok()), why));
        }
        let mut kept = HeaderMap::new();
        for (name, value) in sent {
            let mut shown = name.as_str().as_bytes().to_vec();
            scrub(&mut shown, secrets);
            if headers::is_forbidden(name) || shown != name.as_str().as_bytes() {
                continue;
            }
            let mut text = value.as_bytes().to_vec();
            scrub(&mut text, secrets);
            // Stars in place of valid characters are valid.
            if let Ok(value) = http::HeaderValue::from_bytes(&text) {
                kept.append(name, value);
            }
        }
        Ok(kept)
    }

    fn no_credential(&self, error: &super::CredentialError) -> Failed {
        let why = error.to_string();
        if let super::CredentialError::Prohibited { why: prohibited, .. } = error {
            // A denial, which is logged as one.
            return Failed { told: Box::new(error.to_guest()), why, prohibited: Some(prohibited.clone()) };
        }
        match self.log(Note::new("credential.unavailable").with("why", &why)) {
            Ok(()) => Failed { told: Box::new(error.to_guest()), why, prohibited: None },
            Err(error) => Failed::new(error, why),
        }
    }

    fn log_denial(&self, denial: &Denial) -> Result<(), Error> {
        let note = Note::new("egress.denied").with("method", &denial.method).with("target", &denial.target);
        self.log(note.with("why", denial.why.to_string()))
    }

    /// A plugin whose doings cannot be logged does not go on.
    fn log(&self, note: Note) -> Result<(), Error> {
        let note = Note { key: self.key.clone(), ..note };
        self.grant.audit.note(Who::Host, note).map(drop).map_err(|error| {
            self.meter.end(End::Host(error.to_string()));
            Error::InternalError(None)
        })
    }
}

/// A request that was not answered.
struct Failed {
    /// What the guest gets.
    told: Box<Result<Response<Bytes>, Error>>,
    /// For people.
    why: String,
    /// Where its host leads, if that is why.
    prohibited: Option<Prohibited>,
}

impl Failed {
    fn new(error: Error, why: impl Into<String>) -> Self {
        Self { told: Box::new(Err(error)), why: why.into(), prohibited: None }
    }

    fn sending(error: reqwest::Error) -> Self {
        Self { prohibited: prohibited(&error).cloned(), ..Self::new(error_of(&error), chain(&error)) }
    }
}
