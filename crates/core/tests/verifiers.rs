//! Receivers written in Python and in Node to the reference document's recipe accept what we
//! sign, and JavaScript leaves our bodies as they are.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod arbitrary;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use stayhook_core::{
    AllowList, BookingId, Envelope, EventId, EventType, Json, PropertyId, Signer, SigningSecret, UnixMs,
    compose,
};

const VECTORS: usize = 80;
const BODIES: usize = 3_000;

#[test]
fn python_verifies_what_we_sign() {
    let vectors = vectors("python.ndjson");
    assert_eq!(run("python3", "verify.py", &vectors), expected());
}

#[test]
fn node_verifies_what_we_sign() {
    let vectors = vectors("node.ndjson");
    assert_eq!(run("node", "verify.mjs", &vectors), expected());
}

/// Node is the oracle twice: for what a producer's text means, and for what becomes of ours.
#[test]
fn javascript_writes_our_bytes_again() {
    let mut runner = TestRunner::deterministic();
    let mut lines = String::new();
    let mut count = 0;
    while count < BODIES {
        let given = sample(&arbitrary::json_text(), &mut runner);
        let Ok(json) = Json::parse(given.as_bytes(), 64) else { continue };
        let written = json.to_stable_bytes();
        writeln!(lines, "{} {}", STANDARD.encode(given), STANDARD.encode(written)).unwrap();
        count += 1;
    }
    let output = run("node", "stringify.mjs", &write("bodies.txt", &lines));
    assert_eq!(output, format!("{BODIES} bodies\n"));
}

/// Every vector is good, and its twin with a changed body is not.
fn expected() -> String {
    "true\nfalse\n".repeat(VECTORS)
}

/// Generated requests, each followed by a forgery, as lines of JSON.
fn vectors(name: &str) -> PathBuf {
    let mut runner = TestRunner::deterministic();
    let mut lines = String::new();
    for _ in 0..VECTORS {
        let (entropy, seconds, id) =
            sample(&(any::<[u8; 32]>(), 0..4_000_000_000_i64, any::<u128>()), &mut runner);
        let secret = SigningSecret::from_entropy(entropy);
        let id = EventId::new(UnixMs(seconds * 1_000), id);
        let mut body = body(id, UnixMs(seconds * 1_000), &mut runner);
        let signature = Signer::new(&secret).sign(seconds, &id.to_string(), &body);
        for _ in ["signed", "forged"] {
            let (body64, key) = (STANDARD.encode(&body), secret.expose());
            writeln!(
                lines,
                r#"{{"secret":"{key}","timestamp":"{seconds}","eventId":"{id}","signature":"{signature}","body":"{body64}"}}"#
            )
            .unwrap();
            let last = body.len() - 1;
            body[last] ^= 1;
        }
    }
    write(name, &lines)
}

fn body(id: EventId, created_at: UnixMs, runner: &mut TestRunner) -> Vec<u8> {
    let data = loop {
        let text = sample(&arbitrary::object_text(), runner);
        if let Ok(data) = Json::parse(text.as_bytes(), 64) {
            break Json::object([("booking", Json::object([("amounts", data)]))]);
        }
    };
    let (kind, number) = sample(&("booking\\.(created|updated)", 1..1_000_000_i64), runner);
    let envelope = Envelope {
        id,
        kind: &EventType::parse(&kind).unwrap(),
        created_at,
        property: PropertyId::new(number).unwrap(),
        booking: Some(&BookingId::Number(number)),
    };
    compose(&envelope, &data, true, &AllowList::default()).body.to_vec()
}

fn sample<S: Strategy>(strategy: &S, runner: &mut TestRunner) -> S::Value {
    strategy.new_tree(runner).unwrap().current()
}

fn write(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path
}

/// What the script prints about the file.
fn run(program: &str, script: &str, file: &Path) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(script);
    let output = Command::new(program).arg(script).arg(file).output().unwrap_or_else(|error| {
        panic!("{program} must be installed for this test (README, Tests): {error}");
    });
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
