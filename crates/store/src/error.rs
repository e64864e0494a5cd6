//! What can go wrong with a store, and what to do about it.

use stayhook_core::ChangeRefused;

/// The store could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the database.
    #[error("the database is locked by another process: stop it, or give this one a database of its own")]
    Locked,
    /// No room left, or no permission to write.
    #[error("the database cannot be written ({0}): free disk space or mend the permissions, then try again")]
    NotWritable(String),
    /// There is no such file or directory.
    #[error("there is no database at {0}: name a file in a directory that exists")]
    Missing(String),
    /// The server has no database of that name.
    #[error("{0}: create it first, or name another")]
    NoDatabase(String),
    /// The address cannot be read, or does not fit what stands there.
    #[error("the address is not usable: {0}")]
    Address(String),
    /// The file is no database, or one of another program.
    #[error("this is not a database of stayhook ({0}): name another file")]
    NotOurs(String),
    /// The database does not answer, or stopped answering.
    #[error("the database does not answer ({0})")]
    Unavailable(String),
    /// Made by a later version of the program.
    #[error(
        "the database has schema version {found}, this program knows up to {known}: run a newer stayhook"
    )]
    NewerSchema {
        /// The version in the database.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// Made by an earlier version of the program, or empty.
    #[error("the database has schema version {found}, this program needs {needed}: run `stayhook migrate`")]
    OlderSchema {
        /// The version in the database.
        found: i64,
        /// The version this program works with.
        needed: i64,
    },
    /// A deployment is being moved into it.
    #[error(
        "a copy into this database is not finished: run `stayhook copy --resume` with the same --from and --to"
    )]
    Unfinished,
    /// Nodes work with it.
    #[error(
        "a node serves from this database ({0}): stop every node; one that died counts as stopped after 15 seconds"
    )]
    Served(String),
    /// Its settings or version lose what is acknowledged, or lack what is needed.
    #[error("the database is not fit for this ({0})")]
    Unfit(String),
    /// Another node has changed webhooks meanwhile.
    #[error("the webhooks have changed: load them again, then accept the events")]
    StaleRegistry,
    /// The key does not open what is stored.
    #[error(
        "the signing secrets were sealed under another key: set secrets.key to the one they were made with"
    )]
    WrongKey,
    /// A row does not hold what the schema promises.
    #[error("the database is damaged: {table}.{column} of row {row} is not valid")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// What identifies the row.
        row: String,
    },
    /// Anything else the database said.
    #[error("the database refused: {0}")]
    Database(String),
}

/// A webhook could not be registered.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// All of the property's slots are taken, over all clients.
    #[error("the property has {used} webhooks of at most {limit}: delete one first")]
    LimitReached {
        /// `limits.webhooks_per_property`
        limit: u32,
        /// How many there are.
        used: u32,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A webhook could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The scope does not see such a webhook.
    #[error("there is no such webhook")]
    NotFound,
    /// It has been changed since the caller looked ([`crate::Order::versions`]).
    #[error("the webhook has been changed meanwhile: read it again")]
    OtherVersion,
    /// Its status does not allow it.
    #[error(transparent)]
    Refused(#[from] ChangeRefused),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Deliveries could not be requeued.
#[derive(Debug, thiserror::Error)]
pub enum RequeueError {
    /// The scope does not see such a webhook, or the webhook has no such delivery.
    #[error("there is no such webhook or delivery")]
    NotFound,
    /// Nothing is requeued for a webhook that is paused or disabled.
    #[error("the webhook is {0}: activate it first")]
    NotActive(&'static str),
    /// An attempt is being made at this moment.
    #[error("the delivery is being attempted: wait for the outcome")]
    UnderWay,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
