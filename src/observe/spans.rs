//! A record as spans: one for the exchange, one below it for each attempt at an upstream.
//!
//! Attributes carry what the record carries and no more: no prompt text, no arguments of tools.

use super::attempt::Attempt;
use super::names;
use super::record::Record;
use super::trace_context::TraceContext;
use crate::model::{Action, Endpoint, Mode};
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{Array, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use std::time::{Duration, SystemTime};

/// The spans of an exchange; none where its trace is not sampled.
pub(super) fn spans(record: &Record, scope: &InstrumentationScope) -> Vec<SpanData> {
    let Some(trace) = record.trace.filter(|trace| trace.sampled) else { return Vec::new() };
    let attempts = record.attempts.as_slice();
    let mut spans = Vec::with_capacity(attempts.len().saturating_add(1));
    spans.push(exchange_span(record, trace, scope));
    spans
        .extend(attempts.iter().enumerate().map(|(index, attempt)| attempt_span(record, trace, index, attempt, scope)));
    spans
}

fn exchange_span(record: &Record, trace: TraceContext, scope: &InstrumentationScope) -> SpanData {
    let mut attributes = Attributes(Vec::with_capacity(24));
    exchange_attributes(record, &mut attributes);
    let failed = record.net || record.status.is_some_and(|status| status >= 500);
    let cause = record.outcome.map_or("unfinished", |outcome| outcome.cause.name());
    let total = record.timings.total.unwrap_or_default();
    SpanData {
        span_context: context(trace, trace.span_id),
        parent_span_id: trace.parent.map_or(SpanId::INVALID, SpanId::from_bytes),
        parent_span_is_remote: trace.parent.is_some(),
        span_kind: SpanKind::Server,
        name: record.endpoint.map_or("request", Endpoint::name).into(),
        start_time: record.started,
        end_time: later(record.started, total),
        status: if failed { Status::error(cause) } else { Status::Unset },
        ..bare(attributes, scope)
    }
}

fn exchange_attributes(record: &Record, to: &mut Attributes) {
    to.text(names::REQUEST_ID, Some(record.id.as_str()));
    to.text(names::METHOD, record.method.as_ref().map(|method| known_method(method.expose())));
    to.number(names::STATUS, record.status.map(u64::from));
    to.fixed(names::OPERATION, record.endpoint.and_then(operation));
    to.fixed(names::PROVIDER, record.provider);
    to.text(names::REQUEST_MODEL, record.model.as_ref().map(|model| model.expose()));
    to.text(names::RESPONSE_MODEL, record.answer_model.as_ref().map(|model| model.expose()));
    to.text(names::RESPONSE_ID, record.upstream_id.as_ref().map(|id| id.expose()));
    if let Some(reason) = record.finish_reason {
        to.put(names::FINISH_REASONS, Value::Array(Array::String(vec![StringValue::from(reason)])));
    }
    to.number(names::INPUT_TOKENS, record.tokens.map(|tokens| tokens.input));
    to.number(names::OUTPUT_TOKENS, record.tokens.map(|tokens| tokens.output));
    to.fixed(names::ENDPOINT, record.endpoint.map(Endpoint::name));
    to.text(names::ROUTE, record.route.as_ref().map(|route| route.as_str()));
    to.text(names::CLIENT, record.client.as_ref().map(|client| client.as_str()));
    to.text(names::UPSTREAM, record.upstream.as_ref().map(|upstream| upstream.as_str()));
    to.text(names::POLICY, record.policy.as_ref().map(|policy| policy.as_str()));
    to.fixed(names::MODE, record.mode.map(Mode::name));
    to.fixed(names::REQUEST_VERDICT, record.request.verdict.map(Action::name));
    to.fixed(names::ANSWER_VERDICT, record.answer.verdict.map(Action::name));
    to.fixed(names::CAUSE, record.outcome.map(|outcome| outcome.cause.name()));
    to.fixed(names::STAGE, record.outcome.map(|outcome| outcome.stage.name()));
    let refused = record.outcome.filter(|outcome| outcome.cause.is_refusal());
    to.fixed(names::ERROR_TYPE, refused.map(|outcome| outcome.cause.name()));
    to.fixed(names::STREAM_END, record.stream_end.map(super::StreamEnd::name));
    to.number(names::SNAPSHOT, record.snapshot.as_ref().map(|snapshot| snapshot.number));
    if record.demo {
        to.put(names::DEMO, Value::Bool(true));
    }
}

fn attempt_span(
    record: &Record,
    trace: TraceContext,
    index: usize,
    attempt: &Attempt,
    scope: &InstrumentationScope,
) -> SpanData {
    let mut attributes = Attributes(Vec::with_capacity(4));
    attributes.text(names::UPSTREAM, Some(attempt.upstream.as_str()));
    attributes.number(names::STATUS, attempt.status.map(u64::from));
    attributes.fixed(names::ERROR_TYPE, attempt.failure);
    attributes.number(names::RESEND_COUNT, u64::try_from(index).ok().filter(|index| *index > 0));
    let start = later(record.started, attempt.started_after);
    SpanData {
        span_context: context(trace, trace.attempt_span(index)),
        parent_span_id: SpanId::from_bytes(trace.span_id),
        span_kind: SpanKind::Client,
        name: "attempt".into(),
        start_time: start,
        end_time: later(start, attempt.elapsed),
        status: attempt.failure.map_or(Status::Unset, Status::error),
        ..bare(attributes, scope)
    }
}

/// What all spans have in common; the rest is overwritten.
fn bare(attributes: Attributes, scope: &InstrumentationScope) -> SpanData {
    SpanData {
        span_context: SpanContext::NONE,
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: "".into(),
        start_time: SystemTime::UNIX_EPOCH,
        end_time: SystemTime::UNIX_EPOCH,
        attributes: attributes.0,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: scope.clone(),
    }
}

/// Attributes that are known.
struct Attributes(Vec<KeyValue>);

impl Attributes {
    fn put(&mut self, name: &'static str, value: Value) {
        self.0.push(KeyValue::new(name, value));
    }

    fn fixed(&mut self, name: &'static str, value: Option<&'static str>) {
        if let Some(value) = value {
            self.put(name, value.into());
        }
    }

    fn text(&mut self, name: &'static str, value: Option<&str>) {
        if let Some(value) = value {
            self.put(name, value.to_owned().into());
        }
    }

    fn number(&mut self, name: &'static str, value: Option<u64>) {
        if let Some(value) = value {
            self.put(name, Value::I64(i64::try_from(value).unwrap_or(i64::MAX)));
        }
    }
}

fn context(trace: TraceContext, span_id: [u8; 8]) -> SpanContext {
    let (trace_id, span_id) = (TraceId::from_bytes(trace.trace_id), SpanId::from_bytes(span_id));
    SpanContext::new(trace_id, span_id, TraceFlags::SAMPLED, false, TraceState::NONE)
}

fn later(start: SystemTime, by: Duration) -> SystemTime {
    start.checked_add(by).unwrap_or(start)
}

/// The conventions' name for an operation, where they have one.
fn operation(endpoint: Endpoint) -> Option<&'static str> {
    match endpoint {
        Endpoint::ChatCompletions | Endpoint::Responses | Endpoint::Messages => Some("chat"),
        Endpoint::Completions => Some("text_completion"),
        Endpoint::Embeddings => Some("embeddings"),
        Endpoint::AgentJson => Some("invoke_agent"),
        Endpoint::Moderations | Endpoint::OpenAiModels | Endpoint::AnthropicModels | Endpoint::CountTokens => None,
    }
}

/// The conventions ask for `_OTHER` in place of methods that nobody knows.
fn known_method(method: &str) -> &str {
    match method {
        "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "CONNECT" | "OPTIONS" | "TRACE" | "PATCH" => method,
        _ => "_OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cause, Outcome, RequestId, Stage, UpstreamId};
    use crate::observe::{Excerpt, ToolUse};

    fn record(sampled: bool) -> Record {
        let mut record = Record::new(RequestId::from_parts(1, [2; 10]), SystemTime::UNIX_EPOCH);
        record.trace = Some(TraceContext::continue_or_start(None, if sampled { 1.0 } else { 0.0 }, [9; 24]));
        record.method = Some(Excerpt::of("BREW"));
        record.status = Some(504);
        record.outcome = Some(Outcome { cause: Cause::UpstreamTimeout, stage: Stage::Upstream });
        record.timings.total = Some(Duration::from_secs(3));
        record.tool_calls.push(ToolUse { name: Excerpt::of("t"), arguments: Some(Excerpt::of("private argument")) });
        for index in 0..2 {
            record.attempts.push(Attempt {
                upstream: UpstreamId::new("openai"),
                status: None,
                failure: Some("first_byte_timeout"),
                started_after: Duration::from_secs(index),
                elapsed: Duration::from_secs(1),
            });
        }
        record
    }

    #[test]
    fn every_attempt_hangs_below_the_exchange_and_bears_the_id_of_its_header() {
        let record = record(true);
        let spans = spans(&record, &InstrumentationScope::default());
        assert_eq!(spans.len(), 3);
        let trace = record.trace.unwrap();
        for (index, span) in spans.iter().skip(1).enumerate() {
            assert_eq!(span.parent_span_id, spans[0].span_context.span_id());
            let header = trace.attempt_header(index);
            assert!(header.contains(&span.span_context.span_id().to_string()), "{header}");
        }
        assert_eq!(spans[2].start_time, SystemTime::UNIX_EPOCH + Duration::from_secs(1));
        assert_eq!(spans[0].end_time, SystemTime::UNIX_EPOCH + Duration::from_secs(3));
        assert_eq!(spans[0].status, Status::error("upstream_timeout"));
    }

    #[test]
    fn spans_hold_no_arguments_and_no_invented_method() {
        let spans = format!("{:?}", spans(&record(true), &InstrumentationScope::default()));
        assert!(!spans.contains("private argument") && !spans.contains("BREW"));
        assert!(spans.contains("_OTHER"));
    }

    #[test]
    fn unsampled_trace_makes_no_spans() {
        assert!(spans(&record(false), &InstrumentationScope::default()).is_empty());
    }
}
