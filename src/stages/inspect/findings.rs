//! What the guards saw, together with what they looked at.

use super::declared::DeclaredTools;
use crate::model::Finding;
use crate::stages::decode::{Decoded, Exchange};

/// An inspected request. Only `inspect` makes it: holding one proves that every segment was looked at.
#[derive(Debug)]
pub struct Findings {
    exchange: Exchange,
    list: Vec<Finding>,
    report: GuardReport,
    declared: DeclaredTools,
}

/// An inspected answer or event. Only `inspect` makes it.
#[derive(Debug)]
pub struct Examined {
    decoded: Decoded,
    list: Vec<Finding>,
    report: GuardReport,
}

/// Which guards ran on how much, for the record. A guard stands in `ran` only if it finished on every segment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuardReport {
    /// Guards that finished: `signatures`, `secrets`, `pii`, `sinks`, `tools`.
    pub ran: Vec<&'static str>,
    /// Guards that were not called for, with the reason.
    pub skipped: Vec<(&'static str, &'static str)>,
    /// Guards that could not finish, with the reason; the policy's `when_inspection_fails` answers.
    pub failed: Vec<(&'static str, &'static str)>,
    /// Bytes of text scanned now.
    pub scanned_bytes: u64,
    /// Bytes of text whose findings came from the cache. Text over the borders of segments counts here or there too.
    pub cached_bytes: u64,
    /// Bytes of encoded text that were left undecoded because the work budget was spent or the depth reached; `skipped` names
    /// the guards.
    pub undecoded_bytes: u64,
}

impl Findings {
    pub(in crate::stages::inspect) fn new(exchange: Exchange, list: Vec<Finding>, report: GuardReport) -> Self {
        Self { exchange, list, report, declared: DeclaredTools::default() }
    }

    pub(in crate::stages::inspect) fn with_declared(self, declared: DeclaredTools) -> Self {
        Self { declared, ..self }
    }

    /// Findings made by hand, for tests of later stages.
    #[cfg(test)]
    pub(crate) fn for_tests(exchange: Exchange, list: Vec<Finding>, report: GuardReport) -> Self {
        Self::new(exchange, list, report)
    }

    /// The tools that it declares, for the answer's inspection.
    pub fn declared_tools(&self) -> &DeclaredTools {
        &self.declared
    }

    /// The request they are about.
    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// What was seen, in the order of the body.
    pub fn list(&self) -> &[Finding] {
        &self.list
    }

    /// Which guards ran.
    pub fn report(&self) -> &GuardReport {
        &self.report
    }

    pub(in crate::stages) fn into_parts(self) -> (Exchange, Vec<Finding>, GuardReport) {
        (self.exchange, self.list, self.report)
    }
}

impl Examined {
    pub(in crate::stages::inspect) fn new(decoded: Decoded, list: Vec<Finding>, report: GuardReport) -> Self {
        Self { decoded, list, report }
    }

    /// An examined answer made by hand, for tests of later stages.
    #[cfg(test)]
    pub(crate) fn for_tests(decoded: Decoded, list: Vec<Finding>, report: GuardReport) -> Self {
        Self::new(decoded, list, report)
    }

    /// The answer they are about.
    pub fn decoded(&self) -> &Decoded {
        &self.decoded
    }

    /// What was seen, in the order of the body.
    pub fn list(&self) -> &[Finding] {
        &self.list
    }

    /// Which guards ran.
    pub fn report(&self) -> &GuardReport {
        &self.report
    }

    pub(in crate::stages) fn into_parts(self) -> (Decoded, Vec<Finding>, GuardReport) {
        (self.decoded, self.list, self.report)
    }
}
