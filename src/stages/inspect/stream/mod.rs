//! The events of a stream. What an event says of a text that others go on with is judged together with them, byte for byte as if
//! the text were whole, and the event is held until its own bytes are decided: no event later than its bytes need, and no
//! byte that may begin a match earlier. Events leave in the order in which they came; a sign of life overtakes those that
//! are held.
//!
//! | file | for |
//! |---|---|
//! | `lane` | one text that events say piece by piece: what of it is decided |
//! | here | the queue of events, and findings brought back to the events that hold their bytes |

mod lane;

use super::budget::TimeBudget;
use super::declared::DeclaredTools;
use super::engine::Inspector;
use super::findings::{Examined, GuardReport};
use super::sighting::Sighting;
use super::views::Via;
use crate::config::settings::ToolPolicy;
use crate::model::{Category, Channel, Finding, Origin, Segment};
use crate::stages::decode::{AnswerFacts, Decoded, DecodedForm, LaneId, StreamMarker, ToolCall};
use lane::{Decided, Lane};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Most texts that a stream may say at once: choices times channels, and calls of tools.
const MAX_LANES: usize = 512;
const AFTER_END: &str = "text after the end of its part";
const TOO_MANY_LANES: &str = "work: too many texts in one stream";

/// Of which families a policy would keep something from the client. Only for these is text held; the others are looked for all
/// the same, and recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Holding {
    /// Credentials, from this score on. The gateway's own are held in any case.
    pub secrets: Option<f32>,
    /// Personal data, from this score on.
    pub pii: Option<f32>,
}

/// Looks at one streamed answer. Give it every event in order, then call [`StreamInspector::finish`].
#[derive(Debug)]
pub struct StreamInspector {
    inspector: Arc<Inspector>,
    holding: Holding,
    declared: DeclaredTools,
    lanes: Vec<Lane>,
    known: HashMap<LaneId, usize>,
    queue: VecDeque<Held>,
    /// The number of the queue's first event; events are numbered as they come.
    first: u64,
    /// Bytes of the events in the queue.
    queued_bytes: usize,
    /// Bytes of their texts that are not decided, by what holds them.
    held: HeldBytes,
}

/// Bytes of text that are held back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeldBytes {
    /// In texts: what may be the beginning of something.
    pub text: usize,
    /// In arguments of tool calls that are not whole yet.
    pub calls: usize,
    /// In events as received, with everything around their texts.
    pub events: usize,
}

/// An event that waits.
#[derive(Debug)]
struct Held {
    decoded: Decoded,
    list: Vec<Finding>,
    report: GuardReport,
    waits: Vec<Wait>,
}

/// What an event waits for.
#[derive(Debug, Clone, Copy)]
enum Wait {
    /// A lane is decided up to this place.
    Decided(usize, usize),
    /// A lane has ended more than so many times.
    Ended(usize, u32),
}

impl StreamInspector {
    /// Begins a stream. `holding` is what the policy acts on, `declared` what its calls are held against.
    pub fn new(inspector: Arc<Inspector>, holding: Holding, declared: DeclaredTools) -> Self {
        Self {
            inspector,
            holding,
            declared,
            lanes: Vec::new(),
            known: HashMap::new(),
            queue: VecDeque::new(),
            first: 0,
            queued_bytes: 0,
            held: HeldBytes::default(),
        }
    }

    /// Takes one event; gives the events that are decided now, in order.
    pub fn push(&mut self, decoded: Decoded, tools: &ToolPolicy, budget: &TimeBudget<'_>) -> Vec<Examined> {
        if *decoded.form() == DecodedForm::Marker(StreamMarker::KeepAlive) {
            return vec![Examined::new(decoded, Vec::new(), GuardReport::default())];
        }
        let facts = decoded.facts();
        let in_lanes: Vec<usize> = facts.pieces.iter().filter_map(|piece| piece.segment).collect();
        let (list, mut report) = self.inspector.event(&decoded, &in_lanes, tools, budget);
        let seq = self.first.saturating_add(self.queue.len() as u64);
        let mut waits = Vec::new();
        let mut touched = Vec::new();
        for piece in &facts.pieces {
            let Some(index) = self.lane(piece.lane) else {
                report.failed.push(("secrets", TOO_MANY_LANES));
                continue;
            };
            let Some(lane) = self.lanes.get_mut(index) else { continue };
            if let Some((segment, text)) =
                piece.segment.and_then(|at| Some((at, facts.segments.get(at)?.text(decoded.body()))))
            {
                // Its beginning was judged as a whole and has left.
                if lane.is_closed() {
                    report.failed.push(("secrets", AFTER_END));
                }
                let end = lane.append(text, seq, segment);
                report.scanned_bytes = report.scanned_bytes.saturating_add(text.len() as u64);
                waits.push(Wait::Decided(index, end));
            }
            if lane.is_call() {
                lane.begin(seq);
                if let Some(call) = call_of(facts, piece.segment) {
                    lane.named(call);
                }
                waits.push(Wait::Ended(index, lane.endings()));
            }
            touched.push(index);
        }
        let ends = facts.lane_ends.clone();
        self.queued_bytes = self.queued_bytes.saturating_add(decoded.body().len());
        self.queue.push_back(Held { decoded, list, report, waits });
        if !ends.is_empty() {
            let ended = self.lanes.iter().enumerate().filter(|(_, lane)| ends.iter().any(|end| end.ends(lane.id())));
            touched.extend(ended.filter(|(_, lane)| !lane.is_closed()).map(|(index, _)| index));
        }
        touched.sort_unstable();
        touched.dedup();
        for index in touched {
            let is_over = self.lanes.get(index).is_some_and(|lane| ends.iter().any(|end| end.ends(lane.id())));
            self.advance(index, if is_over { Text::Whole } else { Text::GoesOn }, tools);
            if let Some(lane) = self.lanes.get_mut(index).filter(|_| is_over) {
                lane.close();
            }
        }
        self.release()
    }

    /// Bytes held back now.
    pub fn held(&self) -> HeldBytes {
        HeldBytes { events: self.queued_bytes, ..self.held }
    }

    /// Whether any event waits.
    pub fn is_holding(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Ends the stream, or what is held of it: judges what is held as if nothing followed, and gives those events.
    pub fn finish(&mut self, tools: &ToolPolicy) -> Vec<Examined> {
        for index in 0..self.lanes.len() {
            self.advance(index, Text::Whole, tools);
        }
        self.release()
    }

    /// Judges held texts as if nothing followed, but not calls of tools, which mean nothing before they are whole.
    pub fn settle(&mut self, tools: &ToolPolicy) -> Vec<Examined> {
        for index in 0..self.lanes.len() {
            if self.lanes.get(index).is_some_and(|lane| !lane.is_call()) {
                self.advance(index, Text::Whole, tools);
            }
        }
        self.release()
    }

    fn lane(&mut self, id: LaneId) -> Option<usize> {
        if let Some(index) = self.known.get(&id) {
            return Some(*index);
        }
        let index = self.lanes.len();
        if index >= MAX_LANES {
            return None;
        }
        self.lanes.push(Lane::new(id, self.holding));
        self.known.insert(id, index);
        Some(index)
    }

    /// Decides what can be decided of a lane, and brings what was seen to the events that hold its bytes.
    fn advance(&mut self, index: usize, text: Text, tools: &ToolPolicy) {
        let Some(lane) = self.lanes.get_mut(index) else { return };
        let is_call = lane.is_call();
        let seen = lane.advance(&self.inspector, text, tools, &self.declared);
        let after = lane.held();
        let held = if is_call { &mut self.held.calls } else { &mut self.held.text };
        *held = held.saturating_add(after).saturating_sub(lane.take_counted(after));
        for decided in seen {
            let is_data = matches!(decided.sighting.category, Category::Secret | Category::Pii);
            match self.lanes.get(index).and_then(Lane::began) {
                Some(began) if is_call && !is_data => self.place_at_beginning(index, began, decided),
                _ => self.place(index, decided),
            }
        }
        if let Some(lane) = self.lanes.get_mut(index) {
            if text == Text::Whole {
                lane.is_over();
            }
            lane.forget_pieces();
        }
    }

    /// What is said of a call as a whole stands at its first event, so that nothing of the call leaves before it is decided on.
    fn place_at_beginning(&mut self, index: usize, began: u64, decided: Decided) {
        let channel = self.lanes.get(index).map_or(Channel::ToolArguments, Lane::channel);
        let place = began.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        let held = match place {
            Some(place) => self.queue.get_mut(place),
            None => self.queue.back_mut(),
        };
        if let Some(held) = held {
            held.list.push(unplaced(decided.sighting, channel));
        }
    }

    /// Brings one sighting to the events of its bytes: the first of them carries the label, in the others its bytes go without one.
    fn place(&mut self, index: usize, decided: Decided) {
        let Some(lane) = self.lanes.get(index) else { return };
        let Decided { sighting, span, via, label } = decided;
        let mut is_first = true;
        for piece in lane.pieces_over(&span) {
            let place = piece.seq.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
            let Some(held) = place.and_then(|place| self.queue.get_mut(place)) else { continue };
            let Some(segment) = held.decoded.facts().segments.get(piece.segment) else { continue };
            let from = span.start.max(piece.start).saturating_sub(piece.start);
            let to = span.end.min(piece.end).saturating_sub(piece.start);
            let mut found =
                finding(&sighting, piece.segment, segment, from..to, if is_first { label } else { Finding::CONTINUED });
            found.via = via;
            held.list.push(found);
            is_first = false;
        }
        // A family that the policy only records may be seen after its bytes have left; it is recorded with the next event.
        if is_first && let Some(held) = self.queue.back_mut() {
            held.list.push(unplaced(sighting, lane.channel()));
        }
    }

    fn release(&mut self) -> Vec<Examined> {
        let mut out = Vec::new();
        while let Some(held) = self.queue.front() {
            let is_decided = held.waits.iter().all(|wait| match *wait {
                Wait::Decided(lane, end) => self.lanes.get(lane).is_none_or(|lane| lane.out() >= end),
                Wait::Ended(lane, times) => self.lanes.get(lane).is_none_or(|lane| lane.endings() > times),
            });
            if !is_decided {
                break;
            }
            let Some(mut held) = self.queue.pop_front() else { break };
            self.first = self.first.saturating_add(1);
            self.queued_bytes = self.queued_bytes.saturating_sub(held.decoded.body().len());
            held.list.sort_by_key(|finding| (finding.segment, finding.span.start));
            out.push(Examined::new(held.decoded, held.list, held.report));
        }
        out
    }
}

/// Whether more of a text may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    GoesOn,
    Whole,
}

/// The call that a piece belongs to, where its event names it.
fn call_of(facts: &AnswerFacts, segment: Option<usize>) -> Option<&ToolCall> {
    let of_segment = |at: usize| facts.tool_calls.iter().find(|call| call.arguments.contains(&at));
    let only = || facts.tool_calls.first().filter(|_| facts.tool_calls.len() == 1);
    segment.and_then(of_segment).or_else(only).filter(|call| !call.name.expose().is_empty())
}

/// A finding that points at no string of its event.
fn unplaced(sighting: Sighting, channel: Channel) -> Finding {
    Finding {
        rule: sighting.rule,
        category: sighting.category,
        score: sighting.score,
        segment: usize::MAX,
        origin: Origin::Assistant,
        channel,
        span: 0..0,
        label: sighting.label,
        via: Via::default(),
    }
}

fn finding(
    sighting: &Sighting,
    index: usize,
    segment: &Segment,
    span: std::ops::Range<usize>,
    label: &'static str,
) -> Finding {
    Finding {
        rule: sighting.rule.clone(),
        category: sighting.category,
        score: sighting.score,
        segment: index,
        origin: segment.origin,
        channel: segment.channel,
        span: segment.map.source_span(span),
        label,
        via: Via::default(),
    }
}
