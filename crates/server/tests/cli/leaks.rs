//! A secret leaves through two doors: the answer that creates it, and the request that needs it.
//! Its bytes are looked for in everything else that a deployment shows, writes down or keeps.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use stayhook_testkit::{Receiver, Reply};

use crate::support::{PATIENCE, Sandbox, Server};

const LOOPBACK: [&str; 4] =
    ["--set", "egress.require_https=false", "--set", r#"egress.allow=["127.0.0.0/8"]"#];
const SCOPES: &str = "webhooks.write,bookings.read,events.write,entitlements.write,admin";

/// What owners gave us to call their receivers with, twice: at first, and in place of that.
const PASSWORDS: [&str; 2] = ["Passw0rd-4f1c9a7b", "Passw0rd-b27e55d0"];
const TOKENS: [&str; 2] = ["bearer-token-77aa01c3", "bearer-token-0be9f6d2"];
const CLIENT_SECRETS: [&str; 2] = ["client-secret-31d8e0f4", "client-secret-aa90c2b6"];
/// What the receiver's own token endpoint gives out for them.
const FETCHED: &str = "fetched-access-token-5c6d7e8f";

/// Everything that was seen, and where.
#[derive(Default)]
struct Seen(Vec<(String, Vec<u8>)>);

impl Seen {
    /// Asserts that none of the secrets is in any of it, by itself or in Base64.
    fn is_free_of(&self, secrets: &[(String, String)]) {
        for (what, secret) in secrets {
            for form in [secret.clone(), STANDARD.encode(secret)] {
                let form = form.trim_end_matches('=').as_bytes();
                for (place, bytes) in &self.0 {
                    let found = bytes.windows(form.len()).any(|window| window == form);
                    assert!(!found, "{what} is in {place}");
                }
            }
        }
    }

    fn add(&mut self, place: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.push((place.into(), bytes.into()));
    }

    fn file(&mut self, path: &Path) {
        self.add(path.display().to_string(), fs::read(path).unwrap());
    }

    /// Makes a request and looks at all of the answer, head and body.
    fn call(&mut self, server: &Server, method: &str, path: &str, token: &str, body: &str) -> String {
        let answer = exchange(server, method, path, token, body);
        self.add(format!("the answer to {method} {path}"), answer.clone());
        answer
    }
}

/// The whole answer to a request.
fn exchange(server: &Server, method: &str, path: &str, token: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}",
        server.address
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The signing secret in the answer that shows it.
fn signing_secret(answer: &str) -> String {
    let secret = answer.split('"').find(|part| part.starts_with("whsec_"));
    secret.unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// The members `auth` of three webhooks, in one of two generations.
fn credentials(generation: usize, token_url: &str) -> [String; 3] {
    let (password, token, secret) = (PASSWORDS[generation], TOKENS[generation], CLIENT_SECRETS[generation]);
    [
        format!(r#"{{"type":"basic","username":"stayhook","password":"{password}"}}"#),
        format!(r#"{{"type":"bearer","token":"{token}"}}"#),
        format!(
            r#"{{"type":"oauth2_client_credentials","tokenUrl":"{token_url}","clientId":"stayhook","clientSecret":"{secret}"}}"#
        ),
    ]
}

fn report(seen: &mut Seen, server: &Server, token: &str) -> String {
    let body = r#"{"type":"order.created","propertyId":101,"data":{"id":1}}"#;
    let answer = seen.call(server, "POST", "/internal/v1/events", token, body);
    answer.split('"').find(|part| part.starts_with("evt_")).unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// Reads whatever there is to read.
fn read_everything(seen: &mut Seen, server: &Server, token: &str, event: &str) {
    let mut paths: Vec<String> = [
        "/public/v1/webhooks",
        "/public/v1/event-types",
        "/admin/v1/webhooks",
        "/admin/v1/deliveries",
        "/admin/v1/stats",
        "/admin/v1/audit?limit=200",
        "/metrics",
        "/healthz",
        "/readyz",
        "/openapi.json",
        "/docs",
    ]
    .map(str::to_owned)
    .to_vec();
    paths.push(format!("/internal/v1/events/{event}"));
    let log = seen.call(server, "GET", "/admin/v1/deliveries", token, "");
    let deliveries = log.split('"').filter(|part| part.starts_with("dlv_"));
    paths.extend(deliveries.map(|id| format!("/admin/v1/deliveries/{id}")));
    for webhook in 1..=3 {
        paths.push(format!("/public/v1/webhooks/{webhook}"));
        paths.push(format!("/public/v1/webhooks/{webhook}/deliveries"));
        paths.push(format!("/admin/v1/webhooks/{webhook}"));
    }
    for path in paths {
        let answer = seen.call(server, "GET", &path, token, "");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
    }
}

/// What is wrong about credentials is said without them.
fn refused(seen: &mut Seen, server: &Server, token: &str) {
    for auth in [
        format!(r#"{{"type":"basic","username":"a:b","password":"{}"}}"#, PASSWORDS[1]),
        format!(r#"{{"type":"bearer","token":"{} and more"}}"#, TOKENS[1]),
        format!(r#"{{"type":"digest","clientSecret":"{}"}}"#, CLIENT_SECRETS[1]),
    ] {
        let body = format!(r#"{{"auth":{auth}}}"#);
        let answer = seen.call(server, "PATCH", "/public/v1/webhooks/1", token, &body);
        assert!(answer.starts_with("HTTP/1.1 422 "), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_shows_anywhere_but_where_it_belongs() {
    let receiver = Receiver::start().await.unwrap();
    receiver.reply(|request| {
        let token = format!(r#"{{"access_token":"{FETCHED}","token_type":"Bearer","expires_in":3600}}"#);
        if request.path == "/token" { Reply::status(200).body(token) } else { Reply::status(204) }
    });
    let sandbox = Sandbox::new();
    let server = sandbox.serve_logging("trace", &LOOPBACK);
    let token = sandbox.token(SCOPES);
    let mut seen = Seen::default();
    let mut secrets: Vec<(String, String)> = vec![("the API token".to_owned(), token.clone())];

    for (at, auth) in (1..).zip(credentials(0, &receiver.url("/token"))) {
        let url = receiver.url(&format!("/orders/{at}"));
        let body = format!(
            r#"{{"propertyId":101,"url":"{url}","events":["order.*"],"profile":"bookingkit","auth":{auth}}}"#
        );
        let created = exchange(&server, "POST", "/public/v1/webhooks", &token, &body);
        let signing = signing_secret(&created);
        let others = created.replace(&signing, "");
        seen.add("the answer that creates a webhook, but for its own secret", others);
        secrets.push(("a signing secret".to_owned(), signing));
    }
    let event = report(&mut seen, &server, &token);
    receiver.wait_for(4, PATIENCE).await;
    read_everything(&mut seen, &server, &token, &event);
    for (at, auth) in (1..).zip(credentials(1, &receiver.url("/token"))) {
        let path = format!("/public/v1/webhooks/{at}");
        let changed = seen.call(&server, "PATCH", &path, &token, &format!(r#"{{"auth":{auth}}}"#));
        assert!(changed.starts_with("HTTP/1.1 200 "), "{changed}");
        let tested = seen.call(&server, "POST", &format!("{path}/test"), &token, "");
        assert!(tested.contains(r#""delivered":true"#), "{tested}");
        let rotated = exchange(&server, "POST", &format!("{path}/rotate-secret"), &token, "");
        secrets.push(("a rotated secret".to_owned(), signing_secret(&rotated)));
    }
    refused(&mut seen, &server, &token);
    let key = || fs::read_to_string(sandbox.path("stayhook.db.secrets.key")).unwrap().trim_end().to_owned();
    secrets.push(("the key at first".to_owned(), key()));
    let rekeyed = sandbox.run(&["rekey", "--log", "trace"]).exits(0);
    secrets.push(("the key".to_owned(), key()));
    seen.add("what rekey says", rekeyed.stdout + &rekeyed.stderr);
    let event = report(&mut seen, &server, &token);
    let requests = receiver.wait_for(10, PATIENCE).await;
    read_everything(&mut seen, &server, &token, &event);
    server.stop().exits(0);

    // They were used, all of them: nothing here is free of secrets because there were none.
    let authorized = |value: &str| requests.iter().any(|it| it.header("authorization") == Some(value));
    for generation in 0..2 {
        let basic = STANDARD.encode(format!("stayhook:{}", PASSWORDS[generation]));
        assert!(
            authorized(&format!("Basic {basic}")) && authorized(&format!("Bearer {}", TOKENS[generation]))
        );
        secrets.push(("a password in its header".to_owned(), basic));
        secrets.push(("a password".to_owned(), PASSWORDS[generation].to_owned()));
        secrets.push(("a bearer token".to_owned(), TOKENS[generation].to_owned()));
        secrets.push(("a client's secret".to_owned(), CLIENT_SECRETS[generation].to_owned()));
    }
    assert!(authorized(&format!("Bearer {FETCHED}")));
    secrets.push(("a fetched token".to_owned(), FETCHED.to_owned()));

    // A copy is as much a dump as there is.
    let copied = sandbox.run(&[
        "copy",
        "--from",
        "sqlite://stayhook.db",
        "--to",
        "sqlite://copy.db",
        "--log",
        "trace",
    ]);
    let copied = copied.exits(0);
    seen.add("what copy says", copied.stdout + &copied.stderr);
    for name in ["stayhook.db", "copy.db", "server.log"] {
        seen.file(&sandbox.path(name));
    }
    for name in ["stayhook.db-wal", "copy.db-wal"] {
        if sandbox.path(name).exists() {
            seen.file(&sandbox.path(name));
        }
    }
    let log = fs::read_to_string(sandbox.path("server.log")).unwrap();
    assert!(log.contains("DEBUG") && log.len() > 10_000, "the log says a lot: {}", log.len());
    seen.is_free_of(&secrets);
}
