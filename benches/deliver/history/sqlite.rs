//! History in a SQLite file.

use std::path::Path;

use rusqlite::{Connection, params};

use super::{DAY, DAYS, Plan, now};
use crate::callers::event;

/// Rows in one transaction.
const ROWS: usize = 20_000;

pub(super) fn fill(file: &Path, plan: Plan, paused: usize) {
    let mut conn = Connection::open(file).unwrap();
    conn.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -262144").unwrap();
    let newest = now();
    let total = plan.delivered + plan.held;
    for first in (0..total).step_by(ROWS) {
        let tx = conn.transaction().unwrap();
        for number in first..(first + ROWS).min(total) {
            let age = (total - number) as u64 * (DAYS as u64 * DAY - 60_000) / total as u64;
            // Held ones are spread among the others.
            let held = (number * plan.held) / total != ((number + 1) * plan.held) / total;
            let webhook = if held { paused } else { 1 + number % plan.webhooks };
            insert(&tx, newest - age, number, webhook, held);
        }
        tx.commit().unwrap();
    }
    let due = "UPDATE lanes SET due_at = (SELECT min(due_at) FROM pending WHERE webhook_id = ?1) WHERE webhook_id = ?1";
    conn.execute(due, [int(paused)]).unwrap();
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}

fn insert(conn: &Connection, at: u64, number: usize, webhook: usize, held: bool) {
    let id = id(at, number);
    let at = i64::try_from(at).unwrap();
    let mut targets = (webhook as u64).to_be_bytes().to_vec();
    targets.extend([0, u8::from(held)]);
    let run = |sql: &str, row: &[&dyn rusqlite::ToSql]| {
        conn.prepare_cached(sql).unwrap().execute(row).unwrap();
    };
    let (booking, body) = (number.to_string(), event(number, webhook));
    run(
        "INSERT INTO events (id, kind, property_id, booking, created_at, client, targets, body)
         VALUES (?1, 'booking.created', ?2, ?3, ?4, 'bench', ?5, ?6)",
        params![id, int(webhook), booking, at, targets, body.as_bytes()],
    );
    if held {
        run(
            "INSERT INTO pending (webhook_id, event_id, due_at, attempts, steps, booking, leased)
             VALUES (?1, ?2, ?3, 0, 0, ?4, 0)",
            params![int(webhook), id, at, booking],
        );
    } else {
        run(
            "INSERT INTO attempts (webhook_id, event_id, n, at, duration_ms, url_number, status, final)
             VALUES (?1, ?2, 1, ?3, 40, 1, 200, 'delivered')",
            params![int(webhook), id, at + 2],
        );
    }
}

fn int(number: usize) -> i64 {
    i64::try_from(number).unwrap()
}

/// A UUIDv7 whose random part is a hash of the number.
fn id(at: u64, number: usize) -> [u8; 16] {
    let random = u128::from((number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 2;
    let id = (u128::from(at) << 80) | (7 << 76) | (2 << 62) | (random & ((1 << 62) - 1));
    id.to_be_bytes()
}

/// Bytes in the file that hold something.
pub(super) fn stored(file: &Path) -> u64 {
    let conn = Connection::open(file).unwrap();
    let pragma = |name: &str| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
    let pages = pragma("page_count") - pragma("freelist_count");
    (pages * pragma("page_size")).unsigned_abs()
}
