//! The text of a webhook's URL: what passes leads where every reader of the text expects, and to no
//! address that is not public.
#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use stayhook_core::{Host, UrlRules, WebhookUrl};

fuzz_target!(|text: &str| {
    let rules = UrlRules { require_https: false, ..UrlRules::default() };
    let Ok(url) = WebhookUrl::parse(text, &rules) else { return };
    assert_eq!(url.as_str(), text, "the form that was given is kept");
    let read = url::Url::parse(text).expect("a WHATWG URL");
    assert_eq!(read.port_or_known_default(), Some(url.port()));
    assert!(read.username().is_empty() && read.password().is_none() && read.fragment().is_none());
    let host = read.host_str().expect("a host");
    match url.host() {
        Host::Ip(address) => {
            rules.addresses.judge(address).expect("a public address");
            assert!(text.contains(&address.to_string()), "it stands in the text as it is used");
            assert_eq!(host.trim_matches(['[', ']']).parse(), Ok(address));
        }
        Host::Name(name) => {
            assert_eq!(host.strip_suffix('.').unwrap_or(host), name);
            assert!(name.parse::<IpAddr>().is_err() && name.contains('.') && name.is_ascii());
            assert!(
                !name.ends_with(".localhost") && !name.ends_with(".local") && !name.ends_with(".internal")
            );
        }
    }
    http::uri::PathAndQuery::try_from(url.path_and_query()).expect("a request target");
    http::HeaderValue::from_str(url.authority()).expect("a Host header");
});
