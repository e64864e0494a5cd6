//! A throw-away PostgreSQL: one cluster for the whole test process, a fresh database for each
//! test. It stops and disappears with the process, however that ends.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// A database of its own, empty.
#[derive(Debug)]
pub struct Postgres {
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
        let cluster = CLUSTER.get_or_init(|| Cluster::start().map_err(|error| error.to_string()));
        let cluster = cluster.as_ref().map_err(|words| NoPostgres::Io(io::Error::other(words.clone())))?;
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        cluster.run("createdb", &["--template=template0", &name])?;
        Ok(Self { url: format!("postgres://stayhook@localhost/{name}?host={}", cluster.home.display()) })
    }

    /// How to connect to it.
    pub fn url(&self) -> &str {
        &self.url
    }
}

struct Cluster {
    programs: PathBuf,
    home: PathBuf,
    user: Option<User>,
    /// The guard stops the cluster when this is closed, by us or by the end of the process.
    _guard: ChildStdin,
}

/// Whom the programs run as, if not as ourselves.
#[derive(Clone, Copy)]
struct User {
    id: u32,
    group: u32,
}

/// Waits for the end of its standard input, then tidies up.
const GUARD: &str = r#"cat >/dev/null; "$1/pg_ctl" stop -D "$2/data" -m immediate; rm -rf "$2""#;

/// No TCP, and a socket in the cluster's own directory: nothing that two could share. Commits
/// are as durable as in production, since the store refuses anything else.
const SETTINGS: &str = "-c listen_addresses= -c max_connections=300 -c shared_buffers=64MB \
    -c wal_level=minimal -c max_wal_senders=0 -c autovacuum_naptime=10s";

impl Cluster {
    fn start() -> Result<Self, NoPostgres> {
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
        let cluster = Self { programs, home, user, _guard: input };

        let data = cluster.home.join("data").display().to_string();
        let log = cluster.home.join("log").display().to_string();
        let init = ["-D", &data, "-U", "stayhook", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
        cluster.run("initdb", &init)?;
        let settings = format!("{SETTINGS} -k {}", cluster.home.display());
        cluster.run("pg_ctl", &["start", "-w", "-s", "-D", &data, "-l", &log, "-o", &settings])?;
        Ok(cluster)
    }

    fn run(&self, program: &'static str, arguments: &[&str]) -> Result<(), NoPostgres> {
        // To a file: a pipe would stay open for as long as the server runs.
        let printed = self.home.join(format!("{program}.out"));
        let mut command = as_user(&self.programs.join(program), self.user);
        command.args(arguments).current_dir(&self.home).env("PGHOST", &self.home).env("PGUSER", "stayhook");
        let file = fs::OpenOptions::new().create(true).append(true).open(&printed)?;
        let status = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).status()?;
        if status.success() {
            return Ok(());
        }
        Err(NoPostgres::Failed { program, words: fs::read_to_string(&printed).unwrap_or_default() })
    }
}

fn as_user(program: &Path, user: Option<User>) -> Command {
    let mut command = Command::new(program);
    if let Some(user) = user {
        command.uid(user.id).gid(user.group);
    }
    command
}

/// Where the programs are: the newest version of Debian's, or what is in the path.
fn programs() -> Option<PathBuf> {
    let version = |dir: &PathBuf| -> Option<u32> { dir.file_name()?.to_str()?.parse().ok() };
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let newest = versions.filter_map(|it| Some(it.ok()?.path())).max_by_key(version);
    let debian = newest.map(|dir| dir.join("bin")).filter(|dir| dir.join("initdb").exists());
    debian.or_else(|| {
        let path = std::env::var_os("PATH")?;
        let found = std::env::split_paths(&path).map(|dir| dir.join("initdb")).find(|it| it.exists())?;
        Some(fs::canonicalize(found).ok()?.parent()?.to_owned())
    })
}

/// PostgreSQL refuses to run as root: somebody who may do nothing takes its place.
fn user_for(home: &Path) -> Result<Option<User>, NoPostgres> {
    if fs::metadata(home)?.uid() != 0 {
        return Ok(None);
    }
    let known = fs::read_to_string("/etc/passwd")?;
    let find = |name: &str| {
        let mut fields = known
            .lines()
            .map(|line| line.split(':'))
            .find_map(|mut it| (it.next() == Some(name)).then_some(it))?;
        let id = fields.nth(1)?.parse().ok()?;
        Some(User { id, group: fields.next()?.parse().ok()? })
    };
    find("postgres").or_else(|| find("nobody")).map(Some).ok_or(NoPostgres::NoUser)
}
