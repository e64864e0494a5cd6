//! Services that report events without pause and remember what was acknowledged.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::process::Server;

const CALLERS: usize = 8;

/// What all producers have seen acknowledged, over all servers.
#[derive(Default)]
pub(crate) struct Producers {
    acknowledged: Arc<Mutex<Vec<String>>>,
    bookings: Arc<AtomicU64>,
}

/// Callers of one server.
pub(crate) struct Calls {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Producers {
    pub(crate) fn start(&self, server: &Server) -> Calls {
        let stop = watch::Sender::new(false);
        let mut tasks = JoinSet::new();
        let client = reqwest::Client::new();
        for _ in 0..CALLERS {
            let (client, stopped) = (client.clone(), stop.subscribe());
            let (url, token) = (format!("{}/internal/v1/events", server.url), server.token.clone());
            let (acknowledged, bookings) = (Arc::clone(&self.acknowledged), Arc::clone(&self.bookings));
            tasks.spawn(async move {
                while !*stopped.borrow() {
                    let booking = bookings.fetch_add(1, Ordering::Relaxed);
                    let request =
                        client.post(&url).bearer_auth(&token).header("content-type", "application/json");
                    // A call that fails was not acknowledged: the server is being killed.
                    let Ok(answer) = request.body(event(booking)).send().await else { continue };
                    if answer.status() != 202 {
                        continue;
                    }
                    let Ok(body) = answer.text().await else { continue };
                    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
                    acknowledged.lock().unwrap().push(body["id"].as_str().unwrap().to_owned());
                }
            });
        }
        Calls { tasks, stop }
    }

    pub(crate) fn acknowledged(&self) -> Vec<String> {
        self.acknowledged.lock().unwrap().clone()
    }
}

impl Calls {
    pub(crate) async fn stop(mut self) {
        self.stop.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
    }
}

fn event(booking: u64) -> String {
    format!(
        r#"{{"type":"booking.created","propertyId":{},"bookingId":{booking},"data":{{"booking":{{"id":{booking},"status":"confirmed"}}}}}}"#,
        1 + booking % 2
    )
}
