//! What a deployment consists of, and how the two databases differ in it.

/// A table that both databases have.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// So many columns, the first ones, are its key.
    pub(crate) key: usize,
    pub(crate) columns: &'static [Column],
    /// The column that makes rows large, where one does.
    pub(crate) heavy: Option<&'static str>,
    /// On PostgreSQL: what is read instead of the table itself.
    pub(crate) instead: Option<&'static str>,
    /// On PostgreSQL: a column that SQLite has not, and what goes into it.
    pub(crate) besides: Option<(&'static str, &'static str)>,
    /// On PostgreSQL: the column by whose day it is partitioned.
    pub(crate) partitioned_by: Option<usize>,
}

/// A column that both databases have, by its name in SQLite.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    /// True or false.
    Flag,
    Text,
    Bytes,
    /// The id of an event.
    Event,
    /// Whether somebody holds a lease. PostgreSQL knows who: after the copy it is nobody who
    /// lives.
    Lease,
    /// Packed events and webhooks; on PostgreSQL two arrays.
    Deliveries,
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind }
}
const fn int(name: &'static str) -> Column {
    column(name, Kind::Int)
}
const fn flag(name: &'static str) -> Column {
    column(name, Kind::Flag)
}
const fn text(name: &'static str) -> Column {
    column(name, Kind::Text)
}
const fn bytes(name: &'static str) -> Column {
    column(name, Kind::Bytes)
}
const fn event(name: &'static str) -> Column {
    column(name, Kind::Event)
}

const fn table(name: &'static str, key: usize, columns: &'static [Column]) -> Table {
    Table { name, key, columns, heavy: None, instead: None, besides: None, partitioned_by: None }
}

/// Nobody: numbers of nodes begin with 1.
const NOBODY: &str = "0";

/// Each node counts in rows of its own; the figures are their sums.
const OF_ALL_NODES: &str = "SELECT webhook_id, hour, sum(accepted)::bigint AS accepted,
        sum(delivered)::bigint AS delivered, sum(failed)::bigint AS failed, sum(duration_ms)::bigint AS duration_ms
    FROM stayhook.tallies GROUP BY webhook_id, hour";

/// Every table of a deployment, in the order in which they go over: first those to which rows
/// are only ever added, then those that change with them.
pub(crate) const TABLES: &[Table] = &[
    Table {
        heavy: Some("body"),
        partitioned_by: Some(0),
        ..table(
            "events",
            1,
            &[
                event("id"),
                text("kind"),
                int("property_id"),
                text("booking"),
                int("created_at"),
                text("client"),
                text("origin"),
                text("idempotency_key"),
                bytes("targets"),
                bytes("body"),
                text("profiles"),
            ],
        )
    },
    Table {
        heavy: Some("body"),
        partitioned_by: Some(0),
        ..table("bodies", 2, &[event("event_id"), int("number"), bytes("body")])
    },
    Table {
        partitioned_by: Some(1),
        ..table(
            "attempts",
            3,
            &[
                int("webhook_id"),
                event("event_id"),
                int("n"),
                int("at"),
                int("duration_ms"),
                int("url_number"),
                int("status"),
                text("fault"),
                text("fault_words"),
                bytes("body"),
                int("next_at"),
                text("final"),
                text("reason"),
            ],
        )
    },
    table(
        "audit",
        1,
        &[
            int("id"),
            int("at"),
            text("author"),
            text("client"),
            text("action"),
            text("subject"),
            int("webhook_id"),
            text("owner"),
            text("before"),
            text("after"),
        ],
    ),
    Table {
        instead: Some(OF_ALL_NODES),
        besides: Some(("node_id", NOBODY)),
        ..table(
            "tallies",
            2,
            &[
                int("webhook_id"),
                int("hour"),
                int("accepted"),
                int("delivered"),
                int("failed"),
                int("duration_ms"),
            ],
        )
    },
    table("idempotency", 2, &[text("client"), text("key"), event("event_id"), bytes("content")]),
    table(
        "webhooks",
        1,
        &[
            int("id"),
            text("client"),
            int("property_id"),
            int("slot"),
            text("url"),
            int("url_number"),
            text("description"),
            text("events"),
            text("status"),
            int("status_since"),
            text("disabled_words"),
            flag("include_custom_parameters"),
            flag("skip_own"),
            text("ordering"),
            text("profile"),
            text("shadow_profile"),
            bytes("secret"),
            bytes("next_secret"),
            int("next_secret_from"),
            bytes("credentials"),
            int("version"),
            int("created_at"),
            int("updated_at"),
        ],
    ),
    table("webhook_urls", 2, &[int("webhook_id"), int("number"), text("url")]),
    table(
        "lanes",
        1,
        &[
            int("webhook_id"),
            int("due_at"),
            flag("held"),
            int("failing_since"),
            int("failing_last"),
            text("closing"),
            int("closing_at"),
            text("client"),
            int("look_at"),
            event("closing_from"),
            event("closing_before"),
            flag("freeing"),
        ],
    ),
    table(
        "pending",
        2,
        &[
            int("webhook_id"),
            event("event_id"),
            int("due_at"),
            int("attempts"),
            int("steps"),
            text("booking"),
            column("leased", Kind::Lease),
            int("seq"),
            int("parked_due"),
            text("gathered"),
        ],
    ),
    Table {
        besides: Some(("node_id", NOBODY)),
        ..table("handoffs", 1, &[int("id"), column("deliveries", Kind::Deliveries)])
    },
    table("entitlements", 1, &[int("property_id"), flag("entitled"), int("version"), int("updated_at")]),
    table(
        "event_types",
        1,
        &[text("name"), text("label"), text("description"), text("schema"), int("updated_at")],
    ),
    table(
        "tokens",
        1,
        &[
            int("id"),
            text("name"),
            text("client"),
            text("scopes"),
            text("properties"),
            bytes("hash"),
            int("created_at"),
            int("revoked_at"),
        ],
    ),
];

/// What PostgreSQL alone has: events that were enqueued by SQL and not collected yet.
pub(crate) const INBOX: Table = Table {
    heavy: Some("data"),
    ..table(
        "inbox",
        1,
        &[
            event("event_id"),
            text("kind"),
            int("property_id"),
            text("booking"),
            int("created_at"),
            text("client"),
            text("origin"),
            text("data"),
            int("taken_until"),
        ],
    )
};

/// Tables that number their rows, and never give a number twice.
pub(crate) const COUNTERS: &[&str] = &["webhooks", "handoffs", "tokens", "audit"];
