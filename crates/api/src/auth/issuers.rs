//! Whose access tokens count besides those that `stayhook token create` makes.

use std::path::PathBuf;
use std::sync::Arc;

use stayhook_core::UnixMs;

use super::fetch::{FetchError, Fetcher};
use super::introspection::{Introspection, IntrospectionConfig};
use super::jwk::KeySet;
use super::jwks::{KeyStore, Source};
use super::jwt::{Jwt, Refused, Rules};
use super::{Principal, Uncertain};

/// `auth.*`: whose access tokens count.
#[derive(Default)]
pub struct IssuersConfig {
    /// Where the keys of JWTs come from; none means that no JWT counts.
    pub keys: Option<JwksSource>,
    /// `auth.issuer`: the `iss` of tokens; must be given with `keys`.
    pub issuer: Option<String>,
    /// `auth.audience`: what `aud` must name; must be given with `keys`.
    pub audience: Option<String>,
    /// Where opaque tokens are examined; none means that no opaque token counts.
    pub introspection: Option<IntrospectionConfig>,
    /// `egress.ca_file`: roots that are trusted besides the public ones.
    pub ca_file: Option<PathBuf>,
}

/// Where the keys of JWTs come from.
pub enum JwksSource {
    /// `auth.jwks_url`: fetched when they are needed.
    Url(String),
    /// `auth.jwks_file`: read at start, and again when a key is missing.
    File(PathBuf),
}

/// Why the configuration of token issuers cannot work. The text begins with the key.
#[derive(Debug, thiserror::Error)]
pub enum IssuersError {
    /// `auth.jwks_file` does not help.
    #[error("auth.jwks_file: {path} {problem}", path = .path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// Keys without the rules that tokens must keep to.
    #[error("{0}: is missing: JWTs are judged by auth.issuer and auth.audience, which both must be set")]
    Missing(&'static str),
    /// The way to the issuer cannot be set up.
    #[error("egress.ca_file: {0}")]
    Egress(String),
}

impl From<FetchError> for IssuersError {
    fn from(error: FetchError) -> Self {
        Self::Egress(error.to_string())
    }
}

/// The token issuers that are trusted. Clones share what they know.
#[derive(Clone, Default)]
pub struct Issuers {
    jwt: Option<Arc<JwtIssuer>>,
    introspection: Option<Arc<Introspection>>,
}

struct JwtIssuer {
    keys: Arc<KeyStore>,
    rules: Rules,
}

impl Issuers {
    /// Trusts these issuers. Nothing is fetched yet; a key file is read.
    ///
    /// # Errors
    /// When that cannot work: the text names the key to change.
    pub fn new(config: IssuersConfig) -> Result<Self, IssuersError> {
        let IssuersConfig { keys, issuer, audience, introspection, ca_file } = config;
        if keys.is_none() && introspection.is_none() {
            return Ok(Self::default());
        }
        let fetcher = Fetcher::new(ca_file.as_deref())?;
        let jwt = match keys {
            None => None,
            Some(source) => {
                let issuer = issuer.clone().ok_or(IssuersError::Missing("auth.issuer"))?;
                let audience = audience.clone().ok_or(IssuersError::Missing("auth.audience"))?;
                let keys = Arc::new(KeyStore::new(source.open(&fetcher)?));
                Some(Arc::new(JwtIssuer { keys, rules: Rules { issuer, audience } }))
            }
        };
        let introspection =
            introspection.map(|config| Arc::new(Introspection::new(config, issuer, audience, fetcher)));
        Ok(Self { jwt, introspection })
    }

    /// Who a token speaks for. A JWT is judged by its signature alone, where keys are known:
    /// one that is refused is not shown to anybody else.
    pub(super) async fn principal(&self, token: &str, now: UnixMs) -> Result<Principal, Uncertain> {
        match (&self.jwt, &self.introspection, Jwt::parse(token)) {
            (Some(issuer), _, Some(jwt)) => issuer.principal(&jwt, now).await,
            (_, Some(introspection), _) => introspection.principal(token, now).await,
            _ => Err(Uncertain::Flawed("the access token is unknown, expired or revoked")),
        }
    }
}

impl JwtIssuer {
    async fn principal(&self, jwt: &Jwt<'_>, now: UnixMs) -> Result<Principal, Uncertain> {
        let keys = self.keys.keys(now).await.map_err(Uncertain::Unavailable)?;
        let verified = match jwt.verify(&keys, &self.rules, now) {
            Err(Refused::UnknownKey) => match self.keys.newer(&keys, now).await {
                Some(newer) => jwt.verify(&newer, &self.rules, now),
                None => Err(Refused::UnknownKey),
            },
            verified => verified,
        };
        verified.map_err(|refused| match refused {
            Refused::Flawed(flaw) => Uncertain::Flawed(flaw),
            Refused::UnknownKey => Uncertain::Flawed("the access token is signed by an unknown key"),
        })
    }
}

impl JwksSource {
    fn open(self, fetcher: &Fetcher) -> Result<Source, IssuersError> {
        let path = match self {
            Self::Url(url) => return Ok(Source::Url(url, fetcher.clone())),
            Self::File(path) => path,
        };
        let read = std::fs::read(&path).map_err(|error| format!("cannot be read: {error}"));
        let keys =
            read.and_then(|bytes| KeySet::parse(&bytes).map_err(|why| format!("holds no keys: {why}")));
        match keys {
            Ok(keys) if !keys.is_empty() => Ok(Source::File(path)),
            Ok(_) => {
                let problem =
                    "holds no key for RS256, ES256 or EdDSA: put the issuer's public keys in".to_owned();
                Err(IssuersError::KeyFile { path, problem })
            }
            Err(problem) => Err(IssuersError::KeyFile { path, problem }),
        }
    }
}
