//! The right of one exchange to be under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Counts its exchange as under way until it is dropped.
#[derive(Debug)]
pub struct ExchangePermit {
    counters: Vec<Arc<AtomicU32>>,
}

impl ExchangePermit {
    /// A permit that counts nowhere.
    pub fn unlimited() -> Self {
        Self { counters: Vec::new() }
    }

    /// A permit that gives one back to each of these counters, which its maker has already incremented.
    pub(in crate::state) fn holding(counters: Vec<Arc<AtomicU32>>) -> Self {
        Self { counters }
    }
}

impl Drop for ExchangePermit {
    fn drop(&mut self) {
        for counter in &self.counters {
            counter.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
