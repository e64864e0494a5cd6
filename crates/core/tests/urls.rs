//! What may be registered as a webhook's URL, and which rule refuses the rest.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;
use stayhook_core::{AddressRules, Host, Scheme, UrlError, UrlRules, WebhookUrl};

fn refused_by(url: &str) -> &'static str {
    WebhookUrl::parse(url, &UrlRules::default()).map_or_else(|error| error.rule(), |_| "accepted")
}

#[test]
fn urls_are_equal_in_the_form_in_which_they_were_given() {
    let url = |text| WebhookUrl::parse(text, &UrlRules::default()).unwrap();
    assert_eq!(url("https://hooks.example.com/a"), url("https://hooks.example.com/a"));
    assert_ne!(url("https://hooks.example.com/a"), url("https://hooks.example.com/b"));
    assert_ne!(url("https://hooks.example.com/"), url("https://Hooks.example.com/"));
    assert_eq!(url("https://Hooks.example.com").to_string(), "https://Hooks.example.com");
}

#[test]
fn hostile_urls_are_refused_by_the_rule_that_they_break() {
    let table = [
        ("", "not_absolute"),
        ("hooks.example.com", "not_absolute"),
        ("hooks.example.com/bookings", "not_absolute"),
        ("hooks.example.com:8443/bookings", "not_absolute"),
        ("/bookings", "not_absolute"),
        ("//hooks.example.com/bookings", "not_absolute"),
        ("https:hooks.example.com", "not_absolute"),
        ("https:/hooks.example.com", "not_absolute"),
        ("https:///hooks.example.com", "not_absolute"),
        ("https://", "not_absolute"),
        ("https://?x=1", "not_absolute"),
        ("://hooks.example.com", "not_absolute"),
        ("http://hooks.example.com", "https_required"),
        ("HTTP://hooks.example.com", "https_required"),
        ("ftp://hooks.example.com", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("javascript:alert(1)", "scheme"),
        ("gopher://hooks.example.com:70/_x", "scheme"),
        ("data:text/plain,x", "scheme"),
        ("wss://hooks.example.com", "scheme"),
        ("https+unix://hooks.example.com", "scheme"),
        (" https://hooks.example.com", "space"),
        ("https://hooks.example.com ", "space"),
        ("https://hooks.example.com/a b", "space"),
        ("https://hooks.example.com/\u{a0}", "space"),
        ("https://hooks.example\u{3000}.com/", "space"),
        ("https://hooks.example.com/\u{2028}", "space"),
        ("ht\ttps://hooks.example.com", "control_character"),
        ("https://hooks.exa\nmple.com", "control_character"),
        ("https://hooks.example.com/\r\nX-Evil: 1", "control_character"),
        ("https://hooks.example.com/\0", "control_character"),
        ("https://hooks.example.com/\u{7f}", "control_character"),
        ("https://hooks.example.com/\u{85}", "control_character"),
        ("https:\\\\hooks.example.com", "backslash"),
        ("https://hooks.example.com\\@evil.example.com", "backslash"),
        ("https://hooks.example.com/a\\b", "backslash"),
        ("https://user@hooks.example.com", "user_info"),
        ("https://user:secret@hooks.example.com", "user_info"),
        ("https://@hooks.example.com", "user_info"),
        ("https://hooks.example.com:80@127.0.0.1/", "user_info"),
        ("https://hooks.example.com#top", "fragment"),
        ("https://hooks.example.com/#", "fragment"),
        ("https://hooks.example.com#@127.0.0.1/", "fragment"),
        ("https://hooks.example.com/{eventType}", "placeholder"),
        ("https://hooks.example.com/?p={propertyId}", "placeholder"),
        ("https://{x}.example.com/", "placeholder"),
        ("https://hooks.example.com:0/", "port"),
        ("https://hooks.example.com:22/", "port"),
        ("https://hooks.example.com:25/", "port"),
        ("https://hooks.example.com:1023/", "port"),
        ("https://hooks.example.com:65536/", "malformed"),
        ("https://hooks.example.com:-1/", "malformed"),
        ("https://hooks.example.com:8443x/", "malformed"),
        ("https://localhost", "local_name"),
        ("https://LOCALHOST:8443/", "local_name"),
        ("https://localhost./", "local_name"),
        ("https://api.localhost/", "local_name"),
        ("https://printer.local", "local_name"),
        ("https://printer.local./", "local_name"),
        ("https://metadata.google.internal/", "local_name"),
        ("https://metadata.google.internal./", "local_name"),
        ("https://ｌｏｃａｌｈｏｓｔ/", "local_name"),
        ("https://loc\u{ad}alhost/", "local_name"),
        ("https://intranet", "single_label"),
        ("https://com./", "single_label"),
        ("https://%6c%6fcalhost/", "host_name"),
        ("https://hooks.example.com%2f@x/", "user_info"),
        ("https://hooks..example.com/", "host_name"),
        ("https://hooks.example.com../", "host_name"),
        ("https://.example.com/", "host_name"),
        ("https://-x.example.com/", "host_name"),
        ("https://x-.example.com/", "host_name"),
        ("https://exa$mple.com/", "host_name"),
        ("https://exa!mple.com/", "host_name"),
        ("https://exa<mple.com/", "malformed"),
        ("https://xn--a/", "malformed"),
        ("https://127.0.0.1/", "private_address"),
        ("https://127.0.0.1./", "private_address"),
        ("https://127.1/", "private_address"),
        ("https://0x7f.1/", "private_address"),
        ("https://0177.0.0.1/", "private_address"),
        ("https://2130706433/", "private_address"),
        ("https://0x7f000001/", "private_address"),
        ("https://017700000001/", "private_address"),
        ("https://１２７.0.0.1/", "private_address"),
        ("https://①②⑦.0.0.1/", "private_address"),
        ("https://127。0。0。1/", "private_address"),
        ("https://0/", "private_address"),
        ("https://10.0.0.1/", "private_address"),
        ("https://172.16.0.1/", "private_address"),
        ("https://192.168.1.1:8443/", "private_address"),
        ("https://169.254.169.254/latest/meta-data/", "private_address"),
        ("https://168.63.129.16/", "private_address"),
        ("https://100.64.0.1/", "private_address"),
        ("https://224.0.0.1/", "private_address"),
        ("https://255.255.255.255/", "private_address"),
        ("https://[::]/", "private_address"),
        ("https://[::1]/", "private_address"),
        ("https://[0:0:0:0:0:0:0:1]/", "private_address"),
        ("https://[::ffff:127.0.0.1]/", "private_address"),
        ("https://[::ffff:7f00:1]/", "private_address"),
        ("https://[64:ff9b::7f00:1]/", "private_address"),
        ("https://[2002:7f00:1::]/", "private_address"),
        ("https://[fd00:ec2::254]/", "private_address"),
        ("https://[fe80::1]/", "private_address"),
        ("https://[fe80::1%25eth0]/", "host_name"),
        ("https://[::1/", "malformed"),
        ("https://[hooks.example.com]/", "malformed"),
        ("https://8.8.8/", "non_canonical_ip"),
        ("https://134744072/", "non_canonical_ip"),
        ("https://0x8.8.8.8/", "non_canonical_ip"),
        ("https://010.8.8.8/", "non_canonical_ip"),
        ("https://8.8.8.8./", "non_canonical_ip"),
        ("https://８.8.8.8/", "non_canonical_ip"),
        ("https://[2606:4700:0:0::1111]/", "non_canonical_ip"),
        ("https://[2606:4700::ABCD]/", "non_canonical_ip"),
        ("https://1.2.3.4.5/", "malformed"),
        ("https://256.1.1.1/", "malformed"),
        ("https://hooks.example.0x7f/", "malformed"),
    ];
    for (url, rule) in table {
        assert_eq!(refused_by(url), rule, "{url:?}");
    }
}

#[test]
fn ordinary_urls_are_accepted_and_kept_as_given() {
    // URL, authority, port, path and query
    let table = [
        ("https://hooks.example.com", "hooks.example.com", 443, "/"),
        ("https://hooks.example.com/bookings", "hooks.example.com", 443, "/bookings"),
        ("HTTPS://Hooks.Example.COM/Bookings", "hooks.example.com", 443, "/Bookings"),
        ("https://hooks.example.com:443/a", "hooks.example.com", 443, "/a"),
        ("https://hooks.example.com:8443/a?b=c&d", "hooks.example.com:8443", 8443, "/a?b=c&d"),
        ("https://hooks.example.com:80/", "hooks.example.com:80", 80, "/"),
        ("https://hooks.example.com?token=a@b", "hooks.example.com", 443, "/?token=a@b"),
        ("https://hooks.example.com/@me/x:y", "hooks.example.com", 443, "/@me/x:y"),
        ("https://hooks.example.com./x", "hooks.example.com.", 443, "/x"),
        ("https://hooks.example.com/a/../b/./c", "hooks.example.com", 443, "/b/c"),
        ("https://hooks.example.com/%7BeventType%7D", "hooks.example.com", 443, "/%7BeventType%7D"),
        ("https://my_app.example.com/", "my_app.example.com", 443, "/"),
        ("https://bücher.example/größe", "xn--bcher-kva.example", 443, "/gr%C3%B6%C3%9Fe"),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443, "/"),
        ("https://8.8.8.8/x", "8.8.8.8", 443, "/x"),
        ("https://[2606:4700::1111]:8443/", "[2606:4700::1111]:8443", 8443, "/"),
        ("https://localhost.example.com/", "localhost.example.com", 443, "/"),
        ("https://internal.example.com/", "internal.example.com", 443, "/"),
        ("https://127.0.0.1.example.com/", "127.0.0.1.example.com", 443, "/"),
    ];
    for (text, authority, port, target) in table {
        let url = WebhookUrl::parse(text, &UrlRules::default()).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!((url.authority(), url.port(), url.path_and_query()), (authority, port, target));
        assert_eq!((url.as_str(), url.scheme()), (text, Scheme::Https));
    }
}

#[test]
fn hosts_are_names_without_their_final_dot_or_addresses() {
    let host_of = |text: &str| {
        let url = WebhookUrl::parse(text, &UrlRules::default()).unwrap();
        match url.host() {
            Host::Name(name) => name.to_owned(),
            Host::Ip(address) => address.to_string(),
        }
    };
    assert_eq!(host_of("https://Hooks.Example.com.:8443/"), "hooks.example.com");
    assert_eq!(host_of("https://[2606:4700::1111]/"), "2606:4700::1111");
}

#[test]
fn length_is_counted_in_characters() {
    let base = "https://hooks.example.com/";
    let fits = format!("{base}{}", "ü".repeat(2048 - base.len()));
    assert_eq!(refused_by(&fits), "accepted");
    assert_eq!(refused_by(&format!("{fits}ü")), "too_long");
    let label = "a".repeat(63);
    let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    assert_eq!(refused_by(&format!("https://{longest}/")), "accepted");
    assert_eq!(refused_by(&format!("https://{longest}a/")), "host_name");
    assert_eq!(refused_by(&format!("https://a{label}.example.com/")), "host_name");
}

#[test]
fn a_deployment_may_admit_http_ports_and_networks() {
    let rules = UrlRules {
        require_https: false,
        ports: vec![8080, 22],
        addresses: AddressRules { allow: vec!["127.0.0.0/8".parse().unwrap()] },
    };
    let judged = |url| WebhookUrl::parse(url, &rules).map(|url| url.authority().to_owned());
    assert_eq!(judged("http://127.0.0.1:8080/x"), Ok("127.0.0.1:8080".into()));
    assert_eq!(judged("https://hooks.example.com:22/x"), Ok("hooks.example.com:22".into()));
    let refusal = judged("https://hooks.example.com/x").unwrap_err();
    assert_eq!(refusal.to_string(), "port 443 may not be called: use one of 8080, 22");
    assert_eq!(judged("http://127.1:8080/").map_err(|e| e.rule()), Err("non_canonical_ip"));
    assert_eq!(judged("http://[::ffff:7f00:1]:8080/").map_err(|e| e.rule()), Err("private_address"));
    assert_eq!(judged("http://localhost:8080/").map_err(|e| e.rule()), Err("local_name"));
}

#[test]
fn errors_say_what_to_do() {
    let words = |url| WebhookUrl::parse(url, &UrlRules::default()).map_err(|e: UrlError| e.to_string());
    assert_eq!(
        words("https://134744072/").unwrap_err(),
        "the host is an address in an unusual form: write it as 8.8.8.8"
    );
    assert_eq!(
        words("https://10.0.0.1/").unwrap_err(),
        "the host is an address that may not be called (private addresses are not public): use a public one"
    );
}

/// Texts near to URLs: every position filled from a set of tricky pieces.
fn nearly_urls() -> impl Strategy<Value = String> {
    let scheme = prop_oneof!["https://", "https:/", "https:", "http://", "HTTPS://", "https:\\\\", "//", ""];
    let piece = prop_oneof![
        "[a-z0-9.:@\\[\\]%#?/\\\\-]{0,12}",
        "(0x)?[0-9a-f]{1,8}",
        "[0-9]{1,3}(\\.[0-9]{1,3}){0,4}",
        "127\\.0\\.0\\.1|localhost|internal|::1|::ffff:10\\.0\\.0\\.1|①|１|。|\u{ad}|xn--",
        "example\\.com",
    ];
    (scheme, proptest::collection::vec(piece, 0..5)).prop_map(|(scheme, pieces)| scheme + &pieces.concat())
}

/// An address as `inet_aton` reads it: 1 to 4 parts, decimal, octal or hexadecimal.
fn inet_aton(text: &str) -> Option<Ipv4Addr> {
    let number = |part: &str| match part {
        _ if part.starts_with("0x") => u32::from_str_radix(&part[2..], 16).ok(),
        _ if part.len() > 1 && part.starts_with('0') => u32::from_str_radix(part, 8).ok(),
        _ => part.parse().ok(),
    };
    let parts: Vec<u32> = text.split('.').map(number).collect::<Option<_>>()?;
    let (last, leading) = parts.split_last()?;
    let high = leading.iter().try_fold(0_u32, |sum, &part| (part < 256).then_some(sum << 8 | part))?;
    let shift = 32 - 8 * u32::try_from(leading.len()).ok().filter(|&n| n < 4)?;
    Some(Ipv4Addr::from(high.checked_shl(shift).unwrap_or(0) | last))
}

proptest! {
    #[test]
    fn any_text_is_judged(text in "\\PC{0,80}", raw: String) {
        let _ = WebhookUrl::parse(&text, &UrlRules::default());
        let _ = WebhookUrl::parse(&raw, &UrlRules::default());
        let _ = WebhookUrl::parse(&format!("https://{text}"), &UrlRules::default());
    }

    /// No accepted host reads, in any notation, as an address that is not public.
    #[test]
    fn nothing_accepted_names_a_private_address(text in nearly_urls()) {
        let rules = UrlRules { require_https: false, ..UrlRules::default() };
        if let Ok(url) = WebhookUrl::parse(&text, &rules) {
            match url.host() {
                Host::Ip(address) => {
                    prop_assert!(rules.addresses.judge(address).is_ok());
                    prop_assert!(text.contains(&address.to_string()));
                }
                Host::Name(name) => {
                    prop_assert!(name.parse::<IpAddr>().is_err() && inet_aton(name).is_none(), "{name}");
                    prop_assert!(name.contains('.') && !name.ends_with(".local"));
                }
            }
        }
    }

    /// What was checked is what is used: the parts, put together again, say the same.
    #[test]
    fn parts_read_back(text in nearly_urls()) {
        let rules = UrlRules { require_https: false, ..UrlRules::default() };
        if let Ok(url) = WebhookUrl::parse(&text, &rules) {
            let scheme = if url.scheme() == Scheme::Https { "https" } else { "http" };
            let again = format!("{scheme}://{}{}", url.authority(), url.path_and_query());
            let again = WebhookUrl::parse(&again, &rules).unwrap();
            prop_assert_eq!(again.host(), url.host());
            prop_assert_eq!(again.port(), url.port());
            prop_assert_eq!(again.path_and_query(), url.path_and_query());
        }
    }
}
