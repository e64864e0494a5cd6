//! The requests that `docs/profiles.md` shows are the ones that are sent.

use std::sync::Arc;

use stayhook_core::{BookingId, UrlRules, WebhookId};
use stayhook_profile::{Preview, Profile, bearer_authorization};

use crate::sample::{ATTEMPT, Sample, built_in, profile, secret};

const PAGE: &str = include_str!("../../../../docs/profiles.md");

/// The event of each platform's page.
fn sample(profile: &str) -> Sample {
    let number = |number| Some(BookingId::Number(number));
    let text = |text: &str| BookingId::text(text).ok();
    match profile {
        "nowistay" => Sample::new(
            "booking.updated",
            number(9001),
            r#"{"booking":{"id":9001,"propertyId":101,"arrival":"2026-07-14","departure":"2026-07-18","status":"confirmed","guest":{"firstName":"Maya","lastName":"M.","email":"maya@example.com"}}}"#,
        ),
        "standard-webhooks" => {
            Sample::new("booking.created", number(9001), r#"{"booking":{"id":9001,"status":"confirmed"}}"#)
        }
        "bookingscheduler" => Sample::new(
            "booking.updated",
            text("book_123"),
            r#"{"id":"book_123","changes":{"totalAmount":{"old":90.00,"new":135.00}}}"#,
        ),
        "bookingkit" => Sample::new(
            "order.updated",
            None,
            r#"{ "id": "265dac0b8ad51dad90344defd582f32e", "code": "ABC-123CC4", "total_invoice": "20.00" }"#,
        ),
        "nowbookit" => Sample::new(
            "table.closed",
            text("sale-77"),
            r#"{ "locationId": 7, "table": "12", "sale": { "id": "sale-77", "total": 90.00 } }"#,
        ),
        "ticketing" => Sample::new("bookings.creation", text("b7"), r#"{"booking":{"id":"b7","tickets":2}}"#),
        other => panic!("give the page of {other} an event"),
    }
}

fn request(profile: &Arc<Profile>) -> String {
    let sample = sample(profile.name());
    let token = bearer_authorization("b4540b431b513cdaa44ab604cb88a7c4992477d5").unwrap();
    let preview = Preview {
        url: None,
        rules: &UrlRules::default(),
        webhook: WebhookId(801),
        secret: &secret(),
        now: ATTEMPT,
        facts: sample.facts(),
        data: &sample.data,
        raw: sample.raw.as_bytes(),
        include_custom_parameters: false,
        authorization: (profile.name() == "bookingkit").then_some(&token),
    };
    profile.preview(&preview).unwrap()
}

/// What stands behind a heading, up to the next of its level.
fn section(heading: &str) -> &'static str {
    let start = PAGE.find(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no page of {heading}"));
    let section = &PAGE[start + 4..];
    section.split("\n## ").next().unwrap()
}

/// The first block of a section in this language.
fn block(section: &'static str, language: &str) -> Option<&'static str> {
    let (_, rest) = section.split_once(&format!("```{language}\n"))?;
    rest.split("\n```").next()
}

#[test]
fn every_platforms_page_shows_the_bytes_that_are_sent() {
    for profile in built_in().iter() {
        let request = request(profile).replace("\r\n", "\n");
        let shown = block(section(profile.name()), "http").unwrap_or_default();
        assert_eq!(shown, request, "the page of {} should show:\n{request}\n", profile.name());
    }
}

/// Profiles that the page shows are read, each as a file of its own.
#[test]
fn every_profile_that_the_page_shows_is_one() {
    let blocks: Vec<&str> =
        PAGE.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 4, "{}", blocks.len());
    for text in blocks {
        if let Err(error) = stayhook_profile::Profiles::read_file("profiles.md", "mine", text) {
            panic!("{error}\n{text}");
        }
    }
}

/// The page names every key and every placeholder of the built-in profiles.
#[test]
fn every_key_is_explained() {
    for profile in built_in().iter() {
        let shown: toml::Table = profile.show().parse().unwrap();
        for key in shown.keys() {
            assert!(PAGE.contains(&format!("`{key}`")), "{key}");
        }
    }
    assert!(PAGE.contains(profile("nowbookit").example_url()));
}
