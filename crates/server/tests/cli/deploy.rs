//! What lies in `deploy/` is true of this executable.

use crate::support::Sandbox;

const UNIT: &str = include_str!("../../../../deploy/stayhook.service");
const REFERENCE: &str = include_str!("../../../../deploy/stayhook.toml");

fn value<'a>(unit: &'a str, key: &str) -> &'a str {
    unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap_or_else(|| panic!("{key}"))
}

#[test]
fn the_reference_configuration_starts_a_server() {
    let sandbox = Sandbox::new();
    sandbox.write("reference.toml", REFERENCE);
    let server = sandbox.serve(&["--config", "reference.toml"]);
    assert_eq!(server.call("GET", "/readyz", "", "").status, 200);
    server.stop().exits(0);
}

#[test]
fn the_unit_uses_commands_and_flags_that_exist() {
    let sandbox = Sandbox::new();
    let mut words = value(UNIT, "ExecStart").split_whitespace();
    assert_eq!(words.next(), Some("/usr/bin/stayhook"));
    let command = words.next().unwrap();
    let help = sandbox.run(&[command, "--help"]).exits(0).stdout;
    for flag in words.filter(|word| word.starts_with("--")) {
        assert!(help.contains(&format!("{flag} <")), "{flag} is not in the help of {command}");
    }
}

#[test]
fn the_unit_is_hardened_and_lets_attempts_drain() {
    for line in [
        "DynamicUser=yes",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateTmp=yes",
        "PrivateDevices=yes",
        "MemoryDenyWriteExecute=yes",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
        "CapabilityBoundingSet=",
        "SystemCallFilter=@system-service",
        "StateDirectory=stayhook",
        "RestartPreventExitStatus=2",
    ] {
        assert!(UNIT.lines().any(|it| it == line), "{line}");
    }
    let stop: u64 = value(UNIT, "TimeoutStopSec").trim_end_matches('s').parse().unwrap();
    assert!(stop > 10, "attempts in flight have 10 s to drain");
}
