//! TLS with a certificate made at each start, for clients that speak nothing else.

use std::io;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

/// The names that the certificate is good for.
const NAMES: [&str; 2] = ["127.0.0.1", "localhost"];

/// What is needed to speak TLS.
pub(crate) struct Tls {
    /// Takes connections.
    pub acceptor: TlsAcceptor,
    /// The certificate in PEM, for clients to trust.
    pub certificate: String,
}

impl Tls {
    /// Makes a certificate for loopback, signed by itself.
    pub fn fresh() -> io::Result<Tls> {
        let made = rcgen::generate_simple_self_signed(NAMES.map(str::to_owned)).map_err(io::Error::other)?;
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .map_err(io::Error::other)?;
        Ok(Tls { acceptor: TlsAcceptor::from(Arc::new(config)), certificate: made.cert.pem() })
    }
}
