//! Waiting for a fact, with a deadline.

use std::time::{Duration, Instant};

/// How long a test waits for something that must happen.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// Polls until `probe` gives a value. Panics with `what` when the deadline passes.
pub fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(started.elapsed() < DEADLINE, "did not happen within {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(3));
    }
}
