//! A request whose bytes are understood: which of them are text, and whose.

use super::tool_facts::{ToolCall, ToolDefinition};
use crate::model::{Segment, Untrusted};
use crate::stages::admit::Admitted;
use std::ops::Range;

/// A decoded request. Only `decode` makes it. After this, only `redact` touches the bytes, and it splices.
#[derive(Debug)]
pub struct Exchange {
    admitted: Admitted,
    body: String,
    facts: RequestFacts,
}

/// What `decode` learned of a request.
#[derive(Debug, Default)]
pub struct RequestFacts {
    /// All model-visible strings, in the order of the body.
    pub segments: Vec<Segment>,
    /// The model asked for; `None` where the endpoint has none.
    pub model: Option<Untrusted<String>>,
    /// Whether a streamed answer is asked for.
    pub stream: bool,
    /// The most tokens the answer may have, where said.
    pub max_tokens: Option<u64>,
    /// Names of the tools declared, in order.
    pub declared_tools: Vec<Untrusted<String>>,
    /// The tools declared, with the bytes where each stands; one entry for each name a definition could be known by.
    pub definitions: Vec<ToolDefinition>,
    /// Calls of tools in the history (OpenAI `tool_calls`, Anthropic `tool_use`).
    pub tool_calls: Vec<ToolCall>,
    /// Bytes of images, audio and files (their base64 text or URL), which no text guard reads.
    pub media: Vec<Range<usize>>,
    /// Edits that the gateway itself needs (asking for usage in a stream), never for content.
    pub protocol_edits: Vec<Edit>,
    /// Whether the gateway asked for the stream's usage although the client did not: then the usage chunk is swallowed.
    pub usage_was_spliced: bool,
    /// Every byte of the body, accounted once.
    pub coverage: Coverage,
}

/// Every byte of a body as received, accounted once: the three add up to its length.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Bytes inside strings that the guards read.
    pub inspected: u64,
    /// Braces, commas, white space, known keys, numbers, and strings with a value from a closed set.
    pub structure: u64,
    /// Images, audio, files.
    pub media: u64,
}

/// A replacement of some bytes of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The bytes that go.
    pub span: Range<usize>,
    /// The bytes that come, already valid where they stand (escaped for JSON).
    pub replacement: String,
}

impl Exchange {
    pub(in crate::stages::decode) fn new(admitted: Admitted, body: String, facts: RequestFacts) -> Self {
        Self { admitted, body, facts }
    }

    /// An exchange made by hand, for tests of later stages.
    #[cfg(test)]
    pub(crate) fn for_tests(admitted: Admitted, body: String, facts: RequestFacts) -> Self {
        Self::new(admitted, body, facts)
    }

    /// The admitted request it was made from.
    pub fn admitted(&self) -> &Admitted {
        &self.admitted
    }

    /// The body as received.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// What is known of it.
    pub fn facts(&self) -> &RequestFacts {
        &self.facts
    }

    pub(in crate::stages) fn into_parts(self) -> (Admitted, String, RequestFacts) {
        (self.admitted, self.body, self.facts)
    }
}
