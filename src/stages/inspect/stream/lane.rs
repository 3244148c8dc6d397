//! One text that a stream says piece by piece. Each guard has a front: what stands before it was reported as it would be in the
//! whole text. What may leave lies behind the fronts of all guards on whose findings the policy acts, and inside no finding.
//!
//! The work of a piece is bounded by what is held and by the context that a guard looks back to; where much is held, it is
//! looked at again only after it has grown by a share, so that the whole stays linear.

use super::{Holding, Text};
use crate::config::settings::ToolPolicy;
use crate::model::{Category, Channel, Finding, RuleId, Untrusted};
use crate::stages::decode::{CallForm, LaneField, LaneId, ToolCall};
use crate::stages::inspect::declared::DeclaredTools;
use crate::stages::inspect::engine::Inspector;
use crate::stages::inspect::secrets::LIVE_CONTEXT;
use crate::stages::inspect::sighting::Sighting;
use crate::stages::inspect::tool_schema::Fit;
use crate::stages::inspect::views::Via;
use std::collections::VecDeque;
use std::ops::Range;

/// Text kept before the fronts: what guards look back to.
const CONTEXT: usize = LIVE_CONTEXT;
/// Above so many held bytes a text is looked at again only when it has grown by this share of them.
const PATIENCE_BYTES: usize = 1024;
const PATIENCE_SHARE: usize = 64;

/// Shortest word that is worth decoding (an AWS key in base64 has 28 signs, in hexadecimal 40), and the longest, in bytes.
const SHORTEST_ENCODED_WORD: usize = 24;
const ENCODED_WORD: usize = 1024;

/// One text under way. All places count from its first byte.
#[derive(Debug)]
pub(super) struct Lane {
    id: LaneId,
    holding: Holding,
    /// The call, in lanes of arguments: its name and form, once an event said them.
    call: Option<(Untrusted<String>, CallForm)>,
    /// The end of the text, from `base` on.
    text: String,
    base: usize,
    keys: usize,
    secrets: usize,
    pii: usize,
    /// Where the last personal datum ended: nothing is reported twice.
    pii_done: usize,
    out: usize,
    /// What was seen behind `out`.
    pending: Vec<Decided>,
    pieces: VecDeque<PieceAt>,
    endings: u32,
    is_closed: bool,
    /// The number of the event that began the call under way.
    began: Option<u64>,
    /// Length of the text when it was last looked at.
    looked_at: usize,
    /// Held bytes that the stream has counted.
    counted: usize,
}

/// Where the text of an event's segment lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct PieceAt {
    pub(super) start: usize,
    pub(super) end: usize,
    /// The event's number.
    pub(super) seq: u64,
    pub(super) segment: usize,
}

/// A sighting that no further text can change. Its span counts from the lane's first byte.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) sighting: Sighting,
    pub(super) span: Range<usize>,
    /// The way to it, where it was read in decoded text.
    pub(super) via: Via,
    /// What a redaction puts there. Where several overlap, they are cut as one, under the label of the longest.
    pub(super) label: &'static str,
}

impl Lane {
    pub(super) fn new(id: LaneId, holding: Holding) -> Self {
        Self {
            id,
            holding,
            call: None,
            text: String::new(),
            base: 0,
            keys: 0,
            secrets: 0,
            pii: 0,
            pii_done: 0,
            out: 0,
            pending: Vec::new(),
            pieces: VecDeque::new(),
            endings: 0,
            is_closed: false,
            began: None,
            looked_at: 0,
            counted: 0,
        }
    }

    pub(super) fn id(&self) -> LaneId {
        self.id
    }

    /// Whether it holds the arguments of a call, which are judged when they are whole.
    pub(super) fn is_call(&self) -> bool {
        self.id.field == LaneField::Arguments
    }

    pub(super) fn channel(&self) -> Channel {
        match self.id.field {
            LaneField::Content | LaneField::Transcript => Channel::Content,
            LaneField::Refusal => Channel::Refusal,
            LaneField::Reasoning => Channel::Reasoning,
            LaneField::Arguments => Channel::ToolArguments,
        }
    }

    /// Adds an event's text; returns where it ends.
    pub(super) fn append(&mut self, text: &str, seq: u64, segment: usize) -> usize {
        let start = self.len();
        self.text.push_str(text);
        let end = self.len();
        self.pieces.push_back(PieceAt { start, end, seq, segment });
        end
    }

    /// Notes an event of a call; the first since the lane's end began it.
    pub(super) fn begin(&mut self, seq: u64) {
        self.began.get_or_insert(seq);
    }

    /// The event that began the call under way.
    pub(super) fn began(&self) -> Option<u64> {
        self.began
    }

    /// Says that the call under way is over.
    pub(super) fn is_over(&mut self) {
        self.began = None;
    }

    /// Notes the call that the lane's text is the arguments of.
    pub(super) fn named(&mut self, call: &ToolCall) {
        self.call.get_or_insert_with(|| (call.name.clone(), call.form.clone()));
    }

    /// Up to where the text may leave.
    pub(super) fn out(&self) -> usize {
        self.out
    }

    /// How often it has ended.
    pub(super) fn endings(&self) -> u32 {
        self.endings
    }

    /// Says that no more of it may come.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
    }

    /// Whether an event said that no more of it comes.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Bytes that wait.
    pub(super) fn held(&self) -> usize {
        self.len().saturating_sub(self.out)
    }

    /// Notes how many held bytes the stream counts for this lane; returns how many it counted before.
    pub(super) fn take_counted(&mut self, after: usize) -> usize {
        std::mem::replace(&mut self.counted, after)
    }

    /// The pieces that hold bytes of a span, in order.
    pub(super) fn pieces_over(&self, span: &Range<usize>) -> impl Iterator<Item = &PieceAt> {
        let first = self.pieces.partition_point(|piece| piece.end <= span.start);
        let end = span.end;
        self.pieces.range(first..).take_while(move |piece| piece.start < end)
    }

    /// Forgets the pieces that have left.
    pub(super) fn forget_pieces(&mut self) {
        while self.pieces.front().is_some_and(|piece| piece.end <= self.out) {
            self.pieces.pop_front();
        }
    }

    fn len(&self) -> usize {
        self.base.saturating_add(self.text.len())
    }

    /// Decides what can be decided now; returns what was seen there.
    pub(super) fn advance(
        &mut self,
        inspector: &Inspector,
        text: Text,
        tools: &ToolPolicy,
        declared: &DeclaredTools,
    ) -> Vec<Decided> {
        let mut seen = Vec::new();
        if self.is_closed && self.held() == 0 && self.is_call() {
            return seen;
        }
        if text == Text::GoesOn && (self.is_call() || self.is_too_early()) {
            return seen;
        }
        self.looked_at = self.len();
        self.look(inspector, text, &mut seen);
        if text == Text::Whole {
            if self.is_call() {
                self.judge_call(inspector, tools, declared, &mut seen);
            }
            self.endings = self.endings.saturating_add(1);
        }
        self.pending.append(&mut seen);
        self.settle(text);
        self.trim();
        self.take_placed(text)
    }

    /// Where much is held, looking at all of it for each byte that comes would cost its square.
    fn is_too_early(&self) -> bool {
        let held = self.held();
        held > PATIENCE_BYTES && self.len().saturating_sub(self.looked_at) < held / PATIENCE_SHARE
    }

    fn look(&mut self, inspector: &Inspector, text: Text, seen: &mut Vec<Decided>) {
        let exact = inspector.exact();
        let whole = self.text.len();
        let at = |front: usize| front.saturating_sub(self.base).min(whole);
        let mut out = Vec::new();

        let from = at(self.keys);
        let live = if text == Text::Whole { whole } else { exact.keys.live_start(&self.text).max(from) };
        let live = self.decide(from, live, text, &mut out, seen, |lane, out| {
            shifted(lane, from, out, |part, out| exact.keys.scan(part, out));
        });
        self.keys = self.base.saturating_add(live);

        let from = at(self.secrets);
        let live = if text == Text::Whole { whole } else { exact.secrets.live_start(&self.text, from) };
        let live = self.decide(from, live, text, &mut out, seen, |lane, out| {
            let context = lane.floor_char_boundary(from.saturating_sub(CONTEXT));
            shifted(lane, context, out, |part, out| exact.secrets.scan(part, out));
        });
        self.encoded(inspector, from..live, seen);
        self.secrets = self.base.saturating_add(live);

        let from = at(self.pii);
        let done = at(self.pii_done);
        let live = if text == Text::Whole { whole } else { exact.pii.live_start(&self.text, from) };
        let before = seen.len();
        let live =
            self.decide(from, live, text, &mut out, seen, |lane, out| exact.pii.scan_from(lane, from, done, out));
        self.pii = self.base.saturating_add(live);
        self.pii_done = seen.iter().skip(before).map(|decided| decided.span.end).max().unwrap_or(self.pii_done);
    }

    /// What words that look encoded decode to, where they end in `decided`. Of a word that is longer than a stream holds, the
    /// beginning may have left; its rest is judged with it.
    fn encoded(&self, inspector: &Inspector, decided: Range<usize>, seen: &mut Vec<Decided>) {
        let bytes = self.text.as_bytes();
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=_-%".contains(byte);
        let mut at = decided.start;
        while at < decided.end {
            let rest = bytes.get(at..decided.end).unwrap_or(b"");
            let Some(skip) = rest.iter().position(is_part) else { break };
            let found = at.saturating_add(skip);
            let floor = found.saturating_sub(ENCODED_WORD);
            let before = bytes.get(floor..found).unwrap_or(b"");
            let start = found.saturating_sub(before.iter().rev().take_while(|byte| is_part(byte)).count());
            let tail = bytes.get(found..).unwrap_or(b"");
            let end = found.saturating_add(tail.iter().take(ENCODED_WORD).take_while(|byte| is_part(byte)).count());
            at = end;
            if end > decided.end || end.saturating_sub(start) < SHORTEST_ENCODED_WORD {
                continue;
            }
            let word = self.text.get(start..end).unwrap_or("");
            seen.extend(inspector.in_encoded_word(word).into_iter().map(|one| {
                let from = self.base.saturating_add(start.saturating_add(one.sighting.span.start).max(decided.start));
                let to = self.base.saturating_add(start.saturating_add(one.sighting.span.end));
                Decided { span: from..to.max(from), label: one.sighting.label, via: one.via, sighting: one.sighting }
            }));
        }
    }

    /// Looks at the text between a guard's front and its live start, and keeps what is decided. Returns the new front: no later
    /// than the beginning of anything that was seen reaching over it.
    fn decide(
        &self,
        from: usize,
        live: usize,
        text: Text,
        out: &mut Vec<Sighting>,
        seen: &mut Vec<Decided>,
        scan: impl FnOnce(&str, &mut Vec<Sighting>),
    ) -> usize {
        if live <= from {
            return from;
        }
        out.clear();
        scan(&self.text, out);
        out.retain(|sighting| sighting.span.end > from);
        let mut live = live;
        if text == Text::GoesOn {
            out.sort_by_key(|sighting| std::cmp::Reverse(sighting.span.start));
            for sighting in out.iter() {
                if sighting.span.start < live && sighting.span.end > live {
                    live = sighting.span.start.max(from);
                }
            }
        }
        out.retain(|sighting| sighting.span.start < live);
        seen.extend(out.drain(..).map(|sighting| {
            let start = self.base.saturating_add(sighting.span.start.max(from));
            let label = sighting.label;
            let end = self.base.saturating_add(sighting.span.end);
            Decided { span: start..end, sighting, via: Via::default(), label }
        }));
        live
    }

    /// The one place where a call of a stream is judged: whether its name is allowed was judged with the event that said it; `text`
    /// is all of its arguments.
    fn judge_call(&self, inspector: &Inspector, tools: &ToolPolicy, declared: &DeclaredTools, seen: &mut Vec<Decided>) {
        let mut out = Vec::new();
        inspector.tools.judge(&self.text, tools, &mut out);
        if let Some((name, form)) = self.call.as_ref().filter(|(_, form)| *form != CallForm::Hosted) {
            let name = name.expose().as_str();
            let whole = |rule: String| Sighting {
                rule: RuleId::new(rule),
                category: Category::Tool,
                score: 1.0,
                span: 0..self.text.len(),
                label: "TOOL_ARGUMENT",
            };
            if !declared.declares(name) {
                out.push(whole(Finding::UNDECLARED_TOOL.to_owned()));
            }
            let fit = if *form == CallForm::Free { Fit::Fits } else { declared.fit(name, &self.text) };
            match fit {
                Fit::Fits => {}
                Fit::Misfit(keyword) => out.push(whole(format!("{}.{keyword}", Finding::ARGUMENT_INVALID))),
                Fit::Unjudged(_) => out.push(whole(format!("{}.unjudged", Finding::ARGUMENT_INVALID))),
            }
        }
        seen.extend(out.into_iter().map(|sighting| {
            let span = self.base.saturating_add(sighting.span.start)..self.base.saturating_add(sighting.span.end);
            let label = sighting.label;
            Decided { span, sighting, via: Via::default(), label }
        }));
    }

    /// Moves on what may leave: behind every front that the policy acts on, and not through a finding.
    fn settle(&mut self, text: Text) {
        let mut out = self.keys;
        if self.holding.secrets.is_some() {
            out = out.min(self.secrets);
        }
        if self.holding.pii.is_some() {
            out = out.min(self.pii);
        }
        if text == Text::GoesOn {
            self.pending.sort_by_key(|decided| std::cmp::Reverse(decided.span.start));
            for decided in self.pending.iter().filter(|decided| self.acts_on(&decided.sighting)) {
                if decided.span.start < out && decided.span.end > out {
                    out = decided.span.start;
                }
            }
        }
        self.out = out.max(self.out);
    }

    /// Whether the policy may cut this.
    fn acts_on(&self, sighting: &Sighting) -> bool {
        let least = match sighting.category {
            _ if sighting.rule.as_str() == Finding::UPSTREAM_CREDENTIAL => Some(0.0),
            Category::Secret => self.holding.secrets,
            Category::Pii => self.holding.pii,
            _ => None,
        };
        least.is_some_and(|least| sighting.score >= least)
    }

    /// Takes what was seen before `out`, in order. Of what overlaps and will be cut, the longest gives the label to all.
    fn take_placed(&mut self, text: Text) -> Vec<Decided> {
        let out = if text == Text::Whole { usize::MAX } else { self.out };
        let (mut placed, pending) =
            std::mem::take(&mut self.pending).into_iter().partition::<Vec<_>, _>(|decided| decided.span.start < out);
        self.pending = pending;
        let order =
            |a: &Decided, b: &Decided| (a.span.start, b.span.end, a.label).cmp(&(b.span.start, a.span.end, b.label));
        placed.sort_by(order);
        let mut first = 0;
        while first < placed.len() {
            let (mut end, mut longest, mut label, mut last) = (0, 0, "", first);
            for decided in placed.iter().skip(first) {
                let acts = self.acts_on(&decided.sighting);
                if acts && longest > 0 && decided.span.start >= end {
                    break;
                }
                if acts {
                    end = end.max(decided.span.end);
                    if decided.span.len() > longest {
                        (longest, label) = (decided.span.len(), decided.label);
                    }
                }
                last += 1;
            }
            for decided in placed.get_mut(first..last).unwrap_or_default() {
                if self.acts_on(&decided.sighting) {
                    decided.label = label;
                }
            }
            first = last.max(first + 1);
        }
        placed
    }

    /// Drops text that no guard looks back to.
    fn trim(&mut self) {
        let last = self.out.min(self.keys).min(self.secrets).min(self.pii).saturating_sub(self.base);
        let spare = last.saturating_sub(if self.is_call() { 0 } else { CONTEXT });
        if spare > CONTEXT || (self.is_call() && spare > 0) {
            let spare = self.text.floor_char_boundary(spare);
            self.text.drain(..spare);
            self.base = self.base.saturating_add(spare);
        }
    }
}

/// Scans the text from `from` on, in offsets of the whole.
fn shifted(text: &str, from: usize, out: &mut Vec<Sighting>, scan: impl FnOnce(&str, &mut Vec<Sighting>)) {
    scan(text.get(from..).unwrap_or(""), out);
    for sighting in out {
        sighting.span = sighting.span.start.saturating_add(from)..sighting.span.end.saturating_add(from);
    }
}
