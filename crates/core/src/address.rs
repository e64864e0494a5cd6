//! Which addresses an attempt may connect to: public ones, and those that the operator names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Why an address is never called, as the kind of block it lies in: `loopback`, `private`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} addresses are not public")]
pub struct Refusal(pub &'static str);

/// The operator's exemptions from the rule that only public addresses are called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressRules {
    /// Networks whose addresses are admitted although they are not public (`egress.allow`).
    /// Each admits exactly the addresses that it names: an IPv4 network does not admit
    /// `::ffff:a.b.c.d`, and no network admits an IPv6 address that stands for an IPv4 one.
    pub allow: Vec<IpNet>,
}

impl AddressRules {
    /// Whether an attempt may connect to `address`.
    ///
    /// # Errors
    /// When the address is not public and no exemption names it.
    pub fn judge(&self, address: IpAddr) -> Result<(), Refusal> {
        let block = match address {
            IpAddr::V4(address) => special_ipv4(address),
            IpAddr::V6(address) => special_ipv6(address),
        };
        match block {
            None => Ok(()),
            Some(_) if self.exempts(address) => Ok(()),
            Some(block) => Err(Refusal(block)),
        }
    }

    fn exempts(&self, address: IpAddr) -> bool {
        let disguised = matches!(address, IpAddr::V6(address) if stands_for_ipv4(address));
        !disguised && self.allow.iter().any(|network| network.contains(&address))
    }
}

/// The block of the IANA IPv4 Special-Purpose Address Registry (RFC 6890 and later) that holds the
/// address; also multicast (RFC 5771), and the one address under which Azure serves its instance
/// metadata. Anycast services that the registry lists as reachable are refused too: no webhook
/// lives there.
fn special_ipv4(address: Ipv4Addr) -> Option<&'static str> {
    Some(match address.octets() {
        [0, ..] => "unspecified",
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => "private",
        [100, 64..=127, ..] => "carrier-grade NAT",
        [127, ..] => "loopback",
        [169, 254, ..] => "link-local",
        [168, 63, 129, 16] => "cloud metadata",
        [192, 0, 0, _] => "protocol assignment",
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => "documentation",
        [192, 31, 196, _] | [192, 175, 48, _] => "AS112",
        [192, 52, 193, _] => "multicast tunnelling",
        [192, 88, 99, _] => "6to4 relay",
        [198, 18..=19, ..] => "benchmarking",
        [224..=239, ..] => "multicast",
        [255, 255, 255, 255] => "broadcast",
        [240..=255, ..] => "reserved",
        _ => return None,
    })
}

/// The reason why an IPv6 address is not public: it lies outside 2000::/3, the only space that
/// IANA has opened for global unicast, or in a special-purpose block inside it.
fn special_ipv6(address: Ipv6Addr) -> Option<&'static str> {
    Some(match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => "unspecified",
        [0, 0, 0, 0, 0, 0, 0, 1] => "loopback",
        [0, 0, 0, 0, 0, 0xffff, ..] => "IPv4-mapped",
        [0x64, 0xff9b, ..] => "IPv4-translated",
        [0x2001, 0x0000..=0x01ff, ..] => "protocol assignment",
        [0x2001, 0x0db8, ..] | [0x3fff, 0x0000..=0x0fff, ..] => "documentation",
        [0x2002, ..] => "6to4",
        [0x2000..=0x3fff, ..] => return None,
        [0xfc00..=0xfdff, ..] => "private",
        [0xfe80..=0xfebf, ..] => "link-local",
        [0xff00..=0xffff, ..] => "multicast",
        _ => "reserved",
    })
}

/// Whether an IPv6 address carries an IPv4 address to which the system or a gateway passes the
/// connection on: IPv4-compatible and -mapped (RFC 4291), NAT64 (RFC 6052, RFC 8215), Teredo
/// (RFC 4380) and 6to4 (RFC 3056).
fn stands_for_ipv4(address: Ipv6Addr) -> bool {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => false,
        [0, 0, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0, 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => true,
        [0x64, 0xff9b, ..] | [0x2001, 0, ..] | [0x2002, ..] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn allowing(networks: &[&str]) -> AddressRules {
        AddressRules { allow: networks.iter().map(|network| network.parse().unwrap()).collect() }
    }

    fn admits(rules: &AddressRules, address: &str) -> bool {
        rules.judge(address.parse().unwrap()).is_ok()
    }

    #[test]
    fn public_ipv6_is_an_allow_list() {
        let rules = AddressRules::default();
        for public in ["2000::", "2001:200::1", "2001:4860:4860::8888", "2606:4700::1111", "2a00:1450::1"] {
            assert!(admits(&rules, public), "{public}");
        }
        for edge in ["2001:db7:ffff::", "2001:db9::", "2001:ffff::", "2003::", "3ffe:ffff::", "3fff:1000::"] {
            assert!(admits(&rules, edge), "{edge}");
        }
        let special = [
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::127.0.0.1", "reserved"),
            ("::ffff:8.8.8.8", "IPv4-mapped"),
            ("::ffff:0:8.8.8.8", "reserved"),
            ("64:ff9b::8.8.8.8", "IPv4-translated"),
            ("64:ff9b:1::a00:1", "IPv4-translated"),
            ("100::1", "reserved"),
            ("1fff:ffff::", "reserved"),
            ("2001::1", "protocol assignment"),
            ("2001:1ff:ffff::", "protocol assignment"),
            ("2001:db8::1", "documentation"),
            ("2002:7f00:1::", "6to4"),
            ("3fff::1", "documentation"),
            ("3fff:fff:ffff::", "documentation"),
            ("4000::", "reserved"),
            ("5f00::1", "reserved"),
            ("fd00:ec2::254", "private"),
            ("fe80::1", "link-local"),
            ("fec0::1", "reserved"),
            ("ff02::1", "multicast"),
        ];
        for (address, block) in special {
            assert_eq!(rules.judge(address.parse().unwrap()), Err(Refusal(block)), "{address}");
        }
    }

    #[test]
    fn special_ipv4_blocks_have_edges() {
        let rules = AddressRules::default();
        let blocks = [
            ("0.0.0.0", "0.255.255.255", "unspecified", "1.0.0.0"),
            ("10.0.0.0", "10.255.255.255", "private", "11.0.0.0"),
            ("100.64.0.0", "100.127.255.255", "carrier-grade NAT", "100.128.0.0"),
            ("127.0.0.0", "127.255.255.255", "loopback", "128.0.0.0"),
            ("168.63.129.16", "168.63.129.16", "cloud metadata", "168.63.129.17"),
            ("169.254.0.0", "169.254.255.255", "link-local", "169.255.0.0"),
            ("172.16.0.0", "172.31.255.255", "private", "172.32.0.0"),
            ("192.0.0.0", "192.0.0.255", "protocol assignment", "192.0.1.0"),
            ("192.0.2.0", "192.0.2.255", "documentation", "192.0.3.0"),
            ("192.31.196.0", "192.31.196.255", "AS112", "192.31.197.0"),
            ("192.52.193.0", "192.52.193.255", "multicast tunnelling", "192.52.194.0"),
            ("192.88.99.0", "192.88.99.255", "6to4 relay", "192.88.100.0"),
            ("192.168.0.0", "192.168.255.255", "private", "192.169.0.0"),
            ("192.175.48.0", "192.175.48.255", "AS112", "192.175.49.0"),
            ("198.18.0.0", "198.19.255.255", "benchmarking", "198.20.0.0"),
            ("198.51.100.0", "198.51.100.255", "documentation", "198.51.101.0"),
            ("203.0.113.0", "203.0.113.255", "documentation", "203.0.114.0"),
            ("224.0.0.0", "239.255.255.255", "multicast", "223.255.255.255"),
            ("240.0.0.0", "255.255.255.254", "reserved", "223.255.255.254"),
            ("255.255.255.255", "255.255.255.255", "broadcast", "8.8.8.8"),
        ];
        for (first, last, block, outside) in blocks {
            for address in [first, last] {
                assert_eq!(rules.judge(address.parse().unwrap()), Err(Refusal(block)), "{address}");
            }
            assert!(admits(&rules, outside), "{outside}");
        }
        for before in
            ["9.255.255.255", "100.63.255.255", "126.255.255.255", "172.15.255.255", "198.17.255.255"]
        {
            assert!(admits(&rules, before), "{before}");
        }
    }

    #[test]
    fn an_exemption_admits_exactly_what_it_names() {
        let rules = allowing(&["127.0.0.0/8", "10.1.2.3/32", "fd00:1::/32", "::1/128"]);
        for named in ["127.0.0.1", "127.255.255.255", "10.1.2.3", "fd00:1::9", "::1", "8.8.8.8"] {
            assert!(admits(&rules, named), "{named}");
        }
        for other in ["10.1.2.4", "fd00:2::9", "::", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1"] {
            assert!(!admits(&rules, other), "{other}");
        }
    }

    #[test]
    fn no_exemption_admits_an_ipv4_address_in_disguise() {
        let rules = allowing(&["0.0.0.0/0", "::/0", "::ffff:0:0/96", "64:ff9b::/96", "2002::/16"]);
        let disguises = ["::ffff:10.0.0.1", "::10.0.0.1", "::ffff:0:10.0.0.1", "64:ff9b::a00:1"];
        let tunnels = ["64:ff9b:1::a00:1", "2002:a00:1::", "2001:0:a00:1::"];
        for disguise in disguises.into_iter().chain(tunnels) {
            assert!(!admits(&rules, disguise), "{disguise}");
        }
        assert!(admits(&rules, "10.0.0.1") && admits(&rules, "::1") && admits(&rules, "fe80::1"));
    }

    proptest! {
        /// The rule of the design, written as prefixes instead of patterns.
        #[test]
        fn ipv6_agrees_with_its_prefixes(bits: u128, within in 0..4_usize) {
            let inside = |bits: u128, network: &str| {
                network.parse::<IpNet>().unwrap().contains(&IpAddr::from(Ipv6Addr::from(bits)))
            };
            let top = [bits, bits >> 3 | 0x2 << 124, bits >> 16 | 0x2001 << 112, bits >> 16 | 0x3fff << 112];
            let bits = top[within];
            let public = inside(bits, "2000::/3")
                && !["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"].iter().any(|it| inside(bits, it));
            let judged = AddressRules::default().judge(IpAddr::from(Ipv6Addr::from(bits)));
            prop_assert_eq!(judged.is_ok(), public);
        }
    }
}
