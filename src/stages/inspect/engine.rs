//! The doors of the stage: a request, an answer, a text for the record. One value per snapshot, shared by all exchanges.
//!
//! Guards: `signatures` and `structure` (injection), `secrets`, `pii`, `sinks` (parameters and tool arguments), `tools`. A
//! guard is reported as run only when it has seen everything it is for; when the time is spent every guard that has not is
//! reported as failed, and the policy decides what that means. Nothing is ever passed as inspected for being too long.

use super::arguments::ToolRules;
use super::budget::{Spent, TimeBudget};
use super::cache::{Cache, OneMessage, Subject};
use super::findings::{Examined, Findings, GuardReport};
use super::injection::{Decoding, Injected, Injection, Lookers, Seen};
use super::joined::{Joined, Seam, for_each_joined, least_trusted};
use super::log;
use super::own_keys::OwnKeys;
use super::pii::Pii;
use super::secrets::Secrets;
use super::sighting::Sighting;
use super::signatures::CompileError;
use super::sinks::scan_sinks;
use super::tools::ToolGuard;
use super::views::Via;
use super::windows::windows;
use crate::config::settings::{Pack, ToolPolicy, Upstream};
use crate::model::{Category, Direction, Finding, Origin, Segment, TextKind};
use crate::stages::decode::{Decoded, Exchange};
use std::time::{Duration, Instant};

/// Bytes of text between two looks at the clock.
const SECRET_STEP_BYTES: usize = 64 * 1024;
/// How far secrets and personal data are followed over the border of two windows: a private key fits.
const SECRET_LOOK_AHEAD_BYTES: usize = 8 * 1024;
/// What a parameter of an agent's endpoint is judged for.
const PARAMETER_SINKS: [Category; 3] = [Category::Xss, Category::SqlInjection, Category::CommandInjection];
/// Guards that read texts, in the order of the report.
const TEXT_GUARDS: [&str; 5] = ["signatures", "structure", "secrets", "pii", "sinks"];
/// Any time: the clock of a single word stands still.
const ENCODED_WORD_TIME: Duration = Duration::from_secs(1);
const OUT_OF_TIME: &str = "time budget spent";
const MODEL_TEXT: &str = "text of the model itself";
/// Guards that read decoded text.
const READ_DECODED: [&str; 3] = ["signatures", "secrets", "pii"];
const NOT_DECODED: &str = "some encoded text was not decoded: too much of it, or nested too deep";

/// All detectors of a snapshot and what they saw before.
#[derive(Debug)]
pub struct Inspector {
    injection: Injection,
    secrets: Secrets,
    own_keys: OwnKeys,
    pii: Pii,
    pub(super) tools: ToolRules,
    pub(super) guard: ToolGuard,
    cache: Cache,
}

impl Inspector {
    /// Compiles the detectors. Of the upstreams it needs the keys, which no answer may repeat.
    ///
    /// # Errors
    /// [`CompileError`] names the first signature that does not compile.
    pub fn compile(packs: &[Pack], upstreams: &[Upstream]) -> Result<Self, CompileError> {
        Ok(Self {
            injection: Injection::compile(packs)?,
            secrets: Secrets::compile(),
            own_keys: OwnKeys::of(upstreams),
            pii: Pii::compile(),
            tools: ToolRules::new(),
            guard: ToolGuard::new()?,
            cache: Cache::new()?,
        })
    }

    /// Reports every score of the classifier, also those too low to mean anything: for measuring, where texts are ranked.
    #[must_use]
    pub fn with_every_score(mut self) -> Self {
        self.injection.report_every_score();
        self
    }

    /// Looks at every segment of a request, alone and together with its neighbours.
    pub fn request(&self, exchange: Exchange, tools: &ToolPolicy, budget: &TimeBudget<'_>) -> Findings {
        let facts = exchange.facts();
        let mut pass = Pass::new(self, Direction::Request, &facts.segments, exchange.body(), budget);
        pass.tool_names(&facts.declared_tools, &facts.tool_calls, tools);
        let declared = pass.declarations(&exchange, tools);
        let outcome =
            pass.segments().and_then(|()| pass.tool_arguments(&facts.tool_calls, tools)).and_then(|()| pass.joined());
        let (list, report) = pass.finish(outcome);
        Findings::new(exchange, list, report).with_declared(declared)
    }

    /// Looks at every segment of an answer or of one event.
    pub fn answer(&self, decoded: Decoded, tools: &ToolPolicy, budget: &TimeBudget<'_>) -> Examined {
        let facts = decoded.facts();
        if facts.segments.is_empty() && facts.tool_calls.is_empty() {
            return Examined::new(decoded, Vec::new(), GuardReport::default());
        }
        let mut pass = Pass::new(self, Direction::Response, &facts.segments, decoded.body(), budget);
        pass.tool_names(&[], &facts.tool_calls, tools);
        let outcome = pass.segments().and_then(|()| pass.tool_arguments(&facts.tool_calls, tools));
        let (list, report) = pass.finish(outcome);
        Examined::new(decoded, list, report)
    }

    /// Looks at one event of a stream, except at the segments `in_lanes` (ascending): they are parts of longer texts, and the
    /// stream judges those.
    pub(super) fn event(
        &self,
        decoded: &Decoded,
        in_lanes: &[usize],
        tools: &ToolPolicy,
        budget: &TimeBudget<'_>,
    ) -> (Vec<Finding>, GuardReport) {
        let facts = decoded.facts();
        if facts.segments.is_empty() && facts.tool_calls.is_empty() {
            return (Vec::new(), GuardReport::default());
        }
        let mut pass = Pass::new(self, Direction::Response, &facts.segments, decoded.body(), budget);
        pass.left_out = in_lanes;
        pass.tool_names(&[], &facts.tool_calls, tools);
        let outcome = pass.segments().and_then(|()| pass.tool_arguments(&facts.tool_calls, tools));
        pass.finish(outcome)
    }

    /// Credentials and personal data in what a word of a stream decodes to. The word is short, so its own work budget bounds it.
    pub(super) fn in_encoded_word(&self, word: &str) -> Vec<Seen> {
        let mut seen = Vec::new();
        let now = Instant::now();
        let budget = TimeBudget { deadline: now + ENCODED_WORD_TIME, now: &|| now };
        let sensitive = |text: &str, out: &mut Vec<Sighting>| self.sensitive(text, out);
        let lookers = Lookers { origin: Origin::Assistant, injection: Injected::Left, sensitive: &sensitive };
        // A clock that stands still runs out of nothing.
        let _ = self.injection.scan(word, lookers, &budget, &mut seen);
        seen
    }

    /// The guards that a stream steps byte by byte.
    pub(super) fn exact(&self) -> Exact<'_> {
        Exact { keys: &self.own_keys, secrets: &self.secrets, pii: &self.pii }
    }

    /// A text as it may stand in a record, whose writer escapes: secrets and personal data as `[LABEL]`.
    pub fn redact_for_record(&self, text: &str) -> String {
        let mut sightings = Vec::new();
        self.sensitive(text, &mut sightings);
        log::redacted(text, sightings)
    }

    /// Whether a header's value of an answer repeats a key of ours.
    pub fn holds_own_key(&self, value: &[u8]) -> bool {
        self.own_keys.are_in(value)
    }

    /// Everything about one text that depends on the text alone.
    fn look(
        &self,
        text: &str,
        segment: &Segment,
        injection: Injected,
        budget: &TimeBudget<'_>,
        seen: &mut Vec<Seen>,
    ) -> Result<Decoding, Spent> {
        let mut plain = Vec::new();
        windowed(text, budget, &mut plain, |text, out| {
            self.sensitive(text, out);
            if segment.kind == TextKind::Parameter {
                scan_sinks(text, &PARAMETER_SINKS, out);
            }
        })?;
        seen.extend(plain.into_iter().map(|sighting| Seen { sighting, via: Via::default() }));
        let lookers = Lookers { origin: segment.origin, injection, sensitive: &|text, out| self.sensitive(text, out) };
        self.injection.scan(text, lookers, budget, seen)
    }

    /// Credentials and personal data in a text.
    fn sensitive(&self, text: &str, out: &mut Vec<Sighting>) {
        self.secrets.scan(text, out);
        self.own_keys.scan(text, out);
        self.pii.scan(text, out);
    }

    /// Everything about a text over the borders of segments.
    fn look_over_borders(
        &self,
        joined: &Joined,
        one: OneMessage,
        budget: &TimeBudget<'_>,
        seen: &mut Vec<Seen>,
    ) -> Result<Decoding, Spent> {
        let mut sightings = Vec::new();
        if one == OneMessage::Yes && joined.seam == Seam::None {
            self.secrets.scan(&joined.text, &mut sightings);
            self.own_keys.scan(&joined.text, &mut sightings);
        }
        seen.extend(sightings.into_iter().map(|sighting| Seen { sighting, via: Via::default() }));
        let injection = if one == OneMessage::Yes { Injected::Looked } else { Injected::BySignatures };
        let lookers = Lookers { origin: joined.origin, injection, sensitive: &|_, _| () };
        self.injection.scan(&joined.text, lookers, budget, seen)
    }
}

/// Guards of exact form.
pub(super) struct Exact<'a> {
    pub(super) keys: &'a OwnKeys,
    pub(super) secrets: &'a Secrets,
    pub(super) pii: &'a Pii,
}

/// Runs a scan window by window, so that the clock is looked at between; the caller has done so just before.
fn windowed(
    text: &str,
    budget: &TimeBudget<'_>,
    out: &mut Vec<Sighting>,
    scan: impl Fn(&str, &mut Vec<Sighting>),
) -> Result<(), Spent> {
    for (step, window) in windows(text, SECRET_STEP_BYTES, SECRET_LOOK_AHEAD_BYTES).enumerate() {
        if step > 0 {
            budget.check()?;
        }
        let from = out.len();
        scan(window.text, out);
        let mut index = 0_usize;
        out.retain_mut(|sighting| {
            index = index.saturating_add(1);
            if index <= from {
                return true;
            }
            let owned = sighting.span.start < window.owned;
            sighting.span =
                sighting.span.start.saturating_add(window.offset)..sighting.span.end.saturating_add(window.offset);
            owned
        });
    }
    Ok(())
}

/// One walk over the segments of one body.
pub(super) struct Pass<'a, 'b> {
    pub(super) inspector: &'a Inspector,
    pub(super) direction: Direction,
    pub(super) segments: &'a [Segment],
    pub(super) body: &'a str,
    pub(super) budget: &'a TimeBudget<'b>,
    pub(super) list: Vec<Finding>,
    pub(super) report: GuardReport,
    seen: Vec<Seen>,
    left_to_the_model: bool,
    /// Segments that are judged elsewhere, ascending.
    pub(super) left_out: &'a [usize],
}

impl<'a, 'b> Pass<'a, 'b> {
    pub(super) fn new(
        inspector: &'a Inspector,
        direction: Direction,
        segments: &'a [Segment],
        body: &'a str,
        budget: &'a TimeBudget<'b>,
    ) -> Self {
        let (list, report, seen) = (Vec::new(), GuardReport::default(), Vec::new());
        let (left_to_the_model, left_out) = (false, &[][..]);
        Self { inspector, direction, segments, body, budget, list, report, seen, left_to_the_model, left_out }
    }

    fn segments(&mut self) -> Result<(), Spent> {
        for (index, segment) in self.segments.iter().enumerate() {
            self.budget.check()?;
            let text = segment.text(self.body);
            if !text.is_empty() && self.left_out.binary_search(&index).is_err() {
                self.segment(index, segment, text)?;
            }
        }
        Ok(())
    }

    fn segment(&mut self, index: usize, segment: &'a Segment, text: &str) -> Result<(), Spent> {
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let from_others = matches!(segment.origin, Origin::ToolResult | Origin::Document);
        let injection = match self.direction {
            Direction::Request => Injected::Looked,
            Direction::Response if from_others => Injected::Looked,
            Direction::Response => {
                self.left_to_the_model = true;
                Injected::Left
            }
        };
        // An answer's text comes back as history in another shape; only requests are worth remembering.
        let key = match self.direction {
            Direction::Request => {
                self.inspector.cache.key(Subject::Segment(segment.origin, segment.channel, segment.kind), text)
            }
            Direction::Response => None,
        };
        if let Some(known) = key.and_then(|key| self.inspector.cache.get(key)) {
            self.report.cached_bytes = self.report.cached_bytes.saturating_add(length);
            self.add_undecoded(known.decoding);
            for seen in known.seen.iter() {
                self.list.push(finding(seen, index, segment));
            }
            return Ok(());
        }
        self.seen.clear();
        let outcome = self.inspector.look(text, segment, injection, self.budget, &mut self.seen);
        self.list.extend(self.seen.iter().map(|seen| finding(seen, index, segment)));
        let decoding = outcome?;
        self.report.scanned_bytes = self.report.scanned_bytes.saturating_add(length);
        self.add_undecoded(decoding);
        if let Some(key) = key {
            self.inspector.cache.put(key, &self.seen, decoding);
        }
        Ok(())
    }

    /// What is split over several segments.
    fn joined(&mut self) -> Result<(), Spent> {
        for_each_joined(self.segments, self.body, |joined| {
            self.budget.check()?;
            self.over_borders(joined)
        })
    }

    fn over_borders(&mut self, joined: &Joined) -> Result<(), Spent> {
        let length = u64::try_from(joined.text.len()).unwrap_or(u64::MAX);
        // Words of tool definitions stand side by side without belonging together.
        let one = joined.is_one_message && joined.origin != Origin::ToolDefinition;
        let one = if one { OneMessage::Yes } else { OneMessage::No };
        let key = self.inspector.cache.key(Subject::Joined(joined.origin, joined.seam, one), &joined.text);
        if let Some(known) = key.and_then(|key| self.inspector.cache.get(key)) {
            self.report.cached_bytes = self.report.cached_bytes.saturating_add(length);
            self.add_undecoded(known.decoding);
            known.seen.iter().for_each(|seen| self.add_pieces(joined, seen));
            return Ok(());
        }
        let mut seen = Vec::new();
        let outcome = self.inspector.look_over_borders(joined, one, self.budget, &mut seen);
        seen.iter().for_each(|seen| self.add_pieces(joined, seen));
        let decoding = outcome?;
        self.report.scanned_bytes = self.report.scanned_bytes.saturating_add(length);
        self.add_undecoded(decoding);
        if let Some(key) = key {
            self.inspector.cache.put(key, &seen, decoding);
        }
        Ok(())
    }

    /// A finding for each segment that holds a piece; whose text it is in says the least trusted of them.
    fn add_pieces(&mut self, joined: &Joined, seen: &Seen) {
        let pieces = joined.pieces(&seen.sighting.span);
        let held = pieces.iter().filter_map(|(index, _)| self.segments.get(*index));
        let Some(origin) = least_trusted(held.map(|segment| segment.origin)) else { return };
        for (index, span) in pieces {
            let Some(segment) = self.segments.get(index) else { continue };
            let part = Seen { sighting: Sighting { span, ..seen.sighting.clone() }, via: seen.via };
            self.list.push(Finding { origin, ..finding(&part, index, segment) });
        }
    }

    fn add_undecoded(&mut self, decoding: Decoding) {
        if let Decoding::Cut { undecoded_bytes } = decoding {
            self.report.undecoded_bytes = self.report.undecoded_bytes.saturating_add(undecoded_bytes);
        }
    }

    /// What was found, as it is.
    pub(super) fn into_parts(self) -> (Vec<Finding>, GuardReport) {
        (self.list, self.report)
    }

    fn finish(mut self, outcome: Result<(), Spent>) -> (Vec<Finding>, GuardReport) {
        if self.report.failed.is_empty() {
            self.report.ran.push("tools");
        }
        match outcome {
            Ok(()) => {
                let only_model = self.direction == Direction::Response
                    && !self.segments.iter().any(|s| matches!(s.origin, Origin::ToolResult | Origin::Document));
                let guards = TEXT_GUARDS.iter().skip(if only_model { 2 } else { 0 });
                self.report.ran.extend(guards);
            }
            Err(Spent) => self.report.failed.extend(TEXT_GUARDS.map(|guard| (guard, OUT_OF_TIME))),
        }
        if self.left_to_the_model {
            self.report.skipped.extend([("signatures", MODEL_TEXT), ("structure", MODEL_TEXT)]);
        }
        if self.report.undecoded_bytes > 0 {
            self.report.skipped.extend(READ_DECODED.map(|guard| (guard, NOT_DECODED)));
        }
        self.list.sort_by(|a, b| {
            let place = |finding: &Finding| (finding.segment, finding.span.start, finding.span.end);
            place(a).cmp(&place(b)).then_with(|| a.rule.cmp(&b.rule)).then_with(|| b.score.total_cmp(&a.score))
        });
        // Windows over borders overlap, and see again what the segments hold.
        self.list.dedup_by(|a, b| (a.segment, &a.span, &a.rule, a.origin) == (b.segment, &b.span, &b.rule, b.origin));
        (self.list, self.report)
    }
}

pub(super) fn finding(seen: &Seen, index: usize, segment: &Segment) -> Finding {
    Finding {
        rule: seen.sighting.rule.clone(),
        category: seen.sighting.category,
        score: seen.sighting.score,
        segment: index,
        origin: segment.origin,
        channel: segment.channel,
        span: segment.map.source_span(seen.sighting.span.clone()),
        label: seen.sighting.label,
        via: seen.via,
    }
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
