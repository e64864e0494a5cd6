//! From one event to the bodies to send and the webhooks that get them.

use std::sync::Arc;

use bytes::Bytes;
use stayhook_core::{EventId, NewEvent, Ordering, Reason, Status, UnixMs, WebhookId};
use stayhook_profile::EventFacts;
use stayhook_store::{Body, IdempotencyClaim, NewRow, Target, TargetFate};

use crate::registry::Entry;
use crate::unmade;

/// Decides what each webhook of the event's property is to get, and composes the bytes once
/// for all that get the same.
///
/// `entitled` says whether the property may be served; `has_room`, whether a delivery of that
/// webhook may stay in memory: one that may not waits in the store.
pub(crate) fn fan_out(
    event: &NewEvent,
    id: EventId,
    webhooks: &[Arc<Entry>],
    entitled: bool,
    mut has_room: impl FnMut(WebhookId) -> bool,
) -> NewRow {
    let created_at = event.created_at.unwrap_or_else(|| id.accepted_at());
    let mut bodies = Bodies { event, id, created_at, made: Vec::new() };
    let mut targets = Vec::with_capacity(webhooks.len());
    for entry in webhooks {
        let fate = fate(event, entry, entitled, &mut has_room);
        // What was skipped may be asked for later, and shall then have the same bytes.
        let body = if fate == TargetFate::Skip(Reason::Unsubscribed) { 0 } else { bodies.number(entry) };
        targets.push(Target { webhook: entry.webhook.id, body, fate });
    }
    NewRow {
        id,
        kind: event.kind.clone(),
        property: event.property,
        booking: event.booking.clone(),
        created_at,
        client: event.client.clone(),
        origin: event.origin.clone(),
        idempotency: event
            .idempotency_key
            .as_ref()
            .map(|key| IdempotencyClaim { key: key.clone(), content: event.content_hash() }),
        bodies: bodies.made.into_iter().map(|made| made.body).collect(),
        targets,
    }
}

fn fate(
    event: &NewEvent,
    entry: &Entry,
    entitled: bool,
    has_room: &mut impl FnMut(WebhookId) -> bool,
) -> TargetFate {
    let webhook = &entry.webhook;
    if !webhook.events.matches(&event.kind) {
        return TargetFate::Skip(Reason::Unsubscribed);
    }
    if webhook.options.skip_own && event.origin.as_ref() == Some(&webhook.client) {
        return TargetFate::Skip(Reason::OwnEvent);
    }
    // Before the status: what happened without an entitlement is not missed, nor held.
    if !entitled {
        return TargetFate::Skip(Reason::NotEntitled);
    }
    let window = entry.sender.profile().and_then(|profile| profile.coalesce(&event.kind));
    // Without a booking there is nothing by which events could be told to be about one thing.
    let has_booking = event.booking.is_some();
    match (&webhook.status, window) {
        (Status::Disabled { .. }, _) => TargetFate::Skip(Reason::WebhookDisabled),
        (_, Some(window)) if has_booking => TargetFate::Gather(window),
        // In strict order the store says when it is its turn.
        (Status::Active { .. }, _) if has_booking && webhook.options.ordering != Ordering::None => {
            TargetFate::Wait
        }
        (Status::Active { .. }, _) if has_room(webhook.id) => TargetFate::Send,
        (Status::Active { .. } | Status::Paused { .. }, _) => TargetFate::Wait,
    }
}

/// The distinct bodies of one event.
struct Bodies<'a> {
    event: &'a NewEvent,
    id: EventId,
    created_at: UnixMs,
    made: Vec<Made>,
}

/// A body, and for which choices it is right.
struct Made {
    profile: Arc<str>,
    with_custom_parameters: bool,
    /// The event has no custom parameters: right for either choice of them.
    same_without: bool,
    body: Body,
}

impl Bodies<'_> {
    /// The number of the body for this webhook, composed if there is none yet.
    fn number(&mut self, entry: &Entry) -> u8 {
        let wanted = entry.webhook.options.include_custom_parameters;
        let fits = |made: &Made| {
            made.profile == entry.profile && (made.same_without || made.with_custom_parameters == wanted)
        };
        let number = self.made.iter().position(fits).unwrap_or_else(|| {
            self.made.push(self.compose(entry, wanted));
            self.made.len() - 1
        });
        // A property has a few webhooks, and a deployment fewer profiles than would fill this.
        u8::try_from(number).unwrap_or(u8::MAX)
    }

    fn compose(&self, entry: &Entry, with_custom_parameters: bool) -> Made {
        let Self { event, created_at, .. } = *self;
        let made = |body, same_without| Made {
            profile: Arc::clone(&entry.profile),
            with_custom_parameters,
            same_without,
            body,
        };
        let Some(profile) = entry.sender.profile() else {
            let body = unmade::put_off(&entry.profile, created_at, &raw(event), with_custom_parameters);
            return made(body, false);
        };
        let facts = EventFacts {
            id: self.id,
            kind: &event.kind,
            created_at,
            property: event.property,
            booking: event.booking.as_ref(),
        };
        let raw = if profile.needs_raw_data() { raw(event) } else { Bytes::new() };
        let composed = profile.compose(&facts, &event.data, &raw, with_custom_parameters);
        let body = Body { profile: Arc::clone(&entry.profile), bytes: composed.body };
        made(body, !composed.has_custom_parameters)
    }
}

/// The data as its producer wrote it.
fn raw(event: &NewEvent) -> Bytes {
    event.raw.clone().unwrap_or_else(|| event.data.to_stable_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{Registry, Rules};
    use stayhook_core::{
        BookingId, ClientId, DisabledReason, EventType, Json, PropertyId, Secrets, SigningSecret, Span,
        Subscription, UrlRules, Webhook, WebhookOptions,
    };
    use stayhook_store::Registered;

    fn webhook(id: i64, change: impl FnOnce(&mut Webhook)) -> Registered {
        let mut webhook = Webhook {
            id: WebhookId(id),
            client: ClientId::parse("pms").unwrap(),
            property: PropertyId::new(101).unwrap(),
            url: "https://partner.example.com/".to_owned(),
            events: Subscription::parse(["booking.created"]).unwrap(),
            description: None,
            status: Status::ACTIVE,
            options: WebhookOptions::default(),
            created_at: UnixMs(0),
            updated_at: UnixMs(0),
            version: 1,
        };
        change(&mut webhook);
        Registered {
            webhook,
            secrets: Secrets::only(SigningSecret::from_entropy([1; 32])),
            credentials: None,
            entitlement: stayhook_store::Entitlement::default(),
            url_number: 1,
        }
    }

    fn event(data: &str) -> NewEvent {
        NewEvent {
            client: ClientId::parse("bookings").unwrap(),
            kind: EventType::parse("booking.created").unwrap(),
            property: PropertyId::new(101).unwrap(),
            booking: None,
            data: Json::parse(data.as_bytes(), 64).unwrap(),
            raw: Some(Bytes::copy_from_slice(data.as_bytes())),
            created_at: None,
            idempotency_key: None,
            origin: Some(ClientId::parse("pms").unwrap()),
        }
    }

    fn fan(webhooks: Vec<Registered>, data: &str, full: &[i64]) -> NewRow {
        fan_entitled(webhooks, data, full, true)
    }

    fn fan_entitled(webhooks: Vec<Registered>, data: &str, full: &[i64], entitled: bool) -> NewRow {
        let rules =
            Rules { urls: UrlRules::default(), profiles: crate::ProfileSet::built_in().unwrap(), entitled };
        let registry = Registry::new(rules, webhooks, 0);
        let entries = registry.of(PropertyId::new(101).unwrap());
        let id = EventId::new(UnixMs(1_779_900_000_000), 1);
        let entitled = registry.entitled(PropertyId::new(101).unwrap());
        fan_out(&event(data), id, &entries, entitled, |it| !full.contains(&it.0))
    }

    fn row_of(event: &NewEvent, webhooks: Vec<Registered>) -> NewRow {
        let profiles = crate::ProfileSet::built_in().unwrap();
        let rules = Rules { urls: UrlRules::default(), profiles, entitled: true };
        let entries = Registry::new(rules, webhooks, 0).of(event.property);
        fan_out(event, EventId::new(UnixMs(1), 1), &entries, true, |_| true)
    }

    #[test]
    fn each_webhook_gets_its_due() {
        let webhooks = vec![
            webhook(1, |_| ()),
            webhook(2, |it| it.status = Status::Paused { since: UnixMs(1) }),
            webhook(3, |it| it.status = Status::Disabled { at: UnixMs(1), reason: DisabledReason::Failing }),
            webhook(4, |it| it.events = Subscription::parse(["booking.updated"]).unwrap()),
            webhook(5, |it| it.options.skip_own = true),
            webhook(6, |_| ()),
        ];
        let row = fan(webhooks, r#"{"booking":{"id":1}}"#, &[6]);
        let fates: Vec<TargetFate> = row.targets.iter().map(|it| it.fate).collect();
        assert_eq!(
            fates,
            [
                TargetFate::Send,
                TargetFate::Wait,
                TargetFate::Skip(Reason::WebhookDisabled),
                TargetFate::Skip(Reason::Unsubscribed),
                TargetFate::Skip(Reason::OwnEvent),
                TargetFate::Wait,
            ]
        );
        assert_eq!(row.bodies.len(), 1, "composed once for all");
    }

    /// Rule 7: whatever the status, an event without an entitlement is skipped for that reason.
    #[test]
    fn a_property_that_is_not_entitled_gets_nothing() {
        let webhooks = vec![
            webhook(1, |_| ()),
            webhook(2, |it| it.status = Status::Paused { since: UnixMs(1) }),
            webhook(3, |it| it.status = Status::Disabled { at: UnixMs(1), reason: DisabledReason::Failing }),
            webhook(4, |it| it.events = Subscription::parse(["booking.updated"]).unwrap()),
        ];
        let row = fan_entitled(webhooks, "{}", &[], false);
        let fates: Vec<TargetFate> = row.targets.iter().map(|it| it.fate).collect();
        let not_entitled = TargetFate::Skip(Reason::NotEntitled);
        assert_eq!(fates, [not_entitled, not_entitled, not_entitled, TargetFate::Skip(Reason::Unsubscribed)]);
    }

    #[test]
    fn two_bodies_only_where_they_differ() {
        let webhooks =
            || vec![webhook(1, |_| ()), webhook(2, |it| it.options.include_custom_parameters = true)];
        let with = fan(webhooks(), r#"{"booking":{"id":1,"customParameters":{"a":1}}}"#, &[]);
        assert_eq!(with.targets.iter().map(|it| it.body).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(with.bodies.len(), 2);
        let without = fan(webhooks(), r#"{"booking":{"id":1}}"#, &[]);
        assert_eq!(without.targets.iter().map(|it| it.body).collect::<Vec<_>>(), [0, 0]);
        assert_eq!(without.bodies.len(), 1);
    }

    #[test]
    fn each_profile_gets_its_body() {
        let under = |id, profile: &str| webhook(id, |it| it.options.profile = Some(profile.to_owned()));
        let webhooks = vec![
            webhook(1, |_| ()),
            under(2, "bookingkit"),
            under(3, "nowistay"),
            under(4, "nowbookit"),
            under(5, "gone"),
        ];
        let row = fan(webhooks, r#"{ "booking": {"id": 1.0} }"#, &[]);
        assert_eq!(row.targets.iter().map(|it| it.body).collect::<Vec<_>>(), [0, 1, 0, 2, 3]);
        let profiles: Vec<&str> = row.bodies.iter().map(|it| &*it.profile).collect();
        assert_eq!(profiles, ["nowistay", "bookingkit", "nowbookit", "?gone"]);
        assert!(row.bodies[0].bytes.ends_with(br#""data":{"booking":{"id":1}}}"#));
        assert_eq!(row.bodies[1].bytes, r#"{ "booking": {"id": 1.0} }"#, "untouched");
    }

    #[test]
    fn what_is_gathered_waits_for_newer_ones() {
        let ticketing = || {
            webhook(1, |it| {
                it.options.profile = Some("ticketing".to_owned());
                it.events = Subscription::parse(["inventory.*", "bookings.*"]).unwrap();
            })
        };
        let fate = |kind: &str, booking| {
            let event = NewEvent { kind: EventType::parse(kind).unwrap(), booking, ..event("{}") };
            row_of(&event, vec![ticketing()]).targets[0].fate
        };
        let booking = || Some(BookingId::Number(7));
        assert_eq!(fate("inventory.on_change", booking()), TargetFate::Gather(Span::seconds(5)));
        assert_eq!(fate("inventory.on_change", None), TargetFate::Send);
        assert_eq!(fate("bookings.creation", booking()), TargetFate::Send);
    }

    #[test]
    fn nothing_is_composed_for_nobody() {
        let row = fan(vec![], r#"{"booking":{"id":1}}"#, &[]);
        assert!(row.targets.is_empty() && row.bodies.is_empty());
    }
}
