//! Whatever an endpoint does not ask for is refused: held against every route of the description,
//! so that none is forgotten.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use stayhook_core::Span;

use crate::house::{Answer, House, eventually};

/// A route, with a path that leads to something.
struct Route {
    method: String,
    path: String,
    takes_body: bool,
}

/// Every route that is described, those that end something last.
async fn routes(house: &House, things: &[(&str, String)]) -> Vec<Route> {
    let document = without_token(house, "GET", "/openapi.json", Body::empty()).await.json();
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let filled = things.iter().fold(path.clone(), |path, (name, id)| path.replace(name, id));
        assert!(!filled.contains('{'), "{filled}");
        for (method, operation) in methods.as_object().unwrap() {
            let takes_body = operation.get("requestBody").is_some();
            routes.push(Route { method: method.to_uppercase(), path: filled.clone(), takes_body });
        }
    }
    assert!(routes.len() >= 30, "{}", routes.len());
    routes.sort_by_key(|route| route.method == "DELETE");
    routes
}

async fn without_token(house: &House, method: &str, path: &str, body: Body) -> Answer {
    house.send(Request::builder().method(method).uri(path).body(body).unwrap()).await
}

/// A house with one of each, and what stands in paths for it.
async fn furnished() -> (House, Vec<(&'static str, String)>) {
    let house = House::new().await;
    let webhook = house.webhook(101).await;
    let event = house.event(101).await;
    let log = format!("/public/v1/webhooks/{webhook}/deliveries?status=delivered");
    let delivery = eventually(async || {
        let page = house.get(&house.owner, &log).await.json();
        page["data"][0]["id"].as_str().map(str::to_owned)
    })
    .await;
    let things = vec![
        ("{webhook}", webhook.to_string()),
        ("{event}", event),
        ("{delivery}", delivery),
        ("{property}", "101".to_owned()),
        ("{type}", "room.cleaned".to_owned()),
    ];
    (house, things)
}

fn pointers(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect()
}

/// What may have changed by a request that had to be refused.
async fn state(house: &House, webhook: &str) -> (Value, String, usize, Value, Value) {
    let shown = house.get(&house.owner, &format!("/public/v1/webhooks/{webhook}")).await;
    let etag = shown.header("etag").to_owned();
    let log = house.get(&house.admin, "/admin/v1/deliveries").await.json();
    let audit = house.get(&house.admin, "/admin/v1/audit").await.json();
    (shown.json(), etag, house.receiver.count(), log, audit)
}

#[tokio::test]
async fn unknown_query_parameters_are_refused_everywhere() {
    let (house, things) = furnished().await;
    let before = state(&house, &things[0].1).await;
    for Route { method, path, takes_body } in routes(&house, &things).await {
        for (query, pointer) in [("force=1", "/force"), ("a%2Fb", "/a~1b"), ("LIMIT=1", "/LIMIT")] {
            let body = if takes_body { "{}" } else { "" };
            let with_query = format!("{path}?{query}");
            let answer = house.write(&method, house.key(&path), &with_query, body).await;
            let problem: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!((answer.status, pointers(&problem)), (422, vec![pointer]), "{method} {with_query}");
        }
    }
    assert_eq!(state(&house, &things[0].1).await, before, "and nothing was done");
}

#[tokio::test]
async fn endpoints_without_a_body_take_none() {
    let (house, things) = furnished().await;
    let before = state(&house, &things[0].1).await;
    let bare = routes(&house, &things).await.into_iter().filter(|route| !route.takes_body);
    let bare: Vec<Route> = bare.collect();
    assert!(bare.len() >= 20, "{}", bare.len());
    let large = format!("{{\"x\":\"{}\"}}", "a".repeat(70_000));
    for Route { method, path, .. } in &bare {
        for (body, status, pointer) in [
            ("garbage", 400, None),
            ("{}{}", 400, None),
            ("{\"a\":1,\"a\":2}", 400, None),
            ("{\"force\":true}", 422, Some("/force")),
            ("[]", 422, Some("")),
            ("null", 422, Some("")),
            (&large, 413, None),
        ] {
            for media_type in ["application/json", "text/plain"] {
                let request = house.request(method, path, house.key(path)).header("content-type", media_type);
                let answer = house.send(request.body(Body::from(body.to_owned())).unwrap()).await;
                let problem: Value = serde_json::from_slice(&answer.body).unwrap();
                let found = (answer.status, pointers(&problem).first().copied());
                assert_eq!(found, (status, pointer), "{method} {path}: {body:.20}");
            }
        }
    }
    assert_eq!(state(&house, &things[0].1).await, before, "and nothing was done");
    for Route { method, path, .. } in &bare {
        for (body, media_type) in [("", None), ("{}", None), (" {} ", Some("application/json"))] {
            let path = if method == "DELETE" {
                format!("/public/v1/webhooks/{}", house.webhook(102).await)
            } else {
                path.clone()
            };
            let mut request = house.request(method, &path, house.key(&path));
            if let Some(media_type) = media_type {
                request = request.header("content-type", media_type);
            }
            let answer = house.send(request.body(Body::from(body)).unwrap()).await;
            // A delivery that is being retried already is in no state to be retried.
            let fine =
                (200..300).contains(&answer.status) || (answer.status == 409 && path.ends_with("/retry"));
            assert!(fine, "{method} {path} {body:?}: {}", answer.text());
        }
    }
}

/// Who may not call at all is told so, whatever else is wrong.
#[tokio::test]
async fn who_calls_is_asked_before_what() {
    let (house, things) = furnished().await;
    let nobody = house.token("nobody", "", None).await;
    for Route { method, path, .. } in routes(&house, &things).await {
        if ["/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"].contains(&path.as_str()) {
            continue;
        }
        let path = format!("{path}?force=1");
        let answer = without_token(&house, &method, &path, Body::from("garbage")).await;
        answer.problem(401, "unauthenticated");
        house.write(&method, &nobody, &path, "garbage").await.problem(403, "insufficient_scope");
    }
}

/// Large bodies that are under way take all the room there is: one more is told when to come back.
#[tokio::test]
async fn bodies_under_way_are_bounded_in_bytes() {
    let house = House::with(|state| state.limits.event_bytes = 256 * 1_024).await;
    let most = 16 * 1_024 * 1_024;
    let batch = |body| {
        let request = house.request("POST", "/internal/v1/events/batch", &house.producer);
        let request = request.header("content-type", "application/json").header("content-length", most);
        request.body(body).unwrap()
    };
    let under_way: Vec<_> = (0..4).map(|_| tokio::spawn(house.start(batch(Body::new(Silent))))).collect();
    let busy = eventually(async || {
        let answer = house.send(batch(Body::from("{}"))).await;
        (answer.status == 503).then_some(answer)
    })
    .await;
    busy.problem(503, "unavailable");
    assert!(busy.header("retry-after").parse::<u32>().unwrap() > 0);
    let small = crate::house::event(101).to_string();
    let request = house.request("POST", "/internal/v1/events", &house.producer);
    let request = request.header("content-type", "application/json").header("content-length", small.len());
    let answer = house.send(request.body(Body::from(small)).unwrap()).await;
    assert_eq!(answer.status, 202, "a small one needs no room: {}", answer.text());
    for request in under_way {
        request.abort();
        assert!(request.await.unwrap_err().is_cancelled());
    }
    let answer =
        house.send(batch(Body::from(json!({"events": [crate::house::event(101)]}).to_string()))).await;
    assert_eq!(answer.status, 202, "the room is given back: {}", answer.text());
    house.engine.shutdown(Span::ZERO).await;
}

/// A body of which nothing comes.
struct Silent;

impl http_body::Body for Silent {
    type Data = axum::body::Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        std::task::Poll::Pending
    }
}
