//! An agent's own JSON: the operator names the prose by JSON pointer (RFC 6901, `*` for any index); every other string is
//! a parameter of nobody in particular, and judged more strictly.

use super::canvas::Canvas;
use super::json::{Json, Kind};
use crate::model::{Channel, Origin};

/// A JSON pointer, its tokens unescaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pointer {
    tokens: Vec<String>,
}

impl Pointer {
    /// Reads a pointer; `None` if it does not begin with `/` or holds a `~` that escapes nothing.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let tokens = text.strip_prefix('/')?.split('/').map(token).collect::<Option<_>>()?;
        Some(Self { tokens })
    }
}

fn token(text: &str) -> Option<String> {
    let mut token = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '~' => token.push(match characters.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            }),
            other => token.push(other),
        }
    }
    Some(token)
}

/// Marks the strings that the pointers lead to as a user's prose. Objects and arrays that a pointer leads to stay
/// parameters: the stricter reading.
pub(super) fn request(c: &mut Canvas<'_>, prose: &[Pointer]) {
    let json = c.json;
    for field in json.children(0) {
        c.new_group(field);
    }
    for pointer in prose {
        for id in targets(json, &pointer.tokens) {
            c.text(id, Origin::User, Channel::Content);
        }
    }
}

/// The nodes a pointer leads to. Each level visits each child once, so the work is linear in the body.
fn targets(json: &Json<'_>, tokens: &[String]) -> Vec<usize> {
    let mut reached = vec![0];
    for token in tokens {
        let mut next = Vec::new();
        for id in reached {
            match json.kind(id) {
                Kind::Object => next.extend(json.member(id, token)),
                Kind::Array if token == "*" => next.extend(json.children(id)),
                Kind::Array => next.extend(token.parse().ok().and_then(|index| json.children(id).nth(index))),
                _ => {}
            }
        }
        reached = next;
    }
    reached
}
