//! JSON texts as strangers write them: spaces, escapes and numbers of every kind.

use proptest::collection::vec;
use proptest::prelude::*;

/// A JSON text. A few hold what [`stayhook_core::Json::parse`] refuses: names used twice and
/// numbers beyond a double.
pub(crate) fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        number(),
        number(),
        string(),
    ];
    leaf.prop_recursive(4, 48, 8, |inner| {
        let member =
            (name(), inner.clone(), space()).prop_map(|(name, value, s)| format!("{s}{name}{s}:{s}{value}"));
        prop_oneof![
            (vec(inner, 0..6), space())
                .prop_map(|(items, s)| format!("[{s}{}{s}]", items.join(&format!("{s},{s}")))),
            (vec(member, 0..8), space()).prop_map(|(members, s)| format!("{{{}{s}}}", members.join(","))),
        ]
    })
}

/// The text of an object.
pub(crate) fn object_text() -> impl Strategy<Value = String> {
    vec((name(), json_text()), 0..6).prop_map(|members| {
        let members: Vec<_> = members.into_iter().map(|(name, value)| format!("{name}:{value}")).collect();
        format!("{{{}}}", members.join(","))
    })
}

fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just(""), 1 => Just(" "), 1 => Just("\r\n\t")]
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,4})(\\.[0-9]{2})?",
        "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?",
        "-?[1-9]\\.[0-9]{0,2}[0-9]e-?(2[0-9]{2}|30[0-8])",
        any::<i64>().prop_map(|number| number.to_string()),
        (-2_i64..3).prop_map(|step| (9_007_199_254_740_992 + step).to_string()),
        any::<f64>()
            .prop_filter("JSON has no others", |number| number.is_finite())
            .prop_map(|n| format!("{n:e}")),
    ]
}

/// A string with as few escapes as possible, or with nothing but escapes.
fn string() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        any::<String>(),
        "[\\x00-\\x1f\"\\\\/a-z\\x7f\u{2028}\u{2029}\u{feff}é😀]{0,12}",
        "[A-Za-z0-9 .@-]{0,20}",
    ];
    (text, any::<bool>()).prop_map(|(text, escaped)| if escaped { escapes(&text) } else { quoted(&text) })
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Z_]{1,8}".prop_map(|name| quoted(&name)),
        1 => "(0|[1-9][0-9]{0,10}|0[0-9]|-1|1\\.5)".prop_map(|name| quoted(&name)),
        1 => (4_294_967_293_u64..4_294_967_298).prop_map(|index| quoted(&index.to_string())),
        1 => Just("\"__proto__\"".to_owned()),
        1 => Just("\"constructor\"".to_owned()),
        2 => string(),
    ]
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("texts can be written")
}

fn escapes(text: &str) -> String {
    let escapes: String = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
    format!("\"{escapes}\"")
}
