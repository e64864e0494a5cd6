//! What others say about a caller: the claims of a JWT (RFC 7519), or the members of an
//! introspection answer (RFC 7662), which bear the same names.

use stayhook_core::{ClientId, Json, Members, PropertyId, Span, UnixMs};
use stayhook_store::{PropertyScope, Scope};

use super::Principal;
use super::scopes::Scopes;

/// How far the clocks of issuers may be off.
pub(super) const LEEWAY: Span = Span::seconds(60);

/// Why a token does not count, for its caller.
pub(super) type Flaw = &'static str;

/// Who the token speaks for: `client_id` or `azp`, `scope`, `properties`.
///
/// # Errors
/// When a claim has no sense. A token that nobody can read opens nothing, not a part of it.
pub(super) fn principal(claims: &Members, ends: UnixMs) -> Result<Principal, Flaw> {
    let client = claims.get("client_id").or_else(|| claims.get("azp"));
    let client = client.ok_or("the access token names no client: it needs the claim client_id or azp")?;
    let client = client.as_str().and_then(|text| ClientId::parse(text).ok());
    let client = client.ok_or("the access token's client_id or azp is no text of 1 to 200 characters")?;
    let visible = Scope { client: Some(client.clone()), properties: properties(claims)? };
    Ok(Principal { client, scopes: scopes(claims)?, visible, ends })
}

/// `scope`: names with spaces between them, or an array of names; none where it is absent.
fn scopes(claims: &Members) -> Result<Scopes, Flaw> {
    const FLAW: Flaw = "the access token's scope is neither a text nor an array of texts";
    let names = match claims.get("scope") {
        None => Vec::new(),
        Some(Json::Text(text)) => text.split(' ').map(str::to_owned).collect(),
        Some(Json::Array(items)) => {
            let names = items.iter().map(|item| item.as_str().map(str::to_owned));
            names.collect::<Option<_>>().ok_or(FLAW)?
        }
        Some(_) => return Err(FLAW),
    };
    Ok(Scopes::named(&names))
}

/// `properties`: an array of whole numbers, or `"all"`; none where it is absent.
fn properties(claims: &Members) -> Result<PropertyScope, Flaw> {
    const FLAW: Flaw = r#"the access token's properties are neither an array of whole numbers nor "all""#;
    match claims.get("properties") {
        None => Ok(PropertyScope::Only(Vec::new())),
        Some(Json::Text(text)) if text == "all" => Ok(PropertyScope::All),
        Some(Json::Array(items)) => {
            let ids = items.iter().map(|item| PropertyId::new(item.as_i64()?).ok());
            let mut ids: Vec<PropertyId> = ids.collect::<Option<_>>().ok_or(FLAW)?;
            ids.sort_unstable();
            ids.dedup();
            Ok(PropertyScope::Only(ids))
        }
        Some(_) => Err(FLAW),
    }
}

/// The moment from which a token does not count any more: `exp` and the leeway.
///
/// # Errors
/// When that is over, or `exp` is no time.
pub(super) fn end(claims: &Members, now: UnixMs) -> Result<Option<UnixMs>, Flaw> {
    let Some(exp) = claims.get("exp") else { return Ok(None) };
    let end = numeric_date(exp).ok_or("the access token's exp is no time")?.after(LEEWAY);
    if now < end { Ok(Some(end)) } else { Err("the access token has expired") }
}

/// Judges `nbf`, where it is there.
///
/// # Errors
/// When the token's time has not come.
pub(super) fn begun(claims: &Members, now: UnixMs) -> Result<(), Flaw> {
    let Some(nbf) = claims.get("nbf") else { return Ok(()) };
    let begin = numeric_date(nbf).ok_or("the access token's nbf is no time")?;
    if begin.before(LEEWAY) <= now { Ok(()) } else { Err("the access token is not valid yet") }
}

/// Whether `aud`, a text or an array of texts, names us.
pub(super) fn is_meant_for(audience: &str, aud: &Json) -> bool {
    match aud {
        Json::Text(only) => only == audience,
        Json::Array(several) => several.iter().any(|one| one.as_str() == Some(audience)),
        _ => false,
    }
}

/// Seconds since the epoch, perhaps with a fraction (RFC 7519, section 2).
fn numeric_date(json: &Json) -> Option<UnixMs> {
    // Enough for any date with a four-digit year, and no rounding below it.
    const LATEST: f64 = 253_402_300_800.0;
    let seconds = json.as_f64().filter(|seconds| (0.0..=LATEST).contains(seconds))?;
    Some(UnixMs((seconds * 1_000.0) as i64))
}

#[cfg(test)]
mod tests {
    use super::super::ScopeName;
    use super::*;

    fn claims(text: &str) -> Members {
        Json::parse(text.as_bytes(), 8).unwrap().into_object().unwrap()
    }

    fn read(text: &str) -> Result<Principal, Flaw> {
        principal(&claims(text), UnixMs(0))
    }

    #[test]
    fn a_principal_has_a_client_scopes_and_properties() {
        let text =
            r#"{"client_id":"pms","azp":"x","scope":"webhooks.read openid","properties":[102,101,102]}"#;
        let read = read(text).unwrap();
        assert_eq!(read.client.as_str(), "pms");
        assert!(
            read.scopes.include(ScopeName::WebhooksRead) && !read.scopes.include(ScopeName::WebhooksWrite)
        );
        let ids = [101, 102].map(|id| PropertyId::new(id).unwrap());
        assert_eq!(read.visible.properties, PropertyScope::Only(ids.to_vec()));
    }

    #[test]
    fn what_is_absent_gives_nothing() {
        let read = read(r#"{"azp":"pms"}"#).unwrap();
        assert_eq!(
            (read.scopes, read.visible.properties),
            (Scopes::default(), PropertyScope::Only(Vec::new()))
        );
    }

    #[test]
    fn all_properties_and_arrays_of_scopes_are_understood() {
        let read = read(r#"{"azp":"pms","scope":["admin"],"properties":"all"}"#).unwrap();
        assert_eq!(read.visible.properties, PropertyScope::All);
        assert!(read.scopes.include(ScopeName::Admin));
    }

    #[test]
    fn claims_without_sense_open_nothing() {
        for bad in [
            "{}",
            r#"{"client_id":1}"#,
            r#"{"client_id":"","azp":"pms"}"#,
            r#"{"azp":"pms","scope":7}"#,
            r#"{"azp":"pms","scope":["admin",7]}"#,
            r#"{"azp":"pms","properties":"101"}"#,
            r#"{"azp":"pms","properties":["101"]}"#,
            r#"{"azp":"pms","properties":[0]}"#,
            r#"{"azp":"pms","properties":[1.5]}"#,
            r#"{"azp":"pms","properties":null}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_token_counts_for_a_minute_around_its_times() {
        let (exp, nbf) = (claims(r#"{"exp":1000}"#), claims(r#"{"nbf":1000.5}"#));
        assert_eq!(end(&exp, UnixMs(1_059_999)), Ok(Some(UnixMs(1_060_000))));
        assert!(end(&exp, UnixMs(1_060_000)).is_err());
        assert_eq!(begun(&nbf, UnixMs(940_500)), Ok(()));
        assert!(begun(&nbf, UnixMs(940_499)).is_err());
        assert_eq!(end(&claims("{}"), UnixMs(0)), Ok(None));
        for bad in [r#"{"exp":"1000"}"#, r#"{"exp":-1}"#, r#"{"exp":1e300}"#, r#"{"exp":null}"#] {
            assert!(end(&claims(bad), UnixMs(0)).is_err(), "{bad}");
        }
    }
}
