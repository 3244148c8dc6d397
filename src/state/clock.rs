//! The time that callers pass in, in the form that `governor` and the counters use. It never reads a clock.

use governor::clock::Clock;
use governor::nanos::Nanos;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Nanoseconds since the counters were made; it never goes back.
#[derive(Clone, Debug)]
pub(super) struct PassedTime {
    base: Instant,
    latest: Arc<AtomicU64>,
}

impl PassedTime {
    pub(super) fn new(base: Instant) -> Self {
        Self { base, latest: Arc::new(AtomicU64::new(0)) }
    }

    /// Takes the caller's time over and gives it as nanoseconds; a time before the latest one counts as the latest.
    pub(super) fn at(&self, now: Instant) -> u64 {
        let nanos = u64::try_from(now.saturating_duration_since(self.base).as_nanos()).unwrap_or(u64::MAX);
        self.latest.fetch_max(nanos, Ordering::Relaxed).max(nanos)
    }
}

impl Clock for PassedTime {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(self.latest.load(Ordering::Relaxed))
    }
}
