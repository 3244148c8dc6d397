//! Stand-in until the judgement by sink is merged.

use super::Sighting;
use crate::model::{Category, RuleId};

pub fn scan_sinks(text: &str, sinks: &[Category], out: &mut Vec<Sighting>) {
    for sink in sinks {
        let needle = match sink {
            Category::Xss => "<script",
            Category::SqlInjection => "' OR 1=1",
            Category::CommandInjection => "; rm -rf",
            _ => continue,
        };
        if let Some(at) = text.find(needle) {
            out.push(Sighting {
                rule: RuleId::new("sink.stand-in"),
                category: *sink,
                score: 0.95,
                span: at..at + needle.len(),
                label: "SINK",
            });
        }
    }
}
