//! API tokens.

use rusqlite::{Connection, Row, params};
use stayhook_core::{ClientId, UnixMs};

use super::{audit, query, rows, sql};
use crate::audit::Entry;
use crate::columns::{Name, list_text, parse_properties, properties_text};
use crate::{NewToken, StoreError, TokenHash, TokenLine};

/// Stores a token's hash and what it may do.
pub(super) fn create(conn: &Connection, new: &NewToken) -> Result<TokenLine, StoreError> {
    let row = params![
        new.name,
        new.client.as_str(),
        list_text(new.scopes.iter().map(String::as_str)),
        properties_text(&new.properties),
        new.hash.0,
        new.at.0,
    ];
    query::run(conn, sql::INSERT_TOKEN, row)?;
    let line = TokenLine {
        id: conn.last_insert_rowid(),
        name: new.name.clone(),
        client: new.client.clone(),
        scopes: new.scopes.clone(),
        properties: new.properties.clone(),
        created_at: new.at,
        revoked_at: None,
    };
    audit::write(conn, &Entry::token_created(&line))?;
    Ok(line)
}

/// Every token, oldest first.
pub(super) fn all(conn: &Connection) -> Result<Vec<TokenLine>, StoreError> {
    query::many(conn, sql::TOKENS, [], read)
}

/// The token of that hash, unless it was revoked.
pub(super) fn find(conn: &Connection, hash: &TokenHash) -> Result<Option<TokenLine>, StoreError> {
    query::one(conn, sql::TOKEN, [hash.0], read)
}

/// Revokes a token.
pub(super) fn revoke(conn: &Connection, id: i64, at: UnixMs) -> Result<bool, StoreError> {
    let Some(line) = query::one(conn, sql::TOKEN_TO_REVOKE, [id], read)? else { return Ok(false) };
    audit::write(conn, &Entry::token_revoked(&line, at))?;
    Ok(query::run(conn, sql::REVOKE_TOKEN, params![id, at.0])? == 1)
}

fn read(row: &Row<'_>) -> Result<TokenLine, StoreError> {
    let id: i64 = row.get(0)?;
    let name = Name("tokens", id);
    let text = |at: usize| -> Result<String, StoreError> { Ok(row.get(at)?) };
    Ok(TokenLine {
        id,
        name: text(1)?,
        client: name.valid("client", ClientId::parse(&text(2)?).ok())?,
        scopes: name.valid("scopes", serde_json::from_str(&text(3)?).ok())?,
        properties: name.valid("properties", parse_properties(&text(4)?))?,
        created_at: UnixMs(row.get(5)?),
        revoked_at: rows::moment(row, 6)?,
    })
}
