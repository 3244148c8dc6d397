//! A streamed answer on its way to the client. Polling it polls the upstream, so that backpressure and a client that leaves
//! reach the upstream at once; nothing runs beside it.

use super::ANSWERED;
use super::answer::{Answered, refusal_of_answer, refusal_of_fault};
use super::calls::{About, Calls};
use super::life::Life;
use crate::model::{AtBound, Cause, OnBlock, Outcome, Refusal, Stage};
use crate::observe::StreamEnd as RecordedEnd;
use crate::snapshot::CompiledRoute;
use crate::stages::decode::{Decoded, DecodedForm, StreamDecoder, StreamEnd, StreamEnding, StreamLimits, StreamMarker};
use crate::stages::inspect::{Examined, StreamInspector, TimeBudget};
use crate::stages::redact;
use crate::stages::upstream::{AnswerBody, BodyFault, FailureKind};
use bytes::{Bytes, BytesMut};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// How long an upstream may take to close after its end marker. A client waits for that; in time, the connection is kept.
const CLOSE_TIME: Duration = Duration::from_millis(200);

/// Most bytes of events that wait, with everything around their texts: above it the stream is cut.
const MAX_QUEUED_BYTES: usize = 4 << 20;

/// The stream of deliverables of one answer.
pub(super) struct DeliveredStream {
    /// `None` once the exchange has ended and its record is written.
    life: Option<Box<Life>>,
    /// `None` once the upstream was dropped or has ended.
    upstream: Option<AnswerBody>,
    decoder: StreamDecoder,
    inspector: StreamInspector,
    route: Arc<CompiledRoute>,
    /// Resolves when the stream must end now: a shutdown's deadline has passed, or the upstream has sent its end marker and
    /// does not close.
    deadline: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Resolves when text was held for as long as the policy lets it; `None` while none is.
    patience: Option<Pin<Box<tokio::time::Sleep>>>,
    /// Events of one chunk; kept for its capacity.
    events: Vec<Decoded>,
    calls: Calls,
    /// Whether the upstream sent an error inside its stream.
    saw_error: bool,
}

/// Why a stream ends before the upstream's own end.
struct Cut {
    outcome: Outcome,
    recorded: RecordedEnd,
    ending: StreamEnding,
}

impl DeliveredStream {
    pub(super) fn new(life: Box<Life>, answered: Answered) -> Self {
        let limits = StreamLimits { event_bytes: life.event_bytes(), json: life.snapshot.json_limits() };
        Self {
            upstream: Some(answered.answer.body),
            decoder: StreamDecoder::new(answered.endpoint, limits, answered.swallow_usage),
            inspector: StreamInspector::new(
                Arc::clone(&life.snapshot.inspector),
                answered.route.policy.holding(),
                answered.declared,
            ),
            route: answered.route,
            deadline: Box::pin(life.shared.streams_must_end()),
            patience: None,
            calls: Calls::default(),
            events: Vec::new(),
            saw_error: false,
            life: Some(life),
        }
    }

    /// The next bytes for the client, never none of them; `None` after the last.
    pub(super) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            let Some(upstream) = self.upstream.as_mut() else { return Poll::Ready(None) };
            let mut out = BytesMut::new();
            let passed = match upstream.poll_chunk(cx) {
                Poll::Ready(Some(Ok(chunk))) => self.pass(&chunk, &mut out),
                Poll::Ready(Some(Err(fault))) => Err(broken(fault)),
                Poll::Ready(None) => self.ended(&mut out),
                Poll::Pending => match self.deadline.as_mut().poll(cx) {
                    Poll::Ready(()) if self.life.is_some() => Err(drained()),
                    Poll::Ready(()) => {
                        self.upstream = None;
                        return Poll::Ready(None);
                    }
                    Poll::Pending if self.has_waited(cx) => self.slow(&mut out),
                    Poll::Pending => return Poll::Pending,
                },
            };
            if let Err(mut cut) = passed {
                if cut.recorded != RecordedEnd::Cut
                    && let Err(blocked) = self.flush(&mut out)
                {
                    cut = blocked;
                }
                self.cut(cut, &mut out);
            }
            if !out.is_empty() {
                return Poll::Ready(Some(out.freeze()));
            }
        }
    }

    /// Decodes, inspects and judges one chunk of the upstream.
    fn pass(&mut self, chunk: &[u8], out: &mut BytesMut) -> Result<(), Cut> {
        let mut events = std::mem::take(&mut self.events);
        let decoded = self.decoder.push(chunk, &mut events);
        for event in events.drain(..) {
            self.deliver(event, out)?;
        }
        self.events = events;
        decoded.map_err(|fault| invalid(refusal_of_answer(&fault)))
    }

    /// Inspects one event, and writes what may go out of it and of those that were held.
    fn deliver(&mut self, event: Decoded, out: &mut BytesMut) -> Result<(), Cut> {
        let Some(life) = self.life.as_mut() else {
            // The decoder lets nothing pass after the end marker; if it ever does, it goes nowhere.
            return Ok(());
        };
        life.note_answer(&event);
        let ends = event.facts().ends_stream;
        self.saw_error |= event.facts().is_error;
        let began = Instant::now();
        let budget = TimeBudget { deadline: began + life.inspection_time(), now: &Instant::now };
        for examined in self.inspector.push(event, &self.route.tools, &budget) {
            self.release(examined, began, out)?;
        }
        if !ends {
            self.keep_bounds(began, out)?;
        }
        if ends {
            for examined in self.inspector.finish(&self.route.tools) {
                self.release(examined, began, out)?;
            }
            self.complete();
        }
        Ok(())
    }

    /// What is held stays within the policy's bounds, or the policy's choice answers.
    fn keep_bounds(&mut self, began: Instant, out: &mut BytesMut) -> Result<(), Cut> {
        let (held, bounds) = (self.inspector.held(), self.route.policy.streams());
        if held.calls > bounds.max_call_bytes || held.events > MAX_QUEUED_BYTES {
            return Err(overfull());
        }
        if held.text > bounds.max_held_bytes { self.settle(bounds.when_full, began, out) } else { Ok(()) }
    }

    /// Text has waited for as long as it may.
    fn slow(&mut self, out: &mut BytesMut) -> Result<(), Cut> {
        self.patience = None;
        self.settle(self.route.policy.streams().when_slow, Instant::now(), out)
    }

    fn settle(&mut self, choice: AtBound, began: Instant, out: &mut BytesMut) -> Result<(), Cut> {
        if choice == AtBound::Cut {
            return Err(overfull());
        }
        for examined in self.inspector.settle(&self.route.tools) {
            self.release(examined, began, out)?;
        }
        Ok(())
    }

    /// Whether text has been held for as long as it may, while the upstream said nothing.
    fn has_waited(&mut self, cx: &mut Context<'_>) -> bool {
        if self.inspector.held().text == 0 || self.life.is_none() {
            self.patience = None;
            return false;
        }
        let wait = self.route.policy.streams().max_wait;
        let patience = self.patience.get_or_insert_with(|| Box::pin(tokio::time::sleep(wait)));
        patience.as_mut().poll(cx).is_ready()
    }

    /// The upstream says no more: what is held is judged as it stands.
    fn flush(&mut self, out: &mut BytesMut) -> Result<(), Cut> {
        let began = Instant::now();
        for examined in self.inspector.finish(&self.route.tools) {
            self.release(examined, began, out)?;
        }
        Ok(())
    }

    fn release(&mut self, examined: Examined, began: Instant, out: &mut BytesMut) -> Result<(), Cut> {
        self.patience = None;
        let Some(life) = self.life.as_mut() else { return Ok(()) };
        let is_sign_of_life = *examined.decoded().form() == DecodedForm::Marker(StreamMarker::KeepAlive);
        match self.calls.about(examined.decoded().facts()) {
            About::Other => {}
            About::Refused => {
                self.decoder.delivered();
                return Ok(());
            }
            About::Both => return Err(withheld_rest(Cause::AnswerBlocked)),
        }
        let judged = self.route.policy.judge(examined);
        let edit = match self.calls.none_left() {
            true => self.decoder.without_calls(judged.decoded().facts()),
            false => None,
        };
        life.note_answer_verdict(judged.verdict(), began.elapsed());
        match redact::answer_with(judged, edit) {
            Ok((deliverable, left)) => {
                self.calls.passed(&left.facts);
                let edits = deliverable.edits();
                let bytes = deliverable.into_bytes();
                life.note_delivery(bytes.len(), edits);
                if !is_sign_of_life {
                    self.decoder.delivered();
                }
                out.extend_from_slice(&bytes);
                Ok(())
            }
            Err(withheld) => self.refuse_call(&withheld, out).map_err(|()| Cut {
                outcome: Outcome { cause: withheld.cause, stage: Stage::Policy },
                recorded: RecordedEnd::Cut,
                ending: match self.route.policy.streams().on_block {
                    OnBlock::Finish => StreamEnding::Withheld,
                    OnBlock::Error => StreamEnding::Error(Refusal::new(Stage::Policy, withheld.cause)),
                },
            }),
        }
    }

    /// Leaves out a call that the policy refuses, if the event is one's beginning and nothing else.
    fn refuse_call(&mut self, withheld: &redact::Withheld, out: &mut BytesMut) -> Result<(), ()> {
        let lane = Calls::refusable(withheld).ok_or(())?;
        let sentence = self.decoder.refused_call(lane, &withheld.decoded).ok_or(())?;
        if let Some(life) = self.life.as_mut() {
            life.note_delivery(sentence.len(), 1);
        }
        self.calls.refuse(lane);
        self.decoder.delivered();
        out.extend_from_slice(&sentence);
        Ok(())
    }

    /// The upstream's own end marker was judged: the exchange is over, before its last bytes go out.
    fn complete(&mut self) {
        let (outcome, recorded) = if self.saw_error {
            (Outcome { cause: Cause::UpstreamFailed, stage: Stage::Upstream }, RecordedEnd::UpstreamError)
        } else {
            (ANSWERED, RecordedEnd::Complete)
        };
        if let Some(upstream) = self.upstream.as_mut() {
            if self.saw_error { upstream.failed(FailureKind::ErrorInside) } else { upstream.succeeded() }
        }
        if let Some(life) = self.life.take() {
            life.end_stream(outcome, recorded);
        }
        self.deadline = Box::pin(tokio::time::sleep(CLOSE_TIME));
    }

    /// The upstream closed.
    fn ended(&mut self, out: &mut BytesMut) -> Result<(), Cut> {
        if self.life.is_some() && self.saw_error {
            // OpenAI ends a stream after an error event without `[DONE]`.
            self.flush(out)?;
            self.complete();
        }
        if self.life.is_some() && self.decoder.finish() == StreamEnd::Truncated {
            return Err(truncated());
        }
        self.flush(out)?;
        self.complete();
        self.upstream = None;
        Ok(())
    }

    /// Ends the stream for the client in its dialect, and drops the upstream at once.
    fn cut(&mut self, cut: Cut, out: &mut BytesMut) {
        if let Some(mut upstream) = self.upstream.take() {
            match cut.recorded {
                RecordedEnd::Truncated => upstream.failed(FailureKind::Truncated),
                RecordedEnd::UpstreamError => upstream.failed(FailureKind::Invalid),
                // A stall was told to the breaker where it was seen; the others are not the upstream's doing.
                RecordedEnd::Complete
                | RecordedEnd::Cut
                | RecordedEnd::TimedOut
                | RecordedEnd::ClientLeft
                | RecordedEnd::Drained => {}
            }
        }
        let Some(mut life) = self.life.take() else { return };
        let last = self.decoder.terminal(&cut.ending);
        life.note_delivery(last.len(), 0);
        out.extend_from_slice(&last);
        if let StreamEnding::Error(refusal) = &cut.ending {
            life.note_refusal(refusal);
        }
        life.end_stream(cut.outcome, cut.recorded);
    }
}

fn error(refusal: Refusal, recorded: RecordedEnd) -> Cut {
    Cut { outcome: refusal.outcome, recorded, ending: StreamEnding::Error(refusal) }
}

/// More is held than the policy lets wait undecided.
fn overfull() -> Cut {
    let outcome = Outcome { cause: Cause::InspectionIncomplete, stage: Stage::Inspect };
    Cut { outcome, recorded: RecordedEnd::Cut, ending: StreamEnding::Withheld }
}

fn withheld_rest(cause: Cause) -> Cut {
    Cut { outcome: Outcome { cause, stage: Stage::Policy }, recorded: RecordedEnd::Cut, ending: StreamEnding::Withheld }
}

fn truncated() -> Cut {
    error(Refusal::new(Stage::Upstream, Cause::UpstreamTruncated), RecordedEnd::Truncated)
}

fn invalid(refusal: Refusal) -> Cut {
    error(refusal, RecordedEnd::UpstreamError)
}

fn drained() -> Cut {
    error(Refusal::new(Stage::Deliver, Cause::Draining), RecordedEnd::Drained)
}

fn broken(fault: BodyFault) -> Cut {
    let refusal = refusal_of_fault(fault);
    let recorded =
        if refusal.outcome.cause == Cause::UpstreamTimeout { RecordedEnd::TimedOut } else { RecordedEnd::Truncated };
    error(refusal, recorded)
}
