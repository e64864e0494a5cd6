//! What is written down about changes.

use stayhook_core::{
    ClientId, DeliveryId, EventKind, Held, Json, Span, StatusChange, UnixMs, WebhookChange, WebhookId,
};

use super::fixtures::*;
use crate::{
    Action, AuditFilter, AuditLine, Author, NewToken, NewWebhook, Order, Page, PageRequest, Patch,
    PropertyScope, Recover, Rotation, TargetFate, TokenHash,
};

fn by_client(now: UnixMs) -> Order {
    Order::new(Author::Client(client("pms")), now)
}

fn by_admin(now: UnixMs) -> Order {
    Order::new(Author::Admin(client("ops")), now)
}

/// The newest line.
async fn last(store: &Any) -> AuditLine {
    audit(store).await.swap_remove(0)
}

fn token(byte: u8) -> NewToken {
    NewToken {
        name: "first".to_owned(),
        client: client("pms"),
        scopes: vec!["events.write".to_owned()],
        properties: PropertyScope::Only(vec![property(101)]),
        hash: TokenHash([byte; 32]),
        at: at(1),
    }
}

/// A line about a webhook of the client `pms`.
fn expect(line: &AuditLine, action: Action, by: &Author, now: UnixMs, webhook: WebhookId) {
    assert_eq!((line.action, &line.by, line.at), (action, by, now));
    assert_eq!((line.webhook, line.owner.as_ref()), (Some(webhook), Some(&client("pms"))));
}

fn text(text: Option<&String>) -> &str {
    text.map_or("", String::as_str)
}

pub async fn every_change_of_a_webhook_is_written_down(store: Any) {
    let id = webhook(&store).await;
    let line = last(&store).await;
    let owner = Author::Client(client("pms"));
    expect(&line, Action::WebhookCreated, &owner, at(0), id);
    assert_eq!((line.subject.clone(), &line.before), (id.to_string(), &None));
    assert!(text(line.after.as_ref()).contains("https://partner.example.com/hooks"), "{line:?}");

    let url = WebhookChange { url: Some("https://b.example.com/".to_owned()), ..WebhookChange::default() };
    let patch = Patch { change: url, ..Patch::default() };
    store.change_webhook(EVERYTHING, id, patch, &by_client(at(1)), at(1)).await.unwrap();
    let line = last(&store).await;
    expect(&line, Action::WebhookChanged, &owner, at(1), id);
    assert_eq!(text(line.before.as_ref()), r#"{"url":"https://partner.example.com/hooks"}"#);
    assert_eq!(text(line.after.as_ref()), r#"{"url":"https://b.example.com/"}"#);

    let patch = Patch { credentials: Some(Some(basic("first"))), ..Patch::default() };
    store.change_webhook(EVERYTHING, id, patch, &by_admin(at(2)), at(2)).await.unwrap();
    let line = last(&store).await;
    let admin = Author::Admin(client("ops"));
    expect(&line, Action::WebhookChanged, &admin, at(2), id);
    assert_eq!(text(line.before.as_ref()), r#"{"auth":null}"#);
    assert_eq!(text(line.after.as_ref()), r#"{"auth":{"type":"basic"}}"#);

    let rotation = Rotation { secret: secret(8), overlap: Span::hours(24) };
    store.rotate_secret(EVERYTHING, id, rotation, &by_client(at(3))).await.unwrap();
    let line = last(&store).await;
    expect(&line, Action::SecretRotated, &owner, at(3), id);
    assert_eq!((line.before.as_ref(), text(line.after.as_ref())), (None, r#"{"overlap":"1d"}"#));

    store.delete_webhook(EVERYTHING, id, &by_client(at(4))).await.unwrap();
    let line = last(&store).await;
    expect(&line, Action::WebhookDeleted, &owner, at(4), id);
    assert!(text(line.before.as_ref()).contains("https://b.example.com/"), "{line:?}");
    assert!(text(line.before.as_ref()).contains(r#""auth":{"type":"basic"}"#), "{line:?}");
    assert_eq!((line.after, audit(&store).await.len()), (None, 5));
}

pub async fn requeueing_is_written_down(store: Any) {
    let id = webhook(&store).await;
    let event = event_id(0, 1);
    send_and(&store, id, event, accepted(at(100))).await;
    store.retry(EVERYTHING, id, event, &by_client(at(200))).await.unwrap();
    let line = last(&store).await;
    expect(&line, Action::DeliveryRetried, &Author::Client(client("pms")), at(200), id);
    assert_eq!(line.subject, DeliveryId { event, webhook: id }.to_string());
    assert_eq!(text(line.before.as_ref()), r#"{"status":"delivered"}"#);
    assert_eq!(text(line.after.as_ref()), r#"{"status":"pending"}"#);

    let skip = TargetFate::Skip(stayhook_core::Reason::WebhookDisabled);
    let rows: Vec<_> = (0..600).map(|number| row(event_id(1, number), &[(id, skip)])).collect();
    accept(&store, rows).await;
    let recover = Recover { since: at(0), until: at(50), failed: false, missed: true };
    let before = audit(&store).await.len();
    store.recover(EVERYTHING, id, recover, &by_admin(at(300))).await.unwrap();
    let line = last(&store).await;
    expect(&line, Action::DeliveriesRecovered, &Author::Admin(client("ops")), at(300), id);
    assert_eq!(line.subject, id.to_string());
    let after = text(line.after.as_ref());
    for part in [
        format!(r#""since":"{}""#, at(0).rfc3339_millis()),
        format!(r#""until":"{}""#, at(50).rfc3339_millis()),
        r#""include":["missed"]"#.to_owned(),
        r#""requeued":600"#.to_owned(),
    ] {
        assert!(after.contains(&part), "{after} has no {part}");
    }
    assert_eq!(audit(&store).await.len(), before + 1, "one line, however many transactions");
}

pub async fn what_concerns_no_webhook_is_written_down(store: Any) {
    store.set_entitlement(property(101), false, &by_admin(at(1))).await.unwrap();
    let line = last(&store).await;
    assert_eq!((line.action, line.subject.as_str(), line.webhook), (Action::EntitlementSet, "101", None));
    assert_eq!((line.by, line.owner, line.before), (Author::Admin(client("ops")), None, None));
    assert_eq!(text(line.after.as_ref()), r#"{"entitled":false}"#);
    store.set_entitlement(property(101), true, &by_admin(at(2))).await.unwrap();
    assert_eq!(text(last(&store).await.before.as_ref()), r#"{"entitled":false}"#);

    let schema = Json::parse(br#"{"type":"object"}"#, 9).unwrap();
    let name = kind("room.cleaned");
    let new = |schema| EventKind {
        name: name.clone(),
        label: "Room".to_owned(),
        description: String::new(),
        schema,
    };
    store.put_event_type(new(Some(schema)), &by_admin(at(3))).await.unwrap();
    store.put_event_type(new(None), &by_admin(at(4))).await.unwrap();
    let line = last(&store).await;
    assert_eq!((line.action, line.subject.as_str()), (Action::EventTypePut, "room.cleaned"));
    assert!(text(line.before.as_ref()).contains(r#""schema":{"type":"object"}"#), "{line:?}");
    assert!(text(line.after.as_ref()).contains(r#""schema":null"#), "{line:?}");

    let made = store.create_token(token(1)).await.unwrap();
    let line = last(&store).await;
    assert_eq!((line.action, line.by, line.at), (Action::TokenCreated, Author::Operator, at(1)));
    assert_eq!((line.subject, line.owner), (made.id.to_string(), Some(client("pms"))));
    assert!(text(line.after.as_ref()).contains("events.write"), "{:?}", line.after);
    store.revoke_token(made.id, at(9)).await.unwrap();
    let line = last(&store).await;
    assert_eq!((line.action, line.by, line.at), (Action::TokenRevoked, Author::Operator, at(9)));
    assert!(text(line.after.as_ref()).contains(&at(9).rfc3339_millis()), "{:?}", line.after);
}

/// By the attempt that shows it, and by the sweeper where none does.
pub async fn the_72_hour_rule_is_written_down(store: Any) {
    let (tried, silent) = (webhook(&store).await, webhook(&store).await);
    for hour in (0..=72).step_by(8) {
        send_and(&store, tried, event_id(hours(hour), 0), failed(at(hours(hour) + 100))).await;
        send_and(&store, silent, event_id(hours(hour), 1), failed(at(hours(hour) + 100))).await;
    }
    let before = audit(&store).await.len();
    let now = at(hours(72) + 500);
    send_and(&store, tried, event_id(hours(72) + 400, 0), failed(now)).await;
    sweep(&store, at(hours(72) + 501)).await;
    let lines = audit(&store).await;
    assert_eq!(lines.len(), before + 2);
    for (line, id) in lines.iter().zip([silent, tried]) {
        assert_eq!(
            (line.action, &line.by, line.webhook),
            (Action::WebhookChanged, &Author::Engine, Some(id))
        );
        assert!(text(line.before.as_ref()).contains(r#""status":"active""#), "{line:?}");
        let at = at(hours(72) + 100).rfc3339_millis();
        for part in [r#""status":"disabled""#.to_owned(), r#""failing""#.to_owned(), at] {
            assert!(text(line.after.as_ref()).contains(&part), "{line:?} has no {part}");
        }
    }
    assert_eq!(lines[1].at, now);
}

pub async fn what_changes_nothing_is_not_written_down(store: Any) {
    let id = webhook(&store).await;
    send_and(&store, id, event_id(0, 1), failed(at(100))).await;
    let made = store.create_token(token(1)).await.unwrap();
    store.revoke_token(made.id, at(2)).await.unwrap();
    let written = audit(&store).await;
    let same = WebhookChange { url: Some(new_webhook(101).url), ..WebhookChange::default() };
    change(&store, id, same, at(1)).await;
    assert!(store.delete_webhook(EVERYTHING, id, &only_at(&[9], at(1))).await.is_err());
    let rotation = Rotation { secret: secret(8), overlap: Span::ZERO };
    assert!(store.rotate_secret(EVERYTHING, id, rotation, &only_at(&[9], at(1))).await.is_err());
    assert!(store.create_webhook(NewWebhook { limit: 1, ..new_webhook(101) }).await.is_err());
    assert!(store.retry(EVERYTHING, id, event_id(9, 9), &order(at(1))).await.is_err());
    let recover = Recover { since: at(0), until: at(9), failed: true, missed: true };
    assert_eq!(store.recover(EVERYTHING, id, recover, &order(at(1))).await.unwrap(), 0);
    assert!(!store.revoke_token(made.id, at(3)).await.unwrap());
    assert!(store.create_token(token(1)).await.is_err(), "the hash is there already");
    // A run of failures is no change of the webhook.
    sweep(&store, at(200)).await;
    assert_eq!(audit(&store).await, written);
}

pub async fn no_secret_is_written_down(store: Any) {
    let new = NewWebhook { credentials: Some(basic("hunter2")), ..new_webhook(101) };
    let id = store.create_webhook(new).await.unwrap().webhook.id;
    for credentials in [Some(basic("hunter3")), None] {
        let patch = Patch { credentials: Some(credentials), ..Patch::default() };
        store.change_webhook(EVERYTHING, id, patch, &order(at(1)), at(1)).await.unwrap();
    }
    rotate(&store, id, 8, Span::hours(1), at(2)).await;
    store.delete_webhook(EVERYTHING, id, &order(at(3))).await.unwrap();
    let written = format!("{:?}", audit(&store).await);
    assert!(written.contains(r#"\"auth\""#), "{written}");
    for secret in ["whsec_", "hunter", "stayhook\\\""] {
        assert!(!written.contains(secret), "{written}");
    }
}

async fn filtered(store: &Any, filter: AuditFilter) -> Vec<(Action, i64)> {
    let page = PageRequest { after: None, limit: 100 };
    let page = store.audit(&filter, page).await.unwrap();
    assert_eq!(page.next, None);
    page.rows.iter().map(|it| (it.action, it.at.0 - at(0).0)).collect()
}

pub async fn filters_narrow_the_audit_log(store: Any) {
    let (first, second) = (webhook(&store).await, webhook(&store).await);
    for (id, order) in [(first, by_client(at(10))), (second, by_admin(at(20))), (first, order(at(30)))] {
        let status = StatusChange::Pause;
        let resume = StatusChange::Activate(Held::Deliver);
        let status = if order.at == at(30) { resume } else { status };
        let change = WebhookChange { status: Some(status), ..WebhookChange::default() };
        let patch = Patch { change, ..Patch::default() };
        store.change_webhook(EVERYTHING, id, patch, &order, at(99)).await.unwrap();
    }
    use Action::{EntitlementSet, WebhookChanged, WebhookCreated};
    let all = AuditFilter::default;
    let changed = AuditFilter { action: Some(WebhookChanged), ..all() };
    assert_eq!(
        filtered(&store, changed.clone()).await,
        [(WebhookChanged, 30), (WebhookChanged, 20), (WebhookChanged, 10)]
    );
    let of_first = AuditFilter { webhook: Some(first), ..all() };
    assert_eq!(
        filtered(&store, of_first).await,
        [(WebhookChanged, 30), (WebhookChanged, 10), (WebhookCreated, 0)]
    );
    let by = |name: &str| AuditFilter { client: Some(ClientId::parse(name).unwrap()), ..all() };
    assert_eq!(filtered(&store, by("ops")).await, [(WebhookChanged, 20)]);
    assert_eq!(filtered(&store, by("pms")).await.len(), 3);
    assert_eq!(filtered(&store, by("nobody")).await, []);
    let window = AuditFilter { since: Some(at(10)), until: Some(at(30)), ..all() };
    assert_eq!(filtered(&store, window).await, [(WebhookChanged, 20), (WebhookChanged, 10)]);
    let both = AuditFilter { webhook: Some(second), ..changed };
    assert_eq!(filtered(&store, both).await, [(WebhookChanged, 20)]);
    assert_eq!(filtered(&store, AuditFilter { action: Some(EntitlementSet), ..all() }).await, []);
}

async fn page(store: &Any, filter: &AuditFilter, after: Option<i64>, limit: usize) -> Page<AuditLine, i64> {
    store.audit(filter, PageRequest { after, limit }).await.unwrap()
}

pub async fn pages_neither_skip_nor_repeat_while_others_write(store: Any) {
    for _ in 0..7 {
        webhook(&store).await;
    }
    let known: Vec<i64> = audit(&store).await.iter().map(|it| it.id).collect();
    assert!(known.is_sorted_by(|a, b| a > b), "newest first");
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = page(&store, &AuditFilter::default(), after, 2).await;
        assert!(page.rows.len() <= 2);
        seen.extend(page.rows.iter().map(|it| it.id));
        webhook(&store).await;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, known);
}

pub async fn a_filter_that_matches_rarely_gives_short_pages(store: Any) {
    store.set_entitlement(property(102), true, &order(at(0))).await.unwrap();
    // Some at a time, so that they share their commits.
    for wave in (1_000..6_100).step_by(50) {
        let set = |number| {
            let store = store.clone();
            tokio::spawn(async move { store.set_entitlement(property(number), true, &order(at(1))).await })
        };
        let tasks: Vec<_> = (wave..wave + 50).map(set).collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
    }
    let rare = AuditFilter { until: Some(at(1)), ..AuditFilter::default() };
    let first = page(&store, &rare, None, 5).await;
    assert!(first.rows.is_empty() && first.next.is_some(), "{first:?}");
    let second = page(&store, &rare, first.next, 5).await;
    assert_eq!((second.rows.len(), second.next), (1, None));
}
