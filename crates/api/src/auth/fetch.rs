//! Calls to the operator's own token issuer: one deadline, a bounded answer, no redirects, no
//! proxy from the environment.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, RequestBuilder, redirect};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// How long one call may take, from DNS to the last byte of the answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why the roots of `egress.ca_file` cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// The file cannot be read.
    #[error("{0} cannot be read: {1}")]
    Unreadable(PathBuf, io::Error),
    /// It holds something else than certificates.
    #[error("{0} is no PEM file of certificates: {1}")]
    NoCertificates(PathBuf, String),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// Calls the issuer.
#[derive(Clone)]
pub(super) struct Fetcher(Client);

impl Fetcher {
    /// Trusts the public roots, and those in the PEM file `ca_file`.
    pub(super) fn new(ca_file: Option<&Path>) -> Result<Self, FetchError> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(path) = ca_file {
            add_roots(&mut roots, path)?;
        }
        let tls = |error: &dyn std::error::Error| FetchError::Tls(error.to_string());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| tls(&error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = Client::builder()
            .tls_backend_preconfigured(config)
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| tls(&error))?;
        Ok(Self(client))
    }

    /// A call that fetches.
    pub(super) fn get(&self, url: &str) -> RequestBuilder {
        self.0.get(url)
    }

    /// A call that asks with a body.
    pub(super) fn post(&self, url: &str) -> RequestBuilder {
        self.0.post(url)
    }
}

/// Sends a call and reads the body of its 200, which may have at most `limit` bytes.
///
/// # Errors
/// Says what went wrong, without what was sent.
pub(super) async fn body(call: RequestBuilder, limit: usize) -> Result<Vec<u8>, String> {
    let mut answer = call.header("Accept", "application/json").send().await.map_err(words)?;
    if answer.status() != 200 {
        return Err(format!("it answered {}", answer.status()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(words)? {
        body.extend_from_slice(&chunk);
        if body.len() > limit {
            return Err(format!("its answer has more than {limit} bytes"));
        }
    }
    Ok(body)
}

/// The innermost cause, which names neither URL nor credentials.
fn words(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("it did not answer within {} s", TIMEOUT.as_secs());
    }
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

fn add_roots(roots: &mut RootCertStore, path: &Path) -> Result<(), FetchError> {
    let invalid = |reason: String| FetchError::NoCertificates(path.into(), reason);
    let pem = std::fs::read(path).map_err(|error| FetchError::Unreadable(path.into(), error))?;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| invalid(error.to_string()))?;
        roots.add(certificate).map_err(|error| invalid(error.to_string()))?;
    }
    Ok(())
}
