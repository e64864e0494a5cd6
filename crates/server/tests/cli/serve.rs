//! `serve`: where it listens, how it ends, and what it refuses to start with.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use stayhook_testkit::{Receiver, Reply};

use crate::support::{PATIENCE, Sandbox, call};

#[test]
fn it_prints_its_address_answers_and_ends_cleanly() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&[]);
    assert_eq!(server.call("GET", "/healthz", "", "").status, 200);
    assert_eq!(server.call("GET", "/readyz", "", "").status, 200);
    assert_eq!(server.call("GET", "/metrics", "", "").status, 200);
    assert_eq!(server.call("GET", "/public/v1/webhooks", "", "").status, 401);
    server.stop().exits(0);
}

#[test]
fn interrupting_ends_it_too() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&[]);
    server.running.signal("-INT");
    server.running.wait().exits(0);
}

#[test]
fn an_idle_connection_does_not_hold_it_up() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&[]);
    let _idle = std::net::TcpStream::connect(&server.address).unwrap();
    let started = Instant::now();
    server.stop().exits(0);
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
}

/// A client that writes megabytes before it reads gets to see why it was refused.
#[test]
fn a_large_request_that_is_refused_for_its_token_is_answered() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&[]);
    for megabytes in [1, 3] {
        let body = vec![b' '; megabytes << 20];
        let mut stream = std::net::TcpStream::connect(&server.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!(
            "POST /internal/v1/events/batch HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer shk_unknown\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            server.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        for piece in body.chunks(64 * 1_024) {
            stream.write_all(piece).expect("whoever refuses reads on");
        }
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        assert!(answers.starts_with("HTTP/1.1 401 ") && answers.contains("unauthenticated"), "{answers}");
        assert!(answers.contains("HTTP/1.1 200 "), "the connection goes on: {answers}");
    }
    server.stop().exits(0);
}

/// What cannot be read as HTTP reaches no endpoint: it is answered with a bare status.
#[test]
fn what_is_no_http_is_answered_with_a_status_alone() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&[]);
    let many: String = (0..101).map(|number| format!("X-{number}: y\r\n")).collect();
    for (request, status) in [
        ("no http at all\r\n\r\n".to_owned(), 400),
        (format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(65_600)), 414),
        (format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{many}\r\n"), 431),
    ] {
        let mut stream = std::net::TcpStream::connect(&server.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
        assert!(answer.ends_with("\r\n\r\n") && answer.contains("content-length: 0"), "{answer}");
    }
    server.stop().exits(0);
}

#[test]
fn an_admin_address_takes_the_internal_api_away_from_the_public_one() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["--admin-listen", "127.0.0.1:0"]);
    let line = server.running.line();
    let admin = line.strip_prefix("admin listening on http://").unwrap_or_else(|| panic!("{line}"));
    for (path, public, internal) in [
        ("/metrics", 404, 200),
        ("/internal/v1/events", 404, 405),
        ("/internal/v1/properties/101/entitlement", 404, 405),
        ("/admin/v1/webhooks", 404, 401),
        ("/admin/v1/deliveries", 404, 401),
        ("/admin/v1/stats", 404, 401),
        ("/admin/v1/audit", 404, 401),
        ("/public/v1/webhooks", 401, 404),
        ("/healthz", 200, 200),
    ] {
        assert_eq!(server.call("GET", path, "", "").status, public, "{path} at the public address");
        assert_eq!(call(admin, "GET", path, "", "").status, internal, "{path} at the admin address");
    }
    server.stop().exits(0);
}

#[test]
fn a_port_that_is_taken_is_named_by_its_key() {
    let sandbox = Sandbox::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    sandbox.run(&["serve", "--listen", &address]).is_trouble(&["server.listen", &address, "another program"]);
    let admin = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", &address];
    sandbox.run(&admin).is_trouble(&["server.admin_listen", &address]);
    assert!(!sandbox.path("stayhook.db").exists(), "nothing is made before the address is taken");
}

#[test]
fn two_servers_never_share_a_database() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&[]);
    sandbox.run(&["serve", "--listen", "127.0.0.1:0"]).is_trouble(&["database.url", "stayhook.db", "locked"]);
    server.stop().exits(0);
    sandbox.serve(&[]).stop().exits(0);
}

#[test]
fn what_it_cannot_start_with_is_named() {
    let sandbox = Sandbox::new();
    let serve = |set: &str| sandbox.run(&["serve", "--listen", "127.0.0.1:0", "--set", set]);
    serve(r#"server.roles=["api"]"#).is_trouble(&["server.roles", "SQLite"]);
    serve("egress.ca_file=nope.pem").is_trouble(&["egress.ca_file", "nope.pem"]);
    serve("profiles.default=tickets").is_trouble(&["profiles.default", "there is no profile"]);
    serve("database.url=sqlite:///proc/stayhook.db").is_trouble(&["/proc/stayhook.db"]);
    sandbox.run(&["serve", "--listen", "8080"]).is_trouble(&["--listen", "server.listen", "127.0.0.1:8080"]);
}

#[test]
fn development_mode_prints_a_token_that_works_and_keeps_it() {
    let sandbox = Sandbox::new().env("STAYHOOK_DATABASE__URL", "sqlite://production.db");
    let token = || {
        let server = sandbox.serve(&["--dev"]);
        let line = loop {
            let line = server.running.line();
            if line.starts_with("export ") {
                break line;
            }
        };
        let token = line.rsplit('=').next().unwrap().to_owned();
        let answer = server.register(&token, "http://127.0.0.1:9000/hook");
        assert!(answer.starts_with("whsec_"));
        server.stop().exits(0);
        token
    };
    assert_eq!(token(), token());
    assert!(sandbox.path("stayhook-dev/stayhook.db").exists());
    assert!(!sandbox.path("production.db").exists(), "development leaves production alone");
}

fn enqueue(sandbox: &Sandbox, url: &str, token: &str) {
    let send =
        ["send", "--url", url, "--token", token, "--type", "booking.created", "--property", "101", "-"];
    sandbox.run_with_input(&send, br#"{"booking":{"id":1}}"#).exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_in_flight_are_finished_before_it_ends() {
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::Delay(Duration::from_millis(800), Box::new(Reply::status(204))));
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["--dev"]);
    let token = sandbox_token(&sandbox);
    server.register(&token, &receiver.url("/hook"));
    enqueue(&sandbox, &server.url(), &token);
    receiver.wait_for(1, PATIENCE).await;
    server.stop().exits(0);

    let server = sandbox.serve(&["--dev"]);
    let deliveries = server.call("GET", "/public/v1/webhooks/1/deliveries", &token, "");
    assert!(deliveries.body.contains(r#""status":"delivered""#), "{deliveries:?}");
    assert!(deliveries.body.contains(r#""attemptCount":1"#), "{deliveries:?}");
    server.stop().exits(0);
    assert_eq!(receiver.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once_and_nothing_is_lost() {
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::Hang);
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["--dev"]);
    let token = sandbox_token(&sandbox);
    server.register(&token, &receiver.url("/hook"));
    enqueue(&sandbox, &server.url(), &token);
    receiver.wait_for(1, PATIENCE).await;
    let started = Instant::now();
    server.running.signal("-TERM");
    // Two signals of one kind that arrive together count as one: wait until the first is seen.
    while std::net::TcpStream::connect(&server.address).is_ok() {
        std::thread::sleep(Duration::from_millis(10));
    }
    server.running.signal("-INT");
    server.running.wait().exits(1);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());

    receiver.always(Reply::status(204));
    let server = sandbox.serve(&["--dev"]);
    receiver.wait_for(2, PATIENCE).await;
    server.stop().exits(0);
}

/// The token that `serve --dev` keeps; it is written soon after the address is printed.
fn sandbox_token(sandbox: &Sandbox) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match std::fs::read_to_string(sandbox.path("stayhook-dev/token")) {
            Ok(token) if token.ends_with('\n') => return token.trim().to_owned(),
            _ => assert!(Instant::now() < deadline, "no token is written"),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
