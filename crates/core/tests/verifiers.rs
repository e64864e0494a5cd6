//! Receivers in eight languages, the kits of `docs/verify`, accept what we sign and refuse what is
//! forged; and JavaScript leaves our bodies as they are.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod arbitrary;
mod kits;
mod vectors;

use std::collections::BTreeMap;
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

use kits::Kit;
use vectors::{Vector, Verdict, shared};

const GENERATED: usize = 80;
const BODIES: usize = 3_000;

#[test]
fn node_verifies() {
    verifies(Kit::Node);
}

#[test]
fn python_verifies() {
    verifies(Kit::Python);
}

#[test]
fn go_verifies() {
    verifies(Kit::Go);
}

#[test]
fn java_verifies() {
    verifies(Kit::Java);
}

#[test]
fn php_verifies() {
    verifies(Kit::Php);
}

#[test]
fn ruby_verifies() {
    verifies(Kit::Ruby);
}

#[test]
fn rust_verifies() {
    verifies(Kit::Rust);
}

#[test]
fn csharp_verifies() {
    verifies(Kit::CSharp);
}

/// The kit reaches every verdict, and says so when a file holds others.
fn verifies(kit: Kit) {
    let mut vectors = shared::vectors();
    vectors.extend(generated());
    assert_eq!(kit.check("right", &vectors), Ok(format!("{} vectors\n", vectors.len())));

    let mut wrong = shared::vectors();
    for name in ["good", "changed body"] {
        let vector = wrong.iter_mut().find(|vector| vector.name == name).unwrap();
        vector.verdict = vector.verdict.flipped();
    }
    let expected = "good: should refuse, but accept\nchanged body: should accept, but refuse\n";
    assert_eq!(kit.check("wrong", &wrong), Err(expected.to_owned()));
}

/// The files are what others test their receivers with.
#[test]
fn the_files_hold_the_shared_vectors() {
    let vectors = shared::vectors();
    for (name, text) in [("nowistay.json", vectors::json(&vectors)), ("nowistay.tsv", vectors::tsv(&vectors))]
    {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors").join(name);
        if fs::read_to_string(&file).ok().as_deref() != Some(&text) {
            let fresh = write(name, &text);
            panic!("the vectors have changed: cp {} {}", fresh.display(), file.display());
        }
    }
}

#[test]
fn shared_vectors_have_names_of_their_own() {
    let vectors = shared::vectors();
    let names: std::collections::BTreeSet<_> = vectors.iter().map(|vector| &vector.name).collect();
    assert_eq!(names.len(), vectors.len());
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

/// Generated requests, each followed by a forgery.
fn generated() -> Vec<Vector> {
    let mut runner = TestRunner::deterministic();
    let mut requests = Vec::new();
    for number in 0..GENERATED {
        let (entropy, seconds, id) =
            sample(&(any::<[u8; 32]>(), 0..4_000_000_000_i64, any::<u128>()), &mut runner);
        let secret = SigningSecret::from_entropy(entropy);
        let id = EventId::new(UnixMs(seconds * 1_000), id);
        let body = body(id, UnixMs(seconds * 1_000), &mut runner);
        let signature = Signer::new(&secret).sign(seconds, &id.to_string(), &body).text();
        let signed = Vector {
            name: format!("generated {number}"),
            verdict: Verdict::Accept,
            why: "signed by us",
            now: seconds,
            secret: secret.expose().to_owned(),
            headers: BTreeMap::from([
                (vectors::TIMESTAMP, seconds.to_string()),
                (vectors::ID, id.to_string()),
                (vectors::SIGNATURE, signature),
            ]),
            body,
        };
        let mut forged = Vector { verdict: Verdict::Refuse, why: "a bit has flipped", ..signed.clone() };
        *forged.body.last_mut().unwrap() ^= 1;
        requests.extend([signed, forged]);
    }
    requests
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
    let output = kits::run(Command::new(program).arg(script).arg(file));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
