//! `verify`: right signatures, and every mistake by its name.

use std::time::{SystemTime, UNIX_EPOCH};

use stayhook_core::{SigningSecret, sign};

use crate::support::{Ran, Sandbox};

const SECRET: &str = "whsec_9npwH6J8QyZp1L8U3xqG7sN2";
const EVENT: &str = "evt_LkP2sxR9zV8QyW0000000A";
const BODY: &str = r#"{"id":"evt_LkP2sxR9zV8QyW0000000A","amount":"620.00"}"#;

fn signed(timestamp: i64, body: &str) -> String {
    sign(&SigningSecret::parse(SECRET).unwrap(), timestamp, EVENT, body.as_bytes()).text()
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

fn verify(timestamp: i64, signature: &str, body: &str) -> Ran {
    let timestamp = timestamp.to_string();
    let args = [
        "verify",
        "--secret",
        SECRET,
        "--timestamp",
        &timestamp,
        "--event-id",
        EVENT,
        "--signature",
        signature,
        "-",
    ];
    Sandbox::new().run_with_input(&args, body.as_bytes())
}

#[test]
fn a_right_signature_exits_0() {
    let ran = verify(now(), &signed(now(), BODY), BODY).exits(0);
    assert_eq!(ran.stdout, "The signature is right.\n");
}

#[test]
fn a_wrong_signature_exits_1_and_names_the_mistake() {
    let at = now();
    let right = signed(at, BODY);
    let pretty = BODY.replace(',', ", ").replace(':', ": ");
    for (what, timestamp, signature, body, said) in [
        ("re-serialised body", at, signed(at, &pretty), BODY, "raw bytes"),
        ("re-serialised before it was verified", at, right.clone(), pretty.as_str(), "raw bytes"),
        ("line break added by an editor", at, right.clone(), &format!("{BODY}\n"), "line break"),
        ("stripped prefix", at, right.replace("v1=", ""), BODY, "`v1=`"),
        ("upper case", at, right.to_uppercase().replace("V1=", "v1="), BODY, "upper case"),
        ("milliseconds", at * 1_000, right.clone(), BODY, "milliseconds"),
        ("stale", at - 3_600, signed(at - 3_600, BODY), BODY, "behind the clock"),
        ("no signature", at, "v1=abc".to_owned(), BODY, "64 hexadecimal digits"),
        ("another body", at, signed(at, "{}"), BODY, "another secret, timestamp, event id or body"),
    ] {
        let ran = verify(timestamp, &signature, body).exits(1);
        assert!(ran.stdout.contains(said), "{what}: {ran:?}");
        assert!(ran.stderr.is_empty(), "{what}: {ran:?}");
    }
}

#[test]
fn the_body_may_be_a_file() {
    let (sandbox, at) = (Sandbox::new(), now());
    sandbox.write("body.json", BODY);
    let (timestamp, signature) = (at.to_string(), signed(at, BODY));
    let mut args = vec!["verify", "--secret", SECRET, "--timestamp", &timestamp];
    args.extend(["--event-id", EVENT, "--signature", &signature, "body.json"]);
    sandbox.run(&args).exits(0);
}
