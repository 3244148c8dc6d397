//! The doors of the stage: a request, an answer, a text for the record. One value per snapshot, shared by all exchanges.
//!
//! Guards: `signatures` and `structure` (injection), `secrets`, `pii`, `sinks` (parameters and tool arguments), `tools`. A
//! guard is reported as run only when it has seen everything it is for; when the time is spent every guard that has not is
//! reported as failed, and the policy decides what that means. Nothing is ever passed as inspected for being too long.

use super::arguments::{ToolRules, is_allowed};
use super::budget::{Spent, TimeBudget};
use super::cache::{Cache, Subject};
use super::findings::{Examined, Findings, GuardReport};
use super::injection::{Decoding, Injection, Seen};
use super::joined::{GAPS, for_each_joined};
use super::log;
use super::own_keys::OwnKeys;
use super::pii::Pii;
use super::secrets::Secrets;
use super::sighting::Sighting;
use super::signatures::CompileError;
use super::sinks::scan_sinks;
use super::views::Via;
use super::windows::windows;
use crate::config::settings::{Pack, ToolPolicy, Upstream};
use crate::model::{Category, Channel, Direction, Finding, Origin, Segment, TextKind, Untrusted};
use crate::stages::decode::{Decoded, Exchange, ToolCall};
use std::collections::HashMap;

/// Bytes of text between two looks at the clock.
const SECRET_STEP_BYTES: usize = 64 * 1024;
/// How far secrets and personal data are followed over the border of two windows: a private key fits.
const SECRET_LOOK_AHEAD_BYTES: usize = 8 * 1024;
/// What a parameter of an agent's endpoint is judged for.
const PARAMETER_SINKS: [Category; 3] = [Category::Xss, Category::SqlInjection, Category::CommandInjection];
/// Guards that read texts, in the order of the report.
const TEXT_GUARDS: [&str; 5] = ["signatures", "structure", "secrets", "pii", "sinks"];
const OUT_OF_TIME: &str = "time budget spent";
const MODEL_TEXT: &str = "text of the model itself";
const NOT_DECODED: &str = "decoding budget spent: some encoded text was not decoded";

/// All detectors of a snapshot and what they saw before.
#[derive(Debug)]
pub struct Inspector {
    injection: Injection,
    secrets: Secrets,
    own_keys: OwnKeys,
    pii: Pii,
    tools: ToolRules,
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
            cache: Cache::new()?,
        })
    }

    /// Looks at every segment of a request, alone and together with its neighbours.
    pub fn request(&self, exchange: Exchange, tools: &ToolPolicy, budget: &TimeBudget<'_>) -> Findings {
        let facts = exchange.facts();
        let mut pass = Pass::new(self, Direction::Request, &facts.segments, exchange.body(), budget);
        pass.tool_names(&facts.declared_tools, &facts.tool_calls, tools);
        let outcome =
            pass.segments().and_then(|()| pass.tool_arguments(&facts.tool_calls, tools)).and_then(|()| pass.joined());
        let (list, report) = pass.finish(outcome);
        Findings::new(exchange, list, report)
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

    /// The guards that a stream steps byte by byte.
    pub(super) fn exact(&self) -> Exact<'_> {
        Exact { keys: &self.own_keys, secrets: &self.secrets, pii: &self.pii }
    }

    /// Judges a whole call of a stream by its arguments.
    pub(super) fn judge_call(&self, _name: &str, arguments: &str, tools: &ToolPolicy, out: &mut Vec<Sighting>) {
        self.tools.judge(arguments, tools, out);
    }

    /// A text as it may stand in a record, whose writer escapes: secrets and personal data as `[LABEL]`.
    pub fn redact_for_record(&self, text: &str) -> String {
        let mut sightings = Vec::new();
        self.secrets.scan(text, &mut sightings);
        self.own_keys.scan(text, &mut sightings);
        self.pii.scan(text, &mut sightings);
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
        let decoding = match injection {
            Injected::Looked => self.injection.scan(text, segment.origin, budget, seen)?,
            Injected::Left => Decoding::Complete,
        };
        let mut plain = Vec::new();
        windowed(text, budget, &mut plain, |text, out| {
            self.secrets.scan(text, out);
            self.own_keys.scan(text, out);
            self.pii.scan(text, out);
            if segment.kind == TextKind::Parameter {
                scan_sinks(text, &PARAMETER_SINKS, out);
            }
        })?;
        seen.extend(plain.into_iter().map(|sighting| Seen { sighting, via: Via::default() }));
        Ok(decoding)
    }
}

/// Guards of exact form.
pub(super) struct Exact<'a> {
    pub(super) keys: &'a OwnKeys,
    pub(super) secrets: &'a Secrets,
    pub(super) pii: &'a Pii,
}

/// Whether a text is looked at for injection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Injected {
    Looked,
    /// What a model writes is not an instruction to it.
    Left,
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
struct Pass<'a, 'b> {
    inspector: &'a Inspector,
    direction: Direction,
    segments: &'a [Segment],
    body: &'a str,
    budget: &'a TimeBudget<'b>,
    list: Vec<Finding>,
    report: GuardReport,
    seen: Vec<Seen>,
    left_to_the_model: bool,
    cut: bool,
    /// Segments that are judged elsewhere, ascending.
    left_out: &'a [usize],
}

impl<'a, 'b> Pass<'a, 'b> {
    fn new(
        inspector: &'a Inspector,
        direction: Direction,
        segments: &'a [Segment],
        body: &'a str,
        budget: &'a TimeBudget<'b>,
    ) -> Self {
        let (list, report, seen) = (Vec::new(), GuardReport::default(), Vec::new());
        let (left_to_the_model, cut, left_out) = (false, false, &[][..]);
        Self { inspector, direction, segments, body, budget, list, report, seen, left_to_the_model, cut, left_out }
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
            self.cut |= known.decoding == Decoding::Cut;
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
        self.cut |= decoding == Decoding::Cut;
        if let Some(key) = key {
            self.inspector.cache.put(key, &self.seen, decoding);
        }
        Ok(())
    }

    /// Tools that may not be declared or called. Needs no time worth measuring.
    fn tool_names(&mut self, declared: &[Untrusted<String>], calls: &[ToolCall], tools: &ToolPolicy) {
        // In a stream only the first part of a call carries its name.
        let is_part = |name: &str| name.is_empty() && self.direction == Direction::Response;
        let names = declared.iter().map(|name| (name.expose().as_str(), Origin::ToolDefinition, None));
        let called =
            calls.iter().map(|call| (call.name.expose().as_str(), Origin::ToolCall, call.arguments.first().copied()));
        let refused: Vec<_> =
            names.chain(called).filter(|(name, ..)| !is_part(name) && !is_allowed(tools, name)).collect();
        if refused.is_empty() {
            return;
        }
        let place: HashMap<(&str, Origin), usize> = (self.segments.iter().enumerate().rev())
            .filter(|(_, segment)| {
                matches!(segment.origin, Origin::ToolCall | Origin::ToolDefinition | Origin::Assistant)
            })
            .map(|(index, segment)| ((segment.text(self.body), segment.origin), index))
            .collect();
        for (name, origin, arguments) in refused {
            let named = [origin, Origin::Assistant].into_iter().find_map(|origin| place.get(&(name, origin)).copied());
            let index = named.or(arguments).unwrap_or(0);
            let span = 0..if named.is_some() { name.len() } else { 0 };
            let sighting = self.inspector.tools.not_allowed(span);
            match self.segments.get(index) {
                Some(segment) => self.list.push(finding(&Seen { sighting, via: Via::default() }, index, segment)),
                None => self.list.push(finding_without_text(sighting, origin)),
            }
        }
    }

    fn tool_arguments(&mut self, calls: &[ToolCall], tools: &ToolPolicy) -> Result<(), Spent> {
        // In an answer the channel tells the arguments; the events of a stream hold parts of them without a call's name.
        let direction = self.direction;
        let named = calls.iter().flat_map(|call| call.arguments.iter().copied());
        let by_name = named.filter(|_| direction == Direction::Request);
        let by_channel = self.segments.iter().enumerate();
        let by_channel =
            by_channel.filter(|(_, s)| direction == Direction::Response && s.channel == Channel::ToolArguments);
        for index in by_name.chain(by_channel.map(|(index, _)| index)) {
            self.budget.check()?;
            if self.left_out.binary_search(&index).is_ok() {
                continue;
            }
            let Some(segment) = self.segments.get(index) else { continue };
            let mut sightings = Vec::new();
            self.inspector.tools.judge(segment.text(self.body), tools, &mut sightings);
            let seen = sightings.into_iter().map(|sighting| Seen { sighting, via: Via::default() });
            self.list.extend(seen.map(|seen| finding(&seen, index, segment)));
        }
        Ok(())
    }

    /// Instructions that are split over neighbouring segments.
    fn joined(&mut self) -> Result<(), Spent> {
        let (inspector, budget, segments, body) = (self.inspector, self.budget, self.segments, self.body);
        for gap in GAPS {
            for_each_joined(segments, body, gap, |first, joined| {
                budget.check()?;
                let key = inspector.cache.key(Subject::Joined(first.origin), &joined.text);
                let mut seen = Vec::new();
                let known = key.and_then(|key| inspector.cache.get(key));
                if known.is_none() {
                    let decoding = inspector.injection.scan(&joined.text, first.origin, budget, &mut seen)?;
                    if let Some(key) = key {
                        inspector.cache.put(key, &seen, decoding);
                    }
                }
                let all = known.as_ref().map_or(seen.as_slice(), |known| &known.seen);
                for one in all {
                    for (index, span) in joined.pieces(&one.sighting.span) {
                        let Some(segment) = segments.get(index) else { continue };
                        let part = Seen { sighting: Sighting { span, ..one.sighting.clone() }, via: one.via };
                        self.list.push(finding(&part, index, segment));
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn finish(mut self, outcome: Result<(), Spent>) -> (Vec<Finding>, GuardReport) {
        self.report.ran.push("tools");
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
        if self.cut {
            self.report.skipped.push(("signatures", NOT_DECODED));
        }
        self.list.sort_by_key(|finding| (finding.segment, finding.span.start));
        self.list.dedup();
        (self.list, self.report)
    }
}

fn finding(seen: &Seen, index: usize, segment: &Segment) -> Finding {
    Finding {
        rule: seen.sighting.rule.clone(),
        category: seen.sighting.category,
        score: seen.sighting.score,
        segment: index,
        origin: segment.origin,
        channel: segment.channel,
        span: segment.map.source_span(seen.sighting.span.clone()),
        label: seen.sighting.label,
        via: seen.via.names(),
    }
}

/// A finding about a name that stands in no segment.
fn finding_without_text(sighting: Sighting, origin: Origin) -> Finding {
    Finding {
        rule: sighting.rule,
        category: sighting.category,
        score: sighting.score,
        segment: 0,
        origin,
        channel: Channel::Content,
        span: 0..0,
        label: sighting.label,
        via: &[],
    }
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
