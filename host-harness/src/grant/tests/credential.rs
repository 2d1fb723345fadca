//! Who the host is to ServiceNow, and that it keeps it to itself.

use super::client;
use super::site::Site;
use crate::grant::credential::Authorization;
use crate::grant::{AuditLog, Credential, CredentialError, Egress, Grant};
use crate::runtime::limits::{CREDENTIAL_BYTES, Limits};
use http::StatusCode;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use wasmtime_wasi_http::Error;

/// A credential in a file, and the way to a site.
struct Party {
    file: tempfile::NamedTempFile,
    credential: Arc<Credential>,
    client: reqwest::Client,
    egress: Egress,
}

impl Party {
    fn new(site: &Site, secret: &str) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        let credential = Arc::new(Credential::parse(&format!("sn=file:{}", file.path().display())).unwrap());
        let egress = Egress::to(&site.url()).unwrap();
        let client = client(&egress, None, None).unwrap();
        let party = Self { file, credential, client, egress };
        party.rotate(secret);
        party
    }

    fn rotate(&self, secret: &str) {
        write(self.file.path(), secret);
    }

    async fn authorization(&self) -> Result<Authorization, CredentialError> {
        self.credential.authorization(&self.client, &self.egress).await
    }

    async fn after(&self, refused: &Authorization) -> Result<Option<Authorization>, CredentialError> {
        self.credential.after_refusal(refused, &self.client, &self.egress).await
    }
}

fn write(path: &Path, text: &str) {
    std::fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn sent(authorization: &Authorization) -> String {
    format!("{}: {}", authorization.header, authorization.value.to_str().unwrap())
}

const CLIENT: &str = r#"{"client-id": "id&1", "client-secret": "secret=one"}"#;

#[tokio::test]
async fn basic_authentication_and_api_keys_are_sent_as_servicenow_wants_them() {
    let site = Site::start().await;
    let basic = Party::new(&site, r#"{"user": "itsm", "password": "pässword"}"#);
    assert_eq!(sent(&basic.authorization().await.unwrap()), "authorization: Basic aXRzbTpww6Rzc3dvcmQ=");
    let key = Party::new(&site, r#"{"api-key": "now_abc"}"#);
    assert_eq!(sent(&key.authorization().await.unwrap()), "x-sn-apikey: now_abc");
    assert!(site.seen("/").is_empty());
}

#[tokio::test]
async fn a_token_is_fetched_once_however_many_ask_at_once() {
    let site = Site::start().await;
    let party = Arc::new(Party::new(&site, CLIENT));
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let party = Arc::clone(&party);
            tokio::spawn(async move { sent(&party.authorization().await.unwrap()) })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), "authorization: Bearer token-number-1");
    }
    let asked = site.seen("/oauth_token.do");
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].body, "grant_type=client_credentials&client_id=id%261&client_secret=secret%3Done");
}

#[tokio::test]
async fn a_token_is_fetched_anew_before_it_expires() {
    let site = Site::start().await;
    site.token_life(0);
    let party = Party::new(&site, CLIENT);
    assert_eq!(sent(&party.authorization().await.unwrap()), "authorization: Bearer token-number-1");
    assert_eq!(sent(&party.authorization().await.unwrap()), "authorization: Bearer token-number-2");
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_for_all_who_sent_it() {
    let site = Site::start().await;
    let party = Party::new(&site, CLIENT);
    let old = party.authorization().await.unwrap();
    for _ in 0..3 {
        let new = party.after(&old).await.unwrap().unwrap();
        assert_eq!(sent(&new), "authorization: Bearer token-number-2");
    }
    assert_eq!(site.seen("/oauth_token.do").len(), 2);
}

#[tokio::test]
async fn a_rotated_password_needs_no_restart_and_a_wrong_one_is_not_tried_twice() {
    let site = Site::start().await;
    let party = Party::new(&site, r#"{"user": "itsm", "password": "before"}"#);
    let old = party.authorization().await.unwrap();
    assert!(party.after(&old).await.unwrap().is_none(), "the same again could lock the account");
    party.rotate(r#"{"user": "itsm", "password": "after"}"#);
    let now = party.authorization().await.unwrap();
    let new = party.after(&now).await.unwrap().unwrap();
    assert_eq!(sent(&new), "authorization: Basic aXRzbTphZnRlcg==");
}

#[tokio::test]
async fn a_refused_client_is_for_the_administrator_and_a_sleeping_instance_for_later() {
    let site = Site::start().await;
    let party = Party::new(&site, CLIENT);
    site.token_reply(StatusCode::UNAUTHORIZED, r#"{"error_description":"access_denied","error":"server_error"}"#);
    let error = party.authorization().await.err().unwrap();
    assert!(error.to_string().contains("401 Unauthorized (server_error)"), "{error}");
    let told = error.to_guest().unwrap();
    assert_eq!(told.status(), StatusCode::UNAUTHORIZED, "the guest is told as ServiceNow tells it");
    let body = String::from_utf8_lossy(told.body()).into_owned();
    assert!(body.contains("The token endpoint refused the client") && body.contains("server_error"), "{body}");
    site.token_reply(StatusCode::BAD_REQUEST, r#"{"error":"no client has secret=one"}"#);
    let error = party.authorization().await.err().unwrap();
    assert!(!format!("{error} {error:?} {:?}", error.to_guest()).contains("secret=one"), "the instance is not quoted");
    for (status, body) in [
        (StatusCode::OK, "<html>Instance Hibernating page</html>"),
        (StatusCode::OK, r#"{"access_token": ""}"#),
        (StatusCode::OK, r#"{"access_token": "in two\nlines"}"#),
        (StatusCode::SERVICE_UNAVAILABLE, ""),
    ] {
        site.token_reply(status, body);
        let error = party.authorization().await.err().unwrap();
        assert!(matches!(error, CredentialError::Unavailable { .. }), "{error}");
        assert!(matches!(error.to_guest(), Err(Error::DestinationUnavailable)));
    }
}

#[tokio::test]
async fn an_unreachable_token_endpoint_has_the_connections_own_error() {
    let site = Site::start().await;
    let mut party = Party::new(&site, CLIENT);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    party.egress = Egress::to(&format!("http://{closed}")).unwrap();
    let error = party.authorization().await.err().unwrap();
    assert!(matches!(error.to_guest(), Err(Error::ConnectionRefused)), "{error}");
}

#[tokio::test]
async fn whoever_waits_for_a_token_that_never_comes_is_told_so() {
    let site = Site::start().await;
    site.token_is_silent(true);
    let party = Party::new(&site, CLIENT);
    let folder = tempfile::tempdir().unwrap();
    let log = Arc::new(AuditLog::open(&folder.path().join("audit.jsonl")).unwrap());
    let half = Duration::from_millis(50);
    let limits = Limits { connect_timeout: half, reply_timeout: half, ..Limits::default() };
    let source = format!("sn=file:{}", party.file.path().display());
    let grant = Grant::builder("{}", party.egress.clone(), log).limits(&limits);
    let grant = grant.credential(Credential::parse(&source).unwrap()).build().unwrap();
    // What the host reads for itself, as well as what it sends for a guest.
    let error = grant.read("/api/now/table/incident", 1024).await.unwrap_err();
    assert!(error.to_string().contains("gave no token for the credential `sn` within 100ms"), "{error}");
    assert!(site.seen("/api/").is_empty());
}

/// The instance's administrator replaces the secret first, and a token lives on until it expires.
#[tokio::test]
async fn a_client_secret_that_was_rotated_while_its_token_lived_is_read_again() {
    let site = Site::start().await;
    site.token_life(0);
    let party = Party::new(&site, CLIENT);
    assert_eq!(sent(&party.authorization().await.unwrap()), "authorization: Bearer token-number-1");
    site.client_secret("secret=two");
    assert!(
        matches!(party.authorization().await, Err(CredentialError::TokenRefused { .. })),
        "not yet where it is read"
    );
    party.rotate(&CLIENT.replace("secret=one", "secret=two"));
    assert!(party.authorization().await.is_ok());
    // And where it is there before the first refusal.
    site.client_secret("secret=three");
    party.rotate(&CLIENT.replace("secret=one", "secret=three"));
    assert!(party.authorization().await.is_ok(), "no event fails for it");
}

#[test]
fn what_is_no_credential_is_said_without_quoting_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let credential = Credential::parse(&format!("sn=file:{}", file.path().display())).unwrap();
    for text in [
        "hunter22",
        r#"{"user": "hunter22"}"#,
        r#"{"user": "hunter22", "password": "hunter22", "api-key": "hunter22"}"#,
        r#"{"user": 1, "password": "hunter22"}"#,
        r#"{"hunter22": 1}"#,
    ] {
        write(file.path(), text);
        let error = credential.check().unwrap_err();
        assert!(matches!(error, CredentialError::Format { .. }));
        assert!(!format!("{error} {error:?}").contains("hunter22"), "{error:?}");
    }
    assert!(!format!("{credential:?}").contains("hunter22"));
}

#[test]
fn a_source_that_is_not_there_is_named() {
    let missing = Credential::parse("sn=env:ITSM_NOT_SET").unwrap().check().unwrap_err();
    assert!(missing.to_string().contains("ITSM_NOT_SET"));
    let missing = Credential::parse("sn=file:/nowhere").unwrap().check().unwrap_err();
    assert!(missing.to_string().contains("/nowhere"));
    for text in
        ["", "sn", "sn=", "sn=env:", "=env:X", "sn=vault:X", "sn=hunter22", "sn=env:hunter22-x", "sn=file:{hunter22}"]
    {
        let error = Credential::parse(text).err().unwrap();
        assert!(!error.to_string().contains("hunter22"));
    }
}

#[tokio::test]
async fn what_is_larger_than_a_credential_or_a_token_is_not_read() {
    let file = tempfile::NamedTempFile::new().unwrap();
    write(file.path(), &format!(r#"{{"api-key": "{}"}}"#, "k".repeat(CREDENTIAL_BYTES)));
    let credential = Credential::parse(&format!("sn=file:{}", file.path().display())).unwrap();
    let error = credential.check().unwrap_err();
    assert!(format!("{error:?} {error}").contains("it is larger than 65536 bytes"), "{error:?}");

    let site = Site::start().await;
    site.token_reply(StatusCode::OK, &" ".repeat(CREDENTIAL_BYTES + 1));
    let error = Party::new(&site, CLIENT).authorization().await.err().unwrap();
    assert!(error.to_string().contains("its reply is larger than 65536 bytes"), "{error}");
}

#[tokio::test]
async fn what_is_sent_cannot_be_printed() {
    let site = Site::start().await;
    let party = Party::new(&site, r#"{"user": "itsm", "password": "hunter22"}"#);
    let authorization = party.authorization().await.unwrap();
    assert!(authorization.value.is_sensitive());
    assert_eq!(format!("{:?}", authorization.value), "Sensitive");
}
