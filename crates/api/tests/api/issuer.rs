//! A token issuer: keys, key sets, tokens signed in every right and wrong way.

use std::sync::{Arc, Mutex};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use stayhook_api::{Issuers, IssuersConfig, JwksSource};
use stayhook_testkit::{Receiver, Reply};

use crate::house::START;

pub(crate) const ISSUER: &str = "https://auth.example.com/";
pub(crate) const AUDIENCE: &str = "https://api.example.com/";

/// A key of an issuer.
pub(crate) struct Key {
    pub(crate) kid: &'static str,
    pub(crate) algorithm: &'static str,
    secret: Secret,
}

enum Secret {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Key {
    pub(crate) fn rs256(kid: &'static str) -> Self {
        Self { kid, algorithm: "RS256", secret: Secret::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()) }
    }

    pub(crate) fn es256(kid: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { kid, algorithm: "ES256", secret: Secret::P256(pair) }
    }

    pub(crate) fn eddsa(kid: &'static str) -> Self {
        Self { kid, algorithm: "EdDSA", secret: Secret::Ed25519(Ed25519KeyPair::generate().unwrap()) }
    }

    /// The public key as a JWK.
    pub(crate) fn jwk(&self) -> Value {
        match &self.secret {
            Secret::Rsa(pair) => {
                let der = pair.public_key().as_ref();
                // RSAPublicKey (RFC 8017, A.1.1) of a 2048-bit key: the modulus is behind its
                // sign byte, the exponent at the end.
                let (n, e) = (encode(&der[9..265]), encode(&der[der.len() - 3..]));
                json!({"kty": "RSA", "kid": self.kid, "use": "sig", "n": n, "e": e})
            }
            Secret::P256(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
                json!({"kty": "EC", "crv": "P-256", "kid": self.kid, "alg": "ES256", "x": x, "y": y})
            }
            Secret::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": self.kid, "x": encode(pair.public_key().as_ref())})
            }
        }
    }

    /// The public key as people publish it who do not use JWK.
    pub(crate) fn der(&self) -> Vec<u8> {
        match &self.secret {
            Secret::Rsa(pair) => pair.public_key().as_der().unwrap().as_ref().to_vec(),
            Secret::P256(pair) => pair.public_key().as_der().unwrap().as_ref().to_vec(),
            Secret::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.secret {
            Secret::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Secret::P256(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Secret::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// A token with these claims, as it ought to be.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({"alg": self.algorithm, "kid": self.kid, "typ": "at+jwt"}).to_string(), claims)
    }

    /// A token whose header reads like this.
    pub(crate) fn token_with(&self, header: &str, claims: &Value) -> String {
        compact(header, &claims.to_string(), |message| self.sign(message))
    }
}

/// A JWT of these texts.
pub(crate) fn compact(header: &str, claims: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
    let signature = sign(message.as_bytes());
    format!("{message}.{}", encode(&signature))
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Claims of a token that counts for an hour: the client `pms`, properties 101 and 102.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER,
        "aud": [AUDIENCE, "https://other.example.com/"],
        "exp": START.as_seconds() + 3_600,
        "nbf": START.as_seconds(),
        "client_id": "pms",
        "scope": "webhooks.write bookings.read",
        "properties": [101, 102],
    })
}

/// The same with some of them changed; `null` takes one away.
pub(crate) fn claims_with(changes: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

pub(crate) fn key_set(keys: &[&Key]) -> Value {
    json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()})
}

/// An issuer's server that publishes keys.
pub(crate) struct Publisher {
    pub(crate) server: Receiver,
    reply: Arc<Mutex<Reply>>,
}

impl Publisher {
    pub(crate) async fn of(keys: &[&Key]) -> Self {
        let reply = Arc::new(Mutex::new(Reply::status(500)));
        let server = Receiver::start().await.unwrap();
        let told = Arc::clone(&reply);
        server.reply(move |_| told.lock().unwrap().clone());
        let publisher = Self { server, reply };
        publisher.publish(keys);
        publisher
    }

    pub(crate) fn publish(&self, keys: &[&Key]) {
        self.answer(Reply::status(200).body(key_set(keys).to_string()));
    }

    pub(crate) fn answer(&self, reply: Reply) {
        *self.reply.lock().unwrap() = reply;
    }

    pub(crate) fn issuers(&self) -> Issuers {
        trusting(JwksSource::Url(self.server.url("/jwks")))
    }
}

/// Trust in whoever has the keys.
pub(crate) fn trusting(keys: JwksSource) -> Issuers {
    let issuers = Issuers::new(IssuersConfig {
        keys: Some(keys),
        issuer: Some(ISSUER.to_owned()),
        audience: Some(AUDIENCE.to_owned()),
        ..IssuersConfig::default()
    });
    issuers.unwrap()
}
