//! What a policy decided, and the proof that it decided.

use super::redactions::PrivateText;
use crate::model::{Action, Category, Mode, Origin, PolicyId, RuleId};
use crate::stages::decode::{Decoded, Exchange};
use crate::stages::inspect::GuardReport;
use std::ops::Range;

/// A request that may be forwarded once `redactions` are made. Only `policy` makes it.
///
/// What was inspected can be decided on:
///
/// ```
/// use portcullis::stages::{inspect::Findings, policy::CompiledPolicy};
/// fn decide(policy: &CompiledPolicy, inspected: Findings) {
///     let _ = policy.clear(inspected);
/// }
/// ```
///
/// What was only decoded cannot:
///
/// ```compile_fail,E0308
/// use portcullis::stages::{decode::Exchange, policy::CompiledPolicy};
/// fn decide(policy: &CompiledPolicy, uninspected: Exchange) {
///     let _ = policy.clear(uninspected);
/// }
/// ```
#[derive(Debug)]
pub struct Cleared {
    exchange: Exchange,
    redactions: Vec<Redaction>,
    verdict: Verdict,
    private: PrivateText,
}

/// An answer or event that a policy decided on. Only `policy` makes it.
///
/// What was inspected can be decided on:
///
/// ```
/// use portcullis::stages::{inspect::Examined, policy::CompiledPolicy};
/// fn decide(policy: &CompiledPolicy, inspected: Examined) {
///     let _ = policy.judge(inspected);
/// }
/// ```
///
/// What was only decoded cannot:
///
/// ```compile_fail,E0308
/// use portcullis::stages::{decode::Decoded, policy::CompiledPolicy};
/// fn decide(policy: &CompiledPolicy, uninspected: Decoded) {
///     let _ = policy.judge(uninspected);
/// }
/// ```
#[derive(Debug)]
pub struct Judged {
    decoded: Decoded,
    redactions: Vec<Redaction>,
    verdict: Verdict,
    private: PrivateText,
}

/// Bytes that must not be forwarded, and the label that stands for them. Sorted, not overlapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redaction {
    /// Bytes of the body as received.
    pub span: Range<usize>,
    /// `EMAIL`; written as `[EMAIL]`.
    pub label: &'static str,
}

/// The decision with its reasons.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The policy that decided.
    pub policy: PolicyId,
    /// Whether it acts. In `shadow`, `action` is what would have happened and nothing changes.
    pub mode: Mode,
    /// The strictest action over all findings.
    pub action: Action,
    /// Why: one entry per (policy rule, detector rule, origin), strictest first.
    pub reasons: Vec<Reason>,
    /// Settings of the policy, beside its rules, that called for an action: `media`, `when_inspection_fails`.
    pub settings: Vec<&'static str>,
    /// Which guards ran.
    pub guards: GuardReport,
}

/// One reason of a verdict, counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    /// The policy's rule that decided; `None` where no rule matched the finding (then it is allowed).
    pub rule: Option<RuleId>,
    /// The detector's rule.
    pub finding: RuleId,
    /// Its family.
    pub category: Category,
    /// Whose text it was in.
    pub origin: Origin,
    /// What the rule says.
    pub action: Action,
    /// The highest score.
    pub score: f32,
    /// How many findings.
    pub count: u32,
}

impl Cleared {
    pub(in crate::stages::policy) fn new(
        exchange: Exchange,
        redactions: Vec<Redaction>,
        verdict: Verdict,
        private: PrivateText,
    ) -> Self {
        Self { exchange, redactions, verdict, private }
    }

    /// The decision.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// The request decided on.
    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Where its secrets and personal data stand, for showing parts of it in a record.
    pub fn private(&self) -> &PrivateText {
        &self.private
    }

    pub(in crate::stages) fn into_parts(self) -> (Exchange, Vec<Redaction>, Verdict) {
        (self.exchange, self.redactions, self.verdict)
    }
}

impl Judged {
    pub(in crate::stages::policy) fn new(
        decoded: Decoded,
        redactions: Vec<Redaction>,
        verdict: Verdict,
        private: PrivateText,
    ) -> Self {
        Self { decoded, redactions, verdict, private }
    }

    /// The decision. An enforced `Block` means that the content must be withheld: `redact` refuses to deliver it.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// The answer decided on.
    pub fn decoded(&self) -> &Decoded {
        &self.decoded
    }

    /// Where its secrets and personal data stand, for showing parts of it in a record.
    pub fn private(&self) -> &PrivateText {
        &self.private
    }

    pub(in crate::stages) fn into_parts(self) -> (Decoded, Vec<Redaction>, Verdict) {
        (self.decoded, self.redactions, self.verdict)
    }
}
