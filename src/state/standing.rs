//! How much of a rate is left, for the headers of an answer.

use crate::model::settings::Rate;
use std::time::Duration;

/// What is left of one rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Events allowed in a period.
    pub limit: u64,
    /// Events that may still happen now.
    pub remaining: u64,
    /// Time until the whole limit is there again, if nothing happens meanwhile.
    pub reset: Duration,
}

impl Standing {
    pub(super) fn of(rate: Rate, remaining: u32) -> Self {
        let count = rate.count.max(1);
        let used = count.saturating_sub(remaining);
        Self {
            limit: u64::from(count),
            remaining: u64::from(remaining.min(count)),
            reset: rate.per.mul_f64(f64::from(used) / f64::from(count)),
        }
    }
}
