//! What all exchanges share, and how a new configuration takes the place of the old.

use crate::model::settings::TraceSettings;
use crate::model::{ClientId, UpstreamId};
use crate::observe::{self, Metrics, Recorder, ReloadResult};
use crate::snapshot::{Loaded, Snapshot, SnapshotError, hex};
use crate::state::Counters;
use crate::state::breaker::{BreakerState, Breakers};
use arc_swap::ArcSwap;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};
use tokio::sync::watch;

/// What all exchanges share.
pub struct Shared {
    /// The configuration in force. An exchange keeps the one it began with.
    snapshot: ArcSwap<Snapshot>,
    /// Rates, tokens, concurrency; outlive a reload.
    pub(super) counters: Counters,
    /// Breakers; outlive a reload.
    breakers: Arc<Breakers>,
    recorder: Recorder,
    metrics: Arc<Metrics>,
    /// Share of new traces to sample; `None` where no collector is configured.
    pub(super) trace_ratio: Option<f64>,
    /// Turns true when a shutdown's deadline has passed.
    cut: watch::Sender<bool>,
    last_reload: Mutex<Value>,
}

impl Shared {
    /// Compiles the first configuration.
    ///
    /// # Errors
    /// What does not compile.
    pub fn start(
        loaded: Loaded,
        recorder: Recorder,
        metrics: Arc<Metrics>,
        tracing: Option<&TraceSettings>,
    ) -> Result<Self, SnapshotError> {
        let breakers = Arc::new(Breakers::new());
        let snapshot = Snapshot::compile(loaded, 1, &breakers, None)?;
        let shared = Self {
            counters: Counters::new(),
            recorder,
            metrics,
            trace_ratio: tracing.map(|settings| settings.sample_ratio),
            cut: watch::Sender::new(false),
            last_reload: Mutex::new(Value::Null),
            breakers: Arc::clone(&breakers),
            snapshot: ArcSwap::from_pointee(snapshot),
        };
        shared.metrics.ask_breakers(move || breaker_states(&breakers));
        shared.take_over();
        Ok(shared)
    }

    /// The configuration in force.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Takes the records.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Fed from the records.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Puts a new configuration in force, whole, or keeps the one that is; says which.
    pub fn reload(&self, loaded: Loaded) -> bool {
        let before = self.snapshot();
        if before.hash == hex(&loaded.hash) {
            tracing::info!(snapshot = before.number, "reloaded: nothing has changed");
            self.metrics.reloaded(ReloadResult::Loaded, SystemTime::now());
            return true;
        }
        match Snapshot::compile(loaded, before.number.saturating_add(1), &self.breakers, Some(&before)) {
            Ok(next) => {
                let restart = next.needs_restart(&before);
                let (number, hash) = (next.number, next.hash.clone());
                self.snapshot.store(Arc::new(next));
                self.take_over();
                tracing::info!(snapshot = number, hash, "reloaded");
                if !restart.is_empty() {
                    tracing::warn!(
                        settings = restart.join(", "),
                        "changed settings that need a restart are not in force"
                    );
                }
                self.note_reload(json!({ "succeeded": true, "needs_restart": restart }));
                true
            }
            Err(error) => {
                self.reload_failed(&error.to_string());
                false
            }
        }
    }

    /// Notes that a new configuration was refused; the one in force stays.
    pub fn reload_failed(&self, reason: &str) {
        let snapshot = self.snapshot().number;
        tracing::error!(reason, snapshot, "the new configuration is refused; the last good one stays in force");
        self.metrics.reloaded(ReloadResult::Refused, SystemTime::now());
        self.note_reload(json!({ "succeeded": false, "error": reason }));
    }

    /// How the last reload went, for `/status`; null before the first.
    pub fn last_reload(&self) -> Value {
        self.last_reload.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note_reload(&self, value: Value) {
        *self.last_reload.lock().unwrap_or_else(PoisonError::into_inner) = value;
    }

    /// Tells counters, breakers and metrics of the configuration that is in force now.
    fn take_over(&self) {
        let snapshot = self.snapshot();
        let written = &snapshot.written;
        let clients: Vec<(ClientId, _)> =
            written.clients.iter().map(|client| (client.id.clone(), client.limits.clone())).collect();
        self.counters.configure(&clients, &written.addresses, written.limits.exchanges);
        self.breakers.retain(|id| written.upstreams.iter().any(|upstream| upstream.id == *id));
        self.metrics.reloaded(ReloadResult::Loaded, SystemTime::now());
        self.metrics.snapshot_in_force(snapshot.number, Arc::from(snapshot.hash.as_str()));
    }

    /// Ends all live streams with their dialect's terminal frame.
    pub fn cut_streams(&self) {
        self.cut.send_replace(true);
    }

    /// Resolves when live streams must end.
    pub(super) fn streams_must_end(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut cut = self.cut.subscribe();
        async move {
            if cut.wait_for(|cut| *cut).await.is_err() {
                // The sender lives as long as the process serves; without it nobody asks for an end.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Upstreams with the state of their breakers, in the order written.
    pub fn upstream_states(&self, now: Instant) -> Vec<(UpstreamId, Value)> {
        let breakers = self.breakers.snapshot(now);
        let of = |id: &UpstreamId| breakers.iter().find(|(known, _)| known == id).map(|(_, breaker)| *breaker);
        let snapshot = self.snapshot();
        let states = snapshot.written.upstreams.iter().map(|upstream| {
            let breaker = of(&upstream.id);
            let state = json!({
                "configured": snapshot.upstreams.get(&upstream.id).is_some_and(|upstream| upstream.is_configured()),
                "breaker": breaker.map_or("closed", |breaker| breaker.state.name()),
                "consecutive_failures": breaker.map_or(0, |breaker| breaker.consecutive_failures),
                "opens_total": breaker.map_or(0, |breaker| breaker.opens_total),
                "cooling_seconds": breaker.and_then(|breaker| breaker.cooling_for).map_or(0.0, |wait| wait.as_secs_f64()),
            });
            (upstream.id.clone(), state)
        });
        states.collect()
    }
}

fn breaker_states(breakers: &Breakers) -> Vec<(UpstreamId, observe::BreakerState)> {
    let named = |state| match state {
        BreakerState::Closed => observe::BreakerState::Closed,
        BreakerState::HalfOpen => observe::BreakerState::HalfOpen,
        BreakerState::Open => observe::BreakerState::Open,
    };
    breakers.snapshot(Instant::now()).into_iter().map(|(id, breaker)| (id, named(breaker.state))).collect()
}
