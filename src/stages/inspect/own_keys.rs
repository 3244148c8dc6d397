//! The gateway's own credentials for its upstreams, wherever an answer repeats them (THREATS 36, 38). An operator's key may
//! have any form, so no pattern can be trusted to know it: it is looked for byte by byte.
//!
//! What must never happen here: that a key shows in `Debug`, or stays in memory after its snapshot.

use super::Sighting;
use crate::config::settings::{Credential, Upstream};
use crate::model::{Category, Finding, RuleId, Secret};

/// Shorter "keys" are words such as `none` or `EMPTY` that local servers are given; they are no secret, and they stand in
/// ordinary text.
const MIN_KEY_BYTES: usize = 12;

/// Most sightings in one text; the rest of it then counts as one.
const MAX_SIGHTINGS: usize = 1_000;

/// All credentials that this gateway sends.
#[derive(Debug)]
pub(super) struct OwnKeys {
    keys: Vec<Secret>,
    rule: RuleId,
}

impl OwnKeys {
    pub fn of(upstreams: &[Upstream]) -> Self {
        let known = upstreams.iter().filter_map(|upstream| match &upstream.api_key {
            Credential::Key(key) if key.expose().len() >= MIN_KEY_BYTES => Some(Secret::new(key.expose().to_owned())),
            _ => None,
        });
        Self { keys: known.collect(), rule: RuleId::new(Finding::UPSTREAM_CREDENTIAL) }
    }

    /// Whether bytes outside a body (a header's value) hold one of the keys.
    pub fn are_in(&self, bytes: &[u8]) -> bool {
        self.keys.iter().any(|key| memchr::memmem::find(bytes, key.expose().as_bytes()).is_some())
    }

    /// Where a key begins that the end of the text cuts off; the text's length if none does.
    pub fn live_start(&self, text: &str) -> usize {
        let bytes = text.as_bytes();
        let starts = self.keys.iter().map(|key| key.expose().as_bytes()).filter_map(|key| {
            let from = bytes.len().saturating_sub(key.len().saturating_sub(1));
            let tail = bytes.get(from..)?;
            let is_half = |offset: &usize| tail.get(*offset..).is_some_and(|rest| key.starts_with(rest));
            memchr::memchr_iter(*key.first()?, tail).find(is_half).map(|offset| from.saturating_add(offset))
        });
        text.floor_char_boundary(starts.min().unwrap_or(bytes.len()))
    }

    /// Reports each place of each key.
    pub fn scan(&self, text: &str, out: &mut Vec<Sighting>) {
        for key in self.keys.iter().map(Secret::expose).filter(|key| key.len() <= text.len()) {
            for (count, start) in memchr::memmem::find_iter(text.as_bytes(), key.as_bytes()).enumerate() {
                let is_last = count >= MAX_SIGHTINGS;
                let end = if is_last { text.len() } else { start.saturating_add(key.len()) };
                out.push(Sighting {
                    rule: self.rule.clone(),
                    category: Category::Secret,
                    score: 1.0,
                    span: start..end,
                    label: "UPSTREAM_CREDENTIAL",
                });
                if is_last {
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(texts: &[&str]) -> OwnKeys {
        let keys = texts.iter().map(|text| Secret::new((*text).to_owned())).collect();
        OwnKeys { keys, rule: RuleId::new(Finding::UPSTREAM_CREDENTIAL) }
    }

    fn spans(keys: &OwnKeys, text: &str) -> Vec<std::ops::Range<usize>> {
        let mut out = Vec::new();
        keys.scan(text, &mut out);
        out.into_iter().map(|sighting| sighting.span).collect()
    }

    #[test]
    fn every_place_of_every_key_is_reported_and_a_part_of_one_is_not() {
        let keys = keys(&["plain-operator-key", "another.key.of.ours"]);
        assert_eq!(spans(&keys, "é plain-operator-key, plain-operator-key"), [3..21, 23..41]);
        assert_eq!(spans(&keys, "another.key.of.ours"), std::iter::once(0..19).collect::<Vec<_>>());
        assert!(spans(&keys, "plain-operator-ke").is_empty());
        assert!(keys.are_in(b"a=plain-operator-key;") && !keys.are_in(b"plain-operator"));
    }

    #[test]
    fn text_full_of_keys_gives_a_bounded_list_that_reaches_its_end() {
        let text = "plain-operator-key".repeat(MAX_SIGHTINGS * 3);
        let spans = spans(&keys(&["plain-operator-key"]), &text);
        assert_eq!(spans.len(), MAX_SIGHTINGS + 1);
        assert_eq!(spans.last().map(|span| span.end), Some(text.len()));
    }

    #[test]
    fn debug_shows_no_key() {
        assert!(!format!("{:?}", keys(&["plain-operator-key"])).contains("operator"));
    }
}
