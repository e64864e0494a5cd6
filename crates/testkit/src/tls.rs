//! Certificates for tests, good and bad.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

static AUTHORITIES: AtomicU32 = AtomicU32::new(1);

/// A certificate authority that nobody trusts who is not told to.
pub struct TestCa {
    pem: String,
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// What a server needs to speak TLS.
#[derive(Clone)]
pub struct ServerCertificate(Arc<ServerConfig>);

impl From<ServerCertificate> for TlsAcceptor {
    fn from(certificate: ServerCertificate) -> Self {
        Self::from(certificate.0)
    }
}

#[expect(clippy::expect_used, reason = "fixed, valid parameters, and a test that cannot go on without them")]
impl TestCa {
    /// A new authority with a key of its own.
    #[expect(clippy::new_without_default, reason = "each one is another: there is no default authority")]
    pub fn new() -> Self {
        let (key, params) = (KeyPair::generate().expect("a key"), authority());
        let certificate = params.self_signed(&key).expect("a CA certificate");
        Self { pem: certificate.pem(), der: certificate.der().clone(), issuer: Issuer::new(params, key) }
    }

    /// Its certificate, for a file of trusted roots.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for names or addresses.
    pub fn issue(&self, names: &[&str]) -> ServerCertificate {
        self.sign(&params(names))
    }

    /// A certificate that is sent together with this authority's own.
    pub fn issue_with_root(&self, names: &[&str]) -> ServerCertificate {
        let (key, certificate) = self.sign_with_new_key(&params(names));
        ServerCertificate::new(vec![certificate, self.der.clone()], &key)
    }

    /// A certificate by an intermediate authority that this one vouches for. Without the intermediate's
    /// own certificate, which the server sends or forgets, nothing leads from one to the other.
    pub fn issue_by_intermediate(&self, names: &[&str], sent: bool) -> ServerCertificate {
        let (key, params_of_intermediate) = (KeyPair::generate().expect("a key"), authority());
        let certificate = params_of_intermediate.signed_by(&key, &self.issuer).expect("a CA certificate");
        let der = certificate.der().clone();
        let between = Self { pem: certificate.pem(), der, issuer: Issuer::new(params_of_intermediate, key) };
        if sent { between.issue_with_root(names) } else { between.issue(names) }
    }

    /// A certificate whose time is over.
    pub fn issue_expired(&self, names: &[&str]) -> ServerCertificate {
        let mut params = params(names);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> ServerCertificate {
        let (key, certificate) = self.sign_with_new_key(params);
        ServerCertificate::new(vec![certificate], &key)
    }

    fn sign_with_new_key(&self, params: &CertificateParams) -> (KeyPair, CertificateDer<'static>) {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (key, certificate.der().clone())
    }
}

#[expect(clippy::expect_used, reason = "fixed, valid parameters, and a test that cannot go on without them")]
impl ServerCertificate {
    /// A certificate that vouches for itself.
    pub fn self_signed(names: &[&str]) -> Self {
        let key = KeyPair::generate().expect("a key");
        let certificate = params(names).self_signed(&key).expect("a certificate");
        Self::new(vec![certificate.der().clone()], &key)
    }

    /// A certificate of a kind for which the server has no cipher, so that none is common to it and any
    /// client.
    pub fn without_common_cipher(names: &[&str]) -> Self {
        let key = KeyPair::generate().expect("a key");
        let certificate = params(names).self_signed(&key).expect("a certificate");
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        provider.cipher_suites = vec![TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256];
        Self::over(provider, vec![certificate.der().clone()], &key)
    }

    fn new(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Self {
        Self::over(rustls::crypto::aws_lc_rs::default_provider(), chain, key)
    }

    fn over(provider: CryptoProvider, chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Self {
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a PKCS #8 key");
        let config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("key and certificate belong together");
        Self(Arc::new(config))
    }
}

/// An authority of its own name: two of one name would be taken for one with a wrong signature.
fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    let number = AUTHORITIES.fetch_add(1, Ordering::Relaxed);
    params.distinguished_name.push(DnType::CommonName, format!("Scripted test authority {number}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

#[expect(clippy::expect_used, reason = "names in tests are written by hand")]
fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    CertificateParams::new(names).expect("valid names")
}
