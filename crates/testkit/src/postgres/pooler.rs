//! PgBouncer in transaction mode: every transaction gets whichever session is free.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::programs::{as_user, user_for};
use super::{NoPostgres, Postgres, free_port};

/// A pooler before the cluster of the test process; ends when it is dropped.
pub struct PgBouncer {
    port: u16,
    home: TempDir,
    guard: Child,
}

/// Runs the pooler until its standard input is closed, by us or by the end of the process.
const GUARD: &str = r#"exec 3<&0; "$@" </dev/null & cat <&3 >/dev/null; kill $!; wait"#;

impl PgBouncer {
    /// Starts it before the cluster that the database belongs to, with so many sessions to be
    /// shared by all clients of one database.
    ///
    /// # Errors
    /// Says why there is none here, and what to do about it.
    pub fn before(database: &Postgres, sessions: u16) -> Result<Self, NoPostgres> {
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"];
        let program =
            program.map(Path::new).into_iter().find(|it| it.exists()).ok_or(NoPostgres::NoPooler)?;
        let home = tempfile::Builder::new().prefix("pgbouncer").tempdir()?;
        let user = user_for(home.path())?;
        let port = free_port()?;
        let file = home.path().join("pgbouncer.ini");
        fs::write(&file, configuration(&database.socket, port, sessions))?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644))?;
        if let Some(user) = user {
            std::os::unix::fs::chown(home.path(), Some(user.id), Some(user.group))?;
        }
        let mut guard = as_user(Path::new("/bin/sh"), user);
        guard.args(["-c", GUARD, "guard"]).arg(program).arg(&file).current_dir(home.path());
        let log = fs::File::create(home.path().join("log"))?;
        let guard = guard.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log).spawn()?;
        let pooler = Self { port, home, guard };
        pooler.wait()?;
        Ok(pooler)
    }

    /// How to connect to a database of that cluster through it.
    pub fn url(&self, database: &Postgres) -> String {
        format!("postgres://stayhook@127.0.0.1:{}/{}", self.port, database.name)
    }

    fn wait(&self) -> io::Result<()> {
        for _ in 0..500 {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let words = fs::read_to_string(self.home.path().join("log")).unwrap_or_default();
        Err(io::Error::other(format!("pgbouncer does not listen: {words}")))
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // If it does not end now, it does with our process.
        let _ = self.guard.wait();
    }
}

/// What is not said here is PgBouncer's default, as most have it; but each test has a database of
/// its own, whose sessions are not kept for ten minutes.
fn configuration(socket: &str, port: u16, sessions: u16) -> String {
    format!(
        "[databases]\n* = host={socket} user=stayhook\n\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
         unix_socket_dir =\nauth_type = any\npool_mode = transaction\n\
         default_pool_size = {sessions}\nmax_client_conn = 1000\nserver_idle_timeout = 5\n"
    )
}
