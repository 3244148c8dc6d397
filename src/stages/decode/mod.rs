//! Bodies into spans; spans into segments with an origin; errors and stream ends in the caller's dialect.

mod decoded;
mod exchange;
mod json;

pub use decoded::{AnswerFacts, Decoded, DecodedForm, StreamMarker, Usage};
pub use exchange::{Coverage, Edit, Exchange, RequestFacts, ToolCall};
pub use json::{JsonFault, JsonFaultKind, JsonLimits};
