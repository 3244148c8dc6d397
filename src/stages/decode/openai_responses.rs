//! OpenAI's Responses API: `instructions`, `input` items, and the same items in answers and events.
//! Source: OpenAI API reference, "Responses" (2026-01).
//!
//! What is stored at the provider (`previous_response_id`, `conversation`, a stored `prompt`, `item_reference`) would reach
//! the model uninspected, so a request that names any of it is refused (THREATS 30).

use super::canvas::Canvas;
use super::fields::{self, Steering, Unusable};
use super::json::Kind;
use super::openai_parts;
use super::tool_facts::{self, CallForm};
use super::words;
use crate::model::{Channel, Origin};

/// Marks a request.
///
/// # Errors
/// A steering field of the wrong type; a reference to stored text.
pub(super) fn request(c: &mut Canvas<'_>) -> Result<Steering, Unusable> {
    let json = c.json;
    let mut steering = Steering::default();
    for field in json.children(0) {
        c.new_group(field);
        let key = json.key(field);
        refuse_stored(c, field, &key)?;
        let known = fields::shared(c, &mut steering, field, &key)? || member(c, field, &key)?;
        if known {
            c.known(field);
        }
    }
    Ok(steering)
}

fn refuse_stored(c: &Canvas<'_>, id: usize, key: &str) -> Result<(), Unusable> {
    let param = match key {
        "previous_response_id" => "/previous_response_id",
        "conversation" => "/conversation",
        "prompt" => "/prompt",
        _ => return Ok(()),
    };
    if c.json.kind(id) == Kind::Null { Ok(()) } else { Err(Unusable::StoredState(param)) }
}

fn member(c: &mut Canvas<'_>, id: usize, key: &str) -> Result<bool, Unusable> {
    let json = c.json;
    match key {
        "instructions" => c.text(id, Origin::System, Channel::Content),
        "input" => input(c, id)?,
        "tools" => fields::tools(c, id, "/tools")?,
        "tool_choice" => fields::tool_choice(c, id),
        "text" => text_format(c, id),
        "reasoning" => fields::options(c, id, |key| matches!(key, "effort" | "summary" | "generate_summary")),
        "stream_options" => fields::options(c, id, |key| key == "include_obfuscation"),
        "include" | "previous_response_id" | "conversation" | "prompt" => {}
        _ => return Ok(false),
    }
    if key == "instructions" && json.kind(id) == Kind::Array {
        for item in json.children(id) {
            c.new_group(item);
            self::item(c, item, Speaker::Request(Origin::System));
        }
    }
    Ok(true)
}

fn input(c: &mut Canvas<'_>, id: usize) -> Result<(), Unusable> {
    let json = c.json;
    match json.kind(id) {
        Kind::String => c.text(id, Origin::User, Channel::Content),
        Kind::Array => {}
        Kind::Null => return Ok(()),
        _ => return Err(Unusable::WrongType("/input")),
    }
    for item in json.children(id).filter(|_| json.kind(id) == Kind::Array) {
        if is_reference(c, item) {
            return Err(Unusable::StoredState("/input"));
        }
        c.new_group(item);
        self::item(c, item, Speaker::Request(Origin::User));
        if let Some(list) = json.member(item, "tools") {
            tool_facts::listed(c, item, list)?;
        }
    }
    Ok(())
}

/// Whether an item only names a stored one. `type` may be left out; then an item of nothing but `id` is one.
fn is_reference(c: &Canvas<'_>, item: usize) -> bool {
    let json = c.json;
    match json.member_text(item, "type") {
        Some(kind) => kind == "item_reference",
        None => {
            json.member(item, "id").is_some()
                && json.children(item).all(|field| matches!(&*json.key(field), "id" | "type"))
        }
    }
}

/// The format of the answer: a schema that the model reads.
pub(super) fn text_format(c: &mut Canvas<'_>, id: usize) {
    let json = c.json;
    for field in json.children(id) {
        match &*json.key(field) {
            "format" => c.schema(field, Origin::ToolDefinition, words::schema),
            "verbosity" => c.closed(field, words::option),
            _ => continue,
        }
        c.known(field);
    }
}

/// Whose words an item without a role is.
#[derive(Clone, Copy)]
pub(super) enum Speaker {
    /// In a request: this origin, unless a role says otherwise.
    Request(Origin),
    /// In an answer: the assistant. The number is the item's place in `output`.
    Answer(u32),
}

impl Speaker {
    fn origin(self, c: &Canvas<'_>, id: usize) -> Origin {
        match self {
            Self::Answer(_) => Origin::Assistant,
            Self::Request(default) => match c.json.member_text(id, "role") {
                Some(role) => fields::origin_of_role(Some(&role)),
                None => default,
            },
        }
    }
}

/// Marks one item. What kind it is decides whose text it holds.
pub(super) fn item(c: &mut Canvas<'_>, id: usize, speaker: Speaker) {
    let json = c.json;
    if let Speaker::Answer(output) = speaker {
        c.group_from(id, output);
    }
    let kind = json.member_text(id, "type");
    let kind = kind.as_deref().unwrap_or("message");
    let said = speaker.origin(c, id);
    c.text(id, said, Channel::Content);
    let (origin, channel) = match kind {
        "message" => (said, Channel::Content),
        "reasoning" => (Origin::Assistant, Channel::Reasoning),
        _ if kind.ends_with("_output") => (Origin::ToolResult, Channel::Content),
        _ if kind.ends_with("_call") => (Origin::ToolCall, Channel::ToolArguments),
        _ => (Origin::Unknown, Channel::Content),
    };
    for field in json.children(id).filter(|_| json.kind(id) == Kind::Object) {
        item_field(c, field, &json.key(field), (origin, channel), speaker);
    }
    if kind.ends_with("_call") {
        note_call(c, id, kind);
    }
}

fn item_field(c: &mut Canvas<'_>, id: usize, key: &str, said: (Origin, Channel), speaker: Speaker) {
    let json = c.json;
    let (origin, channel) = said;
    match key {
        "type" => c.closed(id, words::kind),
        "role" => c.closed(id, words::role),
        "status" | "phase" => c.closed(id, words::option),
        "content" | "summary" => match speaker {
            Speaker::Request(_) => openai_parts::content(c, id, origin, channel),
            Speaker::Answer(output) => parts(c, id, origin, channel, output),
        },
        "name" | "arguments" | "input" | "code" | "action" | "queries" | "query" | "server_label" => {
            c.subtree(id, Origin::ToolCall, Channel::ToolArguments);
        }
        "output" if json.kind(id) == Kind::Array => {
            openai_parts::content(c, id, Origin::ToolResult, Channel::Content);
        }
        "output" if json.member(id, "image_url").is_some() => {
            openai_parts::part(c, id, Origin::ToolResult, Channel::Content);
        }
        "output" | "outputs" | "error" => c.subtree(id, Origin::ToolResult, Channel::Content),
        "results" => c.subtree(id, Origin::Document, Channel::Content),
        "tools" => c.schema(id, Origin::ToolDefinition, words::schema),
        "encrypted_content" => c.sealed(id, origin, channel),
        "result" => c.base64(id, Origin::ToolResult),
        "id" | "call_id" => {}
        _ => return,
    }
    c.known(id);
}

/// The parts of an item of an answer; each is a group of its own, as in the events that build it.
fn parts(c: &mut Canvas<'_>, id: usize, origin: Origin, channel: Channel, output: u32) {
    let json = c.json;
    c.text(id, origin, channel);
    for (place, part) in json.children(id).filter(|_| json.kind(id) == Kind::Array).enumerate() {
        c.group_from(part, part_group(output, place as u64));
        openai_parts::part(c, part, origin, channel);
    }
    c.group_from(json.after(id), output);
}

/// The group of one part of one item.
pub(super) fn part_group(output: u32, part: u64) -> u32 {
    (u32::try_from(part).unwrap_or(u32::MAX).min(0x7FFE) << 16) | output.min(0xFFFF)
}

/// A call by its name; a built-in tool by its kind (`web_search_call` is a call of `web_search`).
fn note_call(c: &mut Canvas<'_>, id: usize, kind: &str) {
    let json = c.json;
    let arguments = ["arguments", "input", "action", "code", "queries"].iter().find_map(|key| json.member(id, key));
    let name = json.member_text(id, "name").map(Into::into);
    let built_in = || kind.strip_suffix("_call").map(ToOwned::to_owned);
    let name = name.or_else(built_in);
    match kind {
        "function_call" => c.call(name, arguments),
        // These the client runs; whatever else there is, the provider does.
        "custom_tool_call" | "computer_call" | "local_shell_call" | "shell_call" | "apply_patch_call" => {
            c.call_of(CallForm::Free, name, arguments);
        }
        _ => c.call_of(CallForm::Hosted, name, arguments),
    }
}
