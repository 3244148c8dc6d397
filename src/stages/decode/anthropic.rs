//! Anthropic's Messages API: `system`, `messages` and their blocks, in requests, answers and events.
//! Source: Anthropic API reference, "Messages" (2026-01).

use super::canvas::Canvas;
use super::fields::{self, Steering, Unusable};
use super::json::Kind;
use super::tool_facts::CallForm;
use super::words;
use crate::model::{Channel, Origin};

/// Marks a request of `/v1/messages` or `/v1/messages/count_tokens`.
///
/// # Errors
/// A steering field of the wrong type.
pub(super) fn request(c: &mut Canvas<'_>) -> Result<Steering, Unusable> {
    let json = c.json;
    let mut steering = Steering::default();
    for field in json.children(0) {
        c.new_group(field);
        let key = json.key(field);
        let known = fields::shared(c, &mut steering, field, &key)? || member(c, field, &key)?;
        if known {
            c.known(field);
        }
    }
    if json.member(0, "messages").is_none() {
        return Err(Unusable::WrongType("/messages"));
    }
    Ok(steering)
}

fn member(c: &mut Canvas<'_>, id: usize, key: &str) -> Result<bool, Unusable> {
    let json = c.json;
    match key {
        "system" => content(c, id, Origin::System),
        "messages" => {
            if json.kind(id) != Kind::Array {
                return Err(Unusable::WrongType("/messages"));
            }
            for message in json.children(id) {
                c.new_group(message);
                let origin = fields::origin_of_role(json.member_text(message, "role").as_deref());
                self::message(c, message, origin);
            }
        }
        "tools" => fields::tools(c, id, "/tools")?,
        "tool_choice" => fields::tool_choice(c, id),
        "output_format" | "output_config" => c.schema(id, Origin::ToolDefinition, words::schema),
        "thinking" => fields::options(c, id, |key| matches!(key, "type" | "budget_tokens" | "display")),
        "mcp_servers" => mcp_servers(c, id),
        "container" | "betas" => {}
        _ => return Ok(false),
    }
    Ok(true)
}

/// Servers that the provider would call by itself: each is a tool declared, under its own name.
fn mcp_servers(c: &mut Canvas<'_>, id: usize) {
    let json = c.json;
    c.subtree(id, Origin::ToolDefinition, Channel::Content);
    for server in json.children(id) {
        match json.member_text(server, "name") {
            Some(name) => c.declare(name),
            None => c.declare("mcp"),
        }
    }
}

fn message(c: &mut Canvas<'_>, id: usize, origin: Origin) {
    let json = c.json;
    for field in json.children(id) {
        match &*json.key(field) {
            "role" => c.closed(field, words::role),
            "content" => content(c, field, origin),
            _ => continue,
        }
        c.known(field);
    }
}

/// Marks content: a string, or blocks.
pub(super) fn content(c: &mut Canvas<'_>, id: usize, origin: Origin) {
    let json = c.json;
    c.text(id, origin, Channel::Content);
    for block in json.children(id).filter(|_| json.kind(id) == Kind::Array) {
        self::block(c, block, origin);
    }
}

/// Marks one block. Blocks nest (a tool's result holds blocks), bounded by the scanner's depth.
pub(super) fn block(c: &mut Canvas<'_>, id: usize, said: Origin) {
    let json = c.json;
    c.text(id, said, Channel::Content);
    let kind = json.member_text(id, "type");
    let kind = kind.as_deref().unwrap_or("text");
    let origin = match kind {
        "document" | "search_result" | "web_search_result" => Origin::Document,
        "tool_use" | "server_tool_use" | "mcp_tool_use" => Origin::ToolCall,
        "thinking" | "redacted_thinking" => Origin::Assistant,
        _ if kind.ends_with("tool_result") => Origin::ToolResult,
        _ => said,
    };
    for field in json.children(id).filter(|_| json.kind(id) == Kind::Object) {
        let key = json.key(field);
        let known = match kind {
            "tool_use" | "server_tool_use" | "mcp_tool_use" => call_field(c, field, &key),
            "thinking" | "redacted_thinking" => thinking_field(c, field, &key),
            _ => block_field(c, field, &key, origin),
        };
        if known {
            c.known(field);
        }
    }
    if origin == Origin::ToolCall {
        let (name, input) = (json.member_text(id, "name").map(Into::into), json.member(id, "input"));
        if kind == "tool_use" { c.call(name, input) } else { c.call_of(CallForm::Hosted, name, input) }
    }
}

fn call_field(c: &mut Canvas<'_>, id: usize, key: &str) -> bool {
    match key {
        "name" | "input" | "server_name" => c.subtree(id, Origin::ToolCall, Channel::ToolArguments),
        _ => return common_field(c, id, key),
    }
    true
}

fn thinking_field(c: &mut Canvas<'_>, id: usize, key: &str) -> bool {
    match key {
        "thinking" => c.text(id, Origin::Assistant, Channel::Reasoning),
        // Signed and encrypted blocks pass whole or not at all.
        "signature" | "data" => c.sealed(id, Origin::Assistant, Channel::Reasoning),
        _ => return common_field(c, id, key),
    }
    true
}

fn block_field(c: &mut Canvas<'_>, id: usize, key: &str, origin: Origin) -> bool {
    let json = c.json;
    match key {
        "text" | "title" | "context" | "url" | "page_age" | "stdout" | "stderr" => {
            c.text(id, origin, Channel::Content);
        }
        "content" if json.kind(id) == Kind::Object => block(c, id, origin),
        "content" => content(c, id, origin),
        "source" => source(c, id, origin),
        "citations" => citations(c, id),
        "encrypted_content" => c.sealed(id, origin, Channel::Content),
        "file_id" => {
            c.text(id, Origin::Document, Channel::Content);
            c.reference(id);
        }
        _ => return common_field(c, id, key),
    }
    true
}

fn common_field(c: &mut Canvas<'_>, id: usize, key: &str) -> bool {
    match key {
        "type" => c.closed(id, words::kind),
        "cache_control" => fields::options(c, id, |key| matches!(key, "type" | "ttl")),
        "id" | "tool_use_id" | "is_error" => {}
        _ => return false,
    }
    true
}

/// Where an image or a document comes from. Only `base64` sources are media; a `text` source is text.
fn source(c: &mut Canvas<'_>, id: usize, origin: Origin) {
    let json = c.json;
    c.text(id, origin, Channel::Content);
    let is_base64 = json.member_text(id, "type").as_deref() == Some("base64");
    for field in json.children(id).filter(|_| json.kind(id) == Kind::Object) {
        match &*json.key(field) {
            "type" => c.closed(field, words::kind),
            "media_type" => c.closed(field, words::option),
            "data" if is_base64 => c.base64(field, origin),
            "data" => c.text(field, origin, Channel::Content),
            "url" | "file_id" => {
                c.text(field, origin, Channel::Content);
                c.reference(field);
            }
            "content" => content(c, field, origin),
            _ => continue,
        }
        c.known(field);
    }
}

/// What a text refers to: `{"enabled": …}` in requests, quotations of documents in answers.
pub(super) fn citations(c: &mut Canvas<'_>, id: usize) {
    let json = c.json;
    c.subtree(id, Origin::Document, Channel::Content);
    for node in id.saturating_add(1)..json.after(id) {
        match &*json.key(node) {
            "type" => c.closed(node, words::kind),
            "encrypted_index" => c.sealed(node, Origin::Document, Channel::Content),
            "enabled"
            | "cited_text"
            | "document_index"
            | "document_title"
            | "start_char_index"
            | "end_char_index"
            | "start_page_number"
            | "end_page_number"
            | "start_block_index"
            | "end_block_index"
            | "title"
            | "url"
            | "source"
            | "file_id"
            | "search_result_index" => {}
            _ => continue,
        }
        c.known(node);
    }
}
