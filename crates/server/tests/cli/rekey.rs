//! `rekey`: stored secrets get another key while the server goes on delivering.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use stayhook_core::{SigningSecret, verify};
use stayhook_testkit::{Postgres, Received, Receiver};

use crate::support::{PATIENCE, Sandbox, Server, call};

const SCOPES: &str = "webhooks.write,bookings.read,events.write";
const LOOPBACK: [&str; 4] =
    ["--set", "egress.require_https=false", "--set", r#"egress.allow=["127.0.0.0/8"]"#];
const FIRST: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const SECOND: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

fn report(address: &str, token: &str, number: usize) {
    let body =
        format!(r#"{{"type":"booking.created","propertyId":101,"data":{{"booking":{{"id":{number}}}}}}}"#);
    let answer = call(address, "POST", "/internal/v1/events", token, &body);
    assert_eq!(answer.status, 202, "{answer:?}");
}

/// Whether a request to a path is signed with a secret.
fn signed(request: &Received, path: &str, secret: &str) -> bool {
    let header = |name| request.header(name).unwrap_or_default();
    let secret = SigningSecret::parse(secret).ok().unwrap();
    let timestamp = header("nowistay-webhook-timestamp").parse().unwrap();
    let event = header("nowistay-webhook-event-id");
    request.path != path
        || verify(&secret, timestamp, event, header("nowistay-webhook-signature"), &request.body)
}

fn key_file(sandbox: &Sandbox) -> PathBuf {
    sandbox.path("stayhook.db.secrets.key")
}

fn mode(path: &PathBuf) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The secret in an answer.
fn secret_in(body: &str) -> String {
    body.split('"').find(|part| part.starts_with("whsec_")).unwrap_or_else(|| panic!("{body}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_file_gets_a_new_key_beside_a_running_server() {
    let receiver = Receiver::start().await.unwrap();
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&LOOPBACK);
    let token = sandbox.token(SCOPES);
    let old_key = fs::read(key_file(&sandbox)).unwrap();
    let first = server.register(&token, &receiver.url("/first"));
    let turned = server.register(&token, &receiver.url("/turned"));
    report(&server.address, &token, 0);
    receiver.wait_for(2, PATIENCE).await;

    let (done, mut events) = (AtomicBool::new(false), 1);
    let rekeyed = std::thread::scope(|scope| {
        let rekeying = scope.spawn(|| {
            let ran = sandbox.run(&["rekey"]);
            done.store(true, Ordering::Release);
            ran
        });
        while !done.load(Ordering::Acquire) {
            report(&server.address, &token, events);
            events += 1;
        }
        rekeying.join().unwrap()
    });
    assert_eq!(rekeyed.exits(0).stdout, "2 secrets were sealed anew\n");
    let new_key = fs::read_to_string(key_file(&sandbox)).unwrap();
    assert_eq!((new_key.lines().count(), mode(&key_file(&sandbox))), (1, 0o600));
    assert_ne!(new_key.as_bytes(), old_key);

    // The server opens what was sealed meanwhile, and seals under the new key itself.
    let after = after_rekeying(&server, &token, &receiver);
    report(&server.address, &token, events);
    let requests = receiver.wait_for(2 * (events + 1) + 1, PATIENCE).await;
    assert!(requests.iter().all(|it| signed(it, "/first", &first)));
    assert!(requests.iter().all(|it| signed(it, "/new", &after.new)));
    let before_turn =
        requests.iter().filter(|it| it.path == "/turned" && signed(it, "/turned", &turned)).count();
    let after_turn =
        requests.iter().filter(|it| it.path == "/turned" && signed(it, "/turned", &after.turned)).count();
    assert_eq!((before_turn, after_turn), (events, 1));
    server.stop().exits(0);

    fs::write(key_file(&sandbox), &old_key).unwrap();
    sandbox.run(&["serve", "--listen", "127.0.0.1:0"]).is_trouble(&["secrets.key", "another key"]);
    fs::write(key_file(&sandbox), &new_key).unwrap();
    let server = sandbox.serve(&LOOPBACK);
    report(&server.address, &token, events + 1);
    let requests = receiver.wait_for(requests.len() + 3, PATIENCE).await;
    let last = &requests[requests.len() - 3..];
    let secrets = [("/first", &first), ("/turned", &after.turned), ("/new", &after.new)];
    assert!(last.iter().all(|it| secrets.iter().all(|(path, secret)| signed(it, path, secret))));
    server.stop().exits(0);
}

struct After {
    turned: String,
    new: String,
}

/// Changes and rotates a webhook, and registers another.
fn after_rekeying(server: &Server, token: &str, receiver: &Receiver) -> After {
    let path = "/public/v1/webhooks/1";
    assert_eq!(server.call("PATCH", path, token, r#"{"description":"still there"}"#).status, 200);
    let rotated = server.call("POST", "/public/v1/webhooks/2/rotate-secret", token, r#"{"overlap":"0s"}"#);
    assert_eq!(rotated.status, 200, "{rotated:?}");
    After { turned: secret_in(&rotated.body), new: server.register(token, &receiver.url("/new")) }
}

/// Another key beside a database that is sealed would help nobody, and might be backed up in place
/// of the right one.
#[test]
fn a_key_file_that_is_gone_is_not_replaced() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&LOOPBACK);
    let token = sandbox.token(SCOPES);
    server.register(&token, "http://127.0.0.1:9999/hook");
    server.stop().exits(0);
    let key = fs::read(key_file(&sandbox)).unwrap();
    fs::remove_file(key_file(&sandbox)).unwrap();
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["rekey"], &["migrate"], &["token", "list"]] {
        sandbox.run(command).is_trouble(&[
            "secrets.key",
            "stayhook.db.secrets.key",
            "missing",
            "put it back",
        ]);
        assert!(!key_file(&sandbox).exists(), "{command:?} has made a key of no use");
    }
    fs::write(key_file(&sandbox), &key).unwrap();
    fs::set_permissions(key_file(&sandbox), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    sandbox.serve(&LOOPBACK).stop().exits(0);
    // What it held, configured, does as well.
    fs::remove_file(key_file(&sandbox)).unwrap();
    let set = format!("secrets.key={}", String::from_utf8(key).unwrap().trim_end());
    sandbox.serve(&["--set", &set]).stop().exits(0);
    assert!(!key_file(&sandbox).exists());
}

#[test]
fn a_change_that_broke_off_is_finished_by_the_next_run() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&LOOPBACK);
    let token = sandbox.token(SCOPES);
    server.register(&token, "http://127.0.0.1:9999/hook");
    let old = fs::read_to_string(key_file(&sandbox)).unwrap();
    fs::write(key_file(&sandbox), format!("{SECOND}\n{old}")).unwrap();
    server.register(&token, "http://127.0.0.1:9999/hook");
    assert_eq!(sandbox.run(&["rekey"]).exits(0).stdout, "1 secret was sealed anew\n");
    assert_eq!(fs::read_to_string(key_file(&sandbox)).unwrap(), format!("{SECOND}\n"));
    server.stop().exits(0);
    sandbox.serve(&LOOPBACK).stop().exits(0);
    sandbox.run(&["rekey"]).exits(0);
    assert_ne!(fs::read_to_string(key_file(&sandbox)).unwrap(), format!("{SECOND}\n"), "another change");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configured_key_is_swapped_and_the_old_one_removed() {
    let receiver = Receiver::start().await.unwrap();
    let sandbox = Sandbox::new();
    let keys = |key: &str, older: &str| {
        let config = format!(
            "[secrets]\nkey = \"{key}\"\nolder_keys = [{older}]\n\
             [egress]\nrequire_https = false\nallow = [\"127.0.0.0/8\"]\n"
        );
        sandbox.write("stayhook.toml", config);
    };
    let quoted = |key: &str| format!("{key:?}");
    keys(FIRST, &quoted(SECOND));
    let server = sandbox.serve(&[]);
    let token = sandbox.token(SCOPES);
    let secret = server.register(&token, &receiver.url("/hook"));
    server.stop().exits(0);

    keys(SECOND, "");
    sandbox.run(&["serve", "--listen", "127.0.0.1:0"]).is_trouble(&["secrets.key", "another key"]);
    keys(SECOND, &quoted(FIRST));
    let server = sandbox.serve(&[]);
    report(&server.address, &token, 1);
    receiver.wait_for(1, PATIENCE).await;
    assert_eq!(sandbox.run(&["rekey"]).exits(0).stdout, "1 secret was sealed anew\n");
    assert_eq!(
        sandbox.run(&["rekey"]).exits(0).stdout,
        "everything was sealed under the current key already\n"
    );
    report(&server.address, &token, 2);
    receiver.wait_for(2, PATIENCE).await;
    server.stop().exits(0);

    keys(FIRST, "");
    sandbox.run(&["serve", "--listen", "127.0.0.1:0"]).is_trouble(&["secrets.key", "another key"]);
    keys(SECOND, "");
    let server = sandbox.serve(&[]);
    report(&server.address, &token, 3);
    let requests = receiver.wait_for(3, PATIENCE).await;
    assert!(requests.iter().all(|it| signed(it, "/hook", &secret)));
    server.stop().exits(0);
}

/// The order that the guide for operators gives, with two nodes that are never both away.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_share_a_database_change_their_key_one_by_one() {
    let receiver = Receiver::start().await.unwrap();
    let database = Postgres::create().unwrap();
    let sandbox = Sandbox::new().env("STAYHOOK_DATABASE__URL", database.url());
    let keys = |key: &str, older: &str| {
        let older = if older.is_empty() { String::new() } else { format!("{older:?}") };
        [format!("secrets.key={key}"), format!("secrets.older_keys=[{older}]")]
    };
    let with = |command: &[&str], keys: &[String; 2]| -> Vec<String> {
        let keys = ["--set", &keys[0], "--set", &keys[1]];
        command.iter().chain(&LOOPBACK).chain(&keys).map(|&word| word.to_owned()).collect()
    };
    let node = |keys: &[String; 2]| {
        let args = with(&[], keys);
        sandbox.serve(&args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let run = |command: &[&str], keys: &[String; 2]| {
        let args = with(command, keys);
        sandbox.run(&args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let [prepared, swapped] = [keys(FIRST, SECOND), keys(SECOND, FIRST)];
    let (one, two) = (node(&prepared), node(&prepared));
    let scopes = ["token", "create", "--name", "test", "--scopes", SCOPES];
    let token = run(&scopes, &prepared).exits(0).stdout.trim_end().to_owned();
    let old = one.register(&token, &receiver.url("/old"));

    one.stop().exits(0);
    let one = node(&swapped);
    let new = one.register(&token, &receiver.url("/new"));
    report(&two.address, &token, 1);
    receiver.wait_for(2, PATIENCE).await;
    two.stop().exits(0);
    let two = node(&swapped);
    assert_eq!(run(&["rekey"], &swapped).exits(0).stdout, "1 secret was sealed anew\n");
    report(&two.address, &token, 2);
    receiver.wait_for(4, PATIENCE).await;
    one.stop().exits(0);
    run(&["serve", "--listen", "127.0.0.1:0"], &keys(FIRST, "")).is_trouble(&["secrets.key", "another key"]);
    let one = node(&keys(SECOND, ""));
    report(&one.address, &token, 3);
    let requests = receiver.wait_for(6, PATIENCE).await;
    assert!(requests.iter().all(|it| signed(it, "/old", &old) && signed(it, "/new", &new)));
    one.stop().exits(0);
    two.stop().exits(0);
}
