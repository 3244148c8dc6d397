//! One exchange from its first byte to its last: what it holds, and what is written of it.
//!
//! A `Life` ends once: by [`Life::end`] on every path of the pipeline, or by being dropped, which only a client that leaves (or
//! a panic) can cause. Either way its record is written and its permits are given back.

use super::Shared;
use super::filling::{add_inspection, add_verdict, as_u64, coverage, header, shown};
use crate::model::outcome::RetryAdvice;
use crate::model::{Cause, Dialect, Endpoint, Outcome, PolicyId, Refusal, RequestId, Stage};
use crate::observe::{
    Attempt, Coverage as RecordedCoverage, Excerpt, Record, Slot, SnapshotMark, StreamEnd, Tokens, ToolUse,
    TraceContext,
};
use crate::snapshot::Snapshot;
use crate::stages::accept::Head;
use crate::stages::admit::{Admitted, RateHeaders};
use crate::stages::decode::{AnswerFacts, Decoded, Exchange, Usage};
use crate::stages::policy::Verdict;
use crate::stages::redact::Outbound;
use crate::stages::upstream::{self, Answer};
use crate::state::{ExchangePermit, TokenReservation};
use http::header::X_CONTENT_TYPE_OPTIONS;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Bytes of English text per token, for the estimate where a provider says nothing. OpenAI's help pages give "about four
/// characters".
const BYTES_PER_TOKEN: u64 = 4;

/// Tokens reserved for an answer whose request sets no limit.
const DEFAULT_OUTPUT_TOKENS: u64 = 1_024;

/// The gateway's id of an exchange, to clients of Anthropic's API and to all. Constants: checking a name costs as much as
/// adding it.
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// One exchange under way. It lives in a box, since it changes hands often.
pub(super) struct Life {
    pub(super) shared: Arc<Shared>,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) id: RequestId,
    pub(super) dialect: Dialect,
    pub(super) policy: Option<PolicyId>,
    trace: Option<TraceContext>,
    /// The client's own `traceparent`, passed on where the gateway makes no traces.
    traceparent: Option<HeaderValue>,
    /// For an answer 405.
    pub(super) allowed_method: Option<&'static str>,
    /// Whether the answer is a stream, for the record of a client that leaves.
    streams: bool,
    began: Instant,
    slot: Option<Slot>,
    permit: Option<ExchangePermit>,
    reservation: Option<TokenReservation>,
    rates: RateHeaders,
    /// Bytes of text in the answer, for the estimate.
    answered_text: u64,
    usage: Option<Usage>,
    /// How the exchange ends if it is dropped from here on.
    if_dropped: Outcome,
}

impl Life {
    pub(super) fn new(shared: Arc<Shared>, id: RequestId, dialect: Dialect, mut slot: Slot) -> Box<Self> {
        let snapshot = shared.snapshot();
        let mark = SnapshotMark { number: snapshot.number, hash: Arc::clone(&snapshot.hash_prefix) };
        let mut life = Box::new(Self {
            shared,
            snapshot,
            id,
            dialect,
            policy: None,
            trace: slot.record_mut().trace,
            traceparent: None,
            allowed_method: None,
            streams: false,
            began: Instant::now(),
            slot: Some(slot),
            permit: None,
            reservation: None,
            rates: RateHeaders::default(),
            answered_text: 0,
            usage: None,
            if_dropped: Outcome { cause: Cause::ClientLeft, stage: Stage::Accept },
        });
        life.write(|record| record.snapshot = Some(mark));
        life
    }

    /// Changes the record.
    pub(super) fn write(&mut self, change: impl FnOnce(&mut Record)) {
        if let Some(slot) = self.slot.as_mut() {
            change(slot.record_mut());
        }
    }

    /// Time since the exchange began.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// How long the inspection of one body or event may take.
    pub(super) fn inspection_time(&self) -> Duration {
        self.snapshot.written.limits.inspection_time
    }

    /// Longest event of a stream.
    pub(super) fn event_bytes(&self) -> usize {
        usize::try_from(self.snapshot.written.limits.event_bytes).unwrap_or(usize::MAX)
    }

    /// Longest answer that is read whole.
    pub(super) fn response_body_bytes(&self) -> usize {
        usize::try_from(self.snapshot.written.limits.response_body_bytes).unwrap_or(usize::MAX)
    }

    /// A number that differs from exchange to exchange.
    pub(super) fn jitter_seed(&self) -> u64 {
        let tail = self.id.as_str().bytes().rev().take(12);
        tail.fold(0, |seed, byte| (seed << 5) ^ u64::from(byte))
    }

    /// Says where the exchange is, for the record of a client that leaves now.
    pub(super) fn at(&mut self, stage: Stage) {
        self.if_dropped.stage = stage;
    }

    pub(super) fn note_admitted(&mut self, admitted: &Admitted) {
        let elapsed = self.elapsed();
        self.dialect = admitted.endpoint().dialect();
        let dialect = self.dialect;
        self.rates.requests = admitted.request_standing();
        self.write(|record| {
            record.client = Some(admitted.client().clone());
            record.route = Some(admitted.route().clone());
            record.endpoint = Some(admitted.endpoint());
            record.dialect = Some(dialect);
            record.timings.admit = Some(elapsed);
        });
    }

    /// Keeps the path of a request that no endpoint took.
    pub(super) fn note_unadmitted(&mut self, head: &Head, refusal: &Refusal) {
        if refusal.outcome.cause == Cause::MethodNotAllowed {
            self.allowed_method = self.snapshot.admission.allowed_method(head.path());
        }
        let path = self.snapshot.inspector.redact_for_record(head.path());
        self.write(|record| record.refuse_path(&path));
    }

    pub(super) fn note_exchange(&mut self, exchange: &Exchange) {
        let facts = exchange.facts();
        let received = as_u64(exchange.body().len());
        let model = facts.model.as_ref().map(|model| shown(&self.snapshot.inspector, model.expose()));
        self.write(|record| {
            record.model = model;
            record.stream = facts.stream;
            record.bytes.received = received;
            record.request.coverage = Some(coverage(facts.coverage, received));
        });
    }

    /// Reserves the tokens that this request may cost: its text, and the longest answer it asks for.
    pub(super) fn reserve_tokens(&mut self, exchange: &Exchange) -> Result<(), Refusal> {
        let input = exchange.facts().coverage.inspected / BYTES_PER_TOKEN;
        let output = match exchange.admitted().endpoint() {
            Endpoint::Embeddings | Endpoint::Moderations | Endpoint::CountTokens => 0,
            _ => exchange.facts().max_tokens.unwrap_or(DEFAULT_OUTPUT_TOKENS),
        };
        let client = exchange.admitted().client();
        let now = Instant::now();
        let estimate = input.saturating_add(output);
        let reserve = |tokens| self.snapshot.admission.reserve_tokens(client, tokens, &self.shared.counters, now);
        let reservation = match reserve(estimate) {
            // Our own guess of the answer's length must not shut out a client whose whole rate is smaller than that.
            Err(refusal) if refusal.retry == RetryAdvice::Never && exchange.facts().max_tokens.is_none() => {
                reserve(input)?
            }
            result => result?,
        };
        self.rates.tokens = reservation.standing();
        self.reservation = Some(reservation);
        Ok(())
    }

    pub(super) fn hold_permit(&mut self, permit: ExchangePermit) {
        self.permit = Some(permit);
    }

    pub(super) fn note_request_verdict(&mut self, verdict: &Verdict, spent: Duration) {
        self.write(|record| {
            record.policy = Some(verdict.policy.clone());
            record.mode = Some(verdict.mode);
            add_verdict(&mut record.request, verdict);
            add_inspection(record, spent);
        });
    }

    pub(super) fn note_answer_verdict(&mut self, verdict: &Verdict, spent: Duration) {
        self.write(|record| {
            add_verdict(&mut record.answer, verdict);
            add_inspection(record, spent);
        });
    }

    pub(super) fn note_attempts(&mut self, attempts: &[upstream::Attempt], sent_after: Duration, body: usize) {
        self.write(|record| {
            for attempt in attempts {
                record.attempts.push(Attempt {
                    upstream: attempt.upstream.clone(),
                    status: attempt.status,
                    failure: attempt.failure,
                    started_after: sent_after.saturating_add(attempt.started_after),
                    elapsed: attempt.elapsed,
                });
                record.bytes.forwarded = record.bytes.forwarded.saturating_add(as_u64(body));
            }
        });
    }

    /// Notes what a part of an answer says of itself: usage, model, tool calls.
    pub(super) fn note_answer(&mut self, decoded: &Decoded) {
        let facts = decoded.facts();
        self.usage = merged(self.usage, facts.usage);
        let body = decoded.body();
        let text: usize = facts.segments.iter().map(|segment| segment.raw.len()).sum();
        self.answered_text = self.answered_text.saturating_add(as_u64(text));
        let received = as_u64(body.len());
        let tools = self.tools_of(facts, body);
        let inspector = Arc::clone(&self.snapshot.inspector);
        self.write(|record| {
            record.bytes.answered = record.bytes.answered.saturating_add(received);
            record.answer.cover(coverage(facts.coverage, received));
            if let Some(id) = &facts.id {
                record.upstream_id.get_or_insert_with(|| shown(&inspector, id.expose()));
            }
            if let Some(model) = &facts.model {
                record.answer_model.get_or_insert_with(|| shown(&inspector, model.expose()));
            }
            if facts.finish_reason.is_some() {
                record.finish_reason = facts.finish_reason;
            }
            for tool in tools {
                record.tool_calls.push(tool);
            }
        });
    }

    fn tools_of(&self, facts: &AnswerFacts, body: &str) -> Vec<ToolUse> {
        facts
            .tool_calls
            .iter()
            .map(|call| {
                let arguments: String = call
                    .arguments
                    .iter()
                    .filter_map(|&index| facts.segments.get(index))
                    .map(|segment| segment.text(body))
                    .collect();
                let inspector = &self.snapshot.inspector;
                let arguments = (!arguments.is_empty()).then(|| shown(inspector, &arguments));
                ToolUse { name: shown(inspector, call.name.expose()), arguments }
            })
            .collect()
    }

    pub(super) fn note_delivery(&mut self, bytes: usize, edits: u32) {
        let elapsed = self.elapsed();
        self.write(|record| {
            record.bytes.delivered = record.bytes.delivered.saturating_add(as_u64(bytes));
            record.answer.edits = record.answer.edits.saturating_add(edits);
            record.timings.first_delivered.get_or_insert(elapsed);
        });
    }

    pub(super) fn note_outbound(&mut self, outbound: &Outbound) {
        let edits = outbound.edits();
        self.write(|record| record.request.edits = edits);
    }

    pub(super) fn note_answer_head(&mut self, answer: &Answer) {
        let elapsed = self.elapsed();
        let provider = self.snapshot.upstreams.get(&answer.upstream).map(|upstream| upstream.provider().name());
        self.write(|record| {
            record.upstream = Some(answer.upstream.clone());
            record.provider = provider;
            record.demo = answer.is_demo;
            record.timings.first_byte = Some(elapsed);
        });
    }

    /// The head of a streamed answer goes out.
    pub(super) fn begin_stream(&mut self) {
        self.streams = true;
        self.note_status(200);
        self.at(Stage::Deliver);
    }

    pub(super) fn note_status(&mut self, status: u16) {
        self.write(|record| record.status = Some(status));
    }

    /// Keeps the caller's trace context, to be passed on where the gateway makes no spans of its own.
    pub(super) fn keep_traceparent(&mut self, head: &Head) {
        let passed_on = header(head.headers(), "traceparent").and_then(TraceContext::passed_on);
        self.traceparent = passed_on.and_then(|header| HeaderValue::try_from(header).ok());
    }

    /// The trace context for the upstream: below our own span where traces are on, else the caller's.
    pub(super) fn traceparent(&self) -> Option<HeaderValue> {
        match self.trace {
            Some(trace) => HeaderValue::try_from(trace.attempt_header(0)).ok(),
            None => self.traceparent.clone(),
        }
    }

    /// Adds what every answer carries: our id, the security headers, the rates where they are tighter than the upstream's.
    pub(super) fn add_headers(&self, headers: &mut HeaderMap) {
        if let Ok(id) = HeaderValue::from_str(self.id.as_str()) {
            if self.dialect == Dialect::Anthropic {
                headers.insert(REQUEST_ID, id.clone());
            }
            headers.insert(X_REQUEST_ID, id);
        }
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        self.add_rate_headers(headers);
    }

    /// Adds the client's own rates, where it has any. A client with rates of its own is told those and not the
    /// provider's, which it shares with others.
    pub(super) fn add_rate_headers(&self, headers: &mut impl Extend<(HeaderName, HeaderValue)>) {
        if self.rates == RateHeaders::default() {
            return;
        }
        match self.dialect {
            Dialect::Anthropic => headers.extend(self.rates.anthropic(SystemTime::now())),
            Dialect::OpenAi | Dialect::Json => headers.extend(self.rates.openai()),
        }
    }

    /// Notes a refusal's cause, detail and effect on the caller's address.
    pub(super) fn note_refusal(&mut self, refusal: &Refusal) {
        let detail = refusal.detail.as_deref().map(Excerpt::of);
        self.write(|record| record.detail = detail);
    }

    /// Ends the exchange: settles the tokens, writes the record, gives the permits back.
    pub(super) fn end(mut self: Box<Self>, outcome: Outcome, status: u16) {
        self.write(|record| record.status = Some(status));
        self.close(outcome);
    }

    /// Ends a stream: as [`Life::end`], with how the stream ended.
    pub(super) fn end_stream(mut self: Box<Self>, outcome: Outcome, end: StreamEnd) {
        self.write(|record| record.stream_end = Some(end));
        self.close(outcome);
    }

    fn close(&mut self, outcome: Outcome) {
        let Some(mut slot) = self.slot.take() else { return };
        let elapsed = self.began.elapsed();
        let record = slot.record_mut();
        record.outcome = Some(outcome);
        record.timings.total = Some(elapsed);
        let tokens = self.settle(record.request.coverage, outcome.cause);
        record.tokens = tokens;
        self.permit = None;
        slot.finish();
    }

    /// Whether the request is on its way to an upstream, or was.
    fn was_sent(&self) -> bool {
        matches!(self.if_dropped.stage, Stage::Upstream | Stage::Deliver)
    }

    /// Charges what the answer cost. Where no provider said, the estimate stands and is marked; a request that reached
    /// no upstream costs nothing.
    fn settle(&mut self, request: Option<RecordedCoverage>, cause: Cause) -> Option<Tokens> {
        let reservation = self.reservation.take();
        let tokens = match (self.usage, cause) {
            (Some(usage), _) => {
                Some(Tokens { input: usage.input_tokens, output: usage.output_tokens, estimated: false })
            }
            // A client that leaves early, and an answer that breaks, have cost what the upstream had read and written by then.
            (None, cause) if self.answered_text > 0 || (cause == Cause::ClientLeft && self.was_sent()) => {
                Some(Tokens {
                    input: request.map_or(0, |coverage| coverage.inspected) / BYTES_PER_TOKEN,
                    output: self.answered_text / BYTES_PER_TOKEN,
                    estimated: true,
                })
            }
            (None, _) => None,
        };
        if let Some(reservation) = reservation {
            let spent = tokens.map_or(0, |tokens| tokens.input.saturating_add(tokens.output));
            reservation.settle(spent);
        }
        tokens
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if self.slot.is_none() {
            return;
        }
        if self.streams {
            self.write(|record| record.stream_end = Some(StreamEnd::ClientLeft));
        }
        let outcome = if std::thread::panicking() {
            Outcome { cause: Cause::Internal, stage: self.if_dropped.stage }
        } else {
            self.if_dropped
        };
        self.close(outcome);
    }
}

/// Anthropic says the prompt's tokens at a stream's start and the answer's at its end; the later figure counts.
fn merged(before: Option<Usage>, now: Option<Usage>) -> Option<Usage> {
    match (before, now) {
        (Some(before), Some(now)) => Some(Usage {
            input_tokens: before.input_tokens.max(now.input_tokens),
            output_tokens: before.output_tokens.max(now.output_tokens),
        }),
        (before, now) => now.or(before),
    }
}
