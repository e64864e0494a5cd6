//! A role that may enqueue, and nothing else: what docs/enqueue.md grants is enough, and gives
//! no way to anything more.

use sqlx::{Connection as _, PgConnection};

use crate::support::*;

const DOCUMENT: &str = include_str!("../../../../docs/enqueue.md");

/// A database with a node, and a session of such a role.
struct Guest {
    house: House,
    _node: stayhook_store::PostgresStore,
    role: String,
    sql: PgConnection,
}

impl Guest {
    async fn invited() -> Self {
        let mut house = House::new().await;
        let node = house.node().await;
        let role = format!("guest_{}", house.database.name());
        let blocks = DOCUMENT.split("```sql\n").skip(1).filter_map(|it| it.split("```").next());
        let grants = blocks.into_iter().find(|it| it.contains("GRANT")).unwrap();
        let grants = grants.replace("booking_service", &role);
        let statements =
            format!("CREATE ROLE {role} LOGIN; CREATE SCHEMA {role} AUTHORIZATION {role}; {grants}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&mut house.sql).await.unwrap();
        let url = house.database.url().replace("stayhook@", &format!("{role}@"));
        let sql = PgConnection::connect(&url).await.unwrap();
        Self { house, _node: node, role, sql }
    }

    /// What the database says to a statement.
    async fn says(&mut self, statement: &str) -> Result<(), String> {
        let done = sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut self.sql).await;
        done.map(|_| ()).map_err(|error| error.into_database_error().unwrap().message().to_owned())
    }

    async fn is_denied(&mut self, statement: &str) {
        let said = self.says(statement).await;
        let denied =
            |words: &str| words.starts_with("permission denied") || words.starts_with("must be owner");
        assert!(said.as_ref().is_err_and(|it| denied(it)), "{statement}: {said:?}");
    }

    /// The first column of what a query of the house finds.
    async fn names(&mut self, query: &'static str) -> Vec<String> {
        sqlx::query_scalar(query).fetch_all(&mut self.house.sql).await.unwrap()
    }
}

#[tokio::test]
async fn a_role_may_enqueue_and_nothing_else() {
    let mut guest = Guest::invited().await;
    for call in ["1", "'a text'", "NULL::bigint"] {
        let call = format!("SELECT stayhook.enqueue('booking.created', 101, '{{}}', booking_id => {call})");
        assert_eq!(guest.says(&call).await, Ok(()));
    }
    let tables = guest
        .names("SELECT format('stayhook.%I', relname) FROM pg_class WHERE relnamespace = 'stayhook'::regnamespace AND relkind IN ('r', 'p')")
        .await;
    assert!(tables.len() > 15, "{tables:?}");
    for table in &tables {
        for statement in ["SELECT * FROM", "DELETE FROM", "TRUNCATE"] {
            guest.is_denied(&format!("{statement} {table}")).await;
        }
        guest.is_denied(&format!("INSERT INTO {table} DEFAULT VALUES")).await;
    }
    let columns = guest
        .names("SELECT format('UPDATE stayhook.%I SET %I = NULL', table_name, min(column_name)) FROM information_schema.columns WHERE table_schema = 'stayhook' AND table_name <> 'days' GROUP BY table_name")
        .await;
    for update in &columns {
        guest.is_denied(update).await;
    }
    let functions = guest
        .names("SELECT format('SELECT stayhook.%I(%s)', proname, (SELECT string_agg(format('NULL::%s', format_type(t, NULL)), ', ') FROM unnest(proargtypes) t)) FROM pg_proc WHERE pronamespace = 'stayhook'::regnamespace AND proname <> 'enqueue'")
        .await;
    assert!(functions.len() >= 6, "{functions:?}");
    for function in &functions {
        guest.is_denied(function).await;
    }
    let sequences = guest
        .names("SELECT format('SELECT nextval(''stayhook.%I'')', relname) FROM pg_class WHERE relnamespace = 'stayhook'::regnamespace AND relkind = 'S'")
        .await;
    for sequence in &sequences {
        guest.is_denied(sequence).await;
    }
    for statement in [
        "SELECT * FROM stayhook.days",
        "CREATE TABLE stayhook.mine (n integer)",
        "CREATE FUNCTION stayhook.enqueue(text) RETURNS text LANGUAGE sql AS 'SELECT 1::text'",
        "ALTER FUNCTION stayhook.enqueue(text, bigint, jsonb, bigint, text, text, text, timestamptz) RESET search_path",
        "CREATE TRIGGER mine BEFORE INSERT ON stayhook.inbox EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "GRANT SELECT ON stayhook.inbox TO PUBLIC",
        "SET ROLE stayhook",
    ] {
        guest.is_denied(statement).await;
    }
}

/// Whatever client a role names, its keys are its own.
#[tokio::test]
async fn keys_of_others_cannot_be_used_up_or_probed() {
    let mut guest = Guest::invited().await;
    let call = |data: &str| {
        format!(
            "SELECT stayhook.enqueue('booking.created', 101, '{data}', client => 'pms', idempotency_key => 'k')"
        )
    };
    assert_eq!(guest.says(&call("{}")).await, Ok(()));
    sqlx::raw_sql(sqlx::AssertSqlSafe(call(r#"{"a":1}"#))).execute(&mut guest.house.sql).await.unwrap();
    assert!(guest.says(&call(r#"{"a":2}"#)).await.is_err_and(|it| it.contains("other content")));
    let waiting = guest.names("SELECT data FROM stayhook.inbox ORDER BY event_id").await;
    assert_eq!(waiting.len(), 2, "{waiting:?}");
}

/// The functions run with more rights than their callers: whatever those put in front of the
/// names that they use, nothing of it is run.
#[tokio::test]
async fn a_search_path_gives_no_way_in() {
    let mut guest = Guest::invited().await;
    let role = guest.role.clone();
    let trap = "
        CREATE TABLE ROLE.trapped (who text);
        GRANT ALL ON SCHEMA ROLE TO PUBLIC; GRANT ALL ON ROLE.trapped TO PUBLIC;
        CREATE FUNCTION ROLE.note(it text) RETURNS text LANGUAGE plpgsql AS $$
            BEGIN INSERT INTO ROLE.trapped VALUES (current_user); RETURN it; END $$;
        CREATE FUNCTION ROLE.jsonb_typeof(jsonb) RETURNS text LANGUAGE sql AS $$ SELECT ROLE.note('object') $$;
        CREATE FUNCTION ROLE.length(text) RETURNS integer LANGUAGE sql AS $$ SELECT length(ROLE.note('1')) $$;
        CREATE FUNCTION ROLE.octet_length(text) RETURNS integer LANGUAGE sql AS $$ SELECT length(ROLE.note('1')) $$;
        CREATE FUNCTION ROLE.to_jsonb(text) RETURNS jsonb LANGUAGE sql AS $$ SELECT ROLE.note('1')::jsonb $$;
        CREATE FUNCTION ROLE.pg_notify(text, text) RETURNS void LANGUAGE sql AS $$ SELECT ROLE.note('1') $$;
        CREATE FUNCTION ROLE.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT ROLE.note('now')::timestamptz $$;
        CREATE FUNCTION ROLE.sure(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT ROLE.note('t')::boolean $$;
        CREATE OPERATOR ROLE.!~ (LEFTARG = text, RIGHTARG = text, FUNCTION = ROLE.sure);
        CREATE OPERATOR ROLE.~ (LEFTARG = text, RIGHTARG = text, FUNCTION = ROLE.sure);
        CREATE OPERATOR ROLE.= (LEFTARG = text, RIGHTARG = text, FUNCTION = ROLE.sure);
        CREATE TEMPORARY TABLE inbox (event_id uuid);
        CREATE TEMPORARY TABLE idempotency (client text, key text);
        SET search_path = ROLE, pg_temp, pg_catalog";
    assert_eq!(guest.says(&trap.replace("ROLE", &role)).await, Ok(()));
    assert_eq!(guest.says("SELECT jsonb_typeof('{}')").await, Ok(()), "the trap works");
    let count = format!("SELECT count(*) FROM {role}.trapped");
    let trapped = async |guest: &mut Guest| -> i64 {
        sqlx::query_scalar(sqlx::AssertSqlSafe(count.clone())).fetch_one(&mut guest.house.sql).await.unwrap()
    };
    assert_eq!(trapped(&mut guest).await, 1);
    for booking in ["1", "'one'::text"] {
        let call = format!(
            "SELECT stayhook.enqueue('booking.created', 101, '{{\"a\": 1}}', {booking}, idempotency_key => 'k', client => 'c{}')",
            booking.len()
        );
        assert_eq!(guest.says(&call).await, Ok(()));
    }
    assert_eq!(trapped(&mut guest).await, 1, "something of the guest's was run with other rights");
    assert_eq!(guest.house.number("SELECT count(*) FROM stayhook.inbox").await, 2);
}

/// Names are data, whatever is in them.
#[tokio::test]
async fn names_are_never_statements() {
    let mut guest = Guest::invited().await;
    for name in ["'; DROP TABLE stayhook.inbox; --", "(SELECT secret FROM stayhook.webhooks)", "%s %I $1"] {
        let call = "SELECT stayhook.enqueue('booking.created', 101, '{}', booking_id => $1::text, idempotency_key => $1, client => $1, origin_client_id => $1)";
        let id: String = sqlx::query_scalar(call).bind(name).fetch_one(&mut guest.sql).await.unwrap();
        let found = "SELECT count(*) FROM stayhook.inbox WHERE client = $1 AND origin = $1 AND booking::jsonb #>> '{}' = $1";
        let found: i64 = sqlx::query_scalar(found).bind(name).fetch_one(&mut guest.house.sql).await.unwrap();
        assert_eq!(found, 1, "{id} {name}");
    }
    // In nobody's name but its own, unless it says so.
    assert_eq!(guest.says("SELECT stayhook.enqueue('booking.created', 101, '{}')").await, Ok(()));
    let role = guest.role.clone();
    let mine = "SELECT count(*) FROM stayhook.inbox WHERE client = $1";
    let mine: i64 = sqlx::query_scalar(mine).bind(role).fetch_one(&mut guest.house.sql).await.unwrap();
    assert_eq!(mine, 1);
}
