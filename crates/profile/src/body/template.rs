//! The template of an envelope: JSON whose leaves are literals or placeholders.

use stayhook_core::{BookingId, Json};
use toml::Value;

use super::Source;
use crate::ProfileError;
use crate::nearest::did_you_mean;
use crate::read::Field;

/// The deepest that an envelope may be nested.
const DEPTH_MAX: usize = 16;

/// A part of an envelope.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    /// Bytes of JSON.
    Literal(Vec<u8>),
    Hole(Hole),
    Array(Vec<Node>),
    /// Names, written as JSON with their colon, and values.
    Object(Vec<(Vec<u8>, Node)>),
}

/// A placeholder: what stands in its place is written when an event comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hole {
    Id,
    Type,
    Resource,
    Trigger,
    CreatedAt,
    CreatedAtUnix,
    Property,
    Booking,
    /// A member of the data, by its path; the data itself where the path is empty.
    Data(Vec<String>),
    /// Never anything: takes a member of the profile that this one builds on out.
    Nothing,
}

const HOLES: &[(&str, Hole)] = &[
    ("id", Hole::Id),
    ("type", Hole::Type),
    ("resource", Hole::Resource),
    ("trigger", Hole::Trigger),
    ("createdAt", Hole::CreatedAt),
    ("createdAt:unix", Hole::CreatedAtUnix),
    ("propertyId", Hole::Property),
    ("bookingId", Hole::Booking),
    ("data", Hole::Data(Vec::new())),
    ("none", Hole::Nothing),
];

impl Node {
    /// Compiles a template. Under `stable` JSON may reach into the data.
    pub(crate) fn read(field: &Field<'_>, stable: bool) -> Result<Self, ProfileError> {
        read(field, stable, DEPTH_MAX)
    }

    /// Appends the JSON of this part. Returns `false`, with nothing written, where it has none:
    /// then the member that it is the value of is left out.
    pub(crate) fn write(&self, source: &Source<'_>, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Literal(bytes) => out.extend_from_slice(bytes),
            Self::Hole(hole) => return hole.write(source, out),
            Self::Array(items) => {
                write_parts([b'[', b']'], items.iter().map(|item| (&[][..], item)), source, out);
            }
            Self::Object(members) => {
                let members = members.iter().map(|(name, value)| (name.as_slice(), value));
                write_parts([b'{', b'}'], members, source, out);
            }
        }
        true
    }
}

fn write_parts<'n>(
    [open, close]: [u8; 2],
    parts: impl Iterator<Item = (&'n [u8], &'n Node)>,
    source: &Source<'_>,
    out: &mut Vec<u8>,
) {
    out.push(open);
    let start = out.len();
    for (name, value) in parts {
        let before = out.len();
        if before > start {
            out.push(b',');
        }
        out.extend_from_slice(name);
        if !value.write(source, out) {
            out.truncate(before);
        }
    }
    out.push(close);
}

impl Hole {
    fn write(&self, source: &Source<'_>, out: &mut Vec<u8>) -> bool {
        let facts = source.facts;
        match self {
            Self::Id => write_plain(&facts.id.to_string(), out),
            Self::Type => write_plain(facts.kind.as_str(), out),
            Self::Resource => Json::from(source.types.resource(facts.kind)).write_stable(out),
            Self::Trigger => Json::from(source.types.trigger(facts.kind)).write_stable(out),
            Self::CreatedAt => write_plain(&facts.created_at.rfc3339_seconds(), out),
            Self::CreatedAtUnix => write_number(facts.created_at.as_seconds(), out),
            Self::Property => write_number(facts.property.get(), out),
            Self::Booking => match facts.booking {
                None => return false,
                Some(BookingId::Number(number)) => write_number(*number, out),
                Some(BookingId::Text(text)) => Json::from(text.as_str()).write_stable(out),
            },
            Self::Data(path) if path.is_empty() && !source.stable => out.extend_from_slice(source.raw),
            Self::Data(path) => {
                let member = path.iter().try_fold(source.data, |json, name| json.get(name));
                let Some(member) = member else { return false };
                member.write_stable(out);
            }
            Self::Nothing => return false,
        }
        true
    }

    fn parse(name: &str, stable: bool) -> Result<Self, String> {
        if let Some((_, hole)) = HOLES.iter().find(|(known, _)| *known == name) {
            return Ok(hole.clone());
        }
        let Some(path) = name.strip_prefix("data.") else {
            let meant = did_you_mean(name, HOLES.iter().map(|(name, _)| *name));
            let known: Vec<_> = HOLES.iter().map(|(name, _)| format!("{{{name}}}")).collect();
            return Err(format!(
                "{{{name}}} is no placeholder of a body{meant} (there are {} and {{data.member}})",
                known.join(", ")
            ));
        };
        if path.split('.').any(str::is_empty) {
            return Err(format!(
                "{{{name}}} is no path: write names joined by dots, such as {{data.booking}}"
            ));
        }
        if !stable {
            return Err(format!(
                "{{{name}}} reaches into the data, which stable = false leaves alone: use {{data}}"
            ));
        }
        Ok(Self::Data(path.split('.').map(str::to_owned).collect()))
    }
}

/// Ids, types and times need no escape.
fn write_plain(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

fn write_number(number: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(number.to_string().as_bytes());
}

fn read(field: &Field<'_>, stable: bool, depth: usize) -> Result<Node, ProfileError> {
    if depth == 0 {
        return Err(field.error(format!("is nested more than {DEPTH_MAX} deep: flatten the envelope")));
    }
    let node = match field.value() {
        Value::String(text) => return read_text(field, text, stable),
        Value::Boolean(truth) => literal(&Json::from(*truth)),
        Value::Float(number) if number.is_finite() => literal(&Json::from(*number)),
        Value::Float(_) => return Err(field.error("is no number of JSON: write a finite one")),
        Value::Integer(number) if Json::from(*number).as_i64() == Some(*number) => {
            literal(&Json::from(*number))
        }
        Value::Integer(_) => {
            return Err(field.error("is larger than JSON readers hold exactly: write it in quotes"));
        }
        Value::Datetime(_) => return Err(field.error("is a TOML date: write it in quotes")),
        Value::Array(items) => {
            let inner =
                |(at, item): (usize, &_)| read(&field.inner(&at.to_string(), item), stable, depth - 1);
            Node::Array(items.iter().enumerate().map(inner).collect::<Result<_, _>>()?)
        }
        Value::Table(members) => {
            let inner = |(name, value): (&String, &_)| read_member(field, name, value, stable, depth);
            Node::Object(members.iter().map(inner).collect::<Result<_, _>>()?)
        }
    };
    Ok(node)
}

fn read_member(
    object: &Field<'_>,
    name: &str,
    value: &Value,
    stable: bool,
    depth: usize,
) -> Result<(Vec<u8>, Node), ProfileError> {
    let field = object.inner(name, value);
    // JavaScript puts array indices first, whatever their place.
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(field.error("is a number as a name, which JavaScript would move: choose a word"));
    }
    let mut bytes = Json::from(name).to_stable_bytes();
    bytes.push(b':');
    Ok((bytes, read(&field, stable, depth - 1)?))
}

fn read_text(field: &Field<'_>, text: &str, stable: bool) -> Result<Node, ProfileError> {
    if !text.contains(['{', '}']) {
        return Ok(literal(&Json::from(text)));
    }
    let name = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    match name.filter(|name| !name.contains(['{', '}'])) {
        Some(name) => Hole::parse(name, stable).map(Node::Hole).map_err(|reason| field.error(reason)),
        None => {
            Err(field.error("mixes a placeholder with other text: a placeholder stands alone, as \"{id}\""))
        }
    }
}

fn literal(json: &Json) -> Node {
    Node::Literal(json.to_stable_bytes())
}
