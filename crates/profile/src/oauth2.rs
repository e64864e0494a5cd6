//! OAuth 2.0 client credentials (RFC 6749, section 4.4) as functions of values: the request for a
//! token, what its answer holds, and when a token must be fetched anew.

use http::HeaderValue;
use stayhook_core::{Json, Span, UnixMs};
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

use crate::auth::bearer_authorization;

/// The longest access token that is taken, in bytes.
const TOKEN_MAX: usize = 8 * 1024;
/// How deep the answer of a token endpoint may be nested.
const DEPTH_MAX: usize = 16;
/// How long a token is used where its endpoint does not say.
const LIFETIME_UNSAID: Span = Span::minutes(10);
/// No token is used longer, whatever its endpoint says.
const LIFETIME_MAX: Span = Span::hours(24);
/// So long before its end a token is fetched anew, so that it does not end on its way.
const MARGIN: Span = Span::seconds(60);
/// Of a short life the margin is at most this part.
const MARGIN_PART: u64 = 5;

/// Who asks for a token.
#[derive(Clone, Copy)]
pub struct TokenClient<'a> {
    /// As whom.
    pub client_id: &'a str,
    /// With which secret.
    pub client_secret: &'a str,
    /// What for, where the endpoint wants to know.
    pub scope: Option<&'a str>,
}

/// The body of the POST to the token endpoint, of type `application/x-www-form-urlencoded`, with
/// the members in the order of `bookingkit.txt`.
pub fn token_request(client: &TokenClient<'_>) -> Zeroizing<String> {
    let scope = client.scope.unwrap_or_default();
    // Room for all of it, so that no copy of the secret stays behind when the text grows.
    let room = 3 * (client.client_id.len() + client.client_secret.len() + scope.len()) + 80;
    let mut body = Zeroizing::new(String::with_capacity(room));
    body.push_str("client_id=");
    body.extend(byte_serialize(client.client_id.as_bytes()));
    body.push_str("&client_secret=");
    body.extend(byte_serialize(client.client_secret.as_bytes()));
    body.push_str("&grant_type=client_credentials");
    if client.scope.is_some() {
        body.push_str("&scope=");
        body.extend(byte_serialize(scope.as_bytes()));
    }
    body
}

/// An access token, and for how long it is good. It neither prints nor compares: it leaves in
/// [`AccessToken::authorization`] alone.
#[derive(Clone)]
pub struct AccessToken {
    authorization: HeaderValue,
    refresh_at: UnixMs,
}

impl AccessToken {
    /// The value of `Authorization`.
    pub fn authorization(&self) -> &HeaderValue {
        &self.authorization
    }

    /// Whether a request at `now` should wait for a new one.
    pub fn must_refresh(&self, now: UnixMs) -> bool {
        now >= self.refresh_at
    }

    /// From when on a new one must be fetched.
    pub fn refresh_at(&self) -> UnixMs {
        self.refresh_at
    }
}

/// Why an answer of a token endpoint holds no token. No text of the answer is repeated but the
/// error code that the standard defines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Another status than 200.
    #[error("the token endpoint answered {status}{}", Words(.error.as_deref()))]
    Status {
        /// The status.
        status: u16,
        /// The code of RFC 6749, section 5.2, such as `invalid_client`.
        error: Option<String>,
    },
    /// No JSON object.
    #[error("the token endpoint's answer is no JSON object")]
    NotJson,
    /// No `access_token`, or one that no header can hold.
    #[error("the token endpoint's answer holds no usable access_token")]
    NoToken,
    /// Another type of token.
    #[error("the token endpoint gave a token of another type than Bearer")]
    NotBearer,
}

struct Words<'a>(Option<&'a str>);

impl std::fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |error| write!(f, " ({error})"))
    }
}

/// Reads the answer to a [`token_request`] that was sent at `asked_at`: the token's life is
/// counted from there, so that a slow answer does not lengthen it.
///
/// # Errors
/// When the answer holds no token (RFC 6749, section 5).
pub fn read_token(status: u16, body: &[u8], asked_at: UnixMs) -> Result<AccessToken, TokenError> {
    let answer = Json::parse(body, DEPTH_MAX).ok().filter(|json| json.as_object().is_some());
    if status != 200 {
        return Err(TokenError::Status { status, error: answer.as_ref().and_then(error_code) });
    }
    let answer = answer.ok_or(TokenError::NotJson)?;
    // The type is required; those who leave it out mean the usual one.
    let bearer = answer
        .get("token_type")
        .is_none_or(|kind| kind.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")));
    let token = answer.get("access_token").and_then(Json::as_str).filter(|token| token.len() <= TOKEN_MAX);
    let authorization = token.and_then(bearer_authorization).ok_or(TokenError::NoToken)?;
    if !bearer {
        return Err(TokenError::NotBearer);
    }
    let lifetime = lifetime(answer.get("expires_in"));
    let margin = MARGIN.min(lifetime.part(MARGIN_PART));
    Ok(AccessToken { authorization, refresh_at: asked_at.after(lifetime).before(margin) })
}

/// The life of a token in `expires_in` seconds: a number, or the text of one as some write it.
fn lifetime(expires_in: Option<&Json>) -> Span {
    let seconds = match expires_in {
        Some(Json::Number(number)) => Some(*number),
        Some(Json::Text(text)) => text.parse().ok(),
        _ => None,
    };
    match seconds {
        Some(seconds) if seconds >= LIFETIME_MAX.as_duration().as_secs_f64() => LIFETIME_MAX,
        // Cut to whole seconds; what lies in the past is no life at all.
        Some(seconds) if seconds.is_finite() => Span::seconds(seconds.max(0.0) as u64),
        _ => LIFETIME_UNSAID,
    }
}

/// A code of letters and `_`, such as the standard's.
fn error_code(answer: &Json) -> Option<String> {
    let code = answer.get("error")?.as_str()?;
    let plain = code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    plain.then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ASKED: UnixMs = UnixMs(1_000_000);

    /// Seconds from the request until the token must be fetched anew.
    fn good_for(body: &str) -> u64 {
        let token = read_token(200, body.as_bytes(), ASKED).unwrap_or_else(|error| panic!("{body}: {error}"));
        token.refresh_at().since(ASKED).as_millis() / 1_000
    }

    #[test]
    fn the_request_is_the_one_of_the_document() {
        let client = TokenClient {
            client_id: "oauth_endpoint_client_id",
            client_secret: "oauth_endpoint_client_secret",
            scope: None,
        };
        assert_eq!(
            token_request(&client).as_str(),
            "client_id=oauth_endpoint_client_id&client_secret=oauth_endpoint_client_secret&grant_type=client_credentials"
        );
        let client = TokenClient { client_id: "a b", client_secret: "&=é+", scope: Some("x y") };
        assert_eq!(
            token_request(&client).as_str(),
            "client_id=a+b&client_secret=%26%3D%C3%A9%2B&grant_type=client_credentials&scope=x+y"
        );
    }

    #[test]
    fn the_answer_of_the_document_is_read() {
        let body = br#"{"access_token":"b4540b431b513cdaa44ab604cb88a7c4992477d5","expires_in":3600,"token_type":"Bearer"}"#;
        let token = read_token(200, body, ASKED).ok().unwrap();
        assert_eq!(token.authorization(), "Bearer b4540b431b513cdaa44ab604cb88a7c4992477d5");
        assert!(token.authorization().is_sensitive());
        assert!(!token.must_refresh(ASKED.after(Span::seconds(3_539))));
        assert!(token.must_refresh(ASKED.after(Span::seconds(3_540))));
    }

    #[test]
    fn lives_are_bounded() {
        for (expires_in, seconds) in [
            ("3600", 3_540),
            ("\"3600\"", 3_540),
            ("10", 8),
            ("0", 0),
            ("-5", 0),
            ("1e300", 86_340),
            ("null", 540),
            ("\"soon\"", 540),
            ("\"NaN\"", 540),
        ] {
            let body = format!(r#"{{"access_token":"t","token_type":"bearer","expires_in":{expires_in}}}"#);
            assert_eq!(good_for(&body), seconds, "{expires_in}");
        }
        assert_eq!(good_for(r#"{"access_token":"t"}"#), 540);
    }

    #[test]
    fn what_is_no_token_is_refused_without_repeating_it() {
        let refused = |status, body: &str| read_token(status, body.as_bytes(), ASKED).err().unwrap();
        let status =
            |status, error: Option<&str>| TokenError::Status { status, error: error.map(str::to_owned) };
        assert_eq!(refused(401, r#"{"error":"invalid_client"}"#), status(401, Some("invalid_client")));
        assert_eq!(refused(401, r#"{"error":"<b>"}"#), status(401, None));
        assert_eq!(refused(302, ""), status(302, None));
        assert_eq!(refused(200, "[]"), TokenError::NotJson);
        assert_eq!(refused(200, r#"{"token":"t"}"#), TokenError::NoToken);
        assert_eq!(refused(200, r#"{"access_token":"a b"}"#), TokenError::NoToken);
        assert_eq!(refused(200, r#"{"access_token":"a\r\nX: y"}"#), TokenError::NoToken);
        assert_eq!(refused(200, r#"{"access_token":"t","token_type":"mac"}"#), TokenError::NotBearer);
        let long = format!(r#"{{"access_token":"{}"}}"#, "t".repeat(9_000));
        assert_eq!(refused(200, &long), TokenError::NoToken);
        assert_eq!(
            refused(401, r#"{"error":"invalid_client"}"#).to_string(),
            "the token endpoint answered 401 (invalid_client)"
        );
    }

    proptest! {
        #[test]
        fn any_answer_is_read(status: u16, body: Vec<u8>, at: i64) {
            let _ = read_token(status, &body, UnixMs(at));
        }

        #[test]
        fn a_token_is_never_used_beyond_its_life(seconds in 0_u64..1 << 40) {
            let body = format!(r#"{{"access_token":"t","expires_in":{seconds}}}"#);
            let token = read_token(200, body.as_bytes(), ASKED).ok().unwrap();
            prop_assert!(token.refresh_at() <= ASKED.after(Span::seconds(seconds)));
            prop_assert!(token.refresh_at() >= ASKED);
        }
    }
}
