//! The configuration from outside: layers, files, and what each mistake is answered with.
//! The mistakes of single keys are a table beside the code, in `config/tests.rs`.

use crate::support::Sandbox;

#[test]
fn files_environment_and_flags_win_in_this_order() {
    let sandbox = Sandbox::new();
    sandbox.write("stayhook.toml", "[database]\nurl = \"sqlite://from-file.db\"\n");
    sandbox.run(&["migrate"]).exits(0);
    assert!(sandbox.path("from-file.db").exists());

    let sandbox = sandbox.env("STAYHOOK_DATABASE__URL", "sqlite://from-environment.db");
    sandbox.run(&["migrate"]).exits(0);
    assert!(sandbox.path("from-environment.db").exists());

    sandbox.run(&["migrate", "--set", "database.url=sqlite://from-set.db"]).exits(0);
    assert!(sandbox.path("from-set.db").exists());
    sandbox.run(&["migrate", "--database", "sqlite://from-flag.db"]).exits(0);
    assert!(sandbox.path("from-flag.db").exists());

    sandbox.write("other.toml", "[delivery]\ntimeout = \"ten\"\n");
    sandbox.run(&["migrate", "--config", "other.toml"]).is_trouble(&["other.toml", "delivery.timeout"]);
}

#[test]
fn unknown_keys_are_refused_wherever_they_stand() {
    let sandbox = Sandbox::new();
    let meant = "did you mean `delivery.timeout`?";
    sandbox.write("typo.toml", "[delivery]\ntimout = \"1s\"\n");
    sandbox.run(&["migrate", "--config", "typo.toml"]).is_trouble(&["typo.toml", "`delivery.timout`", meant]);
    sandbox.run(&["migrate", "--set", "delivery.timout=1s"]).is_trouble(&["--set", meant]);
    let sandbox = sandbox.env("STAYHOOK_DELIVERY__TIMOUT", "1s");
    sandbox.run(&["migrate"]).is_trouble(&["STAYHOOK_DELIVERY__TIMOUT", meant]);
    assert!(!sandbox.path("stayhook.db").exists(), "nothing is made before all is known to be right");
}

#[test]
fn options_of_other_commands_are_no_settings() {
    let sandbox = Sandbox::new().env("STAYHOOK_URL", "http://127.0.0.1:1").env("STAYHOOK_TOKEN", "shk_x");
    sandbox.run(&["migrate"]).exits(0);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let sandbox = Sandbox::new();
    sandbox.run(&["migrate", "--config", "nope.toml"]).is_trouble(&["nope.toml", "--config"]);
    std::fs::create_dir(sandbox.path("stayhook.toml")).unwrap();
    sandbox.run(&["migrate"]).is_trouble(&["stayhook.toml", "cannot be read"]);
    sandbox.write("latin1.toml", b"# \xe9t\xe9\n");
    sandbox.run(&["migrate", "--config", "latin1.toml"]).is_trouble(&["latin1.toml", "UTF-8"]);
    sandbox.write("broken.toml", "[server\n");
    sandbox.run(&["migrate", "--config", "broken.toml"]).is_trouble(&["broken.toml", "line 1"]);
}

#[test]
fn databases_that_cannot_be_used_are_named() {
    let sandbox = Sandbox::new();
    let migrate = |url: &str| sandbox.run(&["migrate", "--database", url]);
    migrate("postgres://127.0.0.1:1/stayhook").is_trouble(&["secrets.key", "is missing"]);
    migrate("stayhook.db").is_trouble(&["database.url", "sqlite://PATH"]);
    migrate("sqlite://missing/stayhook.db").is_trouble(&["database.url", "missing"]);
    sandbox.write("text.db", "this is a text and no database, whatever its name says".repeat(100));
    migrate("sqlite://text.db").is_trouble(&["database.url", "text.db"]);
    std::fs::create_dir(sandbox.path("directory.db")).unwrap();
    migrate("sqlite://directory.db").is_trouble(&["directory.db"]);
}

#[test]
fn a_key_file_is_made_beside_the_database_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let sandbox = Sandbox::new();
    sandbox.run(&["migrate"]).exits(0);
    let key = sandbox.path("stayhook.db.secrets.key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);

    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    sandbox.run(&["migrate"]).is_trouble(&["secrets.key", "chmod 600"]);

    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let other = ["migrate", "--set", "secrets.key=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="];
    sandbox.run(&other).is_trouble(&["secrets.key", "another key"]);
}

#[test]
fn a_schema_that_is_no_schema_is_named_by_its_key() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "stayhook.toml",
        "[event_types.\"room.cleaned\"]\nschema = { properties = { room = { type = \"int\" } } }\n",
    );
    sandbox.run(&["serve", "--listen", "127.0.0.1:0"]).is_trouble(&[
        "stayhook.toml",
        "room.cleaned",
        "schema: /properties/room/type",
    ]);
}
