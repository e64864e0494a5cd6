//! The way to the database, and what stands on it.
//!
//! A pooler in transaction mode, such as PgBouncer, gives every transaction whichever session
//! is free. Nothing then outlives a transaction: statements are prepared and forgotten within
//! one, and nobody can listen for notifications. Where the address says `pgbouncer=true`, every
//! access is a transaction of its own, and what other nodes do is looked for instead.

use std::str::FromStr as _;

use sqlx::postgres::PgConnectOptions;

use super::failure::Failure;
use crate::StoreError;

/// More statements than there are, so that each is prepared once.
const STATEMENTS: usize = 256;
/// The parameter of the address that names a pooler.
const PARAMETER: &str = "pgbouncer";

/// How to connect.
#[derive(Clone)]
pub(super) struct Access {
    pub(super) options: PgConnectOptions,
    /// Sessions are shared with others between transactions.
    pub(super) pooler: bool,
}

impl Access {
    /// Reads an address such as `postgres://user:password@host/database?pgbouncer=true`.
    pub(super) fn parse(url: &str) -> Result<Self, Failure> {
        let (url, pooler) = take_parameter(url)?;
        let options = PgConnectOptions::from_str(&url)
            .map_err(|error| StoreError::Address(error.to_string()))?
            .application_name("stayhook")
            .statement_cache_capacity(STATEMENTS);
        // PgBouncer refuses this startup parameter unless told otherwise; nothing here reads floats.
        let options = if pooler { options.extra_float_digits(None) } else { options };
        Ok(Self { options, pooler })
    }
}

/// The address without our own parameter, and what that says.
fn take_parameter(url: &str) -> Result<(String, bool), StoreError> {
    let Some((address, query)) = url.split_once('?') else { return Ok((url.to_owned(), false)) };
    let mut pooler = false;
    let mut rest = Vec::new();
    for parameter in query.split('&') {
        match parameter.split_once('=') {
            Some((PARAMETER, "true")) => pooler = true,
            Some((PARAMETER, "false")) => pooler = false,
            _ if parameter.split('=').next() == Some(PARAMETER) => {
                return Err(StoreError::Address("its parameter pgbouncer is true or false".to_owned()));
            }
            _ => rest.push(parameter),
        }
    }
    let rest = rest.join("&");
    Ok((if rest.is_empty() { address.to_owned() } else { format!("{address}?{rest}") }, pooler))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_says_whether_a_pooler_stands_between() {
        let parameter = |url| take_parameter(url).unwrap();
        assert_eq!(parameter("postgres://h/d"), ("postgres://h/d".to_owned(), false));
        assert_eq!(parameter("postgres://h/d?pgbouncer=true"), ("postgres://h/d".to_owned(), true));
        assert_eq!(parameter("postgres://h/d?pgbouncer=false"), ("postgres://h/d".to_owned(), false));
        let mixed = "postgres://h/d?host=/run&pgbouncer=true&sslmode=disable";
        assert_eq!(parameter(mixed), ("postgres://h/d?host=/run&sslmode=disable".to_owned(), true));
        for wrong in ["postgres://h/d?pgbouncer=yes", "postgres://h/d?pgbouncer"] {
            assert!(matches!(take_parameter(wrong), Err(StoreError::Address(_))), "{wrong}");
        }
    }

    #[test]
    fn an_address_that_is_none_is_refused() {
        for wrong in ["postgres://host:port/database", "postgres://h/d?sslmode=perhaps"] {
            let refused = Access::parse(wrong).map(|_| ()).map_err(StoreError::from);
            assert!(matches!(refused, Err(StoreError::Address(_))), "{wrong}: {refused:?}");
        }
    }
}
