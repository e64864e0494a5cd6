//! Rule 10: receivers that hang delay nobody else (`--fairness SECONDS`), and neither does one that is
//! flooded (`--flood EVENTS`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::callers;
use crate::receiver::{self, Receiver};
use crate::report;
use crate::server::{Home, Server};

const WEBHOOKS: usize = 20;
/// Those that never answer.
const HANGING: usize = 4;
const PER_SECOND: u32 = 100;
/// What counts as late.
const LATE: Duration = Duration::from_millis(100);

/// 4 of 20 receivers hang; how late are the others?
pub(crate) async fn hanging(span: Duration, on_postgres: bool) {
    let (receiver, dead) = (Receiver::start().await, receiver::hanging().await);
    let server = Server::serve(&Arc::new(Home::create(on_postgres)), WEBHOOKS);
    for property in 1..=WEBHOOKS {
        let address = if property <= HANGING { dead } else { receiver.address() };
        server.register_one(property, &format!("http://{address}/{property}")).await;
    }
    receiver.note_arrivals();
    let began = callers::enqueue_paced(&server, PER_SECOND, span).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let arrivals = receiver.arrivals();
    let memory = server.memory();
    server.stop().await;
    let healthy = began.iter().enumerate().filter(|(number, _)| number % WEBHOOKS >= HANGING);
    let latencies: Vec<Option<Duration>> =
        healthy.map(|(number, at)| arrivals.get(&(number as u64)).map(|it| *it - *at)).collect();
    let title = format!("{HANGING} of {WEBHOOKS} receivers hang, {PER_SECOND} events/s for {span:?}");
    report::late(&title, &latencies, LATE, memory);
}

/// What another webhook's event may take beside a flood.
const BESIDE: Duration = Duration::from_millis(50);
/// How often one is enqueued.
const EVERY: Duration = Duration::from_millis(20);
/// Their numbers begin here.
const OTHERS: usize = 10_000_000;

/// One webhook gets so many events as fast as they are accepted; how late are those of another?
pub(crate) async fn flood(events: usize, on_postgres: bool) {
    let receiver = Receiver::start().await;
    let server = Arc::new(Server::serve(&Arc::new(Home::create(on_postgres)), 2));
    for property in 1..=2 {
        server.register_one(property, &format!("http://{}/{property}", receiver.address())).await;
    }
    receiver.note_arrivals();
    let start = Instant::now();
    let flooded = Arc::clone(&server);
    let flood = tokio::spawn(async move {
        callers::enqueue_for(&flooded, 1, 0..events).await;
        start.elapsed()
    });
    let mut client = callers::Client::connect(server.address).await;
    let mut ticks = tokio::time::interval(EVERY);
    let mut began = Vec::new();
    while receiver.count() < events + began.len() {
        ticks.tick().await;
        let body = callers::event_for(OTHERS + began.len(), 2);
        began.push(Instant::now());
        assert_eq!(client.post("/internal/v1/events", &server.token, body.into()).await, 202);
        assert!(start.elapsed() < Duration::from_secs(300), "{} arrived", receiver.count());
    }
    let (delivered, accepted) = (start.elapsed(), flood.await.unwrap());
    tokio::time::sleep(Duration::from_millis(500)).await;
    let arrivals = receiver.arrivals();
    let latencies: Vec<Option<Duration>> = began
        .iter()
        .enumerate()
        .map(|(number, at)| arrivals.get(&((OTHERS + number) as u64)).map(|it| *it - *at))
        .collect();
    let memory = server.memory();
    Arc::into_inner(server).unwrap().stop().await;
    let title = format!(
        "beside {events} events of one webhook, accepted in {accepted:.1?}, delivered in {delivered:.1?}"
    );
    report::late(&title, &latencies, BESIDE, memory);
}
