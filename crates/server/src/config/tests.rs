//! Every key, every mistake, and the reference configuration.

use std::collections::BTreeSet;

use proptest::prelude::*;
use stayhook_core::{Ratio, Span};

use super::keys::KEYS;
use super::*;

fn file(text: &str) -> Result<Config, String> {
    Config::of(text, &[])
}

fn variable(name: &str, value: &str) -> Result<Config, String> {
    Config::of("", &[(name, value)])
}

/// `section.key = value` as a TOML document.
fn setting(key: &str, value: &str) -> String {
    let (section, key) = key.split_once('.').unwrap();
    format!("[{section}]\n{key} = {value}\n")
}

#[test]
fn nothing_written_means_the_documented_defaults() {
    let config = file("").unwrap();
    assert!(config == Config::default());
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(
        config.delivery,
        Delivery { timeout: Span::seconds(10), concurrency: 512, per_webhook_concurrency: 32 }
    );
    assert_eq!(config.retry, Backoff::default());
    assert_eq!(config.retention.keep, Span::days(30));
    assert_eq!(config.limits.webhooks_per_property, 3);
    assert_eq!(config.limits.event_bytes, 262_144);
    assert_eq!((config.limits.requests_per_second, config.limits.events_per_second), (1_000, None));
    assert!(config.egress.rules.require_https && config.entitlements.default);
}

#[test]
fn files_set_every_kind_of_value() {
    let config = file(
        r#"
        database.url = "sqlite:///var/lib/stayhook/stayhook.db"
        retry = { base = "500ms", factor = 1.5, cap = "30m", jitter = 0 }
        egress.allow = ["127.0.0.0/8", "::1/128"]
        egress.ports = [443, 8443]
        limits.event_bytes = "1MiB"
        event_types."room.cleaned" = { label = "Room cleaned", schema = { type = "object" } }
        event_types."room.inspected" = {}
        "#,
    )
    .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.database, Database::Sqlite(PathBuf::from("/var/lib/stayhook/stayhook.db")));
    assert_eq!((config.retry.factor, config.retry.jitter), (Ratio(1_500), Ratio(0)));
    assert_eq!(config.egress.addresses().allow.len(), 2);
    assert_eq!(config.egress.rules.ports, [443, 8443]);
    assert_eq!(config.limits.event_bytes, 1024 * 1024);
    let labels: Vec<&str> = config.event_types.iter().map(|kind| kind.label.as_str()).collect();
    assert_eq!(labels, ["Room cleaned", "room.inspected"]);
    assert!(config.event_types[0].schema.is_some());
}

#[test]
fn the_environment_wins_over_the_file() {
    let config = Config::of(
        "[delivery]\ntimeout = \"3s\"\nconcurrency = 7",
        &[
            ("STAYHOOK_DELIVERY__TIMEOUT", "4s"),
            ("STAYHOOK_SERVER__LISTEN", "127.0.0.1:0"),
            ("STAYHOOK_EGRESS__ALLOW", r#"["127.0.0.0/8"]"#),
            ("STAYHOOK_EGRESS__REQUIRE_HTTPS", "false"),
            ("STAYHOOK_RETRY__FACTOR", "1.25"),
            ("STAYHOOK_EVENT_TYPES", r#"{ "room.cleaned" = { label = "Room cleaned" } }"#),
        ],
    )
    .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.delivery.timeout, Span::seconds(4));
    assert_eq!(config.delivery.concurrency, 7);
    assert_eq!(config.server.listen.port(), 0);
    assert_eq!(config.egress.addresses().allow.len(), 1);
    assert!(!config.egress.rules.require_https);
    assert_eq!(config.retry.factor, Ratio(1_250));
    assert_eq!(config.event_types.len(), 1);
}

#[test]
fn variables_that_are_no_settings_are_left_alone() {
    for (name, value) in [
        ("STAYHOOK_URL", "http://127.0.0.1:1"),
        ("STAYHOOK_TOKEN", "x"),
        ("STAYHOOK_LOG", "debug"),
        ("STAYHOOK_SERVICE_HOST", "10.0.0.1"),
        ("STAYHOOK_PORT", "tcp://10.0.0.1:8080"),
        ("STAYHOOK_PORT_8080_TCP_ADDR", "10.0.0.1"),
    ] {
        assert!(variable(name, value).is_ok(), "{name}");
    }
}

#[test]
fn unknown_keys_name_the_nearest_known_one() {
    for (text, unknown, meant) in [
        ("[delivery]\ntimout = \"1s\"", "delivery.timout", "delivery.timeout"),
        ("[delivry]\ntimeout = \"1s\"", "delivry.timeout", "delivery.timeout"),
        ("[egress]\nrequire_http = true", "egress.require_http", "egress.require_https"),
        ("timeout = \"1s\"", "timeout", "delivery.timeout"),
        ("[retry]\nmax = \"1h\"", "retry.max", "retry.cap"),
    ] {
        let error = file(text).err().unwrap_or_default();
        assert_eq!(error, format!("test.toml: unknown key `{unknown}`: did you mean `{meant}`?"));
    }
    let error = variable("STAYHOOK_DELIVERY__TIMOUT", "1s").err().unwrap_or_default();
    assert!(
        error.starts_with("STAYHOOK_DELIVERY__TIMOUT: ") && error.contains("`delivery.timeout`"),
        "{error}"
    );
    let error = variable("STAYHOOK_DELIVERY_TIMEOUT", "1s").err().unwrap_or_default();
    assert!(error.contains("did you mean `delivery.timeout`"), "{error}");
    assert!(file("[nonsense]").is_err());
}

/// What is written, and a part of what is said about it; the key and the file are always named.
#[test]
fn every_wrong_value_is_named_with_what_is_expected() {
    for (key, value, said) in [
        ("server.listen", r#""8080""#, "IP address and a port"),
        ("server.listen", "8080", "in quotes"),
        ("server.listen", r#""""#, "is empty"),
        ("server.admin_listen", r#""localhost""#, "IP address and a port"),
        ("server.roles", r#"["api"]"#, "lacks worker and maintenance"),
        ("server.roles", r#"["boss"]"#, "\"boss\" is no role"),
        ("server.roles", r#""api""#, "expected a list"),
        ("database.url", r#""mysql://x""#, "sqlite://PATH"),
        ("database.url", r#""sqlite://""#, "path of a file"),
        ("database.url", r#""sqlite://:memory:""#, "path of a file"),
        ("delivery.timeout", r#""10""#, "needs one of the units"),
        ("delivery.timeout", "10", "needs one of the units"),
        ("delivery.timeout", r#""0s""#, "longer than nothing"),
        ("delivery.timeout", r#""2h""#, "at most 1h"),
        ("delivery.timeout", "true", "duration"),
        ("delivery.concurrency", "0", "from 1 to 65536"),
        ("delivery.concurrency", r#""many""#, "whole number"),
        ("delivery.concurrency", "1.5", "whole number"),
        ("delivery.per_webhook_concurrency", "0", "from 1 to 65536"),
        ("retry.base", r#""7h""#, "shorter than retry.base"),
        ("retry.cap", r#""30s""#, "shorter than retry.base"),
        ("retry.factor", "0.5", "from 1 to 1000"),
        ("retry.factor", "nan", "from 1 to 1000"),
        ("retry.factor", "1.0001", "three decimals"),
        ("retry.jitter", "1.1", "from 0 to 1"),
        ("retry.jitter", "-0.1", "from 0 to 1"),
        ("disable.after", r#""3""#, "units"),
        ("hold.max_age", r#""""#, "is empty"),
        ("hold.max_events", "0", "whole number"),
        ("retention.keep", r#""30 days""#, "units"),
        ("egress.require_https", r#""yes""#, "true or false"),
        ("egress.allow", r#"["127.0.0.1"]"#, "CIDR"),
        ("egress.allow", r#""127.0.0.0/8""#, "expected a list"),
        ("egress.ports", "[0]", "from 1 to 65535"),
        ("egress.ports", r#"["443"]"#, "whole number"),
        ("egress.nameservers", r#"["9.9.9.9"]"#, "DNS server"),
        ("egress.ca_file", r#""""#, "is empty"),
        ("limits.webhooks_per_property", "0", "from 1 to 1000"),
        ("limits.event_bytes", "262144", "units B, KiB, MiB"),
        ("limits.event_bytes", r#""256KB""#, "units B, KiB, MiB"),
        ("limits.event_bytes", r#""1GiB""#, "units B, KiB, MiB"),
        ("limits.event_bytes", r#""64MiB""#, "from 64B to 16MiB"),
        ("limits.requests_per_second", "0", "from 1 to 1000000"),
        ("limits.events_per_second", r#""none""#, "whole number"),
        ("auth.jwks_url", r#""ftp://x/""#, "absolute URL"),
        ("auth.jwks_url", r#""https://auth.example.com/jwks""#, "auth.issuer: is missing"),
        ("auth.jwks_file", r#""/etc/jwks.json""#, "auth.issuer: is missing"),
        ("auth.introspection_url", r#""https://auth.example.com/introspect""#, "is missing"),
        ("secrets.key", r#""c2hvcnQ=""#, "32 random bytes"),
        ("secrets.older_keys", r#"["c2hvcnQ="]"#, "32 random bytes"),
        ("secrets.older_keys", r#""AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=""#, "a list"),
        ("entitlements.default", "1", "true or false"),
        ("profiles.default", r#""nowstay""#, "did you mean `nowistay`?"),
        ("profiles.default", "7", "in quotes"),
        ("profiles.mine", r#""nowistay""#, "expected a table"),
        ("profiles.mine", r#"{ extends = "nowstay" }"#, "profiles.mine.extends: there is no profile"),
        (
            "profiles.mine",
            r#"{ extends = "nowistay", method = "GET" }"#,
            "profiles.mine.method: \"GET\" is not one of",
        ),
        (
            "profiles.nowistay",
            "{ headrs = {} }",
            "profiles.nowistay.headrs: unknown key: did you mean `headers`?",
        ),
        (
            "profiles.mine",
            r#"{ extends = "bookingkit", auth = { deployment = { type = "oauth2_client_credentials", token_url = "https://10.0.0.1/", client_id = "a", client_secret_env = "B" } } }"#,
            "profiles.mine.auth.deployment.token_url: is refused",
        ),
        ("event_types.table", "{ closed = {} }", "in quotes"),
        (r#"event_types."a.b""#, r#"{ schema = { type = "text" } }"#, "schema: /type "),
        (
            r#"event_types."a.b""#,
            r#"{ schema = { "$ref" = "https://example.com/" } }"#,
            "schema: /$ref leads out",
        ),
        ("event_types.\"a b\"", "{}", "letters"),
    ] {
        let error =
            file(&setting(key, value)).err().unwrap_or_else(|| panic!("{key} = {value} was accepted"));
        let section = key.split('.').next().unwrap();
        assert!(error.starts_with("test.toml: ") && error.contains(section), "{key} = {value}: {error}");
        assert!(error.contains(said), "{key} = {value}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

/// Nodes that share a database share its key: a key file of one of them would not do.
#[test]
fn postgresql_takes_a_key() {
    let text = setting("database.url", r#""postgres://localhost/x""#);
    let error = file(&text).err().unwrap_or_default();
    assert!(error.starts_with("test.toml: secrets.key: is missing: "), "{error}");
    let key = setting("secrets.key", r#""AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=""#);
    assert!(file(&(text + &key)).is_ok());
}

#[test]
fn variables_are_read_as_text_or_as_toml() {
    for (name, value, said) in [
        ("STAYHOOK_DELIVERY__TIMEOUT", "", "is empty"),
        ("STAYHOOK_DELIVERY__CONCURRENCY", "", "is empty"),
        ("STAYHOOK_EGRESS__ALLOW", "127.0.0.0/8", "expected a list"),
        ("STAYHOOK_EGRESS__ALLOW", "[]\nports = [1]", "expected a list"),
        ("STAYHOOK_EGRESS__PORTS", "[443", "expected a list"),
        ("STAYHOOK_DELIVERY", "10s", "expected a table"),
    ] {
        let error = variable(name, value).err().unwrap_or_else(|| panic!("{name}={value} was accepted"));
        assert!(error.starts_with(name) && error.contains(said), "{error}");
    }
}

#[test]
fn broken_toml_names_the_line() {
    let error = file("[server]\nlisten = ").err().unwrap_or_default();
    assert!(error.starts_with("test.toml: line 2 is not valid TOML: "), "{error}");
}

#[test]
fn the_values_of_secrets_are_not_repeated() {
    let error = variable("STAYHOOK_SECRETS__KEY", "hunter2").err().unwrap_or_default();
    assert!(error.contains("secrets.key") && !error.contains("hunter2"), "{error}");
}

/// `deploy/stayhook.toml` shows every key with its default; keys without one stand there as
/// comments with an example.
#[test]
fn the_reference_configuration_is_true() {
    let reference = include_str!("../../../../deploy/stayhook.toml");
    let config = file(reference).unwrap_or_else(|error| panic!("{error}"));
    assert!(config == Config::default(), "the reference configuration changes a default");

    let shown: BTreeSet<String> = shown_keys(reference);
    let known: BTreeSet<String> = KEYS.iter().map(|key| key.name.to_owned()).collect();
    assert_eq!(shown, known);
}

#[test]
fn the_examples_in_the_reference_configuration_are_valid() {
    let reference = include_str!("../../../../deploy/stayhook.toml");
    let examples: Vec<String> = reference.lines().map(uncommented).collect();
    // JWT keys come from one place, so one of the two examples has to go.
    let text = examples.join("\n").replace("jwks_file", "# jwks_file");
    assert!(file(&text).is_ok(), "{:?}", file(&text).err());
}

fn shown_keys(reference: &str) -> BTreeSet<String> {
    let mut section = "";
    let mut keys = BTreeSet::new();
    let lines: Vec<String> = reference.lines().map(uncommented).collect();
    for line in &lines {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            keys.insert(format!("{section}.{key}"));
        }
    }
    keys.retain(|key| !key.starts_with("event_types.") && !key.starts_with("profiles.acme."));
    keys
}

/// `#key = value` is an example, `# words` is prose.
fn uncommented(line: &str) -> String {
    match line.strip_prefix('#') {
        Some(example) if !example.is_empty() && !example.starts_with(' ') => example.to_owned(),
        _ => line.to_owned(),
    }
}

proptest! {
    #[test]
    fn reading_is_total(text in ".{0,200}", name in "STAYHOOK_[A-Z_]{0,30}", value in ".{0,60}") {
        let _ = Config::of(&text, &[(&name, &value)]);
    }

    #[test]
    fn ratios_keep_their_thousandths(jitter in 0_u32..=1_000) {
        let text = setting("retry.jitter", &format!("{}.{:03}", jitter / 1_000, jitter % 1_000));
        prop_assert_eq!(file(&text).map(|config| config.retry.jitter), Ok(Ratio(jitter)));
    }
}
