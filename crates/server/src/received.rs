//! A webhook request as its receiver gets it, and whether to trust it: what the documents ask of
//! every receiver. Shared by `listen` and by the receivers of `demo`.

use axum::http::HeaderMap;
use stayhook_core::{Diagnosis, SigningSecret, UnixMs, diagnose};

/// What the headers of a request say about its body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Notice<'a> {
    /// `Nowistay-Webhook-Event-Id`
    pub(crate) event: &'a str,
    /// `Nowistay-Webhook-Event-Type`
    pub(crate) kind: &'a str,
    timestamp: i64,
    signature: &'a str,
}

impl<'a> Notice<'a> {
    /// Reads the headers.
    ///
    /// # Errors
    /// Names the header that is missing, comes twice or makes no sense.
    pub(crate) fn read(headers: &'a HeaderMap) -> Result<Self, String> {
        let timestamp = header(headers, "Nowistay-Webhook-Timestamp")?;
        Ok(Self {
            event: header(headers, "Nowistay-Webhook-Event-Id")?,
            kind: header(headers, "Nowistay-Webhook-Event-Type")?,
            timestamp: timestamp.parse().map_err(|_| {
                "the header Nowistay-Webhook-Timestamp is no whole number of seconds".to_owned()
            })?,
            signature: header(headers, "Nowistay-Webhook-Signature")?,
        })
    }

    /// Whether the body, byte for byte as it came, bears the signature of this secret and is
    /// recent, and if not, why.
    pub(crate) fn diagnose(&self, secret: &SigningSecret, body: &[u8], now: UnixMs) -> Diagnosis {
        diagnose(secret, self.timestamp, self.event, self.signature, body, now)
    }
}

/// The one value of a header: of two, nobody knows which one was meant.
///
/// # Errors
/// Says what is wrong with the header.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, String> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or_else(|| format!("the header {name} is missing"))?;
    if values.next().is_some() {
        return Err(format!("the header {name} comes twice"));
    }
    value.to_str().map_err(|_| format!("the header {name} is not plain text"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use stayhook_core::{Mistake, sign};

    use super::*;

    const EVENT: &str = "evt_LkP2sxR9zV8QyW0000000A";
    const BODY: &[u8] = br#"{"id":"evt_LkP2sxR9zV8QyW0000000A"}"#;
    const AT: UnixMs = UnixMs(1_779_292_800_000);

    fn secret() -> SigningSecret {
        SigningSecret::from_entropy([7; 32])
    }

    fn headers() -> HeaderMap {
        let signature = sign(&secret(), AT.as_seconds(), EVENT, BODY).to_string();
        let pairs = [
            ("nowistay-webhook-event-id", EVENT),
            ("nowistay-webhook-event-type", "booking.updated"),
            ("nowistay-webhook-timestamp", "1779292800"),
            ("nowistay-webhook-signature", &signature),
        ];
        pairs.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn what_was_signed_is_trusted_and_nothing_else() {
        let headers = headers();
        let notice = Notice::read(&headers).unwrap();
        assert_eq!((notice.event, notice.kind), (EVENT, "booking.updated"));
        assert!(notice.diagnose(&secret(), BODY, AT).is_right());
        assert!(!notice.diagnose(&secret(), b"{}", AT).is_right());
        assert!(!notice.diagnose(&SigningSecret::from_entropy([8; 32]), BODY, AT).is_right());
        let late = notice.diagnose(&secret(), BODY, UnixMs(AT.0 + 301_000));
        assert!(
            matches!(late, Diagnosis::Wrong(mistakes) if matches!(mistakes[..], [Mistake::StaleTimestamp { .. }]))
        );
    }

    #[test]
    fn every_header_must_come_once() {
        for name in
            ["Event-Id", "Event-Type", "Timestamp", "Signature"].map(|it| format!("Nowistay-Webhook-{it}"))
        {
            let mut without = headers();
            let value = without.remove(name.as_str()).unwrap();
            assert_eq!(Notice::read(&without), Err(format!("the header {name} is missing")));
            let mut twice = headers();
            twice.append(name.parse::<http::HeaderName>().unwrap(), value);
            assert_eq!(Notice::read(&twice), Err(format!("the header {name} comes twice")));
            let mut unreadable = headers();
            unreadable
                .insert(name.parse::<http::HeaderName>().unwrap(), HeaderValue::from_bytes(b"\xff").unwrap());
            assert_eq!(Notice::read(&unreadable), Err(format!("the header {name} is not plain text")));
        }
        let mut wordy = headers();
        wordy.insert("nowistay-webhook-timestamp", HeaderValue::from_static("today"));
        assert!(Notice::read(&wordy).unwrap_err().contains("whole number"));
    }
}
