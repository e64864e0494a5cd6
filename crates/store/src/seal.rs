//! Secrets at rest: sealed with AES-256-GCM under a key that is not in the database.
//!
//! A sealed value is bound to its webhook, its purpose and its key, so that one moved to
//! another row does not open there. Its form: version (1 byte), key id (8), nonce (12),
//! ciphertext and tag.

mod change;
mod file;

use std::iter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use stayhook_core::WebhookId;
use zeroize::Zeroizing;

pub use change::KeyChange;

const VERSION: u8 = 1;
const KEY_ID: usize = 8;
const NONCE: usize = 12;
const HEAD: usize = 1 + KEY_ID + NONCE;

/// The key under which secrets are sealed, and others under which some were sealed before.
/// Neither prints nor compares.
///
/// One from a key file follows what becomes of that file ([`KeyChange`]): it seals under the first
/// key that is there at that moment, and looks there for keys that it does not know.
#[derive(Clone)]
pub struct Keyring {
    /// Seals.
    first: Arc<Key>,
    /// Only open.
    older: Vec<Arc<Key>>,
    /// Where they come from, if that is a key file.
    file: Option<Arc<Path>>,
}

struct Key {
    id: [u8; KEY_ID],
    cipher: RandomizedNonceKey,
}

/// Why there is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not base64 of 32 bytes.
    #[error("the key is 32 random bytes in base64: make one with `openssl rand -base64 32`")]
    Malformed,
    /// Others may read the key file.
    #[error("the key file {} can be read by others (mode {mode:03o}): run `chmod 600` on it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Another process is putting a new key into the key file.
    #[error("the key in {} is being changed by another process: wait until it has ended", .0.display())]
    Changing(PathBuf),
    /// The key file holds something else.
    #[error("the key file {} does not hold lines of 32 bytes in base64: restore it, the stored secrets need it", .0.display())]
    MalformedFile(PathBuf),
    /// There is a key already, and it is not the one that is needed.
    #[error("the key file {} holds another key: name another database, or move that file away", .0.display())]
    OtherKey(PathBuf),
    /// The key file cannot be read or written.
    #[error("the key file {} cannot be used: {words}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        words: String,
    },
}

/// What a sealed value is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// A webhook's signing secret: the one in use or the one that follows it, so that it can be
    /// put into its place as it is.
    SigningSecret,
    /// What a receiver wants to hear besides the signature.
    Credentials,
    /// The value by which a wrong key is noticed.
    KeyCheck,
}

/// Why a sealed value does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unopened {
    /// It was sealed under another key.
    OtherKey,
    /// It is damaged, or belongs elsewhere.
    Damaged,
}

impl Keyring {
    /// A key from `secrets.key`.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] when the text is not base64 of 32 bytes.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = STANDARD.decode(text.trim()).map(Zeroizing::new).map_err(|_| KeyError::Malformed)?;
        Self::new(&bytes)
    }

    fn new(bytes: &[u8]) -> Result<Self, KeyError> {
        let cipher = RandomizedNonceKey::new(&AES_256_GCM, bytes).map_err(|_| KeyError::Malformed)?;
        Ok(Self { first: Arc::new(Key { id: key_id(bytes), cipher }), older: Vec::new(), file: None })
    }

    /// The same keyring, which also opens what was sealed under the keys of another one.
    #[must_use]
    pub fn and(mut self, older: Self) -> Self {
        self.older.push(older.first);
        self.older.extend(older.older);
        self
    }

    /// Whether a value is sealed under the key that seals now.
    pub(crate) fn is_current(&self, sealed: &[u8]) -> bool {
        sealed.len() >= HEAD && sealed[1..=KEY_ID] == self.first.id
    }

    /// Seals a value; `None` if the system has no randomness to give, or the key file cannot be
    /// read. To be called within the transaction that writes it.
    pub(crate) fn seal(&self, webhook: WebhookId, purpose: Purpose, plain: &[u8]) -> Option<Vec<u8>> {
        match &self.file {
            None => self.first.seal(webhook, purpose, plain),
            Some(path) => Self::load(path).ok()?.first.seal(webhook, purpose, plain),
        }
    }

    /// Opens what [`Keyring::seal`] made for the same webhook and purpose.
    pub(crate) fn open(
        &self,
        webhook: WebhookId,
        purpose: Purpose,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        let opened = self.open_with_known(webhook, purpose, sealed);
        match &self.file {
            Some(path) if matches!(opened, Err(Unopened::OtherKey)) => {
                let now = Self::load(path).map_err(|_| Unopened::OtherKey)?;
                now.open_with_known(webhook, purpose, sealed)
            }
            _ => opened,
        }
    }

    fn open_with_known(
        &self,
        webhook: WebhookId,
        purpose: Purpose,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        let (head, text) = sealed.split_at_checked(HEAD).ok_or(Unopened::Damaged)?;
        if head[0] != VERSION {
            return Err(Unopened::Damaged);
        }
        let mut keys = iter::once(&self.first).chain(&self.older);
        let key = keys.find(|key| head[1..=KEY_ID] == key.id).ok_or(Unopened::OtherKey)?;
        let nonce = Nonce::try_assume_unique_for_key(&head[1 + KEY_ID..]).map_err(|_| Unopened::Damaged)?;
        let mut text = Zeroizing::new(text.to_vec());
        let opened = key.cipher.open_in_place(nonce, key.bound_to(webhook, purpose), &mut text);
        let length = opened.map_err(|_| Unopened::Damaged)?.len();
        text.truncate(length);
        Ok(text)
    }
}

impl Key {
    fn seal(&self, webhook: WebhookId, purpose: Purpose, plain: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = Zeroizing::new(plain.to_vec());
        sealed.reserve_exact(AES_256_GCM.tag_len());
        let nonce =
            self.cipher.seal_in_place_append_tag(self.bound_to(webhook, purpose), &mut *sealed).ok()?;
        let mut whole = Vec::with_capacity(HEAD + sealed.len());
        whole.push(VERSION);
        whole.extend_from_slice(&self.id);
        whole.extend_from_slice(nonce.as_ref());
        whole.extend_from_slice(&sealed);
        Some(whole)
    }

    fn bound_to(&self, webhook: WebhookId, purpose: Purpose) -> Aad<[u8; 17]> {
        let mut bound = [0; 17];
        bound[..8].copy_from_slice(&webhook.0.to_be_bytes());
        bound[8..16].copy_from_slice(&self.id);
        bound[16] = match purpose {
            Purpose::SigningSecret => 1,
            Purpose::KeyCheck => 2,
            Purpose::Credentials => 3,
        };
        Aad::from(bound)
    }
}

/// What names a key without telling it.
fn key_id(key: &[u8]) -> [u8; KEY_ID] {
    let mut id = [0; KEY_ID];
    id.copy_from_slice(&digest(&SHA256, key).as_ref()[..KEY_ID]);
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HERE: WebhookId = WebhookId(801);

    fn keyring(byte: u8) -> Keyring {
        Keyring::new(&[byte; 32]).unwrap_or_else(|_| unreachable!("32 bytes are a key"))
    }

    #[test]
    fn a_key_is_32_bytes_in_base64() {
        assert!(Keyring::parse(&format!(" {}\n", STANDARD.encode([7; 32]))).is_ok());
        for wrong in ["", "secret", &STANDARD.encode([7; 31]), &STANDARD.encode([7; 33])] {
            assert_eq!(Keyring::parse(wrong).err(), Some(KeyError::Malformed), "{wrong}");
        }
    }

    #[test]
    fn what_is_sealed_opens_only_in_its_place() {
        let sealed = keyring(1).seal(HERE, Purpose::SigningSecret, b"whsec_secret").unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        let open = |key, webhook, purpose| keyring(key).open(webhook, purpose, &sealed).map(|it| it.to_vec());
        assert_eq!(open(1, HERE, Purpose::SigningSecret), Ok(b"whsec_secret".to_vec()));
        assert_eq!(open(2, HERE, Purpose::SigningSecret), Err(Unopened::OtherKey));
        assert_eq!(open(1, WebhookId(802), Purpose::SigningSecret), Err(Unopened::Damaged));
        assert_eq!(open(1, HERE, Purpose::KeyCheck), Err(Unopened::Damaged));
    }

    #[test]
    fn an_older_key_opens_but_does_not_seal() {
        let old = keyring(1).seal(HERE, Purpose::Credentials, b"secret").unwrap();
        let both = keyring(2).and(keyring(3).and(keyring(1)));
        let open = |keyring: &Keyring, sealed: &[u8]| {
            keyring.open(HERE, Purpose::Credentials, sealed).map(|it| it.to_vec())
        };
        assert_eq!(open(&both, &old), Ok(b"secret".to_vec()));
        let new = both.seal(HERE, Purpose::Credentials, b"secret").unwrap();
        assert_eq!(open(&keyring(2), &new), Ok(b"secret".to_vec()));
        assert_eq!(open(&keyring(1), &new), Err(Unopened::OtherKey));
        assert!(both.is_current(&new) && !both.is_current(&old) && !both.is_current(b""));
    }

    #[test]
    fn the_same_value_is_never_sealed_the_same_way() {
        let seal = || keyring(1).seal(HERE, Purpose::SigningSecret, b"secret").unwrap();
        assert_ne!(seal(), seal());
    }

    proptest! {
        #[test]
        fn a_changed_bit_is_noticed(at in 0_usize..HEAD + 6 + 16, bit in 0_u8..8) {
            let mut sealed = keyring(1).seal(HERE, Purpose::SigningSecret, b"secret").unwrap();
            sealed[at] ^= 1 << bit;
            prop_assert!(keyring(1).open(HERE, Purpose::SigningSecret, &sealed).is_err());
        }

        #[test]
        fn opening_never_panics(sealed in proptest::collection::vec(any::<u8>(), 0..80)) {
            prop_assert!(keyring(1).open(HERE, Purpose::SigningSecret, &sealed).is_err());
        }
    }
}
