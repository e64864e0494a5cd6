//! The id of one attempt's request.

use sha2::{Digest as _, Sha256};
use uuid::Builder;

use crate::DeliveryId;

/// The value of `X-Request-Id`: a UUID that differs from attempt to attempt and can be worked
/// out again from the delivery and the attempt's number, so that no log has to store it
/// (RFC 9562, version 8).
pub fn request_id(delivery: DeliveryId, attempt: u32) -> String {
    let mut hash = Sha256::new();
    hash.update(delivery.event.to_bytes());
    hash.update(delivery.webhook.0.to_be_bytes());
    hash.update(attempt.to_be_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Builder::from_custom_bytes(bytes).into_uuid().hyphenated().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EventId, UnixMs, WebhookId};

    #[test]
    fn differs_per_attempt_and_can_be_worked_out_again() {
        let delivery = DeliveryId { event: EventId::new(UnixMs(1), 2), webhook: WebhookId(801) };
        assert_eq!(request_id(delivery, 1), request_id(delivery, 1));
        assert_ne!(request_id(delivery, 1), request_id(delivery, 2));
        let other = DeliveryId { webhook: WebhookId(802), ..delivery };
        assert_ne!(request_id(delivery, 1), request_id(other, 1));
        let id = uuid::Uuid::parse_str(&request_id(delivery, 1)).unwrap();
        assert_eq!(id.get_version_num(), 8);
    }
}
