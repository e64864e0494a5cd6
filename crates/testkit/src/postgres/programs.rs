//! Where programs are that a test starts, and whom they run as.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::NoPostgres;

/// Whom the programs run as, if not as ourselves.
#[derive(Clone, Copy)]
pub(super) struct User {
    pub(super) id: u32,
    pub(super) group: u32,
}

pub(super) fn as_user(program: &Path, user: Option<User>) -> Command {
    let mut command = Command::new(program);
    if let Some(user) = user {
        command.uid(user.id).gid(user.group);
    }
    command
}

/// Where the programs are: the newest version of Debian's, or what is in the path.
pub(super) fn programs() -> Option<PathBuf> {
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
pub(super) fn user_for(home: &Path) -> Result<Option<User>, NoPostgres> {
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
