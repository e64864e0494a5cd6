//! `demo`: the main job, end to end.

use std::time::{Duration, Instant};

use crate::support::Sandbox;

/// A sandbox whose temporary files are its own, to see what is left of them.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("tmp")).unwrap();
    let tmp = sandbox.path("tmp").display().to_string();
    sandbox.env("TMPDIR", &tmp)
}

fn left_behind(sandbox: &Sandbox) -> usize {
    std::fs::read_dir(sandbox.path("tmp")).unwrap().count()
}

#[test]
fn every_event_arrives_and_the_tally_says_so() {
    // A broken configuration is none of the demo's business.
    let sandbox = sandbox();
    sandbox.write("stayhook.toml", "nonsense");
    let began = Instant::now();
    let ran = sandbox.run(&["demo"]).exits(0);
    assert!(began.elapsed() < Duration::from_secs(60));
    assert_eq!(ran.stderr, "");
    assert!(!ran.stdout.contains('\u{1b}'), "no control codes in a pipe");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in [
        "1 minute is shown as 0.2 s",
        "✗ refused 103 Office printer http://192.168.1.20:8080/print",
        "private addresses are not public",
        "102 Channel manager recovered",
        "✓ events accepted 240",
        "✓ reported twice 8",
        "✓ deliveries arrived 330 of 330",
        "good, 0 bad",
        "✓ sensitive values sent 0 of 2160",
        "✓ redirects followed 0 of",
        "Every event that should arrive did",
        "Where to go next",
    ] {
        assert!(words(&ran.stdout).contains(line), "{line:?} is missing in\n{}", ran.stdout);
    }
    assert_eq!(left_behind(&sandbox), 0, "the temporary database is removed");
}

#[test]
fn an_interrupted_demo_leaves_nothing_behind() {
    let sandbox = sandbox();
    let running = sandbox.start(&["demo"]);
    while !running.line().contains("events accepted,") {}
    running.signal("-INT");
    let ran = running.wait().exits(1);
    assert!(ran.stderr.contains("interrupted"), "{ran:?}");
    assert_eq!(left_behind(&sandbox), 0);
}

#[test]
fn a_database_of_ones_own_must_be_new() {
    let sandbox = sandbox();
    sandbox.write("old.db", "precious");
    let taken = format!("sqlite://{}", sandbox.path("old.db").display());
    sandbox.run(&["demo", "--database", &taken]).is_trouble(&["--database", "old.db", "exists already"]);
    assert_eq!(std::fs::read(sandbox.path("old.db")).unwrap(), b"precious");
    for wrong in ["mysql://x", "sqlite://"] {
        sandbox.run(&["demo", "--database", wrong]).is_trouble(&["--database"]);
    }
    let nowhere = "postgres://127.0.0.1:1/x";
    sandbox.run(&["demo", "--database", nowhere]).is_trouble(&["database.url", nowhere, "does not answer"]);
}
