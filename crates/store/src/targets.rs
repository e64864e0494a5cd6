//! The fan-out of an event as one value: both databases store it with the event.

use stayhook_core::{Reason, WebhookId};

use crate::{Target, TargetFate};

/// Webhook (8 bytes), number of the body, fate.
const TARGET: usize = 10;

const SEND: u8 = 0;
const WAIT: u8 = 1;

/// The fan-out of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Targets(pub(crate) Vec<Target>);

impl Targets {
    /// How many of them are sent or held.
    pub(crate) fn deliveries(&self) -> u32 {
        let wanted = self.0.iter().filter(|it| !matches!(it.fate, TargetFate::Skip(_))).count();
        u32::try_from(wanted).unwrap_or(u32::MAX)
    }

    /// What the webhook is to get; `None` where the event is not one for it.
    pub(crate) fn delivery(&self, webhook: WebhookId) -> Option<&Target> {
        let wanted = |it: &&Target| it.fate != TargetFate::Skip(Reason::Unsubscribed);
        self.0.iter().find(|it| it.webhook == webhook).filter(wanted)
    }

    /// Packs a fan-out without taking it.
    pub(crate) fn pack(targets: &[Target]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(targets.len() * TARGET);
        for target in targets {
            bytes.extend_from_slice(&target.webhook.0.to_be_bytes());
            bytes.push(target.body);
            bytes.push(match target.fate {
                TargetFate::Send => SEND,
                TargetFate::Wait | TargetFate::Gather(_) => WAIT,
                TargetFate::Skip(reason) => number(reason),
            });
        }
        bytes
    }

    pub(crate) fn unpack(bytes: &[u8]) -> Option<Self> {
        let (targets, rest) = bytes.as_chunks::<TARGET>();
        rest.is_empty().then_some(())?;
        targets.iter().map(unpack_target).collect::<Option<_>>().map(Self)
    }
}

fn unpack_target(bytes: &[u8; TARGET]) -> Option<Target> {
    let (webhook, rest) = bytes.split_first_chunk()?;
    let fate = match rest[1] {
        SEND => TargetFate::Send,
        WAIT => TargetFate::Wait,
        skipped => TargetFate::Skip(Reason::ALL.into_iter().find(|it| number(*it) == skipped)?),
    };
    Some(Target { webhook: WebhookId(i64::from_be_bytes(*webhook)), body: rest[0], fate })
}

/// The number under which a reason is stored: never changed once given.
fn number(reason: Reason) -> u8 {
    match reason {
        Reason::WebhookDisabled => 2,
        Reason::WebhookDeleted => 3,
        Reason::Unsubscribed => 4,
        Reason::NotEntitled => 5,
        Reason::OwnEvent => 6,
        Reason::Superseded => 7,
        Reason::HoldLimit => 8,
        Reason::Discarded => 9,
        Reason::Retention => 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fates() -> impl Strategy<Value = TargetFate> {
        prop_oneof![
            Just(TargetFate::Send),
            Just(TargetFate::Wait),
            (0..Reason::ALL.len()).prop_map(|at| TargetFate::Skip(Reason::ALL[at])),
        ]
    }

    fn targets() -> impl Strategy<Value = Vec<Target>> {
        let target = (any::<i64>(), any::<u8>(), fates()).prop_map(|(webhook, body, fate)| Target {
            webhook: WebhookId(webhook),
            body,
            fate,
        });
        proptest::collection::vec(target, 0..8)
    }

    proptest! {
        #[test]
        fn targets_read_back(targets in targets()) {
            prop_assert_eq!(Targets::unpack(&Targets::pack(&targets)), Some(Targets(targets)));
        }

        #[test]
        fn unpacking_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Targets::unpack(&bytes);
        }
    }
}
