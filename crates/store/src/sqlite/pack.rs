//! Lists that are stored as one value: the deliveries of a handoff, and the fan-out of an event.

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use stayhook_core::{EventId, WebhookId};

use crate::targets::Targets;

/// Event (16 bytes), webhook (8).
const DELIVERY: usize = 24;

/// What a handoff names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Deliveries(pub(super) Vec<(EventId, WebhookId)>);

impl FromSql for Targets {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::unpack(value.as_blob()?).ok_or(FromSqlError::InvalidType)
    }
}

impl Deliveries {
    fn unpack(bytes: &[u8]) -> Option<Self> {
        let (deliveries, rest) = bytes.as_chunks::<DELIVERY>();
        rest.is_empty().then_some(())?;
        let unpack = |bytes: &[u8; DELIVERY]| {
            let (event, webhook) = bytes.split_first_chunk()?;
            let webhook = i64::from_be_bytes(webhook.try_into().ok()?);
            Some((EventId::from_bytes(*event), WebhookId(webhook)))
        };
        deliveries.iter().map(unpack).collect::<Option<_>>().map(Self)
    }
}

impl ToSql for Deliveries {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let mut bytes = Vec::with_capacity(self.0.len() * DELIVERY);
        for (event, webhook) in &self.0 {
            bytes.extend_from_slice(&event.to_bytes());
            bytes.extend_from_slice(&webhook.0.to_be_bytes());
        }
        Ok(bytes.into())
    }
}

impl FromSql for Deliveries {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::unpack(value.as_blob()?).ok_or(FromSqlError::InvalidType)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn deliveries_read_back(list in proptest::collection::vec((any::<[u8; 16]>(), any::<i64>()), 0..8)) {
            let list: Vec<_> = list.into_iter().map(|(e, w)| (EventId::from_bytes(e), WebhookId(w))).collect();
            let packed = Deliveries(list);
            let ToSqlOutput::Owned(rusqlite::types::Value::Blob(bytes)) = packed.to_sql().unwrap() else {
                panic!("deliveries are stored as bytes")
            };
            prop_assert_eq!(Deliveries::unpack(&bytes), Some(packed));
        }

        #[test]
        fn unpacking_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Deliveries::unpack(&bytes);
        }
    }
}
