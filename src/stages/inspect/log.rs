//! Text for records: without secrets and personal data. Escaping is the record writer's part.

use super::sighting::Sighting;

/// Replaces every sighting's bytes by its label in brackets.
pub(super) fn redacted(text: &str, mut sightings: Vec<Sighting>) -> String {
    sightings.sort_by_key(|sighting| (sighting.span.start, sighting.span.end));
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for sighting in &sightings {
        if sighting.span.start >= at {
            out.push_str(text.get(at..sighting.span.start).unwrap_or(""));
            out.push('[');
            out.push_str(sighting.label);
            out.push(']');
        }
        at = at.max(sighting.span.end);
    }
    out.push_str(text.get(at..).unwrap_or(""));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Category, RuleId};
    use std::ops::Range;

    fn at(span: Range<usize>) -> Sighting {
        Sighting { rule: RuleId::new("x"), category: Category::Pii, score: 1.0, span, label: "EMAIL" }
    }

    #[test]
    fn overlapping_sightings_leave_nothing_of_the_text_between() {
        assert_eq!(redacted("to a@b.c now", vec![at(3..8)]), "to [EMAIL] now");
        assert_eq!(redacted("0123456789", vec![at(4..8), at(2..6)]), "01[EMAIL]89");
        assert_eq!(redacted("0123456789", vec![at(2..9), at(3..4)]), "01[EMAIL]9");
    }
}
