//! Idle connections of one upstream. Bounded in number and age, checked when taken out; the lock is held for a push or
//! a pop only, never while anything waits.

use super::connection::UpstreamConnection;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Longest time a connection waits for its next use: providers close idle ones after 60 s and more.
const MAX_IDLE: Duration = Duration::from_secs(60);
/// Longest life of a connection, so that a changed DNS entry or certificate is noticed.
const MAX_AGE: Duration = Duration::from_secs(600);

/// Idle connections, the most recently used last.
#[derive(Debug)]
pub(super) struct Pool {
    idle: Mutex<VecDeque<Idle>>,
    capacity: usize,
}

#[derive(Debug)]
struct Idle {
    connection: Box<UpstreamConnection>,
    since: Instant,
}

impl Pool {
    /// An empty pool that keeps up to `capacity` connections.
    pub(super) fn new(capacity: usize) -> Self {
        Self { idle: Mutex::new(VecDeque::new()), capacity }
    }

    /// How many connections it keeps at most.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Takes out the connection used last that is still good; those found closed or too old are dropped on the way.
    pub(super) async fn take(&self, now: Instant) -> Option<Box<UpstreamConnection>> {
        loop {
            let mut idle = self.lock().pop_back()?;
            if !is_fresh(&idle, now) {
                continue;
            }
            if poll_fn(|cx| Poll::Ready(idle.connection.is_usable(cx))).await {
                return Some(idle.connection);
            }
        }
    }

    /// Puts a connection back after a whole answer. One that is closed or still busy is dropped, as is the one idle for
    /// longest where there is no room.
    pub(super) fn put(&self, mut connection: Box<UpstreamConnection>, now: Instant, cx: &mut Context<'_>) {
        if self.capacity == 0 || !connection.is_usable(cx) {
            return;
        }
        let mut surplus = Vec::new(); // closed after the lock is given back
        let mut idle = self.lock();
        idle.push_back(Idle { connection, since: now });
        while idle.len() > self.capacity || idle.front().is_some_and(|oldest| !is_fresh(oldest, now)) {
            surplus.extend(idle.pop_front());
        }
        drop(idle);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_fresh(idle: &Idle, now: Instant) -> bool {
    now.saturating_duration_since(idle.since) < MAX_IDLE
        && now.saturating_duration_since(idle.connection.opened()) < MAX_AGE
}
