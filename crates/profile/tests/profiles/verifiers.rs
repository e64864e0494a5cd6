//! Receivers that others wrote, or that are written to their recipes, accept what we sign.
//!
//! `scripts/test` installs the libraries of Standard Webhooks below `target/verifiers`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use stayhook_core::{Json, SigningSecret, UnixMs};
use stayhook_profile::{Attempt, Secrets, Wire};

use crate::arbitrary;
use crate::sample::{Sample, header, profile};

const VECTORS: usize = 300;

/// The document's receiver parses the body and verifies what it writes anew.
#[test]
fn bookingschedulers_recipe_in_node_accepts_every_body() {
    let vectors = vectors("bookingscheduler", false, "bookingscheduler.ndjson");
    assert_eq!(run(Path::new("node"), "bookingscheduler.cjs", &vectors), expected());
}

#[test]
fn the_standard_webhooks_library_from_pypi_accepts() {
    let python = installed("python/bin/python");
    for (rotating, name) in [(false, "pypi.ndjson"), (true, "pypi-rotating.ndjson")] {
        let vectors = vectors("standard-webhooks", rotating, name);
        assert_eq!(run(&python, "standard_webhooks.py", &vectors), expected());
    }
}

#[test]
fn the_standard_webhooks_library_from_npm_accepts() {
    installed("node/node_modules/standardwebhooks/package.json");
    for (rotating, name) in [(false, "npm.ndjson"), (true, "npm-rotating.ndjson")] {
        let vectors = vectors("standard-webhooks", rotating, name);
        assert_eq!(run(Path::new("node"), "standard_webhooks.cjs", &vectors), expected());
    }
}

/// Every vector is good, and its twin with a changed body is not.
fn expected() -> String {
    "true\nfalse\n".repeat(VECTORS)
}

/// Bodies of every kind with their headers and the receiver's secret, each followed by a forgery,
/// as lines of JSON. During a rotation some receivers have the old secret, others the new one.
fn vectors(profile_name: &str, rotating: bool, file: &str) -> PathBuf {
    let profile = profile(profile_name);
    let mut runner = TestRunner::deterministic();
    let mut lines = String::new();
    for number in 0..VECTORS {
        let sample = Sample::new("booking.updated", None, &data(number, &mut runner));
        let (old, new) = sample_of(&any::<([u8; 32], [u8; 32])>(), &mut runner);
        let [old, new] = [old, new].map(SigningSecret::from_entropy);
        let body = sample.compose(&profile).body.to_vec();
        let wire = Wire::new(&profile, None, Secrets { current: &old, next: rotating.then_some(&new) });
        let headers = wire.headers(&Attempt { now: now(), ..sample.attempt(&body) });
        let receivers = if rotating && number % 2 == 1 { &new } else { &old };
        let headers: Vec<String> =
            ["webhook-id", "webhook-timestamp", "webhook-signature", "x-bookingscheduler-signature"]
                .into_iter()
                .map(|name| format!("\"{name}\":\"{}\"", header(&headers, name)))
                .collect();
        for body in [&body, &forged(&body)] {
            let (headers, secret, body64) = (headers.join(","), receivers.expose(), STANDARD.encode(body));
            writeln!(lines, r#"{{"secret":"{secret}","headers":{{{headers}}},"body":"{body64}"}}"#).unwrap();
        }
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
    fs::write(&path, lines).unwrap();
    path
}

/// The body with another letter in its type, so that it stays JSON.
fn forged(body: &[u8]) -> Vec<u8> {
    let at = body.windows(7).position(|letters| letters == b"booking").unwrap();
    let mut forged = body.to_vec();
    forged[at] = b'B';
    forged
}

/// What is known to be hard first, then anything.
fn data(number: usize, runner: &mut TestRunner) -> String {
    const HARD: [&str; 6] = [
        r#"{"total":90.00,"rate":1e21,"tiny":1E-7,"zero":-0,"long":0.1234567890123456789}"#,
        r#"{"b":1,"10":"x","2":"y","a":{"1":1,"0":0},"01":2,"4294967295":3,"4294967294":4}"#,
        r#"{"escapes":"\u0041\/\b\u0001\"\\\u2028\u007f","\u00e9":"\ud83d\ude00"}"#,
        r#"{"name":"Zoë Ångström","city":"東京","emoji":"👩‍👩‍👧","rtl":"שלום"}"#,
        r#"{"id":"book_123","changes":{"participants":{"old":2,"new":3},"totalAmount":{"old":9000,"new":13500}}}"#,
        r#"{"__proto__":{"x":1},"constructor":2,"":3,"big":9007199254740993}"#,
    ];
    if let Some(hard) = HARD.get(number) {
        return (*hard).to_owned();
    }
    loop {
        let text = sample_of(&arbitrary::object_text(), runner);
        if Json::parse(text.as_bytes(), 60).is_ok() {
            return text;
        }
    }
}

fn sample_of<S: Strategy>(strategy: &S, runner: &mut TestRunner) -> S::Value {
    strategy.new_tree(runner).unwrap().current()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the libraries judge the age of a request by the machine's clock"
)]
fn now() -> UnixMs {
    UnixMs(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap())
}

/// Something that `scripts/test` installs.
fn installed(what: &str) -> PathBuf {
    let path = target().join("verifiers").join(what);
    assert!(path.exists(), "{} is missing: run scripts/test, which installs it", path.display());
    path
}

fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}

/// What the script prints about the file.
fn run(program: &Path, script: &str, file: &Path) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/profiles/scripts").join(script);
    let modules = target().join("verifiers/node/node_modules");
    let output = Command::new(program).arg(script).arg(file).env("NODE_PATH", modules).output();
    let output = output.unwrap_or_else(|error| {
        panic!("{} must be installed for this test (README, Tests): {error}", program.display());
    });
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
