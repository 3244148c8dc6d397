//! Top-level fields that several dialects share, and what of them steers the gateway: the model, whether the answer is
//! streamed, how long it may be. A steering field of the wrong type is refused: the provider might read it another way.

use super::canvas::Canvas;
use super::json::Kind;
use super::{tool_facts, words};
use crate::model::{Cause, Channel, Origin, Refusal, Stage, Untrusted};

/// Why a well-formed body cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unusable {
    /// This field has a type that its dialect does not give it.
    WrongType(&'static str),
    /// This field names text that is stored at the provider, where it cannot be inspected.
    StoredState(&'static str),
    /// This list has more entries than the gateway takes.
    TooMany(&'static str),
    /// This field holds tokens, which no guard can read and a model would obey.
    Tokens(&'static str),
}

impl From<Unusable> for Refusal {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::WrongType(param) => {
                Refusal::new(Stage::Decode, Cause::MalformedBody).param(param).detail("wrong type")
            }
            Unusable::StoredState(param) => Refusal::new(Stage::Decode, Cause::UnsupportedParameter)
                .param(param)
                .detail("text stored at the provider cannot be inspected"),
            Unusable::TooMany(param) => {
                Refusal::new(Stage::Decode, Cause::MalformedBody).param(param).detail("too many entries")
            }
            Unusable::Tokens(param) => Refusal::new(Stage::Decode, Cause::MalformedBody)
                .param(param)
                .detail("text given as tokens cannot be inspected"),
        }
    }
}

/// What a request's own fields say of the exchange.
#[derive(Debug, Default)]
pub(super) struct Steering {
    pub(super) model: Option<Untrusted<String>>,
    pub(super) stream: bool,
    /// The member `stream_options`, where there is one.
    pub(super) stream_options: Option<usize>,
    pub(super) max_tokens: Option<u64>,
}

/// Reads a field that several dialects have. `false` means that the caller has to know it, or it stays unknown.
///
/// # Errors
/// A steering field of the wrong type.
pub(super) fn shared(c: &mut Canvas<'_>, steering: &mut Steering, id: usize, key: &str) -> Result<bool, Unusable> {
    match key {
        "model" => {
            let name = c.json.text(id).ok_or(Unusable::WrongType("/model"))?;
            steering.model = Some(Untrusted::new(name.into_owned()));
        }
        "stream" => {
            steering.stream = match c.json.kind(id) {
                Kind::True => true,
                Kind::False | Kind::Null => false,
                _ => return Err(Unusable::WrongType("/stream")),
            }
        }
        "max_tokens" => max_tokens(c, steering, id, "/max_tokens")?,
        "max_completion_tokens" => max_tokens(c, steering, id, "/max_completion_tokens")?,
        "max_output_tokens" => max_tokens(c, steering, id, "/max_output_tokens")?,
        "max_tokens_to_sample" => max_tokens(c, steering, id, "/max_tokens_to_sample")?,
        "service_tier" | "reasoning_effort" | "truncation" | "encoding_format" | "verbosity" => {
            c.closed(id, words::option);
        }
        "temperature"
        | "top_p"
        | "top_k"
        | "n"
        | "seed"
        | "presence_penalty"
        | "frequency_penalty"
        | "logprobs"
        | "top_logprobs"
        | "parallel_tool_calls"
        | "store"
        | "best_of"
        | "echo"
        | "dimensions"
        | "user"
        | "metadata"
        | "safety_identifier"
        | "prompt_cache_key"
        | "stop"
        | "stop_sequences"
        | "logit_bias"
        | "background"
        | "max_tool_calls" => {}
        _ => return Ok(false),
    }
    Ok(true)
}

fn max_tokens(c: &Canvas<'_>, steering: &mut Steering, id: usize, param: &'static str) -> Result<(), Unusable> {
    if c.json.kind(id) == Kind::Null {
        return Ok(());
    }
    let count = c.json.integer(id).ok_or(Unusable::WrongType(param))?;
    // Where both the old and the new name stand, the larger counts: it is what the answer may cost.
    steering.max_tokens = steering.max_tokens.max(Some(count));
    Ok(())
}

/// Marks the members of an object of small options: known keys, words of the provider.
pub(super) fn options(c: &mut Canvas<'_>, id: usize, known: fn(&str) -> bool) {
    let json = c.json;
    for member in json.children(id) {
        if known(&json.key(member)) {
            c.known(member);
            c.closed(member, words::option);
        }
    }
    c.closed(id, words::option);
}

/// Marks tool definitions: every string and every name in them is read by the model.
pub(super) fn tools(c: &mut Canvas<'_>, id: usize, param: &'static str) -> Result<(), Unusable> {
    let json = c.json;
    match json.kind(id) {
        Kind::Null => return Ok(()),
        Kind::Array => {}
        _ => return Err(Unusable::WrongType(param)),
    }
    for tool in json.children(id) {
        c.new_group(tool);
        c.schema(tool, Origin::ToolDefinition, words::schema);
        tool_facts::declare(c, tool, None, param)?;
    }
    Ok(())
}

/// Marks `tool_choice` and its like.
pub(super) fn tool_choice(c: &mut Canvas<'_>, id: usize) {
    c.schema(id, Origin::ToolDefinition, words::schema);
    c.closed(id, words::option);
}

/// Whose text a message is by its role; a role that nobody knows is nobody's.
pub(super) fn origin_of_role(role: Option<&str>) -> Origin {
    match role {
        Some("system") => Origin::System,
        Some("developer") => Origin::Developer,
        Some("user") => Origin::User,
        Some("assistant") => Origin::Assistant,
        Some("tool" | "function") => Origin::ToolResult,
        _ => Origin::Unknown,
    }
}

/// Marks strings of a list, or a single string, as text of one origin; each element is a group of its own.
pub(super) fn texts(c: &mut Canvas<'_>, id: usize, origin: Origin) {
    let json = c.json;
    c.text(id, origin, Channel::Content);
    for element in json.children(id).filter(|_| json.kind(id) == Kind::Array) {
        c.new_group(element);
        c.text(element, origin, Channel::Content);
    }
}
