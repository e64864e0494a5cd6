use super::*;
use crate::wire::test_values;

const SECRET: &str = "whsec_9npwH6J8QyZp1L8U3xqG7sN2";

fn read(text: &str) -> Result<Scheme, String> {
    let table: toml::Table = format!("signature = {text}").parse().unwrap();
    let field = Section::root(&table).get("signature").unwrap();
    Scheme::read(&field).map(Option::unwrap).map_err(|error| error.to_string())
}

fn signed(text: &str) -> String {
    let scheme = read(text).unwrap();
    let key = scheme.key(&SigningSecret::parse(SECRET).unwrap());
    scheme.sign(&key, &test_values(), b"{\"a\":1}")
}

/// The expected signatures were made with OpenSSL's command line.
#[test]
fn schemes_sign_as_others_do() {
    assert_eq!(
        signed("{ content = '{body}', header = 'X-S' }"),
        "94d91239b1bde5e7a1c3a6610b0170079749706e40c84bd11afeba996113df50"
    );
    assert_eq!(
        signed(
            "{ content = '{eventId}.{timestamp}.{body}', key = 'base64', encoding = 'base64', header = 'X-S' }"
        ),
        "/+JJpm5vCwUMzOY07PF7RMNnedW4aPSxeA7pA18efAs="
    );
    assert_eq!(
        signed("{ algorithm = 'hmac-sha512', content = '{body}', header = 'X-S' }"),
        "22ff9bc5e790d9a99ece5de33eef60168b82ed41e6b9262ecc361cac93799740bec04a3c2cca38bcb2de90649d055fab1d2e486380253eb8f4999d9eef3573c5"
    );
}

#[test]
fn schemes_that_protect_nothing_are_refused() {
    for (text, reason) in [
        ("{ content = '{timestamp}', header = 'X-S' }", "signature.content: leaves the body unsigned"),
        ("{ content = '{body}' }", "signature.header: is missing"),
        ("{ header = 'X-S' }", "signature.content: is missing"),
        ("{ content = '{body}', header = 'Host' }", "signature.header: cannot be set"),
        (
            "{ content = '{body}', header = 'X-S', value = 'v1' }",
            "signature.value: does not hold the signature",
        ),
        ("{ content = '{body}', header = 'X-S', key = 'hex' }", "signature.key: \"hex\" is not one of"),
        (
            "{ content = '{body}', header = 'X-S', algorithm = 'hmac-sha1' }",
            "signature.algorithm: \"hmac-sha1\" is not one of",
        ),
        ("{ content = '{body}', header = 'X-S', rotation = { next_header = 'x-s' } }", "itself"),
        ("{ content = '{body}', header = 'X-S', rotation = { several = \"\\n\" } }", "visible ASCII"),
        (
            "{ content = '{body}', header = 'X-S', rotation = { several = ' ', next_header = 'Y' } }",
            "expected",
        ),
        ("{ content = '{body}', header = 'X-S', encodng = 'hex' }", "unknown key: did you mean `encoding`?"),
        ("'nothing'", "signature: \"nothing\" is not one of \"none\""),
        ("true", "expected \"none\" or a table"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(reason) && !error.contains('\n'), "{text}: {error}");
    }
}
