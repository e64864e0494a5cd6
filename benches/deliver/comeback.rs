//! Whether a receiver that comes back is knocked over (`--comeback LIMIT`): it answers 503 to whatever is
//! more than LIMIT requests in a second, and thousands of events wait for it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::callers;
use crate::receiver::request_end;
use crate::server::{Home, Server};

/// What is held for it.
const EVENTS: usize = 5_000;
/// For how long it is watched.
const WATCHED: Duration = Duration::from_secs(60);

/// Accepted and refused requests of each second.
type Seconds = Arc<Mutex<Vec<(u32, u32)>>>;

/// A webhook is paused, gets many events, and is resumed.
pub(crate) async fn bench(limit: u32, on_postgres: bool) {
    let server = Server::serve(&Arc::new(Home::create(on_postgres)), 1);
    let seconds = Seconds::default();
    let address = start(limit, Arc::clone(&seconds)).await;
    server.register_one(1, &format!("http://{address}/")).await;
    server.set_status(1, "paused").await;
    callers::enqueue_for(&server, 1, 0..EVENTS).await;
    server.set_status(1, "active").await;
    tokio::time::sleep(WATCHED).await;
    server.stop().await;
    println!("\n{EVENTS} held events for a receiver that takes {limit} a second: requests in each second");
    let seconds = seconds.lock().unwrap().clone();
    let print = |name: &str, of: &dyn Fn(&(u32, u32)) -> u32| {
        let figures: Vec<String> = seconds.iter().map(|it| of(it).to_string()).collect();
        println!("{name}: {}", figures.join(" "));
    };
    print("accepted", &|it| it.0);
    print("503", &|it| it.1);
    let (accepted, refused) = seconds.iter().fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
    let most = seconds.iter().map(|it| it.0 + it.1).max().unwrap_or(0);
    println!("accepted {accepted}, 503 {refused}, most requests in a second {most}");
}

async fn start(limit: u32, seconds: Seconds) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let first: Arc<Mutex<Option<Instant>>> = Arc::default();
        while let Ok((stream, _)) = listener.accept().await {
            let (seconds, first) = (Arc::clone(&seconds), Arc::clone(&first));
            let takes = move || {
                let since = first.lock().unwrap().get_or_insert_with(Instant::now).elapsed();
                let second = usize::try_from(since.as_secs()).unwrap();
                let mut seconds = seconds.lock().unwrap();
                if seconds.len() <= second {
                    seconds.resize(second + 1, (0, 0));
                }
                let takes = seconds[second].0 < limit;
                if takes {
                    seconds[second].0 += 1;
                } else {
                    seconds[second].1 += 1;
                }
                takes
            };
            tokio::spawn(serve(stream, takes));
        }
    });
    address
}

async fn serve(mut stream: TcpStream, takes: impl Fn() -> bool) {
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    loop {
        while let Some(end) = request_end(&buffer) {
            buffer.drain(..end);
            let status = if takes() { "200 OK" } else { "503 Service Unavailable" };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
        match stream.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}
