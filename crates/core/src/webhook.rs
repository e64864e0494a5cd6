//! A subscription of one property's events to one URL, and what may be changed about it.

use crate::{ClientId, DisabledReason, PropertyId, Status, Subscription, UnixMs, WebhookId};

/// A registered webhook. Its secrets are kept apart from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its number.
    pub id: WebhookId,
    /// The client that created it: nobody else sees it.
    pub client: ClientId,
    /// The property whose events it gets.
    pub property: PropertyId,
    /// Where they go, as it was given. Judged anew before every attempt.
    pub url: String,
    /// Which of them it gets.
    pub events: Subscription,
    /// The owner's note.
    pub description: Option<Description>,
    /// Whether it may be sent to.
    pub status: Status,
    /// What the owner chose beyond that.
    pub options: WebhookOptions,
    /// When it was created.
    pub created_at: UnixMs,
    /// When its configuration or status last changed.
    pub updated_at: UnixMs,
    /// Grows with every change, so that copies can tell which is newer.
    pub version: i64,
}

/// Choices with a default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookOptions {
    /// Whether `customParameters` are sent along.
    pub include_custom_parameters: bool,
    /// Whether events that the webhook's own client caused are left out.
    pub skip_own: bool,
    /// The order in which events of one booking arrive.
    pub ordering: Ordering,
    /// The wire profile, where it is not the deployment's default.
    pub profile: Option<String>,
    /// A second profile whose headers are sent along.
    pub shadow_profile: Option<String>,
}

/// The order in which events of one booking arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ordering {
    /// In order, except that an event that is retried does not hold up newer ones.
    #[default]
    None,
    /// A newer event waits until the older one has ended.
    Booking,
    /// As `Booking`, and a newer event takes the place of older ones that still wait.
    Newest,
}

/// The owner's note: at most 120 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description(String);

/// The description is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be at most {} characters", Description::MOST)]
pub struct DescriptionTooLong;

/// What a PATCH asks for. Members that are `None` stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookChange {
    /// A new URL, already judged.
    pub url: Option<String>,
    /// A new subscription.
    pub events: Option<Subscription>,
    /// A new note, or none from now on.
    pub description: Option<Option<Description>>,
    /// Pause, resume, reactivate, disable.
    pub status: Option<StatusChange>,
    /// See [`WebhookOptions::include_custom_parameters`].
    pub include_custom_parameters: Option<bool>,
    /// See [`WebhookOptions::skip_own`].
    pub skip_own: Option<bool>,
    /// See [`WebhookOptions::ordering`].
    pub ordering: Option<Ordering>,
    /// See [`WebhookOptions::profile`].
    pub profile: Option<Option<String>>,
    /// See [`WebhookOptions::shadow_profile`].
    pub shadow_profile: Option<Option<String>>,
}

/// What may be asked of a webhook's status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusChange {
    /// Resume or reactivate; what was held meanwhile is treated as asked.
    Activate(Held),
    /// Hold everything until further notice.
    Pause,
    /// Give up, for this reason; for administrators. A webhook that is disabled already gets the new
    /// reason, unless it is [`StatusChange::NO_REASON`].
    Disable(String),
}

impl StatusChange {
    /// What is said where an administrator gives no reason: it takes the place of none.
    pub const NO_REASON: &str = "disabled by an administrator";
}

/// What becomes of held deliveries on resumption.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Held {
    /// All are delivered, in order.
    #[default]
    Deliver,
    /// The newest of each booking is delivered.
    Latest,
    /// None is delivered.
    Discard,
}

impl Held {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deliver => "deliver",
            Self::Latest => "latest",
            Self::Discard => "discard",
        }
    }
}

/// Why a change cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeRefused {
    /// Pausing what is disabled.
    #[error("a disabled webhook cannot be paused: reactivate it first")]
    PauseWhileDisabled,
}

/// What a change means for deliveries that wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Anything changed at all; if not, nothing is written.
    pub changed: bool,
    /// Pending retries come forward, since they failed at another URL.
    pub pull_forward: bool,
    /// Pending deliveries of types that are no longer wanted are cancelled.
    pub drop_unsubscribed: bool,
    /// All pending deliveries are cancelled.
    pub cancel_all: bool,
    /// Held deliveries are released in this manner.
    pub release: Option<Held>,
}

impl Webhook {
    /// The webhook after `change` at `now`, and what that means for deliveries that wait.
    ///
    /// # Errors
    /// When the status does not allow it; then nothing of the change is made.
    pub fn changed(&self, change: &WebhookChange, now: UnixMs) -> Result<(Self, Effects), ChangeRefused> {
        let mut next = self.clone();
        if let Some(url) = &change.url {
            next.url.clone_from(url);
        }
        if let Some(events) = &change.events {
            next.events = events.clone();
        }
        if let Some(description) = &change.description {
            next.description.clone_from(description);
        }
        next.options = self.options.changed(change);
        if let Some(asked) = &change.status {
            next.status = self.status.asked(asked, now)?;
        }
        let mut effects = Effects {
            changed: next != *self,
            pull_forward: next.url != self.url,
            drop_unsubscribed: next.events != self.events,
            cancel_all: matches!(next.status, Status::Disabled { .. })
                && !matches!(self.status, Status::Disabled { .. }),
            release: None,
        };
        if let (Status::Paused { .. }, Some(StatusChange::Activate(held))) = (&self.status, &change.status) {
            effects.release = Some(*held);
        }
        if effects.pull_forward && matches!(next.status, Status::Active { .. }) {
            next.status = Status::ACTIVE;
        }
        if effects.changed {
            next.updated_at = now;
            next.version += 1;
        }
        Ok((next, effects))
    }
}

impl WebhookOptions {
    fn changed(&self, change: &WebhookChange) -> Self {
        Self {
            include_custom_parameters: change
                .include_custom_parameters
                .unwrap_or(self.include_custom_parameters),
            skip_own: change.skip_own.unwrap_or(self.skip_own),
            ordering: change.ordering.unwrap_or(self.ordering),
            profile: change.profile.clone().unwrap_or_else(|| self.profile.clone()),
            shadow_profile: change.shadow_profile.clone().unwrap_or_else(|| self.shadow_profile.clone()),
        }
    }
}

impl Status {
    fn asked(&self, change: &StatusChange, now: UnixMs) -> Result<Self, ChangeRefused> {
        Ok(match (self, change) {
            (Self::Disabled { .. }, StatusChange::Pause) => return Err(ChangeRefused::PauseWhileDisabled),
            (Self::Active { .. }, StatusChange::Activate(_)) | (Self::Paused { .. }, StatusChange::Pause) => {
                self.clone()
            }
            (Self::Disabled { .. }, StatusChange::Disable(reason)) if reason == StatusChange::NO_REASON => {
                self.clone()
            }
            (Self::Disabled { at, .. }, StatusChange::Disable(reason)) => {
                Self::Disabled { at: *at, reason: DisabledReason::Admin(reason.clone()) }
            }
            (_, StatusChange::Activate(_)) => Self::ACTIVE,
            (_, StatusChange::Pause) => Self::Paused { since: now },
            (_, StatusChange::Disable(reason)) => {
                Self::Disabled { at: now, reason: DisabledReason::Admin(reason.clone()) }
            }
        })
    }

    /// The name in the API.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Active { .. } => "active",
            Self::Paused { .. } => "paused",
            Self::Disabled { .. } => "disabled",
        }
    }
}

impl Ordering {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Booking => "booking",
            Self::Newest => "newest",
        }
    }

    /// The ordering of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::None, Self::Booking, Self::Newest].into_iter().find(|it| it.as_str() == name)
    }
}

impl Description {
    /// The most characters it may have.
    pub const MOST: usize = 120;

    /// A description from its text.
    ///
    /// # Errors
    /// When it is longer than 120 characters.
    pub fn parse(text: &str) -> Result<Self, DescriptionTooLong> {
        if text.chars().count() <= Self::MOST { Ok(Self(text.to_owned())) } else { Err(DescriptionTooLong) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Failing;

    fn webhook(status: Status) -> Webhook {
        Webhook {
            id: WebhookId(801),
            client: ClientId::parse("pms").unwrap(),
            property: PropertyId::new(101).unwrap(),
            url: "https://partner.example.com/a".to_owned(),
            events: Subscription::parse(["booking.created"]).unwrap(),
            description: None,
            status,
            options: WebhookOptions::default(),
            created_at: UnixMs(0),
            updated_at: UnixMs(0),
            version: 1,
        }
    }

    fn failing() -> Status {
        Status::Active { failing: Some(Failing { since: UnixMs(1), last: UnixMs(2) }) }
    }

    fn asks(status: StatusChange) -> WebhookChange {
        WebhookChange { status: Some(status), ..WebhookChange::default() }
    }

    #[test]
    fn a_change_that_changes_nothing_leaves_no_trace() {
        let before = webhook(failing());
        let change = WebhookChange {
            url: Some(before.url.clone()),
            events: Some(before.events.clone()),
            description: Some(None),
            ..asks(StatusChange::Activate(Held::Deliver))
        };
        assert_eq!(before.changed(&change, UnixMs(9)), Ok((before, Effects::default())));
    }

    /// Rule 4: a URL change clears the clock; rule 8: it pulls pending retries forward.
    #[test]
    fn another_url_is_another_chance() {
        let change =
            WebhookChange { url: Some("https://b.example.com/".to_owned()), ..WebhookChange::default() };
        let (after, effects) = webhook(failing()).changed(&change, UnixMs(9)).unwrap();
        assert_eq!((after.status, after.updated_at, after.version), (Status::ACTIVE, UnixMs(9), 2));
        assert!(effects.pull_forward && !effects.cancel_all);
    }

    #[test]
    fn resumption_releases_and_clears_the_clock() {
        let paused = webhook(Status::Paused { since: UnixMs(5) });
        let (after, effects) =
            paused.changed(&asks(StatusChange::Activate(Held::Latest)), UnixMs(9)).unwrap();
        assert_eq!(after.status, Status::ACTIVE);
        assert_eq!(effects.release, Some(Held::Latest));
    }

    #[test]
    fn what_is_disabled_cannot_be_paused_and_nothing_of_the_change_is_made() {
        let disabled = webhook(Status::Disabled { at: UnixMs(5), reason: DisabledReason::Failing });
        let change =
            WebhookChange { url: Some("https://b.example.com/".to_owned()), ..asks(StatusChange::Pause) };
        assert_eq!(disabled.changed(&change, UnixMs(9)), Err(ChangeRefused::PauseWhileDisabled));
    }

    /// Rule 5: on disabling, what waits is cancelled.
    #[test]
    fn disabling_closes_what_waits() {
        let (after, effects) =
            webhook(failing()).changed(&asks(StatusChange::Disable("spam".to_owned())), UnixMs(9)).unwrap();
        assert!(matches!(after.status, Status::Disabled { at: UnixMs(9), .. }));
        assert!(effects.cancel_all);
    }

    /// It has been disabled since then; why is the administrator's to say.
    #[test]
    fn what_is_disabled_gets_a_new_reason() {
        let disabled = webhook(Status::Disabled { at: UnixMs(5), reason: DisabledReason::Failing });
        let (after, effects) =
            disabled.changed(&asks(StatusChange::Disable("spam".to_owned())), UnixMs(9)).unwrap();
        let reason = DisabledReason::Admin("spam".to_owned());
        assert_eq!(after.status, Status::Disabled { at: UnixMs(5), reason });
        assert_eq!((after.updated_at, after.version), (UnixMs(9), 2));
        assert_eq!(effects, Effects { changed: true, ..Effects::default() });
        for again in ["spam", StatusChange::NO_REASON] {
            let (same, effects) =
                after.changed(&asks(StatusChange::Disable(again.to_owned())), UnixMs(10)).unwrap();
            assert_eq!((&same, effects.changed), (&after, false));
        }
    }

    #[test]
    fn descriptions_end_at_120_characters() {
        assert!(Description::parse(&"ä".repeat(120)).is_ok());
        assert_eq!(Description::parse(&"a".repeat(121)), Err(DescriptionTooLong));
    }

    #[test]
    fn descriptions_are_short_texts() {
        for good in ["", "PMS sync", &"é".repeat(120)] {
            assert_eq!(Description::parse(good).unwrap().as_str(), good);
        }
        assert!(Description::parse(&"d".repeat(121)).is_err());
    }

    #[test]
    fn orderings_and_statuses_have_names() {
        for (ordering, name) in
            [(Ordering::None, "none"), (Ordering::Booking, "booking"), (Ordering::Newest, "newest")]
        {
            assert_eq!((ordering.as_str(), Ordering::parse(name)), (name, Some(ordering)));
        }
        assert_eq!(Ordering::parse("oldest"), None);
        let at = UnixMs(1);
        let disabled = Status::Disabled { at, reason: DisabledReason::Failing };
        let names = [Status::ACTIVE, Status::Paused { since: at }, disabled].map(|it| it.as_str());
        assert_eq!(names, ["active", "paused", "disabled"]);
    }
}
