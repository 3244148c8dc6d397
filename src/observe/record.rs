//! What is known of one exchange. The pipeline fills it; metrics, the record line and the trace are made of it.
//!
//! It must never hold text of a prompt or an answer. What it holds from outside is bounded ([`Excerpt`], [`Listed`]) and is
//! escaped when written.

use super::attempt::Attempt;
use super::excerpt::{Excerpt, Listed};
use super::json;
use super::side::Side;
use super::trace_context::TraceContext;
use crate::model::{ClientId, Dialect, Endpoint, Mode, ModelName, Outcome, PolicyId, RequestId, RouteId, UpstreamId};
use serde::{Serialize, Serializer};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// One exchange, however it ended. `None` means "not known", mostly because the exchange ended before; what is not known and
/// lists without an entry are left out of the line.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// The gateway's id of the exchange.
    pub id: RequestId,
    /// When its head was read; written as RFC 3339 in UTC with milliseconds.
    #[serde(serialize_with = "rfc3339")]
    pub started: SystemTime,
    /// Whether the exchange was dropped without being finished: a defect of the gateway.
    #[serde(skip_serializing_if = "is_false")]
    pub net: bool,
    /// The address of ours that it came in on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listener: Option<SocketAddr>,
    /// The client's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<SocketAddr>,
    /// The client's `user-agent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<Excerpt<256>>,
    /// The method as sent (any token is legal HTTP).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<Excerpt<16>>,
    /// The path as given, only for requests that no endpoint took; set through [`Record::refuse_path`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_path: Option<Excerpt<256>>,
    /// Who called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
    /// The route matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<RouteId>,
    /// The endpoint matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
    /// The wire format that errors were written in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Dialect>,
    /// The model asked for, as written by the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Excerpt<128>>,
    /// The entry of the configuration that lists that model: the only form that becomes a metric label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listed_model: Option<ModelName>,
    /// Whether a streamed answer was asked for.
    pub stream: bool,
    /// `x-stainless-retry-count`: how often the client's SDK had tried before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sdk_retries: Option<u32>,
    /// Every try at an upstream, in order.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub attempts: Listed<Attempt, 16>,
    /// The upstream whose answer was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<UpstreamId>,
    /// What that upstream speaks (`openai`, `anthropic`, `agent`, `demo`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<&'static str>,
    /// Whether the built-in demo upstream answered.
    pub demo: bool,
    /// The upstream's own id of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_id: Option<Excerpt<128>>,
    /// The model that answered, as the upstream says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer_model: Option<Excerpt<128>>,
    /// Why the model stopped, from the dialect's closed set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<&'static str>,
    /// How the exchange ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// A fact of ours about that end; never content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<Excerpt<512>>,
    /// The status sent downstream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The policy that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyId>,
    /// Whether it acted or only watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// What was seen of the request, and decided.
    pub request: Side,
    /// What was seen of the answer, and decided.
    pub answer: Side,
    /// Sizes of the bodies.
    pub bytes: BodySizes,
    /// Tokens, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Tokens>,
    /// Tool calls in the answer.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub tool_calls: Listed<ToolUse, 32>,
    /// Times.
    pub timings: Timings,
    /// The configuration that was in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotMark>,
    /// The trace it belongs to; written as the trace's id.
    #[serde(rename = "trace_id", skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
    /// How the stream ended; `None` for answers that are not streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_end: Option<StreamEnd>,
}

/// Sizes of the bodies, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BodySizes {
    /// From the client.
    pub received: u64,
    /// To the upstream; all attempts together.
    pub forwarded: u64,
    /// From the upstream.
    pub answered: u64,
    /// To the client.
    pub delivered: u64,
}

/// Tokens of the exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tokens {
    /// Of the prompt.
    pub input: u64,
    /// Of the answer.
    pub output: u64,
    /// Whether they are the gateway's own estimate.
    pub estimated: bool,
}

/// A tool call in an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ToolUse {
    /// The tool's name.
    pub name: Excerpt<64>,
    /// Its arguments, which the caller has redacted for logs; `None` where they are not to be kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Excerpt<512>>,
}

/// Times since the start of the exchange, except `inspect`, which is a sum. Written in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Timings {
    /// Until it was admitted.
    #[serde(rename = "admit_ms", serialize_with = "some_milliseconds", skip_serializing_if = "Option::is_none")]
    pub admit: Option<Duration>,
    /// Spent in inspection, both directions.
    #[serde(rename = "inspect_ms", serialize_with = "some_milliseconds", skip_serializing_if = "Option::is_none")]
    pub inspect: Option<Duration>,
    /// Until the upstream's first byte.
    #[serde(rename = "first_byte_ms", serialize_with = "some_milliseconds", skip_serializing_if = "Option::is_none")]
    pub first_byte: Option<Duration>,
    /// Until the first byte of the answer's body was given to the client's connection.
    #[serde(
        rename = "first_delivered_ms",
        serialize_with = "some_milliseconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub first_delivered: Option<Duration>,
    /// Until the end.
    #[serde(rename = "total_ms", serialize_with = "some_milliseconds", skip_serializing_if = "Option::is_none")]
    pub total: Option<Duration>,
}

/// Which configuration was in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SnapshotMark {
    /// Its number since the process started, from 1.
    pub number: u64,
    /// The beginning of its hash, in hexadecimal.
    #[serde(serialize_with = "shared_text")]
    pub hash: Arc<str>,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamEnd {
    /// With the upstream's own end marker.
    Complete,
    /// By a verdict; the client got the dialect's terminal frame.
    Cut,
    /// The upstream closed before its end marker.
    Truncated,
    /// The upstream sent an error event.
    UpstreamError,
    /// The upstream paused for too long, or the exchange took too long.
    TimedOut,
    /// The client left.
    ClientLeft,
    /// The gateway was shutting down.
    Drained,
}

impl StreamEnd {
    /// The name used in records and metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Cut => "cut",
            Self::Truncated => "truncated",
            Self::UpstreamError => "upstream_error",
            Self::TimedOut => "timed_out",
            Self::ClientLeft => "client_left",
            Self::Drained => "drained",
        }
    }
}

impl Serialize for StreamEnd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Record {
    /// A record of an exchange of which only this is known yet.
    pub fn new(id: RequestId, started: SystemTime) -> Self {
        Self {
            id,
            started,
            net: false,
            listener: None,
            peer: None,
            user_agent: None,
            method: None,
            refused_path: None,
            client: None,
            route: None,
            endpoint: None,
            dialect: None,
            model: None,
            listed_model: None,
            stream: false,
            sdk_retries: None,
            attempts: Listed::default(),
            upstream: None,
            provider: None,
            demo: false,
            upstream_id: None,
            answer_model: None,
            finish_reason: None,
            outcome: None,
            detail: None,
            status: None,
            policy: None,
            mode: None,
            request: Side::default(),
            answer: Side::default(),
            bytes: BodySizes::default(),
            tokens: None,
            tool_calls: Listed::default(),
            timings: Timings::default(),
            snapshot: None,
            trace: None,
            stream_end: None,
        }
    }

    /// Keeps the path of a request that no endpoint took, without its query (which may hold a key).
    pub fn refuse_path(&mut self, path: &str) {
        let end = path.find(['?', '#']).unwrap_or(path.len());
        self.refused_path = Some(Excerpt::of(path.get(..end).unwrap_or("")));
    }

    /// The record as one line of JSON, without a line break. All hidden characters are escaped; the length is bounded by
    /// the bounds of the fields.
    pub fn to_json_line(&self) -> String {
        // The types above cannot fail to serialise; if one ever does, the exchange still leaves a line.
        json::to_line(self).unwrap_or_else(|_| format!(r#"{{"id":"{}","net":true}}"#, self.id))
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

fn rfc3339<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut text = *b"0000-00-00T00:00:00.000Z";
    write_rfc3339(&mut text, since.as_secs(), since.subsec_millis());
    serializer.serialize_str(std::str::from_utf8(&text).unwrap_or_default())
}

/// Fills in a moment in UTC. The civil date is found by counting days in eras of 400 years, which begin on 1 March.
fn write_rfc3339(text: &mut [u8; 24], seconds: u64, milliseconds: u32) {
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468; // days from 0000-03-01 to 1970-01-01
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    let fields = [
        (0..4, year),
        (5..7, month),
        (8..10, day),
        (11..13, hour),
        (14..16, minute),
        (17..19, second),
        (20..23, u64::from(milliseconds)),
    ];
    for (place, mut value) in fields {
        for digit in text.get_mut(place).unwrap_or_default().iter_mut().rev() {
            *digit = b'0' + u8::try_from(value % 10).unwrap_or(0);
            value /= 10;
        }
    }
}

pub(super) fn milliseconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((time.as_secs_f64() * 1e6).round() / 1e3)
}

#[allow(clippy::ref_option, reason = "serde passes references")]
fn some_milliseconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => milliseconds(time, serializer),
        None => serializer.serialize_none(),
    }
}

fn shared_text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

#[cfg(test)]
mod tests;
