//! Who gives way to a newer one: by `held: latest`, by the order `newest`, or because the newest of
//! several updates is sent.

use stayhook_core::{EventId, Held, Ordering, Span, WebhookId};
use stayhook_store::TargetFate;

use super::book::Book;
use super::ends::resumed;
use crate::profiles::{GATHERED, WINDOW};

/// Whether a delivery had to give way to a newer one.
pub(super) fn justified(book: &Book<'_>, webhook: WebhookId, event: EventId, place: usize) -> bool {
    let forms = book.forms.get(&webhook).map(Vec::as_slice).unwrap_or_default();
    let by_order =
        forms.iter().any(|(at, it)| *at < place && it.webhook.options.ordering == Ordering::Newest);
    let gave_way = resumed(book, webhook, Held::Latest, place) || by_order;
    gave_way && has_newer(book, webhook, event) || is_gathered(book, webhook, event)
}

fn has_newer(book: &Book<'_>, webhook: WebhookId, event: EventId) -> bool {
    let booking = book.booking(event);
    book.events.iter().any(|(it, (_, newer))| {
        book.is_newer(*it, event)
            && book.booking(*it) == booking
            && newer.targets.iter().any(|(id, _)| *id == webhook)
    })
}

/// Whether a newer one of the same kind came within the window, or while this one was still
/// waiting for its turn.
fn is_gathered(book: &Book<'_>, webhook: WebhookId, event: EventId) -> bool {
    let gathers = |id: EventId| {
        let wanted =
            |(of, fate): &(WebhookId, TargetFate)| *of == webhook && matches!(fate, TargetFate::Gather(_));
        let (_, accepted) = book.events.get(&id)?;
        (accepted.kind.as_str() == GATHERED && accepted.targets.iter().any(wanted)).then_some(accepted)
    };
    let at = |place: usize| book.entries[place].at;
    let Some((own, _)) = book.events.get(&event) else { return false };
    let until = at(*own).after(WINDOW).after(Span::millis(1));
    gathers(event).is_some()
        && book.events.iter().any(|(it, (place, _))| {
            book.is_newer(*it, event)
                && at(*place) <= until
                && book.booking(*it) == book.booking(event)
                && gathers(*it).is_some()
        })
}
