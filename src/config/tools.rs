//! `tools:` of a policy.

use super::defaults;
use super::gateway::limit_or_unlimited;
use super::reader::Reader;
use super::settings::{DefinitionPolicy, Reaction, ToolPolicy};
use super::tree::Node;
use super::units;
use crate::model::Category;

/// What a tool call's arguments can be judged by.
const SINKS: [Category; 6] = [
    Category::Xss,
    Category::SqlInjection,
    Category::CommandInjection,
    Category::PathTraversal,
    Category::Ssrf,
    Category::TemplateInjection,
];

/// Most characters of one field that a policy can allow.
const MAX_CHARS: u64 = 100_000_000;

const REACTIONS: [(&str, Reaction); 3] = [("off", Reaction::Off), ("flag", Reaction::Flag), ("block", Reaction::Block)];

impl Default for ToolPolicy {
    fn default() -> Self {
        Self {
            allow: None,
            deny: Vec::new(),
            max_chars_per_field: Some(defaults::MAX_CHARS_PER_FIELD),
            deny_arguments: Vec::new(),
            schema: Reaction::Flag,
            undeclared: Reaction::Flag,
            definitions: DefinitionPolicy::default(),
        }
    }
}

impl Default for DefinitionPolicy {
    fn default() -> Self {
        Self { changed: Reaction::Flag, shadowed: Reaction::Flag, cross_references: Reaction::Flag, pins: Vec::new() }
    }
}

/// Reads `tools:`.
pub(super) fn read(r: &mut Reader<'_>, node: &Node) -> Option<ToolPolicy> {
    let mut f = r.map(node, "`tools`")?;
    let allow = f.get("allow").map(|n| read_names(r, n, "`allow`", &[]));
    let deny = f.get("deny").map(|n| read_names(r, n, "`deny`", allow.as_deref().unwrap_or_default()));
    let mut tools = ToolPolicy { allow, deny: deny.unwrap_or_default(), ..ToolPolicy::default() };
    tools.undeclared = f.or("undeclared", tools.undeclared, |n, what| r.word(n, what, &REACTIONS));
    if let Some(mut arguments) = f.get("arguments").and_then(|n| r.map(n, "`arguments`")) {
        tools.max_chars_per_field = arguments.or("max_chars_per_field", tools.max_chars_per_field, |n, what| {
            let limit = limit_or_unlimited(r, n, what, MAX_CHARS)?;
            Some(limit.and_then(|chars| usize::try_from(chars).ok()))
        });
        tools.deny_arguments = arguments.or("deny", Vec::new(), |n, what| {
            let words = SINKS.map(|sink| (sink.name(), sink));
            Some(r.one_or_list(n, what).iter().filter_map(|item| r.word(item, "a sink", &words)).collect())
        });
        tools.schema = arguments.or("schema", tools.schema, |n, what| r.word(n, what, &REACTIONS));
        arguments.finish(r);
    }
    tools.definitions = f.or("definitions", tools.definitions, |n, _| read_definitions(r, n));
    f.finish(r);
    Some(tools)
}

fn read_definitions(r: &mut Reader<'_>, node: &Node) -> Option<DefinitionPolicy> {
    let mut f = r.map(node, "`definitions`")?;
    let mut definitions = DefinitionPolicy::default();
    definitions.changed = f.or("pinned", definitions.changed, |n, what| r.word(n, what, &REACTIONS));
    definitions.shadowed = f.or("shadowed", definitions.shadowed, |n, what| r.word(n, what, &REACTIONS));
    definitions.cross_references =
        f.or("cross_references", definitions.cross_references, |n, what| r.word(n, what, &REACTIONS));
    definitions.pins = f.or("pins", Vec::new(), |n, _| Some(read_pins(r, n)));
    if definitions.changed == Reaction::Off && !definitions.pins.is_empty() {
        r.fault(f.key_place("pins"), "`pins` are of no use with `pinned: off`");
    }
    f.finish(r);
    Some(definitions)
}

/// Hashes of definitions, by the tool's name.
fn read_pins(r: &mut Reader<'_>, node: &Node) -> Vec<(String, [u8; 32])> {
    let mut pins = Vec::new();
    for entry in r.entries(node, "`pins`") {
        let Some(text) = r.letters(&entry.value, "a pin") else { continue };
        match units::sha256(&text) {
            Ok(hash) => pins.push((entry.key.clone(), hash)),
            Err(_) => {
                let help =
                    "write the 64 hexadecimal digits of the SHA-256 of the definition, as policies/README.md says";
                r.fault_with_help(entry.value.place, "this pin is not a SHA-256 hash", help);
            }
        }
    }
    pins
}

/// Names of tools, exact. An empty list is a statement: `allow: []` allows none.
fn read_names(r: &mut Reader<'_>, node: &Node, what: &str, elsewhere: &[String]) -> Vec<String> {
    let mut names = Vec::new();
    for item in r.list_or_empty(node, what) {
        let Some(name) = r.text(item, "a tool's name") else { continue };
        if name.is_empty() || name.len() > 256 || name.chars().any(|c| c.is_control() || c == '*') {
            let help = "names are compared as they are; there are no wildcards";
            r.fault_with_help(item.place, "this cannot be a tool's name", help);
        } else if elsewhere.contains(&name) {
            r.fault(item.place, format!("the tool {} is allowed and denied", r.shown(item)));
        } else {
            names.push(name);
        }
    }
    names
}
