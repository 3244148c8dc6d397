//! Edits into a body, in one pass and one allocation.
//!
//! What must never happen here: an edit that is skipped, or one that is applied to other bytes than it names. Edits that
//! overlap, or that do not lie on character borders, are an error, and the caller forwards nothing.

use crate::stages::decode::Edit;
use crate::stages::policy::Redaction;
use std::ops::Range;
use thiserror::Error;

/// Why edits cannot be spliced in.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum SpliceError {
    /// Two edits want the same bytes.
    #[error("two edits overlap")]
    Overlap,
    /// An edit names bytes outside the body, or half a character.
    #[error("an edit does not fit the body")]
    Misfit,
}

/// What goes into the place of some bytes.
#[derive(Debug, Clone, Copy)]
enum Replacement<'a> {
    Label(&'static str),
    Text(&'a str),
}

impl Replacement<'_> {
    fn len(self) -> usize {
        match self {
            Self::Label("") => 0,
            Self::Label(label) => label.len().saturating_add(2),
            Self::Text(text) => text.len(),
        }
    }

    fn write(self, out: &mut String) {
        match self {
            // The rest of what an earlier event of the stream has a label for.
            Self::Label("") => {}
            Self::Label(label) => {
                out.push('[');
                out.push_str(label);
                out.push(']');
            }
            Self::Text(text) => out.push_str(text),
        }
    }
}

/// The body with all edits made.
///
/// # Errors
///
/// [`SpliceError`] if edits overlap or do not fit; then nothing of the result exists.
pub(super) fn splice(body: &str, redactions: &[Redaction], edits: &[Edit]) -> Result<String, SpliceError> {
    let plan = plan(redactions, edits)?;
    let removed: usize = plan.iter().map(|(span, _)| span.len()).sum();
    let added: usize = plan.iter().map(|(_, replacement)| replacement.len()).sum();
    let mut out = String::with_capacity(body.len().saturating_sub(removed).saturating_add(added));
    let mut at = 0;
    for (span, replacement) in plan {
        out.push_str(body.get(at..span.start).ok_or(SpliceError::Misfit)?);
        replacement.write(&mut out);
        body.get(span.clone()).ok_or(SpliceError::Misfit)?;
        at = span.end;
    }
    out.push_str(body.get(at..).ok_or(SpliceError::Misfit)?);
    debug_assert!(!is_json(body) || is_json(&out), "an edit broke the JSON of a body");
    Ok(out)
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// All edits in the order of the body; an insertion at the border of another edit is no overlap.
fn plan<'a>(redactions: &[Redaction], edits: &'a [Edit]) -> Result<Vec<(Range<usize>, Replacement<'a>)>, SpliceError> {
    let labels = redactions.iter().map(|cut| (cut.span.clone(), Replacement::Label(cut.label)));
    let texts = edits.iter().map(|edit| (edit.span.clone(), Replacement::Text(&edit.replacement)));
    let mut plan: Vec<_> = texts.chain(labels).collect();
    plan.sort_by_key(|(span, _)| (span.start, span.end));
    let apart = plan.windows(2).all(|pair| match pair {
        [(first, _), (second, _)] => first.end <= second.start,
        _ => true,
    });
    if apart { Ok(plan) } else { Err(SpliceError::Overlap) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn cut(span: Range<usize>) -> Redaction {
        Redaction { span, label: "X" }
    }

    fn edit(span: Range<usize>, replacement: &str) -> Edit {
        Edit { span, replacement: replacement.to_owned() }
    }

    #[test]
    fn edits_and_redactions_meet_in_the_order_of_the_body() {
        let body = r#"{"a":"secret","b":1}"#;
        let out = splice(body, &[cut(6..12)], &[edit(19..19, r#","c":true"#), edit(1..1, r#""z":0,"#)]);
        assert_eq!(out.as_deref(), Ok(r#"{"z":0,"a":"[X]","b":1,"c":true}"#));
    }

    #[test]
    fn insertion_at_the_border_of_a_redaction_is_no_overlap_but_inside_it_is() {
        assert_eq!(splice("abcdef", &[cut(2..4)], &[edit(2..2, "-"), edit(4..4, "+")]).as_deref(), Ok("ab-[X]+ef"));
        assert_eq!(splice("abcdef", &[cut(2..4)], &[edit(3..3, "-")]), Err(SpliceError::Overlap));
        assert_eq!(splice("abcdef", &[cut(2..4)], &[edit(3..5, "-")]), Err(SpliceError::Overlap));
    }

    #[test]
    fn edit_outside_the_body_or_through_a_character_is_refused() {
        assert_eq!(splice("abc", &[cut(2..9)], &[]), Err(SpliceError::Misfit));
        assert_eq!(splice("abc", &[], &[edit(7..7, "x")]), Err(SpliceError::Misfit));
        assert_eq!(splice("aéc", &[cut(0..2)], &[]), Err(SpliceError::Misfit));
        #[allow(clippy::reversed_empty_ranges)]
        let backwards = cut(2..1);
        assert_eq!(splice("abc", &[backwards], &[]), Err(SpliceError::Misfit));
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-z]{1,4}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    /// Spans between the quotes of all strings that are values, and their texts, in the order of the body.
    fn string_values(value: &Value, body: &str, from: &mut usize, out: &mut Vec<Range<usize>>) {
        match value {
            Value::String(text) => {
                let written = Value::from(text.as_str()).to_string();
                let start = *from + body[*from..].find(&written).expect("strings stand in order");
                *from = start + written.len();
                out.push(start + 1..*from - 1);
            }
            Value::Array(items) => items.iter().for_each(|item| string_values(item, body, from, out)),
            Value::Object(map) => {
                for (key, item) in map {
                    *from += body[*from..].find(&format!("\"{key}\":")).expect("keys stand in order") + key.len() + 3;
                    string_values(item, body, from, out);
                }
            }
            _ => {}
        }
    }

    /// The same tree with every string in `cut` (by order) replaced.
    fn with_labels(value: &Value, cut: &[bool], next: &mut usize) -> Value {
        match value {
            Value::String(text) => {
                let is_cut = cut.get(*next).copied().unwrap_or(false);
                *next += 1;
                Value::from(if is_cut { "[X]" } else { text })
            }
            Value::Array(items) => items.iter().map(|item| with_labels(item, cut, next)).collect(),
            Value::Object(map) => {
                Value::Object(map.iter().map(|(key, item)| (key.clone(), with_labels(item, cut, next))).collect())
            }
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn redacting_whole_strings_changes_these_strings_and_nothing_else(
            value in json(),
            cut_flags in prop::collection::vec(any::<bool>(), 0..40),
        ) {
            let body = value.to_string();
            let mut spans = Vec::new();
            string_values(&value, &body, &mut 0, &mut spans);
            let cuts: Vec<_> = spans
                .iter()
                .enumerate()
                .filter(|(index, _)| cut_flags.get(*index).copied().unwrap_or(false))
                .map(|(_, span)| cut(span.clone()))
                .collect();
            let out = splice(&body, &cuts, &[]).expect("spans are apart");
            let parsed: Value = serde_json::from_str(&out).expect("still JSON");
            prop_assert_eq!(parsed, with_labels(&value, &cut_flags, &mut 0));
        }

        #[test]
        fn any_spans_give_a_text_or_an_error_and_never_a_panic(
            body in ".{0,40}",
            spans in prop::collection::vec((0usize..60, 0usize..10), 0..6),
        ) {
            let edits: Vec<_> = spans.iter().map(|(start, len)| edit(*start..start + len, "r")).collect();
            let _ = splice(&format!("{body}\u{0}"), &[], &edits);
        }
    }
}
