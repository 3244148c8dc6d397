//! What the guard of tools does in the engine's walk over a body: names that a policy does not allow, and arguments.

use super::arguments::is_allowed;
use super::budget::Spent;
use super::engine::{Pass, finding};
use super::injection::Seen;
use super::sighting::Sighting;
use super::views::Via;
use crate::config::settings::ToolPolicy;
use crate::model::{Channel, Direction, Finding, Origin, Untrusted};
use crate::stages::decode::ToolCall;
use std::collections::HashMap;

impl Pass<'_, '_> {
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
            let Some(segment) = self.segments.get(index) else { continue };
            let mut sightings = Vec::new();
            self.inspector.tools.judge(segment.text(self.body), tools, &mut sightings);
            let seen = sightings.into_iter().map(|sighting| Seen { sighting, via: Via::default() });
            self.list.extend(seen.map(|seen| finding(&seen, index, segment)));
        }
        Ok(())
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
        via: &[],
    }
}
