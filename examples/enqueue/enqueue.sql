-- A booking and its event, committed together or not at all:
--
--   psql --file enqueue.sql postgres://bookings@db.example.com/platform
--
-- The role needs what docs/enqueue.md grants, and its own table.

CREATE TABLE IF NOT EXISTS bookings (
    id bigint PRIMARY KEY,
    property_id bigint NOT NULL,
    status text NOT NULL,
    arrival date NOT NULL
);

BEGIN;
INSERT INTO bookings VALUES (9001, 101, 'confirmed', '2026-07-14');
SELECT stayhook.enqueue(
    'booking.created',
    101,
    '{"booking": {"id": 9001, "status": "confirmed", "arrival": "2026-07-14"}}',
    booking_id => 9001,
    idempotency_key => 'booking-9001-created'
) AS event;
COMMIT;

-- From rows, as a set: one event for each booking that this statement changes.
BEGIN;
WITH changed AS (
    UPDATE bookings SET status = 'cancelled' WHERE id = 9001 RETURNING *
)
SELECT stayhook.enqueue(
    'booking.cancelled',
    property_id,
    jsonb_build_object('booking', jsonb_build_object('id', id, 'status', status, 'arrival', arrival)),
    booking_id => id,
    idempotency_key => format('booking-%s-cancelled', id)
) AS event FROM changed;
COMMIT;

-- The hotel was full after all: there is no booking, and nobody hears of one.
BEGIN;
INSERT INTO bookings VALUES (9002, 101, 'confirmed', '2026-07-14');
SELECT stayhook.enqueue(
    'booking.created', 101, '{"booking": {"id": 9002, "status": "confirmed"}}', booking_id => 9002
) AS event;
ROLLBACK;
