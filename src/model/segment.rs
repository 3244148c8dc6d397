//! Model-visible text where it stands: which bytes of a body, who said them, and how an offset in the unescaped text
//! leads back to the bytes as received.

use std::ops::Range;

/// Which way text travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the client to the upstream.
    Request,
    /// From the upstream to the client.
    Response,
}

impl Direction {
    /// The name used in YAML, records and metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }
}

/// Who said a text. Policies speak of origins, because the same words mean different things from different mouths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The operator of the application (`role: system`, Anthropic's `system`, Responses' `instructions`).
    System,
    /// `role: developer`.
    Developer,
    /// The person or program that asks.
    User,
    /// An earlier answer of the model, sent back as history; in answers, everything the model says.
    Assistant,
    /// A tool call's name or arguments.
    ToolCall,
    /// What a tool returned: untrusted content.
    ToolResult,
    /// A tool's name, description or schema.
    ToolDefinition,
    /// A document, file or search result attached to the request: untrusted content.
    Document,
    /// A string in a field that no dialect names. Judged like `User`.
    Unknown,
}

impl Origin {
    /// All origins, for tables and "did you mean".
    pub const ALL: [Self; 9] = [
        Self::System,
        Self::Developer,
        Self::User,
        Self::Assistant,
        Self::ToolCall,
        Self::ToolResult,
        Self::ToolDefinition,
        Self::Document,
        Self::Unknown,
    ];

    /// The name used in YAML and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Developer => "developer",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::ToolCall => "tool_call",
            Self::ToolResult => "tool_result",
            Self::ToolDefinition => "tool_definition",
            Self::Document => "document",
            Self::Unknown => "unknown",
        }
    }
}

/// Where in an answer a text stands. Requests have `Content` throughout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// What the user reads.
    Content,
    /// The model's own refusal text.
    Refusal,
    /// Reasoning or thinking.
    Reasoning,
    /// A tool call's name or arguments.
    ToolArguments,
}

impl Channel {
    /// The name used in YAML and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Content => "content",
            Self::Refusal => "refusal",
            Self::Reasoning => "reasoning",
            Self::ToolArguments => "tool_arguments",
        }
    }
}

/// What a text is for, which decides the guards it gets beside the common ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextKind {
    /// Natural language: free to hold quotes, markup and SQL words.
    Prose,
    /// A parameter of an agent's JSON endpoint that is not prose: judged for XSS, SQL and command injection too.
    Parameter,
}

/// Leads offsets in an unescaped text back to the bytes as received.
///
/// Pieces are sorted by text offset. A *literal* piece maps byte for byte; an *atomic* one (a JSON escape such as
/// `\u00e9`, or several that a view folded into one) is only ever taken whole. An empty map is the identity
/// plus `base`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OffsetMap {
    base: usize,
    pieces: Vec<Piece>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    text: usize,
    source: usize,
    atomic_source_len: Option<usize>,
}

impl OffsetMap {
    /// A text that stands in its source byte for byte, beginning at `base`.
    pub fn identity(base: usize) -> Self {
        Self { base, pieces: Vec::new() }
    }

    /// Begins a literal piece: from `text` on, bytes correspond one to one with the source from `source` on.
    /// Pieces must be added in ascending order of `text`.
    pub fn push_literal(&mut self, text: usize, source: usize) {
        self.push(Piece { text, source, atomic_source_len: None });
    }

    /// Begins an atomic piece: the text from `text` to the next piece came from `source_len` bytes at `source`.
    pub fn push_atomic(&mut self, text: usize, source: usize, source_len: usize) {
        self.push(Piece { text, source, atomic_source_len: Some(source_len) });
    }

    fn push(&mut self, piece: Piece) {
        debug_assert!(self.pieces.last().is_none_or(|last| last.text <= piece.text));
        self.pieces.push(piece);
    }

    /// The source bytes that a span of the text came from, widened to whole atomic pieces.
    /// An empty span maps to an empty span. `O(log pieces)`.
    pub fn source_span(&self, text: Range<usize>) -> Range<usize> {
        let start = self.source_start(text.start);
        if text.is_empty() {
            return start..start;
        }
        start..self.source_end(text.end).max(start)
    }

    fn piece_at(&self, text: usize) -> Option<Piece> {
        let after = self.pieces.partition_point(|piece| piece.text <= text);
        after.checked_sub(1).and_then(|index| self.pieces.get(index)).copied()
    }

    fn source_start(&self, text: usize) -> usize {
        match self.piece_at(text) {
            None => self.base.saturating_add(text),
            Some(Piece { source, atomic_source_len: Some(_), .. }) => source,
            Some(Piece { text: from, source, .. }) => source.saturating_add(text.saturating_sub(from)),
        }
    }

    /// Source offset just after the text byte before `text_end` (which is > 0).
    fn source_end(&self, text_end: usize) -> usize {
        let last = text_end.saturating_sub(1);
        match self.piece_at(last) {
            None => self.base.saturating_add(text_end),
            Some(Piece { source, atomic_source_len: Some(len), .. }) => source.saturating_add(len),
            Some(Piece { text: from, source, .. }) => {
                source.saturating_add(last.saturating_sub(from)).saturating_add(1)
            }
        }
    }
}

/// One model-visible string of a body.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Who said it.
    pub origin: Origin,
    /// Where in an answer it stands; `Content` in requests.
    pub channel: Channel,
    /// What it is for.
    pub kind: TextKind,
    /// Its bytes in the body as received: for a JSON string what stands between the quotes, escapes and all.
    pub raw: Range<usize>,
    /// The text with escapes undone, where `raw` holds any; `None` means that `raw` is the text.
    pub unescaped: Option<Box<str>>,
    /// Leads offsets in the text back to offsets in the body.
    pub map: OffsetMap,
    /// Groups segments that the model reads as one run (the parts of one message): equal numbers belong together.
    pub message: u32,
}

impl Segment {
    /// The text a model would see. `body` must be the body that the segment was made from;
    /// a span that does not fit gives the empty text (and is a bug that the coverage count shows).
    pub fn text<'a>(&'a self, body: &'a str) -> &'a str {
        match &self.unescaped {
            Some(text) => text,
            None => body.get(self.raw.clone()).unwrap_or(""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_map_only_shifts() {
        assert_eq!(OffsetMap::identity(10).source_span(2..5), 12..15);
        assert_eq!(OffsetMap::identity(10).source_span(2..2), 12..12);
    }

    #[test]
    fn span_that_touches_an_escape_takes_all_of_it() {
        // source: `ab\u00e9cd` at 100; text: "abécd" (é is two bytes)
        let mut map = OffsetMap::identity(100);
        map.push_atomic(2, 102, 6);
        map.push_literal(4, 108);
        assert_eq!(map.source_span(0..2), 100..102);
        assert_eq!(map.source_span(1..3), 101..108);
        assert_eq!(map.source_span(3..5), 102..109);
        assert_eq!(map.source_span(4..6), 108..110);
    }
}
