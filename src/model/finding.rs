//! What a detector saw. A finding never carries the text it is about.

use super::ids::RuleId;
use super::segment::{Channel, Origin};
use super::via::Via;
use std::ops::Range;

/// The families of findings that policies speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Category {
    /// An attempt to give the model instructions that its operator did not give.
    Injection,
    /// A credential.
    Secret,
    /// Personal data.
    Pii,
    /// Markup or script that would run in a browser.
    Xss,
    /// Text that would change the meaning of an SQL statement.
    SqlInjection,
    /// Text that would run a command in a shell.
    CommandInjection,
    /// A path that leaves its directory.
    PathTraversal,
    /// A URL that leads to an internal service.
    Ssrf,
    /// Text that a template engine would run.
    TemplateInjection,
    /// A call of, an argument to, or a definition of a tool that the policy does not allow.
    Tool,
}

impl Category {
    /// All categories, for tables and "did you mean".
    pub const ALL: [Self; 10] = [
        Self::Injection,
        Self::Secret,
        Self::Pii,
        Self::Xss,
        Self::SqlInjection,
        Self::CommandInjection,
        Self::PathTraversal,
        Self::Ssrf,
        Self::TemplateInjection,
        Self::Tool,
    ];

    /// The name used in YAML, records and metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Injection => "injection",
            Self::Secret => "secret",
            Self::Pii => "pii",
            Self::Xss => "xss",
            Self::SqlInjection => "sql_injection",
            Self::CommandInjection => "command_injection",
            Self::PathTraversal => "path_traversal",
            Self::Ssrf => "ssrf",
            Self::TemplateInjection => "template_injection",
            Self::Tool => "tool",
        }
    }
}

impl Finding {
    /// A call whose arguments do not fit the schema that the request declared.
    pub const ARGUMENT_INVALID: &'static str = "tool.argument-invalid";
    /// A call of a tool that the request did not declare.
    pub const UNDECLARED_TOOL: &'static str = "tool.undeclared";
    /// A definition that differs from the one that was seen first or pinned.
    pub const DEFINITION_CHANGED: &'static str = "tool.definition-changed";
    /// Two tools of one request with names that are equal or look equal.
    pub const SHADOWED_TOOL: &'static str = "tool.shadowed";
    /// A description that tells what to do about another tool.
    pub const CROSS_REFERENCE: &'static str = "tool.cross-reference";
    /// The rule of a finding that is the gateway's own credential for an upstream. No answer delivers it, whatever a policy says.
    pub const UPSTREAM_CREDENTIAL: &'static str = "secret.upstream-credential";

    /// The label of the rest of a finding that began in an earlier event of a stream: nothing is put into its place, and it is not
    /// counted again.
    pub const CONTINUED: &'static str = "";
}

/// One thing that one detector saw in one segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The detector's rule: `injection.override.ignore-previous`.
    pub rule: RuleId,
    /// Its family.
    pub category: Category,
    /// How sure the detector is, 0.0 to 1.0.
    pub score: f32,
    /// Index of the segment in its exchange.
    pub segment: usize,
    /// Whose text it is in.
    pub origin: Origin,
    /// Where in an answer; `Content` in requests.
    pub channel: Channel,
    /// The bytes of the body as received that a redaction would cut: inside one JSON string, on escape borders.
    pub span: Range<usize>,
    /// What a redaction puts there, without brackets: `EMAIL`, `AWS_ACCESS_KEY_ID`.
    pub label: &'static str,
    /// How the text was reached; empty for the text as written.
    pub via: Via,
}
