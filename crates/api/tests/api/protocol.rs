//! HTTP itself: paths, methods, bodies, media types, request ids.

use axum::body::Body;
use axum::http::Request;

use crate::house::{EVENT_BYTES, House, registration};

const WEBHOOKS: &str = "/public/v1/webhooks";
const EVENTS: &str = "/internal/v1/events";

#[tokio::test]
async fn unknown_paths_are_problems_too() {
    let house = House::new().await;
    for path in [
        "/",
        "/public",
        "/public/v1",
        "/public/v2/webhooks",
        "/public/v1/webhooks/",
        "//public/v1/webhooks",
        "/admin",
    ] {
        house.get(&house.owner, path).await.problem(404, "not_found");
    }
    for id in ["0x1", "+1", "01", "1.0", "-1", "%31x", "%ff", "99999999999999999999", "abc", "1%20"] {
        house.get(&house.owner, &format!("{WEBHOOKS}/{id}")).await.problem(404, "not_found");
        house.get(&house.owner, &format!("{WEBHOOKS}/{id}/deliveries")).await.problem(404, "not_found");
    }
    for id in ["evt_", "evt_short", "1", "dlv_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "%ff"] {
        house.get(&house.producer, &format!("{EVENTS}/{id}")).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn wrong_methods_are_told_the_right_ones() {
    let house = House::new().await;
    for (method, path, allowed) in [
        ("PUT", WEBHOOKS, &["GET", "HEAD", "POST"][..]),
        ("POST", "/public/v1/webhooks/1", &["GET", "HEAD", "PATCH", "DELETE"]),
        ("DELETE", "/public/v1/webhooks/1/deliveries", &["GET", "HEAD"]),
        ("POST", "/public/v1/event-types", &["GET", "HEAD"]),
        ("GET", EVENTS, &["POST"]),
        ("GET", "/internal/v1/events/batch", &["POST"]),
        ("OPTIONS", "/healthz", &["GET", "HEAD"]),
        ("POST", "/metrics", &["GET", "HEAD"]),
    ] {
        let answer = house.write(method, &house.owner, path, "{}").await;
        answer.problem(405, "method_not_allowed");
        let mut told: Vec<&str> = answer.header("allow").split(',').map(str::trim).collect();
        let mut allowed = allowed.to_vec();
        told.sort_unstable();
        allowed.sort_unstable();
        assert_eq!(told, allowed, "{method} {path}");
    }
}

#[tokio::test]
async fn bodies_must_say_that_they_are_json() {
    let house = House::new().await;
    let body = registration(101).to_string();
    for (method, path) in [("POST", WEBHOOKS), ("PATCH", "/public/v1/webhooks/1")] {
        for media_type in [
            None,
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
            Some("application/json; charset=utf-16"),
        ] {
            let mut request = house.request(method, path, &house.owner);
            if let Some(media_type) = media_type {
                request = request.header("content-type", media_type);
            }
            let answer = house.send(request.body(Body::from(body.clone())).unwrap()).await;
            answer.problem(415, "unsupported_media_type");
        }
        let request = house.request(method, path, &house.owner).header("content-type", "application/json");
        let request = request.header("content-encoding", "gzip").body(Body::from(body.clone())).unwrap();
        house.send(request).await.problem(415, "unsupported_media_type");
    }
    let request = house
        .request("POST", WEBHOOKS, &house.owner)
        .header("content-type", "application/JSON; charset=UTF-8");
    assert_eq!(house.send(request.body(Body::from(body)).unwrap()).await.status, 201);
}

#[tokio::test]
async fn what_is_no_json_is_told_why() {
    let house = House::new().await;
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(64), "]".repeat(64));
    for (body, why) in [
        (&b""[..], "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"{} {}", "not valid JSON"),
        (b"{\"url\":\"\xff\"}", "UTF-8"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b"{\"url\":\"\\ud800\"}", "surrogate"),
        (b"{\"propertyId\":1e400}", "number"),
        (b"{\"url\":\"a\",\"url\":\"b\"}", "/url is there twice"),
        (b"{\"data\":{\"x\":[{\"y\":1,\"y\":2}]}}", "/data/x/0/y is there twice"),
        (deep.as_bytes(), "nested more than 64 deep"),
    ] {
        for (method, token, path) in [
            ("POST", &house.owner, WEBHOOKS),
            ("PATCH", &house.owner, "/public/v1/webhooks/1"),
            ("POST", &house.producer, EVENTS),
        ] {
            let problem = house.write(method, token, path, body.to_vec()).await.problem(400, "invalid_json");
            assert!(problem["detail"].as_str().unwrap().contains(why), "{problem}");
        }
    }
    let batch = house.write("POST", &house.producer, "/internal/v1/events/batch", "[").await;
    batch.problem(400, "invalid_json");
}

#[tokio::test]
async fn json_that_is_no_object_is_not_what_was_asked_for() {
    let house = House::new().await;
    for body in ["[]", "null", "1", "\"x\"", "true"] {
        for (method, token, path, code) in [
            ("POST", &house.owner, WEBHOOKS, "invalid_webhook"),
            ("PATCH", &house.owner, "/public/v1/webhooks/1", "invalid_webhook"),
            ("POST", &house.producer, EVENTS, "invalid_request"),
            ("POST", &house.producer, "/internal/v1/events/batch", "invalid_request"),
        ] {
            let wrong = house.write(method, token, path, body).await.wrong(code);
            assert_eq!(wrong.len(), 1);
            assert_eq!(wrong[0].0, "");
            assert!(wrong[0].1.starts_with("must be an object, not "), "{wrong:?}");
        }
    }
}

/// An object of exactly so many bytes.
fn of_bytes(bytes: usize) -> String {
    format!(r#"{{"x":"{}"}}"#, "a".repeat(bytes - 8))
}

#[tokio::test]
async fn bodies_are_bounded_exactly() {
    let house = House::new().await;
    for (token, path, limit) in [(&house.owner, WEBHOOKS, 65_536), (&house.producer, EVENTS, EVENT_BYTES)] {
        assert_eq!(house.write("POST", token, path, of_bytes(limit)).await.status, 422);
        let problem =
            house.write("POST", token, path, of_bytes(limit + 1)).await.problem(413, "payload_too_large");
        assert!(problem["detail"].as_str().unwrap().contains(&limit.to_string()), "{problem}");
        // Announced, so that it need not be read to be refused.
        let announced = house.request("POST", path, token).header("content-type", "application/json");
        let announced =
            announced.header("content-length", limit + 1).body(Body::from(of_bytes(limit + 1))).unwrap();
        house.send(announced).await.problem(413, "payload_too_large");
    }
}

#[tokio::test]
async fn request_ids_are_taken_over_or_made() {
    let house = House::new().await;
    let sent =
        |id: &str| Request::builder().uri("/nowhere").header("x-request-id", id).body(Body::empty()).unwrap();
    assert_eq!(house.send(sent("pms-42.a:b")).await.header("x-request-id"), "pms-42.a:b");
    let mut made = Vec::new();
    for bad in ["", "a b", "\"x\"", "<script>", &"x".repeat(129)] {
        let id = house.send(sent(bad)).await.header("x-request-id").to_owned();
        assert!(id.starts_with("req_"), "{id}");
        made.push(id);
    }
    made.dedup();
    assert_eq!(made.len(), 5, "every request gets its own");
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let house = House::new().await;
    assert_eq!(house.write("HEAD", &house.owner, WEBHOOKS, "").await.status, 200);
}

#[tokio::test]
async fn every_answer_bears_security_headers() {
    let house = House::new().await;
    for (method, path) in
        [("GET", WEBHOOKS), ("GET", "/nowhere"), ("PUT", WEBHOOKS), ("POST", EVENTS), ("GET", "/healthz")]
    {
        let answer = house.write(method, &house.owner, path, "{}").await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        let policy = answer.header("content-security-policy");
        assert_eq!(policy, "default-src 'none'; frame-ancestors 'none'", "{method} {path}");
    }
}
