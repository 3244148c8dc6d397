//! Bodies into spans; spans into segments with an origin; errors and stream ends in the caller's dialect.

mod agent_json;
mod anthropic;
mod canvas;
mod decoded;
mod exchange;
mod fields;
mod json;
mod media;
mod openai_chat;
mod openai_parts;
mod openai_responses;
mod openai_text;
mod request;
mod words;

pub use decoded::{AnswerFacts, Decoded, DecodedForm, StreamMarker, Usage};
pub use exchange::{Coverage, Edit, Exchange, RequestFacts, ToolCall};
pub use json::{JsonFault, JsonFaultKind, JsonLimits};
pub use request::{Decoder, SchemaError};
