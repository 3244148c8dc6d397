//! One try at one upstream.

use crate::model::UpstreamId;
use serde::Serialize;
use std::time::Duration;

/// One try at one upstream, in the order made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// Which upstream.
    pub upstream: UpstreamId,
    /// The status of its answer, if a head came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What made it a failure, a name of the upstream stage's closed set (it is a metric label); `None` for a success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<&'static str>,
    /// When it began, counted from the start of the exchange.
    #[serde(rename = "started_ms", serialize_with = "super::record::milliseconds")]
    pub started_after: Duration,
    /// Until its answer's head, or until it failed.
    #[serde(rename = "elapsed_ms", serialize_with = "super::record::milliseconds")]
    pub elapsed: Duration,
}
