//! The receivers: one small server, a path for each, every request verified as the documents say.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use serde::Deserialize;
use stayhook_core::SigningSecret;
use tokio::sync::watch;

use super::cast::{self, CAST, REDIRECT_TARGET, Temper};
use super::ledger::{Answered, Arrival, Ledger};
use super::scale::ATTEMPT_TIMEOUT;
use crate::clock;
use crate::http_server;
use crate::outcome::Trouble;
use crate::received::{Notice, header};

/// The receivers, until dropped.
pub(crate) struct Receivers {
    address: SocketAddr,
    keys: watch::Sender<Keys>,
    _stop: watch::Sender<bool>,
}

/// What a webhook's owner keeps from its registration.
#[derive(Clone)]
pub(crate) struct Registered {
    /// The webhook's id.
    pub(crate) id: i64,
    /// The secret to verify with.
    pub(crate) secret: SigningSecret,
}

/// By part.
type Keys = Arc<HashMap<usize, Registered>>;

#[derive(Clone)]
struct Desk {
    ledger: Ledger,
    keys: watch::Receiver<Keys>,
}

impl Receivers {
    /// Starts listening on the loopback address.
    pub(crate) async fn start(ledger: Ledger) -> Result<Self, Trouble> {
        let bound = http_server::bind((Ipv4Addr::LOCALHOST, 0).into())
            .await
            .map_err(|error| Trouble::new(format!("the receivers cannot listen on 127.0.0.1: {error}")))?;
        let (keys, stop) = (watch::Sender::new(Keys::default()), watch::Sender::new(false));
        let router = Router::new().fallback(receive).with_state(Desk { ledger, keys: keys.subscribe() });
        let address = bound.address;
        tokio::spawn(bound.serve(router, stop.subscribe()));
        Ok(Self { address, keys, _stop: stop })
    }

    /// The URL of a path at the receivers.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Hands the receivers what registration gave their owners.
    pub(crate) fn hand_out(&self, keys: HashMap<usize, Registered>) {
        self.keys.send_replace(Arc::new(keys));
    }
}

async fn receive(State(desk): State<Desk>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let Some(part) = cast::at(uri.path()) else {
        desk.ledger.open().strays.push(uri.path().to_owned());
        return StatusCode::NO_CONTENT.into_response();
    };
    let trust = desk.examine(part, &headers, &body);
    let event = header(&headers, "Nowistay-Webhook-Event-Id").unwrap_or_default().to_owned();
    let answered = {
        let mut notes = desk.ledger.open();
        let earlier = notes.arrivals.iter().filter(|arrival| arrival.part == part).count();
        let answered = answer(&CAST[part].temper, earlier);
        notes.arrivals.push(Arrival { part, event, body, trust, answered });
        answered
    };
    perform(&CAST[part].temper, answered).await
}

/// What a receiver answers that has had so many requests before.
fn answer(temper: &Temper, earlier: usize) -> Answered {
    match *temper {
        Temper::Recovers { refuses, .. } if earlier < refuses => Answered::Status(503),
        Temper::Recovers { refuses, hangs } if earlier < refuses + hangs => Answered::Nothing,
        Temper::Redirects => Answered::Status(302),
        Temper::Prompt | Temper::Slow(_) | Temper::Recovers { .. } => Answered::Status(204),
    }
}

async fn perform(temper: &Temper, answered: Answered) -> Response {
    match (temper, answered) {
        (_, Answered::Nothing) => {
            // Longer than anybody waits: the engine hangs up first.
            tokio::time::sleep(ATTEMPT_TIMEOUT.times(3).as_duration()).await;
            StatusCode::GATEWAY_TIMEOUT.into_response()
        }
        (_, Answered::Status(302)) => (StatusCode::FOUND, [(LOCATION, REDIRECT_TARGET)]).into_response(),
        (_, Answered::Status(503)) => {
            (StatusCode::SERVICE_UNAVAILABLE, "down for maintenance").into_response()
        }
        (temper, Answered::Status(_)) => {
            tokio::time::sleep(temper.thinks()).await;
            StatusCode::NO_CONTENT.into_response()
        }
    }
}

impl Temper {
    fn thinks(&self) -> Duration {
        if let Self::Slow(time) = self { *time } else { Duration::ZERO }
    }
}

impl Desk {
    /// Whether the request comes from the engine and says the same everywhere.
    fn examine(&self, part: usize, headers: &HeaderMap, body: &[u8]) -> Result<(), String> {
        #[derive(Deserialize)]
        struct Envelope {
            id: String,
            #[serde(rename = "type")]
            kind: String,
        }

        let keys = Arc::clone(&self.keys.borrow());
        let registered = keys.get(&part).ok_or("nothing was registered for this receiver")?;
        let notice = Notice::read(headers)?;
        let diagnosis = notice.diagnose(&registered.secret, body, clock::now());
        if !diagnosis.is_right() {
            return Err(diagnosis.to_string());
        }
        let envelope: Envelope =
            serde_json::from_slice(body).map_err(|error| format!("the body: {error}"))?;
        let agree = envelope.id == notice.event
            && envelope.kind == notice.kind
            && registered.id.to_string() == header(headers, "Nowistay-Webhook-Id")?;
        if agree { Ok(()) } else { Err("headers and body name different things".to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_that_recovers_refuses_then_hangs_then_accepts() {
        let temper = Temper::Recovers { refuses: 2, hangs: 1 };
        let answers: Vec<_> = (0..5).map(|earlier| answer(&temper, earlier)).collect();
        let (refusal, success) = (Answered::Status(503), Answered::Status(204));
        assert_eq!(answers, [refusal, refusal, Answered::Nothing, success, success]);
        assert_eq!(answer(&Temper::Redirects, 1_000), Answered::Status(302));
    }
}
