//! What stands in a stream for a call of a tool that a policy refuses: a sentence that a person and an agent framework can read.
//! The call itself is left out, and the rest of the answer goes on.

use super::encode;
use super::exchange::Edit;
use super::lanes::LaneId;
use super::stream::StreamDecoder;
use super::{AnswerFacts, Decoded};
use crate::model::Endpoint;
use bytes::Bytes;
use serde_json::json;

/// Longest name of a tool that is repeated.
const MAX_NAME: usize = 64;

impl StreamDecoder {
    /// The events that stand for a refused call, in the place of its first event; `None` in dialects whose events say everything
    /// twice (Responses), where a stream with such a call is cut.
    pub fn refused_call(&self, lane: LaneId, decoded: &Decoded) -> Option<Bytes> {
        let facts = decoded.facts();
        let name = facts.tool_calls.first().map_or("", |call| call.name.expose().as_str());
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        let says_name = !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(is_plain);
        let text = match says_name {
            true => format!("[The call of {name} was refused by policy.]"),
            false => "[The call of a tool was refused by policy.]".to_owned(),
        };
        match self.endpoint {
            Endpoint::ChatCompletions => {
                let chunk = json!({
                    "id": self.id_or("chatcmpl-refused"), "object": "chat.completion.chunk",
                    "created": self.state.frame.created(), "model": self.model(),
                    "choices": [{
                        "index": lane.output, "delta": { "role": "assistant", "content": text }, "finish_reason": null,
                    }],
                });
                Some(encode::named(None, &chunk.to_string()))
            }
            Endpoint::Messages => {
                let block = json!({ "type": "text", "text": "" });
                let delta = json!({ "type": "text_delta", "text": text });
                let start = json!({ "type": "content_block_start", "index": lane.output, "content_block": block });
                let delta = json!({ "type": "content_block_delta", "index": lane.output, "delta": delta });
                let frames = [
                    encode::named(Some("content_block_start"), &start.to_string()),
                    encode::named(Some("content_block_delta"), &delta.to_string()),
                ];
                Some(Bytes::from(frames.concat()))
            }
            _ => None,
        }
    }

    /// What a reason to stop becomes where no call is left that it could speak of.
    pub fn without_calls(&self, facts: &AnswerFacts) -> Option<Edit> {
        let replacement = match (self.endpoint, facts.finish_reason?) {
            (Endpoint::ChatCompletions, "tool_calls" | "function_call") => "stop",
            (Endpoint::Messages, "tool_use") => "end_turn",
            _ => return None,
        };
        Some(Edit { span: facts.finish_span.clone()?, replacement: replacement.to_owned() })
    }
}
