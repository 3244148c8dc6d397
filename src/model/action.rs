//! What a policy can decide.

/// What happens to a finding, or to a whole exchange. The order is by strictness: the strictest wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Nothing.
    Allow,
    /// Recorded and counted; what is forwarded does not change.
    Flag,
    /// The finding's bytes are replaced by a label.
    Redact,
    /// The exchange is refused; nothing is forwarded.
    Block,
}

impl Action {
    /// All actions, weakest first.
    pub const ALL: [Self; 4] = [Self::Allow, Self::Flag, Self::Redact, Self::Block];

    /// The name used in YAML, records and metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Flag => "flag",
            Self::Redact => "redact",
            Self::Block => "block",
        }
    }
}

/// Whether a policy acts or only records what it would have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Verdicts are carried out.
    Enforce,
    /// Verdicts are recorded; traffic does not change.
    Shadow,
}

impl Mode {
    /// The name used in YAML and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Shadow => "shadow",
        }
    }
}

/// What happens when a guard that is configured cannot run. The default everywhere is `Block`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureChoice {
    /// Refuse the exchange.
    Block,
    /// Go on without; the record and a metric say so.
    Allow,
}
