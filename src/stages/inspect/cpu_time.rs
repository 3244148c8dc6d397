//! For tests that hold work against quadratic growth: the processor time of the calling thread, which a busy machine does not
//! stretch as it stretches the wall clock. The limits in such tests are tens of times above what linear work takes.

use std::time::Duration;

/// What `work` costs the calling thread, from the first field of `/proc/thread-self/schedstat` (nanoseconds on a processor;
/// exact to a tick of the scheduler).
pub(super) fn cpu_time_of(work: impl FnOnce()) -> Duration {
    let before = spent();
    work();
    spent().saturating_sub(before)
}

fn spent() -> Duration {
    // Giving the processor up brings the kernel's account up to date.
    std::thread::yield_now();
    let text = std::fs::read("/proc/thread-self/schedstat").unwrap();
    let first = String::from_utf8(text).unwrap().split(' ').next().unwrap().parse().unwrap();
    Duration::from_nanos(first)
}

#[test]
fn work_costs_time_and_sleep_does_not() {
    let slept = cpu_time_of(|| std::thread::sleep(Duration::from_millis(100)));
    assert!(slept < Duration::from_millis(50), "{slept:?}");
    let worked = cpu_time_of(|| {
        let text = "a".repeat(1 << 20);
        for round in 0..8_usize {
            for byte in text.bytes() {
                let _ = std::hint::black_box(usize::from(byte) > round);
            }
        }
    });
    assert!(worked > Duration::from_millis(2), "{worked:?}");
}
