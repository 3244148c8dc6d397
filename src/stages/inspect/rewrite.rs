//! What a pattern of a pack means before it is compiled.
//!
//! - Letters outside ASCII are folded as the normalised view folds text, so `für` is written naturally and matches `fur`.
//! - `\s+` is the gap between two words: besides white space it spans marks that people and attackers put between words
//!   (`ignore_all-previous`, `ignore **all** previous`).
//! - For letters that stood apart (`i g n o r e a l l`) no gap is left: there `\s+` may be empty and `\b` means nothing.

use super::characters::fold_char;

/// The gap between two words.
const GAP: &str = r"[\s_*~\x60\x22\x27+\-]+";

/// The border of a word; `_` is a border too, because it joins words where white space is not allowed.
const BORDER: &str = r"(?:\b|_)";

/// A pattern for the normalised view.
pub(super) fn for_normalised(pattern: &str) -> String {
    replace(&folded(pattern), GAP, BORDER)
}

/// The same pattern for words without gaps.
pub(super) fn for_squashed(pattern: &str) -> String {
    replace(&folded(pattern), r"\s*", "")
}

fn folded(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    for c in pattern.chars() {
        if c.is_ascii() { out.push(c) } else { fold_char(c, |part| out.push(part)) }
    }
    out
}

/// Replaces `\s+` and `\b` outside character classes.
fn replace(pattern: &str, gap: &str, border: &str) -> String {
    let mut out = String::with_capacity(pattern.len().saturating_mul(2));
    let mut in_class = false;
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let taken = match c {
            '\\' if !in_class && rest.starts_with(r"\s+") => {
                out.push_str(gap);
                3
            }
            '\\' if !in_class && rest.starts_with(r"\b") && !rest.starts_with(r"\b{") => {
                out.push_str(border);
                2
            }
            '\\' => {
                let len = rest.chars().take(2).map(char::len_utf8).sum();
                out.push_str(rest.get(..len).unwrap_or(rest));
                len
            }
            other => {
                in_class = other == '[' || (in_class && other != ']');
                out.push(other);
                other.len_utf8()
            }
        };
        rest = rest.get(taken..).unwrap_or("");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_and_letters_are_rewritten_outside_classes_only() {
        assert_eq!(for_normalised(r"für\s+[\s+ü]\\s+"), format!(r"fur{GAP}[\s+u]\\s+"));
        assert_eq!(for_squashed(r"\bignore\s+all\b"), r"ignore\s*all");
    }

    #[test]
    fn a_trailing_backslash_is_left_for_the_compiler_to_refuse() {
        assert_eq!(for_squashed("a\\"), "a\\");
    }
}
