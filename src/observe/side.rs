//! What was seen of one direction of an exchange, and decided. Streams add to it event by event, so that its size does not
//! depend on their length.

use super::excerpt::Listed;
use crate::model::{Action, Category, Origin, RuleId};
use serde::{Serialize, Serializer};

/// One direction of an exchange.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Side {
    /// The strictest action; in shadow mode what would have been done. `None` where the policy was never asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Action>,
    /// Why; filled through [`Side::add_reason`].
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub reasons: Listed<Reason, 64>,
    /// Settings of the policy that decided beside its rules: `media`, `when_inspection_fails`.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub settings: Listed<&'static str, 4>,
    /// Which guards ran on how much.
    pub guards: Guards,
    /// Every byte of the body accounted once; `None` where it was never decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
    /// Edits made in the body.
    pub edits: u32,
}

/// One reason of a verdict, counted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reason {
    /// The policy's rule; `None` where none matched (then the finding is allowed).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleId>,
    /// The detector's rule.
    pub finding: RuleId,
    /// Its family.
    pub category: Category,
    /// Whose text it was in.
    pub origin: Origin,
    /// What the rule says.
    pub action: Action,
    /// How many findings.
    pub count: u32,
    /// The highest score, 0.0 to 1.0; written with two decimals.
    #[serde(serialize_with = "two_decimals")]
    pub score: f32,
}

/// A guard and the reason.
pub type Why = (&'static str, &'static str);

/// Which guards ran on how much.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Guards {
    /// Guards that finished.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub ran: Listed<&'static str, 16>,
    /// Guards that were not called for, each with the reason.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub skipped: Listed<Why, 16>,
    /// Guards that could not finish, each with the reason.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub failed: Listed<Why, 16>,
    /// Bytes of text scanned for this exchange.
    pub scanned_bytes: u64,
    /// Bytes of text whose findings were known already.
    pub cached_bytes: u64,
    /// Bytes of encoded text that no guard read decoded; `skipped` names the guards.
    #[serde(skip_serializing_if = "is_zero")]
    pub undecoded_bytes: u64,
}

/// Every byte of a body as received, accounted once: the parts should add up to `body`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Bytes of the body.
    pub body: u64,
    /// Bytes inside strings that the guards read.
    pub inspected: u64,
    /// Braces, commas, known keys, numbers, closed values.
    pub structure: u64,
    /// Images, audio, files.
    pub media: u64,
}

impl Side {
    /// Takes a further verdict in: the strictest stays. Streams are judged event by event.
    pub fn judged(&mut self, action: Action) {
        self.verdict = self.verdict.max(Some(action));
    }

    /// Adds a reason, or counts it to one that says the same.
    pub fn add_reason(&mut self, reason: Reason) {
        let same = |known: &&mut Reason| {
            (&known.rule, &known.finding, known.origin, known.action)
                == (&reason.rule, &reason.finding, reason.origin, reason.action)
        };
        match self.reasons.as_mut_slice().iter_mut().find(same) {
            Some(known) => {
                known.count = known.count.saturating_add(reason.count);
                known.score = known.score.max(reason.score);
            }
            None => self.reasons.push(reason),
        }
    }

    /// Adds the account of a body, or of one more event.
    pub fn cover(&mut self, part: Coverage) {
        let sum = self.coverage.get_or_insert_default();
        sum.body = sum.body.saturating_add(part.body);
        sum.inspected = sum.inspected.saturating_add(part.inspected);
        sum.structure = sum.structure.saturating_add(part.structure);
        sum.media = sum.media.saturating_add(part.media);
    }
}

impl Guards {
    /// Takes a further report in. A guard that failed once does not stand among those that ran.
    pub fn add(
        &mut self,
        ran: &[&'static str],
        skipped: &[Why],
        failed: &[Why],
        scanned_bytes: u64,
        cached_bytes: u64,
    ) {
        for (list, news) in [(&mut self.skipped, skipped), (&mut self.failed, failed)] {
            news.iter().for_each(|why| list.push_new(*why));
        }
        ran.iter().for_each(|guard| self.ran.push_new(guard));
        let failed = self.failed.as_slice();
        self.ran.retain(|guard| failed.iter().all(|(name, _)| name != guard));
        self.scanned_bytes = self.scanned_bytes.saturating_add(scanned_bytes);
        self.cached_bytes = self.cached_bytes.saturating_add(cached_bytes);
    }
}

impl Coverage {
    /// Bytes that were accounted never or more than once; anything but 0 is a defect.
    pub fn unaccounted(&self) -> u64 {
        self.body.abs_diff(self.inspected.saturating_add(self.structure).saturating_add(self.media))
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn two_decimals<S: Serializer>(score: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((f64::from(*score) * 100.0).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(origin: Origin, score: f32) -> Reason {
        Reason {
            rule: None,
            finding: RuleId::new("pii.email"),
            category: Category::Pii,
            origin,
            action: Action::Redact,
            count: 2,
            score,
        }
    }

    #[test]
    fn long_stream_adds_up_instead_of_growing() {
        let mut side = Side::default();
        for _ in 0..10_000 {
            side.add_reason(reason(Origin::Assistant, 0.5));
            side.judged(Action::Redact);
            side.judged(Action::Allow);
            side.cover(Coverage { body: 3, inspected: 2, structure: 1, media: 0 });
            side.guards.add(&["secrets", "pii"], &[("sinks", "no call")], &[], 2, 1);
        }
        side.add_reason(reason(Origin::ToolCall, 0.9));
        assert_eq!(side.reasons.as_slice().iter().map(|reason| reason.count).collect::<Vec<_>>(), [20_000, 2]);
        assert_eq!(side.verdict, Some(Action::Redact));
        assert_eq!(side.coverage.map(|coverage| (coverage.body, coverage.unaccounted())), Some((30_000, 0)));
        assert_eq!((side.guards.ran.as_slice().len(), side.guards.skipped.as_slice().len()), (2, 1));
        assert_eq!((side.guards.scanned_bytes, side.guards.cached_bytes), (20_000, 10_000));
    }

    #[test]
    fn guard_that_failed_once_is_not_said_to_have_run() {
        let mut guards = Guards::default();
        guards.add(&["pii"], &[], &[], 0, 0);
        guards.add(&[], &[], &[("pii", "time")], 0, 0);
        guards.add(&["pii"], &[], &[], 0, 0);
        assert!(guards.ran.is_empty());
        assert_eq!(guards.failed.as_slice(), [("pii", "time")]);
    }

    #[test]
    fn coverage_that_counts_twice_is_as_wrong_as_one_that_misses() {
        let coverage = Coverage { body: 10, inspected: 5, structure: 4, media: 1 };
        assert_eq!(coverage.unaccounted(), 0);
        assert_eq!(Coverage { inspected: 6, ..coverage }.unaccounted(), 1);
        assert_eq!(Coverage { inspected: 3, ..coverage }.unaccounted(), 2);
    }
}
