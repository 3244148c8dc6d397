//! What a record takes from the values that the stages make. Pure copying: nothing is decided here, and no text of a prompt or an
//! answer is read but through the redaction for records.

use crate::observe::{Coverage as RecordedCoverage, Excerpt, Reason, Record, Side, TraceContext};
use crate::stages::accept::{Head, Refused};
use crate::stages::decode::Coverage;
use crate::stages::inspect::Inspector;
use crate::stages::policy::Verdict;
use http::HeaderMap;
use std::time::Duration;

/// Bytes of a text from outside that are read for its excerpt in a record: more than any excerpt, and than a private key.
const SHOWN_BYTES: usize = 16 * 1024;

/// What a record takes from a head.
pub(super) fn fill_head(record: &mut Record, head: &Head, trace: Option<TraceContext>, inspector: &Inspector) {
    record.listener = Some(head.listener());
    record.peer = Some(head.peer());
    record.user_agent = header(head.headers(), "user-agent").map(|agent| shown(inspector, agent));
    record.method = Some(Excerpt::of(head.method().as_str()));
    record.sdk_retries = header(head.headers(), "x-stainless-retry-count").and_then(|text| text.parse().ok());
    record.trace = trace;
}

/// What a record takes from a request that never had a head.
pub(super) fn fill_refused(record: &mut Record, refused: &Refused, inspector: &Inspector) {
    record.listener = Some(refused.listener);
    record.peer = Some(refused.peer);
    record.user_agent = refused.user_agent.as_ref().map(|agent| shown(inspector, agent.expose()));
    record.method = refused.method.as_ref().map(|method| Excerpt::of(method.expose()));
    if let Some(path) = &refused.path {
        record.refuse_path(&inspector.redact_for_record(path.expose()));
    }
}

/// Text from outside as a record may show it. What lies far behind an excerpt's end is not even read.
pub(super) fn shown<const MAX: usize>(inspector: &Inspector, text: &str) -> Excerpt<MAX> {
    let read = text.get(..text.floor_char_boundary(SHOWN_BYTES)).unwrap_or("");
    Excerpt::of(&inspector.redact_for_record(read))
}

/// A header's value as text, where it is text and stands once.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A length in bytes.
pub(super) fn as_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// The account of a body of so many bytes.
pub(super) fn coverage(coverage: Coverage, body: u64) -> RecordedCoverage {
    RecordedCoverage { body, inspected: coverage.inspected, structure: coverage.structure, media: coverage.media }
}

/// Adds time spent in inspection.
pub(super) fn add_inspection(record: &mut Record, spent: Duration) {
    let total = record.timings.inspect.get_or_insert_default();
    *total = total.saturating_add(spent);
}

/// Adds the verdict on a body, or on one more event of a stream.
pub(super) fn add_verdict(side: &mut Side, verdict: &Verdict) {
    side.judged(verdict.action);
    for reason in &verdict.reasons {
        side.add_reason(Reason {
            rule: reason.rule.clone(),
            finding: reason.finding.clone(),
            category: reason.category,
            origin: reason.origin,
            action: reason.action,
            count: reason.count,
            score: reason.score,
        });
    }
    for setting in &verdict.settings {
        side.settings.push_new(setting);
    }
    let guards = &verdict.guards;
    side.guards.add(&guards.ran, &guards.skipped, &guards.failed, guards.scanned_bytes, guards.cached_bytes);
    side.guards.undecoded_bytes = side.guards.undecoded_bytes.saturating_add(guards.undecoded_bytes);
}
