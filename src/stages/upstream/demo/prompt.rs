//! What the built-in upstream looks at in a request: how many words, and whether it is asked to call a tool.

use serde_json::{Map, Value, json};

/// Asking for a tool call, in the last message, which must be the user's.
const TOOL_PHRASE: &str = "call the tool";
/// Properties that a made-up tool call fills in at most.
const MAX_ARGUMENTS: usize = 16;
/// Fields of a request that hold the conversation.
const CONVERSATION: [&str; 5] = ["system", "instructions", "messages", "input", "prompt"];
/// Fields inside a message that hold text.
const TEXT_FIELDS: [&str; 5] = ["content", "text", "input", "output", "arguments"];

/// A tool call to answer with.
#[derive(Debug, PartialEq)]
pub(super) struct ToolCall {
    pub(super) name: String,
    pub(super) arguments: Value,
}

/// The sentence that is said, the same for all endpoints.
pub(super) fn sentence(request: &Value) -> String {
    let words = input_words(request);
    let noun = if words == 1 { "word" } else { "words" };
    format!("This is the built-in demo upstream of Portcullis; no model was asked. Your input has {words} {noun}.")
}

/// Words in a request's conversation; for a request without one, in all its strings.
pub(super) fn input_words(request: &Value) -> u64 {
    let mut words = 0;
    let mut found = false;
    for field in CONVERSATION {
        if let Some(value) = request.get(field) {
            found = true;
            count_words(value, &|key| TEXT_FIELDS.contains(&key), &mut words);
        }
    }
    if !found {
        count_words(request, &|_| true, &mut words);
    }
    words
}

/// Words of the sentence, as its count of tokens.
pub(super) fn output_words(text: &str) -> u64 {
    u64::try_from(text.split_whitespace().count()).unwrap_or(u64::MAX)
}

/// The call of the first declared tool, where the last message is the user's and asks for it.
pub(super) fn tool_call(request: &Value) -> Option<ToolCall> {
    let asks = match (request.get("messages").or_else(|| request.get("input")), request.get("prompt")) {
        (Some(Value::String(text)), _) | (None, Some(Value::String(text))) => asks_for_tool(text),
        (Some(Value::Array(messages)), _) => messages.last().is_some_and(user_asks_for_tool),
        _ => false,
    };
    if !asks {
        return None;
    }
    let tool = request.get("tools")?.as_array()?.first()?;
    let declared = tool.get("function").unwrap_or(tool);
    let name = declared.get("name")?.as_str()?.to_owned();
    let schema = declared.get("parameters").or_else(|| declared.get("input_schema"));
    Some(ToolCall { name, arguments: made_up_arguments(schema) })
}

fn user_asks_for_tool(message: &Value) -> bool {
    message.get("role").and_then(Value::as_str) == Some("user")
        && match message.get("content") {
            Some(Value::String(text)) => asks_for_tool(text),
            Some(Value::Array(parts)) => parts.iter().filter_map(|part| part.get("text")?.as_str()).any(asks_for_tool),
            _ => false,
        }
}

fn asks_for_tool(text: &str) -> bool {
    text.to_ascii_lowercase().contains(TOOL_PHRASE)
}

/// Arguments that fit a schema's required properties, one level deep, with harmless values.
fn made_up_arguments(schema: Option<&Value>) -> Value {
    let mut arguments = Map::new();
    let properties = schema.and_then(|schema| schema.get("properties"));
    let required = schema.and_then(|schema| schema.get("required")?.as_array());
    for name in required.into_iter().flatten().filter_map(Value::as_str).take(MAX_ARGUMENTS) {
        let property = properties.and_then(|properties| properties.get(name));
        arguments.insert(name.to_owned(), made_up_value(property));
    }
    Value::Object(arguments)
}

fn made_up_value(property: Option<&Value>) -> Value {
    if let Some(first) = property.and_then(|property| property.get("enum")?.as_array()?.first()) {
        return first.clone();
    }
    match property.and_then(|property| property.get("type")?.as_str()) {
        Some("number" | "integer") => json!(1),
        Some("boolean") => json!(true),
        Some("array") => json!([]),
        Some("object") => json!({}),
        Some("null") => Value::Null,
        _ => json!("demo"),
    }
}

/// serde_json bounds the depth of what it parses, so this recursion is bounded too.
fn count_words(value: &Value, is_text: &dyn Fn(&str) -> bool, words: &mut u64) {
    match value {
        Value::String(text) => *words = words.saturating_add(output_words(text)),
        Value::Array(items) => items.iter().for_each(|item| count_words(item, is_text, words)),
        Value::Object(fields) => {
            fields.iter().filter(|(key, _)| is_text(key)).for_each(|(_, field)| count_words(field, is_text, words))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
