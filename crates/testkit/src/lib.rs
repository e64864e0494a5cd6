//! Visitors for tests: receivers and name servers that do as they are told.
//!
//! Everything here listens on loopback ports of the system's choice and goes away when dropped.

mod dns;
mod http;
#[cfg(unix)]
mod postgres;
mod receiver;
mod reply;
mod tls;

pub use dns::Dns;
#[cfg(unix)]
pub use postgres::{NoPostgres, PgBouncer, Postgres, PostgresServer};
pub use receiver::{Received, Receiver};
pub use reply::Reply;
pub use tls::{ServerCertificate, TestCa};
