//! The request as an upstream gets it, built from what `redact` let out.
//!
//! Headers pass by an allow-list: a provider reads few, an agent may trust identity headers that a client forged
//! (THREATS 12, 13, 38), so what is not known stays here. Framing is hyper's, from the body itself. The credential comes
//! last. Nothing that a client sent chooses the host (THREATS 37).

use crate::config::settings::BaseUrl;
use crate::model::{Cause, Refusal, RequestId, Stage};
use crate::stages::redact::Outbound;
use http::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_TYPE, HOST, HeaderName};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Request, Uri};
use http_body_util::Full;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use std::borrow::Cow;

use super::connection::RequestBody;

/// What goes with every try of one exchange.
#[derive(Clone, Debug)]
pub struct SendContext<'a> {
    /// Our id of the exchange, sent as `x-request-id`.
    pub request_id: &'a RequestId,
    /// The W3C trace context to pass on; the client's own header is never forwarded as it came.
    pub traceparent: Option<HeaderValue>,
    /// The vendors' part of the trace context.
    pub tracestate: Option<HeaderValue>,
    /// Seed of the random numbers that spread pauses and open times; any value, different for each exchange.
    pub jitter_seed: u64,
}

/// Headers of a client that pass by name; `Connection` can still take one away.
const PASSED: [&str; 10] = [
    "accept",
    "accept-language",
    "http-referer",
    "idempotency-key",
    "last-event-id",
    "mcp-protocol-version",
    "mcp-session-id",
    "user-agent",
    "x-client-request-id",
    "x-title",
];
/// Headers of a client that pass by the beginning of their name.
const PASSED_PREFIXES: [&str; 3] = ["anthropic-", "openai-", "x-stainless-"];
/// Query parameters that carry credentials, in lower case. They are removed.
const CREDENTIAL_PARAMETERS: [&str; 7] =
    ["key", "api_key", "api-key", "apikey", "access_token", "x-api-key", "x-goog-api-key"];
/// Bytes of a decoded path that have to be encoded again: what RFC 3986 §3.3 does not allow in a path.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}')
    .add(b'%');

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What one upstream adds to each request: its address and, last, its credential.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) base: BaseUrl,
    pub(super) host: HeaderValue,
    pub(super) credential: Option<(HeaderName, HeaderValue)>,
}

/// Builds the request for one try.
///
/// # Errors
/// `malformed_request` when path or query cannot stand in a request line (an earlier stage let through what it must not).
pub(super) fn request(
    outbound: &Outbound,
    address: &Address,
    context: &SendContext<'_>,
) -> Result<Request<RequestBody>, Refusal> {
    let head = outbound.head();
    let target = path_and_query(&address.base.path, outbound.path(), head.query())
        .ok_or_else(|| Refusal::new(Stage::Upstream, Cause::MalformedRequest).detail("path or query"))?;
    let mut request = Request::new(Full::new(outbound.body().clone()));
    *request.method_mut() = head.method().clone();
    *request.uri_mut() = Uri::from(target);
    let headers = request.headers_mut();
    headers.reserve(head.headers().len().saturating_add(8));
    headers.insert(HOST, address.host.clone());
    pass_headers(head.headers(), headers);
    if !outbound.body().is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Ok(id) = HeaderValue::from_str(context.request_id.as_str()) {
        headers.insert(X_REQUEST_ID, id);
    }
    if let Some(traceparent) = &context.traceparent {
        headers.insert(HeaderName::from_static("traceparent"), traceparent.clone());
        if let Some(tracestate) = &context.tracestate {
            headers.insert(HeaderName::from_static("tracestate"), tracestate.clone());
        }
    }
    if let Some((name, value)) = &address.credential {
        headers.insert(name.clone(), value.clone());
    }
    Ok(request)
}

/// Copies what may pass. A name that `Connection` lists is hop-by-hop and stays here, whatever it is.
fn pass_headers(from: &HeaderMap, to: &mut HeaderMap) {
    for (name, value) in from {
        let text = name.as_str();
        let may_pass = PASSED.contains(&text)
            || (PASSED_PREFIXES.iter().any(|prefix| text.starts_with(prefix)) && !is_credential(text));
        if may_pass && !is_named_by_connection(from, text) {
            to.append(name.clone(), value.clone());
        }
    }
}

/// A name under an allowed prefix that still speaks of a credential (`openai-api-key`).
fn is_credential(name: &str) -> bool {
    ["key", "token", "secret", "auth", "cookie"].iter().any(|word| name.contains(word))
}

fn is_named_by_connection(headers: &HeaderMap, name: &str) -> bool {
    headers.get_all(CONNECTION).iter().any(|value| {
        value.as_bytes().split(|byte| *byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
    })
}

fn path_and_query(base: &str, path: &str, query: Option<&str>) -> Option<PathAndQuery> {
    let query = query.map(without_credentials).filter(|query| !query.is_empty());
    let encoded = Cow::from(utf8_percent_encode(path, PATH));
    if !encoded.starts_with('/') {
        return None;
    }
    let mut text = String::with_capacity(
        base.len().saturating_add(encoded.len()).saturating_add(query.as_ref().map_or(0, |query| query.len() + 1)),
    );
    text.push_str(base.trim_end_matches('/'));
    text.push_str(&encoded);
    if let Some(query) = query {
        text.push('?');
        text.push_str(&query);
    }
    PathAndQuery::try_from(text).ok()
}

/// The query as it came, without parameters that carry credentials. `;` separates too: some servers read it so.
fn without_credentials(query: &str) -> Cow<'_, str> {
    if !query.split(['&', ';']).any(is_credential_parameter) {
        return Cow::Borrowed(query);
    }
    let mut kept = String::with_capacity(query.len());
    for piece in query.split_inclusive(['&', ';']) {
        if !is_credential_parameter(piece.trim_end_matches(['&', ';'])) {
            kept.push_str(piece);
        }
    }
    kept.truncate(kept.trim_end_matches(['&', ';']).len());
    Cow::Owned(kept)
}

fn is_credential_parameter(piece: &str) -> bool {
    let name = piece.split_once('=').map_or(piece, |(name, _)| name);
    let name = percent_decode_str(name).decode_utf8_lossy().replace('+', " ");
    CREDENTIAL_PARAMETERS.iter().any(|credential| name.trim().eq_ignore_ascii_case(credential))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(base: &str, path: &str, query: Option<&str>) -> String {
        path_and_query(base, path, query).unwrap().as_str().to_owned()
    }

    #[test]
    fn target_is_base_path_and_canonical_path_encoded_again() {
        assert_eq!(target("", "/v1/chat/completions", None), "/v1/chat/completions");
        assert_eq!(target("/gateway/", "/v1/models/a b?c#d%41é", None), "/gateway/v1/models/a%20b%3Fc%23d%2541%C3%A9");
        assert_eq!(target("", "/v1/models/ft:gpt-4o@x+y", None), "/v1/models/ft:gpt-4o@x+y");
        assert!(path_and_query("", "v1", None).is_none());
        assert!(path_and_query("", "/v1", Some("a b")).is_none());
        assert!(path_and_query("", "/v1", Some("a\r\nx: y")).is_none());
    }

    #[test]
    fn credentials_leave_the_query_however_they_are_written() {
        for query in ["key=s", "KEY=s", "%6bey=s", "k%65y=s", "key", "access_token=s", "%20key=s", "&&key=s"] {
            assert_eq!(target("", "/v1", Some(query)), "/v1", "{query}");
        }
        assert_eq!(target("", "/v1", Some("a=1&key=s&b=2")), "/v1?a=1&b=2");
        assert_eq!(target("", "/v1", Some("a=1;key=s;b=2")), "/v1?a=1;b=2");
        assert_eq!(target("", "/v1", Some("beta=true&keys=1")), "/v1?beta=true&keys=1");
    }

    #[test]
    fn only_known_headers_pass() {
        let mut from = HeaderMap::new();
        for name in [
            "authorization",
            "x-api-key",
            "api-key",
            "x-goog-api-key",
            "proxy-authorization",
            "cookie",
            "x-forwarded-for",
            "forwarded",
            "via",
            "x-real-ip",
            "te",
            "trailer",
            "upgrade",
            "expect",
            "transfer-encoding",
            "content-length",
            "content-encoding",
            "host",
            "accept-encoding",
            "traceparent",
            "x-request-id",
            "x-user-id",
            "x-remote-user",
            "openai-api-key",
            "anthropic-auth-token",
        ] {
            from.insert(HeaderName::from_static(name), HeaderValue::from_static("no"));
        }
        let passed = [
            "anthropic-version",
            "anthropic-beta",
            "openai-organization",
            "openai-project",
            "user-agent",
            "x-stainless-lang",
        ];
        for name in passed {
            from.append(HeaderName::from_static(name), HeaderValue::from_static("yes"));
        }
        from.append("anthropic-beta", HeaderValue::from_static("two"));
        let mut to = HeaderMap::new();
        pass_headers(&from, &mut to);
        assert_eq!(to.len(), passed.len() + 1);
        assert!(to.values().all(|value| value != "no"));
    }

    #[test]
    fn header_named_by_connection_stays_here() {
        let mut from = HeaderMap::new();
        from.insert("anthropic-beta", HeaderValue::from_static("a"));
        from.insert("user-agent", HeaderValue::from_static("b"));
        from.append(CONNECTION, HeaderValue::from_static("close"));
        from.append(CONNECTION, HeaderValue::from_static("x, Anthropic-Beta "));
        let mut to = HeaderMap::new();
        pass_headers(&from, &mut to);
        assert_eq!(to.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["user-agent"]);
    }
}
