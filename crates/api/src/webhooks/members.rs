//! The members that POST and PATCH of a webhook share.

use stayhook_core::{Catalogue, Description, EventPattern, Json, Ordering, Subscription};
use stayhook_engine::ProfileSet;

use crate::fields::{Fields, Wrong, must_be, text};

/// The event types to subscribe to. Every wrong item is named, not the first alone.
pub(super) fn events(fields: &mut Fields, json: Json, known: &Catalogue) -> Option<Subscription> {
    let Json::Array(items) = json else {
        fields.refuse("events", must_be("an array of event types", &json));
        return None;
    };
    let mut patterns = Vec::with_capacity(items.len());
    let count = items.len();
    for (at, item) in items.into_iter().enumerate() {
        match pattern(item, known) {
            Ok(pattern) => patterns.push(pattern),
            Err(detail) => fields.refuse(&format!("events/{at}"), detail),
        }
    }
    if patterns.len() < count {
        return None;
    }
    Subscription::new(patterns).map_err(|error| fields.refuse("events", format!("is empty: {error}"))).ok()
}

fn pattern(json: Json, known: &Catalogue) -> Result<EventPattern, Wrong> {
    let pattern = EventPattern::parse(&text(json)?).map_err(|error| Wrong::from(error.to_string()))?;
    if known.knows_pattern(&pattern) {
        Ok(pattern)
    } else {
        Err(Wrong::Borrowed("is not a known event type: GET /public/v1/event-types lists them"))
    }
}

/// A description, or none with `null`.
pub(super) fn description(json: Json) -> Result<Option<Description>, Wrong> {
    if json.is_null() {
        return Ok(None);
    }
    let text = text(json)?;
    if text.chars().any(char::is_control) {
        return Err(Wrong::Borrowed("must not hold control characters"));
    }
    Description::parse(&text).map(Some).map_err(|error| error.to_string().into())
}

/// An order of delivery.
pub(super) fn ordering(json: Json) -> Result<Ordering, Wrong> {
    Ordering::parse(&text(json)?).ok_or(Wrong::Borrowed("must be none, booking or newest"))
}

/// A main profile; the default, also by `null`, is kept as none, so that it follows the
/// deployment.
pub(super) fn profile(json: Json, profiles: &ProfileSet) -> Result<Option<String>, Wrong> {
    Ok(shadow_profile(json, profiles)?.filter(|name| name != profiles.usual()))
}

/// A shadow profile, or none with `null`.
pub(super) fn shadow_profile(json: Json, profiles: &ProfileSet) -> Result<Option<String>, Wrong> {
    if json.is_null() {
        return Ok(None);
    }
    let name = text(json)?;
    match profiles.all().find(&name) {
        Ok(_) => Ok(Some(name)),
        Err(known) => Err(format!("is not a profile of this deployment: {known}").into()),
    }
}
