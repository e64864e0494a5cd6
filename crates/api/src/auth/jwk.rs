//! Public keys of token issuers (RFC 7517, RFC 7518, RFC 8037). A key has one algorithm, which
//! follows from the key and never from a token.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use stayhook_core::{Json, Members};

/// How deep a key set may be nested: `{"keys":[{"key_ops":["verify"]}]}`, and room for more.
const DEPTH: usize = 8;
/// The most keys that are taken from a set: bounds the work that a token without `kid` makes.
const MOST_KEYS: usize = 64;
/// The sizes of RSA keys in bytes: 2048 to 8192 bits.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1_024;

/// A key set, as far as tokens can be verified with it.
pub(super) struct KeySet(Vec<Key>);

struct Key {
    kid: Option<String>,
    algorithm: &'static str,
    key: ParsedPublicKey,
}

/// What a key set says of a signature.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It was made by the key that the token names.
    Genuine,
    /// It was not.
    Forged,
    /// The key that the token names is not here: a newer set may have it.
    UnknownKey,
}

impl KeySet {
    /// Reads a JSON Web Key Set. Keys that are of no use here (other algorithms, encryption,
    /// shared secrets) are passed over, as RFC 7517, section 5, demands.
    ///
    /// # Errors
    /// When it is no key set.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let json = Json::parse(bytes, DEPTH).map_err(|error| error.to_string())?;
        let keys = json.get("keys").and_then(Json::as_array);
        let keys = keys.ok_or_else(|| "it is no JSON Web Key Set: it has no array `keys`".to_owned())?;
        Ok(Self(keys.iter().filter_map(|key| Key::read(key.as_object()?)).take(MOST_KEYS).collect()))
    }

    /// Whether no token can be verified with it.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Judges a signature over `message`. A token without `kid` may be by any key of its
    /// algorithm.
    pub(super) fn judge(
        &self,
        kid: Option<&str>,
        algorithm: &str,
        message: &[u8],
        signature: &[u8],
    ) -> Judgement {
        let named = |key: &&Key| kid.is_none_or(|kid| key.kid.as_deref() == Some(kid));
        let mut known = self.0.iter().filter(named).peekable();
        if known.peek().is_none() {
            return Judgement::UnknownKey;
        }
        let genuine = known
            .filter(|key| key.algorithm == algorithm)
            .any(|key| key.key.verify_sig(message, signature).is_ok());
        match (genuine, kid) {
            (true, _) => Judgement::Genuine,
            (false, Some(_)) => Judgement::Forged,
            (false, None) => Judgement::UnknownKey,
        }
    }
}

impl Key {
    fn read(jwk: &Members) -> Option<Self> {
        let text = |name| jwk.get(name).and_then(Json::as_str);
        let (algorithm, key) = match (text("kty")?, text("crv")) {
            ("RSA", _) => ("RS256", rsa(&bytes(jwk, "n")?, &bytes(jwk, "e")?)?),
            ("EC", Some("P-256")) => ("ES256", p256(&bytes(jwk, "x")?, &bytes(jwk, "y")?)?),
            ("OKP", Some("Ed25519")) => ("EdDSA", ParsedPublicKey::new(&ED25519, bytes(jwk, "x")?).ok()?),
            _ => return None,
        };
        let is_for_us = jwk.get("alg").is_none_or(|it| it.as_str() == Some(algorithm))
            && jwk.get("use").is_none_or(|it| it.as_str() == Some("sig"))
            && jwk.get("key_ops").is_none_or(can_verify);
        let kid = text("kid").map(str::to_owned);
        is_for_us.then_some(Self { kid, algorithm, key })
    }
}

fn rsa(n: &[u8], e: &[u8]) -> Option<ParsedPublicKey> {
    let [n, e] = [n, e].map(|number| {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        &number[zeros..]
    });
    let parts = RsaPublicKeyComponents { n, e };
    RSA_BYTES.contains(&n.len()).then(|| parts.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok())?
}

/// An uncompressed point (SEC 1, section 2.3.3); coordinates have all their 32 bytes.
fn p256(x: &[u8], y: &[u8]) -> Option<ParsedPublicKey> {
    let point = [&[0x04], x, y].concat();
    (x.len() == 32 && y.len() == 32).then(|| ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok())?
}

fn bytes(jwk: &Members, name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?).ok()
}

fn can_verify(operations: &Json) -> bool {
    operations.as_array().is_some_and(|all| all.iter().any(|one| one.as_str() == Some("verify")))
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 8037, appendix A.
    const ED25519_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    const MESSAGE: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    const SIGNATURE: &str =
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

    fn set(members: &str) -> KeySet {
        let text = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{ED25519_X}"{members}}}]}}"#);
        KeySet::parse(text.as_bytes()).unwrap()
    }

    fn judge(set: &KeySet, kid: Option<&str>, algorithm: &str) -> Judgement {
        set.judge(kid, algorithm, MESSAGE.as_bytes(), &URL_SAFE_NO_PAD.decode(SIGNATURE).unwrap())
    }

    #[test]
    fn the_example_of_the_rfc_is_genuine() {
        assert_eq!(judge(&set(""), None, "EdDSA"), Judgement::Genuine);
        assert_eq!(judge(&set(r#","kid":"a""#), Some("a"), "EdDSA"), Judgement::Genuine);
        let forged = set("").judge(None, "EdDSA", b"another message", &[0; 64]);
        assert_eq!(forged, Judgement::UnknownKey, "without kid, a newer key may be meant");
    }

    #[test]
    fn a_key_verifies_by_its_own_algorithm_alone() {
        for other in ["RS256", "ES256", "HS256", "none", "eddsa", ""] {
            assert_eq!(judge(&set(r#","kid":"a""#), Some("a"), other), Judgement::Forged, "{other}");
        }
    }

    #[test]
    fn an_unknown_kid_is_not_a_forgery() {
        assert_eq!(judge(&set(r#","kid":"a""#), Some("b"), "EdDSA"), Judgement::UnknownKey);
        assert_eq!(judge(&set(""), Some("b"), "EdDSA"), Judgement::UnknownKey);
    }

    #[test]
    fn keys_for_other_purposes_are_passed_over() {
        for other in [
            r#","use":"enc""#,
            r#","alg":"RS256""#,
            r#","key_ops":["sign"]"#,
            r#","alg":1"#,
            r#","use":null"#,
        ] {
            assert!(set(other).is_empty(), "{other}");
        }
        for ours in [r#","use":"sig""#, r#","alg":"EdDSA""#, r#","key_ops":["verify","sign"]"#, r#","d":"x""#]
        {
            assert!(!set(ours).is_empty(), "{ours}");
        }
    }

    #[test]
    fn keys_that_are_none_are_passed_over() {
        for jwk in [
            r#"{"kty":"oct","k":"c2VjcmV0"}"#.to_owned(),
            r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#.to_owned(),
            r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#.to_owned(),
            r#"{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}"#.to_owned(),
            r#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#.to_owned(),
            r#"{"kty":"OKP","crv":"Ed25519","x":7}"#.to_owned(),
            "[]".to_owned(),
        ] {
            let set = KeySet::parse(format!(r#"{{"keys":[{jwk}]}}"#).as_bytes()).unwrap();
            assert!(set.is_empty(), "{jwk}");
        }
        for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#] {
            assert!(KeySet::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
