//! The built-in upstream: answers every endpoint without a key or a network, so that a first try, and an SDK's tests,
//! need neither. It says a fixed sentence and how many words came in; it never repeats the input. It reads no clock and
//! keeps no state: the same request gets the same bytes.

mod embeddings;
mod messages;
mod openai;
mod prompt;
mod responses;

use super::answer_headers::DEMO_HEADER;
use crate::model::Endpoint;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};
use std::collections::VecDeque;

/// The one model of this upstream.
const MODEL: &str = "portcullis-demo";
/// What stands where a provider would say when something was made: 2025-01-01.
const CREATED: u64 = 1_735_689_600;

/// An answer, made whole.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) pieces: VecDeque<Bytes>,
}

/// Answers a request. `path` is the canonical path (for the models' listing), `body` the JSON that would be sent.
pub(super) fn answer(endpoint: Endpoint, path: &str, body: &[u8]) -> Made {
    if endpoint.is_listing() {
        return listing(endpoint, path);
    }
    let Ok(request) = serde_json::from_slice::<Value>(body) else {
        return refused(endpoint, StatusCode::BAD_REQUEST, "The body is not JSON.");
    };
    let streamed = request.get("stream").and_then(Value::as_bool).unwrap_or(false);
    match endpoint {
        Endpoint::ChatCompletions if streamed => stream(openai::chat_events(&request)),
        Endpoint::ChatCompletions => whole(&openai::chat(&request)),
        Endpoint::Completions if streamed => stream(openai::completion_events(&request)),
        Endpoint::Completions => whole(&openai::completion(&request)),
        Endpoint::Responses if streamed => stream(responses::events(&request)),
        Endpoint::Responses => whole(&responses::response(&request)),
        Endpoint::Messages if streamed => stream(messages::events(&request)),
        Endpoint::Messages => whole(&messages::message(&request)),
        Endpoint::CountTokens => whole(&json!({ "input_tokens": prompt::input_words(&request) })),
        Endpoint::Embeddings => match embeddings::embeddings(&request) {
            Some(answer) => whole(&answer),
            None => refused(endpoint, StatusCode::BAD_REQUEST, "Too many or no inputs for the demo upstream."),
        },
        Endpoint::Moderations => whole(&openai::moderation(&request)),
        Endpoint::AgentJson => whole(&json!({ "reply": prompt::sentence(&request) })),
        Endpoint::OpenAiModels | Endpoint::AnthropicModels => listing(endpoint, path),
    }
}

/// `/v1/models` or `/v1/models/{id}`.
fn listing(endpoint: Endpoint, path: &str) -> Made {
    let model = match endpoint {
        Endpoint::AnthropicModels => json!({
            "type": "model", "id": MODEL, "display_name": "Portcullis demo", "created_at": "2025-01-01T00:00:00Z",
            "lifecycle": "active",
        }),
        _ => json!({ "id": MODEL, "object": "model", "created": CREATED, "owned_by": "portcullis" }),
    };
    match path.rsplit_once("/models/").map(|(_, id)| id) {
        Some(MODEL) => whole(&model),
        Some(id) if !id.is_empty() => refused(endpoint, StatusCode::NOT_FOUND, "The demo upstream has one model."),
        Some(_) | None if endpoint == Endpoint::AnthropicModels => {
            whole(&json!({ "data": [model], "has_more": false, "first_id": MODEL, "last_id": MODEL }))
        }
        Some(_) | None => whole(&json!({ "object": "list", "data": [model] })),
    }
}

fn refused(endpoint: Endpoint, status: StatusCode, message: &str) -> Made {
    let kind = if status == StatusCode::NOT_FOUND { "not_found_error" } else { "invalid_request_error" };
    let body = match endpoint.dialect() {
        crate::model::Dialect::Anthropic => {
            json!({ "type": "error", "error": { "type": kind, "message": message } })
        }
        crate::model::Dialect::OpenAi | crate::model::Dialect::Json => {
            json!({ "error": { "message": message, "type": kind, "param": null, "code": null } })
        }
    };
    Made { status, ..whole(&body) }
}

fn whole(body: &Value) -> Made {
    Made {
        status: StatusCode::OK,
        headers: headers("application/json"),
        pieces: VecDeque::from([Bytes::from(body.to_string())]),
    }
}

fn stream(events: Vec<Bytes>) -> Made {
    Made { status: StatusCode::OK, headers: headers("text/event-stream"), pieces: events.into() }
}

fn headers(content_type: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(DEMO_HEADER, HeaderValue::from_static("true"));
    headers
}

/// `data: …` as OpenAI's chat and completions endpoints write it. JSON text has no line break of its own.
fn data_event(data: &Value) -> Bytes {
    Bytes::from(format!("data: {data}\n\n"))
}

/// `event: …` and `data: …`, the name being the data's own `type`, as the Responses API and Anthropic write it.
fn named_event(data: &Value) -> Bytes {
    let name = data.get("type").and_then(Value::as_str).unwrap_or("error");
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

/// A text in pieces of a few words, as a model would stream it; joined they are the text.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((end, _)) = rest.match_indices(' ').nth(2) {
        let (piece, after) = rest.split_at(end);
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    pieces
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
