-- Rotation of signing secrets, webhooks' own credentials, entitlements, added event types,
-- the audit log and figures by the hour.

ALTER TABLE webhooks ADD COLUMN next_secret BLOB; -- sealed
ALTER TABLE webhooks ADD COLUMN next_secret_from INTEGER; -- takes the place of `secret` then
ALTER TABLE webhooks ADD COLUMN credentials BLOB; -- sealed
CREATE INDEX webhooks_rotating ON webhooks (next_secret_from) WHERE next_secret_from IS NOT NULL;

-- What was set for a property; `entitlements.default` holds for all others.
CREATE TABLE entitlements (
    property_id INTEGER PRIMARY KEY,
    entitled INTEGER NOT NULL,
    version INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- Event types besides those of the profiles and the configuration.
CREATE TABLE event_types (
    name TEXT PRIMARY KEY,
    label TEXT NOT NULL,
    description TEXT NOT NULL,
    schema TEXT, -- JSON Schema of `data`
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who changed what, written with the change. No secrets, no payloads. Kept for ever.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    author TEXT NOT NULL CHECK (author IN ('client', 'admin', 'operator', 'engine')),
    client TEXT,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    webhook_id INTEGER,
    owner TEXT,
    before TEXT, -- JSON
    after TEXT, -- JSON
    CHECK ((client IS NOT NULL) = (author IN ('client', 'admin')))
) STRICT;
CREATE INDEX audit_webhook ON audit (webhook_id, id) WHERE webhook_id IS NOT NULL;

-- What was counted for each webhook within each hour (whole hours since the Unix epoch).
CREATE TABLE tallies (
    webhook_id INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    PRIMARY KEY (webhook_id, hour)
) STRICT, WITHOUT ROWID;
CREATE INDEX tallies_hour ON tallies (hour);
