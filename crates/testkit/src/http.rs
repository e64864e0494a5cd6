//! Just enough of HTTP/1.1 to read requests that have a `Content-Length`, or no body.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// A request as it was on the wire.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) head: Bytes,
    pub(crate) body: Bytes,
}

/// Reads the next request; `None` once the client has closed the connection.
pub(crate) async fn read_request<S>(stream: &mut S, buffer: &mut BytesMut) -> io::Result<Option<Request>>
where
    S: AsyncRead + Unpin,
{
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let head = buffer.split_to(end).freeze();
    let (method, path, headers) = parse_head(&head).ok_or(io::ErrorKind::InvalidData)?;
    let length = content_length(&headers).ok_or(io::ErrorKind::InvalidData)?;
    while buffer.len() < length {
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
    let body = Bytes::copy_from_slice(&buffer[..length]);
    buffer.advance(length);
    Ok(Some(Request { method, path, headers, head, body }))
}

type Head = (String, String, Vec<(String, String)>);

fn parse_head(head: &[u8]) -> Option<Head> {
    let text = std::str::from_utf8(head).ok()?;
    let mut lines = text.trim_end_matches("\r\n").split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    if words.next()? != "HTTP/1.1" || words.next().is_some() {
        return None;
    }
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(": ")?;
        Some((name.to_owned(), value.to_owned()))
    });
    Some((method, path, headers.collect::<Option<_>>()?))
}

/// The length of the body; `None` where it is not a number or the body is framed otherwise.
fn content_length(headers: &[(String, String)]) -> Option<usize> {
    let value = |wanted: &str| {
        headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
    };
    if value("transfer-encoding").is_some() {
        return None;
    }
    value("content-length").map_or(Some(0), |length| length.parse().ok())
}
