"""A booking and its event, committed together or not at all, with psycopg 3.

    python3 enqueue.py postgres://bookings@db.example.com/platform

The role needs what docs/enqueue.md grants, and its own table.
"""

import sys

import psycopg
from psycopg.types.json import Jsonb

TABLE = """
    CREATE TABLE IF NOT EXISTS bookings (
        id bigint PRIMARY KEY, property_id bigint NOT NULL, status text NOT NULL, arrival date NOT NULL
    )
"""

ENQUEUE = """
    SELECT stayhook.enqueue(%(type)s, %(property)s, %(data)s,
        booking_id => %(booking)s::bigint, idempotency_key => %(key)s)
"""


class HotelIsFull(Exception):
    """There is no room: the booking is taken back."""


def create_booking(connection, booking, property_id, rooms):
    """Writes a booking and reports it, in one transaction. Returns the event's id."""
    with connection.transaction():
        connection.execute(
            "INSERT INTO bookings VALUES (%s, %s, %s, %s)",
            (booking["id"], property_id, booking["status"], booking["arrival"]),
        )
        event = {
            "type": "booking.created",
            "property": property_id,
            "data": Jsonb({"booking": booking}),
            "booking": booking["id"],
            "key": f"booking-{booking['id']}-created",
        }
        (event_id,) = connection.execute(ENQUEUE, event).fetchone()
        if rooms == 0:
            raise HotelIsFull  # rolls everything back, the event too
        return event_id


def main(url):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLE)
        booking = {"id": 9101, "status": "confirmed", "arrival": "2026-07-14"}
        print(create_booking(connection, booking, 101, rooms=1))
        try:
            create_booking(connection, booking | {"id": 9102}, 101, rooms=0)
        except HotelIsFull:
            print("no room, no booking, no event", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1])
