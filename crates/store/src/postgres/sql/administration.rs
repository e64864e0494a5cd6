//! The statements about secrets, entitlements, event types, requeueing, figures, the audit log
//! and tokens.

statements! {
    // Secrets.
    SET_CREDENTIALS = "UPDATE stayhook.webhooks SET credentials = $2 WHERE id = $1";
    SET_SECRETS = "UPDATE stayhook.webhooks SET secret = $2, next_secret = $3, next_secret_from = $4, version = $5,
            updated_at = $6
        WHERE id = $1";
    /// Secrets whose time has come, in place of those that they follow.
    PROMOTE = "UPDATE stayhook.webhooks w SET secret = w.next_secret, next_secret = NULL, next_secret_from = NULL
        FROM (SELECT id FROM stayhook.webhooks WHERE next_secret_from <= $1
            ORDER BY next_secret_from LIMIT $2 FOR UPDATE SKIP LOCKED) due
        WHERE w.id = due.id RETURNING w.id";
    FIRST_NEXT_SECRET = "SELECT min(next_secret_from) FROM stayhook.webhooks WHERE next_secret_from IS NOT NULL";
    /// In order of their ids, and locked, so that nobody's new secret is overwritten.
    SEALED = "SELECT id, secret, next_secret, credentials FROM stayhook.webhooks
        WHERE id > $1 ORDER BY id LIMIT $2 FOR UPDATE";
    RESEAL = "UPDATE stayhook.webhooks w SET secret = coalesce(i.secret, w.secret),
            next_secret = coalesce(i.next_secret, w.next_secret), credentials = coalesce(i.credentials, w.credentials)
        FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bytea[]) i(id, secret, next_secret, credentials)
        WHERE w.id = i.id";

    // Entitlements and event types.
    ENTITLEMENT = "SELECT entitled, version FROM stayhook.entitlements WHERE property_id = $1";
    SET_ENTITLEMENT = "INSERT INTO stayhook.entitlements (property_id, entitled, version, updated_at)
            VALUES ($1, $2, 1, $3)
        ON CONFLICT (property_id) DO UPDATE SET entitled = excluded.entitled,
            version = entitlements.version + 1, updated_at = excluded.updated_at";
    ALL_OF_PROPERTY = select_webhook!("WHERE w.property_id = $1 ORDER BY w.id DESC");
    /// So that event types change one at a time.
    LOCK_EVENT_TYPES = "SELECT pg_advisory_xact_lock(8387227006571999)";
    EVENT_TYPE = "SELECT name, label, description, schema FROM stayhook.event_types WHERE name = $1";
    EVENT_TYPES = "SELECT name, label, description, schema FROM stayhook.event_types ORDER BY name";
    PUT_EVENT_TYPE = "INSERT INTO stayhook.event_types (name, label, description, schema, updated_at)
            VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (name) DO UPDATE SET label = excluded.label, description = excluded.description,
            schema = excluded.schema, updated_at = excluded.updated_at";
    /// Only what is missing: every node says it at every start.
    ANNOUNCE_TYPES = "INSERT INTO stayhook.announced_types (name)
        SELECT i.name FROM unnest($1::text[]) i(name)
        WHERE NOT EXISTS (SELECT FROM stayhook.announced_types a WHERE a.name = i.name)
        ORDER BY i.name ON CONFLICT (name) DO NOTHING";
    /// Only if it is different.
    CHANGE_META = "INSERT INTO stayhook.meta (name, value) VALUES ($1, $2)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE meta.value <> excluded.value";

    // Requeueing what ended.
    /// The event is not pruned before the end of the transaction.
    KEEP_EVENT = "SELECT targets, booking FROM stayhook.events WHERE id = $1 FOR KEY SHARE";
    LAST_ATTEMPT = "SELECT coalesce(max(n), 0) FROM stayhook.attempts WHERE webhook_id = $1 AND event_id = $2";
    REQUEUE = "INSERT INTO stayhook.pending (webhook_id, event_id, due_at, attempts, steps, booking)
            VALUES ($1, $2, $3, $4, 0, $5)
        ON CONFLICT (webhook_id, event_id) DO UPDATE SET due_at = least(pending.due_at, excluded.due_at)
        WHERE pending.due_at < 9223372036854775807";
    /// Of the webhook's next deliveries in order of acceptance, at most $8, those that ended in one
    /// of the ways asked for ($6: failed, $7: missed) and do not wait again, at most $4: as of one
    /// moment. What would end at once again stays as it is: what no pattern of $9 matches, and all of
    /// it unless the property is entitled ($10). Returns how many were requeued, the last that was
    /// looked at unless none is left, and how many of the two kinds stay.
    RECOVER = "WITH looked_at AS MATERIALIZED (
            SELECT event_id, max(n) AS n, (array_agg(final ORDER BY n DESC))[1] AS final,
                (array_agg(reason ORDER BY n DESC))[1] AS reason
            FROM stayhook.attempts WHERE webhook_id = $1 AND event_id >= $2 AND event_id < $3
            GROUP BY event_id ORDER BY event_id LIMIT $8
        ), ended AS MATERIALIZED (
            SELECT l.event_id, l.n, e.booking, EXISTS (SELECT FROM unnest($9::text[]) p(pattern)
                WHERE e.kind = p.pattern
                    OR right(p.pattern, 1) = '*' AND starts_with(e.kind, left(p.pattern, -1))) AS wanted
            FROM looked_at l CROSS JOIN LATERAL (
                SELECT kind, booking FROM stayhook.events WHERE id = l.event_id FOR KEY SHARE
            ) e
            WHERE ($6 AND (final = 'expired' OR final = 'cancelled' AND reason IS DISTINCT FROM 'superseded')
                    OR $7 AND final = 'skipped' AND reason = 'webhook_disabled')
                AND NOT EXISTS (SELECT FROM stayhook.pending p
                    WHERE p.webhook_id = $1 AND p.event_id = l.event_id)
            ORDER BY l.event_id LIMIT $4
        ), requeued AS (
            INSERT INTO stayhook.pending (webhook_id, event_id, due_at, attempts, steps, booking)
            SELECT $1, event_id, $5, n, 0, booking FROM ended WHERE wanted AND $10
            ON CONFLICT (webhook_id, event_id) DO NOTHING RETURNING event_id
        )
        SELECT (SELECT count(*) FROM requeued), CASE
            WHEN (SELECT count(*) FROM ended) = $4 THEN (SELECT event_id FROM ended ORDER BY 1 DESC LIMIT 1)
            WHEN (SELECT count(*) FROM looked_at) = $8
                THEN (SELECT event_id FROM looked_at ORDER BY 1 DESC LIMIT 1)
            END,
            (SELECT count(*) FROM ended WHERE NOT wanted),
            (SELECT count(*) FROM ended WHERE wanted AND NOT $10)";

    // Figures.
    /// Each node's own row.
    COUNT = "INSERT INTO stayhook.tallies (node_id, webhook_id, hour, accepted, delivered, failed, duration_ms)
            SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
                $7::bigint[])
        ON CONFLICT (webhook_id, hour, node_id) DO UPDATE SET accepted = tallies.accepted + excluded.accepted,
            delivered = tallies.delivered + excluded.delivered, failed = tallies.failed + excluded.failed,
            duration_ms = tallies.duration_ms + excluded.duration_ms";
    SUMS = "SELECT coalesce(sum(accepted), 0)::bigint, coalesce(sum(delivered), 0)::bigint,
            coalesce(sum(failed), 0)::bigint, coalesce(sum(duration_ms), 0)::bigint
        FROM stayhook.tallies WHERE hour BETWEEN $1 AND $2";
    SUMS_OF = "SELECT coalesce(sum(accepted), 0)::bigint, coalesce(sum(delivered), 0)::bigint,
            coalesce(sum(failed), 0)::bigint, coalesce(sum(duration_ms), 0)::bigint
        FROM stayhook.tallies WHERE hour BETWEEN $1 AND $2 AND webhook_id = $3";
    STATUSES = "SELECT count(*) FILTER (WHERE w.status = 'active'), count(*) FILTER (WHERE w.status = 'paused'),
            count(*) FILTER (WHERE w.status = 'disabled'),
            count(*) FILTER (WHERE w.status = 'active' AND l.failing_since IS NOT NULL)
        FROM stayhook.webhooks w JOIN stayhook.lanes l ON l.webhook_id = w.id
        WHERE $1::bigint IS NULL OR w.id = $1";
    /// What is being attempted or cancelled does not wait.
    WAITS = "SELECT count(*) FILTER (WHERE NOT l.held), count(*) FILTER (WHERE l.held),
            min(p.due_at) FILTER (WHERE NOT l.held AND p.due_at < 9223372036854775807)
        FROM stayhook.pending p JOIN stayhook.lanes l ON l.webhook_id = p.webhook_id
        WHERE p.leased_by IS NULL AND l.closing IS NULL";
    WAITS_OF = "SELECT count(*) FILTER (WHERE NOT l.held), count(*) FILTER (WHERE l.held),
            min(p.due_at) FILTER (WHERE NOT l.held AND p.due_at < 9223372036854775807)
        FROM stayhook.pending p JOIN stayhook.lanes l ON l.webhook_id = p.webhook_id
        WHERE p.leased_by IS NULL AND l.closing IS NULL AND p.webhook_id = $1";
    OLD_TALLIES = "DELETE FROM stayhook.tallies t USING (
            SELECT webhook_id, hour, node_id FROM stayhook.tallies WHERE hour < $1
            ORDER BY hour LIMIT $2 FOR UPDATE SKIP LOCKED) i
        WHERE t.webhook_id = i.webhook_id AND t.hour = i.hour AND t.node_id = i.node_id";
    FIRST_TALLY = "SELECT min(hour) FROM stayhook.tallies";

    // The audit log.
    APPEND_AUDIT = "INSERT INTO stayhook.audit (at, author, client, action, subject, webhook_id, owner, before, after)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id";
    /// A change that is made in several transactions goes on.
    EXTEND_AUDIT = "UPDATE stayhook.audit SET after = $2 WHERE id = $1";
    AUDIT = "SELECT id, at, author, client, action, subject, webhook_id, owner, before, after FROM stayhook.audit
        WHERE id < $1 ORDER BY id DESC LIMIT $2";
    AUDIT_OF = "SELECT id, at, author, client, action, subject, webhook_id, owner, before, after FROM stayhook.audit
        WHERE id < $1 AND webhook_id = $3 ORDER BY id DESC LIMIT $2";

    // Tokens.
    INSERT_TOKEN = "INSERT INTO stayhook.tokens (name, client, scopes, properties, hash, created_at)
        VALUES ($1, $2, $3, $4, $5, $6) RETURNING id";
    TOKENS = "SELECT id, name, client, scopes, properties, created_at, revoked_at FROM stayhook.tokens ORDER BY id";
    TOKEN = "SELECT id, name, client, scopes, properties, created_at, revoked_at FROM stayhook.tokens
        WHERE hash = $1 AND revoked_at IS NULL";
    /// Returns it as it was before.
    REVOKE_TOKEN = "UPDATE stayhook.tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL
        RETURNING id, name, client, scopes, properties, created_at, NULL::bigint";
}
