//! Pages made for people, where an application should answer.

use stayhook_courier::{Answer, MAX_BODY_KEPT, Page};
use stayhook_testkit::{Receiver, Reply};

use crate::desk::Desk;

/// What a receiver that shows this page is taken for, and what is said of it.
async fn shown(status: u16, body: &str) -> (Option<Page>, Option<String>) {
    let (desk, receiver) = (Desk::new().await, Receiver::start().await.unwrap());
    let page = Reply::status(status).header("Content-Type", "text/html; charset=UTF-8");
    receiver.always(page.body(body.to_owned()));
    let Answer::Replied(reply) = desk.send(&receiver.url("/")).await else { panic!("no reply") };
    assert!(reply.body.len() <= MAX_BODY_KEPT, "the log keeps as much as ever");
    assert_eq!(reply.is_success(), status == 200, "what is shown changes no verdict");
    (reply.page, reply.fault().or_else(|| reply.doubt()).map(|fault| fault.to_string()))
}

#[tokio::test]
async fn a_challenge_is_recognised_whatever_its_status() {
    let challenge = "<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>";
    for (status, begin) in [
        (200, "web_page: the receiver answered 200 OK, which counts as delivered, but with a challenge page"),
        (403, "status: the receiver answered 403 Forbidden with a challenge page"),
        (503, "status: the receiver answered 503 Service Unavailable with a challenge page"),
    ] {
        let (page, words) = shown(status, challenge).await;
        assert_eq!(page, Some(Page::Challenge));
        assert!(words.as_deref().is_some_and(|words| words.starts_with(begin)), "{words:?}");
    }
}

#[tokio::test]
async fn a_login_is_recognised_beyond_what_the_log_keeps() {
    let head = "<meta name=\"filler\">".repeat(400);
    let login = format!("<html><head>{head}</head><form><input type=\"password\"></form></html>");
    for status in [200, 401, 403] {
        let (page, words) = shown(status, &login).await;
        assert_eq!(page, Some(Page::Login));
        assert!(words.as_deref().is_some_and(|words| words.contains("with a login page")), "{words:?}");
    }
}

#[tokio::test]
async fn any_other_page_is_nothing_to_speak_of() {
    assert_eq!(shown(200, "<html><title>Thanks</title>ok</html>").await, (None, None));
    let words = "status: the receiver answered 403 Forbidden".to_owned();
    assert_eq!(shown(403, "<html><h1>Forbidden</h1></html>").await, (None, Some(words)));
}
