//! `check-url`: the rules on the text, and on the addresses of the name.

use std::net::IpAddr;

use stayhook_testkit::Dns;

use crate::support::Sandbox;

#[test]
fn urls_are_refused_by_the_rule_that_they_break() {
    let sandbox = Sandbox::new();
    for (url, rule) in [
        ("http://hooks.example.com/", "https_required"),
        ("ftp://hooks.example.com/", "scheme"),
        ("/relative", "not_absolute"),
        ("https://user:pass@hooks.example.com/", "user_info"),
        ("https://hooks.example.com/#part", "fragment"),
        ("https://hooks.example.com/a b", "space"),
        ("https://hooks.example.com\\@127.0.0.1/", "backslash"),
        ("https://localhost/", "local_name"),
        ("https://printer.local/", "local_name"),
        ("https://intranet/", "single_label"),
        ("https://127.0.0.1/", "private_address"),
        ("https://169.254.169.254/latest/meta-data", "private_address"),
        ("https://[::1]/", "private_address"),
        ("https://0x5db8d70e/", "non_canonical_ip"),
        ("https://hooks.example.com:22/", "port"),
    ] {
        let ran = sandbox.run(&["check-url", url]).exits(1);
        assert!(ran.stdout.starts_with(&format!("refused ({rule}): ")), "{url}: {ran:?}");
    }
    let long = format!("https://hooks.example.com/{}", "a".repeat(2048));
    assert!(sandbox.run(&["check-url", &long]).exits(1).stdout.contains("(too_long)"));
}

#[test]
fn public_addresses_need_no_resolution() {
    let ran = Sandbox::new().run(&["check-url", "https://93.184.215.14/hook"]).exits(0);
    assert_eq!(ran.stdout, "accepted: may be sent to at 93.184.215.14:443\n");
}

#[test]
fn the_configuration_decides() {
    let sandbox = Sandbox::new()
        .env("STAYHOOK_EGRESS__REQUIRE_HTTPS", "false")
        .env("STAYHOOK_EGRESS__ALLOW", r#"["127.0.0.0/8"]"#);
    sandbox.run(&["check-url", "http://127.0.0.1:9000/"]).exits(0);
    sandbox.run(&["check-url", "http://127.0.0.1:22/"]).exits(1);
    sandbox.run(&["check-url", "http://10.0.0.1:9000/"]).exits(1);
    sandbox
        .run(&["check-url", "https://a.example.com/", "--set", "egress.ca_file=nope.pem"])
        .is_trouble(&["egress.ca_file", "nope.pem"]);
}

#[tokio::test]
async fn names_are_resolved_and_every_address_is_judged() {
    let dns = Dns::start().await.unwrap();
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    dns.answer("good.example.com", vec![ip("93.184.215.14")]);
    dns.answer("inside.example.com", vec![ip("10.0.0.1")]);
    dns.answer("mixed.example.com", vec![ip("93.184.215.14"), ip("127.0.0.1")]);
    dns.nxdomain("gone.example.com");
    let nameservers = format!("[\"{}\"]", dns.addr());
    let check = async |name: &str| {
        let url = format!("https://{name}/hook");
        let nameservers = nameservers.clone();
        let run = move || {
            Sandbox::new().env("STAYHOOK_EGRESS__NAMESERVERS", &nameservers).run(&["check-url", &url])
        };
        tokio::task::spawn_blocking(run).await.unwrap()
    };
    let good = check("good.example.com").await.exits(0);
    assert_eq!(good.stdout, "accepted: may be sent to at 93.184.215.14:443\n");
    for (name, rule) in [
        ("inside.example.com", "blocked_address"),
        ("mixed.example.com", "blocked_address"),
        ("gone.example.com", "dns"),
    ] {
        let ran = check(name).await.exits(1);
        assert!(ran.stdout.starts_with(&format!("refused ({rule}): ")), "{name}: {ran:?}");
    }
}
