//! What a browser may read (the Fetch standard, "CORS protocol"). Origins match exactly; there is no wildcard, and cookies
//! are never allowed.

use crate::stages::accept::Head;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use http::{HeaderMap, Method};

/// Request headers that the SDKs send from browsers.
const ALLOWED_HEADERS: &str = "accept, anthropic-beta, anthropic-dangerous-direct-browser-access, anthropic-version, \
    api-key, authorization, content-type, openai-organization, openai-project, traceparent, tracestate, user-agent, \
    x-api-key, x-stainless-arch, x-stainless-helper-method, x-stainless-lang, x-stainless-os, \
    x-stainless-package-version, x-stainless-poll-helper, x-stainless-retry-count, x-stainless-runtime, \
    x-stainless-runtime-version, x-stainless-timeout";
/// Answer headers that scripts may read.
const EXPOSED_HEADERS: &str = "request-id, retry-after, retry-after-ms, x-ratelimit-limit-requests, \
    x-ratelimit-limit-tokens, x-ratelimit-remaining-requests, x-ratelimit-remaining-tokens, x-ratelimit-reset-requests, \
    x-ratelimit-reset-tokens, x-request-id, x-should-retry";
/// How long a browser may keep a preflight's answer, in seconds.
const MAX_AGE_SECONDS: &str = "600";

/// What to tell a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cors {
    /// Nothing: not from a listed origin, or not from a browser. The request goes on as any other.
    Silent,
    /// Put these headers on the answer, whatever it is; the request goes on.
    Expose(HeaderMap),
    /// A preflight of a listed origin: answer 204 with these headers, and nothing else happens.
    Preflight(HeaderMap),
    /// A preflight of an origin that is not listed: answer 403 without any header of this kind.
    PreflightRefused,
}

/// Decides for one request by the origins of its route.
pub fn cors(origins: &[String], head: &Head) -> Cors {
    let is_preflight = *head.method() == Method::OPTIONS && head.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut sent = head.headers().get_all(ORIGIN).iter();
    let (Some(origin), None) = (sent.next(), sent.next()) else {
        return if is_preflight { Cors::PreflightRefused } else { Cors::Silent };
    };
    // `*` is an error at load; it must not become one origin by a detour.
    let is_listed = origins.iter().any(|listed| listed != "*" && listed.as_bytes() == origin.as_bytes());
    match (is_listed, is_preflight) {
        (true, true) => Cors::Preflight(headers(
            origin,
            &[
                (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
                (ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS),
                (ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS),
            ],
        )),
        (true, false) => Cors::Expose(headers(origin, &[(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS)])),
        (false, true) => Cors::PreflightRefused,
        (false, false) => Cors::Silent,
    }
}

fn headers(origin: &HeaderValue, more: &[(http::HeaderName, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(more.len().saturating_add(2));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(VARY, HeaderValue::from_static("origin"));
    for (name, value) in more {
        headers.insert(name.clone(), HeaderValue::from_static(value));
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(method: Method, pairs: &[(&'static str, &str)]) -> Head {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        Head::for_tests(method, "/v1/messages", headers)
    }

    #[test]
    fn only_an_exactly_listed_origin_is_told_anything() {
        let origins = ["https://app.example".to_owned(), "*".to_owned()];
        let told = cors(&origins, &head(Method::POST, &[("origin", "https://app.example")]));
        let Cors::Expose(headers) = told else { panic!("{told:?}") };
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "https://app.example");
        for origin in ["https://app.example.evil", "https://APP.example", "http://app.example", "null", "*", ""] {
            assert_eq!(cors(&origins, &head(Method::POST, &[("origin", origin)])), Cors::Silent, "{origin}");
        }
        assert_eq!(cors(&origins, &head(Method::POST, &[])), Cors::Silent);
        let doubled = [("origin", "https://app.example"), ("origin", "https://app.example")];
        assert_eq!(cors(&origins, &head(Method::POST, &doubled)), Cors::Silent);
    }

    #[test]
    fn preflights_are_answered_for_listed_origins_and_refused_for_others() {
        let origins = ["https://app.example".to_owned()];
        let ask = |origin| {
            cors(&origins, &head(Method::OPTIONS, &[("origin", origin), ("access-control-request-method", "POST")]))
        };
        let told = ask("https://app.example");
        let Cors::Preflight(headers) = told else { panic!("{told:?}") };
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_METHODS], "GET, POST");
        assert!(!headers.contains_key("access-control-allow-credentials"));
        assert_eq!(ask("https://evil.example"), Cors::PreflightRefused);
    }
}
