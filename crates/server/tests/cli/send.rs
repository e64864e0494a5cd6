//! `send`: events in, ids or reasons out.

use crate::support::{Ran, Sandbox, Server};

struct Setup {
    sandbox: Sandbox,
    server: Server,
}

fn setup(scopes: &str) -> Setup {
    let sandbox = Sandbox::new();
    let token = sandbox.token(scopes);
    let server = sandbox.serve(&[]);
    let sandbox = sandbox.env("STAYHOOK_URL", &server.url()).env("STAYHOOK_TOKEN", &token);
    Setup { sandbox, server }
}

impl Setup {
    fn send(&self, args: &[&str], input: &str) -> Ran {
        self.sandbox.run_with_input(&[&["send"], args].concat(), input.as_bytes())
    }
}

const ONE: [&str; 5] = ["--type", "booking.created", "--property", "101", "-"];

fn ids(ran: &Ran) -> usize {
    ran.stdout.lines().filter(|line| line.starts_with("evt_")).count()
}

#[test]
fn one_event_prints_its_id() {
    let setup = setup("events.write");
    let sent = setup.send(&ONE, r#"{"booking":{"id":1}}"#).exits(0);
    assert_eq!((ids(&sent), sent.stdout.lines().count()), (1, 1));
    setup.sandbox.write("data.json", "{}");
    let file = ["--type", "booking.created", "--property", "101", "--booking", "b-7", "data.json"];
    let sent = setup.send(&file, "").exits(0);
    let id = sent.stdout.trim();
    let token = setup.sandbox.token("events.write");
    let event = setup.server.call("GET", &format!("/internal/v1/events/{id}"), &token, "");
    assert!(event.status == 200 && event.body.contains(r#""bookingId":"b-7""#), "{event:?}");
}

#[test]
fn refusals_are_printed_with_their_fields_and_exit_1() {
    let setup = setup("events.write");
    let refused = setup.send(&["--type", "booking.exploded", "--property", "0", "-"], "{}").exits(1);
    for word in ["invalid_request", "/type", "/propertyId"] {
        assert!(refused.stderr.contains(word), "{refused:?}");
    }
    let token = setup.sandbox.token("webhooks.read");
    let refused = setup.send(&[&["--token", &token], &ONE[..]].concat(), "{}").exits(1);
    assert!(refused.stderr.contains("insufficient_scope"), "{refused:?}");
    let refused = setup.send(&[&["--token", "shk_wrong"], &ONE[..]].concat(), "{}").exits(1);
    assert!(refused.stderr.contains("unauthenticated"), "{refused:?}");
}

#[test]
fn lines_go_in_batches_and_answers_come_in_order() {
    let setup = setup("events.write");
    let data: String = (0..450).map(|number| format!("{{\"booking\":{{\"id\":{number}}}}}\n")).collect();
    let lines = [&["--ndjson"], &ONE[..]].concat();
    assert_eq!(ids(&setup.send(&lines, &data).exits(0)), 450);

    let events = concat!(
        r#"{"type":"booking.created","propertyId":1,"data":{}}"#,
        "\n\n",
        r#"{"type":"booking.exploded","propertyId":1,"data":{}}"#,
        "\n",
        r#"{"type":"booking.updated","propertyId":2,"bookingId":7,"data":{}}"#,
    );
    let sent = setup.send(&["--events", "-"], events).exits(1);
    assert_eq!(ids(&sent), 2);
    assert!(sent.stderr.contains("line 3: ") && sent.stderr.contains("/type"), "{sent:?}");
}

#[test]
fn numbers_reach_the_server_as_they_were_written() {
    let setup = setup("events.write");
    // As a float of 64 bits it would be infinite: the server says so, and not this command.
    let refused = setup.send(&ONE, r#"{"x":1e400}"#).exits(1);
    assert!(refused.stderr.contains("invalid_json") || refused.stderr.contains("/data"), "{refused:?}");
}

#[test]
fn what_cannot_be_sent_exits_2() {
    let sandbox = Sandbox::new().env("STAYHOOK_TOKEN", "shk_x");
    let send =
        |args: &[&str], input: &str| sandbox.run_with_input(&[&["send"], args].concat(), input.as_bytes());
    send(&ONE, "{").is_trouble(&["FILE", "not JSON"]);
    send(&["--type", "t", "--property", "1", "nope.json"], "").is_trouble(&["FILE", "nope.json"]);
    send(&[&["--ndjson"], &ONE[..]].concat(), "{}\n{\n").is_trouble(&["line 2", "not JSON"]);
    send(&[&["--url", "127.0.0.1:8080"], &ONE[..]].concat(), "{}").is_trouble(&["--url"]);
    send(&[&["--token", "a\u{7f}b"], &ONE[..]].concat(), "{}").is_trouble(&["--token"]);

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    send(&[&["--url", &url], &ONE[..]].concat(), "{}").is_trouble(&["--url", "does not answer"]);
}
