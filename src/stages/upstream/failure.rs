//! What can go wrong with an upstream, each with a fixed name: it stands in attempts, records and metric labels.

use crate::model::{Cause, Refusal, Stage};

/// Why one try at an upstream brought no answer that may be passed on. A closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The name could not be resolved.
    Resolve,
    /// No address accepted the connection.
    Connect,
    /// Connecting, TLS included, took too long.
    ConnectTimeout,
    /// TLS failed: the certificate is not valid for the host, or the peer speaks none.
    Tls,
    /// The connection broke before the request was begun to be written.
    Unsent,
    /// The connection broke after the request was written and before a byte of the answer came.
    Reset,
    /// The answer is not HTTP, or not the HTTP that was asked for.
    Protocol,
    /// The answer's head did not come in time.
    FirstByteTimeout,
    /// The exchange's total time is over.
    TotalTimeout,
    /// The answer is a redirect; they are never followed.
    Redirect,
    /// The answer is encoded although identity was asked for.
    Encoded,
    /// A status that asks for another try: 500, 502, 503, 504, 529, and 520–524 of the CDN before most providers.
    ServerError,
    /// 408.
    RequestTimeout,
    /// Another 5xx (501, 505, …): about the request rather than the upstream's health, and no better the next time.
    OtherServerError,
    /// 429.
    RateLimited,
}

impl Failure {
    /// The name used in attempts, records and metric labels.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::ConnectTimeout => "connect_timeout",
            Self::Tls => "tls",
            Self::Unsent => "unsent",
            Self::Reset => "reset",
            Self::Protocol => "protocol",
            Self::FirstByteTimeout => "first_byte_timeout",
            Self::TotalTimeout => "total_timeout",
            Self::Redirect => "redirect",
            Self::Encoded => "encoded",
            Self::ServerError => "server_error",
            Self::RequestTimeout => "request_timeout",
            Self::OtherServerError => "other_server_error",
            Self::RateLimited => "rate_limited",
        }
    }

    /// Whether the same upstream may be tried again. A request whose fate is unknown (written, no answer) is sent again
    /// only where that costs nothing: a completion is paid for, a listing is not.
    pub(super) fn may_retry_here(self, idempotent: bool) -> bool {
        match self {
            Self::Resolve
            | Self::Connect
            | Self::ConnectTimeout
            | Self::Unsent
            | Self::ServerError
            | Self::RequestTimeout => true,
            Self::Reset | Self::FirstByteTimeout => idempotent,
            Self::Tls
            | Self::Protocol
            | Self::TotalTimeout
            | Self::Redirect
            | Self::Encoded
            | Self::OtherServerError
            | Self::RateLimited => false,
        }
    }

    /// Whether it counts against the upstream's breaker: what the client, a quota or our own clock brought about does not.
    pub(super) fn counts(self) -> bool {
        !matches!(self, Self::RateLimited | Self::RequestTimeout | Self::TotalTimeout | Self::OtherServerError)
    }

    /// What the client is told when nothing is left to try.
    pub(super) fn refusal(self) -> Refusal {
        let cause = match self {
            Self::Resolve | Self::Connect | Self::Tls | Self::Unsent | Self::Reset => Cause::UpstreamUnreachable,
            Self::ConnectTimeout | Self::FirstByteTimeout | Self::TotalTimeout | Self::RequestTimeout => {
                Cause::UpstreamTimeout
            }
            Self::Protocol | Self::Redirect | Self::Encoded => Cause::UpstreamInvalid,
            Self::ServerError | Self::OtherServerError => Cause::UpstreamFailed,
            Self::RateLimited => Cause::UpstreamRateLimited,
        };
        Refusal::new(Stage::Upstream, cause).detail(self.name())
    }
}

/// What the pipeline found wrong with an answer that looked whole to this stage; it counts against the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// 200 with an error inside.
    ErrorInside,
    /// The stream ended before its end marker.
    Truncated,
    /// The answer is not what its API promises.
    Invalid,
}

impl FailureKind {
    /// The name used in records and metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::ErrorInside => "error_inside",
            Self::Truncated => "truncated",
            Self::Invalid => "invalid",
        }
    }
}
