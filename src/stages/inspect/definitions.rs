//! Definitions of tools compared with each other: hashes that survive another order of keys, names that look alike, and
//! descriptions that talk about other tools (THREATS 44).
//!
//! What this finds depends on the list of tools alone, and a conversation sends the same list with every turn, so it is remembered
//! by a keyed hash of the list.

use super::characters::{fold_char, looks_like};
use super::tool_schema::read_json;
use crate::model::Finding;
use crate::stages::decode::ToolDefinition;
use crate::state::tool_pins::Pin;
use serde_json::Value;
use sha2::{Digest, Sha256};
use siphasher::sip128::{Hasher128, SipHasher13};
use std::collections::{HashMap, HashSet};
use std::hash::Hasher;
use std::sync::Arc;
use tinyufo::TinyUfo;

/// Lists of tools that are remembered, weighed by their tools.
const REMEMBERED_TOOLS: usize = 16 * 1024;
/// Bytes before and after another tool's name in which a word has to stand that orders something.
const NEAR_BYTES: usize = 64;
/// How sure a description that talks about another tool is an attack. Honest ones do it too.
const CROSS_REFERENCE_SCORE: f32 = 0.4;

/// What is known of a list of tools.
#[derive(Debug, Default)]
pub(super) struct ToolList {
    /// For each definition the hash of its name, and of what it says; in the order of the definitions.
    pub pins: Vec<(u128, Pin)>,
    /// What speaks against definitions.
    pub remarks: Vec<Remark>,
}

/// Something that speaks against a definition.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Remark {
    /// Its place in the list.
    pub tool: usize,
    /// The rule.
    pub rule: &'static str,
    /// How sure.
    pub score: f32,
}

/// Reads lists of tools, and remembers them.
pub(super) struct Definitions {
    lists: TinyUfo<u128, Arc<ToolList>>,
    secret: [u8; 16],
}

impl Definitions {
    pub fn new(secret: [u8; 16]) -> Self {
        Self { lists: TinyUfo::new(REMEMBERED_TOOLS, REMEMBERED_TOOLS / 8), secret }
    }

    /// A reader that names tools alike and remembers nothing yet.
    pub fn with_same_key(&self) -> Self {
        Self::new(self.secret)
    }

    /// What is known of these definitions of `body`.
    pub fn read(&self, definitions: &[ToolDefinition], body: &str) -> Arc<ToolList> {
        if definitions.is_empty() {
            return Arc::default();
        }
        let key = self.key_of_list(definitions, body);
        if let Some(known) = self.lists.get(&key) {
            return known;
        }
        let list = Arc::new(self.compare(definitions, body));
        let weight = u16::try_from(definitions.len()).unwrap_or(u16::MAX);
        self.lists.put(key, Arc::clone(&list), weight);
        list
    }

    fn key_of_list(&self, definitions: &[ToolDefinition], body: &str) -> u128 {
        let mut hasher = SipHasher13::new_with_key(&self.secret);
        let mut last = 0..0;
        for tool in definitions {
            hash_name(&mut hasher, tool);
            // A definition under several names is read once.
            if tool.definition != last {
                let text = body.get(tool.definition.clone()).unwrap_or("");
                hasher.write_usize(text.len());
                hasher.write(text.as_bytes());
                last = tool.definition.clone();
            }
        }
        hasher.finish128().as_u128()
    }

    fn compare(&self, definitions: &[ToolDefinition], body: &str) -> ToolList {
        let read = |tool: &ToolDefinition| read_json(body.get(tool.definition.clone()).unwrap_or(""));
        let values: Vec<Value> = definitions.iter().map(|tool| read(tool).unwrap_or_default()).collect();
        let name_key = |tool| {
            let mut hasher = SipHasher13::new_with_key(&self.secret);
            hash_name(&mut hasher, tool);
            hasher.finish128().as_u128()
        };
        let pins: Vec<_> =
            definitions.iter().zip(&values).map(|(tool, value)| (name_key(tool), self.pin(value))).collect();
        let mut remarks = shadowed(definitions, &pins);
        remarks.extend(cross_references(definitions, &values));
        ToolList { pins, remarks }
    }

    fn pin(&self, definition: &Value) -> Pin {
        let mut texts = String::new();
        collect_texts(definition, &mut texts);
        let mut hasher = SipHasher13::new_with_key(&self.secret);
        hasher.write(texts.as_bytes());
        Pin {
            sha256: Sha256::digest(canonical(definition)).into(),
            text_hash: hasher.finish(),
            text_bytes: u32::try_from(texts.len()).unwrap_or(u32::MAX),
        }
    }
}

impl std::fmt::Debug for Definitions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Definitions").finish_non_exhaustive()
    }
}

fn hash_name(hasher: &mut SipHasher13, tool: &ToolDefinition) {
    let namespace = tool.namespace.as_ref().map_or("", |name| name.expose().as_str());
    for part in [namespace, tool.name.expose()] {
        hasher.write_usize(part.len());
        hasher.write(part.as_bytes());
    }
}

/// How sure a change is an attack: text that was added is what a poisoned definition needs.
pub(super) fn score_of_change(before: Pin, now: Pin) -> f32 {
    if before.text_hash == now.text_hash {
        0.5
    } else if now.text_bytes > before.text_bytes {
        0.9
    } else {
        0.7
    }
}

/// JSON without white space and with sorted keys. Anthropic's mark for caching moves from tool to tool and is left out.
pub(super) fn canonical(definition: &Value) -> String {
    let mut out = String::new();
    match definition {
        Value::Object(members) => {
            write_members(members.iter().filter(|(key, _)| *key != "cache_control"), &mut out);
        }
        other => write_canonical(other, &mut out),
    }
    out
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => write_members(members.iter(), out),
        Value::Array(elements) => {
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_canonical(element, out);
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

fn write_members<'v>(members: impl Iterator<Item = (&'v String, &'v Value)>, out: &mut String) {
    let mut members: Vec<_> = members.collect();
    members.sort_by_key(|(key, _)| *key);
    out.push('{');
    for (index, (key, value)) in members.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(&Value::from(key.as_str()).to_string());
        out.push(':');
        write_canonical(value, out);
    }
    out.push('}');
}

/// Descriptions and titles, in the order of the text.
fn collect_texts(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                match member {
                    Value::String(text) if matches!(key.as_str(), "description" | "title") => {
                        out.push_str(text);
                        out.push('\n');
                    }
                    other => collect_texts(other, out),
                }
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| collect_texts(element, out)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Tools whose names a model or a reader would take for each other's. The later one is named; where the names differ, the one that
/// is not plain ASCII.
fn shadowed(definitions: &[ToolDefinition], pins: &[(u128, Pin)]) -> Vec<Remark> {
    let mut first: HashMap<(Option<&str>, String), usize> = HashMap::new();
    let mut remarks = Vec::new();
    for (index, tool) in definitions.iter().enumerate() {
        let namespace = tool.namespace.as_ref().map(|name| name.expose().as_str());
        let earlier = *first.entry((namespace, folded(tool.name.expose()))).or_insert(index);
        let (Some(other), true) = (definitions.get(earlier), earlier != index) else { continue };
        if other.definition == tool.definition {
            continue;
        }
        let (name, other_name) = (tool.name.expose(), other.name.expose());
        let is_same = |pin: usize| pins.get(pin).map(|(_, pin)| pin.sha256);
        let score = match (name == other_name, name.is_ascii() && other_name.is_ascii()) {
            // The same definition twice is clumsy and harmless.
            (true, _) if is_same(earlier) == is_same(index) => continue,
            (true, _) => 1.0,
            (false, false) => 0.95,
            (false, true) => 0.6,
        };
        let named = if name.is_ascii() && !other_name.is_ascii() { earlier } else { index };
        remarks.push(Remark { tool: named, rule: Finding::SHADOWED_TOOL, score });
    }
    remarks
}

/// A name as it looks: width, case, marks, invisible characters, separators and letters of other scripts folded.
fn folded(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        fold_char(c, |c| {
            let c = looks_like(c).unwrap_or(c);
            if !matches!(c, '_' | '-' | '.' | ' ') {
                out.push(c);
            }
        });
    }
    out
}

/// Descriptions that order something about another tool of the list.
fn cross_references(definitions: &[ToolDefinition], values: &[Value]) -> Vec<Remark> {
    let names: HashSet<&str> = definitions.iter().map(|tool| tool.name.expose().as_str()).collect();
    let mut remarks = Vec::new();
    let mut last = 0..0;
    for (index, (tool, value)) in definitions.iter().zip(values).enumerate() {
        if tool.definition == last {
            continue;
        }
        last = tool.definition.clone();
        let mut texts = String::new();
        collect_texts(value, &mut texts);
        if orders_about(&texts, tool.name.expose(), &names) {
            remarks.push(Remark { tool: index, rule: Finding::CROSS_REFERENCE, score: CROSS_REFERENCE_SCORE });
        }
    }
    remarks
}

/// Whether a text has the name of another tool near a word that orders. A name that is a plain word counts only in quotes.
fn orders_about(text: &str, own: &str, names: &HashSet<&str>) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
    let mut at = 0_usize;
    for word in text.split(|c| !is_name(c)) {
        let start = at;
        let end = start.saturating_add(word.len());
        let after = text.get(end..).and_then(|rest| rest.chars().next());
        at = end.saturating_add(after.map_or(0, char::len_utf8));
        let word = word.trim_end_matches(['.', ':', '-']);
        if word.len() < 3 || word == own || !names.contains(word) {
            continue;
        }
        let before = text.get(..start).and_then(|rest| rest.chars().next_back());
        let is_quoted = |c: Option<char>| c.is_some_and(|c| matches!(c, '`' | '"' | '\'' | '“' | '«'));
        let is_plain_word = !word.contains(['_', '-', '.']) && !word.chars().skip(1).any(char::is_uppercase);
        if is_plain_word && !is_quoted(before) {
            continue;
        }
        let from = text.floor_char_boundary(start.saturating_sub(NEAR_BYTES));
        let to = text.floor_char_boundary(end.saturating_add(NEAR_BYTES));
        let near = text.get(from..to).unwrap_or("").to_ascii_lowercase();
        const ORDERS: [&str; 14] = [
            "before ",
            "instead of",
            "always",
            "must ",
            "never ",
            "do not",
            "don't",
            "ignore",
            "override",
            "whenever",
            "every time",
            "rather than",
            "replaces",
            "deprecated",
        ];
        if ORDERS.iter().any(|order| near.contains(order)) {
            return true;
        }
    }
    false
}

#[cfg(test)]
#[path = "definitions_tests.rs"]
mod tests;
