//! OpenAI's plain text endpoints: completions (`prompt`), embeddings and moderations (`input`). Arrays of numbers are
//! tokens, which no guard can read: a model would obey them in a prompt, so there they are refused; in `input` they count
//! as media, which the policy can refuse and the record tells.

use super::canvas::Canvas;
use super::fields::{self, Steering, Unusable};
use super::json::Kind;
use super::openai_parts;
use crate::model::{Channel, Endpoint, Origin};

/// Marks a request of one of the three endpoints.
///
/// # Errors
/// A steering field of the wrong type.
pub(super) fn request(c: &mut Canvas<'_>, endpoint: Endpoint) -> Result<Steering, Unusable> {
    let json = c.json;
    let mut steering = Steering::default();
    for field in json.children(0) {
        c.new_group(field);
        let key = json.key(field);
        let known = fields::shared(c, &mut steering, field, &key)? || member(c, &mut steering, field, &key, endpoint)?;
        if known {
            c.known(field);
        }
    }
    Ok(steering)
}

fn member(
    c: &mut Canvas<'_>,
    steering: &mut Steering,
    id: usize,
    key: &str,
    endpoint: Endpoint,
) -> Result<bool, Unusable> {
    let json = c.json;
    match (endpoint, key) {
        (Endpoint::Completions, "prompt") => {
            if has_tokens(c, id) {
                return Err(Unusable::Tokens("/prompt"));
            }
            fields::texts(c, id, Origin::User);
        }
        (Endpoint::Completions, "suffix") => c.text(id, Origin::User, Channel::Content),
        (Endpoint::Completions, "stream_options") => {
            steering.stream_options = Some(id);
            fields::options(c, id, |key| matches!(key, "include_usage" | "include_obfuscation"));
        }
        (Endpoint::Embeddings, "input") => {
            fields::texts(c, id, Origin::User);
            if !c.numbers(id) {
                for element in json.children(id) {
                    c.numbers(element);
                }
            }
        }
        (Endpoint::Moderations, "input") => {
            c.text(id, Origin::User, Channel::Content);
            for element in json.children(id).filter(|_| json.kind(id) == Kind::Array) {
                c.new_group(element);
                openai_parts::part(c, element, Origin::User, Channel::Content);
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Whether any number stands in a prompt, at any depth.
fn has_tokens(c: &Canvas<'_>, id: usize) -> bool {
    (id..c.json.after(id)).any(|node| c.json.kind(node) == Kind::Number)
}
