//! The breaker at explicit times, and its invariants under random histories.

use super::*;
use proptest::prelude::*;

fn settings(failures: u32, open_for: Duration, probes: u32) -> BreakerSettings {
    BreakerSettings { consecutive_failures: failures, open_for, half_open_probes: probes }
}

const TEN: Duration = Duration::from_secs(10);

fn opened(probes: u32, now: Instant) -> Arc<Breaker> {
    let breaker = Breaker::new(settings(1, TEN, probes));
    breaker.try_acquire(now).unwrap().failure(now, 0.5);
    assert_eq!(breaker.state(now), BreakerState::Open);
    breaker
}

#[test]
fn failures_in_a_row_open_it_and_a_success_between_them_starts_the_count_again() {
    let now = Instant::now();
    let breaker = Breaker::new(settings(3, TEN, 1));
    for _ in 0..2 {
        breaker.try_acquire(now).unwrap().failure(now, 0.5);
    }
    breaker.try_acquire(now).unwrap().success();
    for _ in 0..2 {
        breaker.try_acquire(now).unwrap().failure(now, 0.5);
    }
    assert_eq!(breaker.snapshot(now).consecutive_failures, 2);
    assert_eq!(breaker.state(now), BreakerState::Closed);
    breaker.try_acquire(now).unwrap().failure(now, 0.5);
    assert_eq!(breaker.state(now), BreakerState::Open);
    assert_eq!(breaker.snapshot(now).opens_total, 1);
}

#[test]
fn open_breaker_refuses_until_its_jittered_time() {
    for (jitter, seconds) in [(0.0, 8), (0.5, 10), (1.0, 12), (f64::NAN, 10), (9.0, 12)] {
        let now = Instant::now();
        let breaker = Breaker::new(settings(1, TEN, 1));
        breaker.try_acquire(now).unwrap().failure(now, jitter);
        let OpenUntil(until) = breaker.try_acquire(now).unwrap_err();
        let off = until.duration_since(now).abs_diff(Duration::from_secs(seconds));
        assert!(off < Duration::from_millis(1), "jitter {jitter} gave {:?}", until.duration_since(now));
        assert!(breaker.try_acquire(until - Duration::from_millis(1)).is_err());
        assert!(breaker.try_acquire(until).is_ok());
    }
}

#[test]
fn open_breaker_lets_one_probe_through_after_its_time_and_a_success_closes_it() {
    let now = Instant::now();
    let breaker = opened(1, now);
    let later = now + TEN;
    let probe = breaker.try_acquire(later).unwrap();
    assert!(probe.is_probe());
    assert_eq!(breaker.try_acquire(later).unwrap_err(), OpenUntil(later));
    probe.success();
    assert_eq!(breaker.state(later), BreakerState::Closed);
    assert!(!breaker.try_acquire(later).unwrap().is_probe());
}

#[test]
fn failed_probe_opens_it_again() {
    let now = Instant::now();
    let breaker = opened(2, now);
    let later = now + TEN;
    let (first, second) = (breaker.try_acquire(later).unwrap(), breaker.try_acquire(later).unwrap());
    first.success();
    second.failure(later, 0.5);
    assert_eq!(breaker.state(later), BreakerState::Open);
    assert_eq!(breaker.snapshot(later).opens_total, 2);
}

#[test]
fn probe_that_is_dropped_unreported_frees_its_slot_and_decides_nothing() {
    let now = Instant::now();
    let breaker = opened(1, now);
    let later = now + TEN;
    drop(breaker.try_acquire(later).unwrap());
    assert_eq!(breaker.state(later), BreakerState::HalfOpen);
    breaker.try_acquire(later).unwrap().neutral();
    breaker.try_acquire(later).unwrap().success();
    assert_eq!(breaker.state(later), BreakerState::Closed);
}

#[test]
fn confirmed_probe_closes_the_breaker_while_its_stream_goes_on() {
    let now = Instant::now();
    let breaker = opened(1, now);
    let later = now + TEN;
    let rest = breaker.try_acquire(later).unwrap().confirm(later).unwrap();
    assert_eq!(breaker.state(later), BreakerState::Closed);
    assert!(!rest.is_probe());
    rest.failure(later, 0.5);
    assert_eq!(breaker.state(later), BreakerState::Open);
}

#[test]
fn neutral_reports_neither_count_nor_clear_failures() {
    let now = Instant::now();
    let breaker = Breaker::new(settings(3, TEN, 1));
    breaker.try_acquire(now).unwrap().failure(now, 0.5);
    for _ in 0..10 {
        breaker.try_acquire(now).unwrap().neutral();
    }
    assert_eq!(breaker.snapshot(now).consecutive_failures, 1);
}

#[test]
fn pass_from_before_a_transition_has_no_say_after_it() {
    let now = Instant::now();
    let breaker = Breaker::new(settings(1, TEN, 1));
    let (late_failure, late_success) = (breaker.try_acquire(now).unwrap(), breaker.try_acquire(now).unwrap());
    breaker.try_acquire(now).unwrap().failure(now, 0.5);
    let later = now + TEN;
    let probe = breaker.try_acquire(later).unwrap();
    late_failure.failure(later, 0.5);
    late_success.success();
    assert_eq!(breaker.state(later), BreakerState::HalfOpen);
    assert!(breaker.try_acquire(later).is_err(), "a late report freed the probe's slot");
    probe.success();
    assert_eq!(breaker.state(later), BreakerState::Closed);
}

#[test]
fn reload_changes_settings_and_keeps_the_state() {
    let now = Instant::now();
    let breakers = Breakers::new();
    let id = UpstreamId::new("openai");
    breakers.get(&id, &settings(1, TEN, 1)).try_acquire(now).unwrap().failure(now, 0.5);
    let again = breakers.get(&id, &settings(7, TEN, 3));
    assert_eq!(again.state(now), BreakerState::Open);
    let probes: Vec<_> = (0..3).map(|_| again.try_acquire(now + TEN).unwrap()).collect();
    assert!(again.try_acquire(now + TEN).is_err());
    drop(probes);
    breakers.retain(|_| false);
    assert!(breakers.snapshot(now).is_empty());
}

#[test]
fn reload_to_fewer_probes_than_have_succeeded_does_not_leave_it_half_open_for_ever() {
    let now = Instant::now();
    let breakers = Breakers::new();
    let id = UpstreamId::new("openai");
    let breaker = breakers.get(&id, &settings(1, TEN, 3));
    breaker.try_acquire(now).unwrap().failure(now, 0.5);
    breaker.try_acquire(now + TEN).unwrap().success();
    breakers.get(&id, &settings(1, TEN, 1));
    assert!(!breaker.try_acquire(now + TEN).unwrap().is_probe());
}

#[test]
fn absurd_open_time_does_not_overflow() {
    let now = Instant::now();
    let breaker = Breaker::new(settings(1, Duration::MAX, 1));
    breaker.try_acquire(now).unwrap().failure(now, 1.0);
    assert_eq!(breaker.state(now + Duration::from_secs(3600)), BreakerState::Open);
}

#[test]
fn cool_down_ends_at_its_time_and_a_shorter_one_does_not_cut_it() {
    let now = Instant::now();
    let breaker = Breaker::new(settings(1, TEN, 1));
    breaker.cool_down(now, TEN);
    breaker.cool_down(now, Duration::from_secs(1));
    assert_eq!(breaker.cooling_for(now), Some(TEN));
    assert_eq!(breaker.cooling_for(now + TEN), None);
    breaker.cool_down(now, Duration::MAX);
    assert_eq!(breaker.cooling_for(now), Some(MAX_COOL_DOWN));
    assert_eq!(breaker.state(now), BreakerState::Closed);
}

#[test]
fn retry_budget_is_spent_and_refilled_by_requests() {
    let breaker = Breaker::new(settings(1, TEN, 1));
    assert_eq!((0..50).filter(|_| breaker.withdraw_retry()).count(), 10);
    for _ in 0..5 {
        breaker.deposit_retry();
    }
    assert!(breaker.withdraw_retry());
    assert!(!breaker.withdraw_retry());
}

proptest! {
    #[test]
    fn probes_are_bounded_and_open_refuses_whatever_happens(
        steps in proptest::collection::vec((0u8..6, 0usize..8, 0u64..15_000), 1..200),
        failures in 1u32..4,
        probes in 1u32..4,
    ) {
        let breaker = Breaker::new(settings(failures, TEN, probes));
        let mut now = Instant::now();
        let mut passes: Vec<(Pass, u64)> = Vec::new();
        for (step, pick, millis) in steps {
            match step {
                0..=2 => {
                    let before = breaker.state(now);
                    match breaker.try_acquire(now) {
                        Ok(pass) => {
                            prop_assert_ne!(before, BreakerState::Open);
                            prop_assert_eq!(pass.is_probe(), before == BreakerState::HalfOpen);
                            let epoch = pass.epoch;
                            passes.push((pass, epoch));
                        }
                        Err(_) => prop_assert_ne!(before, BreakerState::Closed),
                    }
                }
                3 => now += Duration::from_millis(millis),
                _ if passes.is_empty() => {}
                _ => {
                    let (pass, _) = passes.swap_remove(pick % passes.len());
                    match (step, millis % 3) {
                        (4, _) => pass.failure(now, 0.5),
                        (_, 0) => pass.success(),
                        (_, 1) => pass.neutral(),
                        _ => drop(pass),
                    }
                }
            }
            let epoch = breaker.lock().epoch;
            let live = passes.iter().filter(|(pass, of)| pass.is_probe() && *of == epoch).count();
            prop_assert!(live <= probes as usize);
            if let Phase::HalfOpen { probes: counted, .. } = breaker.lock().phase {
                prop_assert_eq!(counted as usize, live, "a slot leaked or was freed twice");
            }
        }
    }
}
