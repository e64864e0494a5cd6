//! A webhook as its owner sees it: exactly the members of the reference, and of the options
//! only what was chosen.

use serde::Serialize;
use stayhook_core::{
    Description, DisabledReason, EventPattern, Ordering, SigningSecret, Status, UnixMs, Webhook,
};

/// A webhook as JSON. The members come in the order of the reference.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WebhookView<'a> {
    id: i64,
    property_id: i64,
    url: &'a str,
    events: Vec<&'a str>,
    description: Option<&'a str>,
    status: &'static str,
    created_at: String,
    updated_at: String,
    #[serde(skip_serializing_if = "is_false")]
    include_custom_parameters: bool,
    #[serde(skip_serializing_if = "is_false")]
    skip_own: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ordering: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shadow_profile: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_secret: Option<&'a str>,
}

impl<'a> WebhookView<'a> {
    /// The webhook as it is read.
    pub(crate) fn of(webhook: &'a Webhook) -> Self {
        let options = &webhook.options;
        let (disabled_at, disabled_reason) = disabled(&webhook.status).unzip();
        Self {
            id: webhook.id.0,
            property_id: webhook.property.get(),
            url: &webhook.url,
            events: webhook.events.patterns().iter().map(EventPattern::as_str).collect(),
            description: webhook.description.as_ref().map(Description::as_str),
            status: webhook.status.as_str(),
            created_at: webhook.created_at.rfc3339_seconds(),
            updated_at: webhook.updated_at.rfc3339_seconds(),
            include_custom_parameters: options.include_custom_parameters,
            skip_own: options.skip_own,
            ordering: Some(options.ordering).filter(|it| *it != Ordering::None).map(Ordering::as_str),
            profile: options.profile.as_deref(),
            shadow_profile: options.shadow_profile.as_deref(),
            failing_since: webhook.status.failing().map(|run| run.since.rfc3339_seconds()),
            disabled_at: disabled_at.map(UnixMs::rfc3339_seconds),
            disabled_reason,
            signing_secret: None,
        }
    }

    /// The webhook as it is created: the one answer that always shows the secret.
    pub(super) fn created(webhook: &'a Webhook, secret: &'a SigningSecret) -> Self {
        Self::with_secret(webhook, Some(secret))
    }

    /// The webhook as its owner reads it, with the secret where its profile lets it be read.
    pub(super) fn with_secret(webhook: &'a Webhook, secret: Option<&'a SigningSecret>) -> Self {
        Self { signing_secret: secret.map(SigningSecret::expose), ..Self::of(webhook) }
    }
}

fn disabled(status: &Status) -> Option<(UnixMs, &str)> {
    match status {
        Status::Disabled { at, reason: DisabledReason::Failing } => Some((*at, "failing")),
        Status::Disabled { at, reason: DisabledReason::Gone } => Some((*at, "gone")),
        Status::Disabled { at, reason: DisabledReason::Admin(words) } => Some((*at, words)),
        Status::Active { .. } | Status::Paused { .. } => None,
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if hands over references")]
fn is_false(truth: &bool) -> bool {
    !truth
}

#[cfg(test)]
mod tests {
    use super::*;
    use stayhook_core::{ClientId, Failing, PropertyId, Subscription, WebhookId, WebhookOptions};

    fn webhook() -> Webhook {
        Webhook {
            id: WebhookId(801),
            client: ClientId::parse("pms").unwrap(),
            property: PropertyId::new(101).unwrap(),
            url: "https://partner.example.com/nowistay/webhooks".to_owned(),
            events: Subscription::parse(["booking.created", "booking.updated"]).unwrap(),
            description: Some(Description::parse("PMS sync").unwrap()),
            status: Status::ACTIVE,
            options: WebhookOptions::default(),
            created_at: UnixMs(1_779_900_000_123),
            updated_at: UnixMs(1_779_900_000_123),
            version: 1,
        }
    }

    fn text(view: &WebhookView<'_>) -> String {
        serde_json::to_string(view).unwrap()
    }

    #[test]
    fn a_new_webhook_is_what_the_reference_shows() {
        let secret = SigningSecret::parse("whsec_9npwH6J8QyZp1L8U3xqG7sN2").ok().unwrap();
        let reference = concat!(
            r#"{"id":801,"propertyId":101,"url":"https://partner.example.com/nowistay/webhooks","#,
            r#""events":["booking.created","booking.updated"],"description":"PMS sync","status":"active","#,
            r#""createdAt":"2026-05-27T16:40:00Z","updatedAt":"2026-05-27T16:40:00Z","#,
            r#""signingSecret":"whsec_9npwH6J8QyZp1L8U3xqG7sN2"}"#,
        );
        assert_eq!(text(&WebhookView::created(&webhook(), &secret)), reference);
        let read = reference.replace(r#","signingSecret":"whsec_9npwH6J8QyZp1L8U3xqG7sN2""#, "");
        assert_eq!(text(&WebhookView::of(&webhook())), read);
    }

    #[test]
    fn only_what_was_chosen_is_shown_of_the_options() {
        let options = WebhookOptions {
            include_custom_parameters: true,
            skip_own: true,
            ordering: Ordering::Newest,
            profile: Some("other".to_owned()),
            shadow_profile: Some("nowistay".to_owned()),
        };
        let shown = text(&WebhookView::of(&Webhook { options, description: None, ..webhook() }));
        assert!(shown.contains(r#""description":null,"#), "{shown}");
        assert!(
            shown.ends_with(concat!(
                r#","includeCustomParameters":true,"skipOwn":true,"ordering":"newest","#,
                r#""profile":"other","shadowProfile":"nowistay"}"#
            )),
            "{shown}"
        );
    }

    #[test]
    fn a_status_brings_what_belongs_to_it() {
        let ending = |status, expected: &str| {
            let shown = text(&WebhookView::of(&Webhook { status, ..webhook() }));
            assert!(shown.ends_with(expected), "{shown}");
        };
        let at = UnixMs(1_779_900_000_000);
        let run = Failing { since: at, last: at };
        ending(Status::Active { failing: Some(run) }, r#","failingSince":"2026-05-27T16:40:00Z"}"#);
        ending(
            Status::Disabled { at, reason: DisabledReason::Failing },
            r#","disabledAt":"2026-05-27T16:40:00Z","disabledReason":"failing"}"#,
        );
        ending(
            Status::Disabled { at, reason: DisabledReason::Admin("abuse".to_owned()) },
            r#","disabledReason":"abuse"}"#,
        );
        ending(Status::Paused { since: at }, r#""updatedAt":"2026-05-27T16:40:00Z"}"#);
    }
}
