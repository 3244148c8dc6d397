//! Which headers of an upstream's answer a client may see: an allow-list. Cookies, servers' names, framing and whatever
//! a provider invents next stay here.

use http::{HeaderMap, HeaderName};

/// Marks answers of the built-in upstream.
pub const DEMO_HEADER: HeaderName = HeaderName::from_static("x-portcullis-demo");
/// Carries the upstream's own id of the exchange.
const UPSTREAM_REQUEST_ID: HeaderName = HeaderName::from_static("x-upstream-request-id");

/// Headers that pass by name.
const PASSED: [&str; 5] =
    ["content-type", "openai-model", "openai-processing-ms", "openai-version", "x-portcullis-demo"];
/// Headers that pass by the beginning of their name.
const PASSED_PREFIXES: [&str; 2] = ["anthropic-ratelimit-", "x-ratelimit-"];

/// The headers of an upstream's answer that may go downstream. Its `x-request-id` or `request-id` becomes
/// `x-upstream-request-id`; of doubled ones the first counts.
pub fn answer_headers(upstream: &HeaderMap) -> HeaderMap {
    let mut passed = HeaderMap::with_capacity(16);
    for name in upstream.keys() {
        let text = name.as_str();
        let may_pass = PASSED.contains(&text) || PASSED_PREFIXES.iter().any(|prefix| text.starts_with(prefix));
        if may_pass && let Some(value) = upstream.get(name) {
            passed.insert(name.clone(), value.clone());
        }
    }
    if let Some(id) = upstream.get("x-request-id").or_else(|| upstream.get("request-id")) {
        passed.insert(UPSTREAM_REQUEST_ID, id.clone());
    }
    passed
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn only_known_headers_of_an_answer_pass() {
        let mut upstream = HeaderMap::new();
        for name in [
            "set-cookie",
            "server",
            "alt-svc",
            "content-length",
            "content-encoding",
            "transfer-encoding",
            "connection",
            "trailer",
            "location",
            "openai-organization",
            "access-control-allow-origin",
            "x-upstream-request-id",
            "strict-transport-security",
        ] {
            upstream.insert(HeaderName::from_static(name), HeaderValue::from_static("no"));
        }
        for name in ["content-type", "x-ratelimit-limit-requests", "anthropic-ratelimit-tokens-reset", "openai-version"]
        {
            upstream.insert(HeaderName::from_static(name), HeaderValue::from_static("yes"));
        }
        upstream.append("content-type", HeaderValue::from_static("no"));
        upstream.insert("request-id", HeaderValue::from_static("yes"));
        let passed = answer_headers(&upstream);
        assert_eq!(passed.len(), 5);
        assert!(passed.values().all(|value| value == "yes"));
        assert_eq!(passed.get("x-upstream-request-id").unwrap(), "yes");
    }
}
