//! An answer's way back: read whole and judged, or handed to the stream.

use super::downstream::DownstreamBody;
use super::life::Life;
use super::request::on_body;
use super::stream::DeliveredStream;
use super::{ANSWERED, finish_refused, own};
use crate::model::outcome::RetryAdvice;
use crate::model::{Cause, Endpoint, Outcome, Refusal, Stage};
use crate::snapshot::CompiledRoute;
use crate::stages::decode::{self, AnswerFault, Decoded};
use crate::stages::inspect::{DeclaredTools, TimeBudget};
use crate::stages::redact;
use crate::stages::upstream::{Answer, BodyFault, FailureKind, answer_headers};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use std::sync::Arc;
use std::time::Instant;

/// An upstream's answer and what is needed to judge it.
pub(super) struct Answered {
    pub(super) answer: Answer,
    pub(super) endpoint: Endpoint,
    pub(super) route: Arc<CompiledRoute>,
    pub(super) swallow_usage: bool,
    /// The tools that the request declared.
    pub(super) declared: DeclaredTools,
}

/// What an answer claims to be.
enum ContentKind {
    Json,
    EventStream,
    Other,
}

/// Turns an upstream's answer into the response, inspected.
pub(super) async fn deliver(mut life: Box<Life>, mut answered: Answered) -> Response<DownstreamBody> {
    life.note_answer_head(&answered.answer);
    let status = answered.answer.status;
    match (kind_of(&answered.answer.headers), status.is_success()) {
        (ContentKind::EventStream, true) => stream(life, answered),
        (ContentKind::Json, _) => match read(&mut life, answered).await {
            Ok((body, headers)) => finish_whole(life, status, headers, body),
            Err(refusal) => own(finish_refused(life, &refusal, None)),
        },
        (ContentKind::EventStream | ContentKind::Other, _) => {
            let refusal = refusal_of_status(status);
            if status.is_success() {
                answered.answer.body.failed(FailureKind::Invalid);
            }
            own(finish_refused(life, &refusal, None))
        }
    }
}

/// Our credential's failure (401, 403) is not the client's: it must not look like "your key is wrong".
fn is_ours_to_mend(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::PROXY_AUTHENTICATION_REQUIRED)
}

fn refusal_of_status(status: StatusCode) -> Refusal {
    let cause = match status.as_u16() {
        404 => Cause::UnknownModel,
        429 => Cause::UpstreamRateLimited,
        401 | 403 | 407 => Cause::UpstreamFailed,
        400..=499 => Cause::UpstreamRefused,
        500..=599 => Cause::UpstreamFailed,
        _ => Cause::UpstreamInvalid,
    };
    let mut refusal = Refusal::new(Stage::Upstream, cause).detail(format!("upstream status {}", status.as_u16()));
    if is_ours_to_mend(status) {
        // Our credential does not get better by being sent again.
        refusal.retry = RetryAdvice::Never;
    }
    refusal
}

/// Reads, inspects and judges a whole answer; gives the bytes to deliver.
async fn read(life: &mut Life, answered: Answered) -> Result<(Delivered, HeaderMap), Refusal> {
    let Answered { answer, endpoint, route, declared, .. } = answered;
    let status = answer.status;
    if is_ours_to_mend(status) {
        return Err(refusal_of_status(status));
    }
    let headers = delivered_headers(life, &answer.headers);
    let mut body = answer.body;
    let bytes = body.read_whole(life.response_body_bytes()).await.map_err(refusal_of_fault)?;
    life.at(Stage::Decode);
    let limits = life.snapshot.json_limits();
    let decoded = match on_body(bytes.len(), || decode::answer(endpoint, bytes, limits)) {
        Ok(decoded) => decoded,
        Err(fault) => {
            body.failed(FailureKind::Invalid);
            return Err(refusal_of_answer(&fault));
        }
    };
    life.note_answer(&decoded);
    if status.is_success() && decoded.facts().is_error {
        body.failed(FailureKind::ErrorInside);
        return Err(Refusal::new(Stage::Upstream, Cause::UpstreamFailed).detail("an error inside a 200"));
    }
    body.succeeded();
    let delivered = judge(life, (endpoint, status), decoded, &route, &declared)?;
    Ok((delivered, headers))
}

/// A whole answer as it will be delivered.
struct Delivered {
    bytes: Bytes,
    outcome: Outcome,
}

fn judge(
    life: &mut Life,
    (endpoint, status): (Endpoint, StatusCode),
    decoded: Decoded,
    route: &CompiledRoute,
    declared: &DeclaredTools,
) -> Result<Delivered, Refusal> {
    life.at(Stage::Inspect);
    let began = Instant::now();
    let examined = on_body(decoded.body().len(), || {
        let budget = TimeBudget { deadline: began + life.inspection_time(), now: &Instant::now };
        life.snapshot.inspector.whole_answer(decoded, &route.tools, declared, &budget)
    });
    let judged = route.policy.judge(examined);
    life.note_answer_verdict(judged.verdict(), began.elapsed());
    life.at(Stage::Deliver);
    match redact::answer(judged) {
        Ok((deliverable, _)) => {
            let edits = deliverable.edits();
            let bytes = deliverable.into_bytes();
            life.note_delivery(bytes.len(), edits);
            Ok(Delivered { bytes, outcome: ANSWERED })
        }
        // An error of the upstream has no form of its own for "withheld": the client gets ours for that status.
        Err(_) if !status.is_success() => Err(refusal_of_status(status)),
        Err(withheld) => {
            let bytes = decode::withheld_answer(endpoint, &withheld.decoded);
            life.note_delivery(bytes.len(), 0);
            Ok(Delivered { bytes, outcome: Outcome { cause: withheld.cause, stage: Stage::Policy } })
        }
    }
}

fn finish_whole(
    life: Box<Life>,
    status: StatusCode,
    headers: HeaderMap,
    delivered: Delivered,
) -> Response<DownstreamBody> {
    let outcome = match delivered.outcome {
        ANSWERED if !status.is_success() => Outcome { cause: Cause::UpstreamRefused, stage: Stage::Upstream },
        outcome => outcome,
    };
    let mut response = Response::new(DownstreamBody::whole(delivered.bytes));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    life.add_headers(response.headers_mut());
    life.end(outcome, status.as_u16());
    response
}

/// Begins a stream: the head goes out now, events as they are judged.
fn stream(mut life: Box<Life>, answered: Answered) -> Response<DownstreamBody> {
    let mut headers = delivered_headers(&life, &answered.answer.headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    life.add_headers(&mut headers);
    life.begin_stream();
    let mut response = Response::new(DownstreamBody::stream(DeliveredStream::new(life, answered)));
    *response.headers_mut() = headers;
    response
}

/// The upstream's headers that may pass, without any that repeats a key of ours.
fn delivered_headers(life: &Life, upstream: &HeaderMap) -> HeaderMap {
    let inspector = &life.snapshot.inspector;
    let passed = answer_headers(upstream).into_iter();
    passed
        .filter_map(|(name, value)| {
            Some((name?, value)).filter(|(_, value)| !inspector.holds_own_key(value.as_bytes()))
        })
        .collect()
}

/// What a client is told of an answer's body that did not come.
pub(super) fn refusal_of_fault(fault: BodyFault) -> Refusal {
    Refusal::new(Stage::Upstream, fault.cause()).detail(fault.to_string())
}

/// What a client is told of an answer that is not what the API promises.
pub(super) fn refusal_of_answer(fault: &AnswerFault) -> Refusal {
    Refusal::new(Stage::Decode, Cause::UpstreamInvalid).detail(fault.to_string())
}

fn kind_of(headers: &HeaderMap) -> ContentKind {
    let essence = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map_or("", str::trim);
    if essence.eq_ignore_ascii_case("application/json") {
        ContentKind::Json
    } else if essence.eq_ignore_ascii_case("text/event-stream") {
        ContentKind::EventStream
    } else {
        ContentKind::Other
    }
}
