//! API tokens.

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use stayhook_core::UnixMs;

use super::failure::Failure;
use super::{audit, rows, sql};
use crate::audit::Entry;
use crate::columns::{Name, list_text};
use crate::columns::{parse_properties, properties_text};
use crate::{NewToken, TokenHash, TokenLine};

/// Stores a token's hash and what it may do.
pub(super) async fn create(conn: &mut PgConnection, new: &NewToken) -> Result<TokenLine, Failure> {
    let id = sqlx::query_scalar(sql::INSERT_TOKEN)
        .bind(&new.name)
        .bind(new.client.as_str())
        .bind(list_text(new.scopes.iter().map(String::as_str)))
        .bind(properties_text(&new.properties))
        .bind(&new.hash.0[..])
        .bind(new.at.0)
        .fetch_one(&mut *conn)
        .await?;
    let token = TokenLine {
        id,
        name: new.name.clone(),
        client: new.client.clone(),
        scopes: new.scopes.clone(),
        properties: new.properties.clone(),
        created_at: new.at,
        revoked_at: None,
    };
    audit::write(conn, &Entry::token_created(&token)).await?;
    Ok(token)
}

/// Every token, oldest first.
pub(super) async fn all(conn: &mut PgConnection) -> Result<Vec<TokenLine>, Failure> {
    sqlx::query(sql::TOKENS).fetch_all(conn).await?.iter().map(read).collect()
}

/// The token of that hash, unless it was revoked.
pub(super) async fn find(conn: &mut PgConnection, hash: &TokenHash) -> Result<Option<TokenLine>, Failure> {
    sqlx::query(sql::TOKEN).bind(&hash.0[..]).fetch_optional(conn).await?.as_ref().map(read).transpose()
}

/// Revokes a token.
pub(super) async fn revoke(conn: &mut PgConnection, id: i64, at: UnixMs) -> Result<bool, Failure> {
    let revoked = sqlx::query(sql::REVOKE_TOKEN).bind(id).bind(at.0).fetch_optional(&mut *conn).await?;
    let Some(before) = revoked.as_ref().map(read).transpose()? else { return Ok(false) };
    audit::write(conn, &Entry::token_revoked(&before, at)).await?;
    Ok(true)
}

fn read(row: &PgRow) -> Result<TokenLine, Failure> {
    let id: i64 = row.try_get(0)?;
    let name = Name("tokens", id);
    Ok(TokenLine {
        id,
        name: rows::text(row, 1)?,
        client: rows::client(row, 2, &name)?,
        scopes: name.valid("scopes", serde_json::from_str(row.try_get(3)?).ok())?,
        properties: name.valid("properties", parse_properties(row.try_get(4)?))?,
        created_at: rows::at(row, 5)?,
        revoked_at: rows::moment(row, 6)?,
    })
}
