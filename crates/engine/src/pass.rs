//! What a receiver wants to hear besides the signature: the header `Authorization`.

use std::sync::Arc;

use http::HeaderValue;
use stayhook_core::{Credentials, UrlRules};
use stayhook_profile::{basic_authorization, bearer_authorization};

use crate::tokens::{TokenSource, Tokens};

/// The credentials of a webhook's requests, ready to be used.
pub(crate) enum Pass {
    /// Nothing.
    None,
    /// Always the same.
    Fixed(HeaderValue),
    /// A token that is fetched.
    Token(Arc<TokenSource>),
    /// They were stored, but fit into no header.
    Unusable,
}

impl Pass {
    /// Prepares credentials. `tokens` shares what is fetched among all who have the same ones.
    pub(crate) fn of(credentials: &Credentials, rules: &UrlRules, tokens: &Tokens) -> Self {
        match credentials {
            Credentials::Basic { username, password } => {
                Self::Fixed(basic_authorization(username, password.expose()))
            }
            Credentials::Bearer { token } => {
                bearer_authorization(token.expose()).map_or(Self::Unusable, Self::Fixed)
            }
            Credentials::OAuth2 { .. } => Self::Token(tokens.source(credentials, rules)),
        }
    }
}
