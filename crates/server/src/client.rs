//! The HTTP API as a client sees it, for commands that talk to a running server.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, StatusCode, redirect};
use serde::Deserialize;
use url::Url;

use crate::outcome::Trouble;

/// Where a server listens that nobody has configured.
pub(crate) const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// How long an answer is waited for.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Where the API is and who is calling.
#[derive(clap::Args)]
pub(crate) struct ClientArgs {
    /// Address of the API (of server.admin_listen, where that is set)
    #[arg(long, env = "STAYHOOK_URL", default_value = DEFAULT_URL)]
    url: String,

    /// An API token, as `stayhook token create` prints it
    #[arg(long, env = "STAYHOOK_TOKEN", hide_env_values = true)]
    token: String,
}

/// A client of the API.
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    authorization: HeaderValue,
}

/// Why the API refuses (RFC 9457).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    title: String,
    detail: String,
    code: String,
    errors: Vec<FieldError>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FieldError {
    pointer: String,
    detail: String,
}

impl Problem {
    /// The problem in one line for each thing that is wrong.
    pub(crate) fn lines(&self) -> Vec<String> {
        let text = if self.detail.is_empty() { &self.title } else { &self.detail };
        let mut lines =
            vec![if self.code.is_empty() { text.clone() } else { format!("{}: {text}", self.code) }];
        lines.extend(self.errors.iter().map(|error| format!("  {}: {}", error.pointer, error.detail)));
        lines
    }
}

impl Client {
    /// A client for the API at `--url`.
    pub(crate) fn new(args: &ClientArgs) -> Result<Self, Trouble> {
        Self::at(&args.url, &args.token)
    }

    /// A client for the API at `url`, with an API token.
    pub(crate) fn at(url: &str, token: &str) -> Result<Self, Trouble> {
        let base = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let base = base.ok_or_else(|| {
            Trouble::new(format!("--url: {url:?} is no address of an API, such as {DEFAULT_URL}"))
        })?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", token.trim()))
            .map_err(|_| Trouble::new("--token: is no token: it holds characters that no token has"))?;
        authorization.set_sensitive(true);
        // A token must not follow redirects, and a proxy has no business with it.
        let mut http =
            reqwest::Client::builder().timeout(TIMEOUT).no_proxy().redirect(redirect::Policy::none());
        if base.scheme() == "http" {
            // Without TLS nobody has to be trusted, and no roots need to be installed.
            http = http.tls_certs_only([]);
        }
        let http = http.build().map_err(|error| Trouble::new(format!("--url: {}", causes(&error))))?;
        Ok(Self { http, base, authorization })
    }

    /// Posts a JSON document. The inner error is the API's refusal.
    pub(crate) async fn post(&self, path: &str, json: Vec<u8>) -> Result<Result<Vec<u8>, Problem>, Trouble> {
        self.call(Method::POST, path, json).await
    }

    /// Changes a thing by a JSON document. The inner error is the API's refusal.
    pub(crate) async fn patch(&self, path: &str, json: Vec<u8>) -> Result<Result<Vec<u8>, Problem>, Trouble> {
        self.call(Method::PATCH, path, json).await
    }

    /// Reads what is at a path, which may have a query. The inner error is the API's refusal.
    pub(crate) async fn get(&self, path: &str) -> Result<Result<Vec<u8>, Problem>, Trouble> {
        self.call(Method::GET, path, Vec::new()).await
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        json: Vec<u8>,
    ) -> Result<Result<Vec<u8>, Problem>, Trouble> {
        let lost = |error: reqwest::Error| {
            Trouble::new(format!(
                "--url: {} does not answer: {}: is the server running?",
                self.base,
                causes(&error)
            ))
        };
        let mut request =
            self.http.request(method, self.resolve(path)).header(AUTHORIZATION, self.authorization.clone());
        if !json.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json").body(json);
        }
        let answer = request.send().await.map_err(lost)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(lost)?;
        if status.is_success() { Ok(Ok(body.to_vec())) } else { Ok(Err(problem(status, &body))) }
    }

    /// The URL of a path, and its query, below the base.
    fn resolve(&self, path: &str) -> Url {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url.set_query(query);
        url
    }
}

/// The problem that an answer describes; one that is none is described by its status.
fn problem(status: StatusCode, body: &[u8]) -> Problem {
    let read: Problem = serde_json::from_slice(body).unwrap_or_default();
    if read.title.is_empty() && read.detail.is_empty() {
        return Problem { title: format!("the server answers {status}, and not as the API does"), ..read };
    }
    read
}

/// An error with what caused it, without the URL, which is told anyway.
fn causes(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_name_every_wrong_field() {
        let body = br#"{"title":"t","detail":"no good","code":"invalid_request","status":422,
            "errors":[{"pointer":"/type","detail":"unknown"},{"pointer":"/data","detail":"missing"}]}"#;
        let lines = problem(StatusCode::UNPROCESSABLE_ENTITY, body).lines();
        assert_eq!(lines, ["invalid_request: no good", "  /type: unknown", "  /data: missing"]);
    }

    #[test]
    fn answers_of_others_are_told_by_their_status() {
        let lines = problem(StatusCode::BAD_GATEWAY, b"<html>").lines();
        assert_eq!(lines, ["the server answers 502 Bad Gateway, and not as the API does"]);
    }
}
