//! The Messages API, plain and streamed, in Anthropic's shapes (API reference, 2025).

use super::openai::halves;
use super::prompt::{ToolCall, input_words, output_words, sentence, tool_call};
use super::{MODEL, named_event, pieces};
use bytes::Bytes;
use serde_json::{Value, json};

/// A whole message.
pub(super) fn message(request: &Value) -> Value {
    let text = sentence(request);
    let (block, reason) = match tool_call(request) {
        Some(call) => (tool_block(&call, call.arguments.clone()), "tool_use"),
        None => (json!({ "type": "text", "text": text }), "end_turn"),
    };
    envelope(request, json!([block]), json!(reason), output_words(&text))
}

/// A streamed message.
pub(super) fn events(request: &Value) -> Vec<Bytes> {
    let text = sentence(request);
    let started = envelope(request, json!([]), Value::Null, 1);
    let mut events = vec![named_event(&json!({ "type": "message_start", "message": started }))];
    let delta = |delta: Value| named_event(&json!({ "type": "content_block_delta", "index": 0, "delta": delta }));
    let begin = |block: Value| {
        [
            named_event(&json!({ "type": "content_block_start", "index": 0, "content_block": block })),
            named_event(&json!({ "type": "ping" })),
        ]
    };
    let reason = match tool_call(request) {
        Some(call) => {
            events.extend(begin(tool_block(&call, json!({}))));
            for piece in halves(&call.arguments.to_string()) {
                events.push(delta(json!({ "type": "input_json_delta", "partial_json": piece })));
            }
            "tool_use"
        }
        None => {
            events.extend(begin(json!({ "type": "text", "text": "" })));
            for piece in pieces(&text) {
                events.push(delta(json!({ "type": "text_delta", "text": piece })));
            }
            "end_turn"
        }
    };
    events.push(named_event(&json!({ "type": "content_block_stop", "index": 0 })));
    events.push(named_event(&json!({
        "type": "message_delta", "delta": { "stop_reason": reason, "stop_sequence": null },
        "usage": { "output_tokens": output_words(&text) },
    })));
    events.push(named_event(&json!({ "type": "message_stop" })));
    events
}

fn tool_block(call: &ToolCall, input: Value) -> Value {
    json!({ "type": "tool_use", "id": "toolu_demo", "name": call.name, "input": input })
}

fn envelope(request: &Value, content: Value, stop_reason: Value, output: u64) -> Value {
    json!({
        "id": "msg_demo", "type": "message", "role": "assistant", "model": MODEL, "content": content,
        "stop_reason": stop_reason, "stop_sequence": null,
        "usage": { "input_tokens": input_words(request), "output_tokens": output },
    })
}
