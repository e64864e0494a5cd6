//! The key file that is made beside the database where no key is configured.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::{Zeroize as _, Zeroizing};

use super::{KeyError, Keyring, key_id};

/// More than any key file holds: what is longer is something else.
const LONGEST: u64 = 1_024;

impl Keyring {
    /// The keys in the file, one a line: the first seals. Where there is no file, one is made with
    /// a key of 32 random bytes; it appears whole or not at all, readable by its owner alone.
    ///
    /// # Errors
    /// When the file cannot be used, holds something else, or can be read by others.
    pub fn load_or_create(path: &Path, mut entropy: [u8; 32]) -> Result<Self, KeyError> {
        let result = match load(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => create(path, &line(&entropy)),
            other => other,
        };
        entropy.zeroize();
        Self::of_file(path, result)
    }

    /// The keys in a file that is there.
    ///
    /// # Errors
    /// As [`Keyring::load_or_create`].
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        Self::of_file(path, load(path))
    }

    /// The keys in one file, which the other one holds as well from now on.
    ///
    /// # Errors
    /// As [`Keyring::load`], and when the other file holds other keys.
    pub fn hand_on(from: &Path, to: &Path) -> Result<Self, KeyError> {
        Self::load(from)?;
        let keys = text(from)?;
        create(to, &keys).map_err(|error| unusable(to, &error))?;
        if *text(to)? != *keys {
            return Err(KeyError::OtherKey(to.to_owned()));
        }
        Self::load(to)
    }

    fn of_file(path: &Path, file: io::Result<KeyFile>) -> Result<Self, KeyError> {
        let file = checked(path, file)?;
        let malformed = || KeyError::MalformedFile(path.to_owned());
        let keys =
            file.text.lines().map(Self::parse).collect::<Result<Vec<_>, _>>().map_err(|_| malformed())?;
        let mut keyring = keys.into_iter().reduce(Self::and).ok_or_else(malformed)?;
        keyring.file = Some(path.into());
        Ok(keyring)
    }
}

/// The text of a key file that only its owner can read.
pub(super) fn text(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    checked(path, load(path)).map(|file| file.text)
}

fn checked(path: &Path, file: io::Result<KeyFile>) -> Result<KeyFile, KeyError> {
    let file = file.map_err(|error| unusable(path, &error))?;
    match file.exposed {
        Some(mode) => Err(KeyError::Exposed { path: path.to_owned(), mode }),
        None => Ok(file),
    }
}

fn unusable(path: &Path, error: &io::Error) -> KeyError {
    KeyError::File { path: path.to_owned(), words: error.to_string() }
}

struct KeyFile {
    text: Zeroizing<String>,
    /// The permissions, where others than the owner may read.
    exposed: Option<u32>,
}

fn load(path: &Path) -> io::Result<KeyFile> {
    let file = File::open(path)?;
    let exposed = exposed(&file)?;
    let mut text = Zeroizing::new(String::with_capacity(LONGEST as usize));
    file.take(LONGEST).read_to_string(&mut text)?;
    Ok(KeyFile { text, exposed })
}

/// Written under another name first and then linked to its own, which fails if another
/// process was faster: then that one's key counts.
fn create(path: &Path, keys: &str) -> io::Result<KeyFile> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{:016x}.new", u64::from_be_bytes(key_id(keys.as_bytes()))));
    let draft = Path::new(&draft);
    let written = write_new(draft, keys).and_then(|()| fs::hard_link(draft, path));
    match fs::remove_file(draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    match written {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sync_directory(path)?;
    load(path)
}

/// Makes it last that a file of this path is there.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

/// A new file for its owner alone.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn write_new(path: &Path, keys: &str) -> io::Result<()> {
    let mut file = create_private(path)?;
    file.write_all(keys.as_bytes())?;
    file.sync_all()
}

/// A key as a line of the file.
fn line(entropy: &[u8; 32]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(45));
    STANDARD.encode_string(entropy, &mut text);
    text.push('\n');
    text
}

#[cfg(unix)]
fn exposed(file: &File) -> io::Result<Option<u32>> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    Ok((mode & 0o077 != 0).then_some(mode))
}

#[cfg(not(unix))]
fn exposed(_: &File) -> io::Result<Option<u32>> {
    Ok(None)
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::Purpose;
    use stayhook_core::WebhookId;
    use std::os::unix::fs::PermissionsExt as _;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_key_is_made_once_for_its_owner_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("stayhook.secrets.key");
        let made = Keyring::load_or_create(&path, [7; 32]).ok().unwrap();
        let sealed = made.seal(WebhookId(1), Purpose::KeyCheck, b"text").unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "no draft is left behind");
        let again = Keyring::load_or_create(&path, [8; 32]).ok().unwrap();
        assert_eq!(again.open(WebhookId(1), Purpose::KeyCheck, &sealed).unwrap().as_slice(), b"text");
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("key");
        assert!(Keyring::load_or_create(&path, [7; 32]).is_ok());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = Keyring::load_or_create(&path, [7; 32]).err().unwrap();
        assert_eq!(error, KeyError::Exposed { path, mode: 0o640 });
        assert!(error.to_string().contains("mode 640") && error.to_string().contains("chmod 600"));
    }

    #[test]
    fn a_damaged_key_file_is_never_replaced() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("key");
        fs::write(&path, "not a key").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let error = Keyring::load_or_create(&path, [7; 32]).err().unwrap();
        assert_eq!(error, KeyError::MalformedFile(path.clone()));
        assert_eq!(fs::read_to_string(&path).unwrap(), "not a key");
    }

    #[test]
    fn a_directory_that_is_missing_is_named() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("missing/key");
        let error = Keyring::load_or_create(&path, [7; 32]).err().unwrap();
        assert!(matches!(&error, KeyError::File { path: named, .. } if *named == path), "{error}");
    }

    #[test]
    fn a_key_is_handed_on_and_never_replaces_another() {
        let home = tempfile::tempdir().unwrap();
        let [one, two, other] = ["one", "two", "other"].map(|it| home.path().join(it));
        assert!(Keyring::load(&one).is_err_and(|it| it.to_string().contains("one")));
        let made = Keyring::load_or_create(&one, [7; 32]).ok().unwrap();
        let sealed = made.seal(WebhookId(1), Purpose::KeyCheck, b"text").unwrap();
        for _ in 0..2 {
            assert!(Keyring::hand_on(&one, &two).is_ok());
            assert_eq!(mode(&two), 0o600);
            let there = Keyring::load(&two).ok().unwrap();
            assert!(there.open(WebhookId(1), Purpose::KeyCheck, &sealed).is_ok());
        }
        assert!(Keyring::load_or_create(&other, [8; 32]).is_ok());
        assert_eq!(Keyring::hand_on(&one, &other).err(), Some(KeyError::OtherKey(other)));
    }

    #[test]
    fn many_at_once_agree_on_one_key() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("key");
        let start = std::sync::Barrier::new(8);
        let race = &|byte: u8| {
            start.wait();
            Keyring::load_or_create(&path, [byte; 32]).ok().unwrap()
        };
        let keys: Vec<Keyring> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..8).map(|byte| scope.spawn(move || race(byte))).collect();
            racers.into_iter().map(|it| it.join().unwrap()).collect()
        });
        let sealed = keys[0].seal(WebhookId(1), Purpose::KeyCheck, b"text").unwrap();
        for key in &keys {
            assert!(key.open(WebhookId(1), Purpose::KeyCheck, &sealed).is_ok());
        }
    }
}
