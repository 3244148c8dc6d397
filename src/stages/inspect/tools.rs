//! What the guard of tools does in the engine's walk over a body: names that a policy does not allow, and arguments.

use super::arguments::is_allowed;
use super::budget::{Spent, TimeBudget};
use super::declared::DeclaredTools;
use super::definitions::{Definitions, score_of_change};
use super::engine::{Inspector, Pass, finding};
use super::findings::Examined;
use super::injection::Seen;
use super::sighting::Sighting;
use super::signatures::CompileError;
use super::tool_schema::Fit;
use super::views::Via;
use crate::config::settings::{Reaction, ToolPolicy};
use crate::model::{Category, Channel, Direction, Finding, Origin, RuleId, Untrusted};
use crate::stages::decode::{CallForm, Decoded, Exchange, RequestFacts, ToolCall};
use crate::state::tool_pins::{OnChange, PinCounts, Standing, ToolPins};
use std::collections::HashMap;
use std::sync::Arc;

const OUT_OF_TIME: &str = "time budget spent";

/// What the guard keeps over exchanges.
#[derive(Debug)]
pub(super) struct ToolGuard {
    definitions: Definitions,
    pins: Arc<ToolPins>,
}

impl ToolGuard {
    pub fn new() -> Result<Self, CompileError> {
        let mut secret = [0; 16];
        getrandom::fill(&mut secret).map_err(|_| CompileError::Randomness)?;
        Ok(Self { definitions: Definitions::new(secret), pins: Arc::new(ToolPins::new()) })
    }
}

impl Inspector {
    /// Looks at a whole answer to a request, and holds its calls against the tools that the request declared. Streams hold
    /// theirs against [`DeclaredTools`] when the arguments are complete.
    pub fn whole_answer(
        &self,
        decoded: Decoded,
        tools: &ToolPolicy,
        declared: &DeclaredTools,
        budget: &TimeBudget<'_>,
    ) -> Examined {
        let (decoded, list, report) = self.answer(decoded, tools, budget).into_parts();
        let facts = decoded.facts();
        let mut pass = Pass::new(self, Direction::Response, &facts.segments, decoded.body(), budget);
        (pass.list, pass.report) = (list, report);
        pass.calls(&facts.tool_calls, declared);
        let (list, report) = pass.into_parts();
        Examined::new(decoded, list, report)
    }

    /// Takes over what an earlier configuration knew of definitions, so that a reload forgets none.
    pub fn with_knowledge_of(mut self, earlier: &Self) -> Self {
        self.guard.pins = Arc::clone(&earlier.guard.pins);
        // Pins name tools by a keyed hash, so the key goes with them.
        self.guard.definitions = earlier.guard.definitions.with_same_key();
        self
    }

    /// Pins the definitions of a request that the policy let through: what was refused must not become the measure.
    pub fn keep_definitions(&self, declared: &DeclaredTools, tools: &ToolPolicy) {
        let on_change = match tools.definitions.changed {
            Reaction::Off => return,
            Reaction::Flag => OnChange::Learn,
            Reaction::Block => OnChange::Keep,
        };
        if let Some((client, route, list)) = declared.pinned() {
            self.guard.pins.keep(client, route, &list.pins, on_change);
        }
    }

    /// How many tools are pinned, and how many pins gave way to others.
    pub fn pin_counts(&self) -> PinCounts {
        self.guard.pins.counts()
    }
}

impl Pass<'_, '_> {
    /// The definitions of a request, against each other and against those known; and its calls against them.
    pub(super) fn declarations(&mut self, exchange: &Exchange, policy: &ToolPolicy) -> DeclaredTools {
        let facts = exchange.facts();
        let guard = &self.inspector.guard;
        let list = guard.definitions.read(&facts.definitions, exchange.body());
        let declared = DeclaredTools::of(exchange, policy, Arc::clone(&list));
        for remark in list.remarks.iter().filter(|remark| reaction_to(policy, remark.rule) != Reaction::Off) {
            self.about_definition(facts, remark.tool, remark.rule, remark.score);
        }
        if policy.definitions.changed != Reaction::Off {
            let standings =
                declared.pinned().map(|(client, route, list)| guard.pins.standings(client, route, &list.pins));
            for (index, (tool, (_, now))) in facts.definitions.iter().zip(&list.pins).enumerate() {
                let name = tool.name.expose();
                let written = policy.definitions.pins.iter().find(|(pinned, _)| pinned == name);
                let standing = standings.as_ref().and_then(|standings| standings.get(index));
                match (written, standing) {
                    (Some((_, sha256)), _) if *sha256 == now.sha256 => {}
                    (Some(_), _) => self.about_definition(facts, index, Finding::DEFINITION_CHANGED, 1.0),
                    (None, Some(Standing::Changed(before))) => {
                        let score = score_of_change(*before, *now);
                        self.about_definition(facts, index, Finding::DEFINITION_CHANGED, score);
                    }
                    (None, Some(Standing::First | Standing::Known) | None) => {}
                }
            }
        }
        // Clients leave tools out of later turns; with none declared nothing can be said of the calls before.
        if !declared.is_empty() {
            self.calls(&facts.tool_calls, &declared);
        }
        declared
    }

    /// Calls against the tools that were declared.
    fn calls(&mut self, calls: &[ToolCall], declared: &DeclaredTools) {
        let mut names = None;
        for call in calls {
            if self.budget.check().is_err() {
                self.could_not_run(OUT_OF_TIME);
                return;
            }
            let name = call.name.expose().as_str();
            if name.is_empty() || call.form == CallForm::Hosted {
                continue;
            }
            if !declared.declares(name) {
                self.about_call(call, Finding::UNDECLARED_TOOL.into(), &mut names);
            }
            let segment = call.arguments.first().and_then(|index| self.segments.get(*index));
            let arguments = match &call.form {
                CallForm::JsonText => segment.map_or("", |segment| segment.text(self.body)),
                CallForm::Json(span) => self.body.get(span.clone()).unwrap_or(""),
                CallForm::Free | CallForm::Hosted => continue,
            };
            match declared.fit(name, arguments) {
                Fit::Fits => {}
                Fit::Misfit(keyword) => {
                    self.about_call(call, format!("{}.{keyword}", Finding::ARGUMENT_INVALID), &mut names);
                }
                Fit::Unjudged(reason) => self.could_not_run(reason),
            }
        }
    }

    fn could_not_run(&mut self, reason: &'static str) {
        self.report.ran.retain(|guard| *guard != "tools");
        if !self.report.failed.contains(&("tools", reason)) {
            self.report.failed.push(("tools", reason));
        }
    }

    /// A finding at a call: at its arguments, or at its name where it has none. `names` are made when first needed.
    fn about_call(&mut self, call: &ToolCall, rule: String, names: &mut Option<HashMap<String, usize>>) {
        let index = call.arguments.first().copied().or_else(|| {
            let names = names.get_or_insert_with(|| {
                let of_calls = self.segments.iter().enumerate().rev();
                let of_calls = of_calls.filter(|(_, s)| matches!(s.origin, Origin::ToolCall | Origin::Assistant));
                of_calls.map(|(index, segment)| (segment.text(self.body).to_owned(), index)).collect()
            });
            names.get(call.name.expose()).copied()
        });
        let category = Category::Tool;
        let sighting = Sighting { rule: RuleId::new(rule), category, score: 1.0, span: 0..0, label: "TOOL_ARGUMENT" };
        self.point_at(index, sighting, Origin::ToolCall);
    }

    /// A finding at the name in a definition.
    fn about_definition(&mut self, facts: &RequestFacts, index: usize, rule: &'static str, score: f32) {
        let Some(tool) = facts.definitions.get(index) else { return };
        let name = tool.name.expose().as_str();
        let named = tool.segments.clone().find(|at| self.segments.get(*at).is_some_and(|s| s.text(self.body) == name));
        let place = named.or_else(|| (!tool.segments.is_empty()).then_some(tool.segments.start));
        let sighting = Sighting { rule: RuleId::new(rule), category: Category::Tool, score, span: 0..0, label: "TOOL" };
        self.point_at(place, sighting, Origin::ToolDefinition);
    }

    fn point_at(&mut self, index: Option<usize>, mut sighting: Sighting, origin: Origin) {
        match index.and_then(|index| self.segments.get(index).map(|segment| (index, segment))) {
            Some((index, segment)) => {
                sighting.span = 0..segment.text(self.body).len();
                self.list.push(finding(&Seen { sighting, via: Via::default() }, index, segment));
            }
            None => self.list.push(finding_without_text(sighting, origin)),
        }
    }

    /// Tools that may not be declared or called. Needs no time worth measuring.
    pub(super) fn tool_names(&mut self, declared: &[Untrusted<String>], calls: &[ToolCall], tools: &ToolPolicy) {
        // In a stream only the first part of a call carries its name.
        let is_part = |name: &str| name.is_empty() && self.direction == Direction::Response;
        let names = declared.iter().map(|name| (name.expose().as_str(), Origin::ToolDefinition, None));
        let called =
            calls.iter().map(|call| (call.name.expose().as_str(), Origin::ToolCall, call.arguments.first().copied()));
        let refused: Vec<_> =
            names.chain(called).filter(|(name, ..)| !is_part(name) && !is_allowed(tools, name)).collect();
        if refused.is_empty() {
            return;
        }
        let place: HashMap<(&str, Origin), usize> = (self.segments.iter().enumerate().rev())
            .filter(|(_, segment)| {
                matches!(segment.origin, Origin::ToolCall | Origin::ToolDefinition | Origin::Assistant)
            })
            .map(|(index, segment)| ((segment.text(self.body), segment.origin), index))
            .collect();
        for (name, origin, arguments) in refused {
            let named = [origin, Origin::Assistant].into_iter().find_map(|origin| place.get(&(name, origin)).copied());
            let index = named.or(arguments).unwrap_or(0);
            let span = 0..if named.is_some() { name.len() } else { 0 };
            let sighting = self.inspector.tools.not_allowed(span);
            match self.segments.get(index) {
                Some(segment) => self.list.push(finding(&Seen { sighting, via: Via::default() }, index, segment)),
                None => self.list.push(finding_without_text(sighting, origin)),
            }
        }
    }

    /// The strings in the arguments of calls, by the sinks that the policy names.
    pub(super) fn tool_arguments(&mut self, calls: &[ToolCall], tools: &ToolPolicy) -> Result<(), Spent> {
        // In an answer the channel tells the arguments; the events of a stream hold parts of them without a call's name.
        let direction = self.direction;
        let named = calls.iter().flat_map(|call| call.arguments.iter().copied());
        let by_name = named.filter(|_| direction == Direction::Request);
        let by_channel = self.segments.iter().enumerate();
        let by_channel =
            by_channel.filter(|(_, s)| direction == Direction::Response && s.channel == Channel::ToolArguments);
        for index in by_name.chain(by_channel.map(|(index, _)| index)) {
            self.budget.check()?;
            if self.left_out.binary_search(&index).is_ok() {
                continue;
            }
            let Some(segment) = self.segments.get(index) else { continue };
            let mut sightings = Vec::new();
            self.inspector.tools.judge(segment.text(self.body), tools, &mut sightings);
            let seen = sightings.into_iter().map(|sighting| Seen { sighting, via: Via::default() });
            self.list.extend(seen.map(|seen| finding(&seen, index, segment)));
        }
        Ok(())
    }
}

fn reaction_to(policy: &ToolPolicy, rule: &str) -> Reaction {
    match rule {
        Finding::SHADOWED_TOOL => policy.definitions.shadowed,
        _ => policy.definitions.cross_references,
    }
}

/// A finding about a name that stands in no segment.
fn finding_without_text(sighting: Sighting, origin: Origin) -> Finding {
    Finding {
        rule: sighting.rule,
        category: sighting.category,
        score: sighting.score,
        segment: 0,
        origin,
        channel: Channel::Content,
        span: 0..0,
        label: sighting.label,
        via: Via::default(),
    }
}

#[cfg(test)]
#[path = "tools_tests.rs"]
mod tests;
