//! A timeout names the phase in which time ran out: connecting and sending here; looking up stands with
//! names, the TLS handshake with TLS, waiting and reading with faults.

use bytes::Bytes;
use stayhook_core::FaultClass;
use stayhook_courier::{Outbound, Transport as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Duration, timeout};

use crate::desk::Desk;

/// Listens with next to no room for connections that nobody accepts.
fn listen() -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    // What a receiver does not read fills this up.
    socket.set_recv_buffer_size(4 * 1024).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket.listen(1).unwrap()
}

#[tokio::test]
async fn a_receiver_that_never_accepts_times_out_while_connecting() {
    let (desk, listener) = (Desk::hasty().await, listen());
    let address = listener.local_addr().unwrap();
    let mut filling: Vec<TcpStream> = Vec::new();
    #[allow(clippy::disallowed_methods, reason = "a test fills the queue of its own listener")]
    while let Ok(connected) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        filling.push(connected.unwrap());
        assert!(filling.len() < 64, "the queue of connections never fills up");
    }
    desk.fails(&format!("http://{address}/"), FaultClass::Timeout, "while connecting to the receiver").await;
}

#[tokio::test]
async fn a_receiver_that_takes_nothing_in_times_out_while_sending() {
    let (desk, listener) = (Desk::hasty().await, listen());
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let held = tokio::spawn(async move { (listener.accept().await.unwrap(), listener) });
    // More than the buffers of both ends hold.
    let body = Bytes::from(vec![b'x'; 32 * 1024 * 1024]);
    let answer = desk.courier.send(Outbound { body, ..desk.outbound(1, &url) }).await;
    let fault = answer.fault().unwrap();
    assert_eq!(fault.class, FaultClass::Timeout, "{fault}");
    assert!(
        fault.words.contains("while sending the request, which the receiver does not take in"),
        "{fault}"
    );
    held.await.unwrap();
}
