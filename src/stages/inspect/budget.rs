//! What the inspection of one exchange may take: time, and work on views. It reads no clock of its own.

use std::fmt;
use std::time::Instant;

/// When inspection has to stop, and how to tell the time. Asked before each segment and after each 64 KiB of text.
pub struct TimeBudget<'a> {
    /// The moment after which no more text is looked at.
    pub deadline: Instant,
    /// The clock; a parameter so that tests need no waiting.
    pub now: &'a (dyn Fn() -> Instant + Sync),
}

/// The time budget ran out before a guard had seen everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spent;

/// Bytes of views that may still be made for one text. What is left undecoded for want of it is counted, never forgotten.
#[derive(Debug)]
pub(super) struct Work {
    left: usize,
    undecoded: usize,
}

impl Work {
    /// Eight times the text and never less than 64 KiB: enough for three honest levels, linear in the text.
    pub fn for_text(len: usize) -> Self {
        Self::of(len.saturating_mul(8).max(64 * 1024))
    }

    pub fn of(bytes: usize) -> Self {
        Self { left: bytes, undecoded: 0 }
    }

    /// Takes the work of reading `bytes` once more; `false` if they must be left as they are.
    pub fn take(&mut self, bytes: usize) -> bool {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                true
            }
            None => {
                self.undecoded = self.undecoded.saturating_add(bytes);
                false
            }
        }
    }

    /// Runs something that must not be worked on, so that it is counted.
    pub fn forgo(&mut self, run: impl FnOnce(&mut Self)) {
        let left = std::mem::take(&mut self.left);
        run(self);
        self.left = left;
    }

    pub fn undecoded_bytes(&self) -> u64 {
        u64::try_from(self.undecoded).unwrap_or(u64::MAX)
    }
}

impl TimeBudget<'_> {
    pub(super) fn check(&self) -> Result<(), Spent> {
        if (self.now)() >= self.deadline { Err(Spent) } else { Ok(()) }
    }
}

impl fmt::Debug for TimeBudget<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeBudget").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::time::Duration;

    /// Runs something with an hour of time.
    pub fn unhurried<T>(run: impl FnOnce(&TimeBudget<'_>) -> T) -> T {
        let start = Instant::now();
        run(&TimeBudget { deadline: start + Duration::from_secs(3600), now: &|| start })
    }

    /// Runs something with no time left.
    pub fn too_late<T>(run: impl FnOnce(&TimeBudget<'_>) -> T) -> T {
        let start = Instant::now();
        run(&TimeBudget { deadline: start, now: &|| start })
    }

    #[test]
    fn deadline_itself_is_too_late() {
        assert_eq!(too_late(|budget| budget.check()), Err(Spent));
        assert_eq!(unhurried(|budget| budget.check()), Ok(()));
    }
}
