//! Answers of Anthropic's Messages API: the message, whole or begun by `message_start`, and the events that fill it.
//! Source: Anthropic API reference, "Streaming messages" (2026-01).

use super::answer::{self, METADATA, Notes};
use super::anthropic;
use super::canvas::Canvas;
use super::json::Kind;
use super::lanes::{LaneEnd, LaneField, LaneId};
use super::stream_frame::Block;
use super::words;
use crate::model::{Channel, Origin};

/// Marks a whole answer (of `count_tokens` too: its counts stand at the top).
pub(super) fn whole(c: &mut Canvas<'_>, notes: &mut Notes) {
    notes.signed_reasoning = true;
    message(c, notes, 0);
    if c.json.member(0, "usage").is_none() && c.json.member(0, "input_tokens").is_some() {
        answer::usage(c, notes, 0);
    }
}

/// Marks one event.
pub(super) fn event(c: &mut Canvas<'_>, notes: &mut Notes) {
    let json = c.json;
    let kind = json.member_text(0, "type").unwrap_or_default();
    let index = json.member(0, "index").and_then(|index| json.integer(index)).unwrap_or(0);
    let group = u32::try_from(index).unwrap_or(u32::MAX).min(0xFFFF);
    match &*kind {
        "message_start" => notes.step.started = true,
        "content_block_start" => notes.step.block = Some(Block::Open(index)),
        "content_block_stop" => {
            notes.step.block = Some(Block::Closed(index));
            notes.lane_ends.push(LaneEnd::Output(group));
        }
        "message_stop" => notes.ends_stream = true,
        "error" => notes.is_error = true,
        _ => {}
    }
    notes.signed_reasoning = true;
    for field in json.children(0) {
        c.group_from(field, METADATA);
        match &*json.key(field) {
            "type" => c.closed(field, words::event),
            "message" => message(c, notes, field),
            "content_block" => {
                c.group_from(field, group);
                anthropic::block(c, field, Origin::Assistant);
                begin(c, field, group);
            }
            "delta" => {
                c.group_from(field, group);
                delta(c, notes, field, group);
            }
            "usage" => answer::usage(c, notes, field),
            "error" => answer::error(c, notes, field),
            "index" | "request_id" => {}
            _ => continue,
        }
        c.known(field);
    }
}

/// What a block that begins says already. A call's event belongs to the call, whose arguments follow.
fn begin(c: &mut Canvas<'_>, id: usize, block: u32) {
    let json = c.json;
    let is_call = json.member_text(id, "type").is_some_and(|kind| kind.ends_with("tool_use"));
    if is_call {
        c.lane(id, LaneId { output: block, part: 0, field: LaneField::Arguments });
    }
    for (name, field) in [("text", LaneField::Content), ("thinking", LaneField::Reasoning)] {
        if let Some(node) = json.member(id, name) {
            c.lane(node, LaneId { output: block, part: 0, field });
        }
    }
}

fn delta(c: &mut Canvas<'_>, notes: &mut Notes, id: usize, block: u32) {
    let json = c.json;
    let lane = |field: LaneField| LaneId { output: block, part: 0, field };
    for field in json.children(id) {
        match &*json.key(field) {
            "type" => c.closed(field, words::kind),
            "text" => {
                c.text(field, Origin::Assistant, Channel::Content);
                c.lane(field, lane(LaneField::Content));
            }
            "thinking" => {
                c.text(field, Origin::Assistant, Channel::Reasoning);
                c.lane(field, lane(LaneField::Reasoning));
            }
            "partial_json" => {
                c.text(field, Origin::Assistant, Channel::ToolArguments);
                c.lane(field, lane(LaneField::Arguments));
            }
            "signature" => c.sealed(field, Origin::Assistant, Channel::Reasoning),
            "citation" => anthropic::citations(c, field),
            "stop_reason" => answer::finish(c, notes, field),
            "stop_sequence" | "container" => {}
            _ => continue,
        }
        c.known(field);
    }
}

fn message(c: &mut Canvas<'_>, notes: &mut Notes, id: usize) {
    let json = c.json;
    for field in json.children(id).filter(|_| json.kind(id) == Kind::Object) {
        let key = json.key(field);
        c.group_from(field, METADATA);
        match &*key {
            "id" | "model" => answer::identity(c, notes, field, &key),
            "type" => c.closed(field, words::kind),
            "role" => c.closed(field, words::role),
            "content" => {
                c.text(field, Origin::Assistant, Channel::Content);
                for (place, block) in json.children(field).enumerate() {
                    c.group_from(block, u32::try_from(place).unwrap_or(u32::MAX).min(0xFFFF));
                    anthropic::block(c, block, Origin::Assistant);
                }
            }
            "stop_reason" => answer::finish(c, notes, field),
            "usage" => answer::usage(c, notes, field),
            "error" => answer::error(c, notes, field),
            "stop_sequence" | "container" | "request_id" | "input_tokens" => {}
            _ => continue,
        }
        c.known(field);
    }
}
