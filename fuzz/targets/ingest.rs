//! What an internal service reports: JSON, batches of it, and the bodies that every built-in profile makes
//! of it. What is written is JSON, is written the same again, and holds no contact of a guest where the
//! profile promises that.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use stayhook_core::{EventId, EventType, JSON_DEPTH_LIMIT, Json, PropertyId, UnixMs};
use stayhook_profile::{EventFacts, Profiles};

static PROFILES: LazyLock<Profiles> =
    LazyLock::new(|| Profiles::new(BTreeMap::new()).expect("the built-in profiles"));

fuzz_target!(|bytes: &[u8]| {
    #[cfg(feature = "api")]
    stayhook_api::fuzzing::batch(bytes);
    let Ok(json) = Json::parse(bytes, JSON_DEPTH_LIMIT) else { return };
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes).expect("JSON by another reader too");
    let stable = json.to_stable_bytes();
    let again = Json::parse(&stable, JSON_DEPTH_LIMIT).expect("what is written is JSON");
    assert_eq!(again.to_stable_bytes(), stable, "written the same again");
    if json.as_object().is_some() {
        compose(&json, bytes);
    }
});

fn compose(data: &Json, raw: &[u8]) {
    for kind in ["booking.created", "table.closed"] {
        let kind = EventType::parse(kind).expect("a type");
        let (id, property) = (EventId::new(UnixMs(0), 1), PropertyId::new(101).expect("a property"));
        let facts = EventFacts { id, kind: &kind, created_at: UnixMs(0), property, booking: None };
        for name in PROFILES.names() {
            let profile = PROFILES.get(name).expect("it is there");
            for include in [false, true] {
                let body = profile.compose(&facts, data, raw, include).body;
                let read = Json::parse(&body, JSON_DEPTH_LIMIT + 8);
                if name == "nowistay" {
                    assert!(!tells_of_guest(&read.expect("a body is JSON")), "a guest's contact leaves");
                }
            }
        }
    }
}

fn tells_of_guest(json: &Json) -> bool {
    if let Some(items) = json.as_array() {
        return items.iter().any(tells_of_guest);
    }
    json.as_object().is_some_and(|members| {
        members.iter().any(|(name, value)| {
            let letters: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
            ["email", "phone", "guestaddress"].contains(&letters.to_ascii_lowercase().as_str())
                || tells_of_guest(value)
        })
    })
}
