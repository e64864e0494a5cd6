//! A cluster in a directory of its own, and what may happen to it.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};

use super::programs::{User, as_user, programs, user_for};
use super::{NoPostgres, free_port};

/// A running cluster; stopped and removed when it is dropped, or with the process.
pub(super) struct Cluster {
    programs: PathBuf,
    home: PathBuf,
    user: Option<User>,
    /// On loopback, if there is one; the socket in `home` always.
    port: Option<u16>,
    /// The guard stops the cluster when this is closed, by us or by the end of the process.
    _guard: ChildStdin,
}

/// Waits for the end of its standard input, then tidies up. What is frozen would not hear it.
const GUARD: &str = r#"cat >/dev/null
pid=$(head -n 1 "$2/data/postmaster.pid" 2>/dev/null) && kill -CONT "$pid" $(cat "/proc/$pid/task/$pid/children" 2>/dev/null)
"$1/pg_ctl" stop -D "$2/data" -m immediate; rm -rf "$2""#;

/// Commits are as durable as in production, since the store refuses anything else.
const SETTINGS: &str = "-c max_connections=300 -c shared_buffers=64MB \
    -c wal_level=minimal -c max_wal_senders=0 -c autovacuum_naptime=10s";

impl Cluster {
    /// Starts one: without a port it has no TCP, and nothing that two could share.
    pub(super) fn start(port: Option<u16>) -> Result<Self, NoPostgres> {
        let programs = programs().ok_or(NoPostgres::Missing)?;
        let home = tempfile::Builder::new().prefix("pg").tempdir()?.keep();
        let user = user_for(&home)?;
        if let Some(user) = user {
            std::os::unix::fs::chown(&home, Some(user.id), Some(user.group))?;
        }
        fs::set_permissions(&home, fs::Permissions::from_mode(0o700))?;
        let mut guard = as_user(Path::new("/bin/sh"), user);
        guard.args(["-c", GUARD, "guard"]).args([&programs, &home]).stdin(Stdio::piped());
        let mut guard = guard.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let input = guard.stdin.take().ok_or_else(|| io::Error::other("no pipe to the guard"))?;
        let cluster = Self { programs, home, user, port, _guard: input };

        let data = cluster.path("data");
        let init = ["-D", &data, "-U", "stayhook", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
        cluster.run("initdb", &init)?;
        cluster.resume()?;
        Ok(cluster)
    }

    pub(super) fn create_database(&self, name: &str) -> Result<(), NoPostgres> {
        self.run("createdb", &["--template=template0", name])
    }

    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    fn resume(&self) -> Result<(), NoPostgres> {
        let listen = match self.port {
            None => "-c listen_addresses=".to_owned(),
            Some(port) => format!("-c listen_addresses=127.0.0.1 -p {port}"),
        };
        let settings = format!("{SETTINGS} {listen} -k {}", self.home.display());
        let (data, log) = (self.path("data"), self.path("log"));
        self.run("pg_ctl", &["start", "-w", "-s", "-D", &data, "-l", &log, "-o", &settings])
    }

    fn run(&self, program: &'static str, arguments: &[&str]) -> Result<(), NoPostgres> {
        // To a file: a pipe would stay open for as long as the server runs.
        let printed = self.home.join(format!("{program}.out"));
        let mut command = as_user(&self.programs.join(program), self.user);
        command.args(arguments).current_dir(&self.home).env("PGHOST", &self.home).env("PGUSER", "stayhook");
        if let Some(port) = self.port {
            command.env("PGPORT", port.to_string());
        }
        let file = fs::OpenOptions::new().create(true).append(true).open(&printed)?;
        let status = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).status()?;
        if status.success() {
            return Ok(());
        }
        Err(NoPostgres::Failed { program, words: fs::read_to_string(&printed).unwrap_or_default() })
    }

    fn path(&self, name: &str) -> String {
        self.home.join(name).display().to_string()
    }

    /// Sends a signal to the server and all of its sessions: the server first, so that it
    /// starts no more.
    fn signal(&self, name: &str) -> Result<(), NoPostgres> {
        let file = fs::read_to_string(self.home.join("data/postmaster.pid"))?;
        let server = file.lines().next().unwrap_or_default().to_owned();
        let kill = |processes: &[&str]| Command::new("kill").arg(name).args(processes).status();
        kill(&[&server])?;
        let sessions = fs::read_to_string(format!("/proc/{server}/task/{server}/children"))?;
        let sessions: Vec<&str> = sessions.split_whitespace().collect();
        if !sessions.is_empty() {
            // One that has ended meanwhile hears nothing: that is as good.
            kill(&sessions)?;
        }
        Ok(())
    }
}

/// A server of one's own on a port that stays the same, with the empty database `stayhook`.
pub struct PostgresServer {
    cluster: Cluster,
    port: u16,
}

impl PostgresServer {
    /// Starts it.
    ///
    /// # Errors
    /// Says why there is no PostgreSQL here, and what to do about it.
    pub fn start() -> Result<Self, NoPostgres> {
        let port = free_port()?;
        let cluster = Cluster::start(Some(port))?;
        cluster.create_database("stayhook")?;
        Ok(Self { cluster, port })
    }

    /// How to connect to it.
    pub fn url(&self) -> String {
        format!("postgres://stayhook@127.0.0.1:{}/stayhook", self.port)
    }

    /// Where it listens on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends it as a loss of power would: nothing is written, every session is cut.
    ///
    /// # Errors
    /// When it cannot be stopped.
    pub fn stop(&self) -> Result<(), NoPostgres> {
        let data = self.cluster.path("data");
        self.cluster.run("pg_ctl", &["stop", "-w", "-s", "-D", &data, "-m", "immediate"])
    }

    /// Starts it again where it was.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn resume(&self) -> Result<(), NoPostgres> {
        self.cluster.resume()
    }

    /// Stops all of its processes in the middle of whatever they do: connections stay open,
    /// and nobody answers.
    ///
    /// # Errors
    /// When it does not run.
    pub fn freeze(&self) -> Result<(), NoPostgres> {
        self.cluster.signal("-STOP")
    }

    /// Lets them go on.
    ///
    /// # Errors
    /// When it does not run.
    pub fn thaw(&self) -> Result<(), NoPostgres> {
        self.cluster.signal("-CONT")
    }
}
