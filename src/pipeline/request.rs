//! A request's way through the stages, down to the upstream's answer.

use super::answer::{self, Answered};
use super::downstream::DownstreamBody;
use super::life::Life;
use super::{finish_refused, own};
use crate::model::{Cause, Outcome, Refusal, Stage};
use crate::snapshot::CompiledRoute;
use crate::stages::accept::{Head, Received, RequestBody, body};
use crate::stages::admit::{Admitted, Cors};
use crate::stages::decode::Exchange;
use crate::stages::inspect::{DeclaredTools, Findings, TimeBudget};
use crate::stages::policy::Cleared;
use crate::stages::redact::{self, Outbound};
use crate::stages::upstream::{SendContext, Sent, Upstream};
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use std::sync::Arc;
use std::time::Instant;

/// Bodies of at least this many bytes are decoded and inspected on a thread that may block, so that the other exchanges of
/// their worker go on meanwhile. Handing a worker over costs about 0.4 ms of CPU (measured: a new heap has to be paged in),
/// so that it pays only where the scan takes several milliseconds.
const LONG_TEXT_BYTES: usize = 256 * 1024;

/// Does work on a body of so many bytes, off the reactor where it is long.
pub(super) fn on_body<T>(len_bytes: usize, work: impl FnOnce() -> T) -> T {
    if len_bytes >= LONG_TEXT_BYTES { tokio::task::block_in_place(work) } else { work() }
}

/// Runs one exchange to its response. The life ends here or goes on in the response's body.
pub(super) async fn run(mut life: Box<Life>, head: Head, incoming: RequestBody) -> Response<DownstreamBody> {
    let peer = head.peer().ip();
    let exposed = match life.snapshot.admission.cors(&head) {
        Cors::Silent => None,
        Cors::Expose(headers) => Some(headers),
        Cors::Preflight(headers) => return preflight(life, headers),
        Cors::PreflightRefused => {
            let refusal =
                Refusal::new(Stage::Admit, Cause::Forbidden).detail("preflight of an origin that is not listed");
            return own(finish_refused(life, &refusal, None));
        }
    };
    let mut response = match forward(&mut life, head, incoming).await {
        Ok(answered) => answer::deliver(life, answered).await,
        Err(refusal) => own(finish_refused(life, &refusal, Some(peer))),
    };
    if let Some(headers) = exposed {
        response.headers_mut().extend(headers);
    }
    response
}

/// Answers a browser that asks whether its page may call this route.
fn preflight(life: Box<Life>, headers: HeaderMap) -> Response<DownstreamBody> {
    let mut response = Response::new(DownstreamBody::whole(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    *response.headers_mut() = headers;
    life.add_headers(response.headers_mut());
    life.end(Outcome { cause: Cause::Answered, stage: Stage::Admit }, StatusCode::NO_CONTENT.as_u16());
    response
}

async fn forward(life: &mut Life, head: Head, incoming: RequestBody) -> Result<Answered, Refusal> {
    let snapshot = Arc::clone(&life.snapshot);
    let admitted = admit(life, head)?;
    let route = snapshot.route(admitted.route_index()).ok_or_else(|| Refusal::new(Stage::Admit, Cause::Internal))?;
    life.policy = Some(route.policy_id.clone());
    let received = read(life, incoming).await?;
    // Nothing waits from here to the sending, so that none of it becomes part of the future.
    let Ready { outbound, candidates, swallow_usage, declared } = prepare(life, route, admitted, received)?;
    let endpoint = outbound.endpoint();

    life.at(Stage::Upstream);
    let context = SendContext {
        request_id: &life.id,
        traceparent: life.traceparent(),
        tracestate: outbound.head().headers().get("tracestate").filter(|_| life.traceparent().is_some()).cloned(),
        jitter_seed: life.jitter_seed(),
    };
    let sent_after = life.elapsed();
    let Sent { attempts, result } = snapshot.upstreams.send(&outbound, &candidates, &context).await;
    life.note_attempts(&attempts, sent_after, outbound.body().len());
    life.hold_permit(outbound.into_permit());
    Ok(Answered { answer: result?, endpoint, route: Arc::clone(route), swallow_usage, declared })
}

fn admit(life: &mut Life, head: Head) -> Result<Admitted, Refusal> {
    life.at(Stage::Admit);
    let snapshot = Arc::clone(&life.snapshot);
    match snapshot.admission.admit(head, &life.shared.counters, Instant::now()) {
        Ok(admitted) => {
            life.note_admitted(&admitted);
            Ok(admitted)
        }
        Err((head, refusal)) => {
            life.note_unadmitted(&head, &refusal);
            Err(refusal)
        }
    }
}

/// Reads the body whole.
async fn read(life: &mut Life, incoming: RequestBody) -> Result<Received, Refusal> {
    life.at(Stage::Accept);
    let limits = &life.snapshot.written.limits;
    let deadline = Instant::now() + limits.body_timeout;
    body::read(incoming, None, limits.request_body_bytes, deadline).await
}

/// A request that may go, and to whom.
struct Ready {
    outbound: Outbound,
    candidates: Vec<Arc<Upstream>>,
    swallow_usage: bool,
    declared: DeclaredTools,
}

/// Decodes, inspects, judges and redacts.
fn prepare(life: &mut Life, route: &CompiledRoute, admitted: Admitted, received: Received) -> Result<Ready, Refusal> {
    life.at(Stage::Decode);
    let exchange = on_body(received.len_bytes(), || route.decoder.request(admitted, received))?;
    life.note_exchange(&exchange);

    let endpoint = exchange.admitted().endpoint();
    let model = exchange.facts().model.as_ref().map(|model| model.expose().as_str());
    let candidates = life.snapshot.upstreams.candidates(&route.upstreams, endpoint, model)?;
    life.reserve_tokens(&exchange)?;

    let (cleared, declared) = judge(life, route, exchange)?;
    let swallow_usage = cleared.exchange().facts().usage_was_spliced;
    let (outbound, _) = redact::request(cleared).map_err(|unsendable| unsendable.refusal)?;
    life.note_outbound(&outbound);
    Ok(Ready { outbound, candidates, swallow_usage, declared })
}

/// Inspects the request and asks the policy.
fn judge(life: &mut Life, route: &CompiledRoute, exchange: Exchange) -> Result<(Cleared, DeclaredTools), Refusal> {
    life.at(Stage::Inspect);
    let began = Instant::now();
    let findings = on_body(exchange.body().len(), || inspect(life, route, exchange, began));
    let declared = findings.declared_tools().clone();
    match route.policy.clear(findings) {
        Ok(cleared) => {
            life.note_request_verdict(cleared.verdict(), began.elapsed());
            life.snapshot.inspector.keep_definitions(&declared, &route.tools);
            Ok((cleared, declared))
        }
        Err(blocked) => {
            life.note_request_verdict(&blocked.verdict, began.elapsed());
            Err(blocked.refusal)
        }
    }
}

fn inspect(life: &Life, route: &CompiledRoute, exchange: Exchange, began: Instant) -> Findings {
    let budget = TimeBudget { deadline: began + life.inspection_time(), now: &Instant::now };
    life.snapshot.inspector.request(exchange, &route.tools, &budget)
}
