//! What holds where the YAML says nothing. One place, so that documentation and behaviour cannot part.

use super::settings::{Limits, Retries, Shutdown, Timeouts};
use crate::model::settings::{AddressLimits, BreakerSettings, OnRecordFull, RecordSettings};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Idle connections kept per upstream.
pub(super) const POOL: usize = 64;

/// Longest string of a tool call's arguments, in characters.
pub(super) const MAX_CHARS_PER_FIELD: usize = 10_000;

/// Least score of a policy's rule that names none.
pub(super) const MIN_SCORE: f32 = 0.5;

pub(super) fn health() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 9091))
}

pub(super) fn admin() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 9090))
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_body_bytes: 32 << 20,
            response_body_bytes: 32 << 20,
            event_bytes: 1 << 20,
            head_bytes: 64 << 10,
            json_depth: 64,
            json_nodes: 500_000,
            connections: 10_000,
            exchanges: 4_096,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(60),
            keep_alive_idle: Duration::from_secs(75),
            inspection_time: Duration::from_secs(2),
        }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { delay: Duration::from_secs(1), drain: Duration::from_secs(30) }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            first_byte: Duration::from_secs(60),
            stream_idle: Duration::from_secs(30),
            total: Duration::from_secs(600),
        }
    }
}

impl Default for Retries {
    fn default() -> Self {
        Self { attempts: 2, base: Duration::from_millis(200), max: Duration::from_secs(5) }
    }
}

pub(super) fn breaker() -> BreakerSettings {
    BreakerSettings { consecutive_failures: 5, open_for: Duration::from_secs(30), half_open_probes: 1 }
}

pub(super) fn addresses() -> AddressLimits {
    AddressLimits {
        requests_per_second: None,
        refusals: Some(50),
        window: Duration::from_secs(60),
        cool_down: Duration::from_secs(30),
    }
}

pub(super) fn record() -> RecordSettings {
    RecordSettings { stdout: true, file: None, queue: 4_096, when_full: OnRecordFull::Refuse }
}
