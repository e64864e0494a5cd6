//! HTTP/1.1 on a listening socket, with bounds on what a connection may cost.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// Connections open at once; more wait in the backlog of the socket.
const MOST_CONNECTIONS: usize = 4_096;
/// How long a client may take to send the head of a request, or be idle between two.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// How long to wait when the system has no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A socket that listens, and is not yet answered.
pub(crate) struct Bound {
    listener: TcpListener,
    /// Where it listens, with the port that was picked.
    pub(crate) address: SocketAddr,
}

/// Opens a socket. The error says what the system says.
pub(crate) async fn bind(address: SocketAddr) -> io::Result<Bound> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok(Bound { listener, address })
}

impl Bound {
    /// Answers until `stop` turns true; then no connection is accepted, requests under way are
    /// finished and connections closed.
    pub(crate) async fn serve(self, router: Router, mut stop: watch::Receiver<bool>) {
        let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            let accept = async {
                // The semaphore is never closed.
                let permit = Arc::clone(&room).acquire_owned().await.ok();
                (permit, self.listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                accepted = accept => accepted,
                () = stopped(&mut stop) => break,
            };
            match accepted {
                Ok((stream, _)) => {
                    let (router, stop) = (router.clone(), stop.clone());
                    connections.spawn(async move {
                        converse(stream, router, stop).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
            while connections.try_join_next().is_some() {}
        }
        drop(self.listener);
        while connections.join_next().await.is_some() {}
    }
}

/// Answers the requests of one connection.
async fn converse(stream: TcpStream, router: Router, mut stop: watch::Receiver<bool>) {
    // Answers are small: to wait for more to fill a packet would only delay them.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(router);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

/// Ends when it is time to stop, also when whoever would say so is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
