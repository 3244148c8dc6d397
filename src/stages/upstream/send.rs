//! One exchange's way to an answer: upstreams in failover order; for each its breaker, then a few tries; all of it before
//! a byte went downstream.
//!
//! Dropping the future of [`Upstreams::send`] at any point closes the connection in use and reports nothing to the breaker.
//! A request whose fate is unknown (written, no answer) is not sent again to the same upstream unless it is a listing:
//! a completion costs money.

use super::answer::{Answer, AnswerBody, BodyTerms};
use super::answer_headers::DEMO_HEADER;
use super::connection::{SendFault, UpstreamConnection};
use super::demo;
use super::failure::Failure;
use super::forward::{self, Address, SendContext};
use super::retry::{self, Jitter};
use super::upstreams::{Line, Reach, Upstream, Upstreams};
use crate::model::{Cause, Refusal, Stage, UpstreamId};
use crate::stages::redact::Outbound;
use crate::state::breaker::{OpenUntil, Pass};
use http::header::{CONTENT_ENCODING, TRANSFER_ENCODING};
use http::{HeaderMap, Response, StatusCode};
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, sleep_until, timeout_at};

/// What became of an exchange at the upstreams.
#[derive(Debug)]
pub struct Sent {
    /// Every try in order, for the record.
    pub attempts: Vec<Attempt>,
    /// The answer, or why there is none.
    pub result: Result<Answer, Refusal>,
}

/// One try at one upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Which.
    pub upstream: UpstreamId,
    /// The status it answered with, if it answered.
    pub status: Option<u16>,
    /// Why this try brought no answer that could be used; a name of a closed set.
    pub failure: Option<&'static str>,
    /// When it began, counted from the first try.
    pub started_after: Duration,
    /// How long it took.
    pub elapsed: Duration,
}

/// What one exchange carries from try to try.
struct Journey<'a> {
    outbound: &'a Outbound,
    context: &'a SendContext<'a>,
    started: Instant,
    jitter: Jitter,
    attempts: Vec<Attempt>,
    /// Least time until an upstream that was skipped may take traffic: cooling down, or behind an open breaker.
    cooling: Option<Duration>,
    open: Option<Duration>,
}

/// An answer's head with what its body comes by.
struct Reply {
    response: Response<Incoming>,
    connection: Box<UpstreamConnection>,
}

impl Upstreams {
    /// Sends a request to the first of `candidates` that answers it. `2xx`, and any `4xx` but 408 and 429, is an answer.
    pub async fn send(&self, outbound: &Outbound, candidates: &[Arc<Upstream>], context: &SendContext<'_>) -> Sent {
        let mut journey = Journey {
            outbound,
            context,
            started: Instant::now(),
            jitter: Jitter::new(context.jitter_seed),
            attempts: Vec::with_capacity(1),
            cooling: None,
            open: None,
        };
        let mut last = None;
        for upstream in candidates {
            let Some(pass) = journey.pass(upstream) else { continue };
            match journey.try_upstream(upstream, pass).await {
                Ok(answer) => return Sent { attempts: journey.attempts, result: Ok(answer) },
                Err(refusal) => last = Some(refusal),
            }
        }
        let refusal = last.unwrap_or_else(|| journey.nobody_asked());
        Sent { attempts: journey.attempts, result: Err(refusal) }
    }
}

impl Journey<'_> {
    /// Asks cool-down and breaker; notes why not.
    fn pass(&mut self, upstream: &Upstream) -> Option<Pass> {
        let now = Instant::now().into_std();
        if let Some(wait) = upstream.breaker.cooling_for(now) {
            self.cooling = Some(self.cooling.map_or(wait, |least| least.min(wait)));
            return None;
        }
        match upstream.breaker.try_acquire(now) {
            Ok(pass) => Some(pass),
            Err(OpenUntil(until)) => {
                let wait = until.saturating_duration_since(now);
                self.open = Some(self.open.map_or(wait, |least| least.min(wait)));
                None
            }
        }
    }

    /// What is said when every candidate was skipped.
    fn nobody_asked(&self) -> Refusal {
        const AT_LEAST: Duration = Duration::from_secs(1);
        match (self.cooling, self.open) {
            (Some(wait), _) => Failure::RateLimited.refusal().retry_after(wait.max(AT_LEAST)).detail("cooling_down"),
            (None, Some(wait)) => {
                Refusal::new(Stage::Upstream, Cause::NoUpstream).retry_after(wait.max(AT_LEAST)).detail("breaker_open")
            }
            (None, None) => Refusal::new(Stage::Upstream, Cause::NoUpstream),
        }
    }

    /// Tries one upstream until it answers or there is no use in another try. The pass is reported once for all tries, so
    /// that one request that an upstream cannot digest counts once.
    async fn try_upstream(&mut self, upstream: &Upstream, pass: Pass) -> Result<Answer, Refusal> {
        let begun = Instant::now();
        let terms = |pass, jitter| BodyTerms {
            pass,
            jitter,
            stream_idle: upstream.settings.timeouts.stream_idle,
            deadline: self.started + upstream.settings.timeouts.total.min(LONGEST_TOTAL),
        };
        let (line, address) = match &upstream.reach {
            Reach::Network { line, address } => (line, address),
            Reach::NotConfigured => return Err(Refusal::new(Stage::Upstream, Cause::NoUpstream)),
            Reach::BuiltIn => {
                let terms = terms(pass, 0.5);
                self.note(upstream, begun, Some(StatusCode::OK), None);
                return Ok(built_in_answer(self.outbound, upstream, terms));
            }
        };
        let jitter = self.jitter.next();
        let terms = terms(pass, jitter);
        upstream.breaker.deposit_retry();
        let mut tries = 0_u32;
        loop {
            let tried_at = Instant::now();
            let reply = self.try_once(upstream, line, address, terms.deadline).await?;
            let headers = reply.as_ref().ok().map(|reply| reply.response.headers());
            let status = reply.as_ref().ok().map(|reply| reply.response.status());
            let failure = match &reply {
                Ok(reply) => judge(&reply.response).err(),
                Err(failure) => Some(*failure),
            };
            self.note(upstream, tried_at, status, failure);
            let Some(failure) = failure else {
                if let Ok(reply) = reply {
                    return Ok(answer(reply, upstream, line, terms, begun));
                }
                return Err(Refusal::new(Stage::Upstream, Cause::Internal));
            };
            tries = tries.saturating_add(1);
            let asked = headers.and_then(|headers| retry::retry_after(headers, SystemTime::now()));
            let refuses_retry = headers.is_some_and(retry::says_no_retry);
            drop(reply);
            if failure == Failure::RateLimited
                && let Some(wait) = asked
            {
                upstream.breaker.cool_down(Instant::now().into_std(), wait);
            }
            let pause = if refuses_retry { None } else { self.pause(upstream, failure, asked, tries) };
            match pause.and_then(|pause| Instant::now().checked_add(pause)).filter(|until| *until < terms.deadline) {
                Some(until) if upstream.breaker.withdraw_retry() => sleep_until(until).await,
                _ => {
                    if failure.counts() {
                        terms.pass.failure(Instant::now().into_std(), jitter);
                    }
                    let refusal = failure.refusal();
                    return Err(match asked {
                        Some(wait) if failure == Failure::RateLimited => refusal.retry_after(wait),
                        _ => refusal,
                    });
                }
            }
        }
    }

    /// How long to wait before trying the same upstream again; `None` when it is not to be tried again.
    fn pause(
        &mut self,
        upstream: &Upstream,
        failure: Failure,
        asked: Option<Duration>,
        tries: u32,
    ) -> Option<Duration> {
        let retries = &upstream.settings.retries;
        if tries > retries.attempts {
            return None;
        }
        match (failure, asked) {
            (_, Some(wait)) if wait > retries.max => None,
            (Failure::RateLimited, asked) => asked,
            (failure, _) if !failure.may_retry_here(self.outbound.endpoint().is_listing()) => None,
            (_, Some(wait)) => Some(wait),
            (_, None) => Some(retry::backoff(retries, tries, self.jitter.next())),
        }
    }

    /// One try: a connection, the request, the head of the answer. The outer error is a defect of the request itself.
    async fn try_once(
        &self,
        upstream: &Upstream,
        line: &Arc<Line>,
        address: &Address,
        deadline: Instant,
    ) -> Result<Result<Reply, Failure>, Refusal> {
        let mut request = forward::request(self.outbound, address, self.context)?;
        if let Some(mut connection) = line.pool.take(Instant::now().into_std()).await {
            match send_on(&mut connection, request, upstream, deadline).await {
                Ok(response) => return Ok(Ok(Reply { response, connection })),
                Err(SendFault::Lost(failure)) => return Ok(Err(failure)),
                // The upstream closed it between the check and the write: nothing was sent, so once more on a new one.
                Err(SendFault::Unsent(unsent)) => request = *unsent,
            }
        }
        // In a box: dialing is rare, and its future would make that of every exchange twice as large.
        Ok(Box::pin(send_on_new(request, upstream, line, deadline)).await)
    }

    fn note(&mut self, upstream: &Upstream, since: Instant, status: Option<StatusCode>, failure: Option<Failure>) {
        self.attempts.push(Attempt {
            upstream: upstream.settings.id.clone(),
            status: status.map(|status| status.as_u16()),
            failure: failure.map(Failure::name),
            started_after: since.saturating_duration_since(self.started),
            elapsed: since.elapsed(),
        });
    }
}

/// Longest total time, whatever the settings say: keeps clock arithmetic in range.
const LONGEST_TOTAL: Duration = Duration::from_secs(86_400);

async fn send_on_new(
    request: http::Request<super::connection::RequestBody>,
    upstream: &Upstream,
    line: &Line,
    deadline: Instant,
) -> Result<Reply, Failure> {
    let now = Instant::now();
    if now >= deadline {
        return Err(Failure::TotalTimeout);
    }
    let connect_until = now.checked_add(upstream.settings.timeouts.connect).unwrap_or(deadline).min(deadline);
    let wire = line.dialer.connect(connect_until).await?;
    let mut connection = UpstreamConnection::open(wire, Instant::now().into_std()).await?;
    match send_on(&mut connection, request, upstream, deadline).await {
        Ok(response) => Ok(Reply { response, connection }),
        Err(SendFault::Unsent(_)) => Err(Failure::Unsent),
        Err(SendFault::Lost(failure)) => Err(failure),
    }
}

/// Sends under the first-byte time, which runs from here: it includes the upload, which is short for text.
async fn send_on(
    connection: &mut UpstreamConnection,
    request: http::Request<super::connection::RequestBody>,
    upstream: &Upstream,
    deadline: Instant,
) -> Result<Response<Incoming>, SendFault> {
    let head_until = Instant::now().checked_add(upstream.settings.timeouts.first_byte).unwrap_or(deadline);
    match timeout_at(head_until.min(deadline), connection.send(request)).await {
        Ok(sent) => sent,
        Err(_) if head_until < deadline => Err(SendFault::Lost(Failure::FirstByteTimeout)),
        Err(_) => Err(SendFault::Lost(Failure::TotalTimeout)),
    }
}

/// Whether a head is an answer that may be passed on.
fn judge(response: &Response<Incoming>) -> Result<(), Failure> {
    match response.status().as_u16() {
        408 => return Err(Failure::RequestTimeout),
        429 => return Err(Failure::RateLimited),
        500 | 502 | 503 | 504 | 520..=524 | 529 => return Err(Failure::ServerError),
        200..=299 | 400..=499 => {}
        300..=399 => return Err(Failure::Redirect),
        501..=599 => return Err(Failure::OtherServerError),
        _ => return Err(Failure::Protocol),
    }
    if is_encoded(response.headers()) { Err(Failure::Encoded) } else { Ok(()) }
}

/// Whether the body's bytes are not the plain ones that were asked for. hyper undoes `chunked` only.
fn is_encoded(headers: &HeaderMap) -> bool {
    let other_than = |name, plain: &[u8]| {
        headers.get_all(name).iter().any(|value| !value.as_bytes().trim_ascii().eq_ignore_ascii_case(plain))
    };
    other_than(CONTENT_ENCODING, b"identity") || other_than(TRANSFER_ENCODING, b"chunked")
}

fn answer(reply: Reply, upstream: &Upstream, line: &Arc<Line>, terms: BodyTerms, begun: Instant) -> Answer {
    let (mut parts, incoming) = reply.response.into_parts();
    parts.headers.remove(DEMO_HEADER); // only the built-in upstream may say so
    let body = AnswerBody::network(parts.status, &parts.headers, incoming, reply.connection, Arc::clone(line), terms);
    Answer {
        status: parts.status,
        headers: parts.headers,
        body,
        upstream: upstream.settings.id.clone(),
        is_demo: false,
        head_after: begun.elapsed(),
    }
}

fn built_in_answer(outbound: &Outbound, upstream: &Upstream, terms: BodyTerms) -> Answer {
    let made = demo::answer(outbound.endpoint(), outbound.path(), outbound.body());
    Answer {
        status: made.status,
        headers: made.headers,
        body: AnswerBody::built_in(made.pieces, terms),
        upstream: upstream.settings.id.clone(),
        is_demo: true,
        head_after: Duration::ZERO,
    }
}
