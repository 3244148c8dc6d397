//! The Responses API, plain and streamed, in OpenAI's shapes (API reference, 2025).

use super::openai::halves;
use super::prompt::{input_words, output_words, sentence, tool_call};
use super::{CREATED, MODEL, named_event, pieces};
use bytes::Bytes;
use serde_json::{Value, json};

/// A whole response.
pub(super) fn response(request: &Value) -> Value {
    envelope(request, "completed", json!([item(request, "completed")]))
}

/// A streamed response: every event that the official SDK waits for, numbered.
pub(super) fn events(request: &Value) -> Vec<Bytes> {
    let mut events = Vec::with_capacity(16);
    let mut number = 0_u32;
    let mut push = |mut event: Value| {
        if let Some(fields) = event.as_object_mut() {
            fields.insert("sequence_number".to_owned(), json!(number));
        }
        number = number.saturating_add(1);
        events.push(named_event(&event));
    };
    let started = envelope(request, "in_progress", json!([]));
    push(json!({ "type": "response.created", "response": started }));
    push(json!({ "type": "response.in_progress", "response": started }));
    push(json!({ "type": "response.output_item.added", "output_index": 0, "item": item(request, "in_progress") }));
    match tool_call(request) {
        Some(call) => {
            let arguments = call.arguments.to_string();
            let place = |kind: &str, field: &str, text: &str| json!({ "type": kind, "item_id": "fc_demo", "output_index": 0, field: text });
            for piece in halves(&arguments) {
                push(place("response.function_call_arguments.delta", "delta", piece));
            }
            push(place("response.function_call_arguments.done", "arguments", &arguments));
        }
        None => {
            let text = sentence(request);
            let place = |kind: &str, field: &str, value: Value| json!({ "type": kind, "item_id": "msg_demo", "output_index": 0, "content_index": 0, field: value });
            push(place("response.content_part.added", "part", text_part("")));
            let without_logprobs = |mut event: Value| {
                if let Some(fields) = event.as_object_mut() {
                    fields.insert("logprobs".to_owned(), json!([]));
                }
                event
            };
            for piece in pieces(&text) {
                push(without_logprobs(place("response.output_text.delta", "delta", json!(piece))));
            }
            push(without_logprobs(place("response.output_text.done", "text", json!(text))));
            push(place("response.content_part.done", "part", text_part(&text)));
        }
    }
    push(json!({ "type": "response.output_item.done", "output_index": 0, "item": item(request, "completed") }));
    push(json!({ "type": "response.completed", "response": response(request) }));
    events
}

/// The one item of the output; while it is in progress its text or arguments are empty.
fn item(request: &Value, status: &str) -> Value {
    let is_done = status == "completed";
    match tool_call(request) {
        Some(call) => json!({
            "type": "function_call", "id": "fc_demo", "call_id": "call_demo", "name": call.name,
            "arguments": if is_done { call.arguments.to_string() } else { String::new() }, "status": status,
        }),
        None => json!({
            "type": "message", "id": "msg_demo", "role": "assistant", "status": status,
            "content": if is_done { json!([text_part(&sentence(request))]) } else { json!([]) },
        }),
    }
}

fn text_part(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
}

fn envelope(request: &Value, status: &str, output: Value) -> Value {
    let (input, said) = (input_words(request), output_words(&sentence(request)));
    let usage = if status == "completed" {
        json!({
            "input_tokens": input, "input_tokens_details": { "cached_tokens": 0, "cache_write_tokens": 0 },
            "output_tokens": said, "output_tokens_details": { "reasoning_tokens": 0 },
            "total_tokens": input.saturating_add(said),
        })
    } else {
        Value::Null
    };
    json!({
        "id": "resp_demo", "object": "response", "created_at": CREATED, "status": status, "model": MODEL,
        "output": output, "usage": usage, "error": null, "incomplete_details": null, "instructions": null,
        "metadata": {}, "parallel_tool_calls": true, "temperature": 1.0, "top_p": 1.0, "tool_choice": "auto",
        "tools": [], "previous_response_id": null, "truncation": "disabled", "store": false,
        "text": { "format": { "type": "text" } },
    })
}
