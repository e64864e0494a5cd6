//! `server.roles`: what a node leaves to others.

use std::time::Duration;

use stayhook_testkit::{Postgres, Receiver};

use crate::node::{Deployment, Node};

async fn is_not_served(node: &Node, path: &str) {
    let answer = node.get(path).await;
    assert_eq!(answer.status, 404, "{path}: {answer:?}");
    assert_eq!(answer.headers["content-type"], "application/problem+json", "{path}");
    assert_eq!(answer.body["code"], "not_found", "{path}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_the_role_api_answers_its_operator_alone() {
    let database = Postgres::create().unwrap();
    let deployment = Deployment::on(database.url());
    let worker = deployment.start_with(&[("STAYHOOK_SERVER__ROLES", r#"["worker","maintenance"]"#)]).await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(worker.get(path).await.status, 200, "{path}");
    }
    let others = [
        "/public/v1/webhooks",
        "/public/v1/event-types",
        "/internal/v1/events",
        "/admin/v1/stats",
        "/openapi.json",
        "/docs",
        "/",
    ];
    for path in others {
        is_not_served(&worker, path).await;
    }
    assert!(worker.stop().await.success());
}

/// What a node without workers accepts is delivered by those that have them.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_accepts_another_delivers() {
    let database = Postgres::create().unwrap();
    let deployment = Deployment::on(database.url());
    let api = deployment.start_with(&[("STAYHOOK_SERVER__ROLES", r#"["api"]"#)]).await;
    let worker = deployment.start_with(&[("STAYHOOK_SERVER__ROLES", r#"["worker","maintenance"]"#)]).await;
    let receiver = Receiver::start().await.unwrap();
    api.register(&receiver.url("/"), 1).await;
    for booking in 0..20 {
        assert_eq!(api.enqueue(booking).await.status, 202);
    }
    assert_eq!(receiver.wait_for(20, Duration::from_secs(20)).await.len(), 20);
    assert!(api.stop().await.success());
    assert!(worker.stop().await.success());
}
