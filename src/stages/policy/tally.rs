//! Counting the reasons of a verdict: one entry per (policy rule, detector rule, origin), in time linear in the findings.

use super::cleared::Reason;
use crate::model::{Action, Finding, Origin, RuleId};
use std::cmp::Reverse;
use std::collections::HashMap;

/// Collects reasons while findings are decided.
#[derive(Debug, Default)]
pub(super) struct Tally {
    reasons: Vec<Reason>,
    places: HashMap<(Option<RuleId>, RuleId, Origin), usize>,
}

impl Tally {
    /// Counts one finding and what was decided about it.
    pub(super) fn count(&mut self, finding: &Finding, rule: Option<&RuleId>, action: Action) {
        let key = (rule.cloned(), finding.rule.clone(), finding.origin);
        let place = *self.places.entry(key).or_insert(self.reasons.len());
        match self.reasons.get_mut(place) {
            Some(reason) => {
                reason.count = reason.count.saturating_add(1);
                reason.score = reason.score.max(finding.score);
            }
            None => self.reasons.push(Reason {
                rule: rule.cloned(),
                finding: finding.rule.clone(),
                category: finding.category,
                origin: finding.origin,
                action,
                score: finding.score,
                count: 1,
            }),
        }
    }

    /// The reasons, strictest first, and among equals in the order of the body.
    pub(super) fn into_reasons(self) -> Vec<Reason> {
        let mut reasons = self.reasons;
        reasons.sort_by_key(|reason| Reverse(reason.action));
        reasons
    }
}
