-- What long transactions of others may delay, and what they may not: nobody queues behind a
-- partition that is to be dropped, a bell is not held until its transaction ends, and a key that
-- somebody holds keeps no other waiting. Nodes of the versions before may go on beside this one.

-- Takes the partitions of a day out of their tables; returns how many events were in them. The
-- tables that everybody writes to are locked for a moment only: their files are deleted
-- afterwards, by `drop_detached`, when nobody can see them any more. The caller's `lock_timeout`
-- says how long writers may have to queue while somebody reads.
--
-- Whoever requeues a delivery has read its event, so that the lock waits for them: what waits
-- again by then keeps the day from being dropped.
CREATE FUNCTION stayhook.detach_day(day integer) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
    suffix text := to_char(date '1970-01-01' + day, 'YYYYMMDD');
    parent text;
    part text;
    found bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM stayhook.%I', 'events_' || suffix) INTO found;
    FOREACH parent IN ARRAY ARRAY['events', 'bodies', 'attempts'] LOOP
        EXECUTE format('LOCK TABLE ONLY stayhook.%I, ONLY stayhook.%I IN ACCESS EXCLUSIVE MODE',
            parent, parent || '_' || suffix);
    END LOOP;
    IF EXISTS (SELECT FROM stayhook.pending WHERE event_id < stayhook.day_floor(day + 1)) THEN
        RETURN 0;
    END IF;
    FOREACH parent IN ARRAY ARRAY['events', 'bodies', 'attempts'] LOOP
        part := parent || '_' || suffix;
        EXECUTE format('ALTER TABLE stayhook.%I DETACH PARTITION stayhook.%I', parent, part);
        -- Of one day there may be several, if somebody's clock was far off.
        EXECUTE format('ALTER TABLE stayhook.%I RENAME TO %I', part,
            'dropped_' || part || '_' || substr(md5(random()::text), 1, 8));
    END LOOP;
    RETURN found;
END $$;

-- Deletes what `detach_day` took out: tables that were days once, and are no part of anything.
CREATE FUNCTION stayhook.drop_detached() RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    part text;
BEGIN
    FOR part IN SELECT relname FROM pg_class
        WHERE relnamespace = 'stayhook'::regnamespace AND relkind = 'r' AND relname LIKE 'dropped\_%'
    LOOP
        EXECUTE format('DROP TABLE IF EXISTS stayhook.%I', part);
    END LOOP;
END $$;

-- For nodes of the versions before, which try again at once when somebody reads: they hardly
-- make anybody queue.
CREATE OR REPLACE FUNCTION stayhook.drop_day(day integer) RETURNS bigint
    LANGUAGE plpgsql
    SET lock_timeout = '2ms'
    AS $$
DECLARE
    dropped bigint := stayhook.detach_day(day);
BEGIN
    PERFORM stayhook.drop_detached();
    RETURN dropped;
END $$;

-- Claims keys for a group of events; returns which events hold theirs now. A key that another
-- transaction has just claimed is waited for a moment. Where that transaction stays open (its
-- process was stopped, or its machine is gone), the keys are claimed one by one instead, and the
-- events whose keys are held are `busy`: they alone have to come back later.
CREATE FUNCTION stayhook.claim_keys(clients text[], keys text[], events uuid[], contents bytea[])
    RETURNS TABLE (event_id uuid, busy boolean)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '250ms'
    AS $$
#variable_conflict use_column
DECLARE
    won uuid[] := '{}';
    held uuid[] := '{}';
BEGIN
    BEGIN
        WITH claimed AS (
            INSERT INTO stayhook.idempotency (client, key, event_id, content)
            SELECT * FROM unnest(clients, keys, events, contents)
            ON CONFLICT (client, key) DO NOTHING RETURNING event_id
        )
        SELECT coalesce(array_agg(event_id), '{}') INTO won FROM claimed;
    EXCEPTION WHEN lock_not_available THEN
        PERFORM set_config('lock_timeout', '20ms', true);
        FOR i IN 1 .. cardinality(keys) LOOP
            BEGIN
                INSERT INTO stayhook.idempotency (client, key, event_id, content)
                    VALUES (clients[i], keys[i], events[i], contents[i]) ON CONFLICT (client, key) DO NOTHING;
                IF FOUND THEN
                    won := won || events[i];
                END IF;
            EXCEPTION WHEN lock_not_available THEN
                held := held || events[i];
            END;
        END LOOP;
    END;
    RETURN QUERY SELECT i, false FROM unnest(won) i UNION ALL SELECT i, true FROM unnest(held) i;
END $$;

-- Rings when what was enqueued is being committed: whoever gets the lock holds it for no longer
-- than a commit takes, however long the transaction was open. Who does not get it knows that
-- another one rings at this moment, after which nodes look several times. A transaction that is
-- to be prepared (two-phase commit) may not notify anybody: with `SET LOCAL stayhook.bell = off`
-- it does not, and nodes find it when they look.
CREATE FUNCTION stayhook.ring_inbox() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF coalesce(current_setting('stayhook.bell', true), '') <> 'off'
        AND pg_try_advisory_xact_lock(8387227006571998)
    THEN
        PERFORM pg_notify('stayhook_inbox', '');
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER inbox_bell AFTER INSERT ON stayhook.inbox
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION stayhook.ring_inbox();

-- What both forms of `enqueue` do. `booking` is JSON. What is refused over HTTP is refused here,
-- except where only the text that came over HTTP could tell: members that are named twice. (A
-- schema that the type may have is not checked: it would take a validator in the database.)
CREATE OR REPLACE FUNCTION stayhook.enqueue_checked(
    type text, property_id bigint, data jsonb, booking text, idempotency_key text, client text,
    origin_client_id text, created_at timestamptz
) RETURNS text
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    -- Whatever the locale of the database says about them.
    control CONSTANT text := '[\u0001-\u001f\u007f-\u009f]';
    reporter text := coalesce(client, session_user);
    -- Of the role, whatever client it names: no role can use up or probe the keys of another one,
    -- or those of callers of the API. No client's id has control characters.
    keeper text := chr(1) || session_user || chr(1) || reporter;
    event uuid := stayhook.new_event_id();
    most bigint := coalesce(
        (SELECT convert_from(m.value, 'UTF8')::bigint FROM stayhook.meta m WHERE m.name = 'event_bytes'), 262144);
    content bytea;
    earlier record;
BEGIN
    IF type IS NULL OR length(type) > 100 OR type !~ '^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$' THEN
        RAISE EXCEPTION 'type is made of letters, digits and _ in parts joined by dots, at most 100 characters, such as booking.created'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Before the first node has said what it knows, nothing is known to be missing.
    IF NOT EXISTS (SELECT FROM stayhook.announced_types a WHERE a.name = type)
        AND NOT EXISTS (SELECT FROM stayhook.event_types t WHERE t.name = type)
        AND EXISTS (SELECT FROM stayhook.announced_types)
    THEN
        RAISE EXCEPTION 'type % is not in the catalogue: GET /public/v1/event-types lists it', type
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF property_id IS NULL OR property_id NOT BETWEEN 1 AND 9007199254740991 THEN
        RAISE EXCEPTION 'property_id is a whole number from 1 to 9007199254740991' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF data IS NULL OR jsonb_typeof(data) <> 'object' THEN
        RAISE EXCEPTION 'data is a JSON object' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF octet_length(data::text) > most AND stayhook.least_bytes(data) > most THEN
        RAISE EXCEPTION 'data has % bytes, at most % are allowed', stayhook.least_bytes(data), most
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Over HTTP the event around it is the 64th.
    IF data @? 'strict $.**{63 to last} ? (@.type() == "object" || @.type() == "array")' THEN
        RAISE EXCEPTION 'data is nested more than 63 deep' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- From here on the nearest double is infinite: 2^1024 - 2^970.
    IF data @? 'strict $.** ? (@.type() == "number" && (@ >= 1.797693134862315807937289714053034150799e308
        || @ <= -1.797693134862315807937289714053034150799e308))'
    THEN
        RAISE EXCEPTION 'data has a number that JSON readers do not hold: send it as a string'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF reporter = '' OR length(reporter) > 200 OR reporter ~ control THEN
        RAISE EXCEPTION 'client is a text of 1 to 200 characters without control characters'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF origin_client_id = '' OR length(origin_client_id) > 200 OR origin_client_id ~ control THEN
        RAISE EXCEPTION 'origin_client_id is a text of 1 to 200 characters without control characters'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF booking IS NOT NULL AND jsonb_typeof(booking::jsonb) = 'string'
        AND (booking = '""' OR length(booking::jsonb #>> '{}') > 64 OR booking::jsonb #>> '{}' ~ control)
    THEN
        RAISE EXCEPTION 'booking_id is a whole number or a text of 1 to 64 characters without control characters'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF NOT isfinite(created_at) OR created_at < timestamptz '0001-01-01 00:00:00+00 BC'
        OR created_at >= timestamptz '10000-01-01 00:00:00+00'
    THEN
        RAISE EXCEPTION 'created_at is a time in the years 0 to 9999' USING ERRCODE = 'invalid_parameter_value';
    END IF;

    IF idempotency_key IS NOT NULL THEN
        IF idempotency_key = '' OR length(idempotency_key) > 255 OR idempotency_key ~ control THEN
            RAISE EXCEPTION 'idempotency_key is a text of 1 to 255 characters without control characters'
                USING ERRCODE = 'invalid_parameter_value';
        END IF;
        content := sha256(convert_to(jsonb_build_array('sql', type, property_id, booking, data)::text, 'UTF8'));
        INSERT INTO stayhook.idempotency (client, key, event_id, content)
            VALUES (keeper, idempotency_key, event, content) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            SELECT i.event_id, i.content INTO earlier FROM stayhook.idempotency i
                WHERE i.client = keeper AND i.key = idempotency_key;
            IF earlier.content IS DISTINCT FROM content THEN
                RAISE EXCEPTION 'idempotency_key % was used before with other content', idempotency_key
                    USING ERRCODE = 'unique_violation';
            END IF;
            RETURN stayhook.event_text(earlier.event_id);
        END IF;
    END IF;

    INSERT INTO stayhook.inbox (event_id, kind, property_id, booking, created_at, client, origin, data)
        VALUES (event, type, property_id, booking, floor(extract(epoch FROM created_at) * 1000)::bigint, reporter,
            origin_client_id, data::text);
    RETURN stayhook.event_text(event);
END $$;

CREATE OR REPLACE FUNCTION stayhook.enqueue(
    type text, property_id bigint, data jsonb, booking_id bigint DEFAULT NULL, idempotency_key text DEFAULT NULL,
    client text DEFAULT NULL, origin_client_id text DEFAULT NULL, created_at timestamptz DEFAULT NULL
) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF booking_id NOT BETWEEN -9007199254740991 AND 9007199254740991 THEN
        RAISE EXCEPTION 'booking_id is a whole number of at most 9007199254740991, or a text'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN stayhook.enqueue_checked(type, property_id, data, booking_id::text, idempotency_key, client,
        origin_client_id, created_at);
END $$;

-- Which version of the schema a node works with; none for those that did not say so yet.
ALTER TABLE stayhook.nodes ADD COLUMN version integer;

-- Strict order and wire profiles are new to nodes that do not say their version: they send at
-- once, and everything under the first profile. So nobody may ask for either while one of them is
-- alive, and none of them comes back once somebody did.
CREATE FUNCTION stayhook.is_special(ordering text, profile text, shadow_profile text) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT ordering <> 'none' OR profile IS NOT NULL OR shadow_profile IS NOT NULL $$;

CREATE FUNCTION stayhook.refuse_special() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    older text;
BEGIN
    IF NOT stayhook.is_special(NEW.ordering, NEW.profile, NEW.shadow_profile)
        OR TG_OP = 'UPDATE' AND (NEW.ordering, NEW.profile, NEW.shadow_profile)
            IS NOT DISTINCT FROM (OLD.ordering, OLD.profile, OLD.shadow_profile)
    THEN
        RETURN NEW;
    END IF;
    SELECT n.name INTO older FROM stayhook.nodes n
        WHERE n.version IS NULL AND n.seen_at > stayhook.clock() - 20000 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'an older node (%) is still running, which knows neither strict order nor wire profiles: replace it first', older
            USING ERRCODE = 'operator_intervention';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER webhooks_special BEFORE INSERT OR UPDATE ON stayhook.webhooks
    FOR EACH ROW EXECUTE FUNCTION stayhook.refuse_special();

CREATE FUNCTION stayhook.refuse_older() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF EXISTS (SELECT FROM stayhook.webhooks w
        WHERE stayhook.is_special(w.ordering, w.profile, w.shadow_profile))
    THEN
        RAISE EXCEPTION 'webhooks have a strict order or a wire profile, which this version of stayhook does not know: run a newer one'
            USING ERRCODE = 'operator_intervention';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER nodes_older BEFORE INSERT ON stayhook.nodes
    FOR EACH ROW WHEN (NEW.version IS NULL) EXECUTE FUNCTION stayhook.refuse_older();

REVOKE ALL ON FUNCTION stayhook.detach_day(integer), stayhook.drop_detached(),
    stayhook.claim_keys(text[], text[], uuid[], bytea[]), stayhook.ring_inbox(),
    stayhook.is_special(text, text, text), stayhook.refuse_special(), stayhook.refuse_older() FROM PUBLIC;
