//! Access tokens of other issuers, configured from outside, and what the log says of requests.

use stayhook_testkit::{Receiver, Reply};

use crate::support::Sandbox;

const KEYS: &str =
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"3s-7qV0s417Lxl069VWfR1zTBsHSJyFKU7rfPL6iZy4"}]}"#;

/// By that key, for the issuer and audience below, until the year 2100: the client `pms` with
/// `webhooks.read`.
const TOKEN: &str = concat!(
    "eyJhbGciOiJFZERTQSIsImtpZCI6ImsiLCJ0eXAiOiJhdCtqd3QifQ.",
    "eyJpc3MiOiJodHRwczovL2F1dGguZXhhbXBsZS5jb20vIiwiYXVkIjoiaHR0cHM6Ly9hcGkuZXhhbXBsZS5jb20vIiwiZXhw",
    "Ijo0MTAyNDQ0ODAwLCJjbGllbnRfaWQiOiJwbXMiLCJzY29wZSI6IndlYmhvb2tzLnJlYWQiLCJwcm9wZXJ0aWVzIjoiYWxsIn0.",
    "mRskBBYlW0NIdDQVXpkK3JLqzPn74twQd3K9aq83fDh5TFg62QYjBCLiqWnRh2ko9M50o4UlCEqBhYI4bNfiAQ",
);
const WEBHOOKS: &str = "/public/v1/webhooks";

fn config(keys: &str) -> String {
    format!(
        "[auth]\n{keys}\nissuer = \"https://auth.example.com/\"\naudience = \"https://api.example.com/\"\n"
    )
}

#[test]
fn access_tokens_of_a_key_file_count_beside_api_tokens() {
    let sandbox = Sandbox::new();
    sandbox.write("keys.json", KEYS).write("stayhook.toml", config("jwks_file = \"keys.json\""));
    let own = sandbox.token("webhooks.read");
    let server = sandbox.serve(&[]);
    assert_eq!(server.call("GET", WEBHOOKS, TOKEN, "").status, 200);
    assert_eq!(server.call("POST", WEBHOOKS, TOKEN, "{}").status, 403);
    assert_eq!(server.call("GET", WEBHOOKS, &TOKEN[..TOKEN.len() - 4], "").status, 401);
    assert_eq!(server.call("GET", WEBHOOKS, &own, "").status, 200);
    server.stop().exits(0);
    let other = ["--set", "auth.audience=https://other.example.com/"];
    let server = sandbox.serve(&other);
    assert_eq!(server.call("GET", WEBHOOKS, TOKEN, "").status, 401);
    server.stop().exits(0);
}

#[tokio::test]
async fn keys_are_fetched_and_opaque_tokens_asked_about() {
    let issuer = Receiver::start().await.unwrap();
    let introspected = r#"{"active":true,"client_id":"pms","scope":"webhooks.read"}"#;
    issuer.reply(move |request| {
        Reply::status(200).body(if request.path == "/jwks" { KEYS } else { introspected })
    });
    let sandbox = Sandbox::new();
    let keys = format!(
        "jwks_url = \"{}\"\nintrospection_url = \"{}\"\nintrospection_client_id = \"a\"\nintrospection_client_secret = \"b\"",
        issuer.url("/jwks"),
        issuer.url("/introspect")
    );
    sandbox.write("stayhook.toml", config(&keys));
    tokio::task::spawn_blocking(move || {
        let server = sandbox.serve(&[]);
        assert_eq!(server.call("GET", WEBHOOKS, TOKEN, "").status, 200);
        assert_eq!(server.call("GET", WEBHOOKS, "opaque", "").status, 200);
        server.stop().exits(0);
    })
    .await
    .unwrap();
    let paths: Vec<String> = issuer.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/jwks", "/introspect"]);
}

#[test]
fn what_cannot_work_is_named() {
    let sandbox = Sandbox::new();
    let serve = |text: String| {
        sandbox.write("stayhook.toml", text);
        sandbox.run(&["serve", "--listen", "127.0.0.1:0"])
    };
    serve("[auth]\njwks_file = \"keys.json\"\nissuer = \"i\"\n".to_owned())
        .is_trouble(&["auth.audience", "is missing"]);
    serve(config("jwks_file = \"keys.json\"")).is_trouble(&["auth.jwks_file", "keys.json", "cannot be read"]);
    sandbox.write("keys.json", r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#);
    serve(config("jwks_file = \"keys.json\"")).is_trouble(&["auth.jwks_file", "keys.json", "no key"]);
}

#[test]
fn the_log_tells_requests_by_their_ids_and_never_tells_tokens() {
    let sandbox = Sandbox::new().env("STAYHOOK_LOG", "debug");
    let token = sandbox.token("webhooks.read");
    let server = sandbox.serve(&[]);
    assert_eq!(server.call("GET", WEBHOOKS, &token, "").status, 200);
    assert_eq!(server.call("GET", WEBHOOKS, "shk_wrong", "").status, 401);
    let log = server.stop().exits(0).stderr;
    let answered: Vec<&str> = log.lines().filter(|line| line.contains("answered")).collect();
    assert_eq!(answered.len(), 2, "{log}");
    assert!(answered.iter().all(|line| line.contains("req_") && line.contains(WEBHOOKS)), "{log}");
    assert!(answered[0].contains("200") && answered[1].contains("401"), "{log}");
    assert!(!log.contains(&token) && !log.contains("shk_wrong"), "{log}");
}
