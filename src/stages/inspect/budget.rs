//! The time that the inspection of one exchange may take. It reads no clock of its own.

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
