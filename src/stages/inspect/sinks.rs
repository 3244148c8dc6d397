//! Parameters and tool arguments by the sink they may end in: a browser, an SQL statement, a shell, a file system, an HTTP client,
//! a template engine.
//!
//! Each sink has a small reader of its own grammar; a word alone never decides. Readers go over the text once, look ahead a
//! bounded stretch and keep no copy of it. They see the text as written; other encodings of it are views, made elsewhere, though
//! the encodings that the sink itself undoes (entities in HTML, percent signs in paths) are undone here.
//!
//! What must never happen here: calling a text safe. Silence means that nothing known was seen. References: CWE-79, CWE-89,
//! CWE-78, CWE-22, CWE-918, CWE-1336.

mod html;
mod path;
mod shell;
mod sql;
mod template;
mod url;

use super::Sighting;
use crate::model::{Category, RuleId};
use std::borrow::Cow;
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

/// Reports what in a text is dangerous in the given sinks: `Xss`, `SqlInjection`, `CommandInjection`, `PathTraversal`, `Ssrf`
/// and `TemplateInjection`.
/// Other categories name no sink and are passed over.
pub fn scan_sinks(text: &str, sinks: &[Category], out: &mut Vec<Sighting>) {
    for sink in sinks {
        let (label, scan): (_, fn(&str, &mut Report<'_>)) = match sink {
            Category::Xss => ("SCRIPT", html::scan),
            Category::SqlInjection => ("SQL", sql::scan),
            Category::CommandInjection => ("COMMAND", shell::scan),
            Category::PathTraversal => ("PATH", path::scan),
            Category::Ssrf => ("URL", url::scan),
            Category::TemplateInjection => ("TEMPLATE", template::scan),
            Category::Injection | Category::Secret | Category::Pii | Category::Tool => continue,
        };
        let first = out.len();
        scan(text, &mut Report { category: *sink, label, text, out, count: 0 });
        if out.len() == first
            && let Some(decoded) = percent_decoded(text)
        {
            scan_decoded(text, &decoded, *sink, label, scan, out);
        }
    }
}

/// The text with percent signs undone, twice where they were written twice.
fn percent_decoded(text: &str) -> Option<Cow<'_, str>> {
    if !has_percent_signs(text) {
        return None;
    }
    let once = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
    // Two programs in a row undo it twice.
    Some(match has_percent_signs(&once) {
        true => Cow::Owned(percent_encoding::percent_decode_str(&once).decode_utf8_lossy().into_owned()),
        false => once,
    })
}

fn has_percent_signs(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'%', bytes).any(|at| {
        matches!(bytes.get(at..at.saturating_add(3)), Some([_, high, low]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
    })
}

/// Whatever stands in the decoded text is reported once, for the whole parameter: it is the program behind that decodes it.
fn scan_decoded(
    text: &str,
    decoded: &str,
    category: Category,
    label: &'static str,
    scan: fn(&str, &mut Report<'_>),
    out: &mut Vec<Sighting>,
) {
    let mut found = Vec::new();
    scan(decoded, &mut Report { category, label, text: decoded, out: &mut found, count: 0 });
    let surest = found.into_iter().max_by(|a, b| a.score.total_cmp(&b.score));
    out.extend(surest.map(|sighting| Sighting { span: 0..text.len(), ..sighting }));
}

#[cfg(test)]
#[path = "sinks/tests.rs"]
mod tests;

#[cfg(test)]
#[path = "sinks/attack_tests.rs"]
mod attack_tests;
