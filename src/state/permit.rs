//! The right of one exchange to be under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Counts its exchange as under way until it is dropped.
#[derive(Debug)]
pub struct ExchangePermit {
    counters: [Option<Arc<AtomicU32>>; 2],
}

impl ExchangePermit {
    /// A permit that counts nowhere.
    pub fn unlimited() -> Self {
        Self { counters: [None, None] }
    }

    /// A permit that gives one back to each of these counters, which its maker has already incremented.
    pub(in crate::state) fn holding(counters: [Option<Arc<AtomicU32>>; 2]) -> Self {
        Self { counters }
    }
}

impl Drop for ExchangePermit {
    fn drop(&mut self) {
        for counter in self.counters.iter().flatten() {
            counter.fetch_sub(1, Ordering::Release);
        }
    }
}

/// Counts one more, unless that would be more than `limit`.
pub(in crate::state) fn try_count(counter: &AtomicU32, limit: u32) -> bool {
    counter
        .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |count| count.checked_add(1).filter(|next| *next <= limit))
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_are_given_back_when_dropped() {
        let counter = Arc::new(AtomicU32::new(0));
        assert!(try_count(&counter, 1));
        assert!(!try_count(&counter, 1));
        drop(ExchangePermit::holding([Some(counter.clone()), None]));
        assert!(try_count(&counter, 1));
    }
}
