-- Fairness over clients, limits of what is held, and strict order per booking. Nodes of the
-- version before may go on beside this one: what they write needs none of it. What they
-- register counts as one more client, and bookings wait for each other there too, since the
-- triggers below see to that.

-- Strict order (`webhooks.ordering` other than `none`). Of the rows of a webhook and a booking
-- one is the first, by `seq` and id; all behind it are parked: due never, with `parked_due` as
-- the moment from which on they would be. Whoever deletes a row, for whatever reason, makes the
-- next one due by the trigger `pending_move_up`.
--
-- A booking is the same whether it is written as a number or as a text.
--
-- `seq` is given under the lock of the lane, so that it is in order of commits and not of any
-- node's clock: on insertion -1 asks for a place behind all others (a new event), 0 for the
-- place that the event's age gives it (a delivery that comes back). 0 is also what rows have
-- that were written while the order did not matter.
ALTER TABLE stayhook.pending
    ADD COLUMN seq bigint NOT NULL DEFAULT 0,
    ADD COLUMN parked_due bigint;
CREATE INDEX pending_booking ON stayhook.pending (webhook_id, btrim(booking, '"'), seq, event_id) WHERE booking IS NOT NULL;

-- When an event was accepted, by its id.
CREATE FUNCTION stayhook.accepted_at(event uuid) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT ('x' || substr(replace(event::text, '-', ''), 1, 12))::bit(48)::bigint $$;

-- Gives a delivery that comes to wait its place, and parks it if another one is before it. The
-- first one is locked as it is looked at: if it is just being deleted, it is not before anybody.
CREATE FUNCTION stayhook.line_up() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    wanted text;
    place bigint;
    latest record;
    first uuid;
BEGIN
    -- Copied from elsewhere, with its place.
    IF NEW.seq > 0 THEN
        RETURN NEW;
    END IF;
    SELECT ordering INTO wanted FROM stayhook.webhooks WHERE id = NEW.webhook_id;
    IF coalesce(wanted, 'none') = 'none' THEN
        NEW.seq := 0;
        RETURN NEW;
    END IF;
    PERFORM FROM stayhook.lanes WHERE webhook_id = NEW.webhook_id FOR UPDATE;
    SELECT p.seq INTO place FROM stayhook.pending p
        WHERE p.webhook_id = NEW.webhook_id AND p.event_id = NEW.event_id;
    IF NOT FOUND THEN
        SELECT p.seq, p.event_id INTO latest FROM stayhook.pending p
            WHERE p.webhook_id = NEW.webhook_id AND btrim(p.booking, '"') = btrim(NEW.booking, '"')
            ORDER BY p.seq DESC, p.event_id DESC LIMIT 1;
        IF FOUND AND NEW.seq = 0 AND latest.event_id > NEW.event_id THEN
            -- Before newer ones that have not started, and before any that it gives way to.
            SELECT min(p.seq) INTO place FROM stayhook.pending p
                WHERE p.webhook_id = NEW.webhook_id AND btrim(p.booking, '"') = btrim(NEW.booking, '"')
                    AND p.event_id > NEW.event_id
                    AND (wanted = 'newest' OR p.attempts = 0 AND p.leased_by IS NULL);
        END IF;
        place := coalesce(place, latest.seq + 1, 1);
    END IF;
    NEW.seq := place;
    LOOP
        SELECT p.event_id INTO first FROM stayhook.pending p
            WHERE p.webhook_id = NEW.webhook_id AND btrim(p.booking, '"') = btrim(NEW.booking, '"') AND p.event_id <> NEW.event_id
                AND (p.seq, p.event_id) < (NEW.seq, NEW.event_id)
            ORDER BY p.seq, p.event_id LIMIT 1;
        EXIT WHEN NOT FOUND;
        PERFORM FROM stayhook.pending p
            WHERE p.webhook_id = NEW.webhook_id AND p.event_id = first FOR KEY SHARE;
        IF FOUND THEN
            NEW.parked_due := NEW.due_at;
            NEW.due_at := 9223372036854775807;
            EXIT;
        END IF;
    END LOOP;
    RETURN NEW;
END $$;

-- The predecessor has ended: the first one of those that are left is due.
CREATE FUNCTION stayhook.move_up() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    due bigint;
BEGIN
    UPDATE stayhook.pending p SET due_at = coalesce(p.parked_due, stayhook.clock()), parked_due = NULL
        FROM (
            SELECT i.webhook_id, i.event_id FROM stayhook.pending i
            WHERE i.webhook_id = OLD.webhook_id AND btrim(i.booking, '"') = btrim(OLD.booking, '"')
            ORDER BY i.seq, i.event_id LIMIT 1
        ) first
        WHERE p.webhook_id = first.webhook_id AND p.event_id = first.event_id
            AND p.due_at = 9223372036854775807
        RETURNING p.due_at INTO due;
    IF FOUND THEN
        UPDATE stayhook.lanes l SET due_at = due
            WHERE l.webhook_id = OLD.webhook_id AND (l.due_at IS NULL OR l.due_at > due);
    END IF;
    RETURN NULL;
END $$;

-- With the order `newest`: of a booking only the newest delivery waits; those before it end,
-- unless they are being attempted.
CREATE FUNCTION stayhook.supersede(webhook bigint, of_booking text) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    newest uuid;
BEGIN
    SELECT p.event_id INTO newest FROM stayhook.pending p
        WHERE p.webhook_id = webhook AND btrim(p.booking, '"') = btrim(of_booking, '"') ORDER BY p.seq DESC, p.event_id DESC LIMIT 1;
    WITH ended AS (
        DELETE FROM stayhook.pending p
        WHERE p.webhook_id = webhook AND btrim(p.booking, '"') = btrim(of_booking, '"') AND p.event_id <> newest AND p.leased_by IS NULL
        RETURNING p.event_id, p.attempts
    )
    INSERT INTO stayhook.attempts (webhook_id, event_id, n, at, duration_ms, final, reason)
        SELECT webhook, e.event_id, e.attempts + 1, greatest(stayhook.accepted_at(newest), (
                SELECT max(a.at + a.duration_ms) FROM stayhook.attempts a
                WHERE a.webhook_id = webhook AND a.event_id = e.event_id)), 0, 'cancelled', 'superseded'
        FROM ended e
        ON CONFLICT (webhook_id, event_id, n) DO NOTHING;
END $$;

CREATE FUNCTION stayhook.keep_newest() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF EXISTS (SELECT FROM stayhook.webhooks w WHERE w.id = NEW.webhook_id AND w.ordering = 'newest') THEN
        PERFORM stayhook.supersede(NEW.webhook_id, NEW.booking);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER pending_line_up BEFORE INSERT ON stayhook.pending
    FOR EACH ROW WHEN (NEW.booking IS NOT NULL) EXECUTE FUNCTION stayhook.line_up();
CREATE TRIGGER pending_move_up AFTER DELETE ON stayhook.pending
    FOR EACH ROW WHEN (OLD.booking IS NOT NULL) EXECUTE FUNCTION stayhook.move_up();
CREATE TRIGGER pending_newest AFTER INSERT ON stayhook.pending
    FOR EACH ROW WHEN (NEW.booking IS NOT NULL AND NEW.seq <> 0) EXECUTE FUNCTION stayhook.keep_newest();
CREATE TRIGGER pending_newest_back AFTER UPDATE OF leased_by ON stayhook.pending
    FOR EACH ROW WHEN (NEW.booking IS NOT NULL AND OLD.leased_by IS NOT NULL AND NEW.leased_by IS NULL)
    EXECUTE FUNCTION stayhook.keep_newest();

-- `client`: whose webhook it is or was, so that claims take turns among clients. `look_at`: when
-- to see whether more is held than may be, while the lane is. `closing_from` and
-- `closing_before`: only these events are being cancelled, from the first up to the second.
-- `freeing`: what is parked becomes due, since the order does not matter any more.
ALTER TABLE stayhook.lanes
    ADD COLUMN client text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN look_at bigint,
    ADD COLUMN closing_from uuid,
    ADD COLUMN closing_before uuid,
    ADD COLUMN freeing boolean NOT NULL DEFAULT false;
UPDATE stayhook.lanes l SET client = w.client, look_at = CASE WHEN l.held THEN 0 END
    FROM stayhook.webhooks w WHERE w.id = l.webhook_id;
CREATE INDEX lanes_client ON stayhook.lanes (client, due_at)
    WHERE NOT held AND closing IS NULL AND due_at IS NOT NULL;
CREATE INDEX lanes_looked ON stayhook.lanes (look_at) WHERE held AND look_at IS NOT NULL;
CREATE INDEX lanes_freeing ON stayhook.lanes (webhook_id) WHERE freeing;

REVOKE ALL ON FUNCTION stayhook.accepted_at(uuid), stayhook.line_up(), stayhook.move_up(),
    stayhook.supersede(bigint, text), stayhook.keep_newest() FROM PUBLIC;
