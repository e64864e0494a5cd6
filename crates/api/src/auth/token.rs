//! API tokens: made here, known afterwards by their hash alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use stayhook_store::TokenHash;

/// What tells our tokens from those of other issuers.
pub(super) const PREFIX: &str = "shk_";

/// A new token from 32 random bytes: `shk_` and 43 URL-safe characters, and its hash. The
/// text is to be shown once and then forgotten.
pub fn new_token(entropy: [u8; 32]) -> (String, TokenHash) {
    let text = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(entropy));
    let hash = hash_token(&text);
    (text, hash)
}

/// The hash under which a token is stored and found: SHA-256 of its text. Tokens are random,
/// so that there is nothing to guess and no need of a slow hash.
pub fn hash_token(text: &str) -> TokenHash {
    TokenHash(Sha256::digest(text.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_found_by_their_text() {
        let (text, hash) = new_token([7; 32]);
        assert!(text.starts_with("shk_") && text.len() == 47, "{text}");
        assert_eq!(hash_token(&text), hash);
        assert_ne!(new_token([8; 32]).1, hash);
    }
}
