//! Two secrets at once, and two profiles at once.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use stayhook_core::{Signer, SigningSecret};
use stayhook_profile::{Attempt, Profile, Secrets, Wire, bearer_authorization};

use crate::sample::{ATTEMPT, Sample, header, mine, profile, secret};

type Headers = Vec<(HeaderName, HeaderValue)>;

fn sample() -> Sample {
    Sample::new("booking.created", None, r#"{"booking":{"id":1}}"#)
}

fn next_secret() -> SigningSecret {
    SigningSecret::from_entropy([7; 32])
}

/// The headers of the sample, while the next secret overlaps if `rotating`.
fn headers(main: &Arc<Profile>, shadow: Option<&Arc<Profile>>, rotating: bool) -> Headers {
    let (current, next, sample) = (secret(), next_secret(), sample());
    let wire = Wire::new(main, shadow, Secrets { current: &current, next: rotating.then_some(&next) });
    wire.headers(&sample.attempt(&sample.compose(main).body))
}

fn names(headers: &Headers) -> Vec<&str> {
    headers.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn the_documented_header_keeps_the_old_secret_until_the_overlap_ends() {
    let nowistay = profile("nowistay");
    let body = sample().compose(&nowistay).body;
    let signed = |secret: &SigningSecret| {
        Signer::new(secret).sign(ATTEMPT.as_seconds(), "evt_AZ5qRS3gcACAAAAAAAAAKg", &body).text()
    };
    let rotating = headers(&nowistay, None, true);
    assert_eq!(header(&rotating, "Nowistay-Webhook-Signature"), signed(&secret()));
    assert_eq!(header(&rotating, "Nowistay-Webhook-Signature-Next"), signed(&next_secret()));
    let settled = headers(&nowistay, None, false);
    assert_eq!(header(&settled, "Nowistay-Webhook-Signature"), signed(&secret()));
    assert_eq!(header(&settled, "Nowistay-Webhook-Signature-Next"), "");
}

#[test]
fn several_signatures_share_one_header_or_the_new_secret_waits() {
    let standard = profile("standard-webhooks");
    let (one, both) = (headers(&standard, None, false), headers(&standard, None, true));
    let (one, both) = (header(&one, "webhook-signature"), header(&both, "webhook-signature"));
    assert!(both.starts_with(&format!("{one} v1,")) && both.len() == 2 * one.len() + 1, "{both}");
    let silent = mine("extends = 'standard-webhooks'\nsignature.rotation = 'none'");
    assert_eq!(header(&headers(&silent, None, true), "webhook-signature"), one);
}

#[test]
fn a_shadow_profiles_headers_go_along_and_the_main_profile_wins() {
    let (nowistay, standard) = (profile("nowistay"), profile("standard-webhooks"));
    let both = headers(&nowistay, Some(&standard), true);
    let alone = headers(&nowistay, None, true);
    assert_eq!(both[..alone.len()], alone, "the main profile's headers are as without a shadow");
    assert_eq!(names(&both)[alone.len()..], ["webhook-id", "webhook-timestamp", "webhook-signature"]);
    // The same body is signed: that of the main profile.
    let body = sample().compose(&nowistay).body;
    let (current, sample) = (secret(), sample());
    let wire = Wire::new(&standard, None, Secrets { current: &current, next: None });
    let signature = wire.headers(&sample.attempt(&body));
    let signature = header(&signature, "webhook-signature");
    assert!(header(&both, "webhook-signature").starts_with(signature));

    let clashing = mine("extends = 'standard-webhooks'\nheaders.Webhook-Id = 'mine'");
    assert_eq!(header(&headers(&clashing, Some(&standard), false), "webhook-id"), "mine");
}

#[test]
fn credentials_stand_between_the_headers_and_the_signature() {
    let nowistay = profile("nowistay");
    let (current, sample) = (secret(), sample());
    let body = sample.compose(&nowistay).body;
    let token = bearer_authorization("t0ken").unwrap();
    let attempt = Attempt { authorization: Some(&token), ..sample.attempt(&body) };
    let standard = profile("standard-webhooks");
    let wire = Wire::new(&nowistay, Some(&standard), Secrets { current: &current, next: None });
    let headers = wire.headers(&attempt);
    assert_eq!(header(&headers, "authorization"), "Bearer t0ken");
    assert_eq!(
        names(&headers)[5..9],
        ["nowistay-webhook-timestamp", "authorization", "nowistay-webhook-signature", "x-request-id"]
    );
    assert!(!format!("{headers:?}").contains("t0ken"));
}

#[test]
fn default_headers_can_be_removed() {
    let bare = mine(
        "extends = 'bookingkit'\nheaders = { user-agent = false, X-REQUEST-ID = false, X-P = '{propertyId}' }",
    );
    assert_eq!(names(&headers(&bare, None, false)), ["content-type", "x-p"]);
}
