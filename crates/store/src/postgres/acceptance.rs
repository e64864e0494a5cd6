//! Accepting batches for this node, also where the way to the database fails in the middle.

use stayhook_core::UnixMs;

use super::failure::Failure;
use super::line::{Held, PATIENCE, PROMPT, work};
use super::shared::{REPEATS, Shared};
use super::{days, doubt, intake, schema_lock, sql, take_over};
use crate::{Intake, Receipt};

impl Shared {
    /// Accepts a batch. Where the connection is lost it is asked for again: what was committed
    /// all the same is recognised by the ids of its events.
    pub(super) async fn intake(&self, batch: &Intake) -> Result<Receipt, Failure> {
        let mut left = REPEATS;
        // A try may have been committed without our knowing.
        let mut lost = false;
        loop {
            let mut held = self.intake.hold().await?;
            let node = self.node();
            match self.try_intake(&mut held, node, batch).await {
                Err(Failure::Buried) if left > 0 => {
                    let again = work!(held, PROMPT, None, |conn| self.register(conn));
                    held.done(again)?;
                }
                Err(failure) if failure.lacks_partition() && left > 0 => {
                    self.days.forget();
                    held.keep();
                }
                Err(failure) if failure.is_collision() && left > 0 => held.keep(),
                Err(failure) if failure.is_lost_connection() && left > 0 => {
                    lost = true;
                    self.doubt.rise();
                    held.lost();
                }
                Err(failure) if failure.is_repetition() && lost => {
                    let receipt =
                        work!(held, PROMPT, Some("BEGIN"), |conn| doubt::receipt(conn, node, batch));
                    return held.done(self.accepted(node, receipt));
                }
                Err(failure) if failure.breaks_connection() => {
                    self.doubt.rise();
                    return held.done(Err(failure));
                }
                other => return held.done(self.accepted(node, other)),
            }
            left -= 1;
        }
    }

    async fn try_intake(&self, held: &mut Held<'_>, node: i64, batch: &Intake) -> Result<Receipt, Failure> {
        let days = self.days.missing(batch.events.iter().map(|it| days::of(it.id.accepted_at())));
        work!(held, PROMPT, None, |conn| async {
            self.days.add(conn, &days, schema_lock::PROMPT).await?;
            intake::intake(conn, node, self.timing, batch).await
        })
    }

    /// Notes what this node holds now; before anybody looks for what it does not know of.
    fn accepted(&self, node: i64, result: Result<Receipt, Failure>) -> Result<Receipt, Failure> {
        if let Ok(Receipt { handoff: Some(handoff), .. }) = &result {
            self.tenure.took(node, *handoff);
        }
        result
    }

    /// Gives back what this node accepted without knowing, see [`doubt`].
    pub(super) async fn resolve_doubts(&self, now: UnixMs) -> Result<u64, Failure> {
        if !self.doubt.is_there() {
            return Ok(0);
        }
        // Nothing is being accepted while this is held: what is unknown is not just on its way.
        let mut held = self.intake.hold().await?;
        let (node, known) = (self.node(), self.tenure.handoffs());
        let result = work!(held, PATIENCE, Some("BEGIN"), |conn| async {
            let given_back = take_over::give_back_unknown(conn, self.timing, now, node, &known).await?;
            if given_back.is_some() {
                sqlx::query(sql::RING_DUE).execute(conn).await?;
            }
            Ok(given_back)
        });
        match held.done(result)? {
            Some(deliveries) => Ok(deliveries),
            None => {
                self.doubt.fade();
                Ok(0)
            }
        }
    }
}
