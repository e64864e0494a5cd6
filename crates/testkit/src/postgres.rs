//! A throw-away PostgreSQL. [`Postgres`] is a database in the cluster of the test process;
//! [`PostgresServer`] is a cluster of one's own, to stop, start and freeze; [`PgBouncer`] stands
//! before either. All of it disappears with the process, however that ends.

mod cluster;
mod pooler;
mod programs;

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};

pub use self::cluster::PostgresServer;
pub use self::pooler::PgBouncer;

use self::cluster::Cluster;

/// A database of its own, empty.
#[derive(Debug)]
pub struct Postgres {
    name: String,
    socket: String,
    url: String,
}

/// What a test says when it cannot have its database.
#[derive(Debug, thiserror::Error)]
pub enum NoPostgres {
    /// It is not installed.
    #[error(
        "no PostgreSQL: neither in PATH nor in /usr/lib/postgresql; run `apt-get install postgresql`, these tests are not skipped"
    )]
    Missing,
    /// The pooler is not installed.
    #[error("no PgBouncer: run `apt-get install pgbouncer`, these tests are not skipped")]
    NoPooler,
    /// It does not run as root, and there is nobody else.
    #[error("PostgreSQL does not run as root, and there is no user `postgres` or `nobody`")]
    NoUser,
    /// The system refused something.
    #[error("no throw-away PostgreSQL: {0}")]
    Io(#[from] io::Error),
    /// One of its programs failed.
    #[error("{program} failed: {words}")]
    Failed {
        /// Which.
        program: &'static str,
        /// What it printed.
        words: String,
    },
}

impl Postgres {
    /// Makes a database, starting the cluster if this is the first one.
    ///
    /// # Errors
    /// Says why there is no PostgreSQL here, and what to do about it.
    pub fn create() -> Result<Self, NoPostgres> {
        static CLUSTER: OnceLock<Result<Cluster, String>> = OnceLock::new();
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let cluster = CLUSTER.get_or_init(|| Cluster::start(None).map_err(|error| error.to_string()));
        let cluster = cluster.as_ref().map_err(|words| NoPostgres::Io(io::Error::other(words.clone())))?;
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        cluster.create_database(&name)?;
        let socket = cluster.home().display().to_string();
        let url = format!("postgres://stayhook@localhost/{name}?host={socket}");
        Ok(Self { name, socket, url })
    }

    /// How to connect to it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `psql`, to connect to that address of it; what fails ends it.
    ///
    /// # Errors
    /// When it is not installed.
    pub fn psql(url: &str) -> Result<Command, NoPostgres> {
        let mut command = Command::new(programs::programs().ok_or(NoPostgres::Missing)?.join("psql"));
        command.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", url]);
        Ok(command)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A port that nobody else gets: below those that the system gives out by itself, so that it
/// stays free while what listens there is stopped.
fn free_port() -> io::Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 10_000).unwrap_or(0);
    for _ in 0..10_000 {
        let port = 20_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(io::Error::other("no port between 20000 and 30000 is free"))
}
