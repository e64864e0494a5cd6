//! Access tokens as JWT (RFC 7519, RFC 9068), with the rules of RFC 8725: what a token says
//! about its own algorithm decides nothing, and what is not understood is refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use stayhook_core::{Json, Members, UnixMs};

use super::Principal;
use super::claims::{self, Flaw};
use super::jwk::{Judgement, KeySet};

/// How deep header and claims may be nested.
const DEPTH: usize = 16;

/// What tokens of an issuer must say.
pub(super) struct Rules {
    /// `iss`
    pub(super) issuer: String,
    /// `aud`, or one of it.
    pub(super) audience: String,
}

/// A token that has the form of a JWT, and whose signature nobody has looked at yet.
pub(super) struct Jwt<'a> {
    /// The part that is signed.
    message: &'a str,
    header: Members,
    claims: &'a str,
    signature: &'a str,
}

/// Why a JWT does not count.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is wrong.
    Flawed(Flaw),
    /// It names a key that is not in the set.
    UnknownKey,
}

impl From<Flaw> for Refused {
    fn from(flaw: Flaw) -> Self {
        Self::Flawed(flaw)
    }
}

impl<'a> Jwt<'a> {
    /// Takes a token apart, where it is a JWT: three parts, the first of which is a JSON
    /// object without a member named twice.
    pub(super) fn parse(token: &'a str) -> Option<Self> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        if claims.contains('.') {
            return None;
        }
        Some(Self { message, header: object(header)?, claims, signature })
    }

    /// Who the token speaks for, if one of the keys signed it and its claims keep to the rules.
    ///
    /// # Errors
    /// Says what is wrong with it. What it claims is looked at only when it is genuine.
    pub(super) fn verify(&self, keys: &KeySet, rules: &Rules, now: UnixMs) -> Result<Principal, Refused> {
        let (kid, algorithm) = self.key()?;
        let signature = URL_SAFE_NO_PAD.decode(self.signature).map_err(|_| FORGED)?;
        match keys.judge(kid, algorithm, self.message.as_bytes(), &signature) {
            Judgement::Genuine => {}
            Judgement::Forged => return Err(FORGED.into()),
            Judgement::UnknownKey => return Err(Refused::UnknownKey),
        }
        let claims = object(self.claims).ok_or("the access token's claims are no JSON object")?;
        Ok(rules.judge(&claims, now)?)
    }

    /// The key and the algorithm that the header names.
    fn key(&self) -> Result<(Option<&str>, &str), Flaw> {
        let text = |name| {
            self.header.get(name).map(|json| json.as_str().ok_or("the access token's header is wrong"))
        };
        if self.header.get("crit").is_some() {
            return Err("the access token demands extensions (crit) that are not known here");
        }
        if let Some(kind) = text("typ").transpose()?
            && !is_access_token(kind)
        {
            return Err("the token is of another type than JWT or at+jwt");
        }
        let algorithm = text("alg").transpose()?.ok_or("the access token names no algorithm")?;
        Ok((text("kid").transpose()?, algorithm))
    }
}

const FORGED: Flaw = "the access token's signature is wrong";

impl Rules {
    /// Judges `iss`, `aud`, `exp`, which must be there, and `nbf`.
    fn judge(&self, claims: &Members, now: UnixMs) -> Result<Principal, Flaw> {
        if claims.get("iss").and_then(Json::as_str) != Some(&self.issuer) {
            return Err("the access token is by another issuer");
        }
        if !claims.get("aud").is_some_and(|aud| claims::is_meant_for(&self.audience, aud)) {
            return Err("the access token is for another audience");
        }
        let end =
            claims::end(claims, now)?.ok_or("the access token never expires: it needs the claim exp")?;
        claims::begun(claims, now)?;
        claims::principal(claims, end)
    }
}

/// The types of access tokens (RFC 9068, section 2.1); a token of another type, such as a
/// logout token, was made for something else by the same keys.
fn is_access_token(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    matches!(kind.strip_prefix("application/").unwrap_or(&kind), "jwt" | "at+jwt")
}

fn object(part: &str) -> Option<Members> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    Json::parse(&bytes, DEPTH).ok()?.into_object().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_has_another_form_is_no_jwt() {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#);
        assert!(Jwt::parse(&format!("{header}.e30.AA")).is_some());
        let twice = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","alg":"none"}"#);
        for other in [
            String::new(),
            "shk_x".to_owned(),
            "a.b.c".to_owned(),
            format!("{header}.e30"),
            format!("{header}.e30.AA.AA"),
            format!("{header}=.e30.AA"),
            format!("{twice}.e30.AA"),
            format!("{}.e30.AA", URL_SAFE_NO_PAD.encode("[]")),
        ] {
            assert!(Jwt::parse(&other).is_none(), "{other}");
        }
    }

    #[test]
    fn only_access_tokens_have_the_type_of_one() {
        for good in ["JWT", "jwt", "at+jwt", "application/at+JWT"] {
            assert!(is_access_token(good), "{good}");
        }
        for bad in ["", "logout+jwt", "dpop+jwt", "JOSE", "application/"] {
            assert!(!is_access_token(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "[A-Za-z0-9._=-]{0,80}") {
            let _ = Jwt::parse(&text);
        }
    }
}
