//! Calls of tools in a stream: those that the policy refuses are left out, and a sentence stands in their place; the others go on.

use crate::model::Cause;
use crate::stages::decode::{AnswerFacts, LaneField, LaneId};
use crate::stages::redact::Withheld;

/// What became of the calls of one stream.
#[derive(Debug, Default)]
pub(super) struct Calls {
    refused: Vec<LaneId>,
    has_passed: bool,
}

/// What an event has to do with refused calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// It belongs to a refused call and to nothing else.
    Refused,
    /// It speaks of a refused call and of something else, which cannot be told apart.
    Both,
    /// It has nothing to do with one.
    Other,
}

impl Calls {
    pub(super) fn about(&self, facts: &AnswerFacts) -> About {
        let is_refused = |lane: &LaneId| self.refused.contains(lane);
        let mut lanes = facts.pieces.iter().map(|piece| &piece.lane);
        if self.refused.is_empty() || !lanes.clone().any(is_refused) {
            About::Other
        } else if lanes.all(is_refused) {
            About::Refused
        } else {
            About::Both
        }
    }

    /// The call that an event is the beginning of and nothing besides, if the policy withholds it.
    pub(super) fn refusable(withheld: &Withheld) -> Option<LaneId> {
        let facts = withheld.decoded.facts();
        let lane = facts.pieces.first()?.lane;
        let only = facts.pieces.iter().all(|piece| piece.lane == lane);
        let begins = facts.tool_calls.iter().any(|call| !call.name.expose().is_empty());
        let is_call = lane.field == LaneField::Arguments && withheld.cause == Cause::AnswerBlocked;
        (is_call && only && begins && facts.finish_reason.is_none() && !facts.ends_stream).then_some(lane)
    }

    pub(super) fn refuse(&mut self, lane: LaneId) {
        self.refused.push(lane);
    }

    /// Notes an event that was delivered.
    pub(super) fn passed(&mut self, facts: &AnswerFacts) {
        self.has_passed |= facts.pieces.iter().any(|piece| piece.lane.field == LaneField::Arguments);
    }

    /// Whether every call of the stream so far was refused.
    pub(super) fn none_left(&self) -> bool {
        !self.refused.is_empty() && !self.has_passed
    }
}
