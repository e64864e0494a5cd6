//! A door for the fuzz targets, in no other build.

use std::net::Ipv4Addr;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use stayhook_core::{AddressRules, Fault, Span, UnixMs};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

use crate::answer;
use crate::connect::Vetted;
use crate::connection::{Connection, Sent};
use crate::deadline::Deadline;
use crate::{Answer, Reply};

/// What an attempt makes of a receiver that answers a request with these bytes, then closes.
pub async fn answer(bytes: &[u8], keep: usize) -> Answer {
    let (ours, mut theirs) = duplex(4 * 1024);
    let receiver = async move {
        // An answer that comes before the request is none.
        let mut request = [0; 4 * 1024];
        let _ = theirs.read(&mut request).await;
        let _ = theirs.write_all(bytes).await;
    };
    let (reply, ()) = tokio::join!(send(ours, keep), receiver);
    reply.map_or_else(Answer::Failed, Answer::Replied)
}

async fn send(stream: tokio::io::DuplexStream, keep: usize) -> Result<Reply, Fault> {
    let vetted = Vetted::all(&[Ipv4Addr::new(8, 8, 8, 8).into()], 443, &AddressRules::default())?;
    let Some(vetted) = vetted.first() else { panic!("a public address") };
    let deadline = Deadline::after(Span::seconds(5));
    let mut connection = Connection::start(stream, *vetted).await?;
    match connection.send(Request::new(Full::new(Bytes::from_static(b"{}"))), deadline).await {
        Sent::Answered(response) => {
            answer::read(response, (UnixMs(0), keep), deadline).await.map(|(reply, _)| reply)
        }
        Sent::Unsent(_) => panic!("the receiver is there"),
        Sent::Failed(fault) => Err(fault),
    }
}
