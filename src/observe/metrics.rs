//! The metrics, all made of the record in [`Metrics::observe`], so that they agree with it; beside them a few gauges of
//! the process itself.
//!
//! No label is ever taken from a request (see `labels`). Source: Prometheus naming practices (base units, `_total`);
//! OpenMetrics 1.0.

use super::breakers::{AskBreakers, Breakers};
use super::labels::{
    AttemptLabels, BlockedLabels, ClientLabels, DirectionLabels, FindingLabels, FlowLabels, GuardLabels, HashLabels,
    HowLabels, Named, RequestLabels, RouteLabels, SinkLabels, Status, TokenLabels, VersionLabels, endpoint_name,
    mode_name, outcome_names,
};
use super::record::Record;
use super::side::Side;
use crate::model::{Action, Category, Direction, UpstreamId};
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

pub use super::breakers::BreakerState;

/// The content type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// From 5 ms to 10 min: an answer of a model takes seconds, a refusal microseconds.
const EXCHANGE_SECONDS: [f64; 16] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0];

/// From 50 µs to the default limit of inspection, 2 s.
const INSPECTION_SECONDS: [f64; 12] =
    [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 2.0];

type Histograms = Family<RouteLabels, Histogram, fn() -> Histogram>;

/// How an attempt to load a configuration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadResult {
    /// The new configuration is in force.
    Loaded,
    /// The last good one stays.
    Refused,
}

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    client_requests: Family<ClientLabels, Counter>,
    blocked: Family<BlockedLabels, Counter>,
    findings: Family<FindingLabels, Counter>,
    duration: Histograms,
    first_byte: Histograms,
    inspection: Histograms,
    tokens: Family<TokenLabels, Counter>,
    attempts: Family<AttemptLabels, Counter>,
    guard_failures: Family<GuardLabels, Counter>,
    edits: Family<DirectionLabels, Counter>,
    streams: Family<HowLabels, Counter>,
    demo_answers: Counter,
    flows: Flows,
    scanned: Counter,
    cached: Counter,
    unaccounted: Counter,
    in_flight: Gauge,
    connections: Gauge,
    breakers: Breakers,
    pub(super) records: RecordCounters,
    pub(super) spans: SpanCounters,
    snapshot_hash: Family<HashLabels, Gauge>,
    snapshot_number: Gauge,
    reload_succeeded: Gauge,
    reload_succeeded_at: Gauge,
}

/// Bytes of bodies, by where they were seen.
#[derive(Debug)]
struct Flows {
    received: Counter,
    forwarded: Counter,
    answered: Counter,
    delivered: Counter,
}

/// What became of records.
#[derive(Debug)]
pub(super) struct RecordCounters {
    pub(super) written: Counter,
    pub(super) dropped: Counter,
    pub(super) refused: Counter,
    pub(super) unfinished: Counter,
    pub(super) stdout_errors: Counter,
    pub(super) file_errors: Counter,
    pub(super) failing: Gauge,
}

/// What became of spans.
#[derive(Clone, Debug)]
pub(super) struct SpanCounters {
    pub(super) exported: Counter,
    pub(super) dropped: Counter,
}

/// Counts one connection as open until it is dropped.
#[derive(Debug)]
pub struct ConnectionCount(Gauge);

impl Drop for ConnectionCount {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Registers everything; once a process.
    pub fn new() -> Self {
        let mut names = Names(Registry::with_prefix("portcullis"));
        let version = names.add("build_info", "The running version", Family::<VersionLabels, Gauge>::default());
        version.get_or_create(&VersionLabels { version: env!("CARGO_PKG_VERSION") }).set(1);
        let bytes = names.add("bytes", "Bytes of bodies, by where they were seen", Family::default());
        let flow = |flow| bytes.get_or_create_owned(&FlowLabels { flow });
        let inspected = names.add("inspected_bytes", "Bytes of text judged, by how", Family::default());
        let how = |how| inspected.get_or_create_owned(&HowLabels { how });
        let breakers = Breakers::default();
        Self {
            requests: names.add("requests", "Exchanges that ended, by how and where", Family::default()),
            client_requests: names.add("client_requests", "Exchanges that ended, by client", Family::default()),
            blocked: names.add(
                "blocked",
                "Exchanges that a rule blocked (or would have, in shadow)",
                Family::default(),
            ),
            findings: names.add("findings", "What detectors saw, by what the policy said", Family::default()),
            duration: names.add("request_duration_seconds", "Whole exchanges", exchange_histograms()),
            first_byte: names.add("first_byte_seconds", "Until the first byte was delivered", exchange_histograms()),
            inspection: names.add("inspection_seconds", "Spent in inspection by one exchange", inspection_histograms()),
            tokens: names.add("tokens", "Tokens of prompts and answers", Family::default()),
            attempts: names.add("attempts", "Tries at upstreams", Family::default()),
            guard_failures: names.add("guard_failures", "Guards that could not finish", Family::default()),
            edits: names.add("edits", "Edits made in bodies", Family::default()),
            streams: names.add("streams", "Streams that ended, by how", Family::default()),
            demo_answers: names.add("demo_answers", "Answers of the built-in demo upstream", Counter::default()),
            flows: Flows {
                received: flow("received"),
                forwarded: flow("forwarded"),
                answered: flow("answered"),
                delivered: flow("delivered"),
            },
            scanned: how("scanned"),
            cached: how("cached"),
            unaccounted: names.add(
                "unaccounted_bytes",
                "Bytes of bodies accounted never or twice: a defect",
                Counter::default(),
            ),
            in_flight: names.add("requests_in_flight", "Exchanges under way", Gauge::default()),
            connections: names.add("connections", "Open client connections", Gauge::default()),
            records: RecordCounters::new(&mut names),
            spans: SpanCounters::new(&mut names),
            snapshot_hash: names.add("config_snapshot_info", "The configuration in force", Family::default()),
            snapshot_number: names.add("config_snapshot_number", "Its number since the start", Gauge::default()),
            reload_succeeded: names.add(
                "config_last_reload_successful",
                "Whether the last load of the configuration succeeded",
                Gauge::default(),
            ),
            reload_succeeded_at: names.add(
                "config_last_reload_success_timestamp_seconds",
                "When a load last succeeded",
                Gauge::default(),
            ),
            registry: names.finish(&breakers),
            breakers,
        }
    }

    /// Counts one exchange that ended. Called once for each record.
    pub fn observe(&self, record: &Record) {
        let route = Named(record.route.clone());
        let (outcome, stage) = outcome_names(record.outcome);
        self.requests
            .get_or_create(&RequestLabels {
                route: route.clone(),
                endpoint: endpoint_name(record.endpoint),
                outcome,
                stage,
                status: Status::new(record.status),
            })
            .inc();
        self.client_requests.get_or_create(&ClientLabels { client: Named(record.client.clone()), outcome }).inc();
        self.observe_times(record, &RouteLabels { route });
        self.observe_upstreams(record);
        self.observe_tokens(record);
        self.observe_side(record, Direction::Request, &record.request);
        self.observe_side(record, Direction::Response, &record.answer);
        add(&self.flows.received, record.bytes.received);
        add(&self.flows.forwarded, record.bytes.forwarded);
        add(&self.flows.answered, record.bytes.answered);
        add(&self.flows.delivered, record.bytes.delivered);
    }

    fn observe_times(&self, record: &Record, labels: &RouteLabels) {
        let times = &record.timings;
        for (histograms, time) in [
            (&self.duration, times.total),
            (&self.first_byte, times.first_delivered),
            (&self.inspection, times.inspect),
        ] {
            if let Some(time) = time {
                histograms.get_or_create(labels).observe(time.as_secs_f64());
            }
        }
    }

    fn observe_upstreams(&self, record: &Record) {
        for attempt in record.attempts.as_slice() {
            let result = attempt.failure.unwrap_or("success");
            let upstream = Named(Some(attempt.upstream.clone()));
            self.attempts.get_or_create(&AttemptLabels { upstream, result }).inc();
        }
        if record.demo {
            self.demo_answers.inc();
        }
        if let Some(end) = record.stream_end {
            self.streams.get_or_create(&HowLabels { how: end.name() }).inc();
        }
    }

    fn observe_tokens(&self, record: &Record) {
        let Some(tokens) = record.tokens else { return };
        for (direction, count) in [(Direction::Request, tokens.input), (Direction::Response, tokens.output)] {
            if count > 0 {
                let labels = TokenLabels {
                    route: Named(record.route.clone()),
                    model: Named(record.listed_model.clone()),
                    direction: direction.name(),
                };
                self.tokens.get_or_create(&labels).inc_by(count);
            }
        }
    }

    fn observe_side(&self, record: &Record, direction: Direction, side: &Side) {
        let mut blocked = [false; Category::ALL.len()];
        for reason in side.reasons.as_slice() {
            let labels = FindingLabels::new(reason.category, direction, reason.action);
            self.findings.get_or_create(&labels).inc_by(u64::from(reason.count));
            let place = Category::ALL.iter().position(|category| *category == reason.category);
            if let (Action::Block, Some(flag)) = (reason.action, place.and_then(|place| blocked.get_mut(place))) {
                *flag = true;
            }
        }
        for (category, _) in Category::ALL.iter().zip(blocked).filter(|(_, blocked)| *blocked) {
            let mode = mode_name(record.mode);
            let labels = BlockedLabels { category: category.name(), direction: direction.name(), mode };
            self.blocked.get_or_create(&labels).inc();
        }
        for (guard, _) in side.guards.failed.as_slice() {
            self.guard_failures.get_or_create(&GuardLabels { guard, direction: direction.name() }).inc();
        }
        if side.edits > 0 {
            self.edits.get_or_create(&DirectionLabels { direction: direction.name() }).inc_by(u64::from(side.edits));
        }
        add(&self.scanned, side.guards.scanned_bytes);
        add(&self.cached, side.guards.cached_bytes);
        add(&self.unaccounted, side.coverage.map_or(0, |coverage| coverage.unaccounted()));
    }

    /// Counts a client's connection until the guard is dropped.
    pub fn connection(&self) -> ConnectionCount {
        self.connections.inc();
        ConnectionCount(self.connections.clone())
    }

    /// Exchanges under way; kept by the recorder's slots.
    pub(super) fn in_flight(&self) -> &Gauge {
        &self.in_flight
    }

    /// Says whom to ask for the breakers' states at each scrape. The first caller stays.
    pub fn ask_breakers(&self, ask: impl Fn() -> Vec<(UpstreamId, BreakerState)> + Send + Sync + 'static) {
        let ask: AskBreakers = Box::new(ask);
        let _ = self.breakers.0.set(ask);
    }

    /// Notes an attempt to load a configuration.
    pub fn reloaded(&self, result: ReloadResult, now: SystemTime) {
        self.reload_succeeded.set(i64::from(result == ReloadResult::Loaded));
        if result == ReloadResult::Loaded {
            let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            self.reload_succeeded_at.set(i64::try_from(seconds).unwrap_or(i64::MAX));
        }
    }

    /// Notes which configuration is in force.
    pub fn snapshot_in_force(&self, number: u64, hash: Arc<str>) {
        self.snapshot_number.set(i64::try_from(number).unwrap_or(i64::MAX));
        self.snapshot_hash.clear();
        self.snapshot_hash.get_or_create(&HashLabels { hash }).set(1);
    }

    /// Everything as OpenMetrics text (see [`CONTENT_TYPE`]).
    pub fn encode(&self) -> String {
        let mut page = String::with_capacity(16 * 1024);
        // Writing to a String cannot fail; if encoding ever does, a cut page without `# EOF` is refused by the scraper.
        let _ = text::encode(&mut page, &self.registry);
        page
    }
}

impl RecordCounters {
    fn new(names: &mut Names) -> Self {
        let errors = names.add("record_write_errors", "Failed writes of records", Family::default());
        let sink = |sink| errors.get_or_create_owned(&SinkLabels { sink });
        Self {
            written: names.add("records_written", "Records written", Counter::default()),
            dropped: names.add("records_dropped", "Records lost, where the operator allows it", Counter::default()),
            refused: names.add("records_refused", "Exchanges refused for want of a record", Counter::default()),
            unfinished: names.add("records_unfinished", "Exchanges nobody finished: a defect", Counter::default()),
            stdout_errors: sink("stdout"),
            file_errors: sink("file"),
            failing: names.add("record_failing", "Whether records cannot be written now", Gauge::default()),
        }
    }
}

impl SpanCounters {
    fn new(names: &mut Names) -> Self {
        Self {
            exported: names.add("trace_spans_exported", "Spans that the collector took", Counter::default()),
            dropped: names.add("trace_spans_dropped", "Spans lost on the way to the collector", Counter::default()),
        }
    }
}

/// Registers metrics and hands them back.
struct Names(Registry);

impl Names {
    fn add<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register(name, help, metric.clone());
        metric
    }

    fn finish(mut self, breakers: &Breakers) -> Registry {
        self.0.register_collector(Box::new(breakers.clone()));
        self.0
    }
}

fn exchange_histograms() -> Histograms {
    Family::new_with_constructor(|| Histogram::new(EXCHANGE_SECONDS))
}

fn inspection_histograms() -> Histograms {
    Family::new_with_constructor(|| Histogram::new(INSPECTION_SECONDS))
}

fn add(counter: &Counter, count: u64) {
    if count > 0 {
        counter.inc_by(count);
    }
}

#[cfg(test)]
mod tests;
