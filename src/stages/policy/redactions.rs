//! Spans of findings into cuts: sorted, apart from each other, each inside one JSON string.
//!
//! What must never happen here: that a finding which is to be cut ends up with no cut. Where its span cannot be placed, the
//! whole string goes; where even the string is unknown, the caller blocks.

use super::cleared::Redaction;
use crate::model::{Category, Finding, Segment};
use std::ops::Range;

/// Where the cut for a finding lies.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Placement {
    /// These bytes of the body.
    Cut(Range<usize>),
    /// The finding points at no string of this body: a defect, to be answered by blocking.
    Nowhere,
}

/// Places the cut for a finding: its span clipped to its string, or the whole string where nothing of the span lies in it.
pub(super) fn place(finding: &Finding, segments: &[Segment], body: &str) -> Placement {
    let Some(segment) = segments.get(finding.segment) else { return Placement::Nowhere };
    let raw = &segment.raw;
    if body.get(raw.clone()).is_none() {
        return Placement::Nowhere;
    }
    let clipped = finding.span.start.max(raw.start)..finding.span.end.min(raw.end);
    if !clipped.is_empty() && body.get(clipped.clone()).is_some() {
        return Placement::Cut(clipped);
    }
    match raw.is_empty() {
        true => Placement::Nowhere,
        false => Placement::Cut(raw.clone()),
    }
}

/// Sorts cuts and joins those that overlap; the label of the longest of them stands for all. Cuts that only touch stay two.
pub(super) fn merge(mut cuts: Vec<Redaction>) -> Vec<Redaction> {
    cuts.sort_unstable_by(|a, b| (a.span.start, b.span.end, a.label).cmp(&(b.span.start, a.span.end, b.label)));
    let mut merged: Vec<Redaction> = Vec::with_capacity(cuts.len());
    let mut longest = 0;
    for cut in cuts {
        match merged.last_mut() {
            Some(last) if cut.span.start < last.span.end => {
                // The rest of a cut that began in an earlier event of a stream, where the label stands.
                if cut.label == Finding::CONTINUED && cut.span.start == last.span.start {
                    last.label = Finding::CONTINUED;
                }
                if cut.span.len() > longest && last.label != Finding::CONTINUED {
                    longest = cut.span.len();
                    last.label = cut.label;
                }
                last.span.end = last.span.end.max(cut.span.end);
            }
            _ => {
                longest = cut.span.len();
                merged.push(cut);
            }
        }
    }
    merged
}

/// Where the secrets and personal data of a body stand, whatever the policy does about them: what a record must not show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrivateText {
    spans: Vec<Redaction>,
}

impl PrivateText {
    pub(super) fn of(findings: &[Finding], segments: &[Segment], body: &str) -> Self {
        let spans = findings
            .iter()
            .filter(|finding| matches!(finding.category, Category::Secret | Category::Pii))
            .filter_map(|finding| match place(finding, segments, body) {
                Placement::Cut(span) => Some(Redaction { span, label: finding.label }),
                Placement::Nowhere => None,
            })
            .collect();
        Self { spans: merge(spans) }
    }

    /// The bytes `range` of `body` (the body as received) as a record may show them: secrets and personal data replaced by
    /// their labels, cut after `max_bytes` on a character border. Escapes stay as they are. Empty where the range does not fit.
    pub fn masked(&self, body: &str, range: Range<usize>, max_bytes: usize) -> String {
        let mut out = String::new();
        let mut at = range.start;
        let first = self.spans.partition_point(|cut| cut.span.end <= range.start);
        for cut in self.spans.iter().skip(first).take_while(|cut| cut.span.start < range.end) {
            out.push_str(body.get(at..cut.span.start.max(at)).unwrap_or(""));
            if !cut.label.is_empty() {
                out.push('[');
                out.push_str(cut.label);
                out.push(']');
            }
            at = cut.span.end;
            if out.len() > max_bytes {
                break;
            }
        }
        if out.len() <= max_bytes {
            let rest = body.get(at..range.end.max(at)).unwrap_or("");
            let room = max_bytes.saturating_sub(out.len());
            out.push_str(rest.get(..rest.floor_char_boundary(room)).unwrap_or(""));
        }
        out.truncate(out.floor_char_boundary(max_bytes));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(span: Range<usize>, label: &'static str) -> Redaction {
        Redaction { span, label }
    }

    #[test]
    fn overlapping_cuts_become_one_under_the_longest_label_and_touching_ones_stay_two() {
        let merged = merge(vec![cut(4..9, "LONG"), cut(3..6, "SHORT"), cut(9..11, "NEXT"), cut(20..21, "FAR")]);
        assert_eq!(merged, vec![cut(3..9, "LONG"), cut(9..11, "NEXT"), cut(20..21, "FAR")]);
    }

    #[test]
    fn masked_text_shows_labels_instead_of_content_and_ends_in_time() {
        let private = PrivateText { spans: vec![cut(6..12, "EMAIL")] };
        let body = "hello a@b.co, grüß";
        assert_eq!(private.masked(body, 0..body.len(), 100), "hello [EMAIL], grüß");
        assert_eq!(private.masked(body, 0..body.len(), 18), "hello [EMAIL], gr");
        assert_eq!(private.masked(body, 8..10, 100), "[EMAIL]");
        assert_eq!(private.masked(body, 5..400, 100), " [EMAIL]");
    }

    proptest! {
        #[test]
        fn merged_cuts_are_apart_and_cover_the_same_bytes(spans in prop::collection::vec((0usize..60, 1usize..12), 0..20)) {
            let cuts: Vec<_> = spans.iter().map(|(start, len)| cut(*start..start + len, "X")).collect();
            let merged = merge(cuts.clone());
            for pair in merged.windows(2) {
                prop_assert!(pair[0].span.end <= pair[1].span.start);
            }
            for byte in 0..80 {
                prop_assert_eq!(
                    cuts.iter().any(|cut| cut.span.contains(&byte)),
                    merged.iter().any(|cut| cut.span.contains(&byte))
                );
            }
        }
    }
}
