//! Tools by name, and the strings in a tool call's arguments by the sink they may end in.
//!
//! Arguments often are JSON inside a JSON string, and in a stream a fragment of it. Strings are taken out without building a
//! tree; what is not whole JSON is judged as it stands too, so that nothing slips between the two readings.

use super::sighting::Sighting;
use super::sinks::scan_sinks;
use crate::config::settings::ToolPolicy;
use crate::model::{Category, RuleId};
use std::borrow::Cow;
use std::ops::Range;

/// Rules of the tools guard.
#[derive(Debug)]
pub(super) struct ToolRules {
    not_allowed: RuleId,
    too_long: RuleId,
}

impl ToolRules {
    pub fn new() -> Self {
        Self { not_allowed: RuleId::new("tool.not-allowed"), too_long: RuleId::new("tool.argument-too-long") }
    }

    /// What is said of a tool that the policy does not allow, at `span` of the text that names it.
    pub fn not_allowed(&self, span: Range<usize>) -> Sighting {
        Sighting { rule: self.not_allowed.clone(), category: Category::Tool, score: 1.0, span, label: "TOOL" }
    }

    /// Judges the text of a call's arguments.
    pub fn judge(&self, text: &str, policy: &ToolPolicy, out: &mut Vec<Sighting>) {
        let is_json = is_json_container(text);
        if !is_json {
            self.judge_string(text, 0..text.len(), policy, true, out);
        }
        for (span, string) in json_strings(text) {
            let as_written = matches!(string, Cow::Borrowed(_));
            self.judge_string(&string, span, policy, as_written, out);
        }
    }

    /// Judges one string that stands at `span`; where it is `as_written`, sightings point into it, else at all of it.
    fn judge_string(
        &self,
        string: &str,
        span: Range<usize>,
        policy: &ToolPolicy,
        as_written: bool,
        out: &mut Vec<Sighting>,
    ) {
        // Counting characters is only worth it where there are bytes enough.
        let too_long = |limit: usize| string.len() > limit && string.chars().nth(limit).is_some();
        if policy.max_chars_per_field.is_some_and(too_long) {
            let (rule, span) = (self.too_long.clone(), span.clone());
            out.push(Sighting { rule, category: Category::Tool, score: 1.0, span, label: "TOOL_ARGUMENT" });
        }
        if policy.deny_arguments.is_empty() {
            return;
        }
        let from = out.len();
        scan_sinks(string, &policy.deny_arguments, out);
        for sighting in out.get_mut(from..).unwrap_or_default() {
            let within = sighting.span.start.saturating_add(span.start)..sighting.span.end.saturating_add(span.start);
            sighting.span = if as_written { within } else { span.clone() };
        }
    }
}

/// Whether a policy lets a tool be declared or called. Denied names are compared without case, because a tool server may be
/// as lax.
pub(super) fn is_allowed(policy: &ToolPolicy, name: &str) -> bool {
    let denied = policy.deny.iter().any(|denied| denied.eq_ignore_ascii_case(name.trim()));
    let allowed = policy.allow.as_ref().is_none_or(|allow| allow.iter().any(|allowed| allowed == name));
    allowed && !denied
}

fn is_json_container(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[', '"']) && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// The strings of a JSON text, keys and values, unescaped, with the span between their quotes. A string that the text cuts
/// off is given as far as it goes.
fn json_strings(text: &str) -> impl Iterator<Item = (Range<usize>, Cow<'_, str>)> {
    let mut at = 0_usize;
    std::iter::from_fn(move || {
        let start = at.saturating_add(memchr::memchr(b'"', text.as_bytes().get(at..)?)?).saturating_add(1);
        let mut end = start;
        loop {
            let rest = text.as_bytes().get(end..).unwrap_or_default();
            match memchr::memchr2(b'"', b'\\', rest) {
                Some(found) if rest.get(found) == Some(&b'\\') => end = end.saturating_add(found).saturating_add(2),
                Some(found) => {
                    end = end.saturating_add(found);
                    break;
                }
                None => {
                    end = text.len();
                    break;
                }
            }
        }
        let end = text.floor_char_boundary(end.min(text.len()));
        at = end.saturating_add(1);
        Some((start..end, unescape(text.get(start..end)?)))
    })
}

/// Undoes JSON's escapes; what is not a valid escape stays as it is.
fn unescape(raw: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\\', raw.as_bytes()).is_none() {
        return Cow::Borrowed(raw);
    }
    // serde_json knows escapes and surrogate pairs; it refuses raw control characters, which are then read as they stand.
    match serde_json::from_str::<String>(&format!("\"{raw}\"")) {
        Ok(text) => Cow::Owned(text),
        Err(_) => Cow::Owned(unescape_leniently(raw)),
    }
}

fn unescape_leniently(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((head, tail)) = rest.split_once('\\') {
        out.push_str(head);
        let unicode = tail.strip_prefix('u').and_then(|hex| hex.get(..4));
        let code = unicode.and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32);
        let (c, len) = match (code, tail.chars().next()) {
            (Some(c), _) => (Some(c), 5),
            (None, Some('n' | 'r' | 't')) => (Some(' '), 1),
            (None, Some(c @ ('"' | '\\' | '/'))) => (Some(c), 1),
            _ => (None, 0),
        };
        out.extend(c);
        rest = tail.get(len..).unwrap_or("");
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn strings(text: &str) -> Vec<String> {
        json_strings(text).map(|(_, string)| string.into_owned()).collect()
    }

    fn policy(allow: Option<&[&str]>, deny: &[&str]) -> ToolPolicy {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        ToolPolicy {
            allow: allow.map(owned),
            deny: owned(deny),
            max_chars_per_field: Some(5),
            deny_arguments: Vec::new(),
            ..ToolPolicy::default()
        }
    }

    #[test]
    fn keys_and_values_are_taken_out_unescaped_even_from_a_fragment() {
        assert_eq!(strings(r#"{"a\u0062":["x\"y",{"c":1}]}"#), ["ab", "x\"y", "c"]);
        assert_eq!(strings(r#"{"cmd":"rm -rf \"#), ["cmd", "rm -rf "]);
        assert_eq!(strings("plain"), [] as [&str; 0]);
        assert_eq!(strings("{\"a\":\"b\u{1}\\u003c\""), ["a", "b\u{1}<"]);
    }

    #[test]
    fn denied_wins_over_allowed_and_ignores_case() {
        assert!(is_allowed(&policy(None, &[]), "anything"));
        assert!(is_allowed(&policy(Some(&["search"]), &[]), "search"));
        assert!(!is_allowed(&policy(Some(&["search"]), &[]), "Search"));
        assert!(!is_allowed(&policy(Some(&["search"]), &["search"]), "search"));
        assert!(!is_allowed(&policy(None, &["shell"]), "Shell "));
        assert!(!is_allowed(&policy(Some(&[]), &[]), "search"));
    }

    #[test]
    fn length_is_counted_in_characters_of_one_field() {
        let judged = |text: &str| {
            let mut out = Vec::new();
            ToolRules::new().judge(text, &policy(None, &[]), &mut out);
            out.into_iter().map(|sighting| (sighting.span.start, sighting.span.end)).collect::<Vec<_>>()
        };
        assert!(judged(r#"{"a":"12345","b":"éééé\u00e9"}"#).is_empty());
        assert_eq!(judged(r#"{"a":"123456"}"#), [(6, 12)]);
        assert_eq!(judged("123456"), [(0, 6)]);
    }

    #[test]
    fn escaped_argument_is_judged_unescaped() {
        let mut policy = policy(None, &[]);
        policy.max_chars_per_field = None;
        policy.deny_arguments = vec![Category::Xss];
        let mut out = Vec::new();
        ToolRules::new().judge(r#"{"html":"\u003cscript>alert(1)</script>"}"#, &policy, &mut out);
        assert!(out.iter().any(|sighting| sighting.category == Category::Xss));
    }

    proptest! {
        #[test]
        fn strings_of_any_text_stand_on_character_borders(text in "[\"\\\\{}:,a-cu0-9é\u{1}]{0,40}") {
            for (span, _) in json_strings(&text) {
                prop_assert!(text.get(span).is_some());
            }
        }
    }
}
