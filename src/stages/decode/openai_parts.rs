//! Content of OpenAI's messages: a string, or parts. Chat Completions and the Responses API name their parts differently;
//! all names are known in both, since what copies the API mixes them.

use super::canvas::Canvas;
use super::json::Kind;
use super::words;
use crate::model::{Channel, Origin};

/// Marks content: a string, or an array of parts (or of strings).
pub(super) fn content(c: &mut Canvas<'_>, id: usize, origin: Origin, channel: Channel) {
    let json = c.json;
    c.text(id, origin, channel);
    for part in json.children(id).filter(|_| json.kind(id) == Kind::Array) {
        self::part(c, part, origin, channel);
    }
}

/// Marks one part.
pub(super) fn part(c: &mut Canvas<'_>, id: usize, origin: Origin, channel: Channel) {
    let json = c.json;
    c.text(id, origin, channel);
    for field in json.children(id).filter(|_| json.kind(id) == Kind::Object) {
        match &*json.key(field) {
            "type" => c.closed(field, words::kind),
            "text" => c.text(field, origin, channel),
            "refusal" => c.text(field, origin, Channel::Refusal),
            "image_url" => image(c, field, origin),
            "input_audio" => audio(c, field, origin),
            "file" => file(c, field),
            "detail" => c.closed(field, words::option),
            "file_data" | "filename" | "file_id" | "file_url" => file_member(c, field, &json.key(field)),
            "annotations" => c.subtree(field, Origin::Document, channel),
            "logprobs" => logprobs(c, field),
            _ => continue,
        }
        c.known(field);
    }
}

/// A URL, or an object with one.
fn image(c: &mut Canvas<'_>, id: usize, origin: Origin) {
    let json = c.json;
    if json.kind(id) == Kind::String {
        return c.url(id, origin);
    }
    for field in json.children(id) {
        match &*json.key(field) {
            "url" => c.url(field, origin),
            "detail" => c.closed(field, words::option),
            _ => continue,
        }
        c.known(field);
    }
}

fn audio(c: &mut Canvas<'_>, id: usize, origin: Origin) {
    let json = c.json;
    for field in json.children(id) {
        match &*json.key(field) {
            "data" => c.base64(field, origin),
            "format" => c.closed(field, words::option),
            _ => continue,
        }
        c.known(field);
    }
}

fn file(c: &mut Canvas<'_>, id: usize) {
    let json = c.json;
    for field in json.children(id) {
        let key = json.key(field);
        if matches!(&*key, "file_data" | "filename" | "file_id" | "file_url") {
            file_member(c, field, &key);
            c.known(field);
        }
    }
}

fn file_member(c: &mut Canvas<'_>, id: usize, key: &str) {
    match key {
        // A `data:` URL, or the bare base64.
        "file_data" => {
            c.base64(id, Origin::Document);
            if c.json.text(id).is_some_and(|text| text.starts_with("data:")) {
                c.url(id, Origin::Document);
            }
        }
        "file_id" | "file_url" => {
            c.text(id, Origin::Document, Channel::Content);
            c.reference(id);
        }
        _ => c.text(id, Origin::Document, Channel::Content),
    }
}

/// Tokens with their probabilities: pieces of the answer's own text.
pub(super) fn logprobs(c: &mut Canvas<'_>, id: usize) {
    let json = c.json;
    c.echo(id);
    c.subtree(id, Origin::Assistant, Channel::Content);
    let known = |key: &str| {
        matches!(
            key,
            "content"
                | "refusal"
                | "token"
                | "logprob"
                | "bytes"
                | "top_logprobs"
                | "tokens"
                | "token_logprobs"
                | "text_offset"
        )
    };
    for node in id.saturating_add(1)..json.after(id) {
        if json.key_span(node).is_some() && known(&json.key(node)) {
            c.known(node);
        }
    }
}
