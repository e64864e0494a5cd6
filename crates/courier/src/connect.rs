//! The only place that opens sockets to receivers, and only to addresses that were vetted.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use stayhook_core::{AddressRules, Fault, FaultClass, Scheme, WebhookUrl};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::connection::Connection;
use crate::deadline::{Deadline, Phase};
use crate::tls::Tls;

/// How many of a receiver's addresses are tried in one attempt.
const MOST_TRIED: usize = 4;

/// How long one address is tried before the next one is tried beside it (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// What a subscriber learns of a refused address: the same for every one, so that webhooks are of no use
/// for exploring networks.
pub(crate) const BLOCKED: &str = "the receiver's name resolves to an address that may not be called";

/// An address that was resolved for this attempt and judged. There is no other way to make one than
/// [`Vetted::all`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Vetted(SocketAddr);

impl Vetted {
    /// Judges all addresses of a receiver. One bad one condemns the others: a public name has no business
    /// with a private address, and which of them is connected to would be chance.
    pub(crate) fn all(found: &[IpAddr], port: u16, rules: &AddressRules) -> Result<Vec<Self>, Fault> {
        let vet = |&address: &IpAddr| rules.judge(address).map(|()| Self(SocketAddr::new(address, port)));
        let vetted: Result<Vec<Self>, _> = found.iter().map(vet).collect();
        vetted.map_err(|_| Fault::new(FaultClass::BlockedAddress, BLOCKED))
    }

    /// The address.
    pub(crate) fn address(self) -> SocketAddr {
        self.0
    }
}

/// Connects to the first of the vetted addresses that answers, with TLS where the URL says so.
pub(crate) async fn connect(
    vetted: &[Vetted],
    url: &WebhookUrl,
    tls: &Tls,
    deadline: Deadline,
) -> Result<Connection, Fault> {
    let (stream, address) = deadline.bound(Phase::Connect, race(vetted)).await??;
    match url.scheme() {
        Scheme::Http => Connection::start(stream, address).await,
        Scheme::Https => {
            let stream = deadline.bound(Phase::Handshake, tls.wrap(stream, url.host())).await??;
            Connection::start(stream, address).await
        }
    }
}

/// Tries the addresses in order, each with a head start over the next one.
async fn race(vetted: &[Vetted]) -> Result<(TcpStream, Vetted), Fault> {
    if let [only] = vetted {
        return dial(*only).await;
    }
    let mut waiting = vetted.iter().copied().take(MOST_TRIED);
    let mut running = JoinSet::new();
    let mut last = Fault::new(FaultClass::Connect, "no address of the receiver can be connected to");
    loop {
        let started = waiting.next().map(|next| running.spawn(dial(next))).is_some();
        let finished = if started {
            timeout(HEAD_START, running.join_next()).await
        } else {
            Ok(running.join_next().await)
        };
        match finished {
            Ok(Some(Ok(Ok(winner)))) => return Ok(winner),
            Ok(Some(Ok(Err(fault)))) => last = fault,
            Ok(Some(Err(_))) | Err(_) => {}
            Ok(None) => return Err(last),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place, and the address is vetted")]
async fn dial(vetted: Vetted) -> Result<(TcpStream, Vetted), Fault> {
    let opened = TcpStream::connect(vetted.address()).await.and_then(|stream| {
        // A request is written whole: waiting for more to send would only delay it.
        stream.set_nodelay(true)?;
        Ok(stream)
    });
    opened.map(|stream| (stream, vetted)).map_err(|error| explain(&error, vetted))
}

fn explain(error: &io::Error, vetted: Vetted) -> Fault {
    if is_our_own(error, vetted) {
        tracing::warn!(%error, "cannot open a socket");
        return Fault::new(FaultClass::Interrupted, "this engine is short of sockets, ports or memory");
    }
    let words = match error.kind() {
        io::ErrorKind::ConnectionRefused => "the receiver refuses connections on this port",
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
            "the receiver broke off the connection while it was being made"
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            "no route leads to the receiver"
        }
        io::ErrorKind::TimedOut => "the receiver does not answer",
        _ => "no connection to the receiver can be made",
    };
    Fault::new(FaultClass::Connect, words)
}

/// Whether the system refused us a socket, so that nothing was asked of the receiver.
fn is_our_own(error: &io::Error, vetted: Vetted) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    const ENOBUFS: i32 = 105;
    match error.kind() {
        io::ErrorKind::OutOfMemory => true,
        // All local ports are taken. For IPv6 it can also mean that this system has none.
        io::ErrorKind::AddrNotAvailable => vetted.address().is_ipv4(),
        _ => matches!(error.raw_os_error(), Some(ENFILE | EMFILE | ENOBUFS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(found: &[&str]) -> Result<Vec<Vetted>, Fault> {
        let found: Vec<IpAddr> = found.iter().map(|it| it.parse().unwrap()).collect();
        Vetted::all(&found, 443, &AddressRules::default())
    }

    #[test]
    fn one_bad_address_condemns_all() {
        assert_eq!(judge(&["8.8.8.8", "2606:4700::1111"]).unwrap().len(), 2);
        for bad in ["10.0.0.1", "::1", "::ffff:8.8.8.8", "169.254.169.254"] {
            let fault = judge(&["8.8.8.8", bad]).unwrap_err();
            assert_eq!((fault.class, fault.words.as_str()), (FaultClass::BlockedAddress, BLOCKED));
        }
    }

    #[test]
    fn a_lack_of_descriptors_or_ports_is_our_own_fault() {
        let vetted = judge(&["8.8.8.8", "2606:4700::1111"]).unwrap();
        let class = |code, vetted| explain(&io::Error::from_raw_os_error(code), vetted).class;
        let (emfile, eaddrnotavail, econnrefused) = (24, 99, 111);
        assert_eq!(class(emfile, vetted[0]), FaultClass::Interrupted);
        assert_eq!(class(eaddrnotavail, vetted[0]), FaultClass::Interrupted);
        assert_eq!(class(eaddrnotavail, vetted[1]), FaultClass::Connect);
        assert_eq!(class(econnrefused, vetted[0]), FaultClass::Connect);
    }
}
