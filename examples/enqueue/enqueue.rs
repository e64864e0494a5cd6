//! A booking and its event, committed together or not at all, with sqlx:
//!
//! ```text
//! cargo run --example enqueue -- postgres://bookings@db.example.com/platform
//! ```
//!
//! The role needs what docs/enqueue.md grants, and its own table.

use std::error::Error;

use sqlx::{Connection as _, PgConnection};
use stayhook_core::{BookingId, ClientId, EventType, IdempotencyKey, Json, NewEvent, PropertyId};
use stayhook_store::enqueue_in;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS bookings (
    id bigint PRIMARY KEY, property_id bigint NOT NULL, status text NOT NULL, arrival date NOT NULL
)";
const BOOK: &str = "INSERT INTO bookings VALUES ($1, $2, 'confirmed', '2026-07-14')";
const ENQUEUE: &str = "SELECT stayhook.enqueue('booking.created', $1, $2::text::jsonb,
    booking_id => $3::bigint, idempotency_key => $4)";

/// With the types of this crate: what is wrong is found before the database is asked.
async fn with_types(connection: &mut PgConnection, booking: i64) -> Result<String, Box<dyn Error>> {
    let event = NewEvent {
        client: ClientId::parse("booking-service")?,
        kind: EventType::parse("booking.created")?,
        property: PropertyId::new(101)?,
        booking: Some(BookingId::Number(booking)),
        data: Json::parse(data(booking).as_bytes(), 64)?,
        raw: None,
        created_at: None,
        idempotency_key: Some(IdempotencyKey::parse(&format!("booking-{booking}-created"))?),
        origin: None,
    };
    let mut tx = connection.begin().await?;
    sqlx::query(BOOK).bind(booking).bind(101_i64).execute(&mut *tx).await?;
    let id = enqueue_in(&mut tx, &event).await?;
    tx.commit().await?;
    Ok(id.to_string())
}

/// With SQL alone, for programs that do without this crate.
async fn with_sql(connection: &mut PgConnection, booking: i64) -> Result<String, sqlx::Error> {
    let mut tx = connection.begin().await?;
    sqlx::query(BOOK).bind(booking).bind(101_i64).execute(&mut *tx).await?;
    let query = sqlx::query_scalar(ENQUEUE).bind(101_i64).bind(data(booking)).bind(booking);
    let id: String = query.bind(format!("booking-{booking}-created")).fetch_one(&mut *tx).await?;
    tx.commit().await?;
    Ok(id)
}

/// The hotel was full after all: there is no booking, and nobody hears of one.
async fn rolled_back(connection: &mut PgConnection, booking: i64) -> Result<(), sqlx::Error> {
    let mut tx = connection.begin().await?;
    sqlx::query(BOOK).bind(booking).bind(101_i64).execute(&mut *tx).await?;
    let query = sqlx::query(ENQUEUE).bind(101_i64).bind(data(booking)).bind(booking);
    query.bind(format!("booking-{booking}-created")).execute(&mut *tx).await?;
    tx.rollback().await
}

fn data(booking: i64) -> String {
    format!(r#"{{"booking": {{"id": {booking}, "status": "confirmed", "arrival": "2026-07-14"}}}}"#)
}

/// Makes two bookings, and a third that is taken back. Returns the ids of the events.
pub(crate) async fn run(url: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::query(TABLE).execute(&mut connection).await?;
    let events = vec![with_types(&mut connection, 9201).await?, with_sql(&mut connection, 9202).await?];
    rolled_back(&mut connection, 9203).await?;
    connection.close().await?;
    Ok(events)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("name the database: postgres://…")?;
    for event in run(&url).await? {
        println!("{event}");
    }
    Ok(())
}
