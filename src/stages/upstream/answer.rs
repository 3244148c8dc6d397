//! An upstream's answer: its head, and a body that comes in pieces under an idle and a total limit.
//!
//! Dropping the body early closes the connection, which cancels the upstream. The breaker's pass travels in the body: what
//! nobody reports is neutral, except that the clean end of a whole (not streamed) good answer is a success.

use super::connection::UpstreamConnection;
use super::failure::FailureKind;
use super::upstreams::Line;
use crate::model::{Cause, UpstreamId};
use crate::state::breaker::Pass;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use http_body::Body;
use hyper::body::Incoming;
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// How long a stream must have flowed before a half-open breaker believes it: an error inside a 200 comes sooner.
const TRUSTED_AFTER: Duration = Duration::from_secs(2);

/// The head of an upstream's answer with the body to come.
#[derive(Debug)]
pub struct Answer {
    /// Its status: 2xx, or a 4xx that the provider means for the client (never 408, 429).
    pub status: StatusCode,
    /// Its headers as received; [`super::answer_headers`] says which may go downstream.
    pub headers: HeaderMap,
    /// Its body.
    pub body: AnswerBody,
    /// Who answered.
    pub upstream: UpstreamId,
    /// Whether the built-in upstream answered.
    pub is_demo: bool,
    /// Time from the first try at this upstream to the answer's head, pauses included.
    pub head_after: Duration,
}

impl Answer {
    /// Whether the answer says that it is a stream of server-sent events.
    pub fn is_event_stream(&self) -> bool {
        is_event_stream(&self.headers)
    }
}

/// Why a body did not come whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// The upstream sent nothing for the stream-idle time while it was asked.
    #[error("the upstream's answer stalled")]
    Idle,
    /// The exchange's total time is over.
    #[error("the exchange took longer than its total time")]
    Total,
    /// The connection broke before the body's end.
    #[error("the connection broke inside the answer")]
    Reset,
    /// The body is larger than the caller accepts.
    #[error("the answer is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The most that was accepted.
        limit_bytes: usize,
    },
}

impl BodyFault {
    /// The cause that ends the exchange.
    pub fn cause(self) -> Cause {
        match self {
            Self::Idle | Self::Total => Cause::UpstreamTimeout,
            Self::Reset => Cause::UpstreamTruncated,
            Self::TooLarge { .. } => Cause::UpstreamInvalid,
        }
    }
}

/// A body that comes in pieces.
pub struct AnswerBody {
    source: Source,
    clock: BodyClock,
    report: Report,
}

enum Source {
    Network(Box<Network>),
    BuiltIn(VecDeque<Bytes>),
    /// Ended or broken.
    Done,
}

struct Network {
    connection: Box<UpstreamConnection>,
    incoming: Incoming,
    line: Arc<Line>,
}

impl fmt::Debug for AnswerBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            Source::Network(_) => "network",
            Source::BuiltIn(_) => "built in",
            Source::Done => "done",
        };
        write!(f, "AnswerBody({source})")
    }
}

/// What a body needs to know of the exchange it belongs to.
pub(super) struct BodyTerms {
    pub(super) pass: Pass,
    pub(super) jitter: f64,
    pub(super) stream_idle: Duration,
    pub(super) deadline: Instant,
}

impl AnswerBody {
    /// The body of an answer that came over the network.
    pub(super) fn network(
        status: StatusCode,
        headers: &HeaderMap,
        incoming: Incoming,
        connection: Box<UpstreamConnection>,
        line: Arc<Line>,
        terms: BodyTerms,
    ) -> Self {
        let end_is_success = status.is_success() && !is_event_stream(headers);
        let source = Source::Network(Box::new(Network { connection, incoming, line }));
        Self::new(source, end_is_success, terms)
    }

    /// A body made here.
    pub(super) fn built_in(pieces: VecDeque<Bytes>, terms: BodyTerms) -> Self {
        Self::new(Source::BuiltIn(pieces), true, terms)
    }

    fn new(source: Source, end_is_success: bool, terms: BodyTerms) -> Self {
        Self {
            source,
            clock: BodyClock { idle: terms.stream_idle, deadline: terms.deadline, asked_at: None, alarm: None },
            report: Report {
                pass: Some(terms.pass),
                jitter: terms.jitter,
                since: Instant::now(),
                end_is_success,
                ended: false,
            },
        }
    }

    /// The next piece, never empty; `None` after the end. After a fault the connection is gone and only `None` follows,
    /// so a fault must not be overlooked.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyFault>>> {
        let polled = match &mut self.source {
            Source::Network(network) => network.connection.poll_body(&mut network.incoming, cx),
            Source::BuiltIn(pieces) => Poll::Ready(pieces.pop_front().map(Ok)),
            Source::Done => return Poll::Ready(None),
        };
        match polled {
            Poll::Ready(Some(Ok(piece))) => {
                let now = Instant::now();
                if now >= self.clock.deadline {
                    return Poll::Ready(Some(Err(self.break_off(BodyFault::Total))));
                }
                self.clock.asked_at = None;
                self.report.alive(now);
                Poll::Ready(Some(Ok(piece)))
            }
            Poll::Ready(Some(Err(_))) => Poll::Ready(Some(Err(self.break_off(BodyFault::Reset)))),
            Poll::Ready(None) => {
                self.end(cx);
                Poll::Ready(None)
            }
            Poll::Pending => match self.clock.poll(cx) {
                Poll::Ready(fault) => Poll::Ready(Some(Err(self.break_off(fault)))),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    /// The next piece, as a future. Cancel-safe: nothing is lost when it is dropped and called again.
    ///
    /// # Errors
    /// See [`BodyFault`].
    pub async fn chunk(&mut self) -> Option<Result<Bytes, BodyFault>> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// The whole body, if it has at most `limit_bytes`. Not cancel-safe.
    ///
    /// # Errors
    /// See [`BodyFault`]; on `TooLarge` the connection is dropped.
    pub async fn read_whole(&mut self, limit_bytes: usize) -> Result<Vec<u8>, BodyFault> {
        let announced = match &self.source {
            Source::Network(network) => network.incoming.size_hint().exact(),
            Source::BuiltIn(_) | Source::Done => None,
        };
        let announced = announced.map_or(0, |len| usize::try_from(len).unwrap_or(usize::MAX));
        if announced > limit_bytes {
            return Err(self.break_off(BodyFault::TooLarge { limit_bytes }));
        }
        // A length that was only announced reserves little: the rest must come first.
        let mut whole = Vec::with_capacity(announced.min(64 * 1024));
        while let Some(piece) = self.chunk().await {
            let piece = piece?;
            if piece.len() > limit_bytes.saturating_sub(whole.len()) {
                return Err(self.break_off(BodyFault::TooLarge { limit_bytes }));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }

    /// Reports that the upstream did what it promises. Only the first report counts.
    pub fn succeeded(&mut self) {
        if let Some(pass) = self.report.pass.take() {
            pass.success();
        }
    }

    /// Reports a fault that only the pipeline could see; it counts against the breaker. Only the first report counts.
    /// `kind` is for the caller's record: all kinds count alike.
    pub fn failed(&mut self, kind: FailureKind) {
        match kind {
            FailureKind::ErrorInside | FailureKind::Truncated | FailureKind::Invalid => self.report.fail(),
        }
    }

    /// Closes the connection and, where the upstream is to blame, reports it.
    fn break_off(&mut self, fault: BodyFault) -> BodyFault {
        self.source = Source::Done;
        match fault {
            BodyFault::Idle | BodyFault::Reset => self.report.fail(),
            // A slow reader can spend the total time, and a request can ask for more than fits.
            BodyFault::Total | BodyFault::TooLarge { .. } => self.report.pass = None,
        }
        fault
    }

    fn end(&mut self, cx: &mut Context<'_>) {
        self.report.ended = true;
        if let Source::Network(network) = std::mem::replace(&mut self.source, Source::Done) {
            let Network { connection, incoming, line } = *network;
            drop(incoming);
            line.pool.put(connection, Instant::now().into_std(), cx);
        }
    }
}

/// Carries the pass until somebody knows how the exchange went.
struct Report {
    pass: Option<Pass>,
    jitter: f64,
    since: Instant,
    end_is_success: bool,
    ended: bool,
}

impl Report {
    fn fail(&mut self) {
        if let Some(pass) = self.pass.take() {
            pass.failure(Instant::now().into_std(), self.jitter);
        }
    }

    /// Lets a probe that has flowed for a while give its slot back.
    fn alive(&mut self, now: Instant) {
        let is_old_probe = self.pass.as_ref().is_some_and(Pass::is_probe)
            && now.saturating_duration_since(self.since) >= TRUSTED_AFTER;
        if is_old_probe {
            self.pass = self.pass.take().and_then(|pass| pass.confirm(now.into_std()));
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if self.ended
            && self.end_is_success
            && let Some(pass) = self.pass.take()
        {
            pass.success();
        }
    }
}

/// The idle and the total limit of a body. One timer serves the whole body: a piece that arrives does not touch it; it is
/// moved only when it rings too early, so a piece costs one reading of the clock.
struct BodyClock {
    idle: Duration,
    deadline: Instant,
    /// Since when the next piece is being waited for; `None` while nobody asks.
    asked_at: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl BodyClock {
    /// Called whenever the body has nothing: ready when one of the limits is over, else wakes the task in time.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<BodyFault> {
        loop {
            let now = Instant::now();
            let asked_at = *self.asked_at.get_or_insert(now);
            let idle_until = asked_at.checked_add(self.idle).unwrap_or(self.deadline);
            let limit = idle_until.min(self.deadline);
            if now >= limit {
                return Poll::Ready(if idle_until < self.deadline { BodyFault::Idle } else { BodyFault::Total });
            }
            let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(limit)));
            if alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            alarm.as_mut().reset(limit); // it was set for an earlier piece
        }
    }
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.as_bytes().get(..17))
        .is_some_and(|start| start.eq_ignore_ascii_case(b"text/event-stream"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::settings::BreakerSettings;
    use crate::state::breaker::{Breaker, BreakerState};

    #[tokio::test]
    async fn probe_that_streams_for_a_while_gives_its_slot_back_and_one_that_just_began_does_not() {
        let open_for = Duration::from_secs(10);
        let breaker = Breaker::new(BreakerSettings { consecutive_failures: 1, open_for, half_open_probes: 1 });
        let since = Instant::now() + open_for;
        let now = since.into_std();
        breaker.try_acquire(now - open_for).unwrap().failure(now - open_for, 0.5);
        let pass = Some(breaker.try_acquire(now).unwrap());
        let mut report = Report { pass, jitter: 0.5, since, end_is_success: false, ended: false };
        report.alive(since + TRUSTED_AFTER - Duration::from_millis(1));
        assert_eq!(breaker.state(now), BreakerState::HalfOpen);
        report.alive(since + TRUSTED_AFTER);
        assert_eq!(breaker.state(now), BreakerState::Closed);
        drop(report);
        assert_eq!(breaker.state(now), BreakerState::Closed);
    }
}
