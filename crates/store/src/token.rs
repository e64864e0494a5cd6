//! API tokens: only their hashes are kept.

use stayhook_core::{ClientId, UnixMs};

use crate::PropertyScope;

/// SHA-256 of a token's text. A token has 256 bits of randomness, so a plain hash suffices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

/// A token to be stored.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What people call it.
    pub name: String,
    /// On whose behalf it acts.
    pub client: ClientId,
    /// What it may do: names of scopes.
    pub scopes: Vec<String>,
    /// Which properties it may touch.
    pub properties: PropertyScope,
    /// Its hash.
    pub hash: TokenHash,
    /// When it was made.
    pub at: UnixMs,
}

/// A stored token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenLine {
    /// Its number.
    pub id: i64,
    /// What people call it.
    pub name: String,
    /// On whose behalf it acts.
    pub client: ClientId,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Which properties it may touch.
    pub properties: PropertyScope,
    /// When it was made.
    pub created_at: UnixMs,
    /// When it was revoked.
    pub revoked_at: Option<UnixMs>,
}
