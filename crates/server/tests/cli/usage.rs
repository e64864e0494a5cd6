//! Usage: help, versions, exit codes of what is mistyped.

use crate::support::Sandbox;

const COMMANDS: [&[&str]; 10] = [
    &["serve"],
    &["migrate"],
    &["token"],
    &["token", "create"],
    &["token", "list"],
    &["token", "revoke"],
    &["send"],
    &["listen"],
    &["check-url"],
    &["verify"],
];

#[test]
fn every_command_has_help() {
    let sandbox = Sandbox::new();
    assert!(sandbox.run(&["--help"]).exits(0).stdout.contains("check-url"));
    for command in COMMANDS {
        let help = sandbox.run(&[command, &["--help"]].concat()).exits(0);
        assert!(help.stdout.contains("Usage: stayhook") && help.stderr.is_empty(), "{help:?}");
    }
    assert!(sandbox.run(&["--version"]).exits(0).stdout.starts_with("stayhook "));
}

#[test]
fn mistyped_usage_exits_2_and_prints_nothing_on_stdout() {
    let sandbox = Sandbox::new();
    for wrong in [
        &[][..],
        &["srve"],
        &["serve", "--prot", "1"],
        &["token"],
        &["token", "create", "--name", "x"],
        &["token", "revoke", "one"],
        &["token", "create", "--name", "x", "--scopes", "admin", "--properties", "0"],
        &["send", "--type", "booking.created", "--property", "1", "--token", "x"],
        &["send", "--events", "--type", "booking.created", "--token", "x", "-"],
        &["send", "--type", "booking.created", "--property", "1", "-"],
        &["verify", "body.json"],
        &["check-url"],
        &["listen", "--port", "70000", "--secret", "whsec_9npwH6J8QyZp1L8U3xqG7sN2"],
    ] {
        let ran = sandbox.run(wrong).exits(2);
        assert!(ran.stdout.is_empty() && !ran.stderr.is_empty(), "{ran:?}");
    }
    assert!(sandbox.path("").read_dir().unwrap().next().is_none(), "bad usage makes no files");
}

#[test]
fn values_that_are_wrong_are_named_by_their_option() {
    let sandbox = Sandbox::new();
    sandbox.write("body.json", "{}");
    let verify =
        |secret| ["verify", "--secret", secret, "--timestamp", "1", "--event-id", "e", "--signature", "s"];
    sandbox
        .run(&[&verify("whsec_")[..], &["body.json"]].concat())
        .is_trouble(&["--secret", "16 to 64 bytes"]);
    let good = verify("whsec_9npwH6J8QyZp1L8U3xqG7sN2");
    sandbox.run(&[&good[..], &["nope.json"]].concat()).is_trouble(&["FILE", "nope.json"]);
    sandbox.run(&["listen", "--secret", "hush"]).is_trouble(&["--secret", "whsec_"]);
    let create = ["token", "create", "--name", "x", "--scopes", "admin,webhook.write"];
    sandbox.run(&create).is_trouble(&["--scopes", "`webhook.write`", "webhooks.write"]);
    sandbox.run(&["token", "create", "--name", "", "--scopes", "admin"]).is_trouble(&["--name"]);
    sandbox.run(&["migrate", "--log", "a=b=c"]).is_trouble(&["--log"]);
}
