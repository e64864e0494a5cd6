-- Fairness over clients, limits of what is held, and strict order per booking.

-- Strict order (`webhooks.ordering` other than `none`). Of the rows of a webhook and a booking
-- one is the first, by `seq` and id; all behind it are parked: due never, with `parked_due` as
-- the moment from which on they would be. A booking is the same whether it is written as a number
-- or as a text.
ALTER TABLE pending ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pending ADD COLUMN parked_due INTEGER;
CREATE INDEX pending_booking ON pending (webhook_id, trim(booking, '"'), seq, event_id) WHERE booking IS NOT NULL;

-- The predecessor has ended, for whatever reason: the first one of those that are left is due.
CREATE TRIGGER pending_move_up AFTER DELETE ON pending WHEN OLD.booking IS NOT NULL
BEGIN
    UPDATE pending SET due_at = parked_due, parked_due = NULL
    WHERE webhook_id = OLD.webhook_id AND parked_due IS NOT NULL AND event_id = (
        SELECT event_id FROM pending WHERE webhook_id = OLD.webhook_id AND trim(booking, '"') = trim(OLD.booking, '"') AND booking IS NOT NULL
        ORDER BY seq, event_id LIMIT 1);
END;
-- What is not parked any more is known to the lane.
CREATE TRIGGER pending_unparked AFTER UPDATE OF parked_due ON pending
    WHEN OLD.parked_due IS NOT NULL AND NEW.parked_due IS NULL
BEGIN
    UPDATE lanes SET due_at = NEW.due_at
    WHERE webhook_id = NEW.webhook_id AND (due_at IS NULL OR due_at > NEW.due_at);
END;

-- `client`: whose webhook it is or was, so that claims take turns among clients. `look_at`: when
-- to see whether more is held than may be, while the lane is. `closing_from` and
-- `closing_before`: only these events are being cancelled, from the first up to the second.
-- `freeing`: what is parked becomes due, since the order does not matter any more.
ALTER TABLE lanes ADD COLUMN client TEXT NOT NULL DEFAULT '';
ALTER TABLE lanes ADD COLUMN look_at INTEGER;
ALTER TABLE lanes ADD COLUMN closing_from BLOB;
ALTER TABLE lanes ADD COLUMN closing_before BLOB;
ALTER TABLE lanes ADD COLUMN freeing INTEGER NOT NULL DEFAULT 0;
UPDATE lanes SET client = ifnull((SELECT client FROM webhooks WHERE id = webhook_id), ''),
    look_at = CASE WHEN held = 1 THEN 0 END;
CREATE INDEX lanes_client ON lanes (client, due_at) WHERE held = 0 AND closing IS NULL AND due_at IS NOT NULL;
CREATE INDEX lanes_looked ON lanes (look_at) WHERE held = 1 AND look_at IS NOT NULL;
CREATE INDEX lanes_freeing ON lanes (webhook_id) WHERE freeing = 1;
