//! What the documents of the other platforms say, profile by profile.

use std::collections::BTreeSet;

use http::Method;
use stayhook_core::{
    BookingId, Catalogue, EventPattern, EventType, Ordering, Outcome, PropertyId, Span, UrlRules, WebhookUrl,
};
use stayhook_profile::{AuthKind, Judged, SecretVisibility, Secrets, Wire};

use crate::sample::{Sample, built_in, header, mine, profile, secret};

fn event(name: &str) -> EventType {
    EventType::parse(name).unwrap()
}

/// `nowbookit.txt`: 200, 400, 409, 500, and the path of both endpoints.
#[test]
fn nowbookit_is_answered_and_addressed_as_documented() {
    let profile = profile("nowbookit");
    let outcome = |outcome| Judged::Outcome(outcome);
    assert_eq!(profile.judge(200, None), outcome(Outcome::Accepted));
    assert_eq!(profile.judge(400, None), Judged::ConfigFault { retry_after: None });
    assert_eq!(profile.judge(409, None), outcome(Outcome::Again { after: Span::seconds(60) }));
    assert_eq!(profile.judge(500, None), outcome(Outcome::Failed { retry_after: None }));
    assert_eq!(profile.test_type().as_str(), "webhooks.test_notification");
    assert_eq!(profile.ordering(), Ordering::Booking);
    assert_eq!(profile.method(), Method::POST);
    for (registered, called) in [
        (
            "https://api.example.com/Sales/partners/acme/events/{eventType}",
            "https://api.example.com/Sales/partners/acme/events/table.closed",
        ),
        (
            "https://api.example.com/partners/acme/webhooks/callback/{eventType}",
            "https://api.example.com/partners/acme/webhooks/callback/table.closed",
        ),
    ] {
        let template = profile.url_template(registered).unwrap();
        assert_eq!(template.expand(&event("table.closed"), PropertyId::new(1).unwrap()), called);
    }
}

#[test]
fn nowbookit_gets_the_producers_bytes_and_a_signature_over_them() {
    let raw = "{ \"locationId\" : 7,\n\t\"total\": 90.00, \"total\\u0041\": 1e2 }";
    let sample = Sample::new("order.updated", None, raw);
    let profile = profile("nowbookit");
    let body = sample.compose(&profile).body;
    assert_eq!(body, raw);
    let current = secret();
    let wire = Wire::new(&profile, None, Secrets { current: &current, next: None });
    let headers = wire.headers(&sample.attempt(&body));
    assert_eq!(header(&headers, "X-Signature").len(), 64);
    let theirs = mine(
        "extends = 'nowbookit'\nsignature = { header = 'X-Hub', value = 'sha512={signature}', algorithm = 'hmac-sha512' }",
    );
    let wire = Wire::new(&theirs, None, Secrets { current: &current, next: None });
    let headers = wire.headers(&sample.attempt(&body));
    assert_eq!(header(&headers, "X-Hub").len(), "sha512=".len() + 128);
}

/// `bookingkit.txt`: "a PATCH request", the bare order, a bearer token or none.
#[test]
fn bookingkit_patches_the_bare_order() {
    let raw = r#"{"id": "1a3c", "total_invoice": "20.00", "payments": [{"value": 20.0}]}"#;
    let sample = Sample::new("order.created", None, raw);
    let profile = profile("bookingkit");
    assert_eq!(profile.method(), Method::PATCH);
    assert_eq!(sample.compose(&profile).body, raw);
    assert!(profile.needs_raw_data() && !profile.is_signed());
    assert!(
        profile.auth().allows(AuthKind::None) && profile.auth().allows(AuthKind::OAuth2ClientCredentials)
    );
    assert_eq!(mine("extends = 'bookingkit'\nmethod = 'POST'").method(), Method::POST);
}

/// `bookingscheduler.txt`: the envelope, `changes` passed through, a secret that the dashboard shows.
#[test]
fn bookingscheduler_has_its_envelope() {
    let raw = r#"{"id":"book_123","changes":{"participants":{"old":2,"new":3},"totalAmount":{"old":90.00,"new":135}}}"#;
    let sample = Sample::new("booking.updated", None, raw);
    let profile = profile("bookingscheduler");
    assert_eq!(
        sample.compose(&profile).body,
        r#"{"event":"booking.updated","timestamp":"2026-05-27T16:40:00Z","data":{"id":"book_123","changes":{"participants":{"old":2,"new":3},"totalAmount":{"old":90,"new":135}}}}"#
    );
    assert_eq!(profile.secret_visibility(), SecretVisibility::Readable);
}

/// `ticketing.txt`: 26 pairs, two parts of a body, wildcards.
#[test]
fn ticketing_has_its_catalogue_and_two_parts() {
    let profile = profile("ticketing");
    assert_eq!(profile.event_types().len(), 26);
    let known = profile.event_type(&event("check_in.on_check_in")).unwrap();
    assert_eq!(known.kind.label, "Check-In: On Check-in");
    let removals = EventPattern::parse("customers.*").unwrap();
    assert_eq!(profile.event_types().filter(|known| removals.matches(&known.kind.name)).count(), 3);
    assert_eq!(profile.coalesce(&event("inventory.on_change")), Some(Span::seconds(5)));
    assert_eq!(profile.coalesce(&event("bookings.creation")), None);
    let booking = BookingId::Text("b7".into());
    let sample = Sample::new("check_in.on_check_in", Some(booking), r#"{"ticket":"t1"}"#);
    assert_eq!(
        sample.compose(&profile).body,
        concat!(
            r#"{"notification":{"id":"evt_AZ5qRS3gcACAAAAAAAAAKg","event":"Check-In","trigger":"On Check-in","#,
            r#""type":"check_in.on_check_in","occurredAt":"2026-05-27T16:40:00Z","propertyId":101,"bookingId":"b7"},"#,
            r#""data":{"ticket":"t1"}}"#
        )
    );
}

/// The catalogue of the API and those of the profiles name the same types in the same words.
#[test]
fn the_catalogue_is_that_of_the_profiles() {
    let catalogue = Catalogue::built_in();
    let mut named = BTreeSet::new();
    for profile in built_in().iter() {
        for known in profile.event_types() {
            assert_eq!(catalogue.get(&known.kind.name), Some(&known.kind), "{}", profile.name());
            named.insert(known.kind.name.clone());
        }
        assert!(catalogue.knows(profile.test_type()), "{}", profile.name());
    }
    assert!(catalogue.iter().all(|kind| named.contains(&kind.name)));
}

#[test]
fn example_urls_are_ones_that_may_be_registered() {
    for profile in built_in().iter() {
        let template = profile.url_template(profile.example_url()).unwrap();
        let url = template.expand(&event("order.updated"), PropertyId::new(101).unwrap());
        assert!(WebhookUrl::parse(&url, &UrlRules::default()).is_ok(), "{url}");
    }
}

/// "410 Gone" asks senders to disable the webhook.
#[test]
fn standard_webhooks_are_disabled_when_gone() {
    assert_eq!(profile("standard-webhooks").judge(410, None), Judged::Disable);
    assert_eq!(profile("nowistay").judge(410, None), Judged::Outcome(Outcome::Failed { retry_after: None }));
}
