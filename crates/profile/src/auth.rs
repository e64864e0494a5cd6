//! With which credentials requests are sent: what a webhook may bring, and what a deployment has.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use zeroize::Zeroizing;

use crate::ProfileError;
use crate::read::{Field, Section};

/// A kind of credentials, as `auth.type` of the API names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthKind {
    /// No credentials: the signature alone says who sends.
    None,
    /// User name and password (RFC 7617).
    Basic,
    /// A token (RFC 6750).
    Bearer,
    /// A token that is fetched (RFC 6749, section 4.4).
    OAuth2ClientCredentials,
}

/// Which credentials requests of a profile bear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthPolicy {
    kinds: Vec<AuthKind>,
    deployment: Option<DeploymentAuth>,
}

/// Credentials of the deployment's own, for webhooks that bring none. Secrets are not part of a
/// profile: it names the environment variables that hold them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeploymentAuth {
    /// User name and password.
    Basic {
        /// The user name, which holds no colon.
        username: String,
        /// The variable with the password.
        password_env: String,
    },
    /// A token.
    Bearer {
        /// The variable with the token.
        token_env: String,
    },
    /// OAuth 2.0 client credentials.
    OAuth2ClientCredentials {
        /// Where tokens are fetched: judged by the URL rules like any webhook.
        token_url: String,
        /// As whom.
        client_id: String,
        /// The variable with the client's secret.
        client_secret_env: String,
        /// What for, where the endpoint wants to know.
        scope: Option<String>,
    },
}

impl AuthKind {
    const WORDS: [(&str, Self); 4] = [
        ("none", Self::None),
        ("basic", Self::Basic),
        ("bearer", Self::Bearer),
        ("oauth2_client_credentials", Self::OAuth2ClientCredentials),
    ];

    /// The name in the API and in profiles.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic => "basic",
            Self::Bearer => "bearer",
            Self::OAuth2ClientCredentials => "oauth2_client_credentials",
        }
    }
}

impl AuthPolicy {
    pub(crate) fn read(section: &Section<'_>) -> Result<Self, ProfileError> {
        let kinds = section.need("kinds", "a list, such as [\"none\", \"bearer\"]")?;
        let list = kinds.list("a list, such as [\"none\", \"bearer\"]")?;
        let list = list.iter().map(|kind| kind.word(&AuthKind::WORDS)).collect::<Result<Vec<_>, _>>()?;
        if list.is_empty() {
            return Err(kinds.error("is empty: write [\"none\"] for requests without credentials"));
        }
        let deployment = section.get("deployment").filter(|field| !field.is_removed());
        let deployment = deployment.map(|field| DeploymentAuth::read(&field)).transpose()?;
        Ok(Self { kinds: list, deployment })
    }

    /// The kinds that a webhook may bring.
    pub fn kinds(&self) -> &[AuthKind] {
        &self.kinds
    }

    /// Whether a webhook may bring credentials of this kind.
    pub fn allows(&self, kind: AuthKind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Whether a webhook must bring some.
    pub fn requires_credentials(&self) -> bool {
        !self.allows(AuthKind::None) && self.deployment.is_none()
    }

    /// The deployment's own, for webhooks that bring none.
    pub fn deployment(&self) -> Option<&DeploymentAuth> {
        self.deployment.as_ref()
    }
}

impl DeploymentAuth {
    fn read(field: &Field<'_>) -> Result<Self, ProfileError> {
        const EXPECTED: &str = "a table such as { type = \"bearer\", token_env = \"PARTNER_TOKEN\" }";
        let section = field.section(EXPECTED)?;
        let kind = section.need("type", "\"basic\", \"bearer\" or \"oauth2_client_credentials\"")?;
        match kind.word(&AuthKind::WORDS[1..])? {
            AuthKind::Basic => Self::read_basic(section),
            AuthKind::Bearer => Self::read_bearer(section),
            AuthKind::OAuth2ClientCredentials | AuthKind::None => Self::read_oauth2(section),
        }
    }

    fn read_basic(section: Section<'_>) -> Result<Self, ProfileError> {
        let section = section.only(&["type", "username", "password_env"])?;
        let user = section.need("username", "the user's name")?;
        let username = user.text("the user's name")?.to_owned();
        if username.contains(':') {
            return Err(user.error("holds a colon, which ends the name (RFC 7617): use another user"));
        }
        Ok(Self::Basic { username, password_env: variable(&section, "password_env")? })
    }

    fn read_bearer(section: Section<'_>) -> Result<Self, ProfileError> {
        let section = section.only(&["type", "token_env"])?;
        Ok(Self::Bearer { token_env: variable(&section, "token_env")? })
    }

    fn read_oauth2(section: Section<'_>) -> Result<Self, ProfileError> {
        let section = section.only(&["type", "token_url", "client_id", "client_secret_env", "scope"])?;
        let text = |key, what| section.need(key, what)?.text(what).map(str::to_owned);
        Ok(Self::OAuth2ClientCredentials {
            token_url: text("token_url", "the URL of the token endpoint")?,
            client_id: text("client_id", "the client's id")?,
            client_secret_env: variable(&section, "client_secret_env")?,
            scope: section.get("scope").map(|it| it.text("a scope").map(str::to_owned)).transpose()?,
        })
    }
}

/// The name of an environment variable (POSIX.1-2017, section 8.1).
fn variable(section: &Section<'_>, key: &str) -> Result<String, ProfileError> {
    const EXPECTED: &str = "the name of an environment variable, such as \"PARTNER_SECRET\"";
    let field = section.need(key, EXPECTED)?;
    let name = field.text(EXPECTED)?;
    let fits = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.starts_with(|first: char| first.is_ascii_digit());
    // Whoever writes the secret itself here must not find it in a log.
    if fits { Ok(name.to_owned()) } else { Err(field.error(format!("expected {EXPECTED}"))) }
}

/// The value of `Authorization` for a user name and a password (RFC 7617, in UTF-8). The name
/// must hold no colon: what follows one would count as password.
pub fn basic_authorization(username: &str, password: &str) -> HeaderValue {
    let pair = Zeroizing::new(format!("{username}:{password}"));
    let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    #[expect(clippy::expect_used, reason = "base64 is visible ASCII")]
    sensitive(&value).expect("base64 is visible ASCII")
}

/// The value of `Authorization` for a token (RFC 6750); `None` where the token holds anything
/// but visible ASCII characters.
pub fn bearer_authorization(token: &str) -> Option<HeaderValue> {
    let visible = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let value = Zeroizing::new(format!("Bearer {token}"));
    visible.then(|| sensitive(&value)).flatten()
}

/// A value that does not print itself.
fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<AuthPolicy, String> {
        let table: toml::Table = text.parse().unwrap();
        AuthPolicy::read(&Section::root(&table)).map_err(|error| error.to_string())
    }

    #[test]
    fn kinds_and_the_deployments_own_are_read() {
        let policy = read("kinds = ['none', 'oauth2_client_credentials']").unwrap();
        assert!(policy.allows(AuthKind::OAuth2ClientCredentials) && !policy.allows(AuthKind::Basic));
        assert!(!policy.requires_credentials());
        assert!(read("kinds = ['bearer']").unwrap().requires_credentials());
        let own =
            read("kinds = ['bearer']\ndeployment = { type = 'basic', username = 'u', password_env = 'P' }");
        let own = own.unwrap();
        assert!(!own.requires_credentials());
        let expected = DeploymentAuth::Basic { username: "u".into(), password_env: "P".into() };
        assert_eq!(own.deployment(), Some(&expected));
    }

    #[test]
    fn what_is_no_policy_is_refused_without_showing_secrets() {
        for (text, reason) in [
            ("", "kinds: is missing"),
            ("kinds = []", "kinds: is empty"),
            ("kinds = ['digest']", "kinds.0: \"digest\" is not one of"),
            ("kinds = ['none']\ndeployment = {}", "deployment.type: is missing"),
            (
                "kinds = ['none']\ndeployment = { type = 'none' }",
                "deployment.type: \"none\" is not one of \"basic\"",
            ),
            (
                "kinds = ['none']\ndeployment = { type = 'bearer', token = 'x' }",
                "deployment.token: unknown key",
            ),
            (
                "kinds = ['none']\ndeployment = { type = 'basic', username = 'a:b', password_env = 'P' }",
                "holds a colon",
            ),
            (
                "kinds = ['none']\ndeployment = { type = 'oauth2_client_credentials', client_id = 'c', client_secret_env = 'S' }",
                "deployment.token_url: is missing",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
        let error = read("kinds = ['none']\ndeployment = { type = 'bearer', token_env = 's3cr3t-token' }")
            .unwrap_err();
        assert!(!error.contains("s3cr3t"), "{error}");
    }

    /// The example of RFC 7617, section 2, and that of section 2.1 in UTF-8.
    #[test]
    fn basic_credentials_are_written_as_the_rfc_writes_them() {
        assert_eq!(basic_authorization("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(basic_authorization("test", "123£"), "Basic dGVzdDoxMjPCow==");
    }

    proptest! {
        #[test]
        fn credentials_make_valid_headers_or_none(user: String, secret: String) {
            prop_assert!(basic_authorization(&user, &secret).is_sensitive());
            if let Some(value) = bearer_authorization(&secret) {
                prop_assert!(value.is_sensitive() && value.to_str().is_ok());
            }
        }
    }
}
