//! What a scripted receiver does with a request.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// What a receiver does once it has read a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A proper response. See [`Reply::status`].
    Answer {
        /// The status code.
        status: u16,
        /// Further headers, in order.
        headers: Vec<(String, String)>,
        /// The body, sent with its length.
        body: Bytes,
    },
    /// Says nothing more, but keeps the connection open.
    Hang,
    /// Waits, then replies.
    Delay(Duration, Box<Reply>),
    /// Closes the connection.
    Drop,
    /// These bytes, whatever they are.
    Raw(Bytes),
    /// `start` at once, then `piece` after each pause, until the client goes away.
    Drip {
        /// What is sent first.
        start: Bytes,
        /// What is sent again and again.
        piece: Bytes,
        /// The pause before each piece.
        every: Duration,
    },
    /// `start`, then `piece` without a pause, until the client goes away.
    Endless {
        /// What is sent first.
        start: Bytes,
        /// What is sent again and again.
        piece: Bytes,
    },
    /// One thing after the other.
    Then(Box<Reply>, Box<Reply>),
}

/// What becomes of the connection after a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    KeepAlive,
    Close,
}

impl Reply {
    /// A proper response without body.
    pub fn status(status: u16) -> Self {
        Self::Answer { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// Adds a header to a proper response; does nothing to other replies.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Sets the body of a proper response; does nothing to other replies.
    #[must_use]
    pub fn body(mut self, content: impl Into<Bytes>) -> Self {
        if let Self::Answer { body, .. } = &mut self {
            *body = content.into();
        }
        self
    }

    /// These bytes, whatever they are.
    pub fn raw(bytes: impl AsRef<[u8]>) -> Self {
        Self::Raw(Bytes::copy_from_slice(bytes.as_ref()))
    }

    /// The same after a pause.
    #[must_use]
    pub fn after(self, pause: Duration) -> Self {
        Self::Delay(pause, Box::new(self))
    }

    /// This, then `next`.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        Self::Then(Box::new(self), Box::new(next))
    }

    /// Does it.
    pub(crate) async fn perform<S>(self, stream: &mut S) -> std::io::Result<After>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        match self {
            Self::Answer { status, headers, body } => {
                stream.write_all(&serialize(status, &headers, &body)).await?;
            }
            Self::Hang => {
                // Ends when the client does.
                while stream.read(&mut [0; 1024]).await? > 0 {}
                return Ok(After::Close);
            }
            Self::Delay(pause, reply) => {
                tokio::time::sleep(pause).await;
                return Box::pin(reply.perform(stream)).await;
            }
            Self::Drop => return Ok(After::Close),
            Self::Raw(bytes) => stream.write_all(&bytes).await?,
            Self::Drip { start, piece, every } => {
                stream.write_all(&start).await?;
                loop {
                    stream.flush().await?;
                    tokio::time::sleep(every).await;
                    stream.write_all(&piece).await?;
                }
            }
            Self::Endless { start, piece } => {
                stream.write_all(&start).await?;
                loop {
                    stream.write_all(&piece).await?;
                }
            }
            Self::Then(first, second) => {
                if Box::pin(first.perform(stream)).await? == After::Close {
                    return Ok(After::Close);
                }
                stream.flush().await?;
                return Box::pin(second.perform(stream)).await;
            }
        }
        stream.flush().await?;
        Ok(After::KeepAlive)
    }
}

fn serialize(status: u16, headers: &[(String, String)], body: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(128 + body.len());
    out.put_slice(format!("HTTP/1.1 {status} Scripted\r\n").as_bytes());
    for (name, value) in headers {
        out.put_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    // RFC 9110, section 8.6: these two have neither body nor length.
    if !matches!(status, 204 | 304) {
        out.put_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    out.put_slice(b"\r\n");
    out.put_slice(body);
    out.freeze()
}
