//! History in a PostgreSQL database.

use sqlx::{Connection as _, PgConnection};

use super::{DAYS, Plan, Written};

/// What was stored, a day at a time: an id, a webhook and whether it is held.
const DAY_OF_EVENTS: &str = "
    CREATE TEMP TABLE day_of_events ON COMMIT DROP AS
        SELECT (lpad(to_hex(at), 12, '0') || '7' || substr(random, 1, 3) || '8' || substr(random, 4, 15))::uuid AS id,
            at, number, CASE WHEN held THEN $6 ELSE 1 + number % $5 END AS webhook, held
        FROM (
            SELECT number, md5(number::text) AS random, (number * $4) / $3 <> ((number + 1) * $4) / $3 AS held,
                stayhook.clock() - 60000 - ($3 - number) * ($7 * 86400000 - 120000) / $3 AS at
            FROM generate_series($1::bigint, $2::bigint - 1) number
        ) numbered";
const EVENTS: &str = "
    INSERT INTO stayhook.events (id, kind, property_id, booking, created_at, client, targets, body)
        SELECT id, 'booking.created', webhook, number::text, at, 'bench',
            int8send(webhook) || CASE WHEN held THEN '\\x0001'::bytea ELSE '\\x0000' END,
            convert_to(replace($1, '1234567', number::text), 'UTF8')
        FROM day_of_events ORDER BY id";
const ATTEMPTS: &str = "
    INSERT INTO stayhook.attempts (webhook_id, event_id, n, at, duration_ms, url_number, status, final)
        SELECT webhook, id, 1, at + 2, 40, 1, 200, 'delivered' FROM day_of_events WHERE NOT held ORDER BY id";
const PENDING: &str = "
    INSERT INTO stayhook.pending (webhook_id, event_id, due_at, attempts, steps, booking)
        SELECT webhook, id, at, 0, 0, number::text FROM day_of_events WHERE held ORDER BY id";
const DUE: &str = "
    UPDATE stayhook.lanes SET due_at = (SELECT min(due_at) FROM stayhook.pending WHERE webhook_id = $1)
        WHERE webhook_id = $1";

pub(super) async fn fill(url: &str, plan: Plan, paused: usize) {
    let mut conn = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(
        "SELECT stayhook.add_day((stayhook.clock() / 86400000)::integer - day) FROM generate_series(0, 11) day",
    )
    .execute(&mut conn)
    .await
    .unwrap();
    let int = |number: usize| i64::try_from(number).unwrap();
    let (total, slices) = (plan.delivered + plan.held, DAYS * 5);
    let body = crate::callers::event(1_234_567, plan.webhooks);
    for slice in 0..slices {
        let mut tx = conn.begin().await.unwrap();
        sqlx::query(DAY_OF_EVENTS)
            .bind(int(total * slice / slices))
            .bind(int(total * (slice + 1) / slices))
            .bind(int(total))
            .bind(int(plan.held))
            .bind(int(plan.webhooks))
            .bind(int(paused))
            .bind(int(DAYS))
            .execute(&mut *tx)
            .await
            .unwrap();
        sqlx::query(EVENTS).bind(&body).execute(&mut *tx).await.unwrap();
        sqlx::query(ATTEMPTS).execute(&mut *tx).await.unwrap();
        sqlx::query(PENDING).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }
    sqlx::query(DUE).bind(int(paused)).execute(&mut conn).await.unwrap();
    // As autovacuum leaves what came over days; it would do so in the middle of a run.
    sqlx::raw_sql("VACUUM (ANALYZE)").execute(&mut conn).await.unwrap();
    sqlx::raw_sql("CHECKPOINT").execute(&mut conn).await.unwrap();
}

pub(super) async fn written(url: &str) -> Written {
    let mut conn = PgConnection::connect(url).await.unwrap();
    let query = "SELECT pg_database_size(current_database()), (pg_current_wal_insert_lsn() - '0/0')::bigint";
    let (stored, logged): (i64, i64) = sqlx::query_as(query).fetch_one(&mut conn).await.unwrap();
    Written { stored: stored.unsigned_abs(), logged: logged.unsigned_abs() }
}
