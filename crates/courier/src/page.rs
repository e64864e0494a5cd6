//! Web pages where an answer of an application should be: something in front of the receiver wants a
//! browser, and the application has probably not seen the event.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// How much of a body is looked at, in bytes: forms stand behind long heads.
pub(crate) const LOOKED_AT: usize = 16 * 1024;

/// A page made for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// It asks its visitor to prove to be human, or refuses visitors who seem not to be.
    Challenge,
    /// It asks for a user name and a password.
    Login,
}

impl Page {
    /// What the page is, and what its owner can do about it.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Challenge => {
                "a challenge page that only a browser can pass: exempt the webhook's path from the bot \
                 protection in front of the receiver"
            }
            Self::Login => {
                "a login page: exempt the webhook's path from the login; requests are authenticated by \
                 their signature"
            }
        }
    }
}

/// What marks challenges, in lower case: those of Cloudflare, Imperva, AWS, DataDome, HUMAN, Sucuri and
/// Akamai, and captchas of any maker.
const CHALLENGES: [&str; 14] = [
    "just a moment...",
    "challenge-platform",
    "cf-chl",
    "cf_chl",
    "attention required! | cloudflare",
    "checking your browser",
    "_incapsula_resource",
    "captcha",
    "awswaf",
    "datadome",
    "px-cloud.net",
    "ddos protection by",
    "sucuri website firewall",
    "you don't have permission to access",
];

/// What the title of a login page holds, in lower case.
const LOGINS: [&str; 9] =
    ["log in", "login", "sign in", "signin", "log on", "anmelden", "connexion", "iniciar sesi", "accedi"];

/// Recognises a page by the headers of a response and the beginning of its body.
pub(crate) fn recognise(headers: &HeaderMap, start: &[u8]) -> Option<Page> {
    if headers.get("cf-mitigated").is_some_and(|value| value == "challenge") {
        return Some(Page::Challenge);
    }
    let text = String::from_utf8_lossy(&start[..start.len().min(LOOKED_AT)]).to_lowercase();
    if !is_html(headers, &text) {
        return None;
    }
    // A login that is guarded by a captcha is a login.
    if asks_for_password(&text) {
        return Some(Page::Login);
    }
    if CHALLENGES.iter().any(|mark| text.contains(mark)) {
        return Some(Page::Challenge);
    }
    let title = title(&text)?;
    LOGINS.iter().any(|word| title.contains(word)).then_some(Page::Login)
}

fn is_html(headers: &HeaderMap, text: &str) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.is_empty() && !kind.eq_ignore_ascii_case("text/plain") {
        return ["text/html", "application/xhtml+xml"].iter().any(|html| kind.eq_ignore_ascii_case(html));
    }
    let text = text.trim_start_matches('\u{feff}').trim_start();
    text.starts_with("<!doctype html") || text.starts_with("<html")
}

fn asks_for_password(text: &str) -> bool {
    ["type=\"password\"", "type='password'", "type=password"].iter().any(|input| text.contains(input))
}

/// The title of a page in lower case.
fn title(text: &str) -> Option<&str> {
    let (_, behind) = text.split_once("<title")?;
    let (_, inside) = behind.split_once('>')?;
    inside.split("</title").next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn page(kind: &'static str, body: &str) -> Option<Page> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        recognise(&headers, body.as_bytes())
    }

    #[test]
    fn challenges_and_logins_are_told_apart() {
        for (body, expected) in [
            ("<!DOCTYPE html><title>Just a moment...</title>", Page::Challenge),
            ("<html><script src=\"/cdn-cgi/challenge-platform/h/b\"></script>", Page::Challenge),
            ("<html><iframe src=\"/_Incapsula_Resource?x=1\"></iframe>", Page::Challenge),
            ("\u{feff}\n<HTML><form class=\"g-recaptcha\">", Page::Challenge),
            ("<html><form><input name=p type=password></form>", Page::Login),
            ("<html><div class=g-recaptcha></div><input TYPE=\"Password\">", Page::Login),
            ("<html><title lang=en>\nSign In to Acme</title>", Page::Login),
        ] {
            assert_eq!(page("text/html; charset=utf-8", body), Some(expected), "{body}");
            assert_eq!(recognise(&HeaderMap::new(), body.as_bytes()), Some(expected), "{body}");
        }
    }

    #[test]
    fn other_answers_are_no_such_pages() {
        for body in ["", "ok", "<html><title>Thanks</title>ok</html>", "<html>404 Not Found", "<title"] {
            assert_eq!(page("text/html", body), None, "{body}");
        }
        let quoted = r#"{"error": "<html> captcha, login, type=\"password\""}"#;
        assert_eq!(page("application/json", quoted), None);
        assert_eq!(recognise(&HeaderMap::new(), quoted.as_bytes()), None);
        assert_eq!(page("application/json", "<html>captcha"), None);
    }

    #[test]
    fn a_challenge_that_says_so_in_its_headers_needs_no_body() {
        let headers =
            HeaderMap::from_iter([("cf-mitigated".parse().unwrap(), HeaderValue::from_static("challenge"))]);
        assert_eq!(recognise(&headers, b""), Some(Page::Challenge));
    }

    #[test]
    fn what_stands_far_behind_is_not_looked_at() {
        let long = format!("<html>{}captcha", " ".repeat(LOOKED_AT));
        assert_eq!(page("text/html", &long), None);
    }

    proptest! {
        #[test]
        fn any_body_is_looked_at(body: Vec<u8>) {
            recognise(&HeaderMap::new(), &body);
        }
    }
}
