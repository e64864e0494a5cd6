//! New signing secrets in place of old ones.

use stayhook_core::{Span, StatusChange, WebhookId};

use super::fixtures::*;
use crate::{ChangeError, PropertyScope, Rotation, Scope};

fn text(byte: u8) -> String {
    secret(byte).expose().to_owned()
}

/// The secret that webhooks of these tests begin with.
const FIRST: u8 = 7;

const HOUR: Span = Span::hours(1);

pub async fn a_rotation_overlaps_and_the_sweeper_ends_it(store: Any) {
    let id = webhook(&store).await;
    let rotated = rotate(&store, id, 8, HOUR, at(5)).await;
    let over = at(5).after(HOUR);
    let both = (text(FIRST), Some((text(8), over)));
    assert_eq!((told(&rotated), told(&registered(&store, id).await)), (both.clone(), both.clone()));
    assert_eq!((rotated.webhook.version, rotated.webhook.updated_at), (2, at(5)));
    assert_eq!(read(&store, id).await, rotated.webhook);

    assert_eq!(sweep(&store, over.before(Span::millis(1))).await.next, Some(over));
    assert_eq!(told(&registered(&store, id).await), both);
    assert_eq!(sweep(&store, over).await.next, None);
    assert_eq!(told(&registered(&store, id).await), (text(8), None));
    assert_eq!(read(&store, id).await, rotated.webhook, "the rotation was the change");
}

pub async fn a_rotation_without_an_overlap_is_immediate(store: Any) {
    let id = webhook(&store).await;
    rotate(&store, id, 8, HOUR, at(5)).await;
    let rotated = rotate(&store, id, 9, Span::ZERO, at(6)).await;
    assert_eq!(told(&rotated), (text(9), None));
    assert_eq!(told(&registered(&store, id).await), (text(9), None));
    assert_eq!(rotated.webhook.version, 3);
    assert_eq!(sweep(&store, at(hours(2))).await.next, None);
}

/// Contract, section 8: a second rotation ends the first.
pub async fn a_second_rotation_ends_the_first(store: Any) {
    let id = webhook(&store).await;
    rotate(&store, id, 8, HOUR, at(5)).await;
    rotate(&store, id, 9, HOUR.times(2), at(6)).await;
    let over = at(6).after(HOUR.times(2));
    assert_eq!(told(&registered(&store, id).await), (text(8), Some((text(9), over))));
}

/// Also where no sweep came by in between.
pub async fn a_rotation_that_is_over_is_one_secret_for_the_next(store: Any) {
    let id = webhook(&store).await;
    rotate(&store, id, 8, HOUR, at(0)).await;
    let later = at(hours(5));
    assert_eq!(registered(&store, id).await.secrets.at(later).0.expose(), text(8));
    rotate(&store, id, 9, HOUR, later).await;
    assert_eq!(told(&registered(&store, id).await), (text(8), Some((text(9), later.after(HOUR)))));
}

pub async fn a_refused_rotation_changes_nothing(store: Any) {
    let id = webhook(&store).await;
    let before = read(&store, id).await;
    let rotation = || Rotation { secret: secret(8), overlap: HOUR };
    let blind = Scope { client: Some(client("another")), properties: PropertyScope::All };
    let unseen = store.rotate_secret(&blind, id, rotation(), &order(at(5))).await;
    assert!(matches!(unseen, Err(ChangeError::NotFound)));
    let unknown = store.rotate_secret(EVERYTHING, WebhookId(999), rotation(), &order(at(5))).await;
    assert!(matches!(unknown, Err(ChangeError::NotFound)));
    let stale = store.rotate_secret(EVERYTHING, id, rotation(), &only_at(&[2, 3], at(5))).await;
    assert!(matches!(stale, Err(ChangeError::OtherVersion)));
    assert_eq!(read(&store, id).await, before);
    assert_eq!(told(&registered(&store, id).await), (text(FIRST), None));
    assert!(store.rotate_secret(EVERYTHING, id, rotation(), &only_at(&[9, 1], at(5))).await.is_ok());
}

pub async fn a_webhook_that_is_switched_off_can_be_rotated(store: Any) {
    for status in [StatusChange::Pause, StatusChange::Disable("spam".to_owned())] {
        let id = webhook(&store).await;
        let before = switch(&store, id, status, at(1)).await.webhook.status;
        let rotated = rotate(&store, id, 8, Span::ZERO, at(2)).await;
        assert_eq!(told(&rotated).0, text(8));
        assert_eq!(rotated.webhook.status, before);
    }
}

pub async fn many_rotations_end_in_bounded_batches(store: Any) {
    let mut ids = Vec::new();
    for _ in 0..7 {
        let id = webhook(&store).await;
        rotate(&store, id, 8, HOUR, at(0)).await;
        ids.push(id);
    }
    let over = at(0).after(HOUR);
    let mut open = vec![];
    while sweep_of(&store, over, 3).await.next.is_some_and(|it| it <= over) {
        let registry = store.registry().await.unwrap();
        open.push(registry.iter().filter(|it| it.secrets.next.is_some()).count());
        assert!(open.len() < 9, "the sweeper does not come to an end");
    }
    assert_eq!(open, [4, 1]);
    for id in ids {
        assert_eq!(told(&registered(&store, id).await), (text(8), None));
    }
}
