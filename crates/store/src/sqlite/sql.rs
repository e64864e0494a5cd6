//! Every statement of the SQLite implementation, by subject. Parameters are numbered in the
//! order in which a sentence would name them: webhook, event, then what is to be written.

/// The columns that `rows::webhook` reads.
macro_rules! webhook_columns {
    () => {
        "w.id, w.client, w.property_id, w.url, w.url_number, w.description, w.events, \
         w.include_custom_parameters, w.skip_own, w.ordering, w.profile, w.shadow_profile, w.secret, \
         w.created_at, w.updated_at, "
    };
}

/// The columns that `rows::status` reads, and the version.
macro_rules! status_columns {
    () => {
        "w.status, w.status_since, w.disabled_words, l.failing_since, l.failing_last, w.version"
    };
}

/// Webhooks with the state of their lanes and what was set for their properties.
macro_rules! select_webhook {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            webhook_columns!(),
            status_columns!(),
            ", w.next_secret, w.next_secret_from, w.credentials, e.entitled, e.version \
             FROM webhooks w JOIN lanes l ON l.webhook_id = w.id \
             LEFT JOIN entitlements e ON e.property_id = w.property_id ",
            $rest
        )
    };
}

/// What was counted.
macro_rules! select_tallied {
    () => {
        "SELECT ifnull(sum(accepted), 0), ifnull(sum(delivered), 0), ifnull(sum(failed), 0), \
         ifnull(sum(duration_ms), 0) FROM tallies"
    };
}

/// How many webhooks are active, paused, disabled and failing.
macro_rules! select_statuses {
    () => {
        "SELECT ifnull(sum(w.status = 'active'), 0), ifnull(sum(w.status = 'paused'), 0), \
         ifnull(sum(w.status = 'disabled'), 0), ifnull(sum(l.failing_since IS NOT NULL), 0) \
         FROM webhooks w JOIN lanes l ON l.webhook_id = w.id"
    };
}

/// How many deliveries wait and are held, and when the first of those that wait is due. What a
/// closing lane has left is cancelled already.
macro_rules! select_waiting {
    () => {
        "SELECT ifnull(sum(l.held = 0), 0), ifnull(sum(l.held = 1), 0), \
         min(CASE WHEN l.held = 0 AND p.due_at < 9223372036854775807 THEN p.due_at END) \
         FROM lanes l JOIN pending p ON p.webhook_id = l.webhook_id \
         WHERE p.leased = 0 AND l.closing IS NULL"
    };
}

/// Defines the statements, and the list of them by which a test prepares each.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)*) => {
        $($(#[$doc])* pub(super) const $name: &str = $sql;)*

        #[cfg(test)]
        pub(super) const ALL: &[(&str, &str)] = &[$((stringify!($name), $name)),*];
    };
}

statements! {
    // Transactions of the writer.
    BEGIN = "BEGIN IMMEDIATE";
    COMMIT = "COMMIT";
    ROLLBACK = "ROLLBACK";
    SAVE = "SAVEPOINT job";
    KEEP = "RELEASE job";
    UNDO = "ROLLBACK TO job";
    /// A snapshot for readers.
    SNAPSHOT = "BEGIN";

    // The database itself.
    META = "SELECT value FROM meta WHERE name = ?1";
    SET_META = "INSERT INTO meta (name, value) VALUES (?1, ?2)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value";

    // Webhooks.
    SLOTS = "SELECT slot FROM webhooks WHERE property_id = ?1 ORDER BY slot";
    INSERT_WEBHOOK = "INSERT INTO webhooks (client, property_id, slot, url, url_number, description, events,
            status, include_custom_parameters, skip_own, ordering, profile, shadow_profile, secret, version,
            created_at, updated_at)
        VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, 'active', ?7, ?8, ?9, ?10, ?11, x'', 1, ?12, ?12)";
    SET_SECRETS = "UPDATE webhooks SET secret = ?2, next_secret = ?3, next_secret_from = ?4 WHERE id = ?1";
    SET_CREDENTIALS = "UPDATE webhooks SET credentials = ?2 WHERE id = ?1";
    SET_VERSION = "UPDATE webhooks SET version = ?2, updated_at = ?3 WHERE id = ?1";
    SEALED = "SELECT id, secret, next_secret, credentials FROM webhooks WHERE id > ?1 ORDER BY id LIMIT ?2";
    RESEAL = "UPDATE webhooks SET secret = ifnull(?2, secret), next_secret = ifnull(?3, next_secret),
            credentials = ifnull(?4, credentials)
        WHERE id = ?1";
    INSERT_URL = "INSERT INTO webhook_urls (webhook_id, number, url) VALUES (?1, ?2, ?3)";
    INSERT_LANE = "INSERT INTO lanes (webhook_id, client, held) VALUES (?1, ?2, 0)";
    WEBHOOK = select_webhook!("WHERE w.id = ?1");
    WEBHOOKS = select_webhook!("WHERE w.id < ?1 ORDER BY w.id DESC");
    WEBHOOKS_OF_CLIENT = select_webhook!("WHERE w.id < ?1 AND w.client = ?2 ORDER BY w.id DESC");
    WEBHOOKS_OF_PROPERTY = select_webhook!("WHERE w.id < ?1 AND w.property_id = ?2 ORDER BY w.id DESC");
    IDS_OF_PROPERTY = "SELECT id FROM webhooks WHERE property_id = ?1";
    OWNER = "SELECT client, property_id FROM webhooks WHERE id = ?1";
    UPDATE_WEBHOOK = "UPDATE webhooks SET url = ?2, url_number = ?3, description = ?4, events = ?5,
            status = ?6, status_since = ?7, disabled_words = ?8, include_custom_parameters = ?9,
            skip_own = ?10, ordering = ?11, profile = ?12, shadow_profile = ?13, version = ?14,
            updated_at = ?15
        WHERE id = ?1";
    SET_STATUS = "UPDATE webhooks SET status = ?2, status_since = ?3, disabled_words = ?4, version = ?5,
            updated_at = ?6
        WHERE id = ?1";
    DELETE_WEBHOOK = "DELETE FROM webhooks WHERE id = ?1";
    DELETE_URLS = "DELETE FROM webhook_urls WHERE webhook_id = ?1";

    // Lanes.
    STANDING = concat!(
        "SELECT ", status_columns!(), ", w.url_number, l.due_at, w.ordering
        FROM webhooks w JOIN lanes l ON l.webhook_id = w.id WHERE w.id = ?1"
    );
    /// A lane without a due moment has nothing in `pending`.
    /// Where only a part is being cancelled, each delivery says for itself whether it is.
    LANE = "SELECT held, CASE WHEN closing_before IS NULL THEN closing END, closing_at
        FROM lanes WHERE webhook_id = ?1";
    SET_FAILING = "UPDATE lanes SET failing_since = ?2, failing_last = ?3 WHERE webhook_id = ?1";
    /// From a pause on, what is held is looked at.
    SET_HELD = "UPDATE lanes SET held = ?2, look_at = CASE WHEN ?2 THEN ?3 END WHERE webhook_id = ?1";
    /// More is held than before: it is looked at soon.
    LOOK_AT = "UPDATE lanes SET look_at = min(ifnull(look_at, ?2), ?2) WHERE webhook_id = ?1 AND held = 1";
    SET_FREEING = "UPDATE lanes SET freeing = ?2 WHERE webhook_id = ?1";
    LANE_DUE_BY = "UPDATE lanes SET due_at = min(ifnull(due_at, ?2), ?2) WHERE webhook_id = ?1";
    SET_LANE_DUE = "UPDATE lanes SET due_at = ?2 WHERE webhook_id = ?1";
    CLOSE_LANE = "UPDATE lanes SET closing = ?2, closing_at = ?3, due_at = ?4, closing_from = NULL,
            closing_before = NULL
        WHERE webhook_id = ?1";
    /// Cancels only what is after ?5 and before ?6.
    CLOSE_PART = "UPDATE lanes SET closing = ?2, closing_at = ?3, due_at = ?4, closing_from = ?5,
            closing_before = ?6
        WHERE webhook_id = ?1";
    OPEN_LANE = "UPDATE lanes SET closing = NULL, closing_at = NULL, due_at = ?2, closing_from = NULL,
            closing_before = NULL
        WHERE webhook_id = ?1";
    DELETE_LANE = "DELETE FROM lanes WHERE webhook_id = ?1";

    // Attempts.
    INSERT_ATTEMPT = "INSERT INTO attempts (webhook_id, event_id, n, at, duration_ms, url_number,
            status, fault, fault_words, body, next_at, final, reason)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
        ON CONFLICT (webhook_id, event_id, n) DO NOTHING";

    // Pending.
    IS_PENDING = "SELECT EXISTS (SELECT 1 FROM pending WHERE webhook_id = ?1 AND event_id = ?2)";
    WAIT = "INSERT INTO pending (webhook_id, event_id, due_at, attempts, steps, booking, leased)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)
        ON CONFLICT (webhook_id, event_id) DO NOTHING";
    GATHER = "UPDATE pending SET gathered = ?3 WHERE webhook_id = ?1 AND event_id = ?2";
    /// What a newer event takes the place of.
    GATHERED = "SELECT event_id, ifnull(parked_due, due_at) FROM pending
        WHERE webhook_id = ?1 AND gathered = ?2 AND leased = 0 AND attempts = 0
            AND ifnull(parked_due, due_at) > ?3";
    /// The fence of a claimed delivery: still leased, and no further than when it was claimed.
    END_CLAIMED = "DELETE FROM pending
        WHERE webhook_id = ?1 AND event_id = ?2 AND attempts = ?3 AND leased = 1";
    RETRY_CLAIMED = "UPDATE pending SET due_at = ?4, attempts = attempts + 1, steps = ?5, leased = 0
        WHERE webhook_id = ?1 AND event_id = ?2 AND attempts = ?3 AND leased = 1";
    SPILL_CLAIMED = "UPDATE pending SET due_at = ?4, leased = 0
        WHERE webhook_id = ?1 AND event_id = ?2 AND attempts = ?3 AND leased = 1";
    FORGET = "DELETE FROM pending WHERE webhook_id = ?1 AND event_id = ?2";
    FIRST_DUE = "SELECT min(due_at) FROM pending WHERE webhook_id = ?1";
    /// What nobody holds: leases that ran out included.
    CLOSABLE = "SELECT event_id, attempts FROM pending
        WHERE webhook_id = ?1 AND (leased = 0 OR due_at <= ?2) LIMIT ?3";
    NEWEST_WAITING = "SELECT event_id FROM pending
        WHERE webhook_id = ?1 AND leased = 0 ORDER BY event_id DESC LIMIT 1";
    NEXT_PENDING = "SELECT event_id, attempts, leased FROM pending
        WHERE webhook_id = ?1 AND event_id > ?2 AND event_id < ?3 ORDER BY event_id LIMIT ?4";
    /// Of the same booking.
    NEWER_WAITS = "SELECT EXISTS (SELECT 1 FROM pending p JOIN pending newer
            ON newer.webhook_id = p.webhook_id AND trim(newer.booking, '\"') = trim(p.booking, '\"')
            AND newer.booking IS NOT NULL AND newer.event_id > p.event_id
        WHERE p.webhook_id = ?1 AND p.event_id = ?2 AND newer.event_id < ?3 AND newer.leased = 0)";
    KIND = "SELECT kind FROM events WHERE id = ?1";
    IS_CLOSING = "SELECT EXISTS (SELECT 1 FROM lanes WHERE webhook_id = ?1 AND closing IS NOT NULL)";
    /// What is parked stays so.
    DUE_BY = "UPDATE pending SET due_at = min(due_at, ?3)
        WHERE webhook_id = ?1 AND event_id = ?2 AND parked_due IS NULL";
    PULL_FORWARD = "UPDATE pending SET due_at = ?2
        WHERE webhook_id = ?1 AND leased = 0 AND due_at > ?2 AND parked_due IS NULL";
    PARK_FORWARD = "UPDATE pending SET parked_due = ?2 WHERE webhook_id = ?1 AND parked_due > ?2";

    // Strict order: see `order`. Parked is what is due never.
    LATEST_OF_BOOKING = "SELECT seq, event_id FROM pending
        WHERE webhook_id = ?1 AND booking IS NOT NULL AND trim(booking, '\"') = trim(?2, '\"') AND event_id <> ?3 ORDER BY seq DESC, event_id DESC LIMIT 1";
    /// The first of those that are newer and have not started, or of all that are newer.
    FIRST_NEWER = "SELECT min(seq) FROM pending
        WHERE webhook_id = ?1 AND booking IS NOT NULL AND trim(booking, '\"') = trim(?2, '\"') AND event_id > ?3 AND (?4 OR attempts = 0 AND leased = 0)";
    SET_SEQ = "UPDATE pending SET seq = ?3 WHERE webhook_id = ?1 AND event_id = ?2";
    IS_BEHIND = "SELECT EXISTS (SELECT 1 FROM pending WHERE webhook_id = ?1 AND booking IS NOT NULL AND trim(booking, '\"') = trim(?2, '\"') AND event_id <> ?3
        AND (seq, event_id) < (SELECT seq, event_id FROM pending WHERE webhook_id = ?1 AND event_id = ?3))";
    PARK = "UPDATE pending SET parked_due = due_at, due_at = 9223372036854775807
        WHERE webhook_id = ?1 AND event_id = ?2 AND leased = 0 AND parked_due IS NULL";
    OF_BOOKING = "SELECT event_id, attempts, leased FROM pending
        WHERE webhook_id = ?1 AND booking IS NOT NULL AND trim(booking, '\"') = trim(?2, '\"') ORDER BY seq DESC, event_id DESC";
    LAST_ATTEMPT_END = "SELECT max(at + duration_ms) FROM attempts WHERE webhook_id = ?1 AND event_id = ?2";
    FREE = "UPDATE pending SET due_at = parked_due, parked_due = NULL
        WHERE webhook_id = ?1 AND event_id IN (
            SELECT event_id FROM pending WHERE webhook_id = ?1 AND due_at = 9223372036854775807 LIMIT ?2)";
    FREEING = "SELECT webhook_id FROM lanes WHERE freeing = 1 ORDER BY webhook_id LIMIT ?1";
    IS_FREEING = "SELECT EXISTS (SELECT 1 FROM lanes WHERE freeing = 1)";

    // Intake.
    INSERT_EVENT = "INSERT INTO events (id, kind, property_id, booking, created_at, client, origin,
            idempotency_key, targets, body, profiles)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    INSERT_BODY = "INSERT INTO bodies (event_id, number, body) VALUES (?1, ?2, ?3)";
    CLAIM_KEY = "INSERT INTO idempotency (client, key, event_id, content) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (client, key) DO NOTHING";
    KEY_HOLDER = "SELECT i.event_id, i.content, e.targets
        FROM idempotency i JOIN events e ON e.id = i.event_id WHERE i.client = ?1 AND i.key = ?2";
    INSERT_HANDOFF = "INSERT INTO handoffs (deliveries) VALUES (?1)";
    DELETE_HANDOFF = "DELETE FROM handoffs WHERE id = ?1";

    // Claiming.
    DUE_LANES = "SELECT webhook_id FROM lanes
        WHERE held = 0 AND closing IS NULL AND due_at IS NOT NULL AND due_at <= ?1 ORDER BY due_at";
    DUE_LANES_OF_CLIENT = "SELECT webhook_id FROM lanes
        WHERE held = 0 AND closing IS NULL AND due_at IS NOT NULL AND client = ?1 AND due_at <= ?2
        ORDER BY due_at";
    /// From that name on.
    NEXT_CLIENT = "SELECT client FROM lanes
        WHERE held = 0 AND closing IS NULL AND due_at IS NOT NULL AND client >= ?1 ORDER BY client LIMIT 1";
    NEXT_LANES = "SELECT webhook_id, due_at FROM lanes
        WHERE held = 0 AND closing IS NULL AND due_at IS NOT NULL AND due_at < 9223372036854775807
        ORDER BY due_at";
    DUE_ROWS = "SELECT event_id, attempts, steps, booking, leased FROM pending
        WHERE webhook_id = ?1 AND due_at <= ?2 ORDER BY due_at, event_id LIMIT ?3";
    LEASE = "UPDATE pending SET due_at = ?3, attempts = ?4, leased = 1 WHERE webhook_id = ?1 AND event_id = ?2";
    TO_SEND = "SELECT kind, targets, body, profiles FROM events WHERE id = ?1";
    BODY = "SELECT body FROM bodies WHERE event_id = ?1 AND number = ?2";

    // Taking over.
    HANDOFFS = "SELECT id, deliveries FROM handoffs ORDER BY id";
    LEASED = "SELECT webhook_id, event_id, attempts FROM pending WHERE leased = 1";
    HAS_ATTEMPT = "SELECT EXISTS (SELECT 1 FROM attempts WHERE webhook_id = ?1 AND event_id = ?2 AND n = ?3)";
    IS_SETTLED = "SELECT EXISTS (SELECT 1 FROM attempts WHERE webhook_id = ?1 AND event_id = ?2)
        OR EXISTS (SELECT 1 FROM pending WHERE webhook_id = ?1 AND event_id = ?2)";
    BOOKING = "SELECT booking FROM events WHERE id = ?1";
    GIVE_BACK = "UPDATE pending SET due_at = ?3, attempts = attempts + 1, leased = 0
        WHERE webhook_id = ?1 AND event_id = ?2";

    // Requeueing.
    ENDED_KEYS = "SELECT DISTINCT event_id FROM attempts
        WHERE webhook_id = ?1 AND event_id > ?2 AND event_id < ?3
            AND final IN ('cancelled', 'expired', 'skipped')
        ORDER BY event_id LIMIT ?4";
    REQUEUE = "INSERT INTO pending (webhook_id, event_id, due_at, attempts, steps, booking, leased)
        SELECT ?1, e.id, ?3, (SELECT max(a.n) FROM attempts a WHERE a.webhook_id = ?1 AND a.event_id = ?2), 0,
            e.booking, 0
        FROM events e WHERE e.id = ?2
        ON CONFLICT (webhook_id, event_id) DO NOTHING";

    // Sweeping.
    ROTATED = "SELECT id FROM webhooks WHERE next_secret_from <= ?1 ORDER BY next_secret_from LIMIT ?2";
    PROMOTE = "UPDATE webhooks SET secret = next_secret, next_secret = NULL, next_secret_from = NULL
        WHERE id = ?1";
    FIRST_ROTATED = "SELECT min(next_secret_from) FROM webhooks WHERE next_secret_from IS NOT NULL";
    PRUNE_TALLIES = "DELETE FROM tallies WHERE (webhook_id, hour) IN
        (SELECT webhook_id, hour FROM tallies WHERE hour < ?1 ORDER BY hour LIMIT ?2)";
    OLDEST_TALLY = "SELECT min(hour) FROM tallies";
    /// See `Failing::frozen`; nothing is left of it where the last failure came later.
    FREEZE = "UPDATE lanes SET failing_since = failing_since + (?2 - max(failing_last, ?1)), failing_last = ?2
        WHERE webhook_id IN (SELECT webhook_id FROM lanes
            WHERE failing_since IS NOT NULL AND max(failing_last, ?1) < ?2 LIMIT ?3)";
    OVERDUE = "SELECT webhook_id FROM lanes WHERE failing_since < ?1 ORDER BY failing_since LIMIT ?2";
    LOOKED_AT = "SELECT webhook_id FROM lanes
        WHERE held = 1 AND look_at IS NOT NULL AND look_at <= ?1 ORDER BY look_at LIMIT ?2";
    LOOK_AGAIN = "UPDATE lanes SET look_at = ?1 WHERE held = 1 AND look_at > ?1";
    SET_LOOK_AT = "UPDATE lanes SET look_at = ?2 WHERE webhook_id = ?1";
    FIRST_LOOK = "SELECT min(look_at) FROM lanes WHERE held = 1 AND look_at IS NOT NULL";
    /// The newest of those that are one too many.
    ONE_TOO_MANY = "SELECT event_id FROM pending WHERE webhook_id = ?1 AND leased = 0
        ORDER BY event_id DESC LIMIT 1 OFFSET ?2";
    OLDEST_HELD = "SELECT event_id FROM pending WHERE webhook_id = ?1 AND leased = 0 ORDER BY event_id LIMIT 1";
    HELD_BEFORE = "SELECT event_id, attempts FROM pending
        WHERE webhook_id = ?1 AND leased = 0 AND event_id < ?2 ORDER BY event_id LIMIT ?3";
    CLOSING = "SELECT webhook_id, closing, closing_at, closing_from, closing_before FROM lanes
        WHERE closing IS NOT NULL AND due_at <= ?1 ORDER BY due_at LIMIT ?2";
    OLD_WAITING = "SELECT webhook_id, event_id, attempts FROM pending
        WHERE leased = 0 AND event_id < ?1 ORDER BY event_id LIMIT ?2";
    OLD_EVENTS = "SELECT id, client, idempotency_key, targets FROM events WHERE id < ?1 ORDER BY id LIMIT ?2";
    DELETE_EVENT = "DELETE FROM events WHERE id = ?1";
    DELETE_BODIES = "DELETE FROM bodies WHERE event_id = ?1";
    DELETE_ATTEMPTS = "DELETE FROM attempts WHERE webhook_id = ?1 AND event_id = ?2";
    DELETE_KEY = "DELETE FROM idempotency WHERE client = ?1 AND key = ?2 AND event_id = ?3";
    FIRST_FAILING = "SELECT min(failing_since) FROM lanes WHERE failing_since IS NOT NULL";
    FIRST_CLOSING = "SELECT min(due_at) FROM lanes WHERE closing IS NOT NULL";
    OLDEST_WAITING = "SELECT event_id FROM pending WHERE leased = 0 ORDER BY event_id LIMIT 1";
    OLDEST_EVENT = "SELECT id FROM events ORDER BY id LIMIT 1";

    // The delivery log.
    ATTEMPTED_KEYS = "SELECT DISTINCT event_id FROM attempts
        WHERE webhook_id = ?1 AND event_id >= ?2 AND event_id < ?3 ORDER BY event_id DESC";
    PENDING_KEYS = "SELECT event_id FROM pending
        WHERE webhook_id = ?1 AND event_id >= ?2 AND event_id < ?3 ORDER BY event_id DESC";
    PENDING = "SELECT due_at, leased FROM pending WHERE webhook_id = ?1 AND event_id = ?2";
    ATTEMPTS = "SELECT at, duration_ms, url_number, final, reason FROM attempts
        WHERE webhook_id = ?1 AND event_id = ?2 ORDER BY n";
    ATTEMPT_LINES = "SELECT a.at, a.duration_ms, u.url, a.status, a.fault, a.fault_words, a.body, a.next_at
        FROM attempts a JOIN webhook_urls u ON u.webhook_id = a.webhook_id AND u.number = a.url_number
        WHERE a.webhook_id = ?1 AND a.event_id = ?2 ORDER BY a.n";
    EVENT = "SELECT kind, booking, property_id, created_at, client, targets, profiles
        FROM events WHERE id = ?1";

    EVENTS_BACK = "SELECT id, targets FROM events WHERE id >= ?1 AND id < ?2 ORDER BY id DESC";

    // Entitlements and event types.
    ENTITLEMENT = "SELECT entitled, version FROM entitlements WHERE property_id = ?1";
    SET_ENTITLEMENT = "INSERT INTO entitlements (property_id, entitled, version, updated_at)
        VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (property_id) DO UPDATE
        SET entitled = excluded.entitled, version = excluded.version, updated_at = excluded.updated_at";
    EVENT_TYPE = "SELECT name, label, description, schema FROM event_types WHERE name = ?1";
    EVENT_TYPES = "SELECT name, label, description, schema FROM event_types ORDER BY name";
    PUT_EVENT_TYPE = "INSERT INTO event_types (name, label, description, schema, updated_at)
        VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (name) DO UPDATE
        SET label = excluded.label, description = excluded.description, schema = excluded.schema,
            updated_at = excluded.updated_at";

    // The audit log.
    INSERT_AUDIT = "INSERT INTO audit (at, author, client, action, subject, webhook_id, owner, before, after)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    UPDATE_AUDIT = "UPDATE audit SET after = ?2 WHERE id = ?1";
    AUDIT = "SELECT id, at, author, client, action, subject, webhook_id, owner, before, after
        FROM audit WHERE id < ?1 ORDER BY id DESC";
    AUDIT_OF_WEBHOOK = "SELECT id, at, author, client, action, subject, webhook_id, owner, before, after
        FROM audit WHERE webhook_id = ?2 AND id < ?1 ORDER BY id DESC";

    // Figures.
    COUNT = "INSERT INTO tallies (webhook_id, hour, accepted, delivered, failed, duration_ms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (webhook_id, hour) DO UPDATE
        SET accepted = accepted + excluded.accepted, delivered = delivered + excluded.delivered,
            failed = failed + excluded.failed, duration_ms = duration_ms + excluded.duration_ms";
    TALLIED = concat!(select_tallied!(), " WHERE hour >= ?1 AND hour <= ?2");
    TALLIED_OF_WEBHOOK =
        concat!(select_tallied!(), " WHERE hour >= ?1 AND hour <= ?2 AND webhook_id = ?3");
    STATUSES = select_statuses!();
    STATUS_OF_WEBHOOK = concat!(select_statuses!(), " WHERE w.id = ?1");
    WAITING_NOW = select_waiting!();
    WAITING_NOW_FOR_WEBHOOK = concat!(select_waiting!(), " AND p.webhook_id = ?1");

    // Tokens.
    INSERT_TOKEN = "INSERT INTO tokens (name, client, scopes, properties, hash, created_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    TOKENS = "SELECT id, name, client, scopes, properties, created_at, revoked_at FROM tokens ORDER BY id";
    TOKEN = "SELECT id, name, client, scopes, properties, created_at, revoked_at FROM tokens
        WHERE hash = ?1 AND revoked_at IS NULL";
    TOKEN_TO_REVOKE = "SELECT id, name, client, scopes, properties, created_at, revoked_at FROM tokens
        WHERE id = ?1 AND revoked_at IS NULL";
    REVOKE_TOKEN = "UPDATE tokens SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL";
}
