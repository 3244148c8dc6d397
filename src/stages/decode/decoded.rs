//! An answer whose bytes are understood, whole or one event of a stream.

use super::exchange::{Coverage, Edit};
use super::lanes::{LaneEnd, LanePiece};
use super::tool_facts::ToolCall;
use crate::model::{Segment, Untrusted};
use std::ops::Range;

/// A decoded answer (a whole JSON body) or one decoded event of a stream. Only `decode` makes it.
#[derive(Debug)]
pub struct Decoded {
    form: DecodedForm,
    body: String,
    facts: AnswerFacts,
}

/// What the body of a [`Decoded`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecodedForm {
    /// A whole JSON answer.
    Whole,
    /// The `data` of one server-sent event, with its `event` name where it had one. It is re-encoded when delivered, so
    /// that a line break inside cannot forge an event.
    Event {
        /// The `event:` field.
        name: Option<String>,
    },
    /// A comment, a ping, or OpenAI's `[DONE]`: a fixed text of the dialect that carries no content.
    Marker(StreamMarker),
}

/// Frames of a stream without content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamMarker {
    /// `data: [DONE]`
    Done,
    /// A comment or a ping: keeps the connection alive.
    KeepAlive,
}

/// What `decode` learned of an answer or an event.
#[derive(Debug, Default)]
pub struct AnswerFacts {
    /// All strings a client or a program behind it would read, in order.
    pub segments: Vec<Segment>,
    /// Token counts, where this part of the answer says them.
    pub usage: Option<Usage>,
    /// The model that answered, where said.
    pub model: Option<Untrusted<String>>,
    /// The provider's id of the answer, where said.
    pub id: Option<Untrusted<String>>,
    /// `finish_reason` / `stop_reason`, where said; only values from the dialect's closed set.
    pub finish_reason: Option<&'static str>,
    /// The bytes of that value, quotes and all.
    pub finish_span: Option<Range<usize>>,
    /// Tool calls that this part names.
    pub tool_calls: Vec<ToolCall>,
    /// Images, audio and encrypted or signed blocks, which are passed untouched.
    pub media: Vec<Range<usize>>,
    /// Values that repeat the text of this body token by token (`logprobs`), with what stands for nothing in their place.
    pub echoes: Vec<Edit>,
    /// Strings of this event that continue a text of earlier events, in the order of the body.
    pub pieces: Vec<LanePiece>,
    /// Texts that end with this event.
    pub lane_ends: Vec<LaneEnd>,
    /// Whether its reasoning is signed by the provider, so that nobody may edit it.
    pub signed_reasoning: bool,
    /// Whether this is the stream's last event (`[DONE]`, `message_stop`, `response.completed`).
    pub ends_stream: bool,
    /// Whether this is an error inside a 200 answer.
    pub is_error: bool,
    /// Whether this event must not reach the client (the usage chunk that only the gateway asked for).
    pub swallow: bool,
    /// Every byte of the body, accounted once.
    pub coverage: Coverage,
}

/// Token counts as a provider reports them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
}

impl Decoded {
    pub(in crate::stages::decode) fn new(form: DecodedForm, body: String, facts: AnswerFacts) -> Self {
        Self { form, body, facts }
    }

    /// An answer made by hand, for tests of later stages.
    #[cfg(test)]
    pub(crate) fn for_tests(form: DecodedForm, body: String, facts: AnswerFacts) -> Self {
        Self::new(form, body, facts)
    }

    /// What the body is.
    pub fn form(&self) -> &DecodedForm {
        &self.form
    }

    /// The JSON as received.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// What is known of it.
    pub fn facts(&self) -> &AnswerFacts {
        &self.facts
    }

    pub(in crate::stages) fn into_parts(self) -> (DecodedForm, String, AnswerFacts) {
        (self.form, self.body, self.facts)
    }
}
