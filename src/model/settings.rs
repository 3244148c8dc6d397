//! Settings of `observe` and `state`, which may not see `config`. `config` fills them from the YAML.

use std::path::PathBuf;
use std::time::Duration;

/// Where records go and what happens when they cannot.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordSettings {
    /// Write each record as one JSON line on standard output. Default: true.
    pub stdout: bool,
    /// Write each record to a rotated file as well. Default: none.
    pub file: Option<RecordFile>,
    /// Records that may wait for the writer. A slot is reserved at admission. Default: 4096.
    pub queue: usize,
    /// What happens when no slot is free or the file cannot be written. Default: refuse.
    pub when_full: OnRecordFull,
}

/// A rotated record file.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordFile {
    /// Its path; rotated files get `.1`, `.2`, … (`.1` is the newest).
    pub path: PathBuf,
    /// Size at which it is rotated, in bytes. Default: 64 MiB.
    pub max_bytes: u64,
    /// Rotated files kept. Default: 8.
    pub keep: usize,
}

/// What happens to an exchange whose record cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnRecordFull {
    /// Refuse new exchanges with 503 `record_unavailable`.
    Refuse,
    /// Go on without the record; count it in a metric.
    Count,
}

/// OpenTelemetry export.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceSettings {
    /// The collector's OTLP/HTTP endpoint, e.g. `http://127.0.0.1:4318`; `/v1/traces` is appended.
    pub endpoint: String,
    /// `service.name`. Default: `portcullis`.
    pub service_name: String,
    /// Share of new traces that are sampled, 0.0 to 1.0. Default: 1.0. An incoming sampled flag is honoured.
    pub sample_ratio: f64,
}

/// A number of events in a period: `60/min`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    /// Events; at least 1.
    pub count: u32,
    /// Period; at least one second.
    pub per: Duration,
}

/// What one client may use. Empty or `None` means unlimited.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientLimits {
    /// Request rates; all of them hold.
    pub requests: Vec<Rate>,
    /// Token rate (prompt + completion).
    pub tokens: Option<Rate>,
    /// Requests under way at once.
    pub concurrency: Option<u32>,
}

/// Limits per peer address, against floods and key guessing.
#[derive(Clone, Debug, PartialEq)]
pub struct AddressLimits {
    /// Requests per second from one address; `None` is unlimited. Default: none (a sidecar has one address).
    pub requests_per_second: Option<u32>,
    /// Refusals (unauthenticated, malformed, blocked) from one address within `window` that start a cool-down.
    /// `None` switches it off. Default: 50.
    pub refusals: Option<u32>,
    /// Default: 60 s.
    pub window: Duration,
    /// How long the address is refused with 429. Default: 30 s.
    pub cool_down: Duration,
}

/// The breaker of one upstream.
#[derive(Clone, Debug, PartialEq)]
pub struct BreakerSettings {
    /// Failures in a row that open it. Default: 5.
    pub consecutive_failures: u32,
    /// How long it stays open before probes are let through; jittered by ± 20 %. Default: 30 s.
    pub open_for: Duration,
    /// Probes at once while half-open; that many successes close it. Default: 1.
    pub half_open_probes: u32,
}
