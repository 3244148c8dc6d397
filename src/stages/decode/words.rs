//! Closed sets of words. A string that is one of them in the field it belongs to is structure; any other value of the same
//! field is inspected. Sources: the OpenAI and Anthropic API references (2026-01).

/// Values of `role` in any dialect.
pub(super) fn role(word: &str) -> bool {
    matches!(word, "system" | "developer" | "user" | "assistant" | "tool" | "function")
}

/// Values of `type` in messages, parts, items, blocks, tools and events.
pub(super) fn kind(word: &str) -> bool {
    event(word)
        || matches!(
            word,
            "text"
                | "image_url"
                | "input_audio"
                | "file"
                | "refusal"
                | "function"
                | "custom"
                | "content"
                | "json_schema"
                | "json_object"
                | "message"
                | "input_text"
                | "output_text"
                | "input_image"
                | "input_file"
                | "summary_text"
                | "reasoning_text"
                | "reasoning"
                | "function_call"
                | "function_call_output"
                | "custom_tool_call"
                | "custom_tool_call_output"
                | "item_reference"
                | "web_search_call"
                | "file_search_call"
                | "computer_call"
                | "computer_call_output"
                | "code_interpreter_call"
                | "image_generation_call"
                | "local_shell_call"
                | "local_shell_call_output"
                | "mcp_call"
                | "mcp_list_tools"
                | "mcp_approval_request"
                | "mcp_approval_response"
                | "url_citation"
                | "file_citation"
                | "image"
                | "document"
                | "tool_use"
                | "tool_result"
                | "thinking"
                | "redacted_thinking"
                | "server_tool_use"
                | "web_search_tool_result"
                | "web_search_result"
                | "search_result"
                | "base64"
                | "url"
                | "ephemeral"
                | "text_delta"
                | "input_json_delta"
                | "thinking_delta"
                | "signature_delta"
                | "citations_delta"
                | "auto"
                | "any"
                | "none"
                | "enabled"
                | "disabled"
                | "adaptive"
                | "model"
                | "object"
                | "string"
                | "array"
                | "number"
                | "integer"
                | "boolean"
                | "null"
                | "web_search"
                | "web_search_preview"
                | "file_search"
                | "code_interpreter"
                | "mcp"
        )
}

/// Names of stream events (`type` and `event:`) of the Responses API and of Anthropic's.
pub(super) fn event(word: &str) -> bool {
    matches!(
        word,
        "message_start"
            | "message_delta"
            | "message_stop"
            | "content_block_start"
            | "content_block_delta"
            | "content_block_stop"
            | "ping"
            | "error"
            | "response.created"
            | "response.queued"
            | "response.in_progress"
            | "response.completed"
            | "response.incomplete"
            | "response.failed"
            | "response.output_item.added"
            | "response.output_item.done"
            | "response.content_part.added"
            | "response.content_part.done"
            | "response.output_text.delta"
            | "response.output_text.done"
            | "response.output_text.annotation.added"
            | "response.refusal.delta"
            | "response.refusal.done"
            | "response.function_call_arguments.delta"
            | "response.function_call_arguments.done"
            | "response.custom_tool_call_input.delta"
            | "response.custom_tool_call_input.done"
            | "response.reasoning_summary_part.added"
            | "response.reasoning_summary_part.done"
            | "response.reasoning_summary_text.delta"
            | "response.reasoning_summary_text.done"
            | "response.reasoning_text.delta"
            | "response.reasoning_text.done"
            | "response.mcp_call_arguments.delta"
            | "response.mcp_call_arguments.done"
            | "response.mcp_call.in_progress"
            | "response.mcp_call.completed"
            | "response.mcp_call.failed"
            | "response.mcp_list_tools.in_progress"
            | "response.mcp_list_tools.completed"
            | "response.mcp_list_tools.failed"
            | "response.web_search_call.in_progress"
            | "response.web_search_call.searching"
            | "response.web_search_call.completed"
            | "response.file_search_call.in_progress"
            | "response.file_search_call.searching"
            | "response.file_search_call.completed"
            | "response.code_interpreter_call.in_progress"
            | "response.code_interpreter_call.interpreting"
            | "response.code_interpreter_call.completed"
            | "response.code_interpreter_call_code.delta"
            | "response.code_interpreter_call_code.done"
            | "response.image_generation_call.in_progress"
            | "response.image_generation_call.generating"
            | "response.image_generation_call.partial_image"
            | "response.image_generation_call.completed"
    )
}

/// Values of options that select among the provider's own words (`detail`, `format`, `status`, `effort`, …).
pub(super) fn option(word: &str) -> bool {
    matches!(
        word,
        "auto"
            | "low"
            | "high"
            | "medium"
            | "minimal"
            | "none"
            | "xhigh"
            | "max"
            | "required"
            | "any"
            | "default"
            | "flex"
            | "priority"
            | "scale"
            | "standard"
            | "standard_only"
            | "disabled"
            | "enabled"
            | "completed"
            | "in_progress"
            | "incomplete"
            | "failed"
            | "queued"
            | "cancelled"
            | "concise"
            | "detailed"
            | "float"
            | "base64"
            | "wav"
            | "mp3"
            | "flac"
            | "opus"
            | "pcm16"
            | "aac"
            | "text"
            | "audio"
            | "in-memory"
            | "24h"
            | "5m"
            | "1h"
            | "ephemeral"
            | "image/png"
            | "image/jpeg"
            | "image/gif"
            | "image/webp"
            | "application/pdf"
            | "text/plain"
            | "commentary"
            | "final_answer"
    )
}

/// Values of `object` in answers.
pub(super) fn object(word: &str) -> bool {
    matches!(
        word,
        "chat.completion" | "chat.completion.chunk" | "text_completion" | "response" | "list" | "embedding" | "model"
    )
}

/// Keywords and types of JSON Schema and of tool definitions: as keys or values they carry no message.
pub(super) fn schema(word: &str) -> bool {
    matches!(
        word,
        "type"
            | "function"
            | "name"
            | "description"
            | "parameters"
            | "input_schema"
            | "schema"
            | "strict"
            | "json_schema"
            | "properties"
            | "required"
            | "items"
            | "enum"
            | "const"
            | "default"
            | "title"
            | "format"
            | "additionalProperties"
            | "anyOf"
            | "oneOf"
            | "allOf"
            | "not"
            | "$ref"
            | "$defs"
            | "definitions"
            | "$schema"
            | "minimum"
            | "maximum"
            | "minLength"
            | "maxLength"
            | "pattern"
            | "minItems"
            | "maxItems"
            | "object"
            | "string"
            | "array"
            | "number"
            | "integer"
            | "boolean"
            | "null"
            | "custom"
            | "auto"
            | "any"
            | "tool"
            | "none"
            | "cache_control"
            | "ephemeral"
    )
}

/// `finish_reason` and `stop_reason` in any dialect; the word itself, so that facts carry only ours.
pub(super) fn finish_reason(word: &str) -> Option<&'static str> {
    [
        "stop",
        "length",
        "tool_calls",
        "content_filter",
        "function_call",
        "end_turn",
        "max_tokens",
        "stop_sequence",
        "tool_use",
        "pause_turn",
        "refusal",
        "model_context_window_exceeded",
        "max_output_tokens",
        "completed",
        "incomplete",
        "failed",
    ]
    .into_iter()
    .find(|known| *known == word)
}

/// Whether a word is a `finish_reason` or `stop_reason`.
pub(super) fn is_finish_reason(word: &str) -> bool {
    finish_reason(word).is_some()
}

/// Keys of token counts in any dialect.
pub(super) fn usage_key(word: &str) -> bool {
    matches!(
        word,
        "prompt_tokens"
            | "completion_tokens"
            | "total_tokens"
            | "input_tokens"
            | "output_tokens"
            | "prompt_tokens_details"
            | "completion_tokens_details"
            | "input_tokens_details"
            | "output_tokens_details"
            | "cached_tokens"
            | "audio_tokens"
            | "reasoning_tokens"
            | "accepted_prediction_tokens"
            | "rejected_prediction_tokens"
            | "cache_creation_input_tokens"
            | "cache_read_input_tokens"
            | "cache_creation"
            | "ephemeral_5m_input_tokens"
            | "ephemeral_1h_input_tokens"
            | "server_tool_use"
            | "web_search_requests"
            | "web_fetch_requests"
            | "service_tier"
    )
}
