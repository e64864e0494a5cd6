//! Properties of what goes on the wire, whatever producers send.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod arbitrary;

use proptest::collection::vec;
use proptest::prelude::*;
use stayhook_core::{
    AllowList, Composed, Envelope, EventId, EventType, Json, JsonError, PropertyId, UnixMs, compose,
};

fn composed(kind: &str, data: &Json, custom_parameters: bool) -> Composed {
    let kind = EventType::parse(kind).unwrap();
    let envelope = Envelope {
        id: EventId::new(UnixMs(1_779_900_000_000), 42),
        kind: &kind,
        created_at: UnixMs(1_779_900_000_000),
        property: PropertyId::new(101).unwrap(),
        booking: None,
    };
    compose(&envelope, data, custom_parameters, &AllowList::default())
}

proptest! {
    /// What was written is read as the same, by us and by another reader, and written the same.
    #[test]
    fn stable_bytes_stay_as_they_are(text in arbitrary::json_text()) {
        let Ok(json) = Json::parse(text.as_bytes(), 64) else { return Ok(()) };
        let written = json.to_stable_bytes();
        prop_assert_eq!(Json::parse(&written, 64).unwrap().to_stable_bytes(), written.clone());
        let other: serde_json::Value = serde_json::from_slice(&written).unwrap();
        prop_assert!(same(&json, &other), "{} {}", text, other);
    }

    /// We refuse no JSON but what we say we refuse, and accept nothing else.
    #[test]
    fn we_read_what_others_read(mut text in arbitrary::json_text(), cut in any::<Option<prop::sample::Index>>()) {
        if let Some(cut) = cut {
            let at = cut.index(text.chars().count().max(1));
            text = text.chars().enumerate().filter(|(place, _)| *place != at).map(|(_, c)| c).collect();
        }
        let other = serde_json::from_str::<serde_json::Value>(&text);
        match Json::parse(text.as_bytes(), 64) {
            Ok(_) => prop_assert!(other.is_ok(), "{}", text),
            Err(JsonError::DuplicateMember { .. }) => {}
            Err(error) => prop_assert!(other.is_err(), "{}: {}", text, error),
        }
    }

    /// No sensitive name leaves, at any depth and in any spelling, and in events about
    /// anything but bookings nothing else is lost.
    #[test]
    fn no_sensitive_name_leaves(tree in tree()) {
        let data = Json::object([("order", tree.json(false))]);
        let body = text(&composed("order.created", &data, true));
        prop_assert!(!body.contains("LEAK"), "{}", body);
        prop_assert_eq!(body.matches("KEEP").count(), keeps(&data), "{}", body);
    }

    /// The same for bookings, in which only what is listed leaves.
    #[test]
    fn no_sensitive_name_leaves_a_booking(amounts in tree(), parameters in tree(), rest in tree()) {
        let guest = Json::object([("firstName", amounts.json(false)), ("email", rest.json(true))]);
        let booking = Json::object([
            ("rest", rest.json(true)),
            ("amounts", amounts.json(false)),
            ("guest", guest),
            ("customParameters", parameters.json(false)),
        ]);
        let listed = 2 * keeps(&amounts.json(false));
        let custom = keeps(&parameters.json(false));
        let data = Json::object([("booking", booking), ("rest", rest.json(true))]);
        for (wanted, expected) in [(false, listed), (true, listed + custom)] {
            let body = text(&composed("booking.updated", &data, wanted));
            prop_assert!(!body.contains("LEAK"), "{}", body);
            prop_assert_eq!(body.matches("KEEP").count(), expected, "{}", body);
        }
    }

    /// Where the body says that custom parameters do not matter, they do not.
    #[test]
    fn bodies_without_custom_parameters_are_one(text in arbitrary::object_text(), nested: bool) {
        let Ok(mut data) = Json::parse(text.as_bytes(), 64) else { return Ok(()) };
        if nested {
            data = Json::object([("booking", Json::object([("amounts", data)]))]);
        }
        for kind in ["booking.created", "order.created"] {
            let (with, without) = (composed(kind, &data, true), composed(kind, &data, false));
            prop_assert!(with.has_custom_parameters == without.has_custom_parameters);
            prop_assert!(with.has_custom_parameters || with.body == without.body);
        }
    }
}

fn text(composed: &Composed) -> String {
    String::from_utf8(composed.body.to_vec()).unwrap()
}

fn same(json: &Json, other: &serde_json::Value) -> bool {
    match (json, other) {
        (Json::Null, serde_json::Value::Null) => true,
        (Json::Bool(a), serde_json::Value::Bool(b)) => a == b,
        (Json::Number(a), serde_json::Value::Number(b)) => Some(*a) == b.as_f64(),
        (Json::Text(a), serde_json::Value::String(b)) => a == b,
        (Json::Array(a), serde_json::Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Json::Object(a), serde_json::Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => false,
    }
}

/// Data in which it is known of every value whether it may leave.
#[derive(Clone, Debug)]
enum Tree {
    Leaf,
    Array(Vec<Tree>),
    Object(Vec<(Name, Tree)>),
    /// `{"label": name, "value": …}`
    Entry(Name, Box<Tree>),
}

#[derive(Clone, Debug)]
struct Name {
    text: String,
    sensitive: bool,
}

impl Tree {
    /// The data: `LEAK` is what must not leave, `KEEP` what must.
    fn json(&self, sensitive: bool) -> Json {
        match self {
            Self::Leaf => Json::from(if sensitive { "LEAK" } else { "KEEP" }),
            Self::Array(items) => Json::Array(items.iter().map(|item| item.json(sensitive)).collect()),
            Self::Object(members) => Json::object(
                members
                    .iter()
                    .map(|(name, tree)| (name.text.clone(), tree.json(sensitive || name.sensitive))),
            ),
            Self::Entry(name, tree) => Json::object([
                ("label", Json::from(name.text.as_str())),
                ("value", tree.json(sensitive || name.sensitive)),
            ]),
        }
    }
}

fn keeps(json: &Json) -> usize {
    match json {
        Json::Text(text) => usize::from(text == "KEEP"),
        Json::Array(items) => items.iter().map(keeps).sum(),
        Json::Object(members) => members.iter().map(|(_, value)| keeps(value)).sum(),
        _ => 0,
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    Just(Tree::Leaf).prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Tree::Array),
            vec((name(), inner.clone()), 0..6).prop_map(Tree::Object),
            (name(), inner).prop_map(|(name, tree)| Tree::Entry(name, Box::new(tree))),
        ]
    })
}

fn name() -> impl Strategy<Value = Name> {
    const HARMLESS: &[&str] =
        &["amount", "capacity", "cityTax", "Parking", "total", "note", "rooms", "7", "lines"];
    prop_oneof![
        prop::sample::select(HARMLESS).prop_map(|name| Name { text: name.to_owned(), sensitive: false }),
        sensitive_name().prop_map(|text| Name { text, sensitive: true }),
    ]
}

/// The document's sensitive names as producers may spell them.
fn sensitive_name() -> impl Strategy<Value = String> {
    const NAMES: &[&[&str]] = &[
        &["email"],
        &["e", "mail"],
        &["phone"],
        &["phone", "number"],
        &["address"],
        &["city"],
        &["postal", "code"],
        &["zip"],
        &["zip", "code"],
        &["country"],
        &["country", "code"],
        &["language"],
        &["smart", "lock", "code"],
        &["lock", "code"],
    ];
    let owner = prop::sample::select(&["", "guest", "customer", "billing"][..]);
    let joint = prop::sample::select(&["", "_", "-", " "][..]);
    (owner, prop::sample::select(NAMES), joint, 0..4_u8, any::<u64>()).prop_map(
        |(owner, words, joint, case, dice)| {
            let mut words: Vec<String> = Some(owner)
                .filter(|owner| !owner.is_empty())
                .iter()
                .chain(words)
                .map(ToString::to_string)
                .collect();
            if case == 0 {
                words.iter_mut().skip(1).for_each(|word| word[..1].make_ascii_uppercase());
            }
            let name = words.join(joint);
            match case {
                0 | 1 => name,
                2 => name.to_ascii_uppercase(),
                _ => name
                    .char_indices()
                    .map(|(at, c)| if dice >> (at % 64) & 1 == 1 { c.to_ascii_uppercase() } else { c })
                    .collect(),
            }
        },
    )
}
