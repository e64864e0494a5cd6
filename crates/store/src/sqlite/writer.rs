//! The one writer: a thread that owns the writing connection and puts whatever queued while
//! the last commit ran into the next transaction, so that many writes share one fsync.

#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{query, sql};
use crate::StoreError;

/// At most so many jobs in one transaction: the first waits for the last.
const GROUP_JOBS: usize = 64;
/// No more jobs once a transaction carries so many bytes: a commit of this size takes some
/// tens of milliseconds on a slow disk.
const GROUP_BYTES: usize = 4 << 20;
/// So many jobs may queue before callers wait for a place.
const QUEUE: usize = 1_024;

/// The way to the writing thread. Dropping it lets the thread finish what is queued.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(conn: Connection) -> Result<Self, StoreError> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || work(&conn, jobs))
            .map_err(|error| StoreError::Unavailable(format!("no thread for the writer: {error}")))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Runs a job in a transaction that it may share with others, and returns once it is
    /// durable. A job that fails is undone alone. `bytes`: about how much it writes.
    pub(super) async fn write<T, E>(
        &self,
        bytes: usize,
        job: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let task = Task { bytes, job: Some(job), outcome: None, reply };
        let gone = || E::from(StoreError::Unavailable("the writer has stopped, see the log".to_owned()));
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue.send(Box::new(task)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer of the database had panicked");
        }
    }
}

/// Something to be done within a transaction, and somebody who waits for it.
trait Job: Send {
    /// About how much it writes.
    fn bytes(&self) -> usize;
    /// Does it; returns whether it is to be kept.
    fn run(&mut self, conn: &Connection) -> bool;
    /// Answers, after the transaction was committed or was not.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Task<F, T, E> {
    bytes: usize,
    job: Option<F>,
    /// `None` until it ran, and if it panicked.
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Job for Task<F, T, E>
where
    F: FnOnce(&Connection) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn run(&mut self, conn: &Connection) -> bool {
        // Whatever a panicking job has changed is in the database, where it is undone.
        let job = self.job.take();
        self.outcome = catch_unwind(AssertUnwindSafe(|| job.map(|job| job(conn)))).unwrap_or_default();
        matches!(self.outcome, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let lost = || E::from(StoreError::Unavailable("a write panicked, see the log".to_owned()));
        let answer = match (committed, self.outcome) {
            // Its own error says more than that of the others.
            (_, Some(Err(error))) => Err(error),
            (Ok(()), Some(Ok(value))) => Ok(value),
            (Ok(()), None) => Err(lost()),
            (Err(error), _) => Err(error.into()),
        };
        // Whoever asked may have gone.
        let _ = self.reply.send(answer);
    }
}

fn work(conn: &Connection, mut jobs: mpsc::Receiver<Box<dyn Job>>) {
    while let Some(first) = jobs.blocking_recv() {
        let mut done = Vec::new();
        let committed = transact(conn, first, &mut jobs, &mut done);
        if let Err(error) = &committed {
            tracing::warn!(%error, jobs = done.len(), "a transaction failed");
            undo(conn);
        }
        for job in done {
            job.answer(committed.clone());
        }
    }
}

fn transact(
    conn: &Connection,
    first: Box<dyn Job>,
    jobs: &mut mpsc::Receiver<Box<dyn Job>>,
    done: &mut Vec<Box<dyn Job>>,
) -> Result<(), StoreError> {
    let mut bytes = 0;
    let mut next = Some(first);
    let begun = query::run(conn, sql::BEGIN, []);
    while let Some(mut job) = next {
        bytes = job.bytes().saturating_add(bytes);
        let ran = begun.clone().and_then(|_| run(conn, job.as_mut()));
        done.push(job);
        ran?;
        let full = done.len() >= GROUP_JOBS || bytes >= GROUP_BYTES;
        next = if full { None } else { jobs.try_recv().ok() };
    }
    query::run(conn, sql::COMMIT, [])?;
    Ok(())
}

/// Runs one job, undoing it alone if it fails; an error means that the whole transaction is
/// lost, as SQLite does it when the disk is full.
fn run(conn: &Connection, job: &mut dyn Job) -> Result<(), StoreError> {
    query::run(conn, sql::SAVE, [])?;
    let keep = job.run(conn);
    if conn.is_autocommit() {
        return Err(StoreError::Unavailable("another write in the same transaction failed".to_owned()));
    }
    if !keep {
        query::run(conn, sql::UNDO, [])?;
    }
    query::run(conn, sql::KEEP, [])?;
    Ok(())
}

fn undo(conn: &Connection) {
    if !conn.is_autocommit()
        && let Err(error) = query::run(conn, sql::ROLLBACK, [])
    {
        tracing::error!(%error, "a failed transaction cannot be rolled back");
    }
}
