//! Token rates: reserve an estimate before the request is sent, settle when the true count is known. Own code because
//! `governor` cannot give back. The whole state is one number: the time at which the bucket will be full again; a token
//! moves it, the passing of time does nothing. So there is no lock and nothing to refill.

use super::standing::Standing;
use crate::model::settings::Rate;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A token rate with its state. Times are nanoseconds since the counters were made.
#[derive(Debug)]
pub(super) struct TokenBucket {
    rate: Rate,
    full_at: AtomicU64,
}

/// Why a reservation was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoTokens {
    /// There will be room after this long.
    Wait(Duration),
    /// The request needs more than the bucket ever holds.
    TooLarge,
}

impl TokenBucket {
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate, full_at: AtomicU64::new(0) }
    }

    pub(super) fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes `tokens` out, all or none.
    pub(super) fn reserve(&self, tokens: u64, now: u64) -> Result<Standing, NoTokens> {
        if tokens > u64::from(self.rate.count) {
            return Err(NoTokens::TooLarge);
        }
        let cost = self.nanos(tokens);
        let latest = now.saturating_add(self.period());
        let next = |full_at: u64| full_at.max(now).saturating_add(cost);
        let taken = self.full_at.fetch_update(Ordering::AcqRel, Ordering::Acquire, |full_at| {
            Some(next(full_at)).filter(|at| *at <= latest)
        });
        match taken {
            Ok(before) => Ok(self.standing(next(before), now)),
            Err(full_at) => Err(NoTokens::Wait(Duration::from_nanos(next(full_at).saturating_sub(latest)))),
        }
    }

    /// Puts the difference between the estimate and the truth right. What the truth is above the estimate counts up to one
    /// whole bucket, so that a wrong count from an upstream cannot lock a client out for long.
    fn settle(&self, reserved: u64, actual: u64) {
        let change = |full_at: u64| {
            if actual >= reserved {
                let extra = actual.saturating_sub(reserved).min(u64::from(self.rate.count));
                full_at.saturating_add(self.nanos(extra))
            } else {
                full_at.saturating_sub(self.nanos(reserved.saturating_sub(actual)))
            }
        };
        let _ = self.full_at.fetch_update(Ordering::AcqRel, Ordering::Acquire, |full_at| Some(change(full_at)));
    }

    fn standing(&self, full_at: u64, now: u64) -> Standing {
        let owed = full_at.saturating_sub(now);
        let free = u128::from(self.period().saturating_sub(owed));
        let count = u128::from(self.rate.count);
        let remaining = free.saturating_mul(count) / u128::from(self.period().max(1));
        Standing {
            limit: u64::from(self.rate.count),
            remaining: u64::try_from(remaining).unwrap_or(u64::MAX),
            reset: Duration::from_nanos(owed),
        }
    }

    fn period(&self) -> u64 {
        u64::try_from(self.rate.per.as_nanos()).unwrap_or(u64::MAX)
    }

    /// How long the bucket takes to make so many tokens.
    fn nanos(&self, tokens: u64) -> u64 {
        let nanos = u128::from(tokens).saturating_mul(u128::from(self.period())) / u128::from(self.rate.count.max(1));
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

/// Tokens set aside for one exchange. Dropping it without settling keeps the estimate as the truth.
#[derive(Debug)]
pub struct TokenReservation {
    bucket: Option<Arc<TokenBucket>>,
    reserved: u64,
    standing: Option<Standing>,
}

impl TokenReservation {
    /// A reservation of a client without a token rate.
    pub fn unlimited() -> Self {
        Self { bucket: None, reserved: 0, standing: None }
    }

    pub(super) fn new(bucket: Arc<TokenBucket>, reserved: u64, standing: Standing) -> Self {
        Self { bucket: Some(bucket), reserved, standing: Some(standing) }
    }

    /// Charges what was used and gives the rest back.
    pub fn settle(self, actual: u64) {
        if let Some(bucket) = &self.bucket {
            bucket.settle(self.reserved, actual);
        }
    }

    /// What was left right after the reservation; `None` without a token rate.
    pub fn standing(&self) -> Option<Standing> {
        self.standing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;

    fn bucket(count: u32) -> Arc<TokenBucket> {
        Arc::new(TokenBucket::new(Rate { count, per: Duration::from_secs(60) }))
    }

    #[test]
    fn a_spent_bucket_refills_in_proportion_to_time() {
        let bucket = bucket(60);
        assert_eq!(bucket.reserve(60, 0).unwrap().remaining, 0);
        assert_eq!(bucket.reserve(1, 0), Err(NoTokens::Wait(Duration::from_secs(1))));
        assert!(bucket.reserve(1, SECOND).is_ok());
        assert_eq!(bucket.reserve(3, SECOND), Err(NoTokens::Wait(Duration::from_secs(3))));
    }

    #[test]
    fn settling_gives_back_and_charges() {
        let bucket = bucket(60);
        let standing = bucket.reserve(60, 0).unwrap();
        TokenReservation::new(bucket.clone(), 60, standing).settle(10);
        let standing = bucket.reserve(50, 0).unwrap();
        assert_eq!(standing.remaining, 0);
        TokenReservation::new(bucket.clone(), 50, standing).settle(60);
        assert_eq!(bucket.reserve(1, 0), Err(NoTokens::Wait(Duration::from_secs(11))));
    }

    #[test]
    fn an_unsettled_reservation_stays_spent() {
        let bucket = bucket(60);
        let standing = bucket.reserve(60, 0).unwrap();
        drop(TokenReservation::new(bucket.clone(), 60, standing));
        assert!(bucket.reserve(1, 0).is_err());
    }

    #[test]
    fn more_than_the_bucket_holds_is_never_granted_and_an_absurd_count_locks_out_one_period_at_most() {
        let bucket = bucket(60);
        assert_eq!(bucket.reserve(61, 0), Err(NoTokens::TooLarge));
        bucket.settle(0, u64::MAX);
        assert!(bucket.reserve(60, 60 * SECOND).is_ok());
    }

    proptest! {
        #[test]
        fn no_order_of_requests_gets_more_than_the_rate(
            steps in proptest::collection::vec((0u64..70, 0u64..10 * SECOND), 1..60),
        ) {
            let bucket = bucket(60);
            let (mut now, mut granted) = (0, 0);
            for (tokens, pause) in steps {
                now += pause;
                if bucket.reserve(tokens, now).is_ok() {
                    granted += tokens;
                }
            }
            prop_assert!(granted <= 60 + now / SECOND + 1);
        }
    }
}
