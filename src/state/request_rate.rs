//! One request rate of one client: GCRA, by `governor`.

use super::clock::PassedTime;
use super::standing::Standing;
use crate::model::settings::Rate;
use governor::clock::Clock;
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::num::NonZeroU32;
use std::time::Duration;

/// A rate with its state.
#[derive(Debug)]
pub(super) struct RequestRate {
    rate: Rate,
    limiter: RateLimiter<NotKeyed, InMemoryState, PassedTime, StateInformationMiddleware>,
}

impl RequestRate {
    pub(super) fn new(rate: Rate, time: PassedTime) -> Self {
        let count = NonZeroU32::new(rate.count).unwrap_or(NonZeroU32::MIN);
        let each = (rate.per / count.get()).max(Duration::from_nanos(1));
        let quota = Quota::with_period(each).unwrap_or(Quota::per_second(count)).allow_burst(count);
        Self { rate, limiter: RateLimiter::direct_with_clock(quota, time).with_middleware() }
    }

    pub(super) fn rate(&self) -> Rate {
        self.rate
    }

    /// Counts one request at the time passed in last; where there is no room, says how long to wait.
    pub(super) fn check(&self) -> Result<Standing, Duration> {
        match self.limiter.check() {
            Ok(snapshot) => Ok(Standing::of(self.rate, snapshot.remaining_burst_capacity())),
            Err(refused) => Err(refused.wait_time_from(self.limiter.clock().now())),
        }
    }
}
