//! One exchange with a receiver, and what its answer means.

use std::sync::Arc;
use std::time::Duration;

use stayhook_core::{Fault, FaultClass, Outcome, UnixMs};
use stayhook_courier::{Answer, MAX_BODY_KEPT, Outbound, Reply as Received};
use stayhook_profile::{Judged, Profile};
use stayhook_store::Reply;

use crate::engine::Shared;
use crate::pass::Pass;
use crate::registry::Entry;
use crate::sender::Message;
use crate::tokens::Means;
use crate::window::Feedback;

/// An answer, with the profile that says what it means; or why there is none.
pub(crate) type Heard = Result<(Received, Arc<Profile>), Fault>;

/// Says something to a webhook's receiver. Broken off when the engine stops.
pub(crate) async fn send(shared: &Shared, entry: &Entry, message: &Message<'_>, now: UnixMs) -> Heard {
    let mut stopping = shared.stopping.subscribe();
    tokio::select! {
        biased;
        heard = exchange(shared, entry, message, now) => heard,
        _ = stopping.wait_for(|stop| *stop) => Err(Fault::new(
            FaultClass::Interrupted,
            "the engine was stopped during the attempt; the request may have been sent",
        )),
    }
}

async fn exchange(shared: &Shared, entry: &Entry, message: &Message<'_>, now: UnixMs) -> Heard {
    let profile = entry.sender.profile_of(message.profile)?;
    let received = match &entry.sender.pass {
        Pass::None => post(shared, entry, message, None, now).await,
        Pass::Fixed(value) => post(shared, entry, message, Some(value), now).await,
        Pass::Unusable => {
            let words = "the webhook's credentials fit into no header: register them anew";
            Err(Fault::new(FaultClass::Config, words))
        }
        Pass::Token(_) => {
            // Fetching a token, sending, and both once more are one attempt.
            let deadline = shared.clock.sleep_until(now.after(shared.config.timeout));
            tokio::select! {
                biased;
                received = with_token(shared, entry, message, now) => received,
                () = deadline => {
                    let words = "the attempt's time ran out while a token was fetched, or behind it";
                    Err(Fault::new(FaultClass::Timeout, words))
                }
            }
        }
    };
    Ok((received?, Arc::clone(profile)))
}

/// Sends with a fetched token; once more with another one where the receiver refuses it.
async fn with_token(
    shared: &Shared,
    entry: &Entry,
    message: &Message<'_>,
    now: UnixMs,
) -> Result<Received, Fault> {
    let Pass::Token(source) = &entry.sender.pass else {
        return post(shared, entry, message, None, now).await;
    };
    let webhook = entry.webhook.id;
    let means = Means { transport: &*shared.transport, clock: &*shared.clock, webhook };
    let token = source.authorization(means, None).await?;
    let received = post(shared, entry, message, Some(&token), now).await?;
    if received.status != 401 {
        return Ok(received);
    }
    let fresh = source.authorization(means, Some(&token)).await?;
    post(shared, entry, message, Some(&fresh), now).await
}

/// One request and its answer.
async fn post(
    shared: &Shared,
    entry: &Entry,
    message: &Message<'_>,
    authorization: Option<&http::HeaderValue>,
    now: UnixMs,
) -> Result<Received, Fault> {
    let request = entry.sender.request(message, authorization, now)?;
    let watched = shared.config.outage.map(|_| request.url.clone());
    let outbound = Outbound {
        webhook: entry.webhook.id,
        now,
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: message.body.clone(),
        keep: MAX_BODY_KEPT,
    };
    match shared.transport.send(outbound).await {
        Answer::Replied(reply) => {
            if let Some(url) = &watched {
                shared.was_reached(url);
            }
            Ok(reply)
        }
        Answer::Failed(fault) => Err(match &watched {
            Some(url) => shared.was_lost(url, fault),
            None => fault,
        }),
    }
}

/// What an exchange means for the delivery, the log, and the webhook's window.
pub(crate) fn meaning(heard: Heard, took: Duration) -> (Outcome, Reply, Feedback) {
    match heard {
        Ok((received, profile)) => {
            let (outcome, fault) = judge(&profile, &received);
            let feedback = match outcome {
                Outcome::Accepted => Feedback::Accepted(took),
                _ if received.is_overloaded() => Feedback::Overloaded,
                _ => Feedback::Neutral,
            };
            (outcome, Reply { status: Some(received.status), fault, body: received.body }, feedback)
        }
        Err(fault) if fault.class == FaultClass::Interrupted => {
            (Outcome::Interrupted, no_answer(fault), Feedback::Neutral)
        }
        Err(fault) => {
            let overwhelmed = matches!(fault.class, FaultClass::Timeout | FaultClass::Connect);
            let feedback = if overwhelmed { Feedback::Overloaded } else { Feedback::Neutral };
            (Outcome::Failed { retry_after: None }, no_answer(fault), feedback)
        }
    }
}

/// What the profile makes of an answer, and what to tell about it.
fn judge(profile: &Profile, received: &Received) -> (Outcome, Option<Fault>) {
    let Received { status, retry_after, .. } = *received;
    let answered =
        || received.fault().map_or_else(|| format!("the receiver answered {status}"), |it| it.words);
    match profile.judge(status, retry_after) {
        Judged::Outcome(Outcome::Accepted) => (Outcome::Accepted, received.doubt()),
        Judged::Outcome(outcome @ Outcome::Again { after }) => {
            let words = format!("{}; it is asked again in {after}, as its profile says", answered());
            (outcome, Some(Fault::new(FaultClass::Postponed, words)))
        }
        Judged::Outcome(outcome) => {
            let by_profile = || {
                let words = format!("{}, which is no success by its profile", answered());
                Fault::new(FaultClass::Status, words)
            };
            (outcome, Some(received.fault().unwrap_or_else(by_profile)))
        }
        Judged::ConfigFault { retry_after } => {
            let words = format!(
                "{}: the registration is wrong, somebody must look at URL, secret and credentials",
                answered()
            );
            (Outcome::Failed { retry_after }, Some(Fault::new(FaultClass::Config, words)))
        }
        Judged::Disable => {
            let words = format!("{}: it wants nothing more, and the webhook is disabled", answered());
            (Outcome::Gone, Some(Fault::new(FaultClass::Status, words)))
        }
    }
}

/// What the log holds of an exchange without an answer.
pub(crate) fn no_answer(fault: Fault) -> Reply {
    Reply { fault: Some(fault), ..Reply::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ProfileSet;
    use bytes::Bytes;
    use stayhook_core::Span;

    fn heard(profile: &str, status: u16) -> (Outcome, Option<Fault>) {
        let set = ProfileSet::built_in().unwrap();
        let profile = Arc::clone(set.all().get(profile).unwrap());
        let received = Received {
            status,
            retry_after: None,
            location: None,
            body: Bytes::new(),
            page: None,
            reused: false,
        };
        let (outcome, reply, _) = meaning(Ok((received, profile)), Duration::ZERO);
        assert_eq!(reply.status, Some(status));
        (outcome, reply.fault)
    }

    #[test]
    fn an_answer_means_what_its_profile_says() {
        let failed = Outcome::Failed { retry_after: None };
        for (profile, status, outcome, class) in [
            ("nowistay", 204, Outcome::Accepted, None),
            ("nowistay", 409, failed, Some(FaultClass::Status)),
            ("nowistay", 302, failed, Some(FaultClass::Redirect)),
            ("nowbookit", 200, Outcome::Accepted, None),
            ("nowbookit", 409, Outcome::Again { after: Span::minutes(1) }, Some(FaultClass::Postponed)),
            ("nowbookit", 400, failed, Some(FaultClass::Config)),
            ("nowbookit", 500, failed, Some(FaultClass::Status)),
            ("standard-webhooks", 410, Outcome::Gone, Some(FaultClass::Status)),
        ] {
            let (found, fault) = heard(profile, status);
            assert_eq!((found, fault.map(|it| it.class)), (outcome, class), "{profile} {status}");
        }
    }

    #[test]
    fn what_an_answer_means_is_told_in_words() {
        let words = |profile, status| heard(profile, status).1.unwrap().to_string();
        assert_eq!(
            words("nowbookit", 409),
            "postponed: the receiver answered 409 Conflict; it is asked again in 1m, as its profile says"
        );
        assert!(
            words("nowbookit", 400).starts_with("configuration: the receiver answered 400 Bad Request: ")
        );
    }
}
