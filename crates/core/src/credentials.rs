//! What a webhook's owner lets us say to the receiver besides the signature. Write-only: stored
//! sealed, shown by nothing.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::Json;

/// A password, token or client secret: wiped when the last clone goes; neither prints nor
/// compares.
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Takes a secret over.
    pub fn new(text: String) -> Self {
        Self(Arc::new(Zeroizing::new(text)))
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// The credentials of one webhook (`auth` in the API).
#[derive(Clone)]
pub enum Credentials {
    /// `oauth2_client_credentials` (RFC 6749, section 4.4).
    OAuth2 {
        /// Where tokens are fetched; under the same rules as a webhook's URL.
        token_url: String,
        /// Who asks.
        client_id: String,
        /// What proves it.
        client_secret: Secret,
        /// What is asked for.
        scope: Option<String>,
    },
    /// `basic` (RFC 7617).
    Basic {
        /// The user.
        username: String,
        /// What proves it.
        password: Secret,
    },
    /// `bearer` (RFC 6750).
    Bearer {
        /// The token.
        token: Secret,
    },
}

impl Credentials {
    /// The name of their kind in the API.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::OAuth2 { .. } => "oauth2_client_credentials",
            Self::Basic { .. } => "basic",
            Self::Bearer { .. } => "bearer",
        }
    }

    /// As bytes to be sealed: JSON of the API's shape.
    pub fn expose_bytes(&self) -> Zeroizing<Vec<u8>> {
        let text = |text: &str| Json::Text(text.to_owned());
        let mut members = vec![("type", text(self.kind()))];
        match self {
            Self::OAuth2 { token_url, client_id, client_secret, scope } => {
                members.push(("tokenUrl", text(token_url)));
                members.push(("clientId", text(client_id)));
                members.push(("clientSecret", text(client_secret.expose())));
                members.extend(scope.as_ref().map(|scope| ("scope", text(scope))));
            }
            Self::Basic { username, password } => {
                members.push(("username", text(username)));
                members.push(("password", text(password.expose())));
            }
            Self::Bearer { token } => members.push(("token", text(token.expose()))),
        }
        Zeroizing::new(Json::object(members).to_stable_bytes())
    }

    /// Reads what [`Credentials::expose_bytes`] wrote; `None` where it is something else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let json = Json::parse(bytes, 2).ok()?;
        let text = |name| json.get(name).and_then(Json::as_str).map(str::to_owned);
        match json.get("type")?.as_str()? {
            "oauth2_client_credentials" => Some(Self::OAuth2 {
                token_url: text("tokenUrl")?,
                client_id: text("clientId")?,
                client_secret: Secret::new(text("clientSecret")?),
                scope: text("scope"),
            }),
            "basic" => {
                Some(Self::Basic { username: text("username")?, password: Secret::new(text("password")?) })
            }
            "bearer" => Some(Self::Bearer { token: Secret::new(text("token")?) }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn credentials_read_back(a in ".{0,40}", b in ".{0,40}", c in ".{0,40}", scope in proptest::option::of(".{0,9}")) {
            let secret = || Secret::new(c.clone());
            for credentials in [
                Credentials::OAuth2 { token_url: a.clone(), client_id: b.clone(), client_secret: secret(), scope },
                Credentials::Basic { username: a.clone(), password: secret() },
                Credentials::Bearer { token: secret() },
            ] {
                let bytes = credentials.expose_bytes();
                let again = Credentials::from_bytes(&bytes).map(|it| it.expose_bytes());
                prop_assert_eq!(again, Some(bytes));
            }
        }

        #[test]
        fn reading_never_panics(bytes: Vec<u8>) {
            let _ = Credentials::from_bytes(&bytes);
        }
    }

    #[test]
    fn what_is_sealed_is_what_was_given() {
        assert_eq!(Secret::new("hush".to_owned()).expose(), "hush");
        let bearer = Credentials::Bearer { token: Secret::new("hush".to_owned()) };
        assert_eq!(bearer.expose_bytes().as_slice(), br#"{"type":"bearer","token":"hush"}"#);
        let basic = Credentials::Basic { username: "u".to_owned(), password: Secret::new("p".to_owned()) };
        assert_eq!(basic.expose_bytes().as_slice(), br#"{"type":"basic","username":"u","password":"p"}"#);
    }

    #[test]
    fn other_things_are_no_credentials() {
        for other in
            ["", "{}", r#"{"type":"digest"}"#, r#"{"type":"bearer"}"#, r#"{"type":"basic","username":"u"}"#]
        {
            assert!(Credentials::from_bytes(other.as_bytes()).is_none(), "{other}");
        }
    }
}
