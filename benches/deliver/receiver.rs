//! A receiver that costs as little as one can: it finds the end of each request, notes when
//! which booking arrived, and answers 200.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(crate) struct Receiver {
    address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    count: AtomicUsize,
    /// First arrival of each booking; kept only while somebody asked for it.
    arrivals: Mutex<Option<HashMap<u64, Instant>>>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { address, seen }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn count(&self) -> usize {
        self.seen.count.load(Ordering::Relaxed)
    }

    pub(crate) async fn wait_until(&self, count: usize, patience: Duration) {
        let deadline = Instant::now() + patience;
        while self.count() < count {
            assert!(Instant::now() < deadline, "{} of {count} arrived", self.count());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub(crate) fn note_arrivals(&self) {
        *self.seen.arrivals.lock().unwrap() = Some(HashMap::new());
    }

    pub(crate) fn arrivals(&self) -> HashMap<u64, Instant> {
        self.seen.arrivals.lock().unwrap().take().unwrap_or_default()
    }
}

/// A receiver that takes connections and requests and never answers.
pub(crate) async fn hanging() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 4_096];
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
            });
        }
    });
    address
}

async fn serve(mut stream: TcpStream, seen: Arc<Seen>) {
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::with_capacity(16 * 1024);
    loop {
        while let Some(end) = request_end(&buffer) {
            seen.count.fetch_add(1, Ordering::Relaxed);
            if let Some(arrivals) = &mut *seen.arrivals.lock().unwrap()
                && let Some(booking) = booking(&buffer[..end])
            {
                arrivals.entry(booking).or_insert_with(Instant::now);
            }
            buffer.drain(..end);
            if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.is_err() {
                return;
            }
        }
        match stream.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// Where the first request ends, if it is complete.
pub(crate) fn request_end(buffer: &[u8]) -> Option<usize> {
    let head = find(buffer, b"\r\n\r\n")? + 4;
    let length = number_after(&buffer[..head], b"ontent-Length: ")
        .or_else(|| number_after(&buffer[..head], b"ontent-length: "))?;
    let end = head + usize::try_from(length).ok()?;
    (buffer.len() >= end).then_some(end)
}

fn booking(request: &[u8]) -> Option<u64> {
    number_after(request, b"\"bookingId\":")
}

fn number_after(bytes: &[u8], name: &[u8]) -> Option<u64> {
    let digits = bytes[find(bytes, name)? + name.len()..].iter().take_while(|it| it.is_ascii_digit());
    Some(digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|it| it == wanted)
}
