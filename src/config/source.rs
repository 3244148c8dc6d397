//! One YAML file in memory: its lines, and which of them must not be shown because they may hold a credential.
//!
//! The judgement errs on the side of hiding: a hidden line costs the operator a glance into the file, a shown one may put a
//! key into a terminal's scroll-back, a CI log or a ticket.

use super::faults::{Fault, MAX_EXCERPT_BYTES, Place, printable};
use super::tree::{Node, Value};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// A file's text with what is needed to excerpt it.
#[derive(Debug)]
pub(super) struct Source {
    /// The path as the operator named it.
    pub path: PathBuf,
    /// The content.
    pub text: String,
    /// Lines (from 1) that are not shown.
    hidden: BTreeSet<usize>,
}

impl Source {
    /// Takes a file's content over. What may hold a secret is found by its words alone, since the YAML may be broken.
    pub fn new(path: PathBuf, text: String) -> Self {
        let hidden = lines_that_name_secrets(&text);
        Self { path, text, hidden }
    }

    /// Hides, in addition, every line of every value under a key that names a secret.
    pub fn hide_secret_values(&mut self, node: &Node) {
        match &node.value {
            Value::Map(entries) => {
                for entry in entries {
                    if names_secret(&entry.key) {
                        self.hidden.extend(entry.key_place.line..=entry.value.end_line);
                    }
                    self.hide_secret_values(&entry.value);
                }
            }
            Value::List(nodes) => nodes.iter().for_each(|node| self.hide_secret_values(node)),
            Value::Scalar(_) | Value::Broken => {}
        }
    }

    /// Gives each fault its source line, where that may be shown.
    pub fn excerpt(&self, faults: &mut [Fault]) {
        let lines: Vec<&str> = self.text.lines().collect();
        for fault in faults.iter_mut().filter(|fault| fault.file == self.path && !self.hidden.contains(&fault.line)) {
            fault.excerpt = fault
                .line
                .checked_sub(1)
                .and_then(|index| lines.get(index))
                .filter(|line| line.len() <= MAX_EXCERPT_BYTES)
                .map(|line| shown(line));
        }
    }

    /// The characters from a byte offset on to the end of its line, at most `end`.
    pub fn length_on_line(&self, start: usize, end: usize) -> usize {
        let text = self.text.get(start..end).unwrap_or_default();
        text.lines().next().unwrap_or_default().trim_end().chars().count().max(1)
    }

    /// The place of an invalid byte, for files that are not UTF-8.
    pub fn place_of_byte(content: &[u8], offset: usize) -> Place {
        let before = content.get(..offset).unwrap_or_default();
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = String::from_utf8_lossy(before.get(line_start..).unwrap_or_default()).chars().count() + 1;
        Place { line, column, len: 1 }
    }
}

/// A line without what could steer a terminal, character for character, so that columns stay true.
fn shown(line: &str) -> String {
    line.split('\t').map(printable).collect::<Vec<_>>().join("\t")
}

/// Whether a word says that a credential stands nearby. `tokens` is a limit and harmless.
fn names_secret(text: &str) -> bool {
    let folded: String = text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let folded = folded.replace("tokens", "").replace("keysha256", "");
    folded.ends_with("key")
        || ["apikey", "secret", "passw", "pwd", "token", "credential", "authorization", "bearer"]
            .iter()
            .any(|word| folded.contains(word))
}

/// Whether a value has the shape of a credential: known prefixes, userinfo in a URL, or a long mixed word.
pub(super) fn looks_secret(value: &str) -> bool {
    const PREFIXES: [&str; 7] = ["sk-", "pk-", "ghp_", "xox", "AKIA", "eyJ", "-----BEGIN"];
    let words = || value.split(|c: char| c.is_whitespace() || "\"',[]{}()=:".contains(c));
    // Names of models and rules have separators; keys are one long run of letters and digits.
    let mixed = |run: &str| {
        run.len() >= 20
            && run.bytes().any(|byte| byte.is_ascii_digit())
            && run.bytes().any(|byte| byte.is_ascii_alphabetic())
    };
    value.contains("://") && (value.contains('@') || value.contains("key=") || value.contains("token="))
        || words().any(|word| PREFIXES.iter().any(|prefix| word.starts_with(prefix)))
        || value.split(|c: char| !c.is_ascii_alphanumeric()).any(mixed)
}

/// The key of a `key: value`, also where the colon was forgotten.
fn first_word(part: &str) -> &str {
    let part = part.trim_start_matches(['-', ' ', '\t', '?', '#', '"', '\'']);
    part.split([':', '=', ' ', '\t']).next().unwrap_or_default()
}

fn lines_that_name_secrets(text: &str) -> BTreeSet<usize> {
    let mut hidden = BTreeSet::new();
    // Indentation of the key whose value is hidden: what is indented deeper still belongs to it.
    let mut under: Option<usize> = None;
    for (index, line) in text.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let continues = under.is_some_and(|key_indent| indent > key_indent || line.trim().is_empty());
        let in_comment = line.split_once('#').is_some_and(|(_, comment)| names_secret(comment));
        let named = in_comment || line.split([',', '{']).any(|part| names_secret(first_word(part)));
        if named && !continues {
            under = Some(indent);
        } else if !continues {
            under = None;
        }
        if continues || named || looks_secret(line) {
            hidden.insert(index + 1);
        }
    }
    hidden
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_may_hold_a_secret_are_hidden_with_what_is_indented_below_them() {
        let text = "a: 1\napi_key: |\n  line one\n\n  line two\nb: 2\nc: sk-live\nd: https://u:p@host\ntokens: 5/min\n";
        assert_eq!(lines_that_name_secrets(text).into_iter().collect::<Vec<_>>(), [2, 3, 4, 5, 7, 8]);
    }

    #[test]
    fn a_policy_that_speaks_of_secrets_is_shown() {
        let text = "rules:\n  - { id: secrets-out, finding: secret, action: redact }\n";
        assert!(lines_that_name_secrets(text).is_empty());
        let others = "{ provider: x, api_key: y }\nApi-Key y\nprovider: opnai # password hunter2\n";
        assert_eq!(lines_that_name_secrets(others).len(), 3);
    }

    #[test]
    fn words_of_every_day_configuration_do_not_look_secret() {
        for value in [
            "127.0.0.1:8080",
            "https://api.openai.com",
            "${env:OPENAI_API_KEY_OF_TEAM_2}",
            "/agents/support-2/",
            "claude-sonnet-4-20250514",
            "injection.encoded_payload.base64-long",
        ] {
            assert!(!looks_secret(value), "{value}");
        }
        assert!(looks_secret("aB3dE5fG7hI9jK1lM3nO5"));
    }
}
