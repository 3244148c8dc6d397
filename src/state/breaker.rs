//! One circuit breaker per upstream, and the registry that keeps them over reloads.
//!
//! Closed: traffic flows, failures in a row are counted. Open: nothing flows until a jittered time. Half-open: a bounded
//! number of probes flow; enough successes close it, one failure opens it again. Beside it stand two things with the
//! same life: the cool-down that a 429 asked for, and the retry budget.
//!
//! It must never read a clock or roll dice: `now` and `jitter` are parameters. No lock is held while anything waits.

use crate::model::UpstreamId;
use crate::model::settings::BreakerSettings;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Share of the open time by which jitter moves it, both ways.
const OPEN_JITTER: f64 = 0.2;
/// Longest open time before jitter, whatever the settings say: keeps the arithmetic inside what a clock can hold.
const MAX_OPEN: Duration = Duration::from_secs(86_400);
/// Longest cool-down that is taken from an upstream's word: a quota that comes back earlier must be noticed.
const MAX_COOL_DOWN: Duration = Duration::from_secs(300);
/// Retries that may happen in a burst, in tenths. A quiet upstream starts with this many.
const RETRY_BUDGET_CAP_TENTHS: u32 = 100;
/// What each first try adds to the budget, in tenths of a retry: in the long run at most one retry in five requests.
const RETRY_BUDGET_DEPOSIT_TENTHS: u32 = 2;

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// Traffic flows.
    Closed,
    /// Traffic is refused.
    Open,
    /// Bounded probes flow.
    HalfOpen,
}

impl BreakerState {
    /// The name used in status, records and metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// What status and metrics show of one breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerSnapshot {
    /// Where it stands; an open one whose time is over shows as half-open, since the next request is a probe.
    pub state: BreakerState,
    /// Failures in a row while closed.
    pub consecutive_failures: u32,
    /// How often it opened since the process started.
    pub opens_total: u64,
    /// How long a cool-down that the upstream asked for still lasts.
    pub cooling_for: Option<Duration>,
}

/// The refusal of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the breaker is open")]
pub struct OpenUntil(
    /// When asking again may help. Equal to `now` when all probes are under way.
    pub Instant,
);

/// The breaker of one upstream.
#[derive(Debug)]
pub struct Breaker {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: BreakerSettings,
    phase: Phase,
    /// Counts transitions: a pass of an earlier phase must not speak about this one.
    epoch: u64,
    opens_total: u64,
    cooled_until: Option<Instant>,
    retry_tenths: u32,
}

#[derive(Debug)]
enum Phase {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen { probes: u32, successes: u32 },
}

impl Breaker {
    /// A closed breaker.
    pub fn new(settings: BreakerSettings) -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::new(Inner {
                settings,
                phase: Phase::Closed { failures: 0 },
                epoch: 0,
                opens_total: 0,
                cooled_until: None,
                retry_tenths: RETRY_BUDGET_CAP_TENTHS,
            }),
        })
    }

    /// Asks for the right to send one exchange.
    ///
    /// # Errors
    /// [`OpenUntil`] while it is open, and while half-open with all probes under way.
    pub fn try_acquire(self: &Arc<Self>, now: Instant) -> Result<Pass, OpenUntil> {
        let mut inner = self.lock();
        if let Phase::Open { until } = inner.phase {
            if now < until {
                return Err(OpenUntil(until));
            }
            inner.enter(Phase::HalfOpen { probes: 0, successes: 0 });
        }
        let wanted = inner.settings.half_open_probes.max(1);
        if matches!(inner.phase, Phase::HalfOpen { successes, .. } if successes >= wanted) {
            inner.enter(Phase::Closed { failures: 0 }); // a reload asks for fewer probes than have succeeded
        }
        let is_probe = match &mut inner.phase {
            Phase::HalfOpen { probes, successes } => {
                if probes.saturating_add(*successes) >= wanted {
                    return Err(OpenUntil(now));
                }
                *probes = probes.saturating_add(1);
                true
            }
            Phase::Closed { .. } | Phase::Open { .. } => false,
        };
        Ok(Pass { breaker: Arc::clone(self), epoch: inner.epoch, is_probe, reported: false })
    }

    /// Skips the upstream until `now + wait` (at most five minutes), because it said 429 with `Retry-After`.
    /// A longer cool-down that is already on stays.
    pub fn cool_down(&self, now: Instant, wait: Duration) {
        let Some(until) = now.checked_add(wait.min(MAX_COOL_DOWN)) else { return };
        let mut inner = self.lock();
        inner.cooled_until = Some(inner.cooled_until.map_or(until, |earlier| earlier.max(until)));
    }

    /// How long the upstream is still to be skipped; `None` when it is not.
    pub fn cooling_for(&self, now: Instant) -> Option<Duration> {
        self.lock().cooling_for(now)
    }

    /// Adds to the retry budget; called once per exchange.
    pub fn deposit_retry(&self) {
        let mut inner = self.lock();
        inner.retry_tenths =
            inner.retry_tenths.saturating_add(RETRY_BUDGET_DEPOSIT_TENTHS).min(RETRY_BUDGET_CAP_TENTHS);
    }

    /// Takes one retry from the budget; `false` when it is spent.
    pub fn withdraw_retry(&self) -> bool {
        let mut inner = self.lock();
        match inner.retry_tenths.checked_sub(10) {
            Some(rest) => {
                inner.retry_tenths = rest;
                true
            }
            None => false,
        }
    }

    /// What status and metrics show.
    pub fn snapshot(&self, now: Instant) -> BreakerSnapshot {
        let inner = self.lock();
        let (state, consecutive_failures) = match inner.phase {
            Phase::Closed { failures } => (BreakerState::Closed, failures),
            Phase::Open { until } if now < until => (BreakerState::Open, 0),
            Phase::Open { .. } | Phase::HalfOpen { .. } => (BreakerState::HalfOpen, 0),
        };
        BreakerSnapshot {
            state,
            consecutive_failures,
            opens_total: inner.opens_total,
            cooling_for: inner.cooling_for(now),
        }
    }

    /// Where it stands.
    pub fn state(&self, now: Instant) -> BreakerState {
        self.snapshot(now).state
    }

    fn report(&self, epoch: u64, is_probe: bool, told: Told) {
        let mut inner = self.lock();
        if inner.epoch != epoch {
            return; // it was let through before the last transition and knows nothing of this phase
        }
        let (threshold, wanted) = (inner.settings.consecutive_failures.max(1), inner.settings.half_open_probes.max(1));
        match (&mut inner.phase, told) {
            (Phase::Closed { failures }, Told::Success) => *failures = 0,
            (Phase::Closed { failures }, Told::Failure { now, jitter }) => {
                *failures = failures.saturating_add(1);
                if *failures >= threshold {
                    inner.open(now, jitter);
                }
            }
            (Phase::HalfOpen { probes, successes }, Told::Success) if is_probe => {
                *probes = probes.saturating_sub(1);
                *successes = successes.saturating_add(1);
                if *successes >= wanted {
                    inner.enter(Phase::Closed { failures: 0 });
                }
            }
            (Phase::HalfOpen { .. }, Told::Failure { now, jitter }) => inner.open(now, jitter),
            (Phase::HalfOpen { probes, .. }, Told::Neutral) => *probes = probes.saturating_sub(1),
            (Phase::HalfOpen { .. }, Told::Success)
            | (Phase::Closed { .. }, Told::Neutral)
            | (Phase::Open { .. }, Told::Success | Told::Failure { .. } | Told::Neutral) => {}
        }
    }

    /// A poisoned lock is taken over: each critical section leaves the numbers whole.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.epoch = self.epoch.wrapping_add(1);
    }

    fn open(&mut self, now: Instant, jitter: f64) {
        let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 0.5 };
        let open_for = self.settings.open_for.min(MAX_OPEN).mul_f64(1.0 - OPEN_JITTER + 2.0 * OPEN_JITTER * jitter);
        let until = now.checked_add(open_for).unwrap_or(now);
        self.opens_total = self.opens_total.saturating_add(1);
        self.enter(Phase::Open { until });
    }

    fn cooling_for(&self, now: Instant) -> Option<Duration> {
        self.cooled_until.and_then(|until| until.checked_duration_since(now)).filter(|wait| !wait.is_zero())
    }
}

enum Told {
    Success,
    Failure { now: Instant, jitter: f64 },
    Neutral,
}

/// The right to send one exchange to an upstream. It is reported once, by value; dropped unreported it counts as neutral
/// (a fault of the client, a 429, a cancelled exchange) and gives its probe slot back.
#[derive(Debug)]
#[must_use = "a pass that is dropped at once says nothing about the upstream"]
pub struct Pass {
    breaker: Arc<Breaker>,
    epoch: u64,
    is_probe: bool,
    reported: bool,
}

impl Pass {
    /// Whether it is one of the bounded probes of a half-open breaker.
    pub fn is_probe(&self) -> bool {
        self.is_probe
    }

    /// The upstream did what it promises.
    pub fn success(mut self) {
        self.tell(Told::Success);
    }

    /// The upstream failed. `jitter` is a random number from 0.0 to 1.0 that spreads the open time over ± 20 %.
    pub fn failure(mut self, now: Instant, jitter: f64) {
        self.tell(Told::Failure { now, jitter });
    }

    /// The upstream does what it promises, but the exchange is not over (a long stream): counts as a success now, so that
    /// a probe does not hold its slot to the end, and gives a new pass for the rest where there is one to be had.
    pub fn confirm(self, now: Instant) -> Option<Self> {
        let breaker = Arc::clone(&self.breaker);
        self.success();
        breaker.try_acquire(now).ok()
    }

    /// Nothing is learned about the upstream. The same as dropping it, said aloud.
    pub fn neutral(self) {}

    fn tell(&mut self, told: Told) {
        if !std::mem::replace(&mut self.reported, true) {
            self.breaker.report(self.epoch, self.is_probe, told);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.tell(Told::Neutral);
    }
}

/// All breakers by upstream. A reload changes settings and keeps states; names that are gone are forgotten by
/// [`Breakers::retain`].
#[derive(Debug, Default)]
pub struct Breakers {
    by_upstream: Mutex<HashMap<UpstreamId, Arc<Breaker>>>,
}

impl Breakers {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// The breaker of an upstream, made closed when it is new. An existing one takes the new settings over and keeps its
    /// state; an open time that is running is not changed.
    pub fn get(&self, upstream: &UpstreamId, settings: &BreakerSettings) -> Arc<Breaker> {
        let mut map = self.lock();
        if let Some(breaker) = map.get(upstream) {
            breaker.lock().settings.clone_from(settings);
            return Arc::clone(breaker);
        }
        let breaker = Breaker::new(settings.clone());
        map.insert(upstream.clone(), Arc::clone(&breaker));
        breaker
    }

    /// Forgets the breakers of upstreams that the configuration no longer has.
    pub fn retain(&self, keep: impl Fn(&UpstreamId) -> bool) {
        self.lock().retain(|upstream, _| keep(upstream));
    }

    /// All breakers by name, for status and metrics.
    pub fn snapshot(&self, now: Instant) -> Vec<(UpstreamId, BreakerSnapshot)> {
        let mut all: Vec<_> =
            self.lock().iter().map(|(upstream, breaker)| (upstream.clone(), breaker.snapshot(now))).collect();
        all.sort_by(|left, right| left.0.cmp(&right.0));
        all
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UpstreamId, Arc<Breaker>>> {
        self.by_upstream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
