//! The rules that only the raw text can show, because parsing would repair what breaks them.

use super::{MAX_URL_CHARS, Scheme, UrlError};

/// What the raw text says.
#[derive(Debug)]
pub(super) struct Raw<'a> {
    pub(super) scheme: Scheme,
    /// The host as written, an IPv6 address in its brackets.
    pub(super) host: &'a str,
}

/// Judges a URL's text.
pub(super) fn judge(text: &str) -> Result<Raw<'_>, UrlError> {
    if text.chars().count() > MAX_URL_CHARS {
        return Err(UrlError::TooLong);
    }
    judge_characters(text)?;
    let (scheme, rest) = split_scheme(text)?;
    // Backslashes are refused above, so that every parser ends the authority here.
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.is_empty() {
        return Err(UrlError::NotAbsolute);
    }
    if authority.contains('@') {
        return Err(UrlError::UserInfo);
    }
    // A percent sign would be decoded into the host: `%6c%6fcalhost`.
    if authority.contains('%') {
        return Err(UrlError::HostName);
    }
    Ok(Raw { scheme, host: host(authority) })
}

fn judge_characters(text: &str) -> Result<(), UrlError> {
    for character in text.chars() {
        match character {
            _ if character.is_control() => return Err(UrlError::ControlCharacter),
            _ if character.is_whitespace() => return Err(UrlError::Space),
            '\\' => return Err(UrlError::Backslash),
            '{' | '}' => return Err(UrlError::Placeholder),
            '#' => return Err(UrlError::Fragment),
            _ => {}
        }
    }
    Ok(())
}

/// The scheme, and what follows its `://`.
fn split_scheme(text: &str) -> Result<(Scheme, &str), UrlError> {
    let (scheme, rest) = text.split_once(':').ok_or(UrlError::NotAbsolute)?;
    if !is_scheme(scheme) {
        return Err(UrlError::NotAbsolute);
    }
    let scheme = match scheme {
        _ if scheme.eq_ignore_ascii_case("https") => Scheme::Https,
        _ if scheme.eq_ignore_ascii_case("http") => Scheme::Http,
        // `hooks.example.com:8443/path` begins with a host, not with a scheme.
        _ if !rest.starts_with("//") && scheme.contains('.') => return Err(UrlError::NotAbsolute),
        _ => return Err(UrlError::Scheme),
    };
    let rest = rest.strip_prefix("//").ok_or(UrlError::NotAbsolute)?;
    Ok((scheme, rest))
}

/// RFC 3986, section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

fn host(authority: &str) -> &str {
    let end = if authority.starts_with('[') {
        authority.find(']').map(|bracket| bracket + 1)
    } else {
        authority.find(':')
    };
    &authority[..end.unwrap_or(authority.len())]
}
