//! Every statement of the PostgreSQL implementation, by subject. Tables are named with their
//! schema, since a pooler in between may share sessions, so that no search path can be set.
//! Here is what webhooks and deliveries need; [`administration`] has the rest.

/// The columns that `rows::webhook` reads.
macro_rules! webhook_columns {
    () => {
        "w.id, w.client, w.property_id, w.url, w.url_number, w.description, w.events, \
         w.include_custom_parameters, w.skip_own, w.ordering, w.profile, w.shadow_profile, w.secret, \
         w.created_at, w.updated_at, "
    };
}

/// The sealed columns beside the secret, and the property's entitlement.
macro_rules! more_columns {
    () => {
        ", w.next_secret, w.next_secret_from, w.credentials, e.entitled, e.version"
    };
}

/// The columns that `rows::status` reads, and the version.
macro_rules! status_columns {
    () => {
        "w.status, w.status_since, w.disabled_words, l.failing_since, l.failing_last, w.version"
    };
}

/// Webhooks with the state of their lanes.
macro_rules! select_webhook {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            webhook_columns!(),
            status_columns!(),
            more_columns!(),
            " FROM stayhook.webhooks w JOIN stayhook.lanes l ON l.webhook_id = w.id
                LEFT JOIN stayhook.entitlements e ON e.property_id = w.property_id ",
            $rest
        )
    };
}

/// The columns of `attempts`, in the order in which everything here writes them.
macro_rules! insert_attempts {
    () => {
        "INSERT INTO stayhook.attempts (webhook_id, event_id, n, at, duration_ms, url_number, status, fault,
            fault_words, body, next_at, final, reason) "
    };
}

/// Whose session it is that holds a lock: `l` of pg_locks, `a` of pg_stat_activity.
macro_rules! who {
    () => {
        "CASE WHEN l.pid IS NULL THEN 'a prepared transaction, see pg_prepared_xacts' ELSE
            format('process %s (%s) in a transaction since %s', l.pid, concat_ws(', ', a.usename,
                nullif(a.application_name, '')), date_trunc('second', a.xact_start)) END"
    };
}

/// Defines the statements, and the list of them by which a test prepares each.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)*) => {
        $($(#[$doc])* pub(in crate::postgres) const $name: &str = $sql;)*

        #[cfg(test)]
        pub(in crate::postgres) const ALL: &[(&str, &str)] = &[$((stringify!($name), $name)),*];
    };
}

pub(super) mod administration;

pub(super) use administration::*;

statements! {
    // The database itself.
    /// The server's version, and what would lose commits.
    SETTINGS = "SELECT current_setting('server_version_num')::integer, current_setting('server_version'),
        current_setting('synchronous_commit'), current_setting('fsync'), pg_is_in_recovery()";
    SCHEMA = "SELECT to_regnamespace('stayhook') IS NOT NULL, to_regclass('stayhook.migrations') IS NOT NULL,
        EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'stayhook')";
    /// Keeps others from migrating and from making partitions, until the end of the transaction.
    TRY_LOCK_SCHEMA = "SELECT pg_try_advisory_xact_lock(8387227006571995)";
    /// Who does that now.
    SCHEMA_LOCKED_BY = concat!(
        "SELECT string_agg(DISTINCT ", who!(), ", '; ') FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
        WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.pid IS DISTINCT FROM pg_backend_pid()
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND (l.classid::bigint << 32 | l.objid::bigint) = 8387227006571995"
    );
    CREATE_SCHEMA = "CREATE SCHEMA stayhook";
    APPEND_MIGRATION = "INSERT INTO stayhook.migrations (version) VALUES ($1)";
    CLOCK = "SELECT stayhook.clock()";
    META = "SELECT value FROM stayhook.meta WHERE name = $1";
    /// The first one stays.
    ADD_META = "INSERT INTO stayhook.meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    SET_META = "INSERT INTO stayhook.meta (name, value) VALUES ($1, $2)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value";

    // Partitions.
    DAYS = "SELECT day FROM stayhook.days";
    ADD_DAYS = "SELECT stayhook.add_day(day) FROM unnest($1::integer[]) day";
    DETACH_DAY = "SELECT stayhook.detach_day($1)";
    ARE_DETACHED = "SELECT EXISTS (SELECT FROM pg_class
        WHERE relnamespace = 'stayhook'::regnamespace AND relkind = 'r' AND relname LIKE 'dropped\\_%')";
    DROP_DETACHED = "SELECT stayhook.drop_detached()";
    /// Changing a table waits for who uses it, and everybody else waits behind that: not for long.
    BE_BRIEF = "SET LOCAL lock_timeout = '500ms'";
    /// Where it can wait for another time, hardly at all.
    BARELY_WAIT = "SET LOCAL lock_timeout = '50ms'";
    /// Whose transactions use the tables with such names, and have done so for a while.
    TABLES_USED_BY = concat!(
        "SELECT string_agg(DISTINCT ", who!(), ", '; ') FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
            LEFT JOIN pg_stat_activity a ON a.pid = l.pid
        WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND c.relnamespace = 'stayhook'::regnamespace AND c.relname ~ $1
            AND (a.xact_start IS NULL OR a.xact_start < clock_timestamp() - interval '1 second')"
    );

    // Nodes.
    /// With the version of the schema that it works with.
    REGISTER_NODE = "INSERT INTO stayhook.nodes (name, version, seen_at) VALUES ($1, $2, stayhook.clock())
        RETURNING id";
    /// No row: others took this node for dead.
    BEAT = "UPDATE stayhook.nodes SET seen_at = stayhook.clock() WHERE id = $1 RETURNING seen_at";
    /// While this is held nobody declares the node dead. Only whoever concludes takes it, one
    /// transaction at a time: shared, it would use up a multixact each.
    BE_ALIVE = "SELECT id FROM stayhook.nodes WHERE id = $1 FOR KEY SHARE";
    LEAVE = "DELETE FROM stayhook.nodes WHERE id = $1";
    /// From here on they write nothing any more: everything that they held is an orphan.
    BURY_NODES = "DELETE FROM stayhook.nodes WHERE id <> $1 AND seen_at < stayhook.clock() - $2";

    // What other nodes changed.
    /// Commits in order, since the row is locked to the end of the transaction.
    /// Webhook 0, of which there is none, stands for the event types: nodes of the version before
    /// find it deleted and go on.
    BUMP = "WITH bumped AS (
            UPDATE stayhook.registry SET generation = generation + 1 RETURNING generation
        ), noted AS (
            INSERT INTO stayhook.registry_changes (generation, webhook_id) SELECT generation, $1::bigint FROM bumped
        )
        SELECT generation FROM bumped, pg_notify('stayhook_registry', $1::bigint::text)";
    /// And how far back the changes are known.
    GENERATION = "SELECT generation, (SELECT min(generation) FROM stayhook.registry_changes)
        FROM stayhook.registry";
    CHANGED_SINCE = "SELECT DISTINCT webhook_id FROM stayhook.registry_changes
        WHERE generation > $1 AND generation <= $2";
    FORGET_CHANGES = "DELETE FROM stayhook.registry_changes
        WHERE generation < (SELECT generation - 10000 FROM stayhook.registry)";
    /// One bell for many: whoever does not get the lock knows that it is about to ring.
    RING_DUE = "SELECT pg_notify('stayhook_due', '') WHERE pg_try_advisory_xact_lock(8387227006571996)";
    /// The net under all notifications.
    LOOK = "SELECT (SELECT generation FROM stayhook.registry),
        EXISTS (SELECT FROM stayhook.lanes WHERE NOT held AND closing IS NULL AND due_at <= stayhook.clock()),
        EXISTS (SELECT FROM stayhook.inbox WHERE taken_until IS NULL OR taken_until < stayhook.clock()),
        EXISTS (SELECT FROM stayhook.lanes WHERE held AND look_at <= stayhook.clock())
            OR EXISTS (SELECT FROM stayhook.lanes WHERE closing IS NOT NULL AND due_at <= stayhook.clock())";

    // Webhooks.
    /// So that the slots of a property are given one at a time.
    LOCK_PROPERTY = "SELECT pg_advisory_xact_lock(hashint8extended($1, 8387227006571997))";
    SLOTS = "SELECT slot FROM stayhook.webhooks WHERE property_id = $1 ORDER BY slot";
    NEXT_WEBHOOK = "SELECT nextval('stayhook.webhooks_id_seq')";
    INSERT_WEBHOOK = "INSERT INTO stayhook.webhooks (id, client, property_id, slot, url, url_number, description,
            events, status, include_custom_parameters, skip_own, ordering, profile, shadow_profile, secret,
            credentials, version, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, 1, $6, $7, 'active', $8, $9, $10, $11, $12, $13, $14, 1, $15, $15)";
    INSERT_URL = "INSERT INTO stayhook.webhook_urls (webhook_id, number, url) VALUES ($1, $2, $3)";
    INSERT_LANE = "INSERT INTO stayhook.lanes (webhook_id, client, held) VALUES ($1, $2, false)";
    WEBHOOK = select_webhook!("WHERE w.id = $1");
    WEBHOOKS = select_webhook!("WHERE w.id < $1 ORDER BY w.id DESC LIMIT $2");
    WEBHOOKS_OF_CLIENT = select_webhook!("WHERE w.id < $1 AND w.client = $3 ORDER BY w.id DESC LIMIT $2");
    WEBHOOKS_OF_PROPERTY =
        select_webhook!("WHERE w.id < $1 AND w.property_id = $3 ORDER BY w.id DESC LIMIT $2");
    ALL_WEBHOOKS = select_webhook!("ORDER BY w.id DESC");
    THESE_WEBHOOKS = select_webhook!("WHERE w.id = ANY($1) ORDER BY w.id DESC");
    OWNER = "SELECT client, property_id FROM stayhook.webhooks WHERE id = $1";
    PROPERTY_OF = "SELECT property_id FROM stayhook.webhooks WHERE id = $1";
    KNOWN_WEBHOOKS = "SELECT id FROM stayhook.webhooks WHERE id = ANY($1)";
    UPDATE_WEBHOOK = "UPDATE stayhook.webhooks SET url = $2, url_number = $3, description = $4, events = $5,
            status = $6, status_since = $7, disabled_words = $8, include_custom_parameters = $9,
            skip_own = $10, ordering = $11, profile = $12, shadow_profile = $13, version = $14,
            updated_at = $15
        WHERE id = $1";
    SET_STATUS = "UPDATE stayhook.webhooks SET status = $2, status_since = $3, disabled_words = $4,
            version = $5, updated_at = $6
        WHERE id = $1";
    DELETE_WEBHOOK = "DELETE FROM stayhook.webhooks WHERE id = $1";
    DELETE_URLS = "DELETE FROM stayhook.webhook_urls WHERE webhook_id = $1";

    // Lanes.
    /// In order of their ids, so that no two transactions wait for each other.
    LOCK_LANES = "SELECT webhook_id FROM stayhook.lanes WHERE webhook_id = ANY($1)
        ORDER BY webhook_id FOR UPDATE";
    /// Read after the lock, so that they are seen as whoever held it before left them.
    STANDINGS = concat!(
        "SELECT ", status_columns!(), ", w.url_number, w.id
        FROM stayhook.webhooks w JOIN stayhook.lanes l ON l.webhook_id = w.id WHERE w.id = ANY($1)"
    );
    /// Where only a part is being cancelled, each delivery says for itself whether it is.
    LANES = "SELECT webhook_id, held, CASE WHEN closing_before IS NULL THEN closing END, closing_at
        FROM stayhook.lanes WHERE webhook_id = ANY($1)";
    SET_FAILING = "UPDATE stayhook.lanes SET failing_since = $2, failing_last = $3 WHERE webhook_id = $1";
    /// From a pause on, what is held is looked at.
    SET_HELD = "UPDATE stayhook.lanes SET held = $2, look_at = CASE WHEN $2 THEN $3::bigint END
        WHERE webhook_id = $1";
    /// NULL is later than everything here.
    LANES_DUE_BY = "UPDATE stayhook.lanes l SET due_at = least(l.due_at, i.due_at)
        FROM unnest($1::bigint[], $2::bigint[]) i(webhook_id, due_at)
        WHERE l.webhook_id = i.webhook_id AND (l.due_at IS NULL OR l.due_at > i.due_at)";
    /// More is held than before: it is looked at soon.
    LOOK_AT = "UPDATE stayhook.lanes SET look_at = $2
        WHERE webhook_id = ANY($1) AND held AND (look_at IS NULL OR look_at > $2)";
    CLOSE_LANE = "UPDATE stayhook.lanes SET closing = $2, closing_at = $3, due_at = $4, closing_from = NULL,
            closing_before = NULL
        WHERE webhook_id = $1";
    /// Cancels only what is after $5 (if anything) and before $6.
    CLOSE_PART = "UPDATE stayhook.lanes SET closing = $2, closing_at = $3, due_at = $4, closing_from = $5,
            closing_before = $6
        WHERE webhook_id = $1";
    OPEN_LANE = "UPDATE stayhook.lanes SET closing = NULL, closing_at = NULL, closing_from = NULL,
            closing_before = NULL,
            due_at = (SELECT min(due_at) FROM stayhook.pending WHERE webhook_id = $1)
        WHERE webhook_id = $1";
    DELETE_LANE = "DELETE FROM stayhook.lanes WHERE webhook_id = $1";
    /// Where a run of failures really began: with the first failure after the last success.
    LAST_SUCCESS = "SELECT max(at + duration_ms) FROM stayhook.attempts
        WHERE webhook_id = $1 AND final = 'delivered' AND at + duration_ms >= $2";
    FAILURES_AFTER = "SELECT min(at + duration_ms), max(at + duration_ms) FROM stayhook.attempts
        WHERE webhook_id = $1 AND fault IS NOT NULL AND fault NOT IN ('interrupted', 'postponed') AND at + duration_ms > $2";

    // What is written about deliveries.
    /// Attempts, what ends in `pending`, and what waits there from now on.
    SETTLE = concat!(
        "WITH written AS (", insert_attempts!(), "
            SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::integer[], $4::bigint[], $5::bigint[],
                $6::integer[], $7::integer[], $8::text[], $9::text[], $10::bytea[], $11::bigint[], $12::text[],
                $13::text[])
            ON CONFLICT (webhook_id, event_id, n) DO NOTHING
        ), forgotten AS (
            DELETE FROM stayhook.pending p USING unnest($14::bigint[], $15::uuid[]) i(webhook_id, event_id)
            WHERE p.webhook_id = i.webhook_id AND p.event_id = i.event_id
        )
        INSERT INTO stayhook.pending (webhook_id, event_id, due_at, attempts, steps, booking)
        SELECT * FROM unnest($16::bigint[], $17::uuid[], $18::bigint[], $19::integer[], $20::integer[], $21::text[])
        ON CONFLICT (webhook_id, event_id) DO UPDATE SET due_at = excluded.due_at,
            attempts = excluded.attempts, steps = excluded.steps, leased_by = NULL,
            parked_due = excluded.parked_due"
    );
    /// The fences: of a handoff, that this node still has it and the delivery went no further;
    /// of a claim, that this node still leases it and it went no further.
    OPEN = "SELECT CASE WHEN i.handoff IS NULL THEN EXISTS (
                SELECT FROM stayhook.pending p WHERE p.webhook_id = i.webhook_id AND p.event_id = i.event_id
                    AND p.attempts = i.attempts AND p.leased_by = $5)
            ELSE EXISTS (SELECT FROM stayhook.handoffs h WHERE h.id = i.handoff AND h.node_id = $5)
                AND NOT EXISTS (SELECT FROM stayhook.pending p
                    WHERE p.webhook_id = i.webhook_id AND p.event_id = i.event_id)
                AND NOT EXISTS (SELECT FROM stayhook.attempts a
                    WHERE a.webhook_id = i.webhook_id AND a.event_id = i.event_id AND a.n > i.attempts)
            END
        FROM unnest($1::bigint[], $2::uuid[], $3::integer[], $4::bigint[])
            WITH ORDINALITY i(webhook_id, event_id, attempts, handoff, place)
        ORDER BY i.place";
    /// The happy path, whole: accepted attempts under the same fences, finished handoffs, and
    /// runs of failures that end by a success. Where the order is strict the lane is locked before
    /// a delivery leaves `pending`, since the next one moves up. Returns the places of what was written, and the
    /// version of a webhook whose run of failures ended.
    DELIVERED = concat!(
        "WITH me AS MATERIALIZED (
            SELECT id FROM stayhook.nodes WHERE id = $1 FOR KEY SHARE
        ), input AS MATERIALIZED (
            SELECT * FROM unnest($2::bigint[], $3::uuid[], $4::integer[], $5::bigint[], $6::bigint[],
                $7::bigint[], $8::integer[], $9::integer[], $10::bytea[])
                WITH ORDINALITY i(webhook_id, event_id, attempts, handoff, at, duration_ms, url_number, status, body, place)
        ), locked AS MATERIALIZED (
            SELECT l.webhook_id FROM stayhook.lanes l WHERE l.webhook_id IN (
                SELECT w.id FROM stayhook.webhooks w
                WHERE w.ordering <> 'none' AND w.id IN (SELECT webhook_id FROM input WHERE handoff IS NULL))
            ORDER BY l.webhook_id FOR UPDATE
        ), mine AS MATERIALIZED (
            SELECT h.id FROM stayhook.handoffs h JOIN me ON me.id = h.node_id WHERE h.id = ANY($11)
        ), claimed AS (
            DELETE FROM stayhook.pending p USING input i, me
            WHERE i.handoff IS NULL AND p.webhook_id = i.webhook_id AND p.event_id = i.event_id
                AND p.attempts = i.attempts AND p.leased_by = me.id AND (SELECT count(*) FROM locked) >= 0
            RETURNING i.place
        ), open AS (
            SELECT * FROM input i WHERE i.handoff IN (SELECT id FROM mine) AND NOT EXISTS (
                SELECT FROM stayhook.pending p WHERE p.webhook_id = i.webhook_id AND p.event_id = i.event_id)
            UNION ALL SELECT i.* FROM input i JOIN claimed USING (place)
        ), written AS (", insert_attempts!(), "
            SELECT webhook_id, event_id, attempts + 1, at, duration_ms, url_number, status, NULL, NULL, body, NULL,
                'delivered', NULL
            FROM open
            ON CONFLICT (webhook_id, event_id, n) DO NOTHING
            RETURNING webhook_id, event_id
        ), finished AS (
            DELETE FROM stayhook.handoffs h USING me WHERE h.id = ANY($12) AND h.node_id = me.id
        ), cleared AS (
            UPDATE stayhook.lanes SET failing_since = NULL, failing_last = NULL
            WHERE failing_since IS NOT NULL AND webhook_id IN (SELECT webhook_id FROM written)
            RETURNING webhook_id
        )
        SELECT i.place, (SELECT w.version FROM stayhook.webhooks w JOIN cleared c ON c.webhook_id = w.id
            WHERE w.id = i.webhook_id)
        FROM written r JOIN input i USING (webhook_id, event_id)"
    );
    FINISH_HANDOFFS = "DELETE FROM stayhook.handoffs WHERE id = ANY($1) AND node_id = $2";

    // Cancelling what waits.
    /// What nobody holds, leases that ran out included.
    CLOSE = concat!(
        "WITH closed AS (
            DELETE FROM stayhook.pending p USING (
                SELECT webhook_id, event_id FROM stayhook.pending
                WHERE webhook_id = $1 AND (leased_by IS NULL OR due_at <= $2) LIMIT $3
            ) i
            WHERE p.webhook_id = i.webhook_id AND p.event_id = i.event_id
            RETURNING p.event_id, p.attempts
        ), written AS (", insert_attempts!(), "
            SELECT $1, event_id, attempts + 1, $4, 0, NULL, NULL, NULL, NULL, NULL, NULL, 'cancelled', $5
            FROM closed ON CONFLICT (webhook_id, event_id, n) DO NOTHING
        )
        SELECT count(*) FROM closed"
    );
    /// The first of what is left, and whether somebody holds it all.
    LEFT = "SELECT min(due_at), bool_and(leased_by IS NOT NULL AND due_at > $2)
        FROM stayhook.pending WHERE webhook_id = $1";
    CANCEL = concat!(
        "WITH closed AS (
            DELETE FROM stayhook.pending
            WHERE webhook_id = $1 AND event_id = ANY($2) AND leased_by IS NULL
            RETURNING event_id, attempts
        )", insert_attempts!(), "
        SELECT $1, event_id, attempts + 1, $3, 0, NULL, NULL, NULL, NULL, NULL, NULL, 'cancelled', $4
        FROM closed ON CONFLICT (webhook_id, event_id, n) DO NOTHING"
    );
    /// The newest delivery that waits.
    NEWEST_WAITING = "SELECT event_id FROM stayhook.pending
        WHERE webhook_id = $1 AND leased_by IS NULL ORDER BY event_id DESC LIMIT 1";
    /// Of the next $4 after $2 and before $3, cancels those that nobody holds, all of them or, with
    /// $7, those of bookings of which a newer one waits as well. Returns the last that it looked at.
    CLOSE_SOME = concat!(
        "WITH looked_at AS MATERIALIZED (
            SELECT event_id FROM stayhook.pending
            WHERE webhook_id = $1 AND event_id > $2 AND event_id < $3 ORDER BY event_id LIMIT $4
        ), closed AS (
            DELETE FROM stayhook.pending p USING looked_at i
            WHERE p.webhook_id = $1 AND p.event_id = i.event_id AND p.leased_by IS NULL
                AND (NOT $7 OR p.booking IS NOT NULL AND EXISTS (
                    SELECT FROM stayhook.pending newer
                    WHERE newer.webhook_id = $1 AND btrim(newer.booking, '\"') = btrim(p.booking, '\"') AND newer.event_id > p.event_id
                        AND newer.event_id < $3 AND newer.leased_by IS NULL))
            RETURNING p.event_id, p.attempts
        ), written AS (", insert_attempts!(), "
            SELECT $1, event_id, attempts + 1, $5, 0, NULL, NULL, NULL, NULL, NULL, NULL, 'cancelled', $6
            FROM closed ON CONFLICT (webhook_id, event_id, n) DO NOTHING
        )
        SELECT (SELECT event_id FROM looked_at ORDER BY event_id DESC LIMIT 1), (SELECT count(*) FROM looked_at)"
    );
    IS_CLOSING = "SELECT EXISTS (SELECT FROM stayhook.lanes WHERE webhook_id = $1 AND closing IS NOT NULL)";
    /// What is leased, too: see `CANCEL`.
    WAITING_KINDS = "SELECT p.event_id, e.kind
        FROM stayhook.pending p JOIN stayhook.events e ON e.id = p.event_id
        WHERE p.webhook_id = $1 AND p.event_id > $2 AND p.event_id < $3 ORDER BY p.event_id LIMIT $4";
    /// What is parked stays so.
    PULL_FORWARD = "UPDATE stayhook.pending SET due_at = $2
        WHERE webhook_id = $1 AND leased_by IS NULL AND due_at > $2 AND due_at < 9223372036854775807";
    PARK_FORWARD = "UPDATE stayhook.pending SET parked_due = $2 WHERE webhook_id = $1 AND parked_due > $2";
    SET_FREEING = "UPDATE stayhook.lanes SET freeing = $2 WHERE webhook_id = $1";
    /// What is parked becomes due, at most $3 of it.
    FREE = "WITH freed AS (
            UPDATE stayhook.pending p SET due_at = coalesce(p.parked_due, $2), parked_due = NULL FROM (
                SELECT webhook_id, event_id FROM stayhook.pending
                WHERE webhook_id = $1 AND due_at = 9223372036854775807 LIMIT $3) i
            WHERE p.webhook_id = i.webhook_id AND p.event_id = i.event_id RETURNING p.due_at
        ), known AS (
            UPDATE stayhook.lanes SET due_at = least(due_at, (SELECT min(due_at) FROM freed)) WHERE webhook_id = $1
        )
        SELECT count(*) FROM freed";
    IS_FREEING = "SELECT EXISTS (SELECT FROM stayhook.lanes WHERE freeing)";
    FREEING = "SELECT webhook_id FROM stayhook.lanes WHERE freeing ORDER BY webhook_id LIMIT $1
        FOR UPDATE SKIP LOCKED";

    // Intake.
    /// Which events hold theirs now, and which cannot be decided yet.
    CLAIM_KEYS = "SELECT event_id, busy FROM stayhook.claim_keys($1, $2, $3, $4)";
    KEY_HOLDERS = "SELECT i.client, i.key, i.event_id, i.content, e.targets
        FROM unnest($1::text[], $2::text[]) k(client, key)
        JOIN stayhook.idempotency i ON i.client = k.client AND i.key = k.key
        LEFT JOIN stayhook.events e ON e.id = i.event_id";
    /// A group commit, whole. Nothing is written unless this node is alive ($1) and knows the
    /// webhooks as they are ($2; 0: not asked). What is to wait for a webhook that was switched
    /// off meanwhile ends at once. Due times are the callers', moved by $3, or where that is
    /// NULL so that $4 is now.
    ///
    /// The lanes of what waits are locked before they are looked at: a claim that is under way does
    /// not see these rows yet, and would put the lane to sleep until the end of its lease.
    INTAKE = concat!(
        "WITH me AS MATERIALIZED (
            SELECT id FROM stayhook.nodes WHERE id = $1
        ), known AS MATERIALIZED (
            SELECT generation FROM stayhook.registry WHERE $2::bigint = 0 OR generation = $2
        ), may AS MATERIALIZED (
            SELECT me.id AS node, coalesce($3::bigint, stayhook.clock() - $4::bigint) AS shift FROM me, known
        ), accepted AS (
            INSERT INTO stayhook.events (id, kind, property_id, booking, created_at, client, origin,
                idempotency_key, targets, body, profiles)
            SELECT i.* FROM may, unnest($5::uuid[], $6::text[], $7::bigint[], $8::text[], $9::bigint[],
                $10::text[], $11::text[], $12::text[], $13::bytea[], $14::bytea[], $28::text[]) i
        ), more AS (
            INSERT INTO stayhook.bodies (event_id, number, body)
            SELECT i.* FROM may, unnest($15::uuid[], $16::integer[], $17::bytea[]) i
        ), handed AS (
            INSERT INTO stayhook.handoffs (node_id, event_ids, webhook_ids)
            SELECT node, $18::uuid[], $19::bigint[] FROM may WHERE cardinality($18::uuid[]) > 0 RETURNING id
        ), wanted AS MATERIALIZED (
            SELECT i.*, may.shift, w.status FROM may, unnest($20::bigint[], $21::uuid[], $22::bigint[],
                $23::text[], $29::text[]) WITH ORDINALITY i(webhook_id, event_id, due_at, booking, gathered, place)
                LEFT JOIN stayhook.webhooks w ON w.id = i.webhook_id
        ), waiting AS (
            INSERT INTO stayhook.pending (webhook_id, event_id, due_at, attempts, steps, booking, gathered, seq)
            SELECT webhook_id, event_id, due_at + shift, 0, 0, booking, gathered, -1 FROM wanted
            WHERE status IN ('active', 'paused') ORDER BY place
            RETURNING webhook_id, due_at
        ), fallen AS MATERIALIZED (
            SELECT webhook_id, min(due_at) AS due_at FROM waiting GROUP BY 1
        ), locked AS MATERIALIZED (
            SELECT l.webhook_id, l.due_at, l.held, l.look_at, i.due_at AS wanted,
                (SELECT $4::bigint + shift FROM may) AS now
            FROM fallen i JOIN stayhook.lanes l ON l.webhook_id = i.webhook_id
            ORDER BY l.webhook_id FOR NO KEY UPDATE OF l
        ), awake AS (
            UPDATE stayhook.lanes l SET due_at = least(l.due_at, k.wanted),
                look_at = CASE WHEN l.held THEN least(l.look_at, k.now + 500) END
            FROM locked k
            WHERE l.webhook_id = k.webhook_id AND (k.due_at IS NULL OR k.due_at > k.wanted
                OR k.held AND (k.look_at IS NULL OR k.look_at > k.now + 500))
        ), ended AS (", insert_attempts!(), "
            SELECT i.webhook_id, i.event_id, 1, i.at, 0, NULL::integer, NULL::integer, NULL::text, NULL::text,
                NULL::bytea, NULL::bigint, 'skipped', i.reason
            FROM may, unnest($24::bigint[], $25::uuid[], $26::bigint[], $27::text[])
                i(webhook_id, event_id, at, reason)
            UNION ALL
            SELECT webhook_id, event_id, 1, due_at, 0, NULL, NULL, NULL, NULL, NULL, NULL, 'skipped',
                CASE WHEN status IS NULL THEN 'webhook_deleted' ELSE 'webhook_disabled' END
            FROM wanted WHERE status IS NULL OR status = 'disabled'
        )
        SELECT EXISTS (SELECT FROM me), EXISTS (SELECT FROM known), (SELECT id FROM handed), (
            SELECT count(pg_notify('stayhook_due', '')) FROM (SELECT FROM fallen WHERE $30::boolean LIMIT 1) waits
            WHERE pg_try_advisory_xact_lock(8387227006571996))"
    );

    /// Of deliveries that wait for newer ones to take their place, the newest stays and is due when
    /// the first would have been; the others are cancelled. Their lanes are locked. One that is
    /// parked behind others of its booking has its moment in `parked_due`.
    GATHERED_LATER = concat!(
        "WITH waiting AS MATERIALIZED (
            SELECT p.webhook_id, p.event_id,
                row_number() OVER (PARTITION BY p.webhook_id, p.gathered ORDER BY p.event_id DESC) AS place,
                min(coalesce(p.parked_due, p.due_at)) OVER (PARTITION BY p.webhook_id, p.gathered) AS first_due
            FROM stayhook.pending p
            WHERE (p.webhook_id, p.gathered) IN (SELECT * FROM unnest($1::bigint[], $2::text[]))
                AND p.leased_by IS NULL AND p.attempts = 0
                AND coalesce(p.parked_due, p.due_at) > $3 + coalesce($4::bigint, stayhook.clock() - $3)
        ), superseded AS (
            DELETE FROM stayhook.pending p USING waiting w
            WHERE w.place > 1 AND p.webhook_id = w.webhook_id AND p.event_id = w.event_id
            RETURNING p.webhook_id, p.event_id
        ), ended AS (", insert_attempts!(), "
            SELECT webhook_id, event_id, 1, $3, 0, NULL, NULL, NULL, NULL, NULL, NULL, 'cancelled', 'superseded'
            FROM superseded ON CONFLICT (webhook_id, event_id, n) DO NOTHING
        )
        UPDATE stayhook.pending p SET
            due_at = CASE WHEN p.parked_due IS NULL THEN w.first_due ELSE p.due_at END,
            parked_due = CASE WHEN p.parked_due IS NOT NULL THEN w.first_due END
        FROM waiting w
        WHERE w.place = 1 AND coalesce(p.parked_due, p.due_at) > w.first_due
            AND p.webhook_id = w.webhook_id AND p.event_id = w.event_id"
    );

    // The inbox. `data` is sent as text, so that nothing but the database reads it.
    ENQUEUE = "SELECT stayhook.enqueue($1, $2, $3::text::jsonb, $4::bigint, $5, $6, $7,
        to_timestamp($8::bigint / 1000.0))";
    ENQUEUE_TEXT = "SELECT stayhook.enqueue($1, $2, $3::text::jsonb, $4::text, $5, $6, $7,
        to_timestamp($8::bigint / 1000.0))";
    /// What is older than $3 milliseconds gets a new id, and its key with it: it would be gone with the
    /// day of the old one before it is delivered.
    COLLECT = "WITH found AS MATERIALIZED (
            SELECT event_id AS old, CASE
                    WHEN stayhook.accepted_at(event_id) < stayhook.clock() - $3 THEN stayhook.new_event_id()
                    ELSE event_id END AS new
            FROM stayhook.inbox WHERE taken_until IS NULL OR taken_until < stayhook.clock()
            ORDER BY event_id LIMIT $1 FOR UPDATE SKIP LOCKED
        ), renewed AS (
            UPDATE stayhook.idempotency k SET event_id = found.new FROM found
            WHERE found.new <> found.old AND k.event_id = found.old
        )
        UPDATE stayhook.inbox i SET taken_until = stayhook.clock() + $2, event_id = found.new,
            created_at = CASE WHEN found.new <> found.old THEN coalesce(created_at, stayhook.accepted_at(found.old))
                ELSE created_at END
        FROM found WHERE i.event_id = found.old
        RETURNING i.event_id, kind, property_id, booking, created_at, client, origin, data, found.old";
    TAKE = "DELETE FROM stayhook.inbox WHERE event_id = ANY($1) RETURNING event_id";

    // Claiming.
    DUE_LANES = "SELECT l.webhook_id, w.ordering FROM stayhook.lanes l
            LEFT JOIN stayhook.webhooks w ON w.id = l.webhook_id
        WHERE NOT l.held AND l.closing IS NULL AND l.due_at <= $1 AND l.webhook_id <> ALL($2)
        ORDER BY l.due_at LIMIT $3 FOR UPDATE OF l SKIP LOCKED";
    /// Due lanes client by client, at most $5 of each and $6 in all: clients from $3 on up to before
    /// $4. One step of the index a client.
    DUE_BY_CLIENT = "WITH RECURSIVE clients (client) AS (
            (SELECT client FROM stayhook.lanes
                WHERE NOT held AND closing IS NULL AND due_at IS NOT NULL AND client >= $3
                ORDER BY client LIMIT 1)
            UNION ALL
            SELECT (SELECT l.client FROM stayhook.lanes l
                WHERE NOT l.held AND l.closing IS NULL AND l.due_at IS NOT NULL AND l.client > c.client
                ORDER BY l.client LIMIT 1)
            FROM clients c WHERE c.client < $4 OR $4 IS NULL AND c.client IS NOT NULL
        )
        SELECT due.webhook_id, c.client FROM clients c CROSS JOIN LATERAL (
            SELECT l.webhook_id FROM stayhook.lanes l
            WHERE NOT l.held AND l.closing IS NULL AND l.client = c.client AND l.due_at <= $1
                AND l.webhook_id <> ALL($2)
            ORDER BY l.due_at LIMIT $5
        ) due
        WHERE c.client < $4 OR $4 IS NULL LIMIT $6";
    /// As they are now.
    LOCK_DUE_LANES = "SELECT l.webhook_id, w.ordering FROM stayhook.lanes l
            LEFT JOIN stayhook.webhooks w ON w.id = l.webhook_id
        WHERE l.webhook_id = ANY($1) AND NOT l.held AND l.closing IS NULL AND l.due_at <= $2
        FOR UPDATE OF l SKIP LOCKED";
    /// Before what is due in these lanes, whose order is strict, is leased: what has one of its
    /// booking before it is parked.
    PARK = "WITH due AS MATERIALIZED (
            SELECT p.* FROM unnest($1::bigint[]) l(webhook_id) CROSS JOIN LATERAL (
                SELECT webhook_id, event_id, booking, seq FROM stayhook.pending
                WHERE pending.webhook_id = l.webhook_id AND due_at <= $2 ORDER BY due_at, event_id LIMIT 1000
            ) p WHERE p.booking IS NOT NULL
        ), behind AS MATERIALIZED (
            SELECT due.webhook_id, due.event_id FROM due CROSS JOIN LATERAL (
                SELECT first.event_id FROM stayhook.pending first
                WHERE first.webhook_id = due.webhook_id AND btrim(first.booking, '\"') = btrim(due.booking, '\"')
                    AND (first.seq, first.event_id) < (due.seq, due.event_id)
                ORDER BY first.seq, first.event_id LIMIT 1 FOR KEY SHARE
            ) first
        )
        UPDATE stayhook.pending p SET parked_due = p.due_at, due_at = 9223372036854775807
        FROM behind i
        WHERE p.webhook_id = i.webhook_id AND p.event_id = i.event_id AND p.leased_by IS NULL";
    /// The same for those of which only the newest is to wait.
    SUPERSEDE = "SELECT stayhook.supersede(b.webhook_id, b.booking) FROM (
            SELECT DISTINCT p.webhook_id, p.booking FROM unnest($1::bigint[]) l(webhook_id) CROSS JOIN LATERAL (
                SELECT webhook_id, booking FROM stayhook.pending
                WHERE pending.webhook_id = l.webhook_id AND due_at <= $2 ORDER BY due_at, event_id LIMIT 1000
            ) p WHERE p.booking IS NOT NULL) b";
    /// What somebody holds whose lease ran out goes on by one attempt. A node that counts as dead
    /// claims nothing.
    LEASE = "WITH due AS MATERIALIZED (
            SELECT p.* FROM unnest($1::bigint[]) l(webhook_id) CROSS JOIN LATERAL (
                SELECT webhook_id, event_id, due_at, leased_by FROM stayhook.pending
                WHERE pending.webhook_id = l.webhook_id AND due_at <= $2 ORDER BY due_at, event_id LIMIT $3
            ) p
        )
        UPDATE stayhook.pending p SET due_at = $4, leased_by = $5,
            attempts = p.attempts + (p.leased_by IS NOT NULL)::integer
        FROM due WHERE p.webhook_id = due.webhook_id AND p.event_id = due.event_id AND p.due_at <= $2
            AND EXISTS (SELECT FROM stayhook.nodes WHERE id = $5)
        RETURNING p.webhook_id, p.event_id, p.attempts, p.steps, p.booking, due.due_at,
            due.leased_by IS NOT NULL";
    /// Never before now: webhooks that wait longer come first.
    SET_LANES_DUE = "UPDATE stayhook.lanes l SET due_at = (
            SELECT greatest(p.due_at, $2) FROM stayhook.pending p WHERE p.webhook_id = l.webhook_id
            ORDER BY p.due_at LIMIT 1)
        WHERE l.webhook_id = ANY($1)";
    NEXT_LANE = "SELECT due_at FROM stayhook.lanes
        WHERE NOT held AND closing IS NULL AND due_at < 9223372036854775807 AND webhook_id <> ALL($1)
        ORDER BY due_at LIMIT 1";
    TO_SEND = "SELECT id, kind, targets, body, profiles FROM stayhook.events WHERE id = ANY($1)";
    BODIES = "SELECT event_id, number, body FROM stayhook.bodies WHERE event_id = ANY($1)";

    // Taking over what dead nodes held; $1: every node counts as dead.
    ORPHANED_HANDOFFS = "SELECT id, event_ids, webhook_ids FROM stayhook.handoffs h
        WHERE $1 OR NOT EXISTS (SELECT FROM stayhook.nodes n WHERE n.id = h.node_id)
        ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED";
    /// Of the node $1, and not among those that it knows.
    UNKNOWN_HANDOFFS = "SELECT id, event_ids, webhook_ids FROM stayhook.handoffs
        WHERE node_id = $1 AND id <> ALL($2) ORDER BY id LIMIT $3";
    /// Of the node $1, with some of these events.
    MY_HANDOFF = "SELECT id, event_ids FROM stayhook.handoffs WHERE node_id = $1 AND event_ids && $2 LIMIT 1";
    /// Neither attempted nor in `pending`; with the event's booking.
    UNSETTLED = "SELECT i.webhook_id, i.event_id, e.booking
        FROM unnest($1::bigint[], $2::uuid[]) i(webhook_id, event_id)
        JOIN stayhook.events e ON e.id = i.event_id
        WHERE NOT EXISTS (SELECT FROM stayhook.attempts a
                WHERE a.webhook_id = i.webhook_id AND a.event_id = i.event_id)
            AND NOT EXISTS (SELECT FROM stayhook.pending p
                WHERE p.webhook_id = i.webhook_id AND p.event_id = i.event_id)";
    DELETE_HANDOFFS = "DELETE FROM stayhook.handoffs WHERE id = ANY($1)";
    ORPHANED_LANES = "SELECT DISTINCT webhook_id FROM (
            SELECT webhook_id FROM stayhook.pending p
            WHERE leased_by IS NOT NULL
                AND ($1 OR NOT EXISTS (SELECT FROM stayhook.nodes n WHERE n.id = p.leased_by))
            LIMIT $2) orphaned";
    ORPHANED_LEASES = "SELECT webhook_id, event_id, attempts, steps, booking FROM stayhook.pending p
        WHERE webhook_id = ANY($3) AND leased_by IS NOT NULL
            AND ($1 OR NOT EXISTS (SELECT FROM stayhook.nodes n WHERE n.id = p.leased_by))
        LIMIT $2";

    // Sweeping.
    /// See `Failing::frozen`; nothing is left of it where the last failure came later.
    FREEZE = "UPDATE stayhook.lanes l
        SET failing_since = failing_since + ($2 - greatest(failing_last, $1)), failing_last = $2
        FROM (SELECT webhook_id FROM stayhook.lanes
            WHERE failing_since IS NOT NULL AND greatest(failing_last, $1) < $2
            ORDER BY webhook_id LIMIT $3 FOR UPDATE) frozen
        WHERE l.webhook_id = frozen.webhook_id";
    OVERDUE = "SELECT webhook_id FROM stayhook.lanes WHERE failing_since < $1 ORDER BY failing_since LIMIT $2";
    CLOSING = "SELECT webhook_id, closing, closing_at, closing_from, closing_before FROM stayhook.lanes
        WHERE closing IS NOT NULL AND due_at <= $1 ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED";
    EXPIRE = concat!(
        "WITH expired AS (
            DELETE FROM stayhook.pending p USING (
                SELECT webhook_id, event_id FROM stayhook.pending
                WHERE leased_by IS NULL AND event_id < $1 ORDER BY event_id LIMIT $2 FOR UPDATE SKIP LOCKED
            ) i
            WHERE p.webhook_id = i.webhook_id AND p.event_id = i.event_id AND p.leased_by IS NULL
            RETURNING p.webhook_id, p.event_id, p.attempts
        ), written AS (", insert_attempts!(), "
            SELECT webhook_id, event_id, attempts + 1, $3, 0, NULL, NULL, NULL, NULL, NULL, NULL, 'expired',
                'retention'
            FROM expired ON CONFLICT (webhook_id, event_id, n) DO NOTHING
        )
        SELECT count(*) FROM expired"
    );
    /// Paused webhooks of which more may be held than they keep.
    LOOKED_AT = "SELECT webhook_id FROM stayhook.lanes WHERE held AND look_at <= $1 ORDER BY look_at LIMIT $2
        FOR UPDATE SKIP LOCKED";
    LOOK_AGAIN = "UPDATE stayhook.lanes SET look_at = $1 WHERE held AND look_at > $1";
    SET_LOOK_AT = "UPDATE stayhook.lanes SET look_at = $2 WHERE webhook_id = $1";
    FIRST_LOOK = "SELECT min(look_at) FROM stayhook.lanes WHERE held";
    /// The newest of those that are one too many.
    ONE_TOO_MANY = "SELECT event_id FROM stayhook.pending WHERE webhook_id = $1 AND leased_by IS NULL
        ORDER BY event_id DESC OFFSET $2 LIMIT 1";
    OLDEST_HELD = "SELECT event_id FROM stayhook.pending WHERE webhook_id = $1 AND leased_by IS NULL
        ORDER BY event_id LIMIT 1";
    /// Of what is held, the oldest before $2.
    EXPIRE_HELD = concat!(
        "WITH expired AS (
            DELETE FROM stayhook.pending p USING (
                SELECT webhook_id, event_id FROM stayhook.pending
                WHERE webhook_id = $1 AND leased_by IS NULL AND event_id < $2 ORDER BY event_id LIMIT $3
            ) i
            WHERE p.webhook_id = i.webhook_id AND p.event_id = i.event_id AND p.leased_by IS NULL
            RETURNING p.event_id, p.attempts
        ), written AS (", insert_attempts!(), "
            SELECT $1, event_id, attempts + 1, $4, 0, NULL, NULL, NULL, NULL, NULL, NULL, 'expired', 'hold_limit'
            FROM expired ON CONFLICT (webhook_id, event_id, n) DO NOTHING
        )
        SELECT count(*) FROM expired"
    );
    OLD_EVENTS = "SELECT id, targets FROM stayhook.events WHERE id < $1 ORDER BY id LIMIT $2";
    DELETE_EVENTS = "DELETE FROM stayhook.events WHERE id = ANY($1)";
    DELETE_BODIES = "DELETE FROM stayhook.bodies WHERE event_id = ANY($1)";
    DELETE_ATTEMPTS = "DELETE FROM stayhook.attempts a
        USING unnest($1::bigint[], $2::uuid[]) i(webhook_id, event_id)
        WHERE a.webhook_id = i.webhook_id AND a.event_id = i.event_id";
    FORGET = "DELETE FROM stayhook.pending p USING unnest($1::bigint[], $2::uuid[]) i(webhook_id, event_id)
        WHERE p.webhook_id = i.webhook_id AND p.event_id = i.event_id";
    DELETE_KEYS = "DELETE FROM stayhook.idempotency WHERE event_id = ANY($1)";
    OLD_KEYS = "DELETE FROM stayhook.idempotency WHERE (client, key) IN (
            SELECT client, key FROM stayhook.idempotency WHERE event_id < $1 ORDER BY event_id LIMIT $2)";
    OLD_LEASES = "DELETE FROM stayhook.pending WHERE leased_by IS NOT NULL AND event_id < $1";
    /// Never finished, and all of its events are gone.
    OLD_HANDOFFS = "DELETE FROM stayhook.handoffs
        WHERE NOT EXISTS (SELECT FROM unnest(event_ids) id WHERE id >= $1)";
    FIRST_FAILING = "SELECT min(failing_since) FROM stayhook.lanes WHERE failing_since IS NOT NULL";
    FIRST_CLOSING = "SELECT min(due_at) FROM stayhook.lanes WHERE closing IS NOT NULL";
    OLDEST_WAITING = "SELECT event_id FROM stayhook.pending WHERE leased_by IS NULL ORDER BY event_id LIMIT 1";
    OLDEST_EVENT = "SELECT id FROM stayhook.events ORDER BY id LIMIT 1";
    OLDEST_HANDOFF = "SELECT (SELECT id FROM unnest(event_ids) id ORDER BY id DESC LIMIT 1) AS newest
        FROM stayhook.handoffs ORDER BY newest LIMIT 1";

    // The delivery log.
    /// The newest keys of a range in each of the places asked for, each once.
    KEYS = "SELECT event_id FROM (
            (SELECT DISTINCT event_id FROM stayhook.attempts
                WHERE $5 AND webhook_id = $1 AND event_id >= $2 AND event_id < $3 ORDER BY event_id DESC LIMIT $4)
            UNION (SELECT event_id FROM stayhook.pending
                WHERE $6 AND webhook_id = $1 AND event_id >= $2 AND event_id < $3 ORDER BY event_id DESC LIMIT $4)
            UNION (SELECT i.event_id FROM stayhook.handoffs h, unnest(h.event_ids, h.webhook_ids) i(event_id, webhook_id)
                WHERE $7 AND i.webhook_id = $1 AND i.event_id >= $2 AND i.event_id < $3 ORDER BY 1 DESC LIMIT $4)
        ) keys ORDER BY event_id DESC LIMIT $4";
    /// The fan-outs of a range, newest first.
    FAN_OUTS = "SELECT id, targets, kind, booking, property_id FROM stayhook.events
        WHERE id >= $1 AND id < $2 ORDER BY id DESC LIMIT $3";
    HEADS = "SELECT id, kind, booking FROM stayhook.events WHERE id = ANY($1)";
    PENDING = "SELECT p.webhook_id, p.event_id, p.due_at, p.leased_by IS NOT NULL
        FROM stayhook.pending p JOIN unnest($1::bigint[], $2::uuid[]) i(webhook_id, event_id)
            ON p.webhook_id = i.webhook_id AND p.event_id = i.event_id";
    ATTEMPTS = "SELECT a.webhook_id, a.event_id, a.at, a.duration_ms, a.url_number, a.final, a.reason
        FROM stayhook.attempts a JOIN unnest($1::bigint[], $2::uuid[]) i(webhook_id, event_id)
            ON a.webhook_id = i.webhook_id AND a.event_id = i.event_id
        ORDER BY a.webhook_id, a.event_id, a.n";
    /// Numbered as attempts were made, without the ends that came between them.
    ATTEMPT_LINES = "SELECT (row_number() OVER (ORDER BY a.n))::integer, a.at, a.duration_ms, u.url, a.status, a.fault, a.fault_words, a.body, a.next_at
        FROM stayhook.attempts a
            JOIN stayhook.webhook_urls u ON u.webhook_id = a.webhook_id AND u.number = a.url_number
        WHERE a.webhook_id = $1 AND a.event_id = $2 ORDER BY a.n";
    EVENT = "SELECT kind, booking, property_id, created_at, client, targets, profiles
        FROM stayhook.events WHERE id = $1";
}
