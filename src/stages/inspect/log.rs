//! Text for logs: without secrets and personal data, on one line, without characters that move a cursor or a reader.

use super::characters::is_invisible;
use super::sighting::Sighting;
use std::fmt::Write as _;

/// Replaces every sighting's bytes by its label in brackets and escapes what does not print.
pub(super) fn redacted(text: &str, mut sightings: Vec<Sighting>) -> String {
    sightings.sort_by_key(|sighting| (sighting.span.start, sighting.span.end));
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for sighting in &sightings {
        if sighting.span.start >= at {
            escape(text.get(at..sighting.span.start).unwrap_or(""), &mut out);
            out.push('[');
            out.push_str(sighting.label);
            out.push(']');
        }
        at = at.max(sighting.span.end);
    }
    escape(text.get(at..).unwrap_or(""), &mut out);
    out
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        if c == '\\' {
            out.push_str("\\\\");
        } else if c.is_control() || is_invisible(c) || matches!(c, '\u{2028}' | '\u{2029}') {
            // Writing into a String cannot fail.
            let _ = write!(out, "{}", c.escape_unicode());
        } else {
            out.push(c);
        }
    }
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

    #[test]
    fn line_breaks_and_terminal_codes_cannot_forge_a_line() {
        assert_eq!(redacted("a\n\u{1b}[2Jb\u{202E}\\", Vec::new()), r"a\u{a}\u{1b}[2Jb\u{202e}\\");
    }
}
