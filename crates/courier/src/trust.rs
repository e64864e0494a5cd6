//! Whom we trust, and why not.
//!
//! The verdict on a certificate is the library's alone. Where it knows no issuer, which is one answer to
//! three different mistakes, the certificates that were sent tell which of them it is.

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use webpki::EndEntityCert;

/// Why no trusted authority vouches for a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unvouched {
    /// Its certificate vouches for itself.
    SelfSigned,
    /// What it sent leads to an authority that vouches for itself and is not trusted.
    PrivateAuthority,
    /// What it sent leads to no end.
    Incomplete,
}

impl Unvouched {
    /// Looks at the certificates that a receiver sent: its own, then those that should lead further.
    fn of(own: &CertificateDer<'_>, further: &[CertificateDer<'_>]) -> Option<Self> {
        let (issuer, subject) = names(own)?;
        if issuer == subject {
            return Some(Self::SelfSigned);
        }
        let mut links: Vec<_> = further.iter().filter_map(names).collect();
        let mut wanted = issuer;
        // Each one leads a step further, once.
        while let Some(at) = links.iter().position(|(_, subject)| *subject == wanted) {
            let (issuer, subject) = links.swap_remove(at);
            if issuer == subject {
                return Some(Self::PrivateAuthority);
            }
            wanted = issuer;
        }
        Some(Self::Incomplete)
    }
}

impl fmt::Display for Unvouched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SelfSigned => "the receiver's certificate is self-signed: use one of a public authority",
            Self::PrivateAuthority => {
                "the receiver's certificate is from a private authority, which nobody else trusts: use one \
                 of a public authority"
            }
            Self::Incomplete => {
                "the issuer of the receiver's certificate is unknown: the receiver does not send the \
                 intermediate certificates (configure the full chain), or the issuer is a private authority"
            }
        })
    }
}

impl std::error::Error for Unvouched {}

/// The names of a certificate's issuer and of its subject, as they stand in it.
fn names(certificate: &CertificateDer<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    let read = EndEntityCert::try_from(certificate).ok()?;
    Some((read.issuer().to_vec(), read.subject().to_vec()))
}

/// The library's verifier, with more to say about unknown issuers.
#[derive(Debug)]
pub(crate) struct Verifier(pub(crate) Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        verdict.map_err(|error| match error {
            Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
                let found = Unvouched::of(end_entity, intermediates);
                found.map_or(error, |found| CertificateError::Other(OtherError(Arc::new(found))).into())
            }
            _ => error,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
