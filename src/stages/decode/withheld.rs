//! Answers whose content a policy withholds: whole ones, and the terminal frames of streams that are cut. They end as the
//! dialect itself ends a filtered answer, so that SDKs read them without error (WIRE.md "A friendlier end").

use super::decoded::{Decoded, Usage};
use super::encode;
use super::render;
use super::stream::StreamDecoder;
use crate::model::{Cause, Dialect, Endpoint, Refusal, Stage, Untrusted};
use bytes::Bytes;
use serde_json::{Value, json};

/// Why a stream ends before its upstream ended it.
#[derive(Debug, Clone)]
pub enum StreamEnding {
    /// A policy withholds the rest.
    Withheld,
    /// Something failed.
    Error(Refusal),
}

/// Makes the body of a 200 whose content is withheld. Of the upstream's answer only the usage, and id and model where they
/// look like ids and models, are kept.
pub fn withheld_answer(endpoint: Endpoint, decoded: &Decoded) -> Bytes {
    let facts = decoded.facts();
    let id = own_id(facts.id.as_ref());
    let model = facts.model.as_ref().map(|model| model.expose().as_str()).filter(|model| is_plain(model));
    let model = model.unwrap_or("withheld");
    let body = match endpoint {
        Endpoint::ChatCompletions => json!({
            "id": id.unwrap_or("chatcmpl-withheld"), "object": "chat.completion", "created": 0, "model": model,
            "choices": [{
                "index": 0,
                "message": { "role": "assistant", "content": "", "refusal": null },
                "logprobs": null,
                "finish_reason": "content_filter",
            }],
            "usage": facts.usage.map(openai_usage),
        }),
        Endpoint::Completions => json!({
            "id": id.unwrap_or("cmpl-withheld"), "object": "text_completion", "created": 0, "model": model,
            "choices": [{ "index": 0, "text": "", "logprobs": null, "finish_reason": "content_filter" }],
            "usage": facts.usage.map(openai_usage),
        }),
        Endpoint::Responses => response_object(id.unwrap_or("resp_withheld"), model, 0, facts.usage),
        Endpoint::Messages => json!({
            "id": id.unwrap_or("msg_withheld"), "type": "message", "role": "assistant", "model": model, "content": [],
            "stop_reason": "refusal", "stop_sequence": null, "usage": anthropic_usage(facts.usage),
        }),
        // These have no form of their own for a withheld answer.
        Endpoint::Embeddings
        | Endpoint::Moderations
        | Endpoint::OpenAiModels
        | Endpoint::AnthropicModels
        | Endpoint::CountTokens
        | Endpoint::AgentJson => {
            let refusal = Refusal::new(Stage::Policy, Cause::AnswerBlocked);
            render::error_body(endpoint.dialect(), &refusal, None, None)
        }
    };
    Bytes::from(body.to_string())
}

impl StreamDecoder {
    /// The dialect's own last frames for a stream that the gateway ends. They close what the client saw opened (see
    /// [`Self::delivered`]); an error never ends in `[DONE]`, so that it cannot look like a whole answer.
    pub fn terminal(&self, ending: &StreamEnding) -> Bytes {
        match ending {
            StreamEnding::Withheld => self.withheld(),
            StreamEnding::Error(refusal) => self.error(refusal),
        }
    }

    fn error(&self, refusal: &Refusal) -> Bytes {
        let dialect = self.endpoint.dialect();
        let mut body = render::error_body(dialect, refusal, None, None);
        if dialect == Dialect::Anthropic {
            return encode::named(Some("error"), &body.to_string());
        }
        if self.endpoint != Endpoint::Responses {
            return encode::named(None, &body.to_string());
        }
        // Flat as the API writes it, and with `error` too, which makes the SDKs raise it.
        let cause = refusal.outcome.cause;
        if let Some(event) = body.as_object_mut() {
            event.insert("type".to_owned(), json!("error"));
            event.insert("code".to_owned(), json!(cause.code()));
            event.insert("message".to_owned(), json!(cause.message()));
            event.insert("param".to_owned(), json!(refusal.param));
            event.insert("sequence_number".to_owned(), json!(self.state.frame.next_sequence()));
        }
        encode::named(Some("error"), &body.to_string())
    }

    fn withheld(&self) -> Bytes {
        match self.endpoint {
            Endpoint::ChatCompletions | Endpoint::Completions => self.withheld_chunk(),
            Endpoint::Responses => self.withheld_response(),
            Endpoint::Messages => self.withheld_message(),
            Endpoint::Embeddings
            | Endpoint::Moderations
            | Endpoint::OpenAiModels
            | Endpoint::AnthropicModels
            | Endpoint::CountTokens
            | Endpoint::AgentJson => self.error(&Refusal::new(Stage::Policy, Cause::AnswerBlocked)),
        }
    }

    pub(super) fn id_or<'a>(&'a self, fallback: &'a str) -> &'a str {
        self.state.id.as_deref().filter(|id| is_plain(id)).unwrap_or(fallback)
    }

    pub(super) fn model(&self) -> &str {
        self.state.model.as_deref().filter(|model| is_plain(model)).unwrap_or("withheld")
    }

    /// One chunk that ends all open choices, and the end marker.
    fn withheld_chunk(&self) -> Bytes {
        let is_chat = self.endpoint == Endpoint::ChatCompletions;
        let choice = |index: &u32| {
            let mut choice = json!({ "index": index, "logprobs": null, "finish_reason": "content_filter" });
            let (key, nothing) = if is_chat { ("delta", json!({})) } else { ("text", json!("")) };
            if let Some(members) = choice.as_object_mut() {
                members.insert(key.to_owned(), nothing);
            }
            choice
        };
        let choices: Vec<Value> = self.state.frame.open_choices().iter().map(choice).collect();
        let done = encode::event(&super::DecodedForm::Marker(super::StreamMarker::Done), "");
        if choices.is_empty() {
            return done;
        }
        let (id, object) = if is_chat {
            (self.id_or("chatcmpl-withheld"), "chat.completion.chunk")
        } else {
            (self.id_or("cmpl-withheld"), "text_completion")
        };
        let chunk = json!({
            "id": id, "object": object, "created": self.state.frame.created(), "model": self.model(),
            "choices": choices,
        });
        Bytes::from([encode::named(None, &chunk.to_string()), done].concat())
    }

    fn withheld_response(&self) -> Bytes {
        let frame = &self.state.frame;
        let response = response_object(self.id_or("resp_withheld"), self.model(), frame.created(), self.state.usage);
        let event = json!({
            "type": "response.incomplete", "sequence_number": frame.next_sequence(), "response": response,
        });
        encode::named(Some("response.incomplete"), &event.to_string())
    }

    fn withheld_message(&self) -> Bytes {
        let usage = self.state.usage.unwrap_or_default();
        let mut frames = Vec::new();
        let mut write = |event: Value| {
            frames.extend_from_slice(&encode::named(event["type"].as_str(), &event.to_string()));
        };
        if !self.state.frame.is_started() {
            write(json!({
                "type": "message_start",
                "message": {
                    "id": self.id_or("msg_withheld"), "type": "message", "role": "assistant", "model": self.model(),
                    "content": [], "stop_reason": null, "stop_sequence": null,
                    "usage": { "input_tokens": usage.input_tokens, "output_tokens": 0 },
                },
            }));
        }
        if let Some(index) = self.state.frame.open_block() {
            write(json!({ "type": "content_block_stop", "index": index }));
        }
        write(json!({
            "type": "message_delta", "delta": { "stop_reason": "refusal", "stop_sequence": null },
            "usage": { "output_tokens": usage.output_tokens },
        }));
        write(json!({ "type": "message_stop" }));
        Bytes::from(frames)
    }
}

fn response_object(id: &str, model: &str, created: u64, usage: Option<Usage>) -> Value {
    json!({
        "id": id, "object": "response", "created_at": created, "model": model, "status": "incomplete",
        "incomplete_details": { "reason": "content_filter" }, "error": null, "instructions": null, "output": [],
        "metadata": {}, "parallel_tool_calls": true, "temperature": null, "top_p": null, "tool_choice": "auto",
        "tools": [],
        "usage": usage.map(|usage| json!({
            "input_tokens": usage.input_tokens, "input_tokens_details": { "cached_tokens": 0 },
            "output_tokens": usage.output_tokens, "output_tokens_details": { "reasoning_tokens": 0 },
            "total_tokens": usage.input_tokens.saturating_add(usage.output_tokens),
        })),
    })
}

fn openai_usage(usage: Usage) -> Value {
    json!({
        "prompt_tokens": usage.input_tokens, "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens.saturating_add(usage.output_tokens),
    })
}

fn anthropic_usage(usage: Option<Usage>) -> Value {
    let usage = usage.unwrap_or_default();
    json!({ "input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens })
}

/// Whether a text can stand in a frame of ours: what ids and models of providers are made of.
fn is_plain(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'/' | b'@');
    !text.is_empty() && text.len() <= 128 && text.bytes().all(is_plain)
}

/// An id that looks like one of a provider's. The content is withheld for what was found somewhere in the answer, which
/// may be the id itself: so more is asked of it here than in a stream, where it was delivered before.
fn own_id(id: Option<&Untrusted<String>>) -> Option<&str> {
    let id = id?.expose().as_str();
    let is_known = ["chatcmpl-", "cmpl-", "resp_", "msg_", "gen-"].iter().any(|prefix| id.starts_with(prefix));
    (is_known && id.len() <= 64 && is_plain(id)).then_some(id)
}
