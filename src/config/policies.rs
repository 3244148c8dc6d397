//! `policies/*.yaml` with a `policy:` key.

use super::defaults;
use super::reader::{Fields, Reader, did_you_mean};
use super::settings::{FindingMatch, MediaChoice, Policy, Rule, ToolPolicy};
use super::tools;
use super::tree::Node;
use crate::model::{
    Action, AtBound, Category, Direction, FailureChoice, Mode, OnBlock, Origin, PolicyId, RuleId, StreamPolicy,
};
use std::collections::HashSet;
use std::time::Duration;

/// Reads a policy. Its name is read apart, by [`super::load()`], so that it counts as declared whatever else is wrong.
pub(super) fn read(r: &mut Reader<'_>, mut f: Fields<'_>, name: String) -> Policy {
    let mode =
        f.or("mode", Mode::Enforce, |n, what| r.word(n, what, &[("enforce", Mode::Enforce), ("shadow", Mode::Shadow)]));
    let when_inspection_fails = f.or("when_inspection_fails", FailureChoice::Block, |n, what| {
        r.word(n, what, &[("block", FailureChoice::Block), ("allow", FailureChoice::Allow)])
    });
    let rules = f.need(r, "rules").map(|n| read_rules(r, n)).unwrap_or_default();
    let tools = f.or("tools", ToolPolicy::default(), |n, _| tools::read(r, n));
    let media = f.or("media", MediaChoice::Allow, |n, what| {
        r.word(n, what, &[("allow", MediaChoice::Allow), ("block", MediaChoice::Block)])
    });
    let streams = f.or("streams", StreamPolicy::default(), |n, _| read_streams(r, n));
    f.finish(r);
    Policy { id: PolicyId::new(name), mode, when_inspection_fails, rules, tools, media, streams }
}

/// Origins, by name; one or a list.
pub(super) fn read_origins(r: &mut Reader<'_>, node: &Node, what: &str) -> Vec<Origin> {
    let words = Origin::ALL.map(|origin| (origin.name(), origin));
    let mut origins = Vec::new();
    for item in r.one_or_list(node, what) {
        match r.word(item, "an origin", &words) {
            Some(origin) if origins.contains(&origin) => r.fault(item.place, "this origin is written twice"),
            Some(origin) => origins.push(origin),
            None => {}
        }
    }
    origins
}

fn read_rules(r: &mut Reader<'_>, node: &Node) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut ids: HashSet<String> = HashSet::new();
    for item in r.list_or_empty(node, "`rules`") {
        let Some(mut f) = r.map(item, "a rule") else { continue };
        let id = f.need(r, "id").and_then(|n| {
            let id = r.name(n, "a rule's `id`")?;
            if !ids.insert(id.clone()) {
                r.fault(n.place, format!("a second rule of this policy has the id `{id}`"));
            }
            Some(id)
        });
        let finding = f.need(r, "finding").and_then(|n| read_finding(r, n));
        let origins = f.or("origin", Vec::new(), |n, what| Some(read_origins(r, n, what)));
        let direction = f.or("direction", None, |n, what| {
            r.word(n, what, &[("request", Some(Direction::Request)), ("response", Some(Direction::Response))])
        });
        let min_score = f.or("min_score", defaults::MIN_SCORE, |n, what| {
            // Scores are f32 throughout; a written 0.9 is meant to equal a detector's 0.9.
            #[allow(clippy::cast_possible_truncation)]
            r.share(n, what).map(|score| score as f32)
        });
        let action = f.need(r, "action").and_then(|n| {
            let action = r.word(n, "`action`", &Action::ALL.map(|action| (action.name(), action)))?;
            refuse_impossible_redaction(r, n, action, finding.as_ref());
            Some(action)
        });
        f.finish(r);
        if let (Some(id), Some(finding), Some(action)) = (id, finding, action) {
            rules.push(Rule { id: RuleId::new(id), finding, origins, direction, min_score, action });
        }
    }
    rules
}

/// A category, or a detector's rule or dotted prefix of rules, which begins with a category.
fn read_finding(r: &mut Reader<'_>, node: &Node) -> Option<FindingMatch> {
    let name = r.name(node, "`finding`")?;
    let category = category_of(&name);
    match (category, name.contains('.')) {
        (Some(category), false) => Some(FindingMatch::Category(category)),
        (Some(_), true) if !name.ends_with('.') && !name.contains("..") => Some(FindingMatch::Rule(RuleId::new(name))),
        _ => {
            let names = Category::ALL.map(Category::name);
            let help =
                did_you_mean(name.split('.').next().unwrap_or_default(), names.into_iter()).unwrap_or_else(|| {
                    format!("it is a category ({}), or a detector's rule that begins with one", names.join(", "))
                });
            r.fault_with_help(node.place, format!("`finding` cannot be {}", r.shown(node)), help);
            None
        }
    }
}

fn category_of(name: &str) -> Option<Category> {
    let first = name.split('.').next().unwrap_or_default();
    Category::ALL.into_iter().find(|category| category.name() == first)
}

/// Only what is a value of its own can be cut out and leave a sentence that means the same.
fn refuse_impossible_redaction(r: &mut Reader<'_>, node: &Node, action: Action, finding: Option<&FindingMatch>) {
    let category = match finding {
        Some(FindingMatch::Category(category)) => Some(*category),
        Some(FindingMatch::Rule(rule)) => category_of(rule.as_str()),
        None => None,
    };
    if action == Action::Redact
        && let Some(category) = category
        && !matches!(category, Category::Secret | Category::Pii)
    {
        let message = format!("`{}` cannot be redacted, only `secret` and `pii` can", category.name());
        r.fault_with_help(node.place, message, "choose allow, flag or block");
    }
}

fn read_streams(r: &mut Reader<'_>, node: &Node) -> Option<StreamPolicy> {
    const BOUNDS: [(&str, AtBound); 2] = [("cut", AtBound::Cut), ("deliver", AtBound::Deliver)];
    const ENDINGS: [(&str, OnBlock); 2] = [("finish", OnBlock::Finish), ("error", OnBlock::Error)];
    let mut f = r.map(node, "`streams`")?;
    let d = StreamPolicy::default();
    // Below a kilobyte no private key could be told from what follows.
    let size = |r: &mut Reader<'_>, n: &Node, what: &str| {
        r.size(n, what, 1 << 10..=1 << 20).and_then(|bytes| usize::try_from(bytes).ok())
    };
    let wait = Duration::from_millis(10)..=Duration::from_secs(600);
    let streams = StreamPolicy {
        max_held_bytes: f.or("max_held", d.max_held_bytes, |n, what| size(r, n, what)),
        max_call_bytes: f.or("max_call", d.max_call_bytes, |n, what| size(r, n, what)),
        max_wait: f.or("max_wait", d.max_wait, |n, what| r.duration(n, what, wait)),
        when_full: f.or("when_full", d.when_full, |n, what| r.word(n, what, &BOUNDS)),
        when_slow: f.or("when_slow", d.when_slow, |n, what| r.word(n, what, &BOUNDS)),
        on_block: f.or("on_block", d.on_block, |n, what| r.word(n, what, &ENDINGS)),
    };
    f.finish(r);
    Some(streams)
}
