//! Chat completions, completions and moderations, plain and streamed, in OpenAI's shapes (API reference, 2025).

use super::prompt::{ToolCall, input_words, output_words, sentence, tool_call};
use super::{CREATED, MODEL, data_event, pieces};
use bytes::Bytes;
use serde_json::{Map, Value, json};

/// Inputs of one moderation request that get a result.
const MAX_MODERATIONS: usize = 256;
/// Categories of the moderation endpoint.
const CATEGORIES: [&str; 13] = [
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
];

/// A whole chat completion.
pub(super) fn chat(request: &Value) -> Value {
    let text = sentence(request);
    let (message, finish) = match tool_call(request) {
        Some(call) => (
            json!({ "role": "assistant", "content": null, "refusal": null, "tool_calls": [chat_call(&call, None)] }),
            "tool_calls",
        ),
        None => (json!({ "role": "assistant", "content": text, "refusal": null }), "stop"),
    };
    json!({
        "id": "chatcmpl-demo", "object": "chat.completion", "created": CREATED, "model": MODEL,
        "choices": [{ "index": 0, "message": message, "logprobs": null, "finish_reason": finish }],
        "usage": usage(request, &text),
    })
}

/// A streamed chat completion.
pub(super) fn chat_events(request: &Value) -> Vec<Bytes> {
    let text = sentence(request);
    let wants_usage = wants_usage(request);
    let chunk = |choices: Value, usage: Value| {
        let mut chunk = json!({
            "id": "chatcmpl-demo", "object": "chat.completion.chunk", "created": CREATED, "model": MODEL,
            "choices": choices,
        });
        if wants_usage && let Some(fields) = chunk.as_object_mut() {
            fields.insert("usage".to_owned(), usage);
        }
        data_event(&chunk)
    };
    let delta = |delta: Value, finish: Value| {
        chunk(json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }]), Value::Null)
    };
    let mut events = Vec::with_capacity(12);
    let finish = match tool_call(request) {
        Some(call) => {
            let first = json!({ "role": "assistant", "content": null, "tool_calls": [chat_call_head(&call)] });
            events.push(delta(first, Value::Null));
            for piece in halves(&call.arguments.to_string()) {
                let call = json!([{ "index": 0, "function": { "arguments": piece } }]);
                events.push(delta(json!({ "tool_calls": call }), Value::Null));
            }
            "tool_calls"
        }
        None => {
            events.push(delta(json!({ "role": "assistant", "content": "", "refusal": null }), Value::Null));
            events.extend(pieces(&text).into_iter().map(|piece| delta(json!({ "content": piece }), Value::Null)));
            "stop"
        }
    };
    events.push(delta(json!({}), json!(finish)));
    if wants_usage {
        events.push(chunk(json!([]), usage(request, &text)));
    }
    events.push(Bytes::from_static(b"data: [DONE]\n\n"));
    events
}

/// A whole completion.
pub(super) fn completion(request: &Value) -> Value {
    let text = sentence(request);
    json!({
        "id": "cmpl-demo", "object": "text_completion", "created": CREATED, "model": MODEL,
        "choices": [{ "index": 0, "text": text, "logprobs": null, "finish_reason": "stop" }],
        "usage": usage(request, &text),
    })
}

/// A streamed completion.
pub(super) fn completion_events(request: &Value) -> Vec<Bytes> {
    let text = sentence(request);
    let chunk = |choices: Value, usage: Value| {
        data_event(&json!({
            "id": "cmpl-demo", "object": "text_completion", "created": CREATED, "model": MODEL,
            "choices": choices, "usage": usage,
        }))
    };
    let choice = |text: &str, finish: Value| {
        chunk(json!([{ "index": 0, "text": text, "logprobs": null, "finish_reason": finish }]), Value::Null)
    };
    let mut events: Vec<_> = pieces(&text).into_iter().map(|piece| choice(piece, Value::Null)).collect();
    events.push(choice("", json!("stop")));
    if wants_usage(request) {
        events.push(chunk(json!([]), usage(request, &text)));
    }
    events.push(Bytes::from_static(b"data: [DONE]\n\n"));
    events
}

/// A moderation that flags nothing: no model looked.
pub(super) fn moderation(request: &Value) -> Value {
    let inputs = match request.get("input") {
        // Parts of one multi-modal input are objects and get one result together.
        Some(Value::Array(inputs)) if inputs.iter().all(Value::is_string) => inputs.len().clamp(1, MAX_MODERATIONS),
        _ => 1,
    };
    let of_all = |value: Value| -> Map<String, Value> {
        CATEGORIES.iter().map(|category| ((*category).to_owned(), value.clone())).collect()
    };
    let result = json!({
        "flagged": false,
        "categories": of_all(json!(false)),
        "category_scores": of_all(json!(0.0)),
        "category_applied_input_types": of_all(json!(["text"])),
    });
    json!({ "id": "modr-demo", "model": MODEL, "results": vec![result; inputs] })
}

/// A text in two parts, so that a reader has to join them.
pub(super) fn halves(text: &str) -> Vec<&str> {
    let middle = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let (first, second) = text.split_at(middle);
    [first, second].into_iter().filter(|half| !half.is_empty()).collect()
}

fn chat_call(call: &ToolCall, arguments: Option<&str>) -> Value {
    let arguments = arguments.map_or_else(|| call.arguments.to_string(), str::to_owned);
    json!({ "id": "call_demo", "type": "function", "function": { "name": call.name, "arguments": arguments } })
}

/// The first delta of a call: its name, and arguments still to come.
fn chat_call_head(call: &ToolCall) -> Value {
    let mut head = chat_call(call, Some(""));
    if let Some(fields) = head.as_object_mut() {
        fields.insert("index".to_owned(), json!(0));
    }
    head
}

fn wants_usage(request: &Value) -> bool {
    request.pointer("/stream_options/include_usage").and_then(Value::as_bool).unwrap_or(false)
}

fn usage(request: &Value, text: &str) -> Value {
    let (input, output) = (input_words(request), output_words(text));
    json!({ "prompt_tokens": input, "completion_tokens": output, "total_tokens": input.saturating_add(output) })
}
