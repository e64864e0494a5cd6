//! What a node does not start with: each is one line that names the key and what to do.

use sqlx::{Connection as _, PgConnection};
use stayhook_testkit::{Postgres, PostgresServer};

use crate::node::{Deployment, until};

async fn run(database: &str, statement: &str) {
    let mut sql = PgConnection::connect(database).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut sql).await.unwrap();
}

/// Asserts exit code 2 and one line with these words.
#[track_caller]
fn is_refused(output: &std::process::Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said.lines().count(), 1, "one line: {said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is missing: {said}");
    }
}

/// Wherever that is said.
#[tokio::test]
async fn commits_that_a_crash_may_lose_are_refused() {
    let server = PostgresServer::start().unwrap();
    let deployment = Deployment::on(&server.url());
    let words = ["database.url", "127.0.0.1", "synchronous_commit is off", "set it to on"];
    for place in ["DATABASE stayhook", "ROLE stayhook", "SYSTEM"] {
        run(&server.url(), &format!("ALTER {place} SET synchronous_commit = off")).await;
        takes_effect(&server.url(), "off").await;
        is_refused(&deployment.run(&["serve"]), &words);
        is_refused(&deployment.run(&["migrate"]), &words);
        run(&server.url(), &format!("ALTER {place} RESET synchronous_commit")).await;
        takes_effect(&server.url(), "on").await;
    }
    assert!(deployment.run(&["migrate"]).status.success());
}

/// Waits until new sessions have that setting.
async fn takes_effect(database: &str, wanted: &str) {
    run(database, "SELECT pg_reload_conf()").await;
    until("the setting takes effect", async || {
        let mut sql = PgConnection::connect(database).await.unwrap();
        let found: String = sqlx::query_scalar("SHOW synchronous_commit").fetch_one(&mut sql).await.unwrap();
        found == wanted
    })
    .await;
}

#[tokio::test]
async fn a_later_schema_is_refused() {
    let database = Postgres::create().unwrap();
    let deployment = Deployment::on(database.url());
    run(database.url(), "INSERT INTO stayhook.migrations (version) VALUES (1000)").await;
    is_refused(&deployment.run(&["serve"]), &["database.url", "schema version 1000", "run a newer stayhook"]);
}

#[test]
fn keys_and_addresses_that_are_wrong_are_refused() {
    let database = Postgres::create().unwrap();
    let deployment = Deployment::on(database.url());
    let serve = |name: &str, value: Option<&str>| {
        let mut command = deployment.command(&["serve"]);
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
        command.output().unwrap()
    };
    let key = "STAYHOOK_SECRETS__KEY";
    is_refused(&serve(key, None), &["secrets.key", "is missing", "openssl rand -base64 32"]);
    let other = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";
    is_refused(&serve(key, Some(other)), &["secrets.key", "another key", "set secrets.key"]);
    let url = "STAYHOOK_DATABASE__URL";
    let nobodys = database.url().replace(database.name(), "nobodys");
    is_refused(
        &serve(url, Some(&nobodys)),
        &["database.url", "\"nobodys\" does not exist", "create it first"],
    );
    let away = "postgres://stayhook@127.0.0.1:1/stayhook";
    is_refused(&serve(url, Some(away)), &["database.url", "127.0.0.1:1", "does not answer"]);
    let odd = format!("{}&pgbouncer=yes", database.url());
    is_refused(&serve(url, Some(&odd)), &["database.url", "pgbouncer is true or false"]);
}
