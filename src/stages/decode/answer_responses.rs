//! Answers of the Responses API: the response object, whole or inside events, and the events that build it.
//! Source: OpenAI API reference, "Responses: streaming events" (2026-01).

use super::answer::{self, METADATA, Notes};
use super::canvas::Canvas;
use super::json::Kind;
use super::lanes::{LaneEnd, LaneField, LaneId};
use super::openai_parts;
use super::openai_responses::{self, Speaker, part_group};
use super::words;
use crate::model::{Channel, Origin};

/// Marks a whole answer.
pub(super) fn whole(c: &mut Canvas<'_>, notes: &mut Notes) {
    response(c, notes, 0);
}

/// Marks one event.
pub(super) fn event(c: &mut Canvas<'_>, notes: &mut Notes) {
    let json = c.json;
    let number = |name: &str| json.member(0, name).and_then(|member| json.integer(member));
    let output = u32::try_from(number("output_index").unwrap_or(0)).unwrap_or(u32::MAX).min(0xFFFF);
    let part = number("content_index").or_else(|| number("summary_index")).unwrap_or(0);
    let kind = json.member_text(0, "type").unwrap_or_default();
    notes.step.sequence = number("sequence_number");
    notes.step.started = true;
    notes.ends_stream = matches!(&*kind, "response.completed" | "response.incomplete" | "response.failed");
    notes.is_error = matches!(&*kind, "error" | "response.failed");
    let (origin, channel) = said(&kind);
    let place = u32::try_from(part).unwrap_or(u32::MAX);
    let lane = LaneId { output, part: place, field: carried(channel) };
    if kind == "response.output_item.done" {
        notes.lane_ends.push(LaneEnd::Output(output));
    } else if kind.ends_with(".done") {
        notes.lane_ends.push(LaneEnd::Part(output, place));
    }
    for field in json.children(0) {
        c.group_from(field, METADATA);
        match &*json.key(field) {
            "type" => c.closed(field, words::event),
            "response" => response(c, notes, field),
            "item" => {
                openai_responses::item(c, field, Speaker::Answer(output));
                let is_call = json.member_text(field, "type").is_some_and(|kind| kind.ends_with("_call"));
                if is_call && kind == "response.output_item.added" {
                    c.lane(field, LaneId { output, part: 0, field: LaneField::Arguments });
                }
            }
            "part" => {
                c.group_from(field, part_group(output, part));
                openai_parts::part(c, field, origin, channel);
            }
            "delta" | "text" | "refusal" | "arguments" | "input" | "code" => {
                c.group_from(field, part_group(output, part));
                c.subtree(field, origin, channel);
                if kind.ends_with(".delta") && &*json.key(field) == "delta" {
                    c.lane(field, lane);
                }
            }
            "name" => c.text(field, origin, channel),
            "annotation" => c.subtree(field, Origin::Document, Channel::Content),
            "logprobs" => openai_parts::logprobs(c, field),
            "partial_image_b64" => c.base64(field, Origin::Assistant),
            "error" => answer::error(c, notes, field),
            "item_id" | "output_index" | "content_index" | "summary_index" | "annotation_index" | "sequence_number"
            | "obfuscation" | "message" | "param" => {}
            _ => continue,
        }
        c.known(field);
    }
}

fn carried(channel: Channel) -> LaneField {
    match channel {
        Channel::Content => LaneField::Content,
        Channel::Refusal => LaneField::Refusal,
        Channel::Reasoning => LaneField::Reasoning,
        Channel::ToolArguments => LaneField::Arguments,
    }
}

/// Whose words a delta holds, by the event's name.
fn said(kind: &str) -> (Origin, Channel) {
    let channel = if kind.contains("refusal") {
        Channel::Refusal
    } else if kind.contains("reasoning") {
        Channel::Reasoning
    } else if ["arguments", "_call_input", "_call_code"].iter().any(|word| kind.contains(word)) {
        Channel::ToolArguments
    } else {
        Channel::Content
    };
    (Origin::Assistant, channel)
}

/// Marks a response object.
fn response(c: &mut Canvas<'_>, notes: &mut Notes, id: usize) {
    let json = c.json;
    for field in json.children(id).filter(|_| json.kind(id) == Kind::Object) {
        let key = json.key(field);
        c.group_from(field, METADATA);
        match &*key {
            "id" | "model" => answer::identity(c, notes, field, &key),
            "object" => c.closed(field, words::object),
            "status" => answer::finish(c, notes, field),
            "output" => {
                for (place, item) in json.children(field).enumerate() {
                    let output = u32::try_from(place).unwrap_or(u32::MAX).min(0xFFFF);
                    openai_responses::item(c, item, Speaker::Answer(output));
                }
            }
            "usage" => answer::usage(c, notes, field),
            "error" => answer::error(c, notes, field),
            "incomplete_details" => incomplete(c, field),
            "created_at" => notes.step.created = json.integer(field),
            "instructions" => c.subtree(field, Origin::System, Channel::Content),
            "tools" | "tool_choice" => c.schema(field, Origin::ToolDefinition, words::schema),
            "text" => openai_responses::text_format(c, field),
            "service_tier" | "truncation" => c.closed(field, words::option),
            "reasoning"
            | "metadata"
            | "user"
            | "temperature"
            | "top_p"
            | "top_logprobs"
            | "parallel_tool_calls"
            | "store"
            | "background"
            | "max_output_tokens"
            | "max_tool_calls"
            | "previous_response_id"
            | "conversation"
            | "prompt"
            | "prompt_cache_key"
            | "safety_identifier"
            | "output_text"
            | "completed_at" => {}
            _ => continue,
        }
        c.known(field);
    }
    // The reason says more than `incomplete`, wherever it stands.
    let details = json.member(id, "incomplete_details");
    let reason = details.and_then(|details| json.member_text(details, "reason"));
    if let Some(word) = reason.and_then(|reason| words::finish_reason(&reason)) {
        notes.finish_reason = Some(word);
    }
}

fn incomplete(c: &mut Canvas<'_>, id: usize) {
    let json = c.json;
    for field in json.children(id) {
        if json.key(field) == "reason" {
            c.known(field);
            c.closed(field, words::is_finish_reason);
        }
    }
}
