//! A receiver of webhooks that records what comes and replies as it is told.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use stayhook_core::{Span, UnixMs};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::http::{self, Request};
use crate::reply::{After, Reply};
use crate::tls::ServerCertificate;

/// A request that a receiver got.
#[derive(Clone, Debug)]
pub struct Received {
    /// When it was complete.
    pub at: UnixMs,
    /// The method.
    pub method: String,
    /// Path and query as sent.
    pub path: String,
    /// Names and values as sent, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// The number of the connection that it came over, from 1.
    pub connection: usize,
    /// Request line and headers, byte for byte, with the empty line at their end.
    pub head: Bytes,
}

impl Received {
    /// The value of a header, its name in any spelling.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

type Script = Arc<dyn Fn(&Received) -> Reply + Send + Sync>;

/// An HTTP/1.1 server on a loopback port. Answers 200 until told otherwise; gone when dropped.
pub struct Receiver {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    listening: AbortHandle,
}

struct Shared {
    script: Mutex<Script>,
    requests: Mutex<Vec<Received>>,
    /// Where each connection was made to.
    destinations: Mutex<Vec<SocketAddr>>,
    arrived: Notify,
}

impl Receiver {
    /// Starts a receiver for plain HTTP on 127.0.0.1.
    pub async fn start() -> io::Result<Self> {
        Self::listen((Ipv4Addr::LOCALHOST, 0).into(), None).await
    }

    /// Starts a receiver for plain HTTP on a given address.
    pub async fn start_at(address: SocketAddr) -> io::Result<Self> {
        Self::listen(address, None).await
    }

    /// Starts a receiver for HTTPS on 127.0.0.1.
    pub async fn start_tls(certificate: ServerCertificate) -> io::Result<Self> {
        Self::listen((Ipv4Addr::LOCALHOST, 0).into(), Some(certificate.into())).await
    }

    /// Starts a receiver for HTTPS on a given address.
    pub async fn start_tls_at(address: SocketAddr, certificate: ServerCertificate) -> io::Result<Self> {
        Self::listen(address, Some(certificate.into())).await
    }

    async fn listen(address: SocketAddr, tls: Option<TlsAcceptor>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let shared = Arc::new(Shared {
            script: Mutex::new(Arc::new(|_: &Received| Reply::status(200))),
            requests: Mutex::default(),
            destinations: Mutex::default(),
            arrived: Notify::new(),
        });
        let listening = tokio::spawn(accept(listener, tls, Arc::clone(&shared))).abort_handle();
        Ok(Self { address, scheme, shared, listening })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A URL that leads to it by its address.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// A URL that leads to it by a name, for clients that ask a name server.
    pub fn url_at(&self, name: &str, path: &str) -> String {
        format!("{}://{name}:{}{path}", self.scheme, self.address.port())
    }

    /// Sets what it does with each request from now on.
    pub fn reply(&self, script: impl Fn(&Received) -> Reply + Send + Sync + 'static) {
        *lock(&self.shared.script) = Arc::new(script);
    }

    /// Lets it reply the same to each request from now on.
    pub fn always(&self, reply: Reply) {
        self.reply(move |_| reply.clone());
    }

    /// All requests so far, in order of arrival.
    pub fn requests(&self) -> Vec<Received> {
        lock(&self.shared.requests).clone()
    }

    /// How many requests have come so far.
    pub fn count(&self) -> usize {
        lock(&self.shared.requests).len()
    }

    /// How many connections have been made to it so far, with or without a request.
    pub fn connections(&self) -> usize {
        lock(&self.shared.destinations).len()
    }

    /// The address of its own to which each connection was made, an IPv4 address as such: a receiver that
    /// listens on all addresses learns here which one was called.
    pub fn destinations(&self) -> Vec<SocketAddr> {
        lock(&self.shared.destinations).clone()
    }

    /// Waits until it has got at least `n` requests and returns all of them, or those that it has got when
    /// `patience` ends.
    pub async fn wait_for(&self, n: usize, patience: Duration) -> Vec<Received> {
        let enough = async {
            loop {
                let arrived = self.shared.arrived.notified();
                if self.count() >= n {
                    return;
                }
                arrived.await;
            }
        };
        // Too few is for the caller to find out.
        let _ = tokio::time::timeout(patience, enough).await;
        self.requests()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Accepts connections, which end together with this task.
async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let number = note(&stream, &shared);
        connections.spawn(welcome(stream, tls.clone(), number, Arc::clone(&shared)));
    }
}

/// Notes a connection, and numbers it.
fn note(stream: &TcpStream, shared: &Shared) -> usize {
    let mut destinations = lock(&shared.destinations);
    let unknown = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
    let called = stream.local_addr().unwrap_or(unknown);
    destinations.push(SocketAddr::new(called.ip().to_canonical(), called.port()));
    destinations.len()
}

async fn welcome(stream: TcpStream, tls: Option<TlsAcceptor>, number: usize, shared: Arc<Shared>) {
    // A client that breaks off is none of the receiver's business.
    let _ = stream.set_nodelay(true);
    let _ = match tls {
        None => serve(stream, number, &shared).await,
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => serve(stream, number, &shared).await,
            Err(error) => Err(error),
        },
    };
}

async fn serve<S>(mut stream: S, connection: usize, shared: &Shared) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut buffer = BytesMut::with_capacity(8 * 1024);
    while let Some(request) = http::read_request(&mut stream, &mut buffer).await? {
        let received = record(request, connection);
        let script = Arc::clone(&lock(&shared.script));
        let reply = script(&received);
        lock(&shared.requests).push(received);
        shared.arrived.notify_waiters();
        if reply.perform(&mut stream).await? == After::Close {
            break;
        }
    }
    Ok(())
}

fn record(request: Request, connection: usize) -> Received {
    let Request { method, path, headers, head, body } = request;
    Received { at: now(), method, path, headers, body, connection, head }
}

#[expect(clippy::disallowed_methods, reason = "a visitor lives outside: its clock is the real one")]
fn now() -> UnixMs {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMs(0).after(Span::from_duration(since))
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
