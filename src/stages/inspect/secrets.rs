//! Credentials in text: provider and cloud keys, tokens, private keys, connection strings, and what stands behind
//! `api_key =`.
//!
//! One automaton finds the literals that credentials begin with or stand behind (`sk-`, `AKIA`, `-----BEGIN `, `password`); only
//! there a small check looks at the bytes around. The work is linear in the text: a check reads a bounded stretch, or a run of
//! characters that no other hit of its kind begins in. Formats are those that the issuers document, and checksums are
//! computed where they exist (GitHub, npm).
//!
//! What must never happen here: that a span covers less than the credential, or that a text is left half scanned. Above
//! [`MAX_SIGHTINGS`] the rest of the text counts as one secret.

mod ai;
mod assignment;
mod clouds;
mod code;
mod data;
mod forms;
mod live;
mod messages;
mod payments;
mod providers;
mod shapes;
mod structured;
mod table;

use super::Sighting;
use super::words::Words;
use crate::model::{Category, RuleId};
use std::ops::Range;
use table::{Row, Shape};

pub(super) use live::CONTEXT as LIVE_CONTEXT;

/// Most sightings reported one by one in one text; the rest of the text is then one sighting, so that memory stays bounded.
pub const MAX_SIGHTINGS: usize = 10_000;

/// The detector of credentials, ready to run.
#[derive(Debug)]
pub struct Secrets {
    /// `None` only if the automaton could not be built, which the tests rule out; then every text counts as a secret.
    literals: Option<Words>,
    rows: Vec<&'static Row>,
    /// Literals by their first byte in lower case, and the length of the longest: for the end of a text that goes on.
    by_first_byte: Vec<Vec<&'static str>>,
    longest_literal: usize,
    rules: Vec<RuleId>,
    too_many: RuleId,
}

/// What a check confirmed.
#[derive(Debug, Clone, PartialEq)]
struct Hit {
    span: Range<usize>,
    score: f32,
}

impl Secrets {
    /// Builds the automaton: some milliseconds, once per configuration.
    pub fn compile() -> Self {
        let rows: Vec<&'static Row> = table::rows().collect();
        let literals = Words::new(rows.iter().map(|row| row.literal)).ok();
        let rules = rows.iter().map(|row| RuleId::new(row.rule)).collect();
        let mut by_first_byte = vec![Vec::new(); 256];
        for row in &rows {
            let first = row.literal.bytes().next().map_or(0, |byte| byte.to_ascii_lowercase());
            if let Some(place) = by_first_byte.get_mut(usize::from(first)) {
                place.push(row.literal);
            }
        }
        let longest_literal = rows.iter().map(|row| row.literal.len()).max().unwrap_or(0);
        Self { literals, rows, by_first_byte, longest_literal, rules, too_many: RuleId::new("secret.too-many") }
    }

    /// Reports the credentials in a text, in the order of their beginnings. Spans of different rules may overlap.
    pub fn scan(&self, text: &str, out: &mut Vec<Sighting>) {
        let Some(literals) = &self.literals else {
            out.push(self.rest_of(text, 0));
            return;
        };
        // Nothing is allocated before the first hit.
        let mut specific: Vec<(usize, Hit)> = Vec::new();
        let mut generic: Vec<(usize, Hit)> = Vec::new();
        // A private key reaches from its BEGIN to its END; what lies inside is not looked at for another BEGIN.
        let mut block_end = 0;
        let mut cut_from = None;
        literals.each_in_order(text.as_bytes(), &mut |found| {
            let index = found.word;
            let Some(row) = self.rows.get(index) else { return true };
            let at = found.start..found.end;
            if matches!(row.shape, Shape::Block(..)) && at.start < block_end {
                return true;
            }
            let Some(hit) = row.check(text, at.clone()) else { return true };
            if matches!(row.shape, Shape::Block(..)) {
                block_end = hit.span.end;
            }
            if specific.len().saturating_add(generic.len()) >= MAX_SIGHTINGS {
                cut_from = Some(at.start.min(hit.span.start));
                return false;
            }
            match row.shape {
                Shape::Assignment(_) => generic.push((index, hit)),
                _ => specific.push((index, hit)),
            }
            true
        });
        if !specific.is_empty() || !generic.is_empty() {
            self.report(specific, generic, out);
        }
        out.extend(cut_from.map(|from| self.rest_of(text, from)));
    }

    /// Sorts, drops repetitions, and drops what only an assignment suggests where a format is known.
    fn report(&self, mut specific: Vec<(usize, Hit)>, mut generic: Vec<(usize, Hit)>, out: &mut Vec<Sighting>) {
        let order = |a: &(usize, Hit), b: &(usize, Hit)| {
            (a.1.span.start, b.1.span.end, a.0).cmp(&(b.1.span.start, a.1.span.end, b.0))
        };
        specific.sort_by(order);
        specific.dedup_by(|a, b| a.1.span == b.1.span && self.rule_of(a.0) == self.rule_of(b.0));
        generic.sort_by(order);
        generic.dedup_by(|a, b| a.1.span.start < b.1.span.end);
        let mut first = 0;
        let mut kept = specific.clone();
        for (index, hit) in generic {
            while specific.get(first).is_some_and(|(_, known)| known.span.end <= hit.span.start) {
                first = first.saturating_add(1);
            }
            // A known format that covers most of the value says more; one that covers a part of it says too little.
            let known = specific.get(first).filter(|(_, known)| {
                let shared = known.span.end.min(hit.span.end).saturating_sub(known.span.start.max(hit.span.start));
                shared.saturating_mul(2) > hit.span.len()
                    && known.span.start <= hit.span.start.saturating_add(16)
                    && hit.span.end <= known.span.end
            });
            if known.is_none() {
                kept.push((index, hit));
            }
        }
        kept.sort_by(order);
        out.extend(kept.into_iter().filter_map(|(index, hit)| self.sighting(index, hit)));
    }

    fn sighting(&self, index: usize, hit: Hit) -> Option<Sighting> {
        let (rule, row) = (self.rules.get(index)?.clone(), self.rows.get(index)?);
        Some(Sighting { rule, category: Category::Secret, score: hit.score, span: hit.span, label: row.label })
    }

    fn rule_of(&self, index: usize) -> &'static str {
        self.rows.get(index).map_or("", |row| row.rule)
    }

    fn rest_of(&self, text: &str, from: usize) -> Sighting {
        let span = text.floor_char_boundary(from)..text.len();
        Sighting { rule: self.too_many.clone(), category: Category::Secret, score: 1.0, span, label: "SECRETS" }
    }
}

#[cfg(test)]
mod row_tests;
#[cfg(test)]
#[path = "secrets/tests.rs"]
mod tests;
