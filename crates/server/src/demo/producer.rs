//! The booking platform: reports what happens to bookings, one by one and in batches.

use std::time::Duration;

use super::api::{Api, Receipt};
use super::bookings::Report;
use super::ledger::{Accepted, Ledger};
use crate::client::Problem;
use crate::outcome::Trouble;

/// Of so many reports in a row …
const ROUND: usize = 30;
/// … so many are sent one by one, the others as one batch.
const SINGLES: usize = 10;
/// Which of those is sent a second time, as after an answer that got lost.
const REPEATED: usize = 4;
/// Time between two requests: slow enough to watch.
const PACE: Duration = Duration::from_millis(100);

/// Reports everything, in order.
pub(crate) async fn produce(api: &Api, reports: &[Report], ledger: &Ledger) -> Result<(), Trouble> {
    let mut pace = tokio::time::interval(PACE);
    for round in reports.chunks(ROUND) {
        let (singles, batch) = round.split_at(SINGLES.min(round.len()));
        for (at, report) in singles.iter().enumerate() {
            pace.tick().await;
            let first = api.enqueue(report).await?;
            if at == REPEATED {
                let again = api.enqueue(report).await?;
                ledger.open().repeats.push(is_repeat(&first, &again));
            }
            note(ledger, report, first);
        }
        pace.tick().await;
        send_batch(api, batch, ledger).await?;
    }
    Ok(())
}

async fn send_batch(api: &Api, batch: &[Report], ledger: &Ledger) -> Result<(), Trouble> {
    if batch.is_empty() {
        return Ok(());
    }
    match api.enqueue_batch(batch).await? {
        Ok(receipts) => {
            for (report, receipt) in batch.iter().zip(receipts) {
                note(ledger, report, receipt);
            }
        }
        Err(problem) => ledger.open().refusals.push(format!("a batch: {}", problem.lines().join("; "))),
    }
    Ok(())
}

fn note(ledger: &Ledger, report: &Report, receipt: Result<Receipt, Problem>) {
    let mut notes = ledger.open();
    match receipt {
        Ok(Receipt { id, deliveries, .. }) => {
            notes.accepted.push(Accepted { id, deliveries, report: report.clone() });
        }
        Err(problem) => {
            let (kind, booking) = (report.kind, report.booking_id);
            notes.refusals.push(format!("{kind} of booking {booking}: {}", problem.lines().join("; ")));
        }
    }
}

/// Whether the API took the second report for the first.
fn is_repeat(first: &Result<Receipt, Problem>, again: &Result<Receipt, Problem>) -> bool {
    matches!((first, again), (Ok(first), Ok(again)) if again.duplicate && !first.duplicate && first.id == again.id)
}
