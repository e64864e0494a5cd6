//! Receivers that attack whoever calls them.

use std::time::Duration;

use bytes::Bytes;
use stayhook_testkit::{Receiver, Reply, TestCa};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::bomb;

/// How an attempt may end: delivered, or with an error that begins so.
type Ends = &'static [&'static str];

const DELIVERED: Ends = &["delivered"];
const TIMEOUT: Ends = &["timeout: "];
const PROTOCOL: Ends = &["protocol: "];
const TOO_LARGE: Ends = &["too_large: "];
const STATUS: Ends = &["status: "];
const TLS: Ends = &["tls: "];

/// One kind of attack.
pub(crate) struct Beast {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) ends: Ends,
}

/// All of them, for as long as this lives.
pub(crate) struct Zoo {
    pub(crate) beasts: Vec<Beast>,
    pub(crate) ca: TestCa,
    _receivers: Vec<Receiver>,
    _cages: JoinSet<()>,
}

impl Zoo {
    pub(crate) async fn open() -> Self {
        let (ca, mut cages) = (TestCa::new(), JoinSet::new());
        let plain = Receiver::start().await.unwrap();
        let secret = Receiver::start_tls(ca.issue(&["127.0.0.1"])).await.unwrap();
        let mut beasts = Vec::new();
        for receiver in [&plain, &secret] {
            receiver.reply(|request| {
                let name = request.path.trim_start_matches('/');
                attacks().into_iter().find(|(it, ..)| *it == name).expect("a known attack").1
            });
            for (name, _, ends) in attacks() {
                let url = receiver.url(&format!("/{name}"));
                beasts.push(Beast { name: url.clone(), url, ends });
            }
        }
        for shake in handshakes() {
            let (name, ends) = (shake.name.to_owned(), shake.ends);
            let url = cage(&mut cages, shake).await;
            beasts.push(Beast { name, url, ends });
        }
        Self { beasts, ca, _receivers: vec![plain, secret], _cages: cages }
    }
}

fn endless(start: &str, piece: impl AsRef<[u8]>) -> Reply {
    Reply::Endless {
        start: Bytes::copy_from_slice(start.as_bytes()),
        piece: Bytes::copy_from_slice(piece.as_ref()),
    }
}

fn drip(start: &str, piece: &str) -> Reply {
    let (start, piece) = (start.to_owned().into(), piece.to_owned().into());
    Reply::Drip { start, piece, every: Duration::from_millis(200) }
}

/// What is done with a request.
fn attacks() -> Vec<(&'static str, Reply, Ends)> {
    let ok = "HTTP/1.1 200 OK\r\n";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let patience = |status, value| Reply::status(status).header("Retry-After", value);
    let gzip = |reply: Reply| reply.header("Content-Encoding", "gzip");
    let late = Reply::raw("HTTP/1.1 500 Late\r\nContent-Length: 0\r\n\r\n").after(Duration::from_millis(20));
    vec![
        ("endless-status-line", endless("HTTP/1.1 200 ", [b'x'; 4096]), TOO_LARGE),
        ("endless-header", endless("HTTP/1.1 200 OK\r\nX: ", [b'x'; 4096]), TOO_LARGE),
        ("endless-headers", endless(ok, "X: y\r\n".repeat(100)), TOO_LARGE),
        ("dripping-headers", drip(ok, "X: y\r\n"), TIMEOUT),
        ("endless-body", endless("HTTP/1.1 200 OK\r\n\r\n", [b'x'; 8192]), DELIVERED),
        ("endless-chunks", endless(chunked, "4\r\nspam\r\n".repeat(100)), DELIVERED),
        ("endless-extension", endless(&format!("{chunked}1;x="), [b'x'; 8192]), DELIVERED),
        ("endless-trailers", endless(&format!("{chunked}0\r\n"), "X: y\r\n".repeat(100)), DELIVERED),
        ("immense-chunk", endless(&format!("{chunked}fffffffffffffff\r\n"), [b'x'; 8192]), DELIVERED),
        (
            "immense-length",
            endless("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n", [b'x'; 8192]),
            DELIVERED,
        ),
        ("dripping-body", drip("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", "x"), DELIVERED),
        ("dripping-failure", drip("HTTP/1.1 500 No\r\nContent-Length: 9999\r\n\r\n", "x"), STATUS),
        ("gzip-bomb", gzip(Reply::status(200)).body(bomb::gzip(64_000)), DELIVERED),
        (
            "endless-gzip-bomb",
            endless("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", bomb::gzip(64_000)),
            DELIVERED,
        ),
        ("interim-flood", endless("", "HTTP/1.1 102 Processing\r\n\r\n".repeat(50)), PROTOCOL),
        ("interim-drip", drip("", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"), PROTOCOL),
        (
            "switch",
            Reply::raw("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
            PROTOCOL,
        ),
        (
            "two-lengths",
            Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
            PROTOCOL,
        ),
        ("negative-length", Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), PROTOCOL),
        (
            "immense-number",
            Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n"),
            PROTOCOL,
        ),
        ("early-close", Reply::Drop, PROTOCOL),
        ("close-amid-headers", Reply::raw("HTTP/1.1 200 OK\r\nX-Ha").then(Reply::Drop), PROTOCOL),
        (
            "close-amid-body",
            Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal").then(Reply::Drop),
            DELIVERED,
        ),
        ("garbage", endless("\0\u{1}\u{2}", [0xfe; 4096]), PROTOCOL),
        ("another-protocol", Reply::raw("220 mail.example.com ESMTP\r\n").then(Reply::Hang), PROTOCOL),
        ("late-answer", Reply::status(200).then(late), DELIVERED),
        ("two-answers", Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".repeat(2)), DELIVERED),
        ("retry-inf", patience(429, "inf"), STATUS),
        ("retry-negative", patience(503, "-1"), STATUS),
        ("retry-year-9999", patience(503, "Fri, 31 Dec 9999 23:59:59 GMT"), STATUS),
        ("retry-many-digits", patience(429, "99999999999999999999999999"), STATUS),
        ("redirect-to-itself", Reply::status(307).header("Location", "/redirect-to-itself"), &["redirect: "]),
        ("silence", Reply::Hang, TIMEOUT),
    ]
}

/// What is said instead of a TLS handshake.
struct Handshake {
    name: &'static str,
    /// At first.
    start: Vec<u8>,
    /// Then again and again, after this pause.
    piece: Vec<u8>,
    every: Duration,
    ends: Ends,
}

fn handshakes() -> Vec<Handshake> {
    let (slowly, at_once) = (Duration::from_millis(200), Duration::ZERO);
    let record = |kind: u8, content: &[u8]| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[kind, 3, 3][..], &length, content].concat()
    };
    let shake = |name, start, piece, every, ends| Handshake { name, start, piece, every, ends };
    // A server hello that announces 16 MiB.
    let immense = record(22, &[&[2, 0xff, 0xff, 0xff][..], &[0; 8000]].concat());
    vec![
        shake("tls-silence", vec![], vec![], slowly, TIMEOUT),
        shake("tls-dripping-record", vec![22, 3, 3, 0x3f, 0xff], vec![0], slowly, TIMEOUT),
        shake("tls-immense-hello", immense, record(22, &[0; 8000]), at_once, TLS),
        shake("tls-empty-records", vec![], record(22, &[]), at_once, TLS),
        shake("tls-alerts", vec![], record(21, &[1, 90]), at_once, TLS),
        shake("tls-garbage", vec![], vec![0xfe; 4096], at_once, TLS),
    ]
}

/// Starts a server that says this to whoever connects, and listens to nobody.
async fn cage(cages: &mut JoinSet<()>, shake: Handshake) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    cages.spawn(async move {
        let mut visitors = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let (start, piece, every) = (shake.start.clone(), shake.piece.clone(), shake.every);
            visitors.spawn(async move {
                let mut writing = stream.write_all(&start).await;
                while writing.is_ok() {
                    if !every.is_zero() {
                        tokio::time::sleep(every).await;
                    }
                    writing = stream.write_all(&piece).await;
                }
            });
        }
    });
    url
}
