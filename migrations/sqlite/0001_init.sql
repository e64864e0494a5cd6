-- Times are milliseconds since the Unix epoch. The id of an event is 16 bytes (UUIDv7): its
-- order is the order of acceptance, its first 6 bytes are the moment of it.

-- Facts about the database itself, such as what its sealing key must open.
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Configuration: small, written on change. The slot is the limit per property: two
-- registrations can never both take the last one.
CREATE TABLE webhooks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    client TEXT NOT NULL,
    property_id INTEGER NOT NULL,
    slot INTEGER NOT NULL CHECK (slot >= 1),
    url TEXT NOT NULL,
    url_number INTEGER NOT NULL,
    description TEXT,
    events TEXT NOT NULL, -- JSON: the patterns
    status TEXT NOT NULL CHECK (status IN ('active', 'paused', 'disabled')),
    status_since INTEGER, -- of paused and disabled
    disabled_words TEXT, -- an administrator's; none where the 72-hour rule disabled it
    include_custom_parameters INTEGER NOT NULL,
    skip_own INTEGER NOT NULL,
    ordering TEXT NOT NULL,
    profile TEXT,
    shadow_profile TEXT,
    secret BLOB NOT NULL, -- sealed
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (property_id, slot),
    CHECK ((status = 'active') = (status_since IS NULL))
) STRICT;
CREATE INDEX webhooks_client ON webhooks (client, id);

-- Every URL that a webhook had, so that an attempt only keeps a number.
CREATE TABLE webhook_urls (
    webhook_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    url TEXT NOT NULL,
    PRIMARY KEY (webhook_id, number)
) STRICT, WITHOUT ROWID;

-- One for each webhook: the unit of claiming, fairness and pausing. `due_at` is no later than
-- what waits in `pending` first; `closing` names the reason for which all of that is being
-- cancelled, piece by piece. Outlives a deleted webhook until nothing waits any more.
CREATE TABLE lanes (
    webhook_id INTEGER PRIMARY KEY,
    due_at INTEGER,
    held INTEGER NOT NULL,
    failing_since INTEGER,
    failing_last INTEGER,
    closing TEXT,
    closing_at INTEGER
) STRICT;
CREATE INDEX lanes_due ON lanes (due_at) WHERE held = 0 AND closing IS NULL AND due_at IS NOT NULL;
CREATE INDEX lanes_closing ON lanes (due_at) WHERE closing IS NOT NULL;
CREATE INDEX lanes_failing ON lanes (failing_since) WHERE failing_since IS NOT NULL;

-- What was accepted: written once.
CREATE TABLE events (
    id BLOB NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    property_id INTEGER NOT NULL,
    booking TEXT, -- JSON: a number or a text
    created_at INTEGER NOT NULL,
    client TEXT NOT NULL,
    origin TEXT,
    idempotency_key TEXT,
    targets BLOB NOT NULL, -- packed: webhook, number of the body, fate
    body BLOB NOT NULL -- number 0
) STRICT;

-- The second and later bodies of an event whose webhooks do not all get the same bytes.
CREATE TABLE bodies (
    event_id BLOB NOT NULL,
    number INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (event_id, number)
) STRICT, WITHOUT ROWID;

-- Every attempt, and every end that came without one (no `url_number`): append-only. The
-- row with `final` says how the delivery ended.
CREATE TABLE attempts (
    webhook_id INTEGER NOT NULL,
    event_id BLOB NOT NULL,
    n INTEGER NOT NULL,
    at INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    url_number INTEGER,
    status INTEGER, -- of HTTP
    fault TEXT,
    fault_words TEXT,
    body BLOB,
    next_at INTEGER,
    final TEXT CHECK (final IN ('delivered', 'cancelled', 'expired', 'skipped')),
    reason TEXT,
    PRIMARY KEY (webhook_id, event_id, n)
) STRICT, WITHOUT ROWID;

-- One for each group commit: the deliveries that are in memory of the process that accepted
-- them. Gone when the last of them is concluded.
CREATE TABLE handoffs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    deliveries BLOB NOT NULL -- packed: event, webhook
) STRICT;

-- What waits: retries, what was spilled from memory, what is held. A lease is `due_at` moved
-- ahead; `attempts` is its fence.
CREATE TABLE pending (
    webhook_id INTEGER NOT NULL,
    event_id BLOB NOT NULL,
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    steps INTEGER NOT NULL,
    booking TEXT, -- as in events
    leased INTEGER NOT NULL,
    PRIMARY KEY (webhook_id, event_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX pending_due ON pending (webhook_id, due_at, event_id);
CREATE INDEX pending_oldest ON pending (event_id) WHERE leased = 0;

-- Keys of producers, living as long as their events.
CREATE TABLE idempotency (
    client TEXT NOT NULL,
    key TEXT NOT NULL,
    event_id BLOB NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (client, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    client TEXT NOT NULL,
    scopes TEXT NOT NULL, -- JSON: names
    properties TEXT NOT NULL, -- JSON: "all" or numbers
    hash BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;
