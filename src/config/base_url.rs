//! An upstream's address. Strict: what two readers could understand differently is refused (userinfo, query, fragment, `..`,
//! percent-encoding, odd hosts). Messages never quote the URL, which may hold a password.

use super::settings::BaseUrl;
use std::net::{IpAddr, Ipv6Addr};

/// Why a URL cannot be an upstream's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum UrlError {
    #[error("it must begin with https:// or http://")]
    Scheme,
    #[error("it must not hold a user or password; a credential belongs in `api_key`")]
    UserInfo,
    #[error("it must not have a query (`?`)")]
    Query,
    #[error("it must not have a fragment (`#`)")]
    Fragment,
    #[error("its host is not a plain name or address")]
    Host,
    #[error("its port is not a number from 1 to 65535")]
    Port,
    #[error("its path may hold letters, digits and `-._~` between single slashes, and no `.` or `..` parts")]
    Path,
}

/// Parses a URL as far as an upstream's address needs it.
pub(super) fn parse(text: &str) -> Result<BaseUrl, UrlError> {
    let (tls, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return Err(UrlError::Scheme),
    };
    if rest.contains('@') {
        return Err(UrlError::UserInfo);
    }
    if rest.contains('#') {
        return Err(UrlError::Fragment);
    }
    if rest.contains('?') {
        return Err(UrlError::Query);
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, port) = split_port(authority)?;
    let port = match port {
        None => default_port(tls),
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse::<u16>().ok().filter(|port| *port != 0).ok_or(UrlError::Port)?
        }
        Some(_) => return Err(UrlError::Port),
    };
    Ok(BaseUrl { tls, host: checked_host(host)?, port, path: checked_path(path)? })
}

/// 443 or 80.
pub(super) fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

/// Whether the host can only be this machine.
pub(super) fn is_loopback(url: &BaseUrl) -> bool {
    url.host == "localhost" || url.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), UrlError> {
    if authority.starts_with('[') {
        let close = authority.find(']').ok_or(UrlError::Host)?;
        let (host, after) = authority.split_at(close + 1);
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => Err(UrlError::Host),
        };
    }
    Ok(authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))))
}

fn checked_host(host: &str) -> Result<String, UrlError> {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().map(|address| address.to_string()).map_err(|_| UrlError::Host);
    }
    let label_fits = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let last_is_number = host
        .rsplit('.')
        .next()
        .is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()) || label.starts_with("0x"));
    // `2130706433` and `0x7f.1` are addresses to some resolvers and names to others.
    let fits =
        host.len() <= 253 && host.split('.').all(label_fits) && (!last_is_number || host.parse::<IpAddr>().is_ok());
    if fits { Ok(host.to_ascii_lowercase()) } else { Err(UrlError::Host) }
}

/// The path without a slash at its end.
fn checked_path(path: &str) -> Result<String, UrlError> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let part_fits = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'))
    };
    match path.strip_prefix('/') {
        None => Ok(String::new()),
        Some(parts) if path.len() <= 1_024 && parts.split('/').all(part_fits) => Ok(path.to_owned()),
        Some(_) => Err(UrlError::Path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn scheme_host_port_and_path_are_taken_apart() {
        let url = parse("https://API.example.com/openai/v1/").unwrap();
        assert_eq!(url, BaseUrl { tls: true, host: "api.example.com".into(), port: 443, path: "/openai/v1".into() });
        let url = parse("http://[::1]:8000").unwrap();
        assert_eq!(url, BaseUrl { tls: false, host: "::1".into(), port: 8000, path: String::new() });
        assert!(is_loopback(&url));
        assert!(!is_loopback(&parse("http://localhost.evil.example").unwrap()));
    }

    #[test]
    fn what_two_readers_could_understand_differently_is_refused() {
        for (text, error) in [
            ("ftp://a", UrlError::Scheme),
            ("HTTPS://a", UrlError::Scheme),
            ("https://user:pass@a", UrlError::UserInfo),
            ("https://a#@b", UrlError::UserInfo),
            ("https://a?x=1", UrlError::Query),
            ("https://a/#x", UrlError::Fragment),
            ("https://", UrlError::Host),
            ("https:///x", UrlError::Host),
            ("https://a\\b", UrlError::Host),
            ("https://a b", UrlError::Host),
            ("https://bücher.example", UrlError::Host),
            ("https://2130706433", UrlError::Host),
            ("https://0x7f.0x1", UrlError::Host),
            ("https://127.1", UrlError::Host),
            ("https://::1", UrlError::Port),
            ("https://a:", UrlError::Port),
            ("https://a:+80", UrlError::Port),
            ("https://a:0", UrlError::Port),
            ("https://a:99999", UrlError::Port),
            ("https://a/..", UrlError::Path),
            ("https://a//b", UrlError::Path),
            ("https://a/%2e", UrlError::Path),
            ("https://a/b\r\nX: y", UrlError::Path),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic_and_what_it_takes_is_plain(text in "https?://[\\PC]{0,40}") {
            if let Ok(url) = parse(&text) {
                prop_assert!(!url.host.is_empty() && url.host.is_ascii() && !url.path.ends_with('/'));
            }
        }
    }
}
