//! A policy ready to run, and what it decides about requests and answers.

use super::cleared::{Cleared, Judged, Redaction, Verdict};
use super::media;
use super::redactions::{self, Placement, PrivateText};
use super::tally::Tally;
use crate::config::settings::{FindingMatch, MediaChoice, Policy, Reaction, Rule, ToolPolicy};
use crate::model::{
    Action, Category, Cause, Channel, Direction, FailureChoice, Finding, Mode, Origin, PolicyId, Refusal, RuleId,
    Segment, Stage, StreamPolicy,
};
use crate::stages::decode::Exchange;
use crate::stages::inspect::{Examined, Findings, GuardReport, Holding};
use std::collections::HashSet;

/// The name under which `media: block` stands among the rules of a verdict and a refusal.
const MEDIA: &str = "media";
/// The name under which a redaction in signed reasoning stands there: such text is withheld or delivered, never edited.
const SIGNED_REASONING: &str = "signed_reasoning";
/// The name under which `when_inspection_fails` stands there.
const WHEN_INSPECTION_FAILS: &str = "when_inspection_fails";
/// The names under which `tools:` decides where no rule of the policy speaks of what it denies.
const TOOLS: &str = "tools";
const TOOL_ARGUMENTS: &str = "tools.arguments.deny";

/// A policy ready to run. Cheap to share; holds no state.
#[derive(Debug, Clone)]
pub struct CompiledPolicy {
    id: PolicyId,
    mode: Mode,
    when_inspection_fails: FailureChoice,
    media: MediaChoice,
    streams: StreamPolicy,
    rules: Vec<Rule>,
    tools: ToolPolicy,
    tools_rule: RuleId,
    tool_arguments_rule: RuleId,
}

/// A request that a policy refuses, with what the record needs of it.
#[derive(Debug)]
pub struct Blocked {
    /// What the client is told.
    pub refusal: Refusal,
    /// The decision with its reasons.
    pub verdict: Verdict,
    exchange: Exchange,
    private: PrivateText,
}

impl Blocked {
    /// The request, for its record. It cannot be forwarded: only `policy` makes what `redact` takes.
    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Where its secrets and personal data stand, for showing parts of it in a record.
    pub fn private(&self) -> &PrivateText {
        &self.private
    }
}

/// What was decided, before it is known whether the policy acts.
struct Decision {
    verdict: Verdict,
    redactions: Vec<Redaction>,
    private: PrivateText,
    /// A finding to be cut points nowhere: a defect of ours, answered by blocking.
    misplaced: bool,
}

impl CompiledPolicy {
    /// Makes a policy ready to run.
    pub fn compile(policy: &Policy) -> Self {
        Self {
            id: policy.id.clone(),
            mode: policy.mode,
            when_inspection_fails: policy.when_inspection_fails,
            media: policy.media,
            streams: policy.streams,
            rules: policy.rules.clone(),
            tools: policy.tools.clone(),
            tools_rule: RuleId::new(TOOLS),
            tool_arguments_rule: RuleId::new(TOOL_ARGUMENTS),
        }
    }

    /// The policy's name.
    pub fn id(&self) -> &PolicyId {
        &self.id
    }

    /// Whether it acts.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Bounds of what is held of a stream.
    pub fn streams(&self) -> StreamPolicy {
        self.streams
    }

    /// Of which families it would keep something from the client: only for these a stream is held, by a
    /// shadow too, whose record is to say what would have happened.
    pub fn holding(&self) -> Holding {
        let acts = |category: Category| {
            let acting = self.rules.iter().filter(|rule| {
                let names_it = match &rule.finding {
                    FindingMatch::Category(named) => *named == category,
                    FindingMatch::Rule(prefix) => is_at_or_below(prefix.as_str(), category.name()),
                };
                names_it && rule.action >= Action::Redact && rule.direction != Some(Direction::Request)
            });
            acting.map(|rule| rule.min_score).min_by(f32::total_cmp)
        };
        Holding { secrets: acts(Category::Secret), pii: acts(Category::Pii) }
    }

    /// Decides about a request.
    ///
    /// # Errors
    ///
    /// [`Blocked`] if a rule, `media` or `when_inspection_fails` says block and the policy is enforced.
    pub fn clear(&self, findings: Findings) -> Result<Cleared, Box<Blocked>> {
        let (exchange, list, report) = findings.into_parts();
        let facts = exchange.facts();
        let has_media = !facts.media.is_empty();
        let decision = self.decide(Direction::Request, &list, &facts.segments, exchange.body(), report, has_media);
        let Decision { verdict, redactions, private, misplaced } = decision;
        if verdict.mode == Mode::Enforce && verdict.action == Action::Block {
            let refusal = refusal(&verdict, misplaced);
            return Err(Box::new(Blocked { refusal, verdict, exchange, private }));
        }
        Ok(Cleared::new(exchange, redactions, verdict, private))
    }

    /// Decides about an answer or an event of one. An enforced block stands in the verdict; `redact` then withholds it.
    pub fn judge(&self, examined: Examined) -> Judged {
        let (decoded, list, report) = examined.into_parts();
        let facts = decoded.facts();
        let has_media = media::answer_has_media(decoded.body(), &facts.media);
        let mut decision = self.decide(Direction::Response, &list, &facts.segments, decoded.body(), report, has_media);
        let is_signed = |cut: &Redaction| {
            let reasoning = facts.segments.iter().filter(|segment| segment.channel == Channel::Reasoning);
            facts.signed_reasoning && reasoning.into_iter().any(|segment| segment.raw.contains(&cut.span.start))
        };
        if decision.redactions.iter().any(is_signed) {
            // The provider would refuse an edited block when it comes back as history.
            decision.verdict.settings.push(SIGNED_REASONING);
            decision.verdict.action = Action::Block;
        }
        Judged::new(decoded, decision.redactions, decision.verdict, decision.private)
    }

    /// The first rule that matches a finding. What `tools:` denies is blocked where no rule speaks of it: a guard that the
    /// operator configured must not come to nothing for want of a rule.
    fn deciding(&self, finding: &Finding, direction: Direction) -> (Option<&RuleId>, Action) {
        if let Some(rule) = self.rules.iter().find(|rule| matches(rule, finding, direction)) {
            let least = if is_own_key_in_answer(finding, direction) { Action::Redact } else { Action::Allow };
            return (Some(&rule.id), rule.action.max(least));
        }
        if is_own_key_in_answer(finding, direction) {
            return (None, Action::Redact);
        }
        let is_argument = finding.channel == Channel::ToolArguments || finding.origin == Origin::ToolCall;
        if finding.category == Category::Tool {
            (Some(&self.tools_rule), self.about_tool(finding, direction))
        } else if is_argument && self.tools.deny_arguments.contains(&finding.category) {
            (Some(&self.tool_arguments_rule), Action::Block)
        } else {
            (None, Action::Allow)
        }
    }

    /// What `tools:` says of a finding about a tool. A call in the history has been made: refusing it would end the conversation.
    fn about_tool(&self, finding: &Finding, direction: Direction) -> Action {
        let definitions = &self.tools.definitions;
        let (reaction, in_history) = match finding.rule.as_str() {
            rule if is_at_or_below(rule, Finding::ARGUMENT_INVALID) => (self.tools.schema, Action::Flag),
            Finding::UNDECLARED_TOOL => (self.tools.undeclared, Action::Flag),
            Finding::DEFINITION_CHANGED => (definitions.changed, Action::Block),
            Finding::SHADOWED_TOOL => (definitions.shadowed, Action::Block),
            Finding::CROSS_REFERENCE => (definitions.cross_references, Action::Block),
            _ => return Action::Block,
        };
        let action = match reaction {
            Reaction::Off => Action::Allow,
            Reaction::Flag => Action::Flag,
            Reaction::Block => Action::Block,
        };
        if direction == Direction::Request { action.min(in_history) } else { action }
    }

    fn decide(
        &self,
        direction: Direction,
        list: &[Finding],
        segments: &[Segment],
        body: &str,
        report: GuardReport,
        has_media: bool,
    ) -> Decision {
        let mut action = Action::Allow;
        let mut tally = Tally::default();
        let mut cuts = Vec::new();
        let mut own_keys = Vec::new();
        let mut misplaced = false;
        for finding in list {
            let (rule, decided) = self.deciding(finding, direction);
            let is_own_key = is_own_key_in_answer(finding, direction);
            if decided == Action::Redact || is_own_key {
                match redactions::place(finding, segments, body) {
                    Placement::Cut(span) if is_own_key => own_keys.push(Redaction { span, label: finding.label }),
                    Placement::Cut(span) => cuts.push(Redaction { span, label: finding.label }),
                    Placement::Nowhere => misplaced = true,
                }
            }
            if finding.label != Finding::CONTINUED {
                tally.count(finding, rule, decided);
            }
            action = action.max(decided);
        }
        let mut settings = Vec::new();
        if has_media && self.media == MediaChoice::Block {
            settings.push(MEDIA);
            action = Action::Block;
        }
        if !report.failed.is_empty() {
            settings.push(WHEN_INSPECTION_FAILS);
            action = action.max(match self.when_inspection_fails {
                FailureChoice::Block => Action::Block,
                FailureChoice::Allow => Action::Flag,
            });
        }
        if misplaced {
            action = Action::Block;
        }
        // A shadow changes nothing, except that it gives no key of ours away.
        if self.mode == Mode::Enforce {
            own_keys.append(&mut cuts);
        }
        Decision {
            redactions: redactions::merge(own_keys),
            private: PrivateText::of(list, segments, body),
            misplaced,
            verdict: Verdict {
                policy: self.id.clone(),
                mode: self.mode,
                action,
                reasons: tally.into_reasons(),
                settings,
                guards: report,
            },
        }
    }
}

/// Whether an answer repeats a credential of the gateway's own, which is cut whatever the rules say.
fn is_own_key_in_answer(finding: &Finding, direction: Direction) -> bool {
    direction == Direction::Response && finding.rule.as_str() == Finding::UPSTREAM_CREDENTIAL
}

/// Whether a rule speaks of this finding. A score that is not a number counts as high enough.
fn matches(rule: &Rule, finding: &Finding, direction: Direction) -> bool {
    let names_it = match &rule.finding {
        FindingMatch::Category(category) => *category == finding.category,
        FindingMatch::Rule(prefix) => is_at_or_below(finding.rule.as_str(), prefix.as_str()),
    };
    names_it
        && rule.direction.is_none_or(|wanted| wanted == direction)
        && (rule.origins.is_empty() || rule.origins.contains(&finding.origin))
        && (finding.score.is_nan() || finding.score >= rule.min_score)
}

/// Whether a dotted name is `prefix` or stands below it: `secret.aws` holds `secret.aws.access-key-id`, not `secret.awsome`.
fn is_at_or_below(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Why a blocked request is refused: a rule's block before a guard's failure, since it is the surer fact.
fn refusal(verdict: &Verdict, misplaced: bool) -> Refusal {
    let by_rule = verdict.reasons.iter().any(|reason| reason.action == Action::Block);
    let by_media = verdict.settings.contains(&MEDIA);
    let cause = if by_rule || by_media {
        Cause::Blocked
    } else if misplaced {
        Cause::Internal
    } else {
        failure_cause(&verdict.guards)
    };
    let mut refusal = Refusal::new(Stage::Policy, cause);
    refusal.rules = deciding_rules(verdict);
    if misplaced {
        refusal = refusal.detail("a finding to be redacted lies outside the body");
    } else if !by_rule && let Some((guard, reason)) = verdict.guards.failed.first() {
        refusal = refusal.detail(format!("guard {guard}: {reason}"));
    }
    refusal
}

/// A guard that ran out of time or work on these bytes would do so again (400, not to be retried); any other failure may pass.
fn failure_cause(report: &GuardReport) -> Cause {
    let spent = |reason: &str| ["time", "budget", "work"].iter().any(|word| reason.contains(word));
    match report.failed.iter().any(|(_, reason)| spent(reason)) {
        true => Cause::InspectionIncomplete,
        false => Cause::GuardUnavailable,
    }
}

/// The policy's rules and settings that block, then the detectors' rules behind them, each once.
fn deciding_rules(verdict: &Verdict) -> Vec<RuleId> {
    let blocking = || verdict.reasons.iter().filter(|reason| reason.action == Action::Block);
    let settings = verdict.settings.iter().map(|name| RuleId::new(*name));
    let named = blocking().filter_map(|reason| reason.rule.clone());
    let found = blocking().map(|reason| reason.finding.clone());
    let mut seen = HashSet::new();
    named.chain(settings).chain(found).filter(|rule| seen.insert(rule.clone())).collect()
}

#[cfg(test)]
#[path = "compiled_tests.rs"]
mod tests;
