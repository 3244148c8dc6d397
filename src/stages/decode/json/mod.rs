//! A validating span scanner for JSON (RFC 8259): where every value stands in a body, so that it can be inspected and
//! spliced in place. It never copies a body, never recurses, and never puts content into a fault.
//!
//! It is stricter than RFC 8259 where two readers of one body could disagree (THREATS 17, 18): equal keys (compared
//! unescaped), lone surrogates, numbers beyond the range of a double and a byte order mark are refused.

mod keys;
mod scan;
mod text;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub(in crate::stages::decode) use text::unescape;

/// Deepest nesting that is ever accepted, whatever the configuration says: walkers may recurse this far.
pub const MAX_DEPTH: usize = 64;

/// Escapes accepted in one body. 32 MiB of text escaped character by character has 5.6 million; each costs memory in an
/// offset map, so that a body of nothing but `\n` must not be free to ask for ten times its size.
const MAX_ESCAPES: usize = 6 << 20;

/// Bounds of one JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonLimits {
    /// Deepest nesting of objects and arrays; values above 64 count as 64.
    pub depth: usize,
    /// Most values (objects, arrays, strings, numbers, literals) in one text.
    pub nodes: usize,
}

/// Why a text is not JSON that the gateway takes, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} at byte {offset}", kind.name())]
pub struct JsonFault {
    /// What is wrong.
    pub kind: JsonFaultKind,
    /// Offset in bytes from the start of the text.
    pub offset: usize,
}

/// What can be wrong with a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonFaultKind {
    /// It begins with U+FEFF.
    ByteOrderMark,
    /// It is not UTF-8.
    NotUtf8,
    /// It is longer than offsets can say (4 GiB).
    TooLong,
    /// It nests deeper than the limit.
    TooDeep,
    /// It has more values than the limit.
    TooManyValues,
    /// It has more escapes than the limit.
    TooManyEscapes,
    /// An object has two equal keys.
    DuplicateKey,
    /// Half of a surrogate pair.
    LoneSurrogate,
    /// A backslash that begins no escape of JSON.
    BadEscape,
    /// A control character inside a string.
    ControlCharacter,
    /// A number that JSON does not have (`01`, `+1`, `.5`, `1.`).
    BadNumber,
    /// A number beyond the range of a double.
    NumberOutOfRange,
    /// A word that is not `true`, `false` or `null`.
    BadLiteral,
    /// A byte that may not stand there.
    UnexpectedByte,
    /// The text ends inside a value.
    UnexpectedEnd,
    /// Something follows the value.
    TrailingBytes,
}

impl JsonFaultKind {
    /// The name used in details.
    pub fn name(self) -> &'static str {
        match self {
            Self::ByteOrderMark => "byte_order_mark",
            Self::NotUtf8 => "not_utf8",
            Self::TooLong => "too_long",
            Self::TooDeep => "too_deep",
            Self::TooManyValues => "too_many_values",
            Self::TooManyEscapes => "too_many_escapes",
            Self::DuplicateKey => "duplicate_key",
            Self::LoneSurrogate => "lone_surrogate",
            Self::BadEscape => "bad_escape",
            Self::ControlCharacter => "control_character",
            Self::BadNumber => "bad_number",
            Self::NumberOutOfRange => "number_out_of_range",
            Self::BadLiteral => "bad_literal",
            Self::UnexpectedByte => "unexpected_byte",
            Self::UnexpectedEnd => "unexpected_end",
            Self::TrailingBytes => "trailing_bytes",
        }
    }
}

/// The kind of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::stages::decode) enum Kind {
    Object,
    Array,
    String,
    Number,
    True,
    False,
    Null,
}

/// Where one value stands. Nodes lie in the order of the text, a container before its children.
#[derive(Debug, Clone, Copy)]
struct Node {
    kind: Kind,
    /// Whether the string value holds escapes.
    escaped: bool,
    /// Whether it is a member of an object, and so has a key.
    keyed: bool,
    /// Whether the key holds escapes.
    key_escaped: bool,
    /// The value; for strings what stands between the quotes.
    start: u32,
    end: u32,
    /// The key, between its quotes.
    key_start: u32,
    key_end: u32,
    /// The first node after this one and everything in it.
    after: u32,
}

/// A scanned text. Nodes are named by their place in the text's order; 0 is the root.
#[derive(Debug)]
pub(in crate::stages::decode) struct Json<'a> {
    body: &'a str,
    nodes: Vec<Node>,
}

impl<'a> Json<'a> {
    /// Scans a whole text.
    ///
    /// # Errors
    /// The first fault in the order of the text; equal keys are found when their object closes.
    pub(in crate::stages::decode) fn parse(body: &'a str, limits: JsonLimits) -> Result<Self, JsonFault> {
        let nodes = scan::scan(body.as_bytes(), limits)?;
        Ok(Self { body, nodes })
    }

    /// The text that was scanned.
    pub(in crate::stages::decode) fn body(&self) -> &'a str {
        self.body
    }

    /// How many values it has.
    pub(in crate::stages::decode) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The kind of a value; a node that does not exist is `null`.
    pub(in crate::stages::decode) fn kind(&self, id: usize) -> Kind {
        self.nodes.get(id).map_or(Kind::Null, |node| node.kind)
    }

    /// The bytes of a value; for strings what stands between the quotes.
    pub(in crate::stages::decode) fn span(&self, id: usize) -> std::ops::Range<usize> {
        self.nodes.get(id).map_or(0..0, |node| node.start as usize..node.end as usize)
    }

    /// The bytes of a key between its quotes, where the value has one.
    pub(in crate::stages::decode) fn key_span(&self, id: usize) -> Option<std::ops::Range<usize>> {
        self.nodes.get(id).filter(|node| node.keyed).map(|node| node.key_start as usize..node.key_end as usize)
    }

    /// Whether the string value holds escapes.
    pub(in crate::stages::decode) fn is_escaped(&self, id: usize) -> bool {
        self.nodes.get(id).is_some_and(|node| node.escaped)
    }

    /// Whether the key holds escapes.
    pub(in crate::stages::decode) fn is_key_escaped(&self, id: usize) -> bool {
        self.nodes.get(id).is_some_and(|node| node.key_escaped)
    }

    /// The first node after a value and everything in it.
    pub(in crate::stages::decode) fn after(&self, id: usize) -> usize {
        self.nodes.get(id).map_or(id.saturating_add(1), |node| node.after as usize)
    }

    /// The members of an object or the elements of an array, in order; nothing for other values.
    pub(in crate::stages::decode) fn children(&self, id: usize) -> Children<'_> {
        Children { nodes: &self.nodes, next: id.saturating_add(1), end: self.after(id) }
    }

    /// The unescaped key; empty for a value that has none.
    pub(in crate::stages::decode) fn key(&self, id: usize) -> Cow<'a, str> {
        let Some(span) = self.key_span(id) else { return Cow::Borrowed("") };
        self.slice(span, self.is_key_escaped(id))
    }

    /// The unescaped text of a string value; `None` for other values.
    pub(in crate::stages::decode) fn text(&self, id: usize) -> Option<Cow<'a, str>> {
        (self.kind(id) == Kind::String).then(|| self.slice(self.span(id), self.is_escaped(id)))
    }

    /// A number that is an integer from 0 to 2⁶⁴−1, written without a point or an exponent.
    pub(in crate::stages::decode) fn integer(&self, id: usize) -> Option<u64> {
        if self.kind(id) != Kind::Number {
            return None;
        }
        self.body.get(self.span(id))?.parse().ok()
    }

    /// The member of an object with this key.
    pub(in crate::stages::decode) fn member(&self, id: usize, name: &str) -> Option<usize> {
        if self.kind(id) != Kind::Object {
            return None;
        }
        self.children(id).find(|child| self.key(*child) == name)
    }

    /// The unescaped text of an object's member, where that is a string.
    pub(in crate::stages::decode) fn member_text(&self, id: usize, name: &str) -> Option<Cow<'a, str>> {
        self.member(id, name).and_then(|member| self.text(member))
    }

    fn slice(&self, span: std::ops::Range<usize>, escaped: bool) -> Cow<'a, str> {
        let raw = self.body.get(span).unwrap_or("");
        if escaped { Cow::Owned(text::unescaped(raw)) } else { Cow::Borrowed(raw) }
    }
}

/// The children of one value.
#[derive(Debug, Clone)]
pub(in crate::stages::decode) struct Children<'a> {
    nodes: &'a [Node],
    next: usize,
    end: usize,
}

impl Iterator for Children<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.next >= self.end {
            return None;
        }
        let id = self.next;
        self.next = self.nodes.get(id)?.after as usize;
        Some(id)
    }
}
