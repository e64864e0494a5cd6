//! Who calls: producers that enqueue over HTTP, and a bare client without an engine between.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use stayhook_core::{Signer, SigningSecret};
use tokio::net::TcpStream;

use crate::receiver::Receiver;
use crate::server::Server;

/// One keep-alive connection.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { sender, host: address.to_string() }
    }

    pub(crate) async fn post(&mut self, path: &str, token: &str, body: Bytes) -> u16 {
        self.call(Method::POST, path, token, body).await
    }

    pub(crate) async fn patch(&mut self, path: &str, token: &str, body: Bytes) -> u16 {
        self.call(Method::PATCH, path, token, body).await
    }

    async fn call(&mut self, method: Method, path: &str, token: &str, body: Bytes) -> u16 {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.host)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(Full::new(body))
            .unwrap();
        self.send(request).await
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> u16 {
        self.sender.ready().await.unwrap();
        let response = self.sender.send_request(request).await.unwrap();
        let status = response.status().as_u16();
        response.into_body().collect().await.unwrap();
        status
    }
}

/// What to enqueue.
pub(crate) struct Load<'a> {
    pub(crate) server: &'a Server,
    pub(crate) callers: usize,
    pub(crate) events: usize,
    pub(crate) batch: usize,
}

/// Enqueues as fast as answers come.
pub(crate) async fn enqueue(load: Load<'_>) {
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for _ in 0..load.callers {
        let next = Arc::clone(&next);
        let (address, token) = (load.server.address, load.server.token.clone());
        let (properties, events, batch) = (load.server.properties, load.events, load.batch);
        tasks.push(tokio::spawn(async move {
            let mut client = Client::connect(address).await;
            loop {
                let first = next.fetch_add(batch, Ordering::Relaxed);
                if first >= events {
                    return;
                }
                let numbers = first..(first + batch).min(events);
                let status = if batch == 1 {
                    client.post("/internal/v1/events", &token, event(first, properties).into()).await
                } else {
                    let list: Vec<String> = numbers.map(|it| event(it, properties)).collect();
                    let body = format!(r#"{{"events":[{}]}}"#, list.join(","));
                    client.post("/internal/v1/events/batch", &token, body.into()).await
                };
                assert_eq!(status, 202);
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

/// Enqueues so many events per second; the time from the start of each call to arrival.
pub(crate) async fn paced(
    server: &Server,
    receiver: &Receiver,
    per_second: u32,
    span: Duration,
) -> Vec<Duration> {
    receiver.note_arrivals();
    let mut client = Client::connect(server.address).await;
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second);
    let mut began = Vec::new();
    let start = Instant::now();
    while start.elapsed() < span {
        ticks.tick().await;
        let number = began.len();
        let body = event(number, server.properties);
        began.push(Instant::now());
        assert_eq!(client.post("/internal/v1/events", &server.token, body.into()).await, 202);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let arrivals = receiver.arrivals();
    began.iter().enumerate().map(|(number, at)| arrivals[&(number as u64)] - *at).collect()
}

/// The same posts, signed, straight to the receiver. Returns how long they took.
pub(crate) async fn bare(receiver: &SocketAddr, callers: usize, events: usize) -> Duration {
    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..callers {
        let (next, address) = (Arc::clone(&next), *receiver);
        tasks.push(tokio::spawn(async move {
            let mut client = Client::connect(address).await;
            let signer = Signer::new(&SigningSecret::from_entropy([7; 32]));
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= events {
                    return;
                }
                let body = event(number, 7);
                let id = format!("evt_{number:022}");
                let signature = signer.sign(1_779_292_800, &id, body.as_bytes());
                let request = Request::post("/")
                    .header("host", &client.host)
                    .header("content-type", "application/json")
                    .header("user-agent", "Nowistay-Webhooks/1.0")
                    .header("nowistay-webhook-id", "801")
                    .header("nowistay-webhook-event-id", id)
                    .header("nowistay-webhook-event-type", "booking.created")
                    .header("nowistay-webhook-timestamp", "1779292800")
                    .header("nowistay-webhook-signature", signature.text())
                    .header("x-request-id", "00000000-0000-0000-0000-000000000000")
                    .body(Full::new(body.into()))
                    .unwrap();
                assert_eq!(client.send(request).await, 200);
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    began.elapsed()
}

/// A booking of about 600 bytes.
pub(crate) fn event(number: usize, properties: usize) -> String {
    let property = 1 + number % properties;
    format!(
        concat!(
            r#"{{"type":"booking.created","propertyId":{property},"bookingId":{number},"data":{{"booking":{{"id":{number},"propertyId":{property},"#,
            r#""arrival":"2026-07-14","departure":"2026-07-18","status":"confirmed","channel":"airbnb","reservationNumber":"HM{number:08}","#,
            r#""guest":{{"firstName":"Maya","lastName":"Montgomery","email":"maya.montgomery@example.com","phone":"+33 6 12 34 56 78"}},"#,
            r#""adults":2,"children":1,"amounts":{{"amount":"620.00","currency":"EUR","cityTax":"12.40","cleaningFee":"45.00"}},"#,
            r#""identity":{{"status":"verified"}},"createdAt":"2026-05-27T16:40:00Z","updatedAt":"2026-05-27T16:40:00Z","notes":"Late arrival, needs a cot"}}}}}}"#
        ),
        property = property,
        number = number,
    )
}
