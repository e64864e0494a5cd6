//! Profiles that nobody should have written.

use proptest::prelude::*;
use stayhook_profile::{Profiles, Secrets, Wire};

use crate::sample::{Sample, built_in, secret};

const FILES: [&str; 7] = [
    include_str!("../../profiles/nowistay.toml"),
    include_str!("../../profiles/standard-webhooks.toml"),
    include_str!("../../profiles/bookingscheduler.toml"),
    include_str!("../../profiles/bookingkit.toml"),
    include_str!("../../profiles/nowbookit.toml"),
    include_str!("../../profiles/ticketing.toml"),
    include_str!("../../profiles/defaults.toml"),
];

/// Reads a file; what is wrong with it is said in one line that names the file.
fn read(text: &str) -> Option<Profiles> {
    match Profiles::read_file("some.toml", "some", text) {
        Ok((profiles, _)) => Some(profiles),
        Err(error) => {
            let error = error.to_string();
            assert!(error.starts_with("some.toml: ") && !error.contains(['\n', '\r']), "{error:?}");
            None
        }
    }
}

/// Whatever a profile says, its requests have valid headers, and it shows as what it is.
fn check(profiles: &Profiles) -> Result<(), TestCaseError> {
    let profile = profiles.get("some").unwrap();
    let sample = Sample::new("booking.updated", None, r#"{"booking":{"id":1}}"#);
    let composed = sample.compose(profile);
    let (current, next) = (secret(), secret());
    let wire = Wire::new(profile, None, Secrets { current: &current, next: Some(&next) });
    for (name, value) in wire.headers(&sample.attempt(&composed.body)) {
        prop_assert!(value.to_str().is_ok_and(|value| !value.is_empty()), "{name}");
    }
    let shown = profile.show();
    let again = read(&shown).ok_or_else(|| TestCaseError::fail(format!("shown, but not read:\n{shown}")))?;
    prop_assert_eq!(again.get("some").unwrap(), profile);
    Ok(())
}

#[test]
fn every_built_in_profile_shows_as_what_it_is() {
    for profile in built_in().iter() {
        let shown = profile.show();
        let (again, _) = Profiles::read_file("copy.toml", "copy", &shown).unwrap();
        assert_eq!(again.get("copy").unwrap().show(), shown);
        for key in ["method = ", "[url]", "[headers]", "[status_policy]", "signature"] {
            assert!(shown.contains(key), "{key} in\n{shown}");
        }
    }
}

/// A value of any kind, as TOML.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[a-zA-Z0-9{}.:_ -]{0,16}".prop_map(|text| format!("\"{text}\"")),
        any::<String>().prop_map(|text| toml::Value::from(text).to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<bool>().prop_map(|truth| truth.to_string()),
        Just("nan".to_owned()),
        Just("2026-05-27T16:40:00Z".to_owned()),
        prop::sample::select(
            &["\"{id}\"", "\"{data}\"", "\"{body}\"", "\"none\"", "\"60s\"", "\"{timestamp}\""][..]
        )
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let member = ("[a-z_]{1,8}", inner.clone()).prop_map(|(key, value)| format!("{key} = {value}"));
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::hash_map("[a-z_]{1,8}", member, 0..4).prop_map(|members| {
                let members: Vec<_> = members.into_iter().map(|(key, it)| format!("{key}_{it}")).collect();
                format!("{{ {} }}", members.join(", "))
            }),
        ]
    })
}

/// Keys of a profile, with places for strangers' own.
fn key() -> impl Strategy<Value = String> {
    let known = prop::sample::select(
        &[
            "method",
            "url.placeholders",
            "url.example",
            "body",
            "body.envelope",
            "body.envelope.x",
            "body.stable",
            "redaction",
            "redaction.allow",
            "headers",
            "headers.User-Agent",
            "headers.X-Mine",
            "signature",
            "signature.content",
            "signature.value",
            "signature.header",
            "signature.rotation",
            "signature.key",
            "auth.kinds",
            "auth.deployment",
            "status_policy.409",
            "status_policy.4xx",
            "schedule.base",
            "schedule.jitter",
            "secret_visibility",
            "ordering",
            "test_type",
            "event_types.a",
            "extends",
        ][..],
    );
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => "[a-z_]{1,9}(\\.[a-z_]{1,9})?"]
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text: String) {
        read(&text);
    }

    /// A file with a piece cut out, put twice or replaced.
    #[test]
    fn damaged_files_are_read_or_refused(
        file in prop::sample::select(&FILES[..]),
        (from, to) in any::<(prop::sample::Index, prop::sample::Index)>(),
        instead in prop_oneof![Just(None), "[\"'={}\\[\\].a-z0-9\n]{0,6}".prop_map(Some)],
    ) {
        let letters: Vec<char> = file.chars().collect();
        let (from, to) = (from.index(letters.len()), to.index(letters.len()));
        let piece: String = letters[from.min(to)..from.max(to)].iter().collect();
        let middle = instead.unwrap_or_else(|| format!("{piece}{piece}"));
        let before: String = letters[..from.min(to)].iter().collect();
        let after: String = letters[from.max(to)..].iter().collect();
        if let Some(profiles) = read(&format!("{before}{middle}{after}")) {
            check(&profiles)?;
        }
    }

    /// A built-in profile with one or two keys of any value.
    #[test]
    fn any_value_of_any_key_is_read_or_refused(
        parent in prop::sample::select(&["nowistay", "standard-webhooks", "bookingkit", "nowbookit", "ticketing"][..]),
        pairs in prop::collection::vec((key(), value()), 1..3),
    ) {
        let pairs: String = pairs.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        if let Some(profiles) = read(&format!("extends = \"{parent}\"\n{pairs}")) {
            check(&profiles)?;
        }
    }
}
