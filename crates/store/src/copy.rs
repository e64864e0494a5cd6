//! Moving a deployment from one database to another, of either kind.
//!
//! Rows go over in bounded batches, table by table, in the order of their keys. A row of
//! `meta` in the target names the source, the table and the last key, and is written with each
//! batch: a copy that was ended at any moment goes on where it was. As long as that row is
//! there, nobody serves from the target.
//!
//! Handoffs and leases go over as those of a process that died. Whoever serves from the
//! target first takes them over, as it would have done on the source: what was in them becomes
//! due at once, with an `interrupted` attempt.

mod cell;
mod mark;
mod side;
mod tables;

use std::path::PathBuf;

pub(crate) use self::cell::{BATCH_BYTES, BATCH_ROWS, Batch, Cell};
pub(crate) use self::mark::{FINISHED, MARK, Mark};
pub(crate) use self::side::Facts;
pub(crate) use self::tables::{COUNTERS, Column, INBOX, Kind, TABLES, Table};

use self::mark::Fingerprint;
use self::side::Side;
use crate::{Keyring, StoreError};

/// Where a deployment is, or is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file.
    Sqlite(PathBuf),
    /// `postgres://user:password@host:port/database`
    Postgres(String),
}

/// What is to be moved.
pub struct CopyOptions {
    /// What is copied. It stays as it is.
    pub from: Place,
    /// An empty database, or one into which the same copy was begun.
    pub to: Place,
    /// What opens the secrets of the source; they stay sealed as they are.
    pub keyring: Keyring,
    /// Whether to go on with a copy that was begun.
    pub resume: bool,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyProgress {
    /// The table that is being copied.
    pub table: &'static str,
    /// How many of its rows are there already.
    pub done: u64,
    /// How many there are to be.
    pub rows: u64,
}

/// How many rows a table has, in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The table.
    pub table: &'static str,
    /// In the source.
    pub from: u64,
    /// In the target.
    pub to: u64,
}

/// Why a deployment was not moved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// The source could not be read.
    #[error("the source: {0}")]
    Source(StoreError),
    /// The target could not be written.
    #[error("the target: {0}")]
    Target(StoreError),
    /// Both are the same.
    #[error("source and target are the same database: name another target")]
    Same,
    /// There is something in it.
    #[error(
        "the target is not empty, it has rows in {table}: name an empty database, or one into which this copy was begun"
    )]
    NotEmpty {
        /// The first table with something in it.
        table: &'static str,
    },
    /// A copy was begun before.
    #[error("a copy into the target is not finished: go on with --resume, or name an empty database")]
    Unfinished,
    /// The copy that was begun is another one.
    #[error(
        "the copy into the target was begun from another database, or the source has been served since: name an empty database"
    )]
    OtherSource,
    /// It is finished, and the target was changed after that.
    #[error("this copy is finished, and the target has been served since: there is nothing to resume")]
    Finished,
    /// SQLite has no place for events that nobody has collected.
    #[error(
        "{0} events that were enqueued by SQL are not collected yet, and SQLite has no place for them: let a node of the source collect them, stop it, then copy"
    )]
    Uncollected(u64),
}

impl Place {
    /// Whether both name one database. Different names may do so too.
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sqlite(one), Self::Sqlite(other)) => match (one.canonicalize(), other.canonicalize()) {
                (Ok(one), Ok(other)) => one == other,
                _ => one == other,
            },
            _ => self == other,
        }
    }
}

/// Copies everything, and says how it goes on. Returns how many rows of each table there are:
/// where the two figures differ, somebody has changed the source meanwhile, and the target
/// stays closed for serving.
///
/// # Errors
/// When one of the databases cannot be used or is in use, or the target holds something else.
/// What was copied by then stays, and [`CopyOptions::resume`] goes on behind it.
pub async fn copy(
    options: CopyOptions,
    tell: &mut (dyn FnMut(CopyProgress) + Send),
) -> Result<Vec<Counted>, CopyError> {
    if options.from.is(&options.to) {
        return Err(CopyError::Same);
    }
    let source = Side::open_source(&options.from, &options.keyring).await.map_err(CopyError::Source)?;
    let target = Side::open_target(&options.to, &options.keyring).await.map_err(CopyError::Target)?;
    let mut job = Job { source, target, tell };
    let facts = job.source.facts().await.map_err(CopyError::Source)?;
    job.check_inbox(&facts)?;
    let Some(mark) = job.beginning(&facts, options.resume).await? else {
        let counted = job.counted().await?;
        return if agree(&counted) { Ok(counted) } else { Err(CopyError::Finished) };
    };
    job.rows(mark).await?;
    job.counters().await?;
    job.check_alone().await?;
    let counted = job.counted().await?;
    if agree(&counted) {
        job.target.finish(&Fingerprint::of(&facts).0).await.map_err(CopyError::Target)?;
    }
    Ok(counted)
}

fn agree(counted: &[Counted]) -> bool {
    counted.iter().all(|it| it.from == it.to)
}

struct Job<'t> {
    source: Side,
    target: Side,
    tell: &'t mut (dyn FnMut(CopyProgress) + Send),
}

impl Job<'_> {
    /// Where to begin: behind the last row that is there. `None` if all of it is. Claims an empty
    /// target.
    async fn beginning(&mut self, source: &Facts, resume: bool) -> Result<Option<Mark>, CopyError> {
        let facts = self.target.facts().await.map_err(CopyError::Target)?;
        if facts.key_check == source.key_check {
            return Err(CopyError::Same);
        }
        let fingerprint = Fingerprint::of(source);
        if let Some(mark) = facts.mark {
            return match resume {
                _ if mark.source != fingerprint => Err(CopyError::OtherSource),
                true => Ok(Some(mark)),
                false => Err(CopyError::Unfinished),
            };
        }
        if resume && facts.finished.as_ref() == Some(&fingerprint.0) {
            return Ok(None);
        }
        for table in self.tables() {
            if self.target.has_rows(table).await.map_err(CopyError::Target)? {
                return Err(CopyError::NotEmpty { table: table.name });
            }
        }
        let mark = Mark::before(fingerprint, &TABLES[0]);
        self.target.write(None, Batch::default(), &mark).await.map_err(CopyError::Target)?;
        Ok(Some(mark))
    }

    /// The tables that source and target both have.
    fn tables(&self) -> impl Iterator<Item = &'static Table> + use<> {
        let everywhere = self.source.is_postgres() && self.target.is_postgres();
        TABLES.iter().chain(everywhere.then_some(&INBOX))
    }

    fn check_inbox(&self, facts: &Facts) -> Result<(), CopyError> {
        if facts.uncollected > 0 && !self.target.is_postgres() {
            return Err(CopyError::Uncollected(facts.uncollected));
        }
        Ok(())
    }

    /// Whether nobody else could have written meanwhile.
    async fn check_alone(&mut self) -> Result<(), CopyError> {
        self.source.check_alone().await.map_err(CopyError::Source)?;
        self.target.check_alone().await.map_err(CopyError::Target)?;
        let facts = self.source.facts().await.map_err(CopyError::Source)?;
        self.check_inbox(&facts)
    }

    /// Copies what comes behind the mark.
    async fn rows(&mut self, mut mark: Mark) -> Result<(), CopyError> {
        let left = self.tables().skip_while(|it| it.name != mark.table);
        let left: Vec<&Table> = left.collect();
        if left.is_empty() {
            return Err(CopyError::Target(Mark::corrupt()));
        }
        for table in left {
            if table.name != mark.table {
                mark = Mark::before(mark.source, table);
            }
            self.table(table, &mut mark).await?;
        }
        Ok(())
    }

    async fn table(&mut self, table: &'static Table, mark: &mut Mark) -> Result<(), CopyError> {
        let rows = self.source.count(table).await.map_err(CopyError::Source)?;
        let mut done = self.target.count(table).await.map_err(CopyError::Target)?;
        loop {
            (self.tell)(CopyProgress { table: table.name, done, rows });
            // Two files never wait for anything; others may want to do something meanwhile.
            tokio::task::yield_now().await;
            let batch = self.source.read(table, &mark.after).await.map_err(CopyError::Source)?;
            let Some(last) = batch.last_key(table) else { return Ok(()) };
            mark.after = last;
            done += batch.rows.len() as u64;
            self.target.write(Some(table), batch, mark).await.map_err(CopyError::Target)?;
        }
    }

    /// Numbers that were given once are never given again.
    async fn counters(&mut self) -> Result<(), CopyError> {
        for table in COUNTERS {
            let last = self.source.counter(table).await.map_err(CopyError::Source)?;
            self.target.set_counter(table, last).await.map_err(CopyError::Target)?;
        }
        Ok(())
    }

    async fn counted(&mut self) -> Result<Vec<Counted>, CopyError> {
        let mut all = Vec::new();
        for table in self.tables() {
            let from = self.source.count(table).await.map_err(CopyError::Source)?;
            let to = self.target.count(table).await.map_err(CopyError::Target)?;
            all.push(Counted { table: table.name, from, to });
        }
        Ok(all)
    }
}
