//! A new key in the key file, beside a server that goes on.
//!
//! At every instant the file holds every key that something may be sealed under: first the new key
//! is put before the old one, then everything is sealed anew, then the old one goes. Whoever seals
//! by a key file reads it each time (see [`Keyring`]), within the transaction that writes what was
//! sealed: so nothing is sealed under the old key after the first transaction that seals anew.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::{Zeroize as _, Zeroizing};

use super::{KeyError, Keyring, file};

/// A change of the key in a key file that is under way.
pub struct KeyChange {
    path: PathBuf,
    /// Two changes at once would each lose the other's key.
    _lock: File,
}

impl KeyChange {
    /// Puts a new key of 32 random bytes before the one in the file. Where a change was not
    /// finished, its new key stays: what follows goes on with it.
    ///
    /// # Errors
    /// When the file cannot be read or written, or another change is under way.
    pub fn begin(path: &Path, mut entropy: [u8; 32]) -> Result<Self, KeyError> {
        let lock = lock(path)?;
        let known = Keyring::load(path)?;
        if known.older.is_empty() {
            let keys = file::text(path)?;
            let mut text = Zeroizing::new(String::with_capacity(128));
            STANDARD.encode_string(entropy, &mut text);
            text.push('\n');
            text.push_str(&keys);
            replace(path, &text)?;
        }
        entropy.zeroize();
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Leaves the new key alone in the file. To be called when nothing is sealed under older ones.
    ///
    /// # Errors
    /// When the file cannot be written: then the old key is still there, and no harm is done.
    pub fn finish(self) -> Result<(), KeyError> {
        let keys = file::text(&self.path)?;
        let mut first = Zeroizing::new(String::with_capacity(64));
        first.push_str(keys.lines().next().unwrap_or_default());
        first.push('\n');
        replace(&self.path, &first)
    }
}

fn lock(path: &Path) -> Result<File, KeyError> {
    let beside = beside(path, ".lock");
    let failed = |error| failed(&beside, &error);
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&beside).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(KeyError::Changing(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Puts a whole new file in the place of the old one, for the same owner alone.
fn replace(path: &Path, text: &str) -> Result<(), KeyError> {
    let draft = beside(path, ".draft");
    write(path, &draft, text)
        .and_then(|()| fs::rename(&draft, path))
        .and_then(|()| file::sync_directory(path))
        .map_err(|error| failed(path, &error))
}

fn write(path: &Path, draft: &Path, text: &str) -> io::Result<()> {
    // One that a crash has left behind may belong to somebody else.
    match fs::remove_file(draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = file::create_private(draft)?;
    keep_owner(path, draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// The server may run as somebody else than the administrator.
#[cfg(unix)]
fn keep_owner(path: &Path, draft: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let (owner, own) = (fs::metadata(path)?, fs::metadata(draft)?);
    if (owner.uid(), owner.gid()) == (own.uid(), own.gid()) {
        return Ok(());
    }
    chown(draft, Some(owner.uid()), Some(owner.gid()))
}

#[cfg(not(unix))]
fn keep_owner(_: &Path, _: &Path) -> io::Result<()> {
    Ok(())
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn failed(path: &Path, error: &io::Error) -> KeyError {
    KeyError::File { path: path.to_owned(), words: error.to_string() }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::Purpose;
    use stayhook_core::WebhookId;
    use std::os::unix::fs::PermissionsExt as _;

    const HERE: WebhookId = WebhookId(801);

    fn seal(keyring: &Keyring) -> Vec<u8> {
        keyring.seal(HERE, Purpose::SigningSecret, b"secret").unwrap()
    }

    fn opens(keyring: &Keyring, sealed: &[u8]) -> bool {
        keyring.open(HERE, Purpose::SigningSecret, sealed).is_ok()
    }

    fn begin(path: &Path, byte: u8) -> KeyChange {
        KeyChange::begin(path, [byte; 32]).ok().unwrap()
    }

    #[test]
    fn a_running_server_follows_every_step() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("key");
        let server = Keyring::load_or_create(&path, [1; 32]).ok().unwrap();
        let old = seal(&server);
        let change = begin(&path, 2);
        let tool = Keyring::load(&path).ok().unwrap();
        let new = seal(&tool);
        assert!(tool.is_current(&new) && !tool.is_current(&old) && opens(&tool, &old));
        assert!(opens(&server, &new), "sealed under a key that it learns of now");
        assert!(tool.is_current(&seal(&server)), "it seals under the new key at once");
        assert!(change.finish().is_ok());
        let restarted = Keyring::load(&path).ok().unwrap();
        assert!(opens(&restarted, &new) && !opens(&restarted, &old));
        assert!(opens(&server, &new) && tool.is_current(&seal(&server)));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_change_that_broke_off_is_gone_on_with() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("key");
        let old = seal(&Keyring::load_or_create(&path, [1; 32]).ok().unwrap());
        fs::write(home.path().join("key.draft"), "half a dra").unwrap();
        drop(begin(&path, 2));
        let new = seal(&Keyring::load(&path).ok().unwrap());
        let again = begin(&path, 3);
        let both = Keyring::load(&path).ok().unwrap();
        assert!(both.is_current(&new) && opens(&both, &old), "no third key");
        assert!(again.finish().is_ok());
        assert!(Keyring::load(&path).ok().unwrap().is_current(&new));
    }

    #[test]
    fn one_change_at_a_time() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("key");
        assert!(KeyChange::begin(&path, [2; 32]).is_err(), "no key, no change");
        assert!(Keyring::load_or_create(&path, [1; 32]).is_ok());
        let first = begin(&path, 2);
        assert_eq!(KeyChange::begin(&path, [3; 32]).err(), Some(KeyError::Changing(path.clone())));
        drop(first);
        assert!(KeyChange::begin(&path, [3; 32]).is_ok());
    }

    #[test]
    fn nothing_is_sealed_by_a_file_that_is_gone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("key");
        let server = Keyring::load_or_create(&path, [1; 32]).ok().unwrap();
        let old = seal(&server);
        fs::remove_file(&path).unwrap();
        assert!(server.seal(HERE, Purpose::SigningSecret, b"secret").is_none());
        assert!(opens(&server, &old), "what is known still opens");
    }
}
