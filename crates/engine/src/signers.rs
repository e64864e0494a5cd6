//! The keys of a webhook's signatures, scheduled once and not again for every attempt.

use stayhook_core::{NextSecret, Secrets, Signer, UnixMs};

/// A signer for each of a webhook's secrets.
#[derive(Clone)]
pub(crate) struct Signers {
    current: Signer,
    /// What a rotation brought, and from when on it alone is in use.
    next: Option<(UnixMs, Signer)>,
}

impl Signers {
    pub(crate) fn of(secrets: &Secrets) -> Self {
        let next = |NextSecret { secret, from }: &NextSecret| (*from, Signer::new(secret));
        Self { current: Signer::new(&secrets.current), next: secrets.next.as_ref().map(next) }
    }

    /// The signer of the documented signature at this moment, and the one that is announced
    /// beside it: see [`Secrets::at`].
    pub(crate) fn at(&self, now: UnixMs) -> (&Signer, Option<&Signer>) {
        match &self.next {
            Some((from, next)) if *from <= now => (next, None),
            Some((_, next)) => (&self.current, Some(next)),
            None => (&self.current, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use stayhook_core::{SigningSecret, Span, sign};

    proptest! {
        /// At any moment the signers are those of the secrets that are in use then.
        #[test]
        fn signers_follow_their_secrets(rotations in prop::collection::vec((0_i64..9, 0_u64..9), 0..4), now in 0_i64..40) {
            let mut secrets = Secrets::only(SigningSecret::from_entropy([0; 32]));
            let mut at = 0;
            for (number, (pause, overlap)) in (1_u8..).zip(rotations) {
                at += pause;
                let fresh = SigningSecret::from_entropy([number; 32]);
                secrets = secrets.rotated(fresh, UnixMs(at), Span::millis(overlap));
            }
            let signers = Signers::of(&secrets);
            let (current, next) = signers.at(UnixMs(now));
            let (secret, announced) = secrets.at(UnixMs(now));
            let text = |signer: &Signer| signer.sign(1, "evt", b"x").text();
            prop_assert_eq!(text(current), sign(secret, 1, "evt", b"x").text());
            prop_assert_eq!(next.map(text), announced.map(|it| sign(it, 1, "evt", b"x").text()));
        }
    }
}
