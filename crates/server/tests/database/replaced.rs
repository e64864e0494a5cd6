//! Nodes are replaced one after the other, and nobody notices.

use std::time::Duration;

use stayhook_testkit::{Postgres, Receiver, Reply};

use crate::ingest::Ingest;
use crate::node::{Deployment, all_arrive, until};

/// Two of three nodes take events; each of the three is replaced.
#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_loses_and_repeats_nothing() {
    let database = Postgres::create().unwrap();
    let deployment = Deployment::on(database.url());
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(deployment.start().await);
    }
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(200).after(Duration::from_millis(10)));
    nodes[0].register(&receiver.url("/"), 1).await;
    let ingest = Ingest::start(6, &deployment.token, &[&nodes[0].url, &nodes[1].url]);
    let more = async || {
        let before = ingest.acknowledged();
        until("events are acknowledged", async || ingest.acknowledged() > before + 50).await;
    };
    let mut stopped = Vec::new();
    for _ in 0..3 {
        more().await;
        // The oldest goes, its successor comes, and callers learn of it afterwards.
        let leaving = nodes.remove(0);
        stopped.push(leaving.url.clone());
        let ended = leaving.stop().await;
        assert!(ended.success(), "{ended}");
        nodes.push(deployment.start().await);
        ingest.direct(&[&nodes[0].url, &nodes[1].url]);
    }
    more().await;
    let report = ingest.stop().await;
    let repeated = all_arrive(&receiver, &report.acknowledged).await;
    nodes[0].settled(&report.acknowledged).await;
    println!(
        "{} events acknowledged; {} answers of 503 by nodes that were stopping; {} calls refused or cut",
        report.acknowledged.len(),
        report.count(503),
        report.broken
    );
    for ((node, status), count) in &report.statuses {
        let fine = matches!(status, 200 | 202) || (*status == 503 && stopped.contains(node));
        assert!(fine, "{node} answered {status} {count} times");
    }
    assert_eq!(repeated, 0, "arrived twice");
    for node in nodes {
        assert!(node.stop().await.success());
    }
}
