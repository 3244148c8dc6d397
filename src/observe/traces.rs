//! Export of traces to an OpenTelemetry collector, by OTLP over HTTP with protobuf bodies, on a thread of its own.
//!
//! It must never touch traffic: the queue is bounded, a full one drops and counts, and a collector that is slow or gone
//! costs its own thread only. Source: OTLP specification 1.x, "OTLP/HTTP".

use super::collector_client::{CollectorClient, EXPORT_TIMEOUT};
use super::metrics::{Metrics, SpanCounters};
use super::names;
use super::record::Record;
use super::spans::spans;
use crate::model::settings::TraceSettings;
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use std::io;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

/// Exchanges whose spans may wait.
const QUEUE: usize = 2_048;

/// Spans sent at once.
const BATCH_SPANS: usize = 512;

/// How long the first span of a batch waits for others.
const BATCH_WAIT: Duration = Duration::from_secs(2);

/// Why traces cannot be exported at all.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The endpoint is not an `http` or `https` URL with a host.
    #[error("the collector's endpoint is not an http or https URL with a host")]
    Endpoint,
    /// The exporter could not be built.
    #[error("the exporter cannot be built")]
    Exporter(#[from] ExporterBuildError),
    /// TLS could not be prepared.
    #[error("TLS cannot be prepared")]
    Tls(#[from] rustls::Error),
    /// The thread or its runtime could not be started.
    #[error("the exporter's thread cannot be started")]
    Thread(#[from] io::Error),
}

/// Where spans go. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Traces {
    queue: Sender<Message>,
    counters: SpanCounters,
    scope: InstrumentationScope,
}

#[derive(Debug)]
enum Message {
    Spans(Vec<SpanData>),
    Stop(oneshot::Sender<()>),
}

impl Traces {
    /// Starts the exporter's thread. Nothing is sent before the first sampled exchange.
    ///
    /// # Errors
    ///
    /// When the endpoint is not an HTTP URL, or the thread cannot be started.
    pub fn start(settings: &TraceSettings, metrics: &Metrics) -> Result<Self, TraceError> {
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(CollectorClient::new()?)
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(EXPORT_TIMEOUT)
            .with_endpoint(traces_url(&settings.endpoint)?)
            .build()?;
        let version = KeyValue::new(names::SERVICE_VERSION, env!("CARGO_PKG_VERSION"));
        let service = settings.service_name.clone();
        exporter.set_resource(&Resource::builder_empty().with_service_name(service).with_attribute(version).build());
        let (queue, receiver) = channel(QUEUE);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let counters = metrics.spans.clone();
        let worker = Worker { queue: receiver, exporter, counters: counters.clone(), is_failing: false };
        std::thread::Builder::new().name("traces".to_owned()).spawn(move || runtime.block_on(worker.run()))?;
        Ok(Self { queue, counters, scope: InstrumentationScope::builder("portcullis").build() })
    }

    /// Queues the spans of an exchange; drops and counts them where the queue is full. Never waits.
    pub fn export(&self, record: &Record) {
        let spans = spans(record, &self.scope);
        let count = u64::try_from(spans.len()).unwrap_or(u64::MAX);
        if count > 0 && self.queue.try_send(Message::Spans(spans)).is_err() {
            self.counters.dropped.inc_by(count);
        }
    }

    /// Sends what waits and ends the thread; waits for it at most `patience`. Says whether it ended in time.
    pub async fn flush_and_stop(&self, patience: Duration) -> bool {
        let (sender, done) = oneshot::channel();
        timeout(patience, async { self.queue.send(Message::Stop(sender)).await.is_ok() && done.await.is_ok() })
            .await
            .unwrap_or(false)
    }
}

/// The thread's side.
struct Worker {
    queue: Receiver<Message>,
    exporter: SpanExporter,
    counters: SpanCounters,
    is_failing: bool,
}

impl Worker {
    async fn run(mut self) {
        while let Some(first) = self.queue.recv().await {
            let mut batch = Vec::new();
            let mut stop = take(first, &mut batch);
            let deadline = Instant::now() + BATCH_WAIT;
            while stop.is_none() && batch.len() < BATCH_SPANS {
                let Ok(Some(next)) = timeout_at(deadline, self.queue.recv()).await else { break };
                stop = take(next, &mut batch);
            }
            if stop.is_some() {
                // What comes later is refused, and counted by whoever brings it.
                self.queue.close();
                while let Ok(late) = self.queue.try_recv() {
                    take(late, &mut batch);
                }
            }
            self.send(batch).await;
            if let Some(done) = stop {
                let _ = done.send(());
                return;
            }
        }
    }

    async fn send(&mut self, batch: Vec<SpanData>) {
        if batch.is_empty() {
            return;
        }
        let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        let sent = matches!(timeout(EXPORT_TIMEOUT, self.exporter.export(batch)).await, Ok(Ok(())));
        let counter = if sent { &self.counters.exported } else { &self.counters.dropped };
        counter.inc_by(count);
        // Said at the change of state, not for each batch.
        if !sent && !self.is_failing {
            tracing::warn!("the trace collector does not take spans; they are dropped and counted");
        }
        self.is_failing = !sent;
    }
}

fn take(message: Message, batch: &mut Vec<SpanData>) -> Option<oneshot::Sender<()>> {
    match message {
        Message::Spans(mut spans) => batch.append(&mut spans),
        Message::Stop(done) => return Some(done),
    }
    None
}

/// The collector's address for traces: `/v1/traces` below the endpoint.
fn traces_url(endpoint: &str) -> Result<String, TraceError> {
    let uri: http::Uri = endpoint.parse().map_err(|_| TraceError::Endpoint)?;
    let known_scheme = matches!(uri.scheme_str(), Some("http" | "https"));
    if !known_scheme || uri.host().is_none_or(str::is_empty) || uri.query().is_some() {
        return Err(TraceError::Endpoint);
    }
    let base = endpoint.trim_end_matches('/');
    Ok(if base.ends_with("/v1/traces") { base.to_owned() } else { format!("{base}/v1/traces") })
}

#[cfg(test)]
mod tests;
