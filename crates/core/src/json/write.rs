//! Writing JSON so that JavaScript writes the same bytes again.

use super::{Json, Members};
use crate::decimal::Decimal;

pub(super) fn write_value(json: &Json, out: &mut Vec<u8>) {
    match json {
        Json::Null => out.extend_from_slice(b"null"),
        Json::Bool(true) => out.extend_from_slice(b"true"),
        Json::Bool(false) => out.extend_from_slice(b"false"),
        Json::Number(number) => write_number(*number, out),
        Json::Text(text) => write_text(text, out),
        Json::Array(items) => write_array(items, write_value, out),
        Json::Object(members) => write_object(members, out),
    }
}

/// As [`write_value`], but with the members of objects ordered by their names.
pub(super) fn write_sorted(json: &Json, out: &mut Vec<u8>) {
    match json {
        Json::Array(items) => write_array(items, write_sorted, out),
        Json::Object(members) => {
            let mut ordered: Vec<_> = members.iter().collect();
            ordered.sort_unstable_by_key(|(name, _)| *name);
            write_members(ordered.into_iter(), write_sorted, out);
        }
        other => write_value(other, out),
    }
}

/// Appends a string with its quotes.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\') {
        out.extend_from_slice(&rest[..at]);
        write_escape(rest[at], out);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Appends a number as ECMAScript's Number::toString writes it.
pub(super) fn write_number(number: f64, out: &mut Vec<u8>) {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        // Also where -0 becomes 0, as in JavaScript.
        out.extend_from_slice(Decimal::new(number as i64).as_bytes());
    } else if number.is_finite() {
        out.extend_from_slice(ryu_js::Buffer::new().format_finite(number).as_bytes());
    } else {
        out.extend_from_slice(b"null");
    }
}

/// Appends the escape that JSON.stringify uses for a character which needs one.
pub(super) fn write_escape(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
            out.extend_from_slice(b"\\u00");
            return out.extend_from_slice(&digits);
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// How a value is written.
type Write = fn(&Json, &mut Vec<u8>);

fn write_array(items: &[Json], write: Write, out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

fn write_object(members: &Members, out: &mut Vec<u8>) {
    if members.iter().any(|(name, _)| array_index(name).is_some()) {
        write_members(indices_first(members).into_iter(), write_value, out);
    } else {
        write_members(members.iter(), write_value, out);
    }
}

fn write_members<'a>(members: impl Iterator<Item = (&'a str, &'a Json)>, write: Write, out: &mut Vec<u8>) {
    out.push(b'{');
    for (at, (name, value)) in members.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_text(name, out);
        out.push(b':');
        write(value, out);
    }
    out.push(b'}');
}

/// The members in the order in which JavaScript enumerates them.
pub(super) fn indices_first(members: &Members) -> Vec<(&str, &Json)> {
    let mut ordered: Vec<_> = members.iter().collect();
    // The sort is stable, so that the others keep their order behind the indices.
    ordered.sort_by_key(|(name, _)| array_index(name).unwrap_or(u32::MAX));
    ordered
}

/// The number of a name that is the canonical text of an array index, 0 to 2³² − 2.
fn array_index(name: &str) -> Option<u32> {
    let canonical = match name.as_bytes() {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.len() < 10 && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if !canonical {
        return None;
    }
    name.parse().ok().filter(|index| *index != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &str) -> String {
        String::from_utf8(Json::parse(text.as_bytes(), 64).unwrap().to_stable_bytes()).unwrap()
    }

    #[test]
    fn numbers_are_written_as_javascript_writes_them() {
        for (given, written) in [
            ("-0", "0"),
            ("-0.0", "0"),
            ("90.00", "90"),
            ("620.50", "620.5"),
            ("1e2", "100"),
            ("12345678901234567890", "12345678901234567000"),
            ("9007199254740993", "9007199254740992"),
            ("-9007199254740992", "-9007199254740992"),
            ("1e20", "100000000000000000000"),
            ("1e21", "1e+21"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1e-7"),
            ("5e-324", "5e-324"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ] {
            assert_eq!(rewritten(given), written, "{given}");
        }
        assert_eq!(Json::Number(f64::NAN).to_stable_bytes(), b"null");
        assert_eq!(Json::Number(f64::NEG_INFINITY).to_stable_bytes(), b"null");
    }

    #[test]
    fn array_indices_come_first_in_ascending_order() {
        assert_eq!(
            rewritten(
                r#"{"b":0,"10":1,"2":2,"01":3,"4294967295":4,"4294967294":5,"-1":6,"0":7,"__proto__":8}"#
            ),
            r#"{"0":7,"2":2,"10":1,"4294967294":5,"b":0,"01":3,"4294967295":4,"-1":6,"__proto__":8}"#
        );
    }

    #[test]
    fn only_what_must_be_escaped_is_escaped() {
        assert_eq!(
            rewritten(r#""\u0000\b\f\n\r\t\u001F\u007f\"\\\/\u2028é\ud83d\ude00""#),
            "\"\\u0000\\b\\f\\n\\r\\t\\u001f\u{7f}\\\"\\\\/\u{2028}é😀\""
        );
    }

    #[test]
    fn white_space_goes() {
        assert_eq!(rewritten(" { \"a\" : [ 1 , { } , [ ] ] } \n"), r#"{"a":[1,{},[]]}"#);
    }
}
