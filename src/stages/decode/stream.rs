//! A streamed answer: chunks in, decoded events out. Whatever the upstream sends between two empty lines is either a fixed
//! marker of the dialect, or JSON whose strings were all found, or a fault; nothing else comes out.

use super::answer::{self, AnswerFault, Part};
use super::decoded::{AnswerFacts, Decoded, DecodedForm, StreamMarker, Usage};
use super::events::{EventReader, RawEvent};
use super::exchange::Coverage;
use super::json::{Json, JsonLimits, Kind};
use super::lanes::{LaneEnd, LaneField, LaneId, LanePiece};
use super::stream_frame::{Frame, Step};
use super::words;
use crate::model::{Channel, Endpoint, OffsetMap, Origin, Segment, TextKind};

/// Bounds of a streamed answer.
#[derive(Debug, Clone, Copy)]
pub struct StreamLimits {
    /// Longest event, in bytes of its lines.
    pub event_bytes: usize,
    /// Bounds of each event's JSON.
    pub json: JsonLimits,
}

/// How an upstream's stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEnd {
    /// With the dialect's end marker.
    Complete,
    /// Without it: what came is not the whole answer, and must not look like it (THREATS 34).
    Truncated,
}

/// Decodes one streamed answer.
#[derive(Debug)]
pub struct StreamDecoder {
    pub(super) endpoint: Endpoint,
    reader: EventReader,
    pub(super) state: State,
    /// The first fault: after it, nothing more is read.
    fault: Option<AnswerFault>,
}

/// What a stream remembers from event to event.
#[derive(Debug)]
pub(super) struct State {
    json: JsonLimits,
    swallow_usage: bool,
    ended: bool,
    pub(super) id: Option<String>,
    pub(super) model: Option<String>,
    pub(super) usage: Option<Usage>,
    pub(super) frame: Frame,
}

impl StreamDecoder {
    /// A decoder for one answer. `swallow_usage` says that the gateway alone asked for the chunk that tells the usage.
    pub fn new(endpoint: Endpoint, limits: StreamLimits, swallow_usage: bool) -> Self {
        let state = State {
            json: limits.json,
            swallow_usage,
            ended: false,
            id: None,
            model: None,
            usage: None,
            frame: Frame::default(),
        };
        Self { endpoint, reader: EventReader::new(limits.event_bytes), state, fault: None }
    }

    /// Reads a chunk and adds the events that it completes to `out`, in order. Usage in events is the total so far.
    ///
    /// # Errors
    /// The first [`AnswerFault`] of the stream, now and at every later call. Events added to `out` before it are good.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<Decoded>) -> Result<(), AnswerFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let Self { endpoint, reader, state, .. } = self;
        let mut is_alive = false;
        let result = reader.push(chunk, |event| match event {
            // One comment in a chunk says as much as a thousand.
            RawEvent::Comment if is_alive => Ok(()),
            RawEvent::Comment => {
                is_alive = true;
                out.push(marker(StreamMarker::KeepAlive, String::new()));
                Ok(())
            }
            RawEvent::Data { name, data } => state.event(*endpoint, name, data, out),
        });
        self.fault = result.err();
        result
    }

    /// Says that the oldest event that was not yet said to be so has been delivered or swallowed. A terminal frame closes
    /// what the client saw opened, so this is called once per event that is no sign of life, before [`Self::terminal`].
    pub fn delivered(&mut self) {
        self.state.frame.delivered();
    }

    /// Says that the upstream closed.
    pub fn finish(&mut self) -> StreamEnd {
        let agent_ends_by_closing = self.endpoint == Endpoint::AgentJson && !self.reader.is_inside_event();
        if self.fault.is_none() && (self.state.ended || agent_ends_by_closing) {
            StreamEnd::Complete
        } else {
            StreamEnd::Truncated
        }
    }
}

impl State {
    fn event(
        &mut self,
        endpoint: Endpoint,
        name: Option<String>,
        data: String,
        out: &mut Vec<Decoded>,
    ) -> Result<(), AnswerFault> {
        let is_done = data.trim() == "[DONE]";
        if self.ended {
            // Some copies of the Responses API say it twice.
            return if is_done && endpoint == Endpoint::Responses { Ok(()) } else { Err(AnswerFault::AfterEnd) };
        }
        if is_done {
            return self.done(endpoint, out);
        }
        let json = match Json::parse(&data, self.json) {
            Ok(json) => json,
            Err(_) if endpoint == Endpoint::AgentJson => {
                let name = agent_name(name)?;
                let facts = plain_text(&data);
                self.emit(out, Decoded::new(DecodedForm::Event { name }, data, facts), Step::default());
                return Ok(());
            }
            Err(fault) => return Err(fault.into()),
        };
        let name = checked_name(endpoint, name, &json)?;
        if is_ping(endpoint, &json) {
            // Fixed bytes: what stood between the upstream's tokens does not pass.
            out.push(marker(StreamMarker::KeepAlive, r#"{"type": "ping"}"#.to_owned()));
            return Ok(());
        }
        let (mut facts, step) = answer::read(&json, endpoint, Part::Event)?;
        facts.swallow &= self.swallow_usage;
        self.remember(&mut facts);
        self.emit(out, Decoded::new(DecodedForm::Event { name }, data, facts), step);
        Ok(())
    }

    fn done(&mut self, endpoint: Endpoint, out: &mut Vec<Decoded>) -> Result<(), AnswerFault> {
        if !matches!(endpoint, Endpoint::ChatCompletions | Endpoint::Completions | Endpoint::AgentJson) {
            return Err(AnswerFault::UnexpectedEnd);
        }
        self.ended = true;
        self.emit(out, marker(StreamMarker::Done, "[DONE]".to_owned()), Step::default());
        Ok(())
    }

    fn emit(&mut self, out: &mut Vec<Decoded>, decoded: Decoded, step: Step) {
        self.frame.read(step);
        out.push(decoded);
    }

    fn remember(&mut self, facts: &mut AnswerFacts) {
        self.ended |= facts.ends_stream;
        if self.id.is_none() {
            self.id = facts.id.as_ref().map(|id| id.expose().clone());
        }
        if self.model.is_none() {
            self.model = facts.model.as_ref().map(|model| model.expose().clone());
        }
        if let Some(usage) = &mut facts.usage {
            let before = self.usage.unwrap_or_default();
            usage.input_tokens = usage.input_tokens.max(before.input_tokens);
            usage.output_tokens = usage.output_tokens.max(before.output_tokens);
            self.usage = Some(*usage);
        }
    }
}

fn marker(marker: StreamMarker, body: String) -> Decoded {
    let facts = AnswerFacts {
        ends_stream: marker == StreamMarker::Done,
        lane_ends: if marker == StreamMarker::Done { vec![LaneEnd::All] } else { Vec::new() },
        coverage: Coverage { structure: body.len() as u64, ..Coverage::default() },
        ..AnswerFacts::default()
    };
    Decoded::new(DecodedForm::Marker(marker), body, facts)
}

/// An agent's event that is not JSON: all of it is text.
fn plain_text(data: &str) -> AnswerFacts {
    let segment = Segment {
        origin: Origin::Assistant,
        channel: Channel::Content,
        kind: TextKind::Prose,
        raw: 0..data.len(),
        unescaped: None,
        map: OffsetMap::identity(0),
        message: 0,
    };
    AnswerFacts {
        pieces: match data.is_empty() {
            true => Vec::new(),
            false => {
                vec![LanePiece { lane: LaneId { output: 0, part: 0, field: LaneField::Content }, segment: Some(0) }]
            }
        },
        segments: if data.is_empty() { Vec::new() } else { vec![segment] },
        coverage: Coverage { inspected: data.len() as u64, ..Coverage::default() },
        ..AnswerFacts::default()
    }
}

fn is_ping(endpoint: Endpoint, json: &Json<'_>) -> bool {
    endpoint == Endpoint::Messages
        && json.kind(0) == Kind::Object
        && json.children(0).count() == 1
        && json.member_text(0, "type").as_deref() == Some("ping")
}

/// The name that may be delivered. A name is not part of the data and so is not inspected: only words that we know pass,
/// and a name that contradicts the data is a fault, since clients differ in which of the two they follow.
fn checked_name(endpoint: Endpoint, name: Option<String>, json: &Json<'_>) -> Result<Option<String>, AnswerFault> {
    let Some(name) = name else { return Ok(None) };
    match endpoint {
        Endpoint::AgentJson => agent_name(Some(name)),
        Endpoint::Messages | Endpoint::Responses => {
            let kind = json.member_text(0, "type");
            let agrees = kind.as_deref().map_or(name == "error", |kind| kind == name);
            if !agrees {
                return Err(AnswerFault::EventName);
            }
            Ok(Some(name).filter(|name| words::event(name)))
        }
        _ => Ok(Some(name).filter(|name| name == "error")),
    }
}

/// An agent names its events as it likes; letters and joints in moderate length cannot carry a key.
fn agent_name(name: Option<String>) -> Result<Option<String>, AnswerFault> {
    let Some(name) = name else { return Ok(None) };
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b'.' | b':'));
    if name.len() > 32 || !is_plain { Err(AnswerFault::EventName) } else { Ok(Some(name)) }
}
