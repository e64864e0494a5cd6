//! What is asked of the executable: addresses, and texts that some reader takes for them.

use std::net::IpAddr;

/// The two addresses that may be called.
pub(crate) const PUBLIC_V4: &str = "93.184.215.14";
pub(crate) const PUBLIC_V6: &str = "2606:2800:220:1::14";

/// Where a proxy of the environment, the target of redirects, and a schema to fetch would be.
pub(crate) const PROXY: &str = "10.99.0.1";
pub(crate) const REDIRECTED_TO: &str = "10.99.0.2";
pub(crate) const SCHEMA_HOST: &str = "10.99.0.3";

/// Addresses that are not public, of every kind, and IPv6 addresses that stand for such.
pub(crate) const FORBIDDEN: &[&str] = &[
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.254",
    "192.0.0.8",
    "192.0.2.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::10.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0:10.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::a00:1",
    "2001:0:a00:1::f5ff:fffe",
    "2001:db8::1",
    "2002:a00:1::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
];

/// URLs that are refused when they are registered: other spellings of such addresses, local names, and
/// texts that readers of URLs disagree about.
pub(crate) const TRICKS: &[&str] = &[
    // One address in many notations.
    "http://127.1/",
    "http://127.0.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://0x7f.0.0.0x1/",
    "http://0X7F.0.0.1/",
    "http://127.0.0.1./",
    "http://127.0.0.01/",
    "http://127\u{3002}0\u{3002}0\u{3002}1/",
    "http://\u{ff11}\u{ff12}\u{ff17}.0.0.1/",
    "http://\u{2460}\u{2461}\u{2466}.0.0.1/",
    "http://%31%32%37.0.0.1/",
    "http://127.0.0.1%2e/",
    "http://0/",
    "http://00000000/",
    "http://012.0.0.1/",
    "http://167772161/",
    "http://10.1/",
    "http://0xa9fea9fe/",
    "http://2852039166/",
    "http://0251.0376.0251.0376/",
    "http://4294967295/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:0x7f.1]/",
    "http://[0000::1]/",
    "http://[fe80::1%25lo]/",
    "http://[::1%lo]/",
    // A public address in a notation that others read as another one.
    "http://0x5db8d70e/",
    "http://0135.0270.0327.016/",
    // Names of this machine and of this network.
    "http://localhost/",
    "http://LocalHost./",
    "http://a.localhost/",
    "http://\u{24db}ocalhost/",
    "http://metadata.google.internal/",
    "http://printer.local/",
    "http://intranet/",
    // Texts that are read in two ways.
    "http://public.example.com@10.0.0.1/",
    "http://public.example.com:80@10.0.0.1/",
    "http://10.0.0.1#@public.example.com/",
    "http://10.0.0.1\\@public.example.com/",
    "http://public.example.com\\@10.0.0.1/",
    "http:\\\\10.0.0.1/",
    "http:10.0.0.1/",
    "http:/10.0.0.1/",
    "http:///10.0.0.1/",
    "//10.0.0.1/",
    " http://10.0.0.1/",
    "http://10.0.0.1\t/",
    "ht\ntp://10.0.0.1/",
    "http://10.0.0.1,public.example.com/",
    "http://[::1]public.example.com/",
    // Ports and schemes that carry no webhooks.
    "http://public.example.com:22/",
    "http://public.example.com:0/",
    "gopher://10.0.0.1:80/",
    "ftp://10.0.0.1/",
    "file:///etc/passwd",
];

/// Reads an address.
pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The URL of an address.
pub(crate) fn url_of(address: &str) -> String {
    if address.contains(':') { format!("http://[{address}]/") } else { format!("http://{address}/") }
}
