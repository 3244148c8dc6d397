//! How an exchange ended: cause × stage. This is the only place that turns a cause into a status, a stable code, a
//! message for the client and an advice about retrying. Messages are fixed texts: no content, no topology.

use super::ids::RuleId;
use std::time::Duration;

/// The part of the path that ended the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Sockets, TLS, HTTP framing, body size.
    Accept,
    /// Principal, route, rates, budgets.
    Admit,
    /// Parsing a request or an answer.
    Decode,
    /// Running the guards.
    Inspect,
    /// The policy's verdict.
    Policy,
    /// Splicing edits.
    Redact,
    /// Talking to an upstream.
    Upstream,
    /// Sending the answer downstream.
    Deliver,
}

impl Stage {
    /// The name used in records and metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Admit => "admit",
            Self::Decode => "decode",
            Self::Inspect => "inspect",
            Self::Policy => "policy",
            Self::Redact => "redact",
            Self::Upstream => "upstream",
            Self::Deliver => "deliver",
        }
    }
}

/// Why an exchange ended the way it did. A closed set: it is a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// It was answered by the upstream and delivered whole.
    Answered,
    /// The upstream itself refused the request (4xx passed on, mapped).
    UpstreamRefused,
    /// The request line, a header or the framing is malformed or ambiguous.
    MalformedRequest,
    /// The head did not arrive in time.
    HeadTimeout,
    /// The request body did not arrive in time.
    BodyTimeout,
    /// The body is larger than the route accepts.
    BodyTooLarge,
    /// The content type or content encoding is not accepted.
    UnsupportedContent,
    /// The body is not the JSON that the endpoint takes.
    MalformedBody,
    /// The body does not fit the route's JSON Schema.
    SchemaMismatch,
    /// The request names content that the gateway cannot see (stored at the provider).
    UnsupportedParameter,
    /// No route or endpoint has this path.
    UnknownEndpoint,
    /// The path exists, the method does not fit.
    MethodNotAllowed,
    /// No key, or a key that is not known.
    Unauthenticated,
    /// The client may not use this route.
    Forbidden,
    /// No upstream of the route serves the model.
    UnknownModel,
    /// The client's or address's rate is spent, or a cool-down is on.
    RateLimited,
    /// The client's concurrency is spent.
    TooManyConcurrent,
    /// The client's money or token budget is spent.
    BudgetSpent,
    /// The gateway is at its own limits.
    Overloaded,
    /// A policy rule says block.
    Blocked,
    /// A policy rule blocks the model's answer.
    AnswerBlocked,
    /// A guard did not finish on these bytes (time or work budget).
    InspectionIncomplete,
    /// A guard that is configured cannot run, for a cause outside the request.
    GuardUnavailable,
    /// No upstream could be used: all breakers open or none configured.
    NoUpstream,
    /// Connecting to the upstream, or TLS with it, failed.
    UpstreamUnreachable,
    /// The upstream did not answer in time.
    UpstreamTimeout,
    /// The upstream's answer is not what its API promises.
    UpstreamInvalid,
    /// The upstream answered 5xx.
    UpstreamFailed,
    /// The upstream is rate limiting.
    UpstreamRateLimited,
    /// The upstream's stream ended before its end marker.
    UpstreamTruncated,
    /// The client left before the end.
    ClientLeft,
    /// The gateway is shutting down.
    Draining,
    /// The record could not be written and the operator asked for `always`.
    RecordUnavailable,
    /// A defect of the gateway (a caught panic).
    Internal,
}

/// What a client may do about a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAdvice {
    /// The same bytes will get the same answer: `x-should-retry: false`.
    Never,
    /// After this long: `retry-after` (whole seconds, rounded up, at most 60) and `retry-after-ms`.
    After(Duration),
    /// The SDK's own habit.
    Unsaid,
}

impl Cause {
    /// All causes, for metrics and tests.
    pub const ALL: [Self; 34] = [
        Self::Answered,
        Self::UpstreamRefused,
        Self::MalformedRequest,
        Self::HeadTimeout,
        Self::BodyTimeout,
        Self::BodyTooLarge,
        Self::UnsupportedContent,
        Self::MalformedBody,
        Self::SchemaMismatch,
        Self::UnsupportedParameter,
        Self::UnknownEndpoint,
        Self::MethodNotAllowed,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::UnknownModel,
        Self::RateLimited,
        Self::TooManyConcurrent,
        Self::BudgetSpent,
        Self::Overloaded,
        Self::Blocked,
        Self::AnswerBlocked,
        Self::InspectionIncomplete,
        Self::GuardUnavailable,
        Self::NoUpstream,
        Self::UpstreamUnreachable,
        Self::UpstreamTimeout,
        Self::UpstreamInvalid,
        Self::UpstreamFailed,
        Self::UpstreamRateLimited,
        Self::UpstreamTruncated,
        Self::ClientLeft,
        Self::Draining,
        Self::RecordUnavailable,
        Self::Internal,
    ];

    /// The stable name: `error.gateway.cause`, records, metric labels.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The status of the answer that the gateway makes for this cause.
    pub fn status(self) -> u16 {
        self.facts().status
    }

    /// The machine-readable `code` of OpenAI's error shape.
    pub fn code(self) -> &'static str {
        self.facts().code
    }

    /// The fixed text that a client reads.
    pub fn message(self) -> &'static str {
        self.facts().message
    }

    /// Whether an exchange that ended so is always recorded, whatever sampling says.
    pub fn is_refusal(self) -> bool {
        !matches!(self, Self::Answered | Self::UpstreamRefused | Self::ClientLeft)
    }

    fn facts(self) -> Facts {
        let row = |name, status, code, message| Facts { name, status, code, message };
        match self {
            Self::Answered => row("answered", 200, "ok", "Answered."),
            Self::UpstreamRefused => {
                row("upstream_refused", 400, "upstream_refused", "The provider refused the request.")
            }
            Self::MalformedRequest => {
                row("malformed_request", 400, "malformed_request", "The HTTP request is malformed or ambiguous.")
            }
            Self::HeadTimeout => {
                row("head_timeout", 408, "request_timeout", "The request head did not arrive in time.")
            }
            Self::BodyTimeout => {
                row("body_timeout", 408, "request_timeout", "The request body did not arrive in time.")
            }
            Self::BodyTooLarge => {
                row("body_too_large", 413, "request_too_large", "The request body is larger than this route accepts.")
            }
            Self::UnsupportedContent => row(
                "unsupported_content",
                415,
                "unsupported_content",
                "This endpoint takes application/json in UTF-8 without a content encoding.",
            ),
            Self::MalformedBody => row(
                "malformed_body",
                400,
                "malformed_body",
                "The request body is not the JSON that this endpoint takes.",
            ),
            Self::SchemaMismatch => row(
                "schema_mismatch",
                400,
                "schema_mismatch",
                "The request body does not fit the schema of this endpoint.",
            ),
            Self::UnsupportedParameter => row(
                "unsupported_parameter",
                400,
                "unsupported_parameter",
                "This gateway cannot inspect content that is stored at the provider: send the content with the request.",
            ),
            Self::UnknownEndpoint => row("unknown_endpoint", 404, "unknown_endpoint", "No such endpoint."),
            Self::MethodNotAllowed => {
                row("method_not_allowed", 405, "method_not_allowed", "This endpoint does not take this method.")
            }
            Self::Unauthenticated => {
                row("unauthenticated", 401, "invalid_api_key", "The API key is missing or not known.")
            }
            Self::Forbidden => row("forbidden", 403, "forbidden", "This client may not use this endpoint."),
            Self::UnknownModel => row("unknown_model", 404, "model_not_found", "No such model."),
            Self::RateLimited => row("rate_limited", 429, "rate_limit_exceeded", "The rate limit is reached."),
            Self::TooManyConcurrent => {
                row("too_many_concurrent", 429, "rate_limit_exceeded", "Too many requests at once.")
            }
            Self::BudgetSpent => row("budget_spent", 429, "insufficient_quota", "The budget is spent."),
            Self::Overloaded => {
                row("overloaded", 503, "overloaded", "The gateway is at its limits. Try again shortly.")
            }
            Self::Blocked => {
                row("blocked", 400, "content_policy_violation", "The request was blocked by a content policy.")
            }
            Self::AnswerBlocked => {
                row("answer_blocked", 200, "content_policy_violation", "The answer was withheld by a content policy.")
            }
            Self::InspectionIncomplete => row(
                "inspection_incomplete",
                400,
                "inspection_incomplete",
                "The request could not be inspected within its limits.",
            ),
            Self::GuardUnavailable => row(
                "guard_unavailable",
                503,
                "guard_unavailable",
                "A required check is not available. Try again shortly.",
            ),
            Self::NoUpstream => {
                row("no_upstream", 503, "no_upstream", "No provider is available for this request. Try again shortly.")
            }
            Self::UpstreamUnreachable => {
                row("upstream_unreachable", 502, "upstream_unreachable", "The provider could not be reached.")
            }
            Self::UpstreamTimeout => {
                row("upstream_timeout", 504, "upstream_timeout", "The provider did not answer in time.")
            }
            Self::UpstreamInvalid => {
                row("upstream_invalid", 502, "upstream_invalid", "The provider's answer is not valid.")
            }
            Self::UpstreamFailed => row("upstream_failed", 502, "upstream_failed", "The provider failed to answer."),
            Self::UpstreamRateLimited => {
                row("upstream_rate_limited", 429, "rate_limit_exceeded", "The provider's rate limit is reached.")
            }
            Self::UpstreamTruncated => {
                row("upstream_truncated", 502, "upstream_truncated", "The provider's answer ended too early.")
            }
            Self::ClientLeft => row("client_left", 499, "client_left", "The client left."),
            Self::Draining => row("draining", 503, "draining", "The gateway is shutting down. Try again shortly."),
            Self::RecordUnavailable => row(
                "record_unavailable",
                503,
                "record_unavailable",
                "The gateway cannot keep its record. Try again shortly.",
            ),
            Self::Internal => row("internal", 500, "internal_error", "The gateway failed to handle the request."),
        }
    }
}

/// What is said of one cause, in one row.
struct Facts {
    name: &'static str,
    status: u16,
    code: &'static str,
    message: &'static str,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Why.
    pub cause: Cause,
    /// Where.
    pub stage: Stage,
}

/// A request that goes no further: what the stages return as their error. `pipeline` alone renders it in a dialect.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Why and where.
    pub outcome: Outcome,
    /// What the client may do about it.
    pub retry: RetryAdvice,
    /// The policy rules that decided, strictest first; empty unless a policy blocked.
    pub rules: Vec<RuleId>,
    /// The field of the request the refusal is about, as a JSON pointer made of the dialect's own names
    /// (never of names that the client chose); OpenAI's `param`.
    pub param: Option<&'static str>,
    /// Detail for the log and the record: facts of ours only, never content.
    pub detail: Option<String>,
}

impl Refusal {
    /// A refusal with the retry advice that its cause calls for.
    pub fn new(stage: Stage, cause: Cause) -> Self {
        let retry = match cause {
            Cause::RateLimited | Cause::TooManyConcurrent | Cause::UpstreamRateLimited => {
                RetryAdvice::After(Duration::from_secs(1))
            }
            Cause::Overloaded
            | Cause::GuardUnavailable
            | Cause::NoUpstream
            | Cause::Draining
            | Cause::RecordUnavailable => RetryAdvice::After(Duration::from_secs(1)),
            Cause::HeadTimeout
            | Cause::BodyTimeout
            | Cause::UpstreamUnreachable
            | Cause::UpstreamTimeout
            | Cause::UpstreamInvalid
            | Cause::UpstreamFailed
            | Cause::UpstreamTruncated
            | Cause::Internal => RetryAdvice::Unsaid,
            Cause::Answered
            | Cause::UpstreamRefused
            | Cause::MalformedRequest
            | Cause::BodyTooLarge
            | Cause::UnsupportedContent
            | Cause::MalformedBody
            | Cause::SchemaMismatch
            | Cause::UnsupportedParameter
            | Cause::UnknownEndpoint
            | Cause::MethodNotAllowed
            | Cause::Unauthenticated
            | Cause::Forbidden
            | Cause::UnknownModel
            | Cause::BudgetSpent
            | Cause::Blocked
            | Cause::AnswerBlocked
            | Cause::InspectionIncomplete
            | Cause::ClientLeft => RetryAdvice::Never,
        };
        Self { outcome: Outcome { cause, stage }, retry, rules: Vec::new(), param: None, detail: None }
    }

    /// Says when to try again.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry = RetryAdvice::After(wait);
        self
    }

    /// Adds a detail for the log.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Names the field it is about.
    pub fn param(mut self, param: &'static str) -> Self {
        self.param = Some(param);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_cause_has_a_name_of_its_own() {
        let names: HashSet<_> = Cause::ALL.iter().map(|cause| cause.name()).collect();
        assert_eq!(names.len(), Cause::ALL.len());
    }

    /// WIRE.md: SDKs retry 408, 409, 429 and 5xx by themselves; a block must not be among them.
    #[test]
    fn block_is_never_a_status_that_sdks_retry() {
        for cause in [Cause::Blocked, Cause::InspectionIncomplete] {
            assert!(matches!(cause.status(), 400 | 403));
            assert_eq!(Refusal::new(Stage::Policy, cause).retry, RetryAdvice::Never);
        }
    }
}
