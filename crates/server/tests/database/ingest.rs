//! Services that report events without pause, to one node or another, until each is
//! acknowledged: a call that fails is repeated under the same key.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::node::{Answer, event};

/// Callers under way.
pub(crate) struct Ingest {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

struct Shared {
    nodes: Mutex<Vec<String>>,
    token: String,
    bookings: AtomicU64,
    report: Mutex<Report>,
}

/// What the callers saw.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// Ids of events that were acknowledged, each once.
    pub(crate) acknowledged: Vec<String>,
    /// How often each status was answered, by node.
    pub(crate) statuses: HashMap<(String, u16), usize>,
    /// Calls without an answer.
    pub(crate) broken: usize,
    /// The longest that an answer took.
    pub(crate) slowest: Duration,
}

impl Ingest {
    /// Starts so many callers.
    pub(crate) fn start(callers: u64, token: &str, nodes: &[&str]) -> Self {
        let shared = Arc::new(Shared {
            nodes: Mutex::new(nodes.iter().map(|it| (*it).to_owned()).collect()),
            token: token.to_owned(),
            bookings: AtomicU64::new(1),
            report: Mutex::default(),
        });
        let stop = watch::Sender::new(false);
        let mut tasks = JoinSet::new();
        for caller in 0..callers {
            tasks.spawn(call(Arc::clone(&shared), stop.subscribe(), caller));
        }
        Self { shared, tasks, stop }
    }

    /// Sends the callers to other nodes from now on.
    pub(crate) fn direct(&self, nodes: &[&str]) {
        *self.shared.nodes.lock().unwrap() = nodes.iter().map(|it| (*it).to_owned()).collect();
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.shared.report.lock().unwrap().acknowledged.len()
    }

    /// Lets every caller finish what it is at.
    pub(crate) async fn stop(mut self) -> Report {
        self.stop.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        self.shared.report.lock().unwrap().clone()
    }
}

async fn call(shared: Arc<Shared>, stop: watch::Receiver<bool>, caller: u64) {
    let client = reqwest::Client::new();
    let mut turn = usize::try_from(caller).unwrap();
    while !*stop.borrow() {
        let booking = shared.bookings.fetch_add(1, Ordering::Relaxed);
        while !shared.report_event(&client, booking, turn).await {
            turn += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // The whole load is a few hundred events per second: this is not a bench.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

impl Shared {
    /// Tries once; returns whether the event is acknowledged.
    async fn report_event(&self, client: &reqwest::Client, booking: u64, turn: usize) -> bool {
        let node = {
            let nodes = self.nodes.lock().unwrap();
            nodes[turn % nodes.len()].clone()
        };
        let request = client.post(format!("{node}/internal/v1/events")).bearer_auth(&self.token);
        let request = request
            .header("content-type", "application/json")
            .header("idempotency-key", format!("booking-{booking}"));
        let answer = Answer::of(request.body(event(booking))).await;
        let mut report = self.report.lock().unwrap();
        let Ok(answer) = answer else {
            report.broken += 1;
            return false;
        };
        *report.statuses.entry((node, answer.status)).or_insert(0) += 1;
        report.slowest = report.slowest.max(answer.took);
        match answer.status {
            200 | 202 => {
                report.acknowledged.push(answer.body["id"].as_str().unwrap().to_owned());
                true
            }
            _ => {
                answer.is_unavailable();
                false
            }
        }
    }
}

impl Report {
    /// How often that status was answered.
    pub(crate) fn count(&self, status: u16) -> usize {
        self.statuses.iter().filter(|((_, it), _)| *it == status).map(|(_, count)| count).sum()
    }
}
