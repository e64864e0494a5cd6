//! `token create`, `token list`, `token revoke`.

use crate::support::Sandbox;

#[test]
fn a_token_lives_from_create_to_revoke() {
    let sandbox = Sandbox::new();
    let create = [
        "token",
        "create",
        "--name",
        "pms",
        "--scopes",
        "webhooks.write,bookings.read",
        "--properties",
        "102,101",
    ];
    let made = sandbox.run(&create).exits(0);
    assert!(made.stdout.starts_with("shk_") && made.stdout.lines().count() == 1, "{made:?}");
    let token = made.stdout.trim_end();

    let list = sandbox.run(&["token", "list"]).exits(0).stdout;
    let row: Vec<&str> = list.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[..5], ["1", "pms", "pms", "webhooks.write,bookings.read", "101,102"]);
    assert_eq!(row[6], "-");
    assert!(!list.contains(token), "the text of a token is shown once");
    let stored = std::fs::read(sandbox.path("stayhook.db")).unwrap();
    assert!(!stored.windows(token.len()).any(|window| window == token.as_bytes()), "only its hash is stored");

    sandbox.run(&["token", "revoke", "1"]).exits(0);
    let list = sandbox.run(&["token", "list"]).exits(0).stdout;
    assert_ne!(list.lines().nth(1).unwrap().split_whitespace().last(), Some("-"));
    for id in ["1", "2"] {
        let again = sandbox.run(&["token", "revoke", id]).exits(1);
        assert!(again.stderr.contains(id), "{again:?}");
    }
}

#[test]
fn defaults_are_the_name_as_client_and_all_properties() {
    let sandbox = Sandbox::new();
    sandbox.run(&["token", "create", "--name", "a", "--scopes", "admin"]).exits(0);
    sandbox.run(&["token", "create", "--name", "b", "--client", "c", "--scopes", "admin"]).exits(0);
    let list = sandbox.run(&["token", "list"]).exits(0).stdout;
    let rows: Vec<Vec<&str>> = list.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0][1..5], ["a", "a", "admin", "all"]);
    assert_eq!(rows[1][1..5], ["b", "c", "admin", "all"]);
}

#[test]
fn tokens_can_be_made_beside_a_running_server_and_end_within_five_seconds() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&[]);
    let token = sandbox.token("webhooks.read");
    let status = |token: &str| server.call("GET", "/public/v1/webhooks", token, "").status;
    assert_eq!((status(&token), status("shk_nonsense")), (200, 401));
    sandbox.run(&["token", "revoke", "1"]).exits(0);
    let revoked = std::time::Instant::now();
    while status(&token) != 401 {
        assert!(revoked.elapsed().as_secs() < 6, "a revoked token still opens the door");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    server.stop().exits(0);
}
