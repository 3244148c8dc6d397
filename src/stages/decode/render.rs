//! Refusals in the caller's dialect (WIRE.md "Error bodies", "Retries", "Headers"). All texts are fixed: nothing of a
//! request or an answer comes in here but numbers, names and ids of ours.

use crate::model::outcome::RetryAdvice;
use crate::model::{Cause, Dialect, PolicyId, Refusal, RequestId};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use std::time::Duration;

/// Longest wait that is advised: SDKs give up, or block their program, above it.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// An answer that the gateway itself makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// HTTP status.
    pub status: u16,
    /// Headers, `content-type` among them; not the length.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Bytes,
}

/// Renders a refusal. `policy` is the policy that decided, where one did.
pub fn refusal(dialect: Dialect, refusal: &Refusal, request_id: &RequestId, policy: Option<&PolicyId>) -> Rendered {
    let body = error_body(dialect, refusal, Some(request_id), policy);
    let cause = refusal.outcome.cause;
    let mut headers = vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    if let Ok(id) = HeaderValue::from_str(request_id.as_str()) {
        if dialect == Dialect::Anthropic {
            headers.push((HeaderName::from_static("request-id"), id.clone()));
        }
        headers.push((HeaderName::from_static("x-request-id"), id));
    }
    match refusal.retry {
        RetryAdvice::Never => {
            headers.push((HeaderName::from_static("x-should-retry"), HeaderValue::from_static("false")));
        }
        RetryAdvice::After(wait) => {
            let wait = wait.min(MAX_WAIT);
            let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            headers.push((RETRY_AFTER, HeaderValue::from(millis.div_ceil(1000))));
            headers.push((HeaderName::from_static("retry-after-ms"), HeaderValue::from(millis)));
        }
        RetryAdvice::Unsaid => {}
    }
    if cause == Cause::Unauthenticated {
        headers.push((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
    }
    Rendered { status: cause.status(), headers, body: Bytes::from(body.to_string()) }
}

/// Guesses the dialect of a caller where no route is known: by Anthropic's paths and header.
pub fn guess_dialect(path: &str, headers: &HeaderMap) -> Dialect {
    let is_messages = path.ends_with("/v1/messages") || path.contains("/v1/messages/");
    if is_messages || headers.contains_key("anthropic-version") { Dialect::Anthropic } else { Dialect::OpenAi }
}

/// The error object of a dialect.
pub(super) fn error_body(
    dialect: Dialect,
    refusal: &Refusal,
    request_id: Option<&RequestId>,
    policy: Option<&PolicyId>,
) -> Value {
    let cause = refusal.outcome.cause;
    let rules: Vec<&str> = refusal.rules.iter().map(|rule| rule.as_str()).collect();
    let gateway = json!({
        "request_id": request_id.map(RequestId::as_str),
        "policy": policy.map(PolicyId::as_str),
        "rules": rules,
        "cause": cause.name(),
    });
    match dialect {
        Dialect::OpenAi | Dialect::Json => json!({
            "error": {
                "message": cause.message(),
                "type": openai_type(cause),
                "param": refusal.param,
                "code": cause.code(),
                "gateway": gateway,
            }
        }),
        Dialect::Anthropic => json!({
            "type": "error",
            "error": { "type": anthropic_type(cause.status()), "message": cause.message(), "gateway": gateway },
            "request_id": request_id.map(RequestId::as_str),
        }),
    }
}

fn openai_type(cause: Cause) -> &'static str {
    match cause.status() {
        429 if cause == Cause::BudgetSpent => "insufficient_quota",
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}

fn anthropic_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        504 => "timeout_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{RuleId, Stage};

    fn header<'a>(rendered: &'a Rendered, name: &str) -> Option<&'a str> {
        rendered.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.to_str().unwrap())
    }

    fn body(rendered: &Rendered) -> Value {
        serde_json::from_slice(&rendered.body).unwrap()
    }

    fn id() -> RequestId {
        RequestId::from_parts(1, [7; 10])
    }

    #[test]
    fn a_block_reads_as_openai_writes_errors_and_is_not_retried() {
        let mut blocked = Refusal::new(Stage::Policy, Cause::Blocked).param("/messages").detail("not for clients");
        blocked.rules = vec![RuleId::new("injection.override")];
        let rendered = refusal(Dialect::OpenAi, &blocked, &id(), Some(&PolicyId::new("strict")));
        assert_eq!(rendered.status, 400);
        assert_eq!(header(&rendered, "x-should-retry"), Some("false"));
        assert_eq!(header(&rendered, "x-request-id"), Some(id().as_str()));
        assert_eq!(header(&rendered, "request-id"), None);
        assert_eq!(
            body(&rendered),
            json!({"error": {
                "message": Cause::Blocked.message(), "type": "invalid_request_error", "param": "/messages",
                "code": "content_policy_violation",
                "gateway": {
                    "request_id": id().as_str(), "policy": "strict", "rules": ["injection.override"], "cause": "blocked",
                },
            }})
        );
    }

    #[test]
    fn anthropic_gets_its_own_types_and_its_request_id() {
        for (cause, kind) in [
            (Cause::Blocked, "invalid_request_error"),
            (Cause::Unauthenticated, "authentication_error"),
            (Cause::Forbidden, "permission_error"),
            (Cause::UnknownEndpoint, "not_found_error"),
            (Cause::BodyTooLarge, "request_too_large"),
            (Cause::RateLimited, "rate_limit_error"),
            (Cause::Overloaded, "overloaded_error"),
            (Cause::UpstreamTimeout, "timeout_error"),
            (Cause::Internal, "api_error"),
        ] {
            let rendered = refusal(Dialect::Anthropic, &Refusal::new(Stage::Admit, cause), &id(), None);
            assert_eq!(body(&rendered)["type"], "error");
            assert_eq!(body(&rendered)["error"]["type"], kind);
            assert_eq!(body(&rendered)["request_id"], id().as_str());
            assert_eq!(body(&rendered)["error"]["gateway"]["cause"], cause.name());
            assert_eq!(header(&rendered, "request-id"), Some(id().as_str()));
        }
    }

    #[test]
    fn waits_are_told_in_both_units_and_never_above_a_minute() {
        let limited = |wait| {
            let refused = Refusal::new(Stage::Admit, Cause::RateLimited).retry_after(wait);
            refusal(Dialect::OpenAi, &refused, &id(), None)
        };
        let short = limited(Duration::from_millis(1200));
        assert_eq!(header(&short, "retry-after"), Some("2"));
        assert_eq!(header(&short, "retry-after-ms"), Some("1200"));
        assert_eq!(header(&short, "x-should-retry"), None);
        assert_eq!(header(&limited(Duration::from_secs(4000)), "retry-after"), Some("60"));
        assert_eq!(header(&limited(Duration::from_secs(4000)), "retry-after-ms"), Some("60000"));
    }

    #[test]
    fn a_spent_budget_is_not_retried_although_it_is_429() {
        let rendered = refusal(Dialect::OpenAi, &Refusal::new(Stage::Admit, Cause::BudgetSpent), &id(), None);
        assert_eq!(rendered.status, 429);
        assert_eq!(header(&rendered, "x-should-retry"), Some("false"));
        assert_eq!(header(&rendered, "retry-after"), None);
        assert_eq!(body(&rendered)["error"]["type"], "insufficient_quota");
    }

    #[test]
    fn the_dialect_is_guessed_by_path_and_header() {
        let mut headers = HeaderMap::new();
        assert_eq!(guess_dialect("/v1/messages", &headers), Dialect::Anthropic);
        assert_eq!(guess_dialect("/v1/messages/count_tokens", &headers), Dialect::Anthropic);
        assert_eq!(guess_dialect("/v1/chat/completions", &headers), Dialect::OpenAi);
        headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
        assert_eq!(guess_dialect("/v1/models", &headers), Dialect::Anthropic);
    }
}
