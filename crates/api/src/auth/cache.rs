//! Remembers for a moment whose token it is, so that a stream of calls costs one look-up in
//! a while, and a stream of calls with a bad token too.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use stayhook_core::{Span, UnixMs};
use stayhook_store::TokenHash;

use super::Principal;
use super::claims::Flaw;

/// How long an answer of the store, or of an issuer, is used. A revoked token must end within 5 s; the rest is
/// for requests that are under way.
const KEPT: Span = Span::seconds(4);

/// The most answers that are remembered. Whoever tries many bad tokens fills this and no more.
const MOST: usize = 4_096;

/// What is known about tokens, also that one does not count.
#[derive(Default)]
pub(crate) struct TokenCache(RwLock<HashMap<TokenHash, Known>>);

struct Known {
    principal: Result<Arc<Principal>, Flaw>,
    asked_at: UnixMs,
}

impl Known {
    /// A clock that was set back makes answers stale, too: better asked twice than trusted long.
    fn is_fresh(&self, now: UnixMs) -> bool {
        let lives = self.principal.as_ref().map_or(true, |principal| now < principal.ends);
        lives && now >= self.asked_at && now.since(self.asked_at) < KEPT
    }
}

impl TokenCache {
    /// What is known of a token: its principal, or why it has none; `None` must be asked for.
    pub(super) fn get(&self, hash: &TokenHash, now: UnixMs) -> Option<Result<Arc<Principal>, Flaw>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(hash).filter(|known| known.is_fresh(now)).map(|known| known.principal.clone())
    }

    /// Remembers what was said of a token at that moment.
    pub(super) fn put(&self, hash: TokenHash, principal: Result<Arc<Principal>, Flaw>, asked_at: UnixMs) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, known| known.is_fresh(asked_at) && known.principal.is_ok());
        }
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(hash, Known { principal, asked_at });
    }
}

#[cfg(test)]
mod tests {
    use super::super::Scopes;
    use super::*;
    use stayhook_core::ClientId;
    use stayhook_store::{PropertyScope, Scope};

    fn hash(number: u32) -> TokenHash {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        TokenHash(bytes)
    }

    const UNKNOWN: Flaw = "unknown";

    fn somebody() -> Arc<Principal> {
        until(Principal::NO_END)
    }

    fn until(ends: UnixMs) -> Arc<Principal> {
        let client = ClientId::parse("pms").unwrap();
        let visible = Scope { client: Some(client.clone()), properties: PropertyScope::All };
        Arc::new(Principal { client, scopes: Scopes::default(), visible, ends })
    }

    #[test]
    fn answers_are_used_for_less_than_five_seconds() {
        let cache = TokenCache::default();
        cache.put(hash(1), Ok(somebody()), UnixMs(10_000));
        cache.put(hash(2), Err(UNKNOWN), UnixMs(10_000));
        assert_eq!(cache.get(&hash(1), UnixMs(13_999)), Some(Ok(somebody())));
        assert_eq!(cache.get(&hash(2), UnixMs(13_999)), Some(Err(UNKNOWN)));
        assert_eq!(cache.get(&hash(1), UnixMs(14_000)), None);
        assert_eq!(cache.get(&hash(1), UnixMs(9_999)), None);
        assert_eq!(cache.get(&hash(3), UnixMs(10_000)), None);
    }

    #[test]
    fn no_answer_outlives_its_token() {
        let cache = TokenCache::default();
        cache.put(hash(1), Ok(until(UnixMs(11_000))), UnixMs(10_000));
        assert!(cache.get(&hash(1), UnixMs(10_999)).is_some());
        assert_eq!(cache.get(&hash(1), UnixMs(11_000)), None);
    }

    #[test]
    fn a_flood_of_bad_tokens_is_bounded_and_keeps_the_good_one() {
        let cache = TokenCache::default();
        cache.put(hash(0), Ok(somebody()), UnixMs(0));
        for number in 1..20_000 {
            cache.put(hash(number), Err(UNKNOWN), UnixMs(0));
        }
        assert!(cache.0.read().unwrap().len() <= MOST);
        assert!(cache.get(&hash(0), UnixMs(1)).is_some());
    }
}
