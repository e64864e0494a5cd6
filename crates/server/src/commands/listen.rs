//! `stayhook listen`

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use stayhook_core::{Diagnosis, SigningSecret};
use tokio::sync::watch;

use crate::clock;
use crate::http_server::bind;
use crate::outcome::{Answer, Outcome, Trouble, say};
use crate::received::Notice;

/// Receive webhooks for development: verify and print what arrives
///
/// Answers 204, or 401 where the signature is wrong. Ends at ctrl-C.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Port on the loopback address; 0 picks one
    #[arg(long, default_value_t = 9000)]
    port: u16,

    /// The webhook's signing secret: whsec_…
    #[arg(long)]
    secret: String,
}

pub(crate) async fn run(args: Args) -> Outcome {
    let secret =
        SigningSecret::parse(&args.secret).map_err(|error| Trouble::new(format!("--secret: {error}")))?;
    let address = SocketAddr::from(([127, 0, 0, 1], args.port));
    let bound = bind(address)
        .await
        .map_err(|error| Trouble::new(format!("--port: cannot listen on {address}: {error}")))?;
    say(&format!("listening on http://{}", bound.address));

    let stop = watch::Sender::new(false);
    let router = Router::new().fallback(receive).with_state(Arc::new(secret));
    let served = bound.serve(router, stop.subscribe());
    tokio::select! {
        () = served => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(Answer::Yes)
}

async fn receive(State(secret): State<Arc<SigningSecret>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let (verdict, what, status) = match Notice::read(&headers) {
        Ok(notice) => {
            let what = format!("{} {}", notice.kind, notice.event);
            match notice.diagnose(&secret, &body, clock::now()) {
                Diagnosis::Right => ("right", what, StatusCode::NO_CONTENT),
                wrong => ("WRONG", format!("{what}: {wrong}"), StatusCode::UNAUTHORIZED),
            }
        }
        Err(unreadable) => ("WRONG", unreadable, StatusCode::UNAUTHORIZED),
    };
    say(&format!("{verdict} {what} ({} bytes)\n      {}", body.len(), printable(&body)));
    status
}

/// The body as text; a stranger's control characters would reach the terminal.
fn printable(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let escape = |c: char| if c.is_control() { c.escape_debug().to_string() } else { c.to_string() };
    text.chars().map(escape).collect()
}
