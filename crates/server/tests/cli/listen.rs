//! `listen`: a receiver that says what it thinks of what arrives.

use std::time::{SystemTime, UNIX_EPOCH};

use stayhook_core::{SigningSecret, sign};

use crate::support::{Sandbox, Server};

const SECRET: &str = "whsec_9npwH6J8QyZp1L8U3xqG7sN2";

fn post(address: &str, signature: &str, timestamp: i64, body: &str) -> u16 {
    use std::io::{Read as _, Write as _};

    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST /any/path HTTP/1.1\r\nHost: x\r\nNowistay-Webhook-Event-Id: evt_1\r\n\
         Nowistay-Webhook-Event-Type: booking.created\r\nNowistay-Webhook-Timestamp: {timestamp}\r\n\
         {signature}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer[9..12].parse().unwrap()
}

#[test]
fn good_and_bad_signatures_are_told_apart() {
    let sandbox = Sandbox::new();
    let listener = sandbox.start(&["listen", "--port", "0", "--secret", SECRET]);
    let address = listener.listening();
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap();
    let body = "{\"id\":\"evt_1\"}";
    let signature = sign(&SigningSecret::parse(SECRET).unwrap(), at, "evt_1", body.as_bytes());
    let header = format!("Nowistay-Webhook-Signature: {signature}\r\n");

    assert_eq!(post(&address, &header, at, body), 204);
    assert_eq!(listener.line(), "right booking.created evt_1 (14 bytes)");
    assert_eq!(listener.line().trim(), body);

    assert_eq!(post(&address, &header.replace("v1=", ""), at, body), 401);
    let line = listener.line();
    assert!(line.starts_with("WRONG booking.created evt_1: ") && line.contains("`v1=`"), "{line}");
    listener.line();

    assert_eq!(post(&address, "", at, "\u{1b}[2J"), 401);
    assert!(listener.line().contains("Nowistay-Webhook-Signature is missing"));
    assert!(!listener.line().contains('\u{1b}'), "control characters do not reach the terminal");

    listener.signal("-INT");
    listener.wait().exits(0);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let sandbox = Sandbox::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    sandbox.run(&["listen", "--port", &port, "--secret", SECRET]).is_trouble(&["--port", &port]);
}

/// The two ends together: a server for development sends to this receiver.
#[test]
fn a_development_server_delivers_to_it() {
    let sandbox = Sandbox::new();
    let server: Server = sandbox.serve(&["--dev"]);
    let token = std::fs::read_to_string(sandbox.path("stayhook-dev/token")).unwrap_or_else(|_| {
        // It is written before it is printed.
        while !server.running.line().starts_with("export ") {}
        std::fs::read_to_string(sandbox.path("stayhook-dev/token")).unwrap()
    });
    let token = token.trim();

    // The secret is known only after registration, the port only after the start: so a first
    // listener finds a free port, and a second one takes its place.
    let first = sandbox.start(&["listen", "--port", "0", "--secret", SECRET]);
    let address = first.listening();
    let port = address.rsplit(':').next().unwrap().to_owned();
    let secret = server.register(token, &format!("http://{address}/hook"));
    drop(first);
    let listener = sandbox.start(&["listen", "--port", &port, "--secret", &secret]);
    listener.listening();

    let url = server.url();
    let send =
        ["send", "--url", &url, "--token", token, "--type", "booking.created", "--property", "101", "-"];
    let sent = sandbox.run_with_input(&send, br#"{"booking":{"id":9001,"status":"confirmed"}}"#).exits(0);
    let line = listener.line();
    assert!(line.starts_with(&format!("right booking.created {}", sent.stdout.trim())), "{line}");
    server.stop().exits(0);
}
