//! The rows: one per literal, what stands at it or behind it, under which rule and label it is reported, how sure one is and
//! where the format is known from. The rows themselves stand in one file per area.

use super::shapes::{
    Alphabet, contains_ignoring_case, github_checksum_fits, is_placeholder, looks_random, may_begin, may_end, run,
    slice,
};
use super::{Hit, ai, assignment, clouds, code, data, forms, messages, payments};
use std::ops::Range;

/// A literal and what it announces.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) literal: &'static str,
    pub(super) rule: &'static str,
    pub(super) label: &'static str,
    pub(super) score: f32,
    pub(super) shape: Shape,
    /// Where the format is known from: shown to operators.
    #[cfg_attr(not(test), allow(dead_code, reason = "a test holds policies/README.md against it"))]
    pub(super) basis: Basis,
}

/// Where a format is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Basis {
    /// The issuer (or a standard) documents the prefix or the form.
    Documented,
    /// Seen in the wild, and listed by scanners of repositories; lengths are kept loose.
    Observed,
}

/// How a credential is recognised at its literal. The texts are for the operators' table.
#[derive(Debug)]
#[cfg_attr(not(test), allow(dead_code, reason = "a test holds policies/README.md against the texts"))]
pub(super) enum Shape {
    /// The literal (in this case of letters) and a run of so many characters: the credential is both.
    Prefix(Alphabet, usize, usize),
    /// The same, but only the run is the credential.
    After(Alphabet, usize, usize),
    /// The literal and several runs with a text between: the credential is all of it.
    Parts(&'static [Part]),
    /// The literal is a name in any case of letters; shortly behind it a word such as `key` or `token` stands, and behind that a
    /// random run of so many characters, which is the credential.
    Told(Alphabet, usize, usize),
    /// The same with a UUID.
    ToldUuid,
    /// As `Prefix` with thirty random characters and six of their CRC-32 in base 62.
    Checksum62,
    /// A check of its own, and what it checks.
    Own(fn(&str, Range<usize>) -> Option<Hit>, &'static str),
    /// A block that reaches far: its checks are not nested.
    Block(fn(&str, Range<usize>) -> Option<Hit>, &'static str),
    /// A name that values are assigned to.
    Assignment(assignment::Kind),
}

/// A run and the text that follows it.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) of: Alphabet,
    pub(super) min: usize,
    pub(super) max: usize,
    pub(super) then: &'static str,
}

/// No upper limit: safe only with alphabets in whose runs [`may_begin`] allows one place.
pub(super) const ANY: usize = usize::MAX;
/// How far behind a word its credential is looked for, in bytes.
const NEAR: usize = 80;
/// What says that a value is a credential.
const KEY_WORDS: [&[u8]; 8] = [b"key", b"token", b"secret", b"auth", b"pass", b"pwd", b"credential", b"_pat"];

/// All rows. Rows with the same literal are looked at one after the other.
pub(super) fn rows() -> impl Iterator<Item = &'static Row> {
    [ai::ROWS, clouds::ROWS, code::ROWS, messages::ROWS, payments::ROWS, data::ROWS, forms::ROWS].into_iter().flatten()
}

impl Row {
    /// Looks at one place where the literal stands.
    pub(super) fn check(&self, text: &str, at: Range<usize>) -> Option<Hit> {
        let bytes = text.as_bytes();
        let hit = |span| Some(Hit { span, score: self.score });
        match self.shape {
            Shape::Prefix(of, min, max) => {
                let tail = self.tail(bytes, &at, of, min, max)?;
                hit(at.start..tail.end)
            }
            Shape::After(of, min, max) => hit(self.tail(bytes, &at, of, min, max)?),
            Shape::Parts(parts) => hit(self.parts(bytes, at, parts)?),
            Shape::Told(of, min, max) => hit(told(bytes, &at, of, min, max)?),
            Shape::ToldUuid => hit(told_uuid(bytes, &at)?),
            Shape::Checksum62 => self.checksum_62(bytes, at),
            Shape::Own(check, _) | Shape::Block(check, _) => check(text, at),
            Shape::Assignment(kind) => assignment::check(text, at, kind),
        }
    }

    /// Whether the literal stands here in its own case of letters, and a credential may begin with it.
    fn begins(&self, bytes: &[u8], at: &Range<usize>) -> bool {
        slice(bytes, at.clone()) == self.literal.as_bytes() && may_begin(bytes, at.start)
    }

    fn tail(&self, bytes: &[u8], at: &Range<usize>, of: Alphabet, min: usize, max: usize) -> Option<Range<usize>> {
        if !self.begins(bytes, at) {
            return None;
        }
        let tail = run(bytes, at.end, of, max.saturating_add(1));
        let fits = (min..=max).contains(&tail.len()) && may_end(bytes, tail.end);
        (fits && !is_placeholder(slice(bytes, tail.clone()))).then_some(tail)
    }

    fn parts(&self, bytes: &[u8], at: Range<usize>, parts: &[Part]) -> Option<Range<usize>> {
        if !self.begins(bytes, &at) {
            return None;
        }
        let mut end = at.end;
        for part in parts {
            let found = run(bytes, end, part.of, part.max.saturating_add(1));
            let behind = found.end.saturating_add(part.then.len());
            let fits = (part.min..=part.max).contains(&found.len())
                && bytes.get(found.end..behind) == Some(part.then.as_bytes());
            end = fits.then_some(behind)?;
        }
        (may_end(bytes, end) && !is_placeholder(slice(bytes, at.end..end))).then_some(at.start..end)
    }

    fn checksum_62(&self, bytes: &[u8], at: Range<usize>) -> Option<Hit> {
        if !self.begins(bytes, &at) {
            return None;
        }
        let tail = run(bytes, at.end, Alphabet::Alnum, 256);
        let value = slice(bytes, tail.clone());
        let span = at.start..tail.end;
        match value.len() {
            36 if github_checksum_fits(value) => Some(Hit { span, score: self.score }),
            // Without the checksum still likely enough to be cut.
            36..=255 if looks_random(value) => Some(Hit { span, score: 0.7 }),
            _ => None,
        }
    }
}

/// The first random-looking run of a fitting length that begins at most [`NEAR`] bytes after `from`.
pub(super) fn near(bytes: &[u8], from: usize, of: Alphabet, min: usize, max: usize) -> Option<Range<usize>> {
    let mut at = from;
    while at < from.saturating_add(NEAR).min(bytes.len()) {
        let found = run(bytes, at, of, max.saturating_add(1));
        let value = slice(bytes, found.clone());
        let begins = at.checked_sub(1).and_then(|before| bytes.get(before)).is_none_or(|before| !of.has(*before));
        if begins
            && (min..=max).contains(&found.len())
            && may_end(bytes, found.end)
            && looks_random(value)
            && !is_hash(of, value)
        {
            return Some(found);
        }
        at = found.end.max(at).saturating_add(1);
    }
    None
}

/// As [`near`], where a word between the name and the value says that it is a credential.
pub(super) fn told(bytes: &[u8], at: &Range<usize>, of: Alphabet, min: usize, max: usize) -> Option<Range<usize>> {
    let found = near(bytes, at.end, of, min, max)?;
    // The name may hold such a word itself (`dd_api_key`); `auth0` does not mean one.
    let from = if slice(bytes, at.clone()).eq_ignore_ascii_case(b"auth0") { at.end } else { at.start };
    (is_told(bytes, from..found.start) && is_apart(bytes, &found)).then_some(found)
}

fn is_told(bytes: &[u8], between: Range<usize>) -> bool {
    let between = slice(bytes, between);
    KEY_WORDS.iter().any(|word| contains_ignoring_case(between, word))
}

/// A part of a UUID, a path or a checksum line (`sha256-…`, `…/commit/…`) stands by itself for something else.
fn is_apart(bytes: &[u8], found: &Range<usize>) -> bool {
    let before = found.start.checked_sub(1).and_then(|before| bytes.get(before));
    !before.is_some_and(|sign| matches!(sign, b'-' | b'/' | b'#' | b'@' | b'.' | b'_' | b'+'))
        && !bytes.get(found.end).is_some_and(|sign| matches!(sign, b'-' | b'/' | b'_'))
}

fn told_uuid(bytes: &[u8], at: &Range<usize>) -> Option<Range<usize>> {
    let window = slice(bytes, at.end..at.end.saturating_add(NEAR).min(bytes.len()));
    let start = (0..window.len()).map(|offset| at.end.saturating_add(offset)).find(|start| {
        let value = slice(bytes, *start..start.saturating_add(36));
        bytes.get(*start).is_some_and(u8::is_ascii_hexdigit) && may_begin(bytes, *start) && is_uuid(value)
    })?;
    let span = start..start.saturating_add(36);
    (is_told(bytes, at.start..start) && may_end(bytes, span.end) && !is_placeholder(slice(bytes, span.clone())))
        .then_some(span)
}

/// `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` in hexadecimal digits.
pub(super) fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Where an alphabet is wider than hex, a value of nothing but hex digits is a hash and not the credential.
fn is_hash(of: Alphabet, value: &[u8]) -> bool {
    !matches!(of, Alphabet::LowerHex | Alphabet::Hex | Alphabet::Alnum | Alphabet::Lower)
        && value.iter().all(u8::is_ascii_hexdigit)
}

/// A row whose format its issuer documents.
pub(super) const fn known(
    literal: &'static str,
    rule: &'static str,
    label: &'static str,
    score: f32,
    shape: Shape,
) -> Row {
    Row { literal, rule, label, score, shape, basis: Basis::Documented }
}

/// A row whose format is widely observed.
pub(super) const fn observed(
    literal: &'static str,
    rule: &'static str,
    label: &'static str,
    score: f32,
    shape: Shape,
) -> Row {
    Row { literal, rule, label, score, shape, basis: Basis::Observed }
}

/// A run of between `min` and `max` characters, then a text.
pub(super) const fn part(of: Alphabet, min: usize, max: usize, then: &'static str) -> Part {
    Part { of, min, max, then }
}

/// The five parts of a UUID.
pub(super) const UUID: &[Part] = &[
    part(Alphabet::Hex, 8, 8, "-"),
    part(Alphabet::Hex, 4, 4, "-"),
    part(Alphabet::Hex, 4, 4, "-"),
    part(Alphabet::Hex, 4, 4, "-"),
    part(Alphabet::Hex, 12, 12, ""),
];
