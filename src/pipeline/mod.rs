//! The order of the stages, both ways. The pipeline alone reads the clock, fills the record, and renders a refusal in the
//! caller's dialect. It never looks into a body: what it forwards and delivers are values that only `redact` makes.

mod answer;
mod calls;
mod catch;
mod downstream;
mod filling;
mod life;
mod random;
mod rehearsal;
mod request;
mod shared;
mod stream;

pub use crate::stages::accept::Phase;
pub use downstream::DownstreamBody;
pub use rehearsal::{Rehearsal, RehearsalError, Rehearsed};
pub use shared::Shared;

use crate::model::{Cause, Dialect, Outcome, Refusal, RequestId, SECURITY_HEADERS, Stage};
use crate::observe::{Record, TraceContext};
use crate::stages::accept::{self, Handler, Head, Refused, RequestBody, ServeSettings};
use crate::stages::decode::render::{self, Rendered};
use crate::stages::inspect::Inspector;
use bytes::Bytes;
use http::header::ALLOW;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use life::Life;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How an exchange that was answered ends.
const ANSWERED: Outcome = Outcome { cause: Cause::Answered, stage: Stage::Deliver };

/// The path of all exchanges. Cheap to clone.
#[derive(Clone)]
pub struct Pipeline {
    shared: Arc<Shared>,
    /// The caps on connections hold over all listeners together.
    settings: ServeSettings,
}

impl Pipeline {
    /// Makes the path over what it shares.
    pub fn new(shared: Arc<Shared>) -> Self {
        let settings = ServeSettings::new(&shared.snapshot().written.limits);
        Self { shared, settings }
    }

    /// Serves one socket until `stop` says `Draining` and its exchanges have ended.
    pub async fn serve(self, socket: TcpListener, stop: watch::Receiver<Phase>) {
        accept::serve(socket, self.settings.clone(), self, stop).await;
    }

    fn begin(&self, dialect: Dialect, fill: impl FnOnce(&mut Record, &Inspector)) -> Result<Box<Life>, Rendered> {
        let started = SystemTime::now();
        let id = RequestId::from_parts(unix_ms(started), random::bytes());
        let mut record = Box::new(Record::new(id.clone(), started));
        record.dialect = Some(dialect);
        fill(&mut record, &self.shared.snapshot().inspector);
        let slot = self.shared.recorder().reserve(record).map_err(|full| {
            let refusal = Refusal::new(Stage::Accept, Cause::RecordUnavailable).detail(full.to_string());
            render::refusal(dialect, &refusal, &id, None)
        })?;
        Ok(Life::new(Arc::clone(&self.shared), id, dialect, slot))
    }
}

impl Handler for Pipeline {
    type Body = DownstreamBody;

    async fn exchange(&self, head: Head, body: RequestBody) -> Response<DownstreamBody> {
        let dialect = render::guess_dialect(head.path(), head.headers());
        let trace = self.shared.trace_ratio.map(|ratio| trace_of(ratio, &head));
        let mut life =
            match self.begin(dialect, |record, inspector| filling::fill_head(record, &head, trace, inspector)) {
                Ok(life) => life,
                Err(rendered) => return own(rendered),
            };
        life.keep_traceparent(&head);
        let id = life.id.clone();
        match catch::panics(request::run(life, head, body)).await {
            Ok(response) => response,
            // The life was dropped by the panic, which wrote its record.
            Err(catch::Panicked) => {
                own(render::refusal(dialect, &Refusal::new(Stage::Accept, Cause::Internal), &id, None))
            }
        }
    }

    fn refuse(&self, refused: Refused) -> Response<Bytes> {
        let path = refused.path.as_ref().map_or("", |path| path.expose().as_str());
        let dialect = render::guess_dialect(path, &refused.headers);
        match self.begin(dialect, |record, inspector| filling::fill_refused(record, &refused, inspector)) {
            Ok(life) => whole(finish_refused(life, &refused.refusal, Some(refused.peer.ip()))),
            Err(rendered) => whole(rendered),
        }
    }
}

fn unix_ms(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    u64::try_from(since).unwrap_or(u64::MAX)
}

fn trace_of(ratio: f64, head: &Head) -> TraceContext {
    TraceContext::continue_or_start(filling::header(head.headers(), "traceparent"), ratio, random::bytes())
}

/// Ends an exchange that goes no further: record, cool-down, and the answer in the caller's dialect.
fn finish_refused(mut life: Box<Life>, refusal: &Refusal, peer: Option<IpAddr>) -> Rendered {
    life.note_refusal(refusal);
    if let Some(peer) = peer.filter(|_| counts_against_address(refusal.outcome.cause)) {
        life.shared.counters.note_refusal(peer, Instant::now());
    }
    let mut rendered = render::refusal(life.dialect, refusal, &life.id, life.policy.as_ref());
    life.add_rate_headers(&mut rendered.headers);
    if let Some(method) = life.allowed_method {
        rendered.headers.push((ALLOW, HeaderValue::from_static(method)));
    }
    life.end(refusal.outcome, rendered.status);
    rendered
}

/// Refusals that tell of a caller who probes: they count towards the cool-down of its address.
fn counts_against_address(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::MalformedRequest
            | Cause::MalformedBody
            | Cause::SchemaMismatch
            | Cause::Unauthenticated
            | Cause::UnknownEndpoint
            | Cause::Blocked
    )
}

/// An answer of our own making.
fn own(rendered: Rendered) -> Response<DownstreamBody> {
    whole(rendered).map(DownstreamBody::whole)
}

fn whole(rendered: Rendered) -> Response<Bytes> {
    let mut response = Response::new(rendered.body);
    *response.status_mut() = StatusCode::from_u16(rendered.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in rendered.headers {
        response.headers_mut().insert(name, value);
    }
    add_security_headers(response.headers_mut());
    response
}

fn add_security_headers(headers: &mut HeaderMap) {
    for (name, value) in SECURITY_HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}
