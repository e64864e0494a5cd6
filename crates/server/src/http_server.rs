//! HTTP/1.1 on a listening socket, with bounds on what a connection may cost.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::middleware::map_response;
use axum::response::Response;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Connections open at once; more wait in the backlog of the socket.
const MOST_CONNECTIONS: usize = 4_096;
/// How long a client may take to send the head of a request, or be idle between two.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// How long requests are still taken when it is time to stop.
const LAST_ORDERS: Duration = Duration::from_millis(500);
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
    /// Answers until `stop` turns true. For a moment from then on, connections are still accepted
    /// and every answer is the last on its connection, so that no request meets a closed door that
    /// was on its way; then requests under way are finished and connections closed.
    pub(crate) async fn serve(self, router: Router, stop: watch::Receiver<bool>) {
        let told = stop.clone();
        let close = move |response: Response| std::future::ready(last_of(&told, response));
        let router = router.layer(map_response(close));
        let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let mut connections = JoinSet::new();
        let mut stopping = stop.clone();
        // Once: however many connections come meanwhile, it is the same moment.
        let mut ending = pin!(stopped_for_a_moment(&mut stopping));
        loop {
            let accept = async {
                // The semaphore is never closed.
                let permit = Arc::clone(&room).acquire_owned().await.ok();
                (permit, self.listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                accepted = accept => accepted,
                () = ending.as_mut() => break,
            };
            match accepted {
                Ok((stream, _)) => {
                    let conversation = converse(stream, router.clone(), stop.clone());
                    connections.spawn(async move {
                        conversation.await;
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
        // Whoever is connected already is not turned away.
        while let Ok(Ok((stream, _))) = timeout(Duration::ZERO, self.listener.accept()).await {
            connections.spawn(converse(stream, router.clone(), stop.clone()));
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
        () = stopped_for_a_moment(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

/// While stopping, says that no answer follows on this connection.
fn last_of(stop: &watch::Receiver<bool>, mut response: Response) -> Response {
    if *stop.borrow() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Ends some time after it is time to stop, also when whoever would say so is gone.
async fn stopped_for_a_moment(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_ok() {
        tokio::time::sleep(LAST_ORDERS).await;
    }
}
