//! A node that is told to stop while events are being reported: what it takes it answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use stayhook_testkit::{Postgres, Receiver};

use crate::node::{Deployment, all_arrive, event};

const ROUNDS: usize = 20;

/// Reports that were answered with their event's id, and bookings of those that were not.
#[derive(Default)]
struct Calls {
    accepted: Vec<String>,
    unanswered: Vec<i64>,
    /// Of those, on connections that were open before.
    cut: usize,
}

/// Reports without pause until nobody listens any more.
async fn report(url: String, token: String, bookings: Arc<AtomicU64>, stop: Arc<AtomicBool>) -> Calls {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    let mut calls = Calls::default();
    while !stop.load(Ordering::Relaxed) {
        let booking = bookings.fetch_add(1, Ordering::Relaxed);
        let request = client.post(format!("{url}/internal/v1/events")).bearer_auth(&token);
        let request = request.header("content-type", "application/json").body(event(booking));
        match request.send().await {
            Ok(answer) if answer.status() == 202 => {
                let body: serde_json::Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
                calls.accepted.push(body["id"].as_str().unwrap().to_owned());
            }
            Ok(answer) => assert_eq!(answer.status(), 503, "{booking}"),
            Err(error) => {
                calls.unanswered.push(booking.cast_signed());
                calls.cut += usize::from(!error.is_connect());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
    calls
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stopping_node_takes_it_answers() {
    let database = Postgres::create().unwrap();
    let deployment = Deployment::on(database.url());
    let receiver = Receiver::start().await.unwrap();
    let bookings = Arc::new(AtomicU64::new(1));
    let mut all = Calls::default();
    for round in 0..ROUNDS {
        let node = deployment.start_with(&[("STAYHOOK_LIMITS__REQUESTS_PER_SECOND", "100000")]).await;
        if round == 0 {
            node.register(&receiver.url("/"), 1).await;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let callers: Vec<_> = (0..6)
            .map(|_| {
                let (url, token) = (node.url.clone(), deployment.token.clone());
                tokio::spawn(report(url, token, Arc::clone(&bookings), Arc::clone(&stop)))
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(150 + 17 * round as u64)).await;
        assert!(node.stop().await.success());
        stop.store(true, Ordering::Relaxed);
        for caller in callers {
            let calls = caller.await.unwrap();
            all.accepted.extend(calls.accepted);
            all.unanswered.extend(calls.unanswered);
            all.cut += calls.cut;
        }
    }
    let (accepted, unanswered, cut) = (all.accepted.len(), all.unanswered.len(), all.cut);
    println!("{accepted} accepted, {unanswered} not answered, {cut} of these cut");
    let mut sql = PgConnection::connect(database.url()).await.unwrap();
    let taken = "SELECT count(*) FROM stayhook.events WHERE booking::bigint = ANY($1)";
    let taken: i64 = sqlx::query_scalar(taken).bind(&all.unanswered).fetch_one(&mut sql).await.unwrap();
    assert_eq!(taken, 0, "taken, and not answered");
    // Callers who come at the very moment at which the door is closed.
    assert!(cut <= ROUNDS / 10, "{cut} connections were cut");
    let node = deployment.start().await;
    assert_eq!(all_arrive(&receiver, &all.accepted).await, 0, "arrived twice");
    assert!(node.stop().await.success());
}
