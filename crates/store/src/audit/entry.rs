//! What a change writes into the audit log, the same in both databases: who, what, before and
//! after as JSON objects. Of secrets there is nothing in it, of credentials their kind alone.

use serde_json::json;
use stayhook_core::{ClientId, DeliveryId, EventKind, PropertyId, Span, State, UnixMs, Webhook, WebhookId};

use super::words::{AUTH, event_type_text, state_text, text, token_text, webhook_members};
use crate::{Action, AuditFilter, AuditLine, Author, Recover, TokenLine};

/// A line of the audit log that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) by: Author,
    pub(crate) at: UnixMs,
    pub(crate) action: Action,
    pub(crate) subject: String,
    pub(crate) webhook: Option<WebhookId>,
    pub(crate) owner: Option<ClientId>,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

/// The kind of a webhook's credentials before and after somebody replaced or cleared them.
pub(crate) struct NewCredentials {
    pub(crate) before: Option<&'static str>,
    pub(crate) after: Option<&'static str>,
}

impl Entry {
    /// A webhook was registered by its own client.
    pub(crate) fn created(webhook: &Webhook, credentials: Option<&str>) -> Self {
        let by = Author::Client(webhook.client.clone());
        let after = text(webhook_members(webhook, credentials));
        Self { after: Some(after), ..Self::about(webhook, &by, webhook.created_at, Action::WebhookCreated) }
    }

    /// A webhook was changed. Before and after show the members that differ; new credentials
    /// always, since their kind may be the same.
    pub(crate) fn changed(
        by: &Author,
        before: &Webhook,
        after: &Webhook,
        credentials: Option<&NewCredentials>,
    ) -> Self {
        let kinds = credentials.map_or((None, None), |it| (it.before, it.after));
        let mut was = webhook_members(before, kinds.0);
        let mut is = webhook_members(after, kinds.1);
        let same: Vec<String> =
            was.iter().filter(|(name, value)| is.get(*name) == Some(value)).map(|it| it.0.clone()).collect();
        for name in same.iter().filter(|name| credentials.is_none() || *name != AUTH) {
            was.remove(name);
            is.remove(name);
        }
        let (was, is) = (Some(text(was)), Some(text(is)));
        Self { before: was, after: is, ..Self::about(after, by, after.updated_at, Action::WebhookChanged) }
    }

    /// A webhook was deleted.
    pub(crate) fn deleted(by: &Author, at: UnixMs, webhook: &Webhook, credentials: Option<&str>) -> Self {
        let before = text(webhook_members(webhook, credentials));
        Self { before: Some(before), ..Self::about(webhook, by, at, Action::WebhookDeleted) }
    }

    /// A webhook got a new signing secret.
    pub(crate) fn rotated(by: &Author, at: UnixMs, webhook: &Webhook, overlap: Span) -> Self {
        let after = json!({ "overlap": overlap.to_string() }).to_string();
        Self { after: Some(after), ..Self::about(webhook, by, at, Action::SecretRotated) }
    }

    /// So many deliveries of a webhook were requeued by time window, up to now.
    pub(crate) fn recovered(
        by: &Author,
        at: UnixMs,
        webhook: &Webhook,
        recover: &Recover,
        requeued: u64,
    ) -> Self {
        let include = [("failed", recover.failed), ("missed", recover.missed)];
        let include: Vec<&str> = include.into_iter().filter(|it| it.1).map(|it| it.0).collect();
        let after = json!({
            "since": recover.since.rfc3339_millis(),
            "until": recover.until.rfc3339_millis(),
            "include": include,
            "requeued": requeued,
        });
        Self { after: Some(after.to_string()), ..Self::about(webhook, by, at, Action::DeliveriesRecovered) }
    }

    /// One delivery of a webhook was requeued.
    pub(crate) fn retried(
        by: &Author,
        at: UnixMs,
        webhook: &Webhook,
        delivery: DeliveryId,
        was: State,
    ) -> Self {
        Self {
            subject: delivery.to_string(),
            before: Some(state_text(was)),
            after: Some(state_text(State::Pending)),
            ..Self::about(webhook, by, at, Action::DeliveryRetried)
        }
    }

    /// A property was entitled, or is no longer; `was` is `None` if nothing was set.
    pub(crate) fn entitlement(
        by: &Author,
        at: UnixMs,
        property: PropertyId,
        was: Option<bool>,
        entitled: bool,
    ) -> Self {
        let text = |entitled: bool| json!({ "entitled": entitled }).to_string();
        Self {
            before: was.map(text),
            after: Some(text(entitled)),
            ..Self::new(by, at, Action::EntitlementSet, property.to_string())
        }
    }

    /// An event type was added or changed; `was` is `None` if there was none of the name.
    pub(crate) fn event_type(by: &Author, at: UnixMs, was: Option<&EventKind>, is: &EventKind) -> Self {
        Self {
            before: was.map(event_type_text),
            after: Some(event_type_text(is)),
            ..Self::new(by, at, Action::EventTypePut, is.name.to_string())
        }
    }

    /// An API token was made: on the command line, the only place where that can be done.
    pub(crate) fn token_created(token: &TokenLine) -> Self {
        let entry =
            Self::new(&Author::Operator, token.created_at, Action::TokenCreated, token.id.to_string());
        Self { owner: Some(token.client.clone()), after: Some(token_text(token)), ..entry }
    }

    /// An API token was revoked then; `token` is what it was before.
    pub(crate) fn token_revoked(token: &TokenLine, at: UnixMs) -> Self {
        let entry = Self::new(&Author::Operator, at, Action::TokenRevoked, token.id.to_string());
        let revoked = TokenLine { revoked_at: Some(at), ..token.clone() };
        Self {
            owner: Some(token.client.clone()),
            before: Some(token_text(token)),
            after: Some(token_text(&revoked)),
            ..entry
        }
    }

    /// So many stored secrets were sealed anew, up to now: on the command line.
    pub(crate) fn resealed(at: UnixMs, resealed: u64) -> Self {
        let after = json!({ "resealed": resealed }).to_string();
        let entry = Self::new(&Author::Operator, at, Action::SecretsResealed, "secrets".to_owned());
        Self { after: Some(after), ..entry }
    }

    /// The columns `author` and `client`.
    pub(crate) fn author_columns(&self) -> (&'static str, Option<&str>) {
        match &self.by {
            Author::Client(client) => ("client", Some(client.as_str())),
            Author::Admin(client) => ("admin", Some(client.as_str())),
            Author::Operator => ("operator", None),
            Author::Engine => ("engine", None),
        }
    }

    fn about(webhook: &Webhook, by: &Author, at: UnixMs, action: Action) -> Self {
        let entry = Self::new(by, at, action, webhook.id.to_string());
        Self { webhook: Some(webhook.id), owner: Some(webhook.client.clone()), ..entry }
    }

    fn new(by: &Author, at: UnixMs, action: Action, subject: String) -> Self {
        let by = by.clone();
        Self { by, at, action, subject, webhook: None, owner: None, before: None, after: None }
    }
}

/// An author from the columns `author` and `client`.
pub(crate) fn parse_author(kind: &str, client: Option<ClientId>) -> Option<Author> {
    match (kind, client) {
        ("client", Some(client)) => Some(Author::Client(client)),
        ("admin", Some(client)) => Some(Author::Admin(client)),
        ("operator", None) => Some(Author::Operator),
        ("engine", None) => Some(Author::Engine),
        _ => None,
    }
}

impl AuditFilter {
    /// Whether the line is one that the filter wants.
    pub(crate) fn wants(&self, line: &AuditLine) -> bool {
        let author = match &line.by {
            Author::Client(client) | Author::Admin(client) => Some(client),
            Author::Operator | Author::Engine => None,
        };
        self.action.is_none_or(|it| it == line.action)
            && (self.webhook.is_none() || self.webhook == line.webhook)
            && (self.client.is_none() || self.client.as_ref() == author)
            && self.since.is_none_or(|it| it <= line.at)
            && self.until.is_none_or(|it| line.at < it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use stayhook_core::{DisabledReason, Status, Subscription, WebhookOptions};

    fn client(name: &str) -> ClientId {
        ClientId::parse(name).unwrap()
    }

    fn webhook() -> Webhook {
        Webhook {
            id: WebhookId(801),
            client: client("pms"),
            property: PropertyId::new(101).unwrap(),
            url: "https://a.example.com/".to_owned(),
            events: Subscription::parse(["booking.created"]).unwrap(),
            description: None,
            status: Status::ACTIVE,
            options: WebhookOptions::default(),
            created_at: UnixMs(5),
            updated_at: UnixMs(5),
            version: 1,
        }
    }

    fn object(text: Option<&String>) -> Value {
        serde_json::from_str(text.unwrap()).unwrap()
    }

    #[test]
    fn a_change_shows_what_differs() {
        let mut after = webhook();
        after.url = "https://b.example.com/".to_owned();
        after.updated_at = UnixMs(9);
        let entry = Entry::changed(&Author::Admin(client("ops")), &webhook(), &after, None);
        assert_eq!(object(entry.before.as_ref()), json!({ "url": "https://a.example.com/" }));
        assert_eq!(object(entry.after.as_ref()), json!({ "url": "https://b.example.com/" }));
        assert_eq!((entry.at, entry.subject.as_str()), (UnixMs(9), "801"));
        assert_eq!((entry.webhook, entry.owner), (Some(WebhookId(801)), Some(client("pms"))));
    }

    #[test]
    fn new_credentials_show_though_their_kind_is_the_same() {
        let credentials = NewCredentials { before: Some("basic"), after: Some("basic") };
        let entry = Entry::changed(&Author::Operator, &webhook(), &webhook(), Some(&credentials));
        assert_eq!(object(entry.before.as_ref()), json!({ "auth": { "type": "basic" } }));
        assert_eq!(entry.before, entry.after);
    }

    /// The run of failures is no configuration: it shows in the webhook's log.
    #[test]
    fn the_72_hour_rule_shows_when_and_why() {
        let status = Status::Disabled { at: UnixMs(7), reason: DisabledReason::Failing };
        let after = Webhook { status, ..webhook() };
        let entry = Entry::changed(&Author::Engine, &webhook(), &after, None);
        let expected = json!({ "status": "active", "disabledAt": null, "disabledReason": null });
        assert_eq!(object(entry.before.as_ref()), expected);
        let at = "1970-01-01T00:00:00.007Z";
        let expected = json!({ "status": "disabled", "disabledAt": at, "disabledReason": "failing" });
        assert_eq!(object(entry.after.as_ref()), expected);
    }

    #[test]
    fn authors_read_back() {
        let all = [Author::Client(client("a")), Author::Admin(client("b")), Author::Operator, Author::Engine];
        for by in all {
            let entry = Entry::new(&by, UnixMs(1), Action::EntitlementSet, String::new());
            let (kind, client) = entry.author_columns();
            let client = client.map(|it| ClientId::parse(it).unwrap());
            assert_eq!(parse_author(kind, client), Some(by));
        }
        assert_eq!(parse_author("client", None), None);
        assert_eq!(parse_author("engine", Some(client("a"))), None);
        assert_eq!(parse_author("robot", None), None);
    }
}
