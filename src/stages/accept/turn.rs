//! What a gate and the exchanges behind it say to each other: requests on one connection come one after the other, however
//! they were sent.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whose turn it is on a connection: the gate takes it when it lets a head through; the exchange gives it back when its
/// answer is done.
#[derive(Debug, Default)]
pub(super) struct Turn {
    taken: AtomicBool,
    needs_strip: AtomicBool,
}

impl Turn {
    /// Whether the head let through last has headers that must be removed.
    pub(super) fn needs_strip(&self) -> bool {
        self.needs_strip.load(Ordering::Relaxed)
    }

    /// Gives the turn back.
    pub(super) fn give_back(&self) {
        self.taken.store(false, Ordering::Release);
    }

    /// Takes the turn for a head that is let through.
    pub(super) fn take(&self, needs_strip: bool) {
        self.needs_strip.store(needs_strip, Ordering::Relaxed);
        self.taken.store(true, Ordering::Release);
    }

    /// Whether an exchange has it.
    pub(super) fn is_taken(&self) -> bool {
        self.taken.load(Ordering::Acquire)
    }
}
