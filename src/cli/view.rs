//! What the health and admin listeners show of a running gateway. No content, no credentials.

use crate::admin::{Readiness, View};
use crate::pipeline::Shared;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

/// The state of `portcullis serve`.
pub(super) struct ServeView {
    shared: Arc<Shared>,
    began: Instant,
    phase: AtomicU8,
}

impl ServeView {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, began: Instant::now(), phase: AtomicU8::new(STARTING) }
    }

    /// All listeners are bound.
    pub(super) fn begin(&self) {
        self.phase.store(READY, Ordering::Release);
    }

    /// A shutdown began.
    pub(super) fn draining(&self) {
        self.phase.store(DRAINING, Ordering::Release);
    }
}

impl View for ServeView {
    fn live(&self) -> bool {
        true
    }

    fn ready(&self) -> Readiness {
        match self.phase.load(Ordering::Acquire) {
            READY => Readiness::Ready,
            DRAINING => Readiness::Draining,
            _ => Readiness::Starting,
        }
    }

    fn status(&self) -> Value {
        let snapshot = self.shared.snapshot();
        let reload = self.shared.last_reload();
        let now = Instant::now();
        let upstreams: serde_json::Map<String, Value> =
            self.shared.upstream_states(now).into_iter().map(|(id, state)| (id.as_str().to_owned(), state)).collect();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "uptime_seconds": self.began.elapsed().as_secs(),
            "snapshot": { "number": snapshot.number, "hash": snapshot.hash },
            "last_reload": reload,
            "records": { "failing": self.shared.recorder().is_failing() },
            "upstreams": upstreams,
        })
    }

    fn metrics(&self) -> String {
        self.shared.metrics().encode()
    }
}
