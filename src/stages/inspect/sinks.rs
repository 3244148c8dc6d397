//! Parameters and tool arguments by the sink they may end in: a browser, an SQL statement, a shell, a file system, an HTTP client.
//!
//! Each sink has a small reader of its own grammar; a word alone never decides. Readers go over the text once, look ahead a
//! bounded stretch and keep no copy of it. They see the text as written; other encodings of it are views, made elsewhere, though
//! the encodings that the sink itself undoes (entities in HTML, percent signs in paths) are undone here.
//!
//! What must never happen here: calling a text safe. Silence means that nothing known was seen. References: CWE-79, CWE-89,
//! CWE-78, CWE-22, CWE-918.

mod html;
mod path;
mod shell;
mod sql;
mod url;

use super::Sighting;
use crate::model::{Category, RuleId};
use std::ops::Range;

/// Most sightings of one sink in one text; the last of them then reaches to the end of the text.
const MAX_SIGHTINGS: usize = 1_000;

/// Collects what one reader reports.
struct Report<'a> {
    category: Category,
    label: &'static str,
    text: &'a str,
    out: &'a mut Vec<Sighting>,
    count: usize,
}

impl Report<'_> {
    fn add(&mut self, rule: &'static str, score: f32, span: Range<usize>) {
        self.count = self.count.saturating_add(1);
        let start = self.text.floor_char_boundary(span.start);
        let end = match self.count {
            MAX_SIGHTINGS => self.text.len(),
            _ => self.text.ceil_char_boundary(span.end.min(self.text.len())),
        };
        if self.count <= MAX_SIGHTINGS && start < end {
            let rule = RuleId::new(rule);
            self.out.push(Sighting { rule, category: self.category, score, span: start..end, label: self.label });
        }
    }

    /// Whether more would only repeat what is known.
    fn is_full(&self) -> bool {
        self.count >= MAX_SIGHTINGS
    }
}

/// Reports what in a text is dangerous in the given sinks: `Xss`, `SqlInjection`, `CommandInjection`, `PathTraversal` and `Ssrf`.
/// Other categories name no sink and are passed over.
pub fn scan_sinks(text: &str, sinks: &[Category], out: &mut Vec<Sighting>) {
    for sink in sinks {
        let (label, scan): (_, fn(&str, &mut Report<'_>)) = match sink {
            Category::Xss => ("SCRIPT", html::scan),
            Category::SqlInjection => ("SQL", sql::scan),
            Category::CommandInjection => ("COMMAND", shell::scan),
            Category::PathTraversal => ("PATH", path::scan),
            Category::Ssrf => ("URL", url::scan),
            Category::Injection | Category::Secret | Category::Pii | Category::Tool => continue,
        };
        scan(text, &mut Report { category: *sink, label, text, out, count: 0 });
    }
}

#[cfg(test)]
#[path = "sinks/tests.rs"]
mod tests;
