//! From an [`Outbound`] to the request that goes on the wire.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, HOST};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header};
use http_body_util::Full;
use stayhook_core::{Fault, FaultClass};

use crate::Outbound;

/// Headers that say how a message is framed and routed. A wrong one would desynchronise the connection,
/// so that they are ours alone.
const OURS: [HeaderName; 8] = [
    HOST,
    CONTENT_LENGTH,
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::EXPECT,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
];

/// Builds the request: `Host`, then the given headers in order, then `Accept` and `Content-Length`.
pub(crate) fn build(outbound: Outbound) -> Result<Request<Full<Bytes>>, Fault> {
    let mut headers = HeaderMap::with_capacity(outbound.headers.len() + 3);
    headers.append(HOST, host(&outbound)?);
    for (name, value) in outbound.headers {
        if !OURS.contains(&name) {
            headers.append(name, value);
        }
    }
    if !headers.contains_key(ACCEPT) {
        headers.append(ACCEPT, HeaderValue::from_static("*/*"));
    }
    headers.append(CONTENT_LENGTH, HeaderValue::from(outbound.body.len()));

    let target = PathAndQuery::try_from(outbound.url.path_and_query()).map_err(|_| unusable())?;
    let mut request = Request::new(Full::new(outbound.body));
    *request.method_mut() = outbound.method;
    *request.uri_mut() = Uri::from(target);
    *request.headers_mut() = headers;
    Ok(request)
}

fn host(outbound: &Outbound) -> Result<HeaderValue, Fault> {
    HeaderValue::from_str(outbound.url.authority()).map_err(|_| unusable())
}

/// A parsed URL is plain ASCII without anything that a request line forbids: this is not expected.
fn unusable() -> Fault {
    Fault::new(FaultClass::Protocol, "the URL cannot be written into an HTTP request")
}
