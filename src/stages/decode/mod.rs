//! Bodies into spans; spans into segments with an origin; errors and stream ends in the caller's dialect.

mod agent_json;
mod answer;
mod answer_anthropic;
mod answer_openai;
mod answer_responses;
mod anthropic;
mod canvas;
mod decoded;
pub mod encode;
mod events;
mod exchange;
mod fields;
mod json;
mod lanes;
mod media;
mod openai_chat;
mod openai_parts;
mod openai_responses;
mod openai_text;
mod refused_call;
pub mod render;
mod request;
mod stream;
mod stream_frame;
mod tool_facts;
mod withheld;
mod words;

pub use answer::{AnswerFault, answer};
pub use decoded::{AnswerFacts, Decoded, DecodedForm, StreamMarker, Usage};
pub use exchange::{Coverage, Edit, Exchange, RequestFacts};
pub use json::{JsonFault, JsonFaultKind, JsonLimits};
pub use lanes::{LaneEnd, LaneField, LaneId, LanePiece};
pub use request::{Decoder, SchemaError};
pub use stream::{StreamDecoder, StreamEnd, StreamLimits};
pub use tool_facts::{CallForm, MAX_TOOLS, ToolCall, ToolDefinition, ToolForm};
pub use withheld::{StreamEnding, withheld_answer};
