//! The HTTP API as the demo's customers and its booking platform call it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stayhook_core::SigningSecret;

use super::bookings::Report;
use super::cast::Role;
use super::receivers::Registered;
use crate::client::{Client, Problem};
use crate::outcome::Trouble;

/// Two callers of one API, each with a token of its own.
pub(crate) struct Api {
    /// Partners' apps, which own the webhooks.
    pub(crate) partners: Client,
    /// The booking platform, which reports events.
    pub(crate) platform: Client,
}

/// What the API says of an event that it accepted.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) id: String,
    pub(crate) duplicate: bool,
    pub(crate) deliveries: u64,
}

/// A delivery as the log of the API shows it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Logged {
    /// The part in the cast whose log it is in.
    #[serde(skip)]
    pub(crate) part: usize,
    pub(crate) id: String,
    pub(crate) webhook_id: i64,
    pub(crate) event_id: String,
    pub(crate) status: String,
    pub(crate) attempt_count: usize,
    /// Where it was read with them.
    #[serde(default)]
    pub(crate) attempts: Vec<LoggedAttempt>,
}

/// An attempt as the log shows it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoggedAttempt {
    pub(crate) started_at: String,
    pub(crate) duration_ms: u64,
    /// The status of the answer, if there was one.
    pub(crate) status: Option<u16>,
    /// Class and words of what went wrong.
    pub(crate) error: Option<String>,
    pub(crate) next_attempt_at: Option<String>,
}

#[derive(Deserialize)]
struct Page<T> {
    data: Vec<T>,
    #[serde(rename = "nextCursor")]
    next_cursor: Option<String>,
}

impl Api {
    /// `POST /public/v1/webhooks`
    pub(crate) async fn register(
        &self,
        role: &Role,
        url: &str,
    ) -> Result<Result<Registered, Problem>, Trouble> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Created {
            id: i64,
            signing_secret: String,
        }

        let mut body = json!({
            "propertyId": role.property, "url": url, "events": role.events, "description": role.name,
        });
        if role.custom_parameters {
            body["includeCustomParameters"] = true.into();
        }
        let created = match self.partners.post("/public/v1/webhooks", bytes(&body)).await? {
            Ok(answer) => read::<Created>(&answer)?,
            Err(problem) => return Ok(Err(problem)),
        };
        let secret = SigningSecret::parse(&created.signing_secret).map_err(|error| odd(&error))?;
        Ok(Ok(Registered { id: created.id, secret }))
    }

    /// `PATCH /public/v1/webhooks/{id}` with `status: paused`
    pub(crate) async fn pause(&self, webhook: i64) -> Result<Result<(), Problem>, Trouble> {
        let path = format!("/public/v1/webhooks/{webhook}");
        let answer = self.partners.patch(&path, bytes(&json!({ "status": "paused" }))).await?;
        Ok(answer.map(|_| ()))
    }

    /// `POST /internal/v1/events`
    pub(crate) async fn enqueue(&self, report: &Report) -> Result<Result<Receipt, Problem>, Trouble> {
        let body = serde_json::to_vec(report).map_err(|error| odd(&error))?;
        match self.platform.post("/internal/v1/events", body).await? {
            Ok(answer) => Ok(Ok(read(&answer)?)),
            Err(problem) => Ok(Err(problem)),
        }
    }

    /// `POST /internal/v1/events/batch`
    pub(crate) async fn enqueue_batch(
        &self,
        reports: &[Report],
    ) -> Result<Result<Vec<Result<Receipt, Problem>>, Problem>, Trouble> {
        #[derive(Serialize)]
        struct Events<'a> {
            events: &'a [Report],
        }

        #[derive(Deserialize)]
        struct Results {
            results: Vec<Item>,
        }

        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Item {
            Accepted(Receipt),
            Refused { error: Problem },
        }

        let body = serde_json::to_vec(&Events { events: reports }).map_err(|error| odd(&error))?;
        let answer = match self.platform.post("/internal/v1/events/batch", body).await? {
            Ok(answer) => answer,
            Err(problem) => return Ok(Err(problem)),
        };
        let results = read::<Results>(&answer)?.results.into_iter().map(|item| match item {
            Item::Accepted(receipt) => Ok(receipt),
            Item::Refused { error } => Err(error),
        });
        Ok(Ok(results.collect()))
    }

    /// The delivery log of a webhook, without the attempts:
    /// `GET /public/v1/webhooks/{id}/deliveries`
    pub(crate) async fn log(&self, part: usize, webhook: i64) -> Result<Vec<Logged>, Trouble> {
        let mut log = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/public/v1/webhooks/{webhook}/deliveries?limit=200{cursor}");
            let page: Page<Logged> = self.get(&path).await?;
            log.extend(page.data.into_iter().map(|logged| Logged { part, ..logged }));
            match page.next_cursor {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(log),
            }
        }
    }

    /// A delivery of the log with its attempts:
    /// `GET /public/v1/webhooks/{id}/deliveries/{deliveryId}`
    pub(crate) async fn with_attempts(&self, logged: &Logged) -> Result<Logged, Trouble> {
        let Logged { part, id, webhook_id, .. } = logged;
        let whole: Logged = self.get(&format!("/public/v1/webhooks/{webhook_id}/deliveries/{id}")).await?;
        Ok(Logged { part: *part, ..whole })
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Trouble> {
        let answer = self.partners.get(path).await?;
        let answer =
            answer.map_err(|problem| Trouble::new(format!("GET {path}: {}", problem.lines().join("; "))))?;
        read(&answer)
    }
}

fn bytes(json: &Value) -> Vec<u8> {
    json.to_string().into_bytes()
}

fn read<T: DeserializeOwned>(answer: &[u8]) -> Result<T, Trouble> {
    serde_json::from_slice(answer).map_err(|error| odd(&error))
}

fn odd(error: &dyn std::error::Error) -> Trouble {
    Trouble::new(format!("the API does not answer as documented: {error}"))
}
