//! OpenAI's Chat Completions: messages of requests, and the same messages in answers and stream deltas.
//! Source: OpenAI API reference, "Chat" (2026-01), and what copies it (`reasoning_content`).

use super::canvas::Canvas;
use super::fields::{self, Steering, Unusable};
use super::json::Kind;
use super::openai_parts;
use super::tool_facts::CallForm;
use super::words;
use crate::model::{Channel, Origin};

/// Marks a request.
///
/// # Errors
/// A steering field of the wrong type.
pub(super) fn request(c: &mut Canvas<'_>) -> Result<Steering, Unusable> {
    let json = c.json;
    let mut steering = Steering::default();
    for field in json.children(0) {
        c.new_group(field);
        let key = json.key(field);
        let known = fields::shared(c, &mut steering, field, &key)? || member(c, &mut steering, field, &key)?;
        if known {
            c.known(field);
        }
    }
    if json.member(0, "messages").is_none() {
        return Err(Unusable::WrongType("/messages"));
    }
    Ok(steering)
}

fn member(c: &mut Canvas<'_>, steering: &mut Steering, id: usize, key: &str) -> Result<bool, Unusable> {
    let json = c.json;
    match key {
        "messages" => {
            if json.kind(id) != Kind::Array {
                return Err(Unusable::WrongType("/messages"));
            }
            for message in json.children(id) {
                c.new_group(message);
                self::message(c, message, None);
            }
        }
        "tools" => fields::tools(c, id, "/tools")?,
        "functions" => fields::tools(c, id, "/functions")?,
        "tool_choice" | "function_call" => fields::tool_choice(c, id),
        "response_format" => c.schema(id, Origin::ToolDefinition, words::schema),
        "stream_options" => {
            steering.stream_options = Some(id);
            fields::options(c, id, |key| matches!(key, "include_usage" | "include_obfuscation"));
        }
        "prediction" => prediction(c, id),
        "modalities" => json.children(id).for_each(|word| c.closed(word, words::option)),
        "audio" => fields::options(c, id, |key| matches!(key, "voice" | "format")),
        "web_search_options" => c.declare("web_search"),
        _ => return Ok(false),
    }
    Ok(true)
}

/// Predicted output: text that the client expects. Nobody's words, so it is judged like a user's.
fn prediction(c: &mut Canvas<'_>, id: usize) {
    let json = c.json;
    for field in json.children(id) {
        match &*json.key(field) {
            "type" => c.closed(field, words::kind),
            "content" => openai_parts::content(c, field, Origin::Unknown, Channel::Content),
            _ => continue,
        }
        c.known(field);
    }
}

/// Where a message of an answer stands, to number its groups.
#[derive(Clone, Copy)]
pub(super) struct InAnswer {
    /// The choice's number.
    pub(super) choice: u32,
}

impl InAnswer {
    /// The group of one tool call of the choice. Deltas of one call share it over all events.
    fn tool_group(self, call: u32) -> u32 {
        (call.saturating_add(1).min(0x7FFF) << 16) | self.choice.min(0xFFFF)
    }
}

/// Marks a message. In answers (and deltas) everything is the assistant's; in requests the role decides.
pub(super) fn message(c: &mut Canvas<'_>, id: usize, answer: Option<InAnswer>) {
    let json = c.json;
    let origin = match answer {
        Some(_) => Origin::Assistant,
        None => fields::origin_of_role(json.member_text(id, "role").as_deref()),
    };
    for field in json.children(id) {
        match &*json.key(field) {
            "role" => c.closed(field, words::role),
            "content" => openai_parts::content(c, field, origin, Channel::Content),
            "refusal" => c.text(field, origin, Channel::Refusal),
            "reasoning_content" | "reasoning" => c.text(field, origin, Channel::Reasoning),
            "reasoning_details" => c.subtree(field, origin, Channel::Reasoning),
            "name" => c.text(field, origin, Channel::Content),
            "tool_calls" => tool_calls(c, field, answer),
            "function_call" => called(c, field, CalledAs::Function),
            "audio" => audio(c, field, origin),
            "tool_call_id" | "id" | "annotations" => {}
            _ => continue,
        }
        c.known(field);
    }
}

fn tool_calls(c: &mut Canvas<'_>, id: usize, answer: Option<InAnswer>) {
    let json = c.json;
    for (place, call) in json.children(id).enumerate() {
        if let Some(answer) = answer {
            let stated = json.member(call, "index").and_then(|index| json.integer(index));
            let index = u32::try_from(stated.unwrap_or(place as u64)).unwrap_or(u32::MAX);
            c.group_from(call, answer.tool_group(index));
        }
        for field in json.children(call) {
            match &*json.key(field) {
                "type" => c.closed(field, words::kind),
                "function" => called(c, field, CalledAs::Function),
                "custom" => called(c, field, CalledAs::Custom),
                "id" | "index" => {}
                _ => continue,
            }
            c.known(field);
        }
    }
    if let Some(answer) = answer {
        c.group_from(json.after(id), answer.choice);
    }
}

/// What kind of tool a call names.
#[derive(Clone, Copy)]
enum CalledAs {
    Function,
    Custom,
}

/// A call's name and arguments (`input` of custom tools). Arguments are a string that holds JSON; some copies of the API
/// take JSON itself.
fn called(c: &mut Canvas<'_>, id: usize, called_as: CalledAs) {
    let json = c.json;
    for field in json.children(id) {
        if matches!(&*json.key(field), "name" | "arguments" | "input") {
            c.subtree(field, Origin::ToolCall, Channel::ToolArguments);
            c.known(field);
        }
    }
    let arguments = json.member(id, "arguments").or_else(|| json.member(id, "input"));
    let name = json.member_text(id, "name").map(Into::into);
    match called_as {
        CalledAs::Function => c.call(name, arguments),
        CalledAs::Custom => c.call_of(CallForm::Free, name, arguments),
    }
}

fn audio(c: &mut Canvas<'_>, id: usize, origin: Origin) {
    let json = c.json;
    for field in json.children(id) {
        match &*json.key(field) {
            "data" => c.base64(field, origin),
            "transcript" => c.text(field, origin, Channel::Content),
            "id" | "expires_at" => {}
            _ => continue,
        }
        c.known(field);
    }
}
