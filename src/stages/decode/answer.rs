//! Answers: what a whole JSON body or one stream event of an upstream says. An upstream is not trusted more than a client:
//! every string becomes a segment, and what cannot be read is a fault.

use super::canvas::Canvas;
use super::decoded::{AnswerFacts, Decoded, DecodedForm, Usage};
use super::json::{Json, JsonFault, JsonFaultKind, JsonLimits, Kind};
use super::lanes::LaneEnd;
use super::{answer_anthropic, answer_openai, answer_responses};
use super::{stream_frame::Step, words};
use crate::model::{Cause, Channel, Direction, Endpoint, Origin, Refusal, Stage, TextKind, Untrusted};

/// The group of what stands beside the model's words: ids, names, counts.
pub(super) const METADATA: u32 = u32::MAX;

/// Why an answer cannot be read. None of these carries content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnswerFault {
    /// It is not JSON.
    #[error("not JSON: {0}")]
    Json(#[from] JsonFault),
    /// It is JSON, but no object.
    #[error("the top level is not an object")]
    NotAnObject,
    /// One event is longer than the limit.
    #[error("an event is longer than {limit_bytes} B")]
    EventTooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// An event's name is not one that its dialect could have.
    #[error("an event's name is not of its dialect, or is not the type that its data says")]
    EventName,
    /// An end marker of another dialect.
    #[error("an end marker that the dialect does not have")]
    UnexpectedEnd,
    /// An event after the end marker.
    #[error("an event after the end of the stream")]
    AfterEnd,
}

impl From<AnswerFault> for Refusal {
    fn from(fault: AnswerFault) -> Self {
        Refusal::new(Stage::Decode, Cause::UpstreamInvalid).detail(fault.to_string())
    }
}

/// What a walker learns beside the marks.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) usage: Option<Usage>,
    pub(super) model: Option<Untrusted<String>>,
    pub(super) id: Option<Untrusted<String>>,
    pub(super) finish_reason: Option<&'static str>,
    pub(super) finish_span: Option<std::ops::Range<usize>>,
    pub(super) is_error: bool,
    pub(super) ends_stream: bool,
    /// `choices` is there and empty: what a chunk that only tells the usage looks like.
    pub(super) has_no_choices: bool,
    /// Texts that end with this event.
    pub(super) lane_ends: Vec<LaneEnd>,
    /// Whether reasoning is signed.
    pub(super) signed_reasoning: bool,
    /// What a stream's end has to know of this event.
    pub(super) step: Step,
}

/// Decodes a whole JSON answer.
///
/// # Errors
/// [`AnswerFault`] where the body is not JSON, or, except for an agent's own, not an object.
pub fn answer(endpoint: Endpoint, body: Vec<u8>, limits: JsonLimits) -> Result<Decoded, AnswerFault> {
    let body = String::from_utf8(body).map_err(|error| {
        AnswerFault::Json(JsonFault { kind: JsonFaultKind::NotUtf8, offset: error.utf8_error().valid_up_to() })
    })?;
    let json = Json::parse(&body, limits)?;
    let (facts, _) = read(&json, endpoint, Part::Whole)?;
    Ok(Decoded::new(DecodedForm::Whole, body, facts))
}

/// Whether a body is an answer or an event of one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    Event,
}

/// Marks and sweeps an answer's JSON.
pub(super) fn read(json: &Json<'_>, endpoint: Endpoint, part: Part) -> Result<(AnswerFacts, Step), AnswerFault> {
    if json.kind(0) != Kind::Object && endpoint != Endpoint::AgentJson {
        return Err(AnswerFault::NotAnObject);
    }
    let mut canvas = Canvas::new(json, Direction::Response, TextKind::Prose);
    let mut notes = Notes::default();
    let c = &mut canvas;
    match (endpoint, part) {
        (Endpoint::ChatCompletions | Endpoint::Completions, _) => answer_openai::completion(c, &mut notes, part),
        (Endpoint::Embeddings, _) => answer_openai::embeddings(c, &mut notes),
        (Endpoint::Moderations | Endpoint::OpenAiModels | Endpoint::AnthropicModels, _) => {
            answer_openai::listing(c, &mut notes);
        }
        (Endpoint::Responses, Part::Whole) => answer_responses::whole(c, &mut notes),
        (Endpoint::Responses, Part::Event) => answer_responses::event(c, &mut notes),
        (Endpoint::Messages | Endpoint::CountTokens, Part::Whole) => answer_anthropic::whole(c, &mut notes),
        (Endpoint::Messages | Endpoint::CountTokens, Part::Event) => answer_anthropic::event(c, &mut notes),
        (Endpoint::AgentJson, _) => agent(c),
    }
    if notes.ends_stream || notes.is_error {
        notes.lane_ends.push(LaneEnd::All);
    }
    let swept = canvas.sweep();
    let facts = AnswerFacts {
        segments: swept.segments,
        usage: notes.usage,
        model: notes.model,
        id: notes.id,
        finish_reason: notes.finish_reason,
        finish_span: notes.finish_span,
        tool_calls: swept.tool_calls,
        media: swept.media,
        echoes: swept.echoes,
        pieces: swept.pieces,
        lane_ends: notes.lane_ends,
        signed_reasoning: notes.signed_reasoning,
        ends_stream: notes.ends_stream,
        is_error: notes.is_error,
        swallow: notes.has_no_choices && notes.usage.is_some(),
        coverage: swept.coverage,
    };
    Ok((facts, notes.step))
}

/// An agent's own JSON: whatever stands in it, the agent said it. Keys stay unknown.
fn agent(c: &mut Canvas<'_>) {
    for id in 0..c.json.len() {
        c.text(id, Origin::Assistant, Channel::Content);
    }
}

/// Notes the answer's id and model: both are the upstream's own words, so they stay segments.
pub(super) fn identity(c: &Canvas<'_>, notes: &mut Notes, id: usize, key: &str) {
    let value = || c.json.text(id).map(|text| Untrusted::new(text.into_owned()));
    match key {
        "id" => notes.id = value(),
        "model" => notes.model = value(),
        _ => {}
    }
}

/// Reads token counts, in OpenAI's or Anthropic's words, and marks their keys.
pub(super) fn usage(c: &mut Canvas<'_>, notes: &mut Notes, id: usize) {
    let json = c.json;
    for node in id.saturating_add(1)..json.after(id) {
        if words::usage_key(&json.key(node)) {
            c.known(node);
            c.closed(node, words::option);
        }
    }
    if json.kind(id) != Kind::Object {
        return;
    }
    let count = |name: &str| json.member(id, name).and_then(|member| json.integer(member)).unwrap_or(0);
    // Anthropic counts cached input apart; OpenAI counts it in `prompt_tokens`.
    let cached = count("cache_creation_input_tokens").saturating_add(count("cache_read_input_tokens"));
    notes.usage = Some(Usage {
        input_tokens: count("prompt_tokens").max(count("input_tokens")).saturating_add(cached),
        output_tokens: count("completion_tokens").max(count("output_tokens")),
    });
}

/// Notes why the model stopped, and marks the word.
pub(super) fn finish(c: &mut Canvas<'_>, notes: &mut Notes, id: usize) {
    if let Some(word) = c.json.text(id) {
        notes.finish_reason = words::finish_reason(&word).or(notes.finish_reason);
        notes.finish_span = Some(c.json.span(id));
        c.closed(id, words::is_finish_reason);
    }
}

/// An `error` member that is not `null`. Its texts stay unknown: they may echo anything.
pub(super) fn error(c: &mut Canvas<'_>, notes: &mut Notes, id: usize) {
    let json = c.json;
    if json.kind(id) == Kind::Null {
        return;
    }
    notes.is_error = true;
    for field in json.children(id) {
        if matches!(&*json.key(field), "message" | "type" | "code" | "param") {
            c.known(field);
        }
    }
}
