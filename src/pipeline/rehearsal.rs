//! Requests that no client sent: the real stages up to the verdict, in process, for commands that judge texts offline. Nothing
//! that comes out of here can be forwarded: what `policy` cleared is dropped.

use crate::model::{Action, Category, Endpoint, Refusal};
use crate::snapshot::Offline;
use crate::stages::accept::{Head, Received};
use crate::stages::admit::Admitted;
use crate::stages::inspect::{Findings, TimeBudget};
use std::time::{Duration, Instant};

/// Time for one text. Not the gateway's own budget: a measurement must not depend on how busy the machine is.
const INSPECTION_TIME: Duration = Duration::from_secs(120);

/// Judges bodies offline. Shared by threads.
#[derive(Debug)]
pub struct Rehearsal {
    offline: Offline,
}

/// What the stages say of one request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rehearsed {
    /// The strictest action over the findings of injection. Other families (a card number is cut out) do not count.
    pub action: Action,
    /// How much the text looks like an attack, 0.0 to 1.0, also where that is too little to be reported.
    pub score: f32,
    /// Bytes of text that were scanned now.
    pub scanned_bytes: u64,
    /// Bytes of text that had been seen before, so that the time says nothing.
    pub cached_bytes: u64,
    /// Time of the inspection.
    pub inspection: Duration,
    /// Whether every guard finished.
    pub is_complete: bool,
}

/// A body that the gateway would refuse to decode: the caller made it wrongly.
#[derive(Debug, thiserror::Error)]
#[error("the request cannot be decoded: {cause:?} {detail}")]
pub struct RehearsalError {
    cause: crate::model::Cause,
    detail: String,
}

impl Rehearsal {
    /// Takes what was compiled.
    pub fn new(offline: Offline) -> Self {
        Self { offline }
    }

    /// Decodes, inspects and judges one body.
    ///
    /// # Errors
    /// [`RehearsalError`] where the body is not one of this endpoint.
    pub fn judge(&self, endpoint: Endpoint, body: Vec<u8>) -> Result<Rehearsed, RehearsalError> {
        let admitted = Admitted::rehearsed(Head::rehearsed("/"), endpoint);
        let exchange = self.offline.decoder.request(admitted, Received::rehearsed(body))?;
        let began = Instant::now();
        let budget = TimeBudget { deadline: began + INSPECTION_TIME, now: &Instant::now };
        let findings = self.offline.inspector.request(exchange, &self.offline.tools, &budget);
        let inspection = began.elapsed();
        let score = score_of(&findings);
        let (scanned_bytes, cached_bytes) = (findings.report().scanned_bytes, findings.report().cached_bytes);
        let is_complete = findings.report().failed.is_empty();
        let judged = self.offline.policy.clear(findings);
        let verdict = match &judged {
            Ok(cleared) => cleared.verdict(),
            Err(blocked) => &blocked.verdict,
        };
        let about_injection = verdict.reasons.iter().filter(|reason| reason.category == Category::Injection);
        let action = about_injection.map(|reason| reason.action).max().unwrap_or(Action::Allow);
        Ok(Rehearsed { action, score, scanned_bytes, cached_bytes, inspection, is_complete })
    }
}

/// How much a request looks like an attack: what texts are ranked by. The only place that knows where the score comes from.
fn score_of(findings: &Findings) -> f32 {
    let injection = findings.list().iter().filter(|finding| finding.category == Category::Injection);
    injection.map(|finding| finding.score).fold(0.0, f32::max)
}

impl From<Refusal> for RehearsalError {
    fn from(refusal: Refusal) -> Self {
        Self { cause: refusal.outcome.cause, detail: refusal.detail.unwrap_or_default().to_string() }
    }
}
