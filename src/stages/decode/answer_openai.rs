//! Answers of Chat Completions and Completions (whole and chunks), embeddings, moderations and model listings.

use super::answer::{self, METADATA, Notes, Part};
use super::canvas::Canvas;
use super::json::Kind;
use super::lanes::{LaneEnd, LaneField, LaneId};
use super::openai_chat::{self, InAnswer};
use super::openai_parts;
use super::words;
use crate::model::{Channel, Origin};

/// Tokens with probabilities repeat a choice's text: a group beside it.
const LOGPROBS: u32 = 0x8000_0000;

/// Marks a completion or a chunk of one: they differ in `message` and `delta` only.
pub(super) fn completion(c: &mut Canvas<'_>, notes: &mut Notes, part: Part) {
    let json = c.json;
    for field in json.children(0) {
        c.group_from(field, METADATA);
        let key = json.key(field);
        match &*key {
            "id" | "model" => answer::identity(c, notes, field, &key),
            "object" => c.closed(field, words::object),
            "service_tier" => c.closed(field, words::option),
            "choices" => choices(c, notes, field, part),
            "usage" => answer::usage(c, notes, field),
            "error" => answer::error(c, notes, field),
            "created" => notes.step.created = json.integer(field),
            "system_fingerprint" | "obfuscation" => {}
            _ => continue,
        }
        c.known(field);
    }
}

fn choices(c: &mut Canvas<'_>, notes: &mut Notes, id: usize, part: Part) {
    let json = c.json;
    notes.has_no_choices = json.kind(id) == Kind::Array && json.children(id).next().is_none();
    for (place, choice) in json.children(id).enumerate() {
        let stated = json.member(choice, "index").and_then(|index| json.integer(index));
        let number = u32::try_from(stated.unwrap_or(place as u64)).unwrap_or(u32::MAX).min(0xFFFF);
        c.group_from(choice, number);
        notes.step.choice_seen(number);
        for field in json.children(choice) {
            match &*json.key(field) {
                "message" | "delta" => {
                    openai_chat::message(c, field, Some(InAnswer { choice: number }));
                    if part == Part::Event {
                        lanes(c, field, number);
                    }
                }
                "text" => {
                    c.text(field, Origin::Assistant, Channel::Content);
                    if part == Part::Event {
                        c.lane(field, LaneId { output: number, part: 0, field: LaneField::Content });
                    }
                }
                "finish_reason" => {
                    answer::finish(c, notes, field);
                    if json.kind(field) == Kind::String {
                        notes.step.choice_finished(number);
                        // Some copies of the API say `""` in every chunk, which ends nothing.
                        if json.text(field).is_some_and(|reason| !reason.is_empty()) {
                            notes.lane_ends.push(LaneEnd::Output(number));
                        }
                    }
                }
                "logprobs" => {
                    c.group_from(field, LOGPROBS | number);
                    openai_parts::logprobs(c, field);
                    c.group_from(json.after(field), number);
                }
                "index" => {}
                _ => continue,
            }
            c.known(field);
        }
    }
}

/// What in a delta continues the deltas before it.
fn lanes(c: &mut Canvas<'_>, delta: usize, choice: u32) {
    let json = c.json;
    let lane = |part: u32, field: LaneField| LaneId { output: choice, part, field };
    for field in json.children(delta) {
        let (carried, named): (LaneField, &[&str]) = match &*json.key(field) {
            "content" => (LaneField::Content, &["content", "text"]),
            "refusal" => (LaneField::Refusal, &["refusal"]),
            "reasoning_content" => (LaneField::Reasoning, &["reasoning_content"]),
            // A copy of what `reasoning_details` says: a text of its own.
            "reasoning" => (LaneField::Reasoning, &["reasoning"]),
            "reasoning_details" => (LaneField::Reasoning, &["text", "summary"]),
            "audio" => (LaneField::Transcript, &["transcript"]),
            "function_call" => (LaneField::Arguments, &["arguments"]),
            "tool_calls" => {
                for (place, call) in json.children(field).enumerate() {
                    let stated = json.member(call, "index").and_then(|index| json.integer(index));
                    let index = u32::try_from(stated.unwrap_or(place as u64)).unwrap_or(u32::MAX);
                    call_lanes(c, call, lane(index.saturating_add(1), LaneField::Arguments));
                }
                continue;
            }
            _ => continue,
        };
        // Copies of one text that an upstream sends twice must not run into each other.
        let part = match &*json.key(field) {
            "reasoning" => 1,
            "reasoning_details" => 2,
            _ => 0,
        };
        if carried == LaneField::Arguments {
            call_lanes(c, field, lane(part, carried));
            continue;
        }
        for node in field..json.after(field) {
            if json.kind(node) == Kind::String && (node == field || named.contains(&&*json.key(node))) {
                c.lane(node, lane(part, carried));
            }
        }
    }
}

/// A call, or a part of one: the event belongs to its lane also where it only says the name.
fn call_lanes(c: &mut Canvas<'_>, call: usize, lane: LaneId) {
    let json = c.json;
    let strings = |node: &usize| json.kind(*node) == Kind::String;
    let argument =
        (call..json.after(call)).filter(strings).find(|node| matches!(&*json.key(*node), "arguments" | "input"));
    c.lane(argument.unwrap_or(call), lane);
}

/// Marks embeddings: vectors are numbers, or base64 of them.
pub(super) fn embeddings(c: &mut Canvas<'_>, notes: &mut Notes) {
    let json = c.json;
    listing(c, notes);
    let Some(list) = json.member(0, "data") else { return };
    for field in json.children(list).flat_map(|entry| json.children(entry)) {
        if json.key(field) == "embedding" && !c.numbers(field) {
            c.base64(field, Origin::Assistant);
        }
    }
}

/// Marks a list of things: models, moderations, embeddings. Their strings stay unknown, and so are read.
pub(super) fn listing(c: &mut Canvas<'_>, notes: &mut Notes) {
    let json = c.json;
    for field in json.children(0) {
        c.group_from(field, METADATA);
        let key = json.key(field);
        match &*key {
            "id" | "model" => answer::identity(c, notes, field, &key),
            "object" => c.closed(field, words::object),
            "usage" => answer::usage(c, notes, field),
            "error" => answer::error(c, notes, field),
            "data" | "results" => entries(c, field),
            "type" | "first_id" | "last_id" | "has_more" | "created" | "owned_by" => {}
            _ => continue,
        }
        c.known(field);
    }
}

fn entries(c: &mut Canvas<'_>, id: usize) {
    let json = c.json;
    for field in json.children(id).flat_map(|entry| json.children(entry)) {
        match &*json.key(field) {
            "object" => c.closed(field, words::object),
            "type" => c.closed(field, words::kind),
            "id"
            | "created"
            | "created_at"
            | "owned_by"
            | "display_name"
            | "index"
            | "embedding"
            | "flagged"
            | "categories"
            | "category_scores"
            | "category_applied_input_types" => {}
            _ => continue,
        }
        c.known(field);
    }
}
