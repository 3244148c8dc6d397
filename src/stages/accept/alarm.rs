//! One timer that is set far more often than it fires: setting it later costs no visit to the runtime's timer wheel.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// A deadline that may be moved or taken away at any time.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    deadline: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    /// Sets the deadline, unless one is set already.
    pub(super) fn start(&mut self, after: Duration) {
        if self.deadline.is_none() {
            self.deadline = Instant::now().checked_add(after);
        }
    }

    /// Takes the deadline away.
    pub(super) fn clear(&mut self) {
        self.deadline = None;
    }

    /// Is ready once the deadline has passed; never without one. The task is woken in time.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            // It may have been set for an earlier deadline that was taken away since.
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}
