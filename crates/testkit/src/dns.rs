//! A name server that answers as it is told, over UDP.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::{AbortHandle, JoinSet};

const TYPE_A: u16 = 1;
const TYPE_CNAME: u16 = 5;
const TYPE_SOA: u16 = 6;
const TYPE_AAAA: u16 = 28;
const CLASS_IN: u16 = 1;

const NO_ERROR: u8 = 0;
const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;
const REFUSED: u8 = 5;

/// A name server on a loopback port. Names that it was not told of do not exist; gone when dropped.
pub struct Dns {
    address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    listening: AbortHandle,
}

#[derive(Default)]
struct Zone {
    names: HashMap<String, Script>,
    ttl: u32,
    silent: bool,
    /// Queries so far, by name and type.
    asked: HashMap<(String, u16), usize>,
}

#[derive(Clone)]
enum Script {
    /// The addresses of the first lookup, of the second, and so on; the last ones stay.
    Sequence(Vec<Vec<IpAddr>>),
    Alias(String),
    Fails(u8),
    Silent,
    Slow(Duration, Box<Script>),
}

impl Dns {
    /// Starts a name server on 127.0.0.1.
    pub async fn start() -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = socket.local_addr()?;
        let zone = Arc::<Mutex<Zone>>::default();
        let listening = tokio::spawn(serve(Arc::new(socket), Arc::clone(&zone))).abort_handle();
        Ok(Self { address, zone, listening })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Gives a name these addresses.
    pub fn answer(&self, name: &str, addresses: Vec<IpAddr>) {
        self.sequence(name, vec![addresses]);
    }

    /// Gives a name other addresses at each lookup; the last ones stay.
    pub fn sequence(&self, name: &str, lookups: Vec<Vec<IpAddr>>) {
        self.script(name, Script::Sequence(lookups));
    }

    /// Makes a name an alias of another.
    pub fn cname(&self, name: &str, target: &str) {
        self.script(name, Script::Alias(target.to_ascii_lowercase()));
    }

    /// Lets a name not exist.
    pub fn nxdomain(&self, name: &str) {
        self.script(name, Script::Fails(NXDOMAIN));
    }

    /// Lets the lookup of a name fail.
    pub fn servfail(&self, name: &str) {
        self.script(name, Script::Fails(SERVFAIL));
    }

    /// Refuses to answer for a name. The root is the empty name.
    pub fn refused(&self, name: &str) {
        self.script(name, Script::Fails(REFUSED));
    }

    /// Answers nothing for a name.
    pub fn silent(&self, name: &str) {
        self.script(name, Script::Silent);
    }

    /// Answers for a name after a pause.
    pub fn slow(&self, name: &str, pause: Duration, addresses: Vec<IpAddr>) {
        self.script(name, Script::Slow(pause, Box::new(Script::Sequence(vec![addresses]))));
    }

    /// Answers nothing at all, for any name, from now on.
    pub fn fall_silent(&self) {
        lock(&self.zone).silent = true;
    }

    /// Sets the time to live of all answers, in seconds. It is 0 unless set.
    pub fn ttl(&self, seconds: u32) {
        lock(&self.zone).ttl = seconds;
    }

    /// How many lookups of a name there were; a lookup asks for A and AAAA.
    pub fn lookups(&self, name: &str) -> usize {
        let zone = lock(&self.zone);
        let asked = |kind| zone.asked.get(&(name.to_ascii_lowercase(), kind)).copied().unwrap_or_default();
        asked(TYPE_A).max(asked(TYPE_AAAA))
    }

    /// How many queries there were, for any name.
    pub fn queries(&self) -> usize {
        lock(&self.zone).asked.values().sum()
    }

    fn script(&self, name: &str, script: Script) {
        let mut zone = lock(&self.zone);
        let name = name.to_ascii_lowercase();
        zone.asked.retain(|(asked, _), _| *asked != name);
        zone.names.insert(name, script);
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn serve(socket: Arc<UdpSocket>, zone: Arc<Mutex<Zone>>) {
    let mut answers = JoinSet::new();
    let mut buffer = [0; 1232];
    while let Ok((length, client)) = socket.recv_from(&mut buffer).await {
        while answers.try_join_next().is_some() {}
        let Some(question) = Question::parse(&buffer[..length]) else { continue };
        let Some((pause, response)) = lock(&zone).respond(&question) else { continue };
        let socket = Arc::clone(&socket);
        answers.spawn(async move {
            tokio::time::sleep(pause).await;
            // The client may be gone.
            let _ = socket.send_to(&response, client).await;
        });
    }
}

impl Zone {
    /// The response and the pause before it; `None` for silence.
    fn respond(&mut self, question: &Question) -> Option<(Duration, Vec<u8>)> {
        let asked = self.asked.entry((question.name.clone(), question.kind)).or_default();
        let lookup = *asked;
        *asked += 1;
        if self.silent {
            return None;
        }
        let mut pause = Duration::ZERO;
        let mut answer = Answer::to(question);
        let mut name = question.name.clone();
        // Aliases of aliases end somewhere.
        for _ in 0..8 {
            let mut script = self.names.get(&name).cloned().unwrap_or(Script::Fails(NXDOMAIN));
            if let Script::Slow(longer, inner) = script {
                pause = longer;
                script = *inner;
            }
            match script {
                Script::Sequence(lookups) => {
                    let addresses = lookups.get(lookup).or(lookups.last()).cloned().unwrap_or_default();
                    answer.addresses(&name, question.kind, &addresses, self.ttl);
                    break;
                }
                Script::Alias(target) => {
                    answer.record(&name, TYPE_CNAME, self.ttl, &encode_name(&target));
                    name = target;
                }
                Script::Fails(code) => {
                    answer.code = code;
                    break;
                }
                Script::Silent | Script::Slow(..) => return None,
            }
        }
        Some((pause, answer.finish(self.ttl)))
    }
}

struct Question {
    id: [u8; 2],
    name: String,
    kind: u16,
    /// The question section as it came.
    section: Vec<u8>,
}

impl Question {
    /// Reads a query with one question (RFC 1035, section 4).
    fn parse(packet: &[u8]) -> Option<Self> {
        let id = packet.get(..2)?.try_into().ok()?;
        let mut labels = Vec::new();
        let mut at = 12;
        loop {
            let length = usize::from(*packet.get(at)?);
            at += 1;
            if length == 0 {
                break;
            }
            let label = packet.get(at..at + length)?;
            labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
            at += length;
        }
        let kind = u16::from_be_bytes(packet.get(at..at + 2)?.try_into().ok()?);
        let section = packet.get(12..at + 4)?.to_vec();
        Some(Self { id, name: labels.join("."), kind, section })
    }
}

struct Answer<'a> {
    question: &'a Question,
    code: u8,
    count: u16,
    records: Vec<u8>,
}

impl<'a> Answer<'a> {
    fn to(question: &'a Question) -> Self {
        Self { question, code: NO_ERROR, count: 0, records: Vec::new() }
    }

    fn addresses(&mut self, name: &str, kind: u16, addresses: &[IpAddr], ttl: u32) {
        for address in addresses {
            match address {
                IpAddr::V4(address) if kind == TYPE_A => self.record(name, kind, ttl, &address.octets()),
                IpAddr::V6(address) if kind == TYPE_AAAA => self.record(name, kind, ttl, &address.octets()),
                _ => {}
            }
        }
    }

    fn record(&mut self, name: &str, kind: u16, ttl: u32, data: &[u8]) {
        self.count += 1;
        self.records.extend(encode_record(name, kind, ttl, data));
    }

    fn finish(self, ttl: u32) -> Vec<u8> {
        // That there is nothing may be remembered for as long as the zone says (RFC 2308, section 3).
        let nothing = self.count == 0 && matches!(self.code, NO_ERROR | NXDOMAIN);
        let mut packet = Vec::with_capacity(512);
        packet.extend(self.question.id);
        // A response, recursion desired and available, and the code.
        packet.extend([0x81, 0x80 | self.code]);
        packet.extend([0, 1]);
        packet.extend(self.count.to_be_bytes());
        packet.extend([0, u8::from(nothing), 0, 0]);
        packet.extend(&self.question.section);
        packet.extend(self.records);
        if nothing {
            packet.extend(encode_record("", TYPE_SOA, ttl, &start_of_authority(ttl)));
        }
        packet
    }
}

fn encode_record(name: &str, kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut out = encode_name(name);
    out.extend(kind.to_be_bytes());
    out.extend(CLASS_IN.to_be_bytes());
    out.extend(ttl.to_be_bytes());
    out.extend(u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(data);
    out
}

/// Two names, and the numbers serial, refresh, retry, expire and minimum, of which only the last matters.
fn start_of_authority(ttl: u32) -> Vec<u8> {
    let mut data = vec![0, 0];
    for number in [1, 60, 60, 60, ttl] {
        data.extend(u32::to_be_bytes(number));
    }
    data
}

fn encode_name(name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + 2);
    for label in name.split('.').filter(|label| !label.is_empty()) {
        out.push(u8::try_from(label.len()).unwrap_or(u8::MAX));
        out.extend(label.as_bytes());
    }
    out.push(0);
    out
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
