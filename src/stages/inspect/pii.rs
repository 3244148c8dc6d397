//! Personal data in text: e-mail, network and postal addresses, phone and card numbers, bank accounts, dates of birth, wallets,
//! and the national numbers of some thirty countries by their check digits.
//!
//! Everything looked for holds a digit, an `@` or a `:`, so stretches without them are skipped in blocks; around the rest small
//! checks read a bounded stretch. Numbers are believed for their form only where that is telling (Luhn and issuer ranges, mod 97,
//! separators as people write them) or where a word before them says what they are. Sources: ISO 7812, ISO 13616, E.164,
//! RFC 5737, RFC 6890.
//!
//! What must never happen here: a span that covers less than the datum, or work that grows faster than the text. Above
//! [`MAX_SIGHTINGS`] the rest of the text counts as one sighting. ASCII digits only.

mod addresses;
mod checks;
mod iban;
mod ids;
mod kinds;
mod letters;
mod live;
mod numbers;
mod places;
mod told;
mod wallets;

use super::Sighting;
use crate::model::{Category, RuleId};
use aho_corasick::AhoCorasick;
use kinds::{KINDS, Kind};
use std::ops::Range;
use std::sync::OnceLock;

/// Most sightings reported one by one in one text; the rest of the text is then one sighting, so that memory stays bounded.
pub const MAX_SIGHTINGS: usize = 10_000;

/// The detector of personal data, ready to run.
#[derive(Debug)]
pub struct Pii {
    /// One for each kind, in the order of their numbers.
    rules: Vec<RuleId>,
    too_many: RuleId,
}

/// What a check confirmed.
#[derive(Debug, Clone, PartialEq)]
struct Hit {
    kind: Kind,
    span: Range<usize>,
    score: f32,
}

impl Pii {
    /// Makes the detector ready.
    pub fn compile() -> Self {
        // Builds the words once, here and not on the path of the first exchange.
        told::told_before(b"", 0);
        Self {
            rules: KINDS.iter().map(|kind| RuleId::new(kind.rule())).collect(),
            too_many: RuleId::new("pii.too-many"),
        }
    }

    /// Reports the personal data in a text, in the order of the text; spans do not overlap.
    pub fn scan(&self, text: &str, out: &mut Vec<Sighting>) {
        self.scan_from(text, 0, 0, out);
    }

    /// As [`Pii::scan`], for what begins from `from` on; what was reported before ended at `done`.
    pub fn scan_from(&self, text: &str, from: usize, mut done: usize, out: &mut Vec<Sighting>) {
        let bytes = text.as_bytes();
        // A bank's code is recognised at the colon before it.
        let head = bytes.get(..from).unwrap_or(b"");
        let spaces = head.iter().rev().take(3).take_while(|byte| **byte == b' ').count();
        let mut at = from.saturating_sub(spaces.saturating_add(1));
        if bytes.get(at) != Some(&b':') {
            at = from;
        }
        let first = out.len();
        // `done` is where the last sighting ended: nothing is reported twice.
        while let Some(place) = next_place(bytes, at) {
            let (hit, next) = look(text, place, done);
            at = next.max(place.saturating_add(1));
            let Some(mut hit) = hit else { continue };
            // What reaches back (an address, a month before its day) gives way to what was reported; together they leave nothing out.
            hit.span.start = hit.span.start.max(done);
            if out.len().saturating_sub(first) >= MAX_SIGHTINGS {
                let span = text.floor_char_boundary(hit.span.start)..text.len();
                let rule = self.too_many.clone();
                out.push(Sighting { rule, category: Category::Pii, score: 1.0, span, label: "PERSONAL_DATA" });
                return;
            }
            done = hit.span.end;
            at = at.max(done);
            out.extend(self.sighting(hit));
        }
    }

    fn sighting(&self, hit: Hit) -> Option<Sighting> {
        let rule = self.rules.get(hit.kind as usize)?.clone();
        Some(Sighting { rule, category: Category::Pii, score: hit.score, span: hit.span, label: hit.kind.label() })
    }
}

/// Looks at one digit, `@` or `:`. Returns what it is, if anything, and where to go on.
fn look(text: &str, place: usize, done: usize) -> (Option<Hit>, usize) {
    let bytes = text.as_bytes();
    match bytes.get(place) {
        Some(b'@') => (addresses::email(text, place, done), place.saturating_add(1)),
        Some(b':') => {
            let hit = addresses::ipv6(bytes, place, done);
            let hit = hit.or_else(|| places::mac(bytes, place, done)).or_else(|| places::bic(bytes, place));
            (hit, place.saturating_add(1))
        }
        _ => {
            let hit = addresses::ipv4(bytes, place, done).or_else(|| iban::iban(bytes, place, done));
            if let Some(hit) = hit.or_else(|| letters::token(bytes, place, done)) {
                return (Some(hit), place);
            }
            numbers::number(bytes, place, done)
        }
    }
}

/// The next byte that anything can be recognised by: `0`–`9`, `:` and `@`. Blocks without one are skipped at once.
fn next_place(bytes: &[u8], from: usize) -> Option<usize> {
    const BLOCK: usize = 32;
    // `:` follows `9`, so that one range holds both.
    let tells = |byte: u8| byte.wrapping_sub(b'0') <= b':' - b'0' || byte == b'@';
    let mut at = from;
    let rest = bytes.get(from..)?;
    for block in rest.chunks(BLOCK) {
        if block.iter().fold(false, |any, byte| any | tells(*byte)) {
            return block.iter().position(|byte| tells(*byte)).map(|offset| at.saturating_add(offset));
        }
        at = at.saturating_add(block.len());
    }
    None
}

/// Whether the byte before `at` is none of these.
fn not_after(bytes: &[u8], at: usize, forbidden: impl Fn(u8) -> bool) -> bool {
    at.checked_sub(1).and_then(|before| bytes.get(before)).is_none_or(|before| !forbidden(*before))
}

/// Words that say what a number is, in any case of ASCII letters.
struct Words {
    list: &'static [&'static str],
    automaton: OnceLock<Option<AhoCorasick>>,
}

impl Words {
    const fn new(list: &'static [&'static str]) -> Self {
        Self { list, automaton: OnceLock::new() }
    }

    /// Whether any of them stands in a text. If the automaton cannot be built, yes: a number too many is cut, not one too few.
    fn stand_in(&self, text: &[u8]) -> bool {
        let build = || AhoCorasick::builder().ascii_case_insensitive(true).build(self.list).ok();
        self.automaton.get_or_init(build).as_ref().is_none_or(|automaton| automaton.is_match(text))
    }

    /// As [`Words::stand_in`], where the word begins a word: `phone` is in `homePhone` and `work_phone`, not in `headphones`.
    fn begin_in(&self, text: &[u8]) -> bool {
        let build = || AhoCorasick::builder().ascii_case_insensitive(true).build(self.list).ok();
        let begins = |at: usize| {
            let before = at.checked_sub(1).and_then(|before| text.get(before));
            before.is_none_or(|before| !before.is_ascii_alphabetic())
                || (before.is_some_and(u8::is_ascii_lowercase) && text.get(at).is_some_and(u8::is_ascii_uppercase))
        };
        let automaton = self.automaton.get_or_init(build).as_ref();
        automaton.is_none_or(|automaton| automaton.find_overlapping_iter(text).any(|hit| begins(hit.start())))
    }
}

/// Whether one of these words stands within `reach` bytes before `at`.
fn said_before(bytes: &[u8], at: usize, reach: usize, words: &Words) -> bool {
    words.stand_in(bytes.get(at.saturating_sub(reach)..at).unwrap_or(b""))
}

#[cfg(test)]
#[path = "pii/id_tests.rs"]
mod id_tests;
#[cfg(test)]
pub(super) mod tables;
#[cfg(test)]
#[path = "pii/tests.rs"]
mod tests;
