//! The smallest real request around a text, by who says it.

use crate::model::Endpoint;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Who says a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Speaker {
    /// The person who asks.
    User,
    /// A tool that the model called.
    ToolResult,
    /// A document in the request.
    Document,
}

impl Speaker {
    /// All of them, for tables.
    pub const ALL: [Self; 3] = [Self::User, Self::ToolResult, Self::Document];

    /// The name in rows and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::ToolResult => "tool_result",
            Self::Document => "document",
        }
    }
}

/// A request in which this speaker says this text. OpenAI's chat; documents as Anthropic's blocks, since OpenAI's chat has
/// none that hold text.
pub fn of_text(text: &str, speaker: Speaker) -> (Endpoint, Vec<u8>) {
    let request = match speaker {
        Speaker::User => json!({ "model": "m", "messages": [{ "role": "user", "content": text }] }),
        Speaker::ToolResult => json!({ "model": "m", "messages": [
            { "role": "user", "content": "Summarise the page." },
            { "role": "assistant", "content": null, "tool_calls": [
                { "id": "c1", "type": "function", "function": { "name": "fetch", "arguments": "{}" } },
            ] },
            { "role": "tool", "tool_call_id": "c1", "content": text },
        ] }),
        Speaker::Document => json!({ "model": "m", "max_tokens": 100, "messages": [{ "role": "user", "content": [
            { "type": "document", "source": { "type": "text", "media_type": "text/plain", "data": text } },
            { "type": "text", "text": "Summarise the document." },
        ] }] }),
    };
    let endpoint = if speaker == Speaker::Document { Endpoint::Messages } else { Endpoint::ChatCompletions };
    (endpoint, request.to_string().into_bytes())
}

/// A request of OpenAI's chat with these messages, written as JSON.
pub fn of_messages(messages: &str) -> (Endpoint, Vec<u8>) {
    (Endpoint::ChatCompletions, format!(r#"{{"model":"m","messages":{messages}}}"#).into_bytes())
}
