//! Limits per peer address. Addresses are chosen by whoever attacks, so memory is constant: counts are estimates that
//! may be too high when very many addresses are busy at once, never too low; cool-downs live in a fixed table.

use crate::model::settings::AddressLimits;
use pingora_limits::estimator::Estimator;
use siphasher::sip::SipHasher13;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Hash functions and counters of an estimate.
const HASHES: usize = 4;
const SLOTS: usize = 8192;
/// Addresses in cool-down at once; more displace the one that is nearest to its end.
const COOL_DOWNS: usize = 8192;
/// Slots that one address may be in.
const WAYS: usize = 4;
/// Bits of a slot that hold the end of the cool-down, in milliseconds (34 years).
const UNTIL_BITS: u32 = 40;
const UNTIL_MASK: u64 = (1 << UNTIL_BITS) - 1;

/// The state of all peer addresses under one setting.
#[derive(Debug)]
pub(super) struct Addresses {
    limits: AddressLimits,
    requests: Option<Counted>,
    refusals: Option<Counted>,
    cooling: Box<[AtomicU64]>,
    keys: (u64, u64),
}

impl Addresses {
    pub(super) fn new(limits: AddressLimits) -> Self {
        let random = RandomState::new();
        Self {
            requests: limits.requests_per_second.map(|_| Counted::new(Duration::from_secs(1))),
            refusals: limits.refusals.map(|_| Counted::new(limits.window)),
            cooling: (0..COOL_DOWNS).map(|_| AtomicU64::new(0)).collect(),
            keys: (random.hash_one(0), random.hash_one(1)),
            limits,
        }
    }

    pub(super) fn limits(&self) -> &AddressLimits {
        &self.limits
    }

    /// Counts one request; where the address must wait, says how long. `now` in nanoseconds.
    pub(super) fn check(&self, address: IpAddr, now: u64) -> Result<(), Duration> {
        let key = self.key(address);
        let now_ms = now / 1_000_000;
        if let Some(until) = self.cooling_until(key)
            && until > now_ms
        {
            return Err(Duration::from_millis(until.saturating_sub(now_ms)));
        }
        match (&self.requests, self.limits.requests_per_second) {
            (Some(requests), Some(limit)) if requests.count(key, now) > f64::from(limit) => Err(Duration::from_secs(1)),
            _ => Ok(()),
        }
    }

    /// Notes a refusal; too many within the window start a cool-down.
    pub(super) fn note_refusal(&self, address: IpAddr, now: u64) {
        let (Some(refusals), Some(limit)) = (&self.refusals, self.limits.refusals) else { return };
        let key = self.key(address);
        if refusals.count(key, now) >= f64::from(limit) {
            let pause = u64::try_from(self.limits.cool_down.as_millis()).unwrap_or(u64::MAX);
            self.cool_down(key, (now / 1_000_000).saturating_add(pause).min(UNTIL_MASK));
        }
    }

    fn key(&self, address: IpAddr) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.keys.0, self.keys.1);
        // Whoever has one IPv6 address has its /64.
        match address.to_canonical() {
            IpAddr::V4(address) => u64::from(address.to_bits()).hash(&mut hasher),
            IpAddr::V6(address) => (1_u8, address.to_bits() >> 64).hash(&mut hasher),
        }
        hasher.finish()
    }

    fn slots(&self, key: u64) -> impl Iterator<Item = &AtomicU64> {
        let ways = u64::try_from(WAYS).unwrap_or(1);
        let groups = u64::try_from(self.cooling.len()).unwrap_or(1) / ways;
        let first = usize::try_from(key % groups.max(1)).unwrap_or(0).saturating_mul(WAYS);
        self.cooling.iter().skip(first).take(WAYS)
    }

    fn cooling_until(&self, key: u64) -> Option<u64> {
        let mark = key & !UNTIL_MASK;
        self.slots(key)
            .map(|slot| slot.load(Ordering::Relaxed))
            .find(|slot| slot & !UNTIL_MASK == mark && slot & UNTIL_MASK != 0)
            .map(|slot| slot & UNTIL_MASK)
    }

    fn cool_down(&self, key: u64, until: u64) {
        let mark = key & !UNTIL_MASK;
        let slot = self.slots(key).min_by_key(|slot| {
            let held = slot.load(Ordering::Relaxed);
            if held & !UNTIL_MASK == mark { 0 } else { held & UNTIL_MASK }
        });
        if let Some(slot) = slot {
            slot.store(mark | until, Ordering::Relaxed);
        }
    }
}

/// Counts events per key over a sliding window, in constant memory. The clock is the caller's (`pingora_limits::rate`
/// reads its own, and asserts on it).
struct Counted {
    window: u64,
    epoch: AtomicU64,
    halves: [Estimator; 2],
}

impl std::fmt::Debug for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counted").field("window", &self.window).finish_non_exhaustive()
    }
}

impl Counted {
    fn new(window: Duration) -> Self {
        Self {
            window: u64::try_from(window.as_nanos()).unwrap_or(u64::MAX).max(1),
            epoch: AtomicU64::new(0),
            halves: [Estimator::new(HASHES, SLOTS), Estimator::new(HASHES, SLOTS)],
        }
    }

    /// Counts one event and gives how many there were in the window that ends now.
    fn count(&self, key: u64, now: u64) -> f64 {
        let epoch = now / self.window;
        self.turn(epoch);
        let [even, odd] = &self.halves;
        let (current, last) = if epoch.is_multiple_of(2) { (even, odd) } else { (odd, even) };
        let share_passed = (now % self.window) as f64 / self.window as f64;
        current.incr(key, 1) as f64 + last.get(key) as f64 * (1.0 - share_passed)
    }

    /// Clears what is older than the last window. Two threads may both clear: then a few events are forgotten.
    fn turn(&self, epoch: u64) {
        let seen = self.epoch.load(Ordering::Acquire);
        if epoch <= seen {
            return;
        }
        let [even, odd] = &self.halves;
        let (current, last) = if epoch.is_multiple_of(2) { (even, odd) } else { (odd, even) };
        current.reset();
        if epoch.saturating_sub(seen) > 1 {
            last.reset();
        }
        let _ = self.epoch.compare_exchange(seen, epoch, Ordering::AcqRel, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv6Addr;

    const SECOND: u64 = 1_000_000_000;

    fn addresses(refusals: Option<u32>, per_second: Option<u32>) -> Addresses {
        Addresses::new(AddressLimits {
            requests_per_second: per_second,
            refusals,
            window: Duration::from_secs(60),
            cool_down: Duration::from_secs(30),
        })
    }

    fn v4(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn refusals_start_a_cool_down_that_ends_and_hits_nobody_else() {
        let addresses = addresses(Some(3), None);
        for _ in 0..2 {
            addresses.note_refusal(v4(1), 0);
        }
        assert!(addresses.check(v4(1), 0).is_ok());
        addresses.note_refusal(v4(1), 0);
        assert_eq!(addresses.check(v4(1), 0), Err(Duration::from_secs(30)));
        assert_eq!(addresses.check(v4(1), 10 * SECOND), Err(Duration::from_secs(20)));
        assert!(addresses.check(v4(2), 0).is_ok());
        assert!(addresses.check(v4(1), 30 * SECOND).is_ok());
    }

    #[test]
    fn old_refusals_are_forgotten() {
        let addresses = addresses(Some(3), None);
        addresses.note_refusal(v4(1), 0);
        addresses.note_refusal(v4(1), 0);
        addresses.note_refusal(v4(1), 130 * SECOND);
        assert!(addresses.check(v4(1), 130 * SECOND).is_ok());
    }

    #[test]
    fn an_ipv6_network_of_64_bits_counts_as_one_address() {
        let addresses = addresses(Some(2), None);
        let v6 = |network: u16, host: u16| IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, network, 0, 0, 0, host));
        addresses.note_refusal(v6(1, 1), 0);
        addresses.note_refusal(v6(1, 2), 0);
        assert!(addresses.check(v6(1, 3), 0).is_err());
        assert!(addresses.check(v6(2, 1), 0).is_ok());
        let mapped: IpAddr = "::ffff:10.0.0.9".parse().unwrap();
        addresses.note_refusal(mapped, 0);
        addresses.note_refusal(v4(9), 0);
        assert!(addresses.check(v4(9), 0).is_err());
    }

    #[test]
    fn requests_per_second_hold_for_each_address() {
        let addresses = addresses(None, Some(5));
        for _ in 0..5 {
            assert!(addresses.check(v4(1), 0).is_ok());
        }
        assert!(addresses.check(v4(1), 0).is_err());
        assert!(addresses.check(v4(2), 0).is_ok());
        assert!(addresses.check(v4(1), 3 * SECOND).is_ok());
    }

    #[test]
    fn many_attackers_displace_each_other_and_memory_does_not_grow() {
        let addresses = addresses(Some(1), None);
        for index in 0..20_000_u32 {
            addresses.note_refusal(IpAddr::from(index.to_be_bytes()), u64::from(index));
        }
        assert_eq!(addresses.cooling.len(), COOL_DOWNS);
        assert!(addresses.check(IpAddr::from(19_999_u32.to_be_bytes()), 20_000).is_err());
    }
}
