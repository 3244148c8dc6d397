//! One try at one upstream.

use crate::model::UpstreamId;
use serde::{Serialize, Serializer};
use std::time::Duration;

/// One try at one upstream, in the order made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// Which upstream.
    pub upstream: UpstreamId,
    /// The status of its answer, if a head came.
    pub status: Option<u16>,
    /// What made it a failure; `None` for a success.
    pub failure: Option<AttemptFailure>,
    /// When it began, counted from the start of the exchange.
    #[serde(rename = "started_ms", serialize_with = "super::record::milliseconds")]
    pub started_after: Duration,
    /// Until its answer's head, or until it failed.
    #[serde(rename = "elapsed_ms", serialize_with = "super::record::milliseconds")]
    pub elapsed: Duration,
}

/// Why an attempt failed. A closed set: it is a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttemptFailure {
    /// The breaker was open; nothing was sent.
    BreakerOpen,
    /// Name, TCP or time to connect.
    Connect,
    /// TLS.
    Tls,
    /// No head in time.
    FirstByteTimeout,
    /// The connection broke, or what came was not HTTP.
    Broken,
    /// A 5xx answer.
    ServerError,
    /// A 429 answer.
    RateLimited,
    /// A 4xx answer other than 429: the request's fault, which never counts against the upstream.
    Refused,
    /// A 200 answer with an error inside, or one that its API does not promise.
    Invalid,
    /// The stream paused for too long.
    Stalled,
    /// The stream ended before its end marker.
    Truncated,
    /// The client left; the attempt was dropped.
    Abandoned,
}

impl AttemptFailure {
    /// The name used in records and metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::BreakerOpen => "breaker_open",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::FirstByteTimeout => "first_byte_timeout",
            Self::Broken => "broken",
            Self::ServerError => "server_error",
            Self::RateLimited => "rate_limited",
            Self::Refused => "refused",
            Self::Invalid => "invalid",
            Self::Stalled => "stalled",
            Self::Truncated => "truncated",
            Self::Abandoned => "abandoned",
        }
    }
}

impl Serialize for AttemptFailure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
