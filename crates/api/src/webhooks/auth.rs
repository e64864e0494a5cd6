//! The member `auth`: what a webhook's receiver wants to hear besides the signature. It is
//! taken, and never shown.

use stayhook_core::{Credentials, Json, Secret, UrlRules, WebhookUrl};
use stayhook_profile::Profile;

use super::wiring::{allows, takes_credentials};
use crate::fields::{Fields, Wrong, text};

/// The most characters of a name, password, token or scope.
pub(super) const MOST: usize = 4_096;
const KINDS: &str = "must be oauth2_client_credentials, basic or bearer";

/// Reads credentials that stand in the member `auth`. Every wrong member is named, and that
/// there may be none at all, or none of their kind, under the webhook's profile.
pub(super) fn read(
    fields: &mut Fields,
    json: Json,
    profile: &Profile,
    rules: &UrlRules,
) -> Option<Credentials> {
    let allowed = takes_credentials(profile);
    if !allowed {
        fields.refuse("auth", "is not allowed: the webhook's profile takes no credentials");
    }
    let mut members = match Fields::of(json, "/auth".to_owned()) {
        Ok(members) => members,
        Err(wrong) => {
            fields.refuse_all(wrong);
            return None;
        }
    };
    let credentials = credentials(&mut members, rules);
    if allowed && credentials.as_ref().is_some_and(|it| !allows(profile, it)) {
        let kinds: Vec<&str> = profile.auth().kinds().iter().map(|kind| kind.as_str()).collect();
        members.refuse("type", format!("is not allowed: the webhook's profile takes {}", kinds.join(", ")));
    }
    let wrong = members.finish();
    let good = credentials.filter(|_| wrong.is_empty() && allowed);
    fields.refuse_all(wrong);
    good
}

fn credentials(members: &mut Fields, rules: &UrlRules) -> Option<Credentials> {
    match members.required("type", text)?.as_str() {
        "oauth2_client_credentials" => oauth2(members, rules),
        "basic" => {
            let username = members.required("username", username);
            let password = members.required("password", |json| plain(json).map(Secret::new));
            Some(Credentials::Basic { username: username?, password: password? })
        }
        "bearer" => members.required("token", token).map(|token| Credentials::Bearer { token }),
        _ => {
            members.refuse("type", KINDS);
            None
        }
    }
}

/// RFC 6749, section 4.4.
fn oauth2(members: &mut Fields, rules: &UrlRules) -> Option<Credentials> {
    let token_url = members.required("tokenUrl", |json| {
        let url = WebhookUrl::parse(&text(json)?, rules);
        url.map_err(|error| Wrong::from(format!("is refused: {error}")))
    });
    let client_id = members.required("clientId", visible);
    let client_secret = members.required("clientSecret", |json| visible(json).map(Secret::new));
    let scope = members.optional("scope", visible);
    Some(Credentials::OAuth2 {
        token_url: token_url?.as_str().to_owned(),
        client_id: client_id?,
        client_secret: client_secret?,
        scope,
    })
}

/// A text without control characters, which could end a header's line.
fn plain(json: Json) -> Result<String, Wrong> {
    let text = text(json)?;
    let fits = !text.is_empty() && text.chars().count() <= MOST;
    if fits && !text.chars().any(char::is_control) {
        Ok(text)
    } else {
        Err(format!("must be a text of 1 to {MOST} characters without control characters").into())
    }
}

/// Visible ASCII and spaces (RFC 6749, appendix A).
fn visible(json: Json) -> Result<String, Wrong> {
    let text = plain(json)?;
    if text.is_ascii() { Ok(text) } else { Err(Wrong::Borrowed("must be made of ASCII characters")) }
}

/// A user without a colon, which ends it on the wire (RFC 7617, section 2).
fn username(json: Json) -> Result<String, Wrong> {
    let text = plain(json)?;
    if text.contains(':') { Err(Wrong::Borrowed("must not hold a colon")) } else { Ok(text) }
}

/// A bearer token (RFC 6750, section 2.1).
fn token(json: Json) -> Result<Secret, Wrong> {
    let text = plain(json)?;
    let body = text.trim_end_matches('=');
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    if !body.is_empty() && body.bytes().all(known) {
        Ok(Secret::new(text))
    } else {
        Err(Wrong::Borrowed("must be made of A-Z a-z 0-9 - . _ ~ + / with = at its end only"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The kind that is read, and the pointers of what is wrong.
    fn tried(json: &str, profile: &str) -> (Option<&'static str>, Vec<String>) {
        let profiles = stayhook_engine::ProfileSet::built_in().unwrap();
        let profile = profiles.all().get(profile).unwrap();
        let mut fields = Fields::of(Json::Object(stayhook_core::Members::default()), String::new()).unwrap();
        let json = Json::parse(json.as_bytes(), 8).unwrap();
        let read = read(&mut fields, json, profile, &UrlRules::default());
        (read.map(|it| it.kind()), fields.finish().into_iter().map(|it| it.pointer).collect())
    }

    #[test]
    fn each_kind_has_its_members() {
        for (kind, json) in [
            (
                "oauth2_client_credentials",
                r#"{"type":"oauth2_client_credentials","tokenUrl":"https://id.example.com/token","clientId":"a b","clientSecret":"s","scope":"x y"}"#,
            ),
            ("basic", r#"{"type":"basic","username":"usér","password":"p:ä"}"#),
            ("bearer", r#"{"type":"bearer","token":"aZ0-._~+/=="}"#),
        ] {
            assert_eq!(tried(json, "bookingkit"), (Some(kind), vec![]));
            assert_eq!(tried(json, "nowistay"), (None, vec!["/auth".to_owned()]));
        }
    }

    #[test]
    fn each_wrong_member_is_named() {
        for (json, wrong) in [
            ("7", vec!["/auth"]),
            ("{}", vec!["/auth/type"]),
            (r#"{"type":"digest"}"#, vec!["/auth/type"]),
            (r#"{"type":"basic"}"#, vec!["/auth/username", "/auth/password"]),
            (r#"{"type":"basic","username":"a:b","password":""}"#, vec!["/auth/username", "/auth/password"]),
            (r#"{"type":"bearer","token":"a b"}"#, vec!["/auth/token"]),
            (r#"{"type":"bearer","token":"a\r\nX: y"}"#, vec!["/auth/token"]),
            (r#"{"type":"bearer","token":"=","x":1}"#, vec!["/auth/token", "/auth/x"]),
            (
                r#"{"type":"oauth2_client_credentials","tokenUrl":"https://10.0.0.1/","clientId":"é","clientSecret":7,"scope":"\u0000"}"#,
                vec!["/auth/tokenUrl", "/auth/clientId", "/auth/clientSecret", "/auth/scope"],
            ),
        ] {
            assert_eq!(
                tried(json, "bookingkit"),
                (None, wrong.into_iter().map(str::to_owned).collect()),
                "{json}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_fits_into_a_header(text in ".{0,20}") {
            if token(Json::from(text.as_str())).is_ok() {
                prop_assert!(!text.is_empty() && text.bytes().all(|it| it.is_ascii_graphic()));
            }
            if username(Json::from(text.as_str())).is_ok() {
                prop_assert!(!text.is_empty() && !text.contains(':') && !text.chars().any(char::is_control));
            }
        }
    }
}
