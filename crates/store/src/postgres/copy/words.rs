//! The statements of a copy, most of which are made from the list of tables.

use crate::copy::{BATCH_BYTES, BATCH_ROWS, Column, Kind, Table};

pub(super) const NEWEST_EVENT: &str = "SELECT id FROM stayhook.events ORDER BY id DESC LIMIT 1";
pub(super) const UNCOLLECTED: &str = "SELECT count(*) FROM stayhook.inbox";
pub(super) const FORGET_META: &str = "DELETE FROM stayhook.meta WHERE name = $1";
/// 0 before the first.
pub(super) const COUNTER: &str =
    "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence($1, 'id')::regclass), 0)";
pub(super) const SET_COUNTER: &str =
    "SELECT setval(pg_get_serial_sequence($1, 'id')::regclass, greatest($2, 1), $2 > 0)";

/// Nodes beat every two seconds.
pub(super) const BURY_SILENT: &str = "DELETE FROM stayhook.nodes WHERE seen_at < stayhook.clock() - 15000";
/// Until the end of the transaction, which may take hours.
pub(super) const KEEP_OUT: &str = "SET LOCAL idle_in_transaction_session_timeout = 0;
    SET LOCAL lock_timeout = '3s';
    LOCK TABLE stayhook.nodes IN SHARE ROW EXCLUSIVE MODE";
pub(super) const ALIVE: &str = "SELECT name FROM stayhook.nodes LIMIT 1";
pub(super) const ANALYZE: &str = "ANALYZE stayhook.events, stayhook.bodies, stayhook.attempts, stayhook.pending, \
    stayhook.lanes, stayhook.webhooks, stayhook.idempotency";

/// Where the rows of a table come from.
pub(super) fn rows(table: &Table) -> String {
    match table.instead {
        Some(query) => format!("({query}) AS {}", table.name),
        None => format!("stayhook.{}", table.name),
    }
}

/// Some rows in the order of their keys: as many as there is room for, but one at least.
pub(super) fn select(table: &Table, behind: bool) -> String {
    let key: Vec<&str> = table.columns.iter().take(table.key).map(|it| it.name).collect();
    let key = key.join(", ");
    let bound: Vec<String> = (1..=table.key).map(|number| format!("${number}")).collect();
    let condition = if behind { format!(" WHERE ({key}) > ({})", bound.join(", ")) } else { String::new() };
    let columns: Vec<String> = table.columns.iter().map(read).collect();
    let (columns, source) = (columns.join(", "), rows(table));
    let Some(heavy) = table.heavy else {
        return format!("SELECT {columns} FROM {source}{condition} ORDER BY {key} LIMIT {BATCH_ROWS}");
    };
    // The length of a value is known without reading it.
    format!(
        "SELECT {columns} FROM (
            SELECT *, sum(octet_length({heavy})) OVER (ORDER BY {key}) - octet_length({heavy}) AS before
            FROM (SELECT * FROM {source}{condition} ORDER BY {key} LIMIT {BATCH_ROWS}) page
        ) sized WHERE before < {BATCH_BYTES} ORDER BY {key}"
    )
}

/// A column in the form that it has on the way.
fn read(column: &Column) -> String {
    let name = column.name;
    match column.kind {
        Kind::Int => format!("{name}::bigint"),
        Kind::Flag => format!("{name}::integer::bigint"),
        Kind::Text | Kind::Bytes | Kind::Event => name.to_owned(),
        Kind::Lease => "(leased_by IS NOT NULL)::integer::bigint".to_owned(),
        Kind::Deliveries => {
            "coalesce((SELECT string_agg(uuid_send(event) || int8send(webhook), ''::bytea ORDER BY place)
            FROM unnest(event_ids, webhook_ids) WITH ORDINALITY AS delivery(event, webhook, place)), '')"
                .to_owned()
        }
    }
}

/// Rows from one array for each column.
pub(super) fn insert(table: &Table) -> String {
    let (mut names, mut values, mut arrays, mut aliases) = (vec![], vec![], vec![], vec![]);
    for (number, column) in (1..).zip(table.columns) {
        let given = format!("v{number}");
        for (name, value) in write(column, &given) {
            names.push(name);
            values.push(value);
        }
        arrays.push(format!("${number}::{}[]", array_of(column.kind)));
        aliases.push(given);
    }
    if let Some((name, value)) = table.besides {
        names.push(name);
        values.push(value.to_owned());
    }
    format!(
        "INSERT INTO stayhook.{} ({}) SELECT {} FROM unnest({}) AS given({})",
        table.name,
        names.join(", "),
        values.join(", "),
        arrays.join(", "),
        aliases.join(", ")
    )
}

fn array_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Int | Kind::Flag | Kind::Lease => "bigint",
        Kind::Text => "text",
        Kind::Bytes | Kind::Deliveries => "bytea",
        Kind::Event => "uuid",
    }
}

/// The columns of the table and what goes into them.
pub(super) fn write(column: &Column, given: &str) -> Vec<(&'static str, String)> {
    match column.kind {
        Kind::Int | Kind::Text | Kind::Bytes | Kind::Event => vec![(column.name, given.to_owned())],
        Kind::Flag => vec![(column.name, format!("{given} <> 0"))],
        Kind::Lease => vec![("leased_by", format!("CASE WHEN {given} <> 0 THEN 0 END"))],
        Kind::Deliveries => {
            let each = |bytes: &str| {
                format!(
                    "ARRAY(SELECT {bytes} FROM generate_series(0, length({given}) / 24 - 1) AS it(place) ORDER BY place)"
                )
            };
            let event = format!("encode(substring({given} FROM place * 24 + 1 FOR 16), 'hex')::uuid");
            let webhook = format!(
                "('x' || encode(substring({given} FROM place * 24 + 17 FOR 8), 'hex'))::bit(64)::bigint"
            );
            vec![("event_ids", each(&event)), ("webhook_ids", each(&webhook))]
        }
    }
}
