//! TLS to receivers: one shared configuration, and failures in words.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use stayhook_core::{Fault, FaultClass, Host};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::CourierError;
use crate::trust::{Unvouched, Verifier};

/// How many receivers' sessions are remembered: a resumed handshake costs a fraction of a full one.
const SESSIONS: usize = 8192;

/// Makes TLS connections.
pub(crate) struct Tls {
    connector: TlsConnector,
}

impl Tls {
    /// Trusts the public roots, and those in the PEM file `ca_file`.
    pub(crate) fn new(ca_file: Option<&Path>) -> Result<Self, CourierError> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(path) = ca_file {
            add_roots(&mut roots, path)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(&provider))
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier(verifier)))
            .with_no_client_auth();
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { connector: TlsConnector::from(Arc::new(config)) })
    }

    /// Agrees on TLS over a fresh connection to `host`, and makes sure that it is `host`.
    pub(crate) async fn wrap(
        &self,
        stream: TcpStream,
        host: Host<'_>,
    ) -> Result<TlsStream<TcpStream>, Fault> {
        let name = server_name(host)?;
        self.connector.connect(name, stream).await.map_err(|error| explain(&error))
    }
}

fn add_roots(roots: &mut RootCertStore, path: &Path) -> Result<(), CourierError> {
    let invalid = |reason: String| CourierError::CaFileInvalid { path: path.into(), reason };
    let pem =
        fs::read(path).map_err(|reason| CourierError::CaFileUnreadable { path: path.into(), reason })?;
    let before = roots.len();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| invalid(error.to_string()))?;
        roots.add(certificate).map_err(|error| invalid(error.to_string()))?;
    }
    if roots.len() == before { Err(invalid("it holds no certificate".to_owned())) } else { Ok(()) }
}

fn server_name(host: Host<'_>) -> Result<ServerName<'static>, Fault> {
    match host {
        Host::Ip(address) => Ok(ServerName::IpAddress(address.into())),
        Host::Name(name) => ServerName::try_from(name.to_owned())
            .map_err(|_| Fault::new(FaultClass::Tls, format!("no certificate can be valid for {name}"))),
    }
}

fn explain(error: &io::Error) -> Fault {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if inner.is_some_and(is_our_own) {
        tracing::warn!(%error, "TLS failed within this engine");
        return Fault::new(FaultClass::Interrupted, "TLS failed within this engine");
    }
    let words = inner
        .map_or_else(|| "the receiver broke off the connection while agreeing on TLS".to_owned(), diagnose);
    Fault::new(FaultClass::Tls, words)
}

/// Whether the receiver has no part in it.
fn is_our_own(error: &rustls::Error) -> bool {
    use rustls::Error as E;
    matches!(error, E::FailedToGetCurrentTime | E::FailedToGetRandomBytes | E::General(_))
}

/// What is wrong with a receiver's TLS, for the person who must repair it.
pub(crate) fn diagnose(error: &rustls::Error) -> String {
    use rustls::Error as E;
    let words = match error {
        E::InvalidCertificate(error) => return diagnose_certificate(error),
        E::NoCertificatesPresented => "the receiver presents no certificate",
        E::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity) => {
            "the receiver and this engine have no common cipher"
        }
        E::AlertReceived(AlertDescription::ProtocolVersion) | E::PeerIncompatible(_) => {
            "the receiver and this engine have no common TLS version or cipher; TLS 1.2 or 1.3 is needed"
        }
        E::AlertReceived(AlertDescription::UnrecognisedName) => "the receiver does not know its own name",
        E::AlertReceived(AlertDescription::CertificateRequired) => {
            "the receiver demands a client certificate; webhooks are authenticated by their signature"
        }
        E::AlertReceived(alert) => return format!("the receiver broke off TLS with the alert {alert:?}"),
        E::InvalidMessage(_) => "the receiver does not speak TLS on this port",
        _ => return format!("TLS failed: {error}"),
    };
    words.to_owned()
}

fn diagnose_certificate(error: &CertificateError) -> String {
    use CertificateError as C;
    let words = match error {
        C::Expired | C::ExpiredContext { .. } => "the receiver's certificate has expired",
        C::NotValidYet | C::NotValidYetContext { .. } => "the receiver's certificate is not valid yet",
        C::NotValidForName | C::NotValidForNameContext { .. } => {
            "the receiver's certificate is for another name"
        }
        C::UnknownIssuer => "the issuer of the receiver's certificate is unknown",
        C::Revoked => "the receiver's certificate is revoked",
        C::BadSignature => "the signature of the receiver's certificate is wrong",
        C::InvalidPurpose | C::InvalidPurposeContext { .. } => {
            "the receiver's certificate is not meant for servers"
        }
        C::BadEncoding => "the receiver's certificate cannot be read",
        C::Other(error) if let Some(unvouched) = error.0.downcast_ref::<Unvouched>() => {
            return unvouched.to_string();
        }
        // The verifier has no name for this one; it is what most self-signed certificates look like.
        C::Other(error) if error.to_string().contains("CaUsedAsEndEntity") => {
            "the receiver's certificate is a CA's own, thus self-signed"
        }
        _ => return format!("the receiver's certificate is not acceptable: {error}"),
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_on_our_side_is_not_the_receivers_fault() {
        let class = |error: rustls::Error| explain(&io::Error::new(io::ErrorKind::InvalidData, error)).class;
        assert_eq!(class(rustls::Error::FailedToGetRandomBytes), FaultClass::Interrupted);
        assert_eq!(class(rustls::Error::FailedToGetCurrentTime), FaultClass::Interrupted);
        assert_eq!(class(rustls::Error::NoCertificatesPresented), FaultClass::Tls);
        assert_eq!(explain(&io::Error::from(io::ErrorKind::ConnectionReset)).class, FaultClass::Tls);
    }
}
