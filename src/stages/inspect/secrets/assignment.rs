//! Values behind names such as `api_key =`, `"password":` or "my password is". The name alone proves little, so the value must
//! look like one, and the score stays low.

use super::Hit;
use super::shapes::{contains_ignoring_case, entropy, is_placeholder, slice};
use super::table::is_uuid;
use std::ops::Range;

/// What the name promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Chosen by a person: may be short.
    Password,
    /// Issued by a machine; a UUID may be one.
    Key,
    /// As `Key`, but the word has many other uses.
    Token,
}

/// Longest value, in bytes.
const VALUE: usize = 256;
/// Longest rest of a name behind the literal (`password_for_production`), in bytes.
const NAME: usize = 24;
const SCORE: f32 = 0.6;

/// Names that hold something about a secret instead of one.
const ABOUT: [&str; 16] = [
    "id", "ids", "name", "url", "uri", "path", "file", "type", "count", "limit", "length", "size", "ttl", "hint",
    "policy", "budget",
];

/// Looks at one place where a name stands.
pub(super) fn check(text: &str, at: Range<usize>, kind: Kind) -> Option<Hit> {
    let bytes = text.as_bytes();
    let name = name_rest(bytes, at.end);
    let rest = text.get(name.clone())?.trim_start_matches(['_', '-']);
    if ABOUT.iter().any(|about| last_word_is(rest, about)) {
        return None;
    }
    let value_at = after_separator(bytes, name.end)?;
    let span = value(text, value_at)?;
    plausible(slice(bytes, span.clone()), kind).then_some(Hit { span, score: SCORE })
}

/// Where the value behind a name begins, if the text ends before the value does.
pub(super) fn open(text: &str, at: &Range<usize>) -> Option<usize> {
    let bytes = text.as_bytes();
    let value_at = after_separator(bytes, name_rest(bytes, at.end).end)?;
    let Opened { start, quote, escapes } = opened(bytes, value_at)?;
    let rest = bytes.get(start..)?;
    (!rest.is_empty() && rest.len() <= VALUE && !rest.iter().any(|byte| ends(*byte, quote, escapes))).then_some(start)
}

fn name_rest(bytes: &[u8], from: usize) -> Range<usize> {
    let rest = bytes.get(from..).unwrap_or(b"");
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    from..from.saturating_add(rest.iter().take(NAME).take_while(|byte| is_part(byte)).count())
}

/// Whether the last word of `file_name`, `FileName` or `file-name` is `word`.
fn last_word_is(name: &str, word: &str) -> bool {
    let cut = name.len().checked_sub(word.len());
    cut.and_then(|cut| name.get(cut..)).is_some_and(|end| end.eq_ignore_ascii_case(word))
}

/// The place behind `=`, `:`, `=>`, `:=` or ` is `, with quotes and spaces around them; none if there is no such sign.
fn after_separator(bytes: &[u8], from: usize) -> Option<usize> {
    let skip = |from: usize, limit: usize, set: &[u8]| {
        let rest = bytes.get(from..).unwrap_or(b"");
        from.saturating_add(rest.iter().take(limit).take_while(|byte| set.contains(byte)).count())
    };
    let sign = skip(from, 6, b" \t\"'`\\]*)");
    let after = skip(sign, 2, b"=:>");
    if after > sign {
        return Some(skip(after, 8, b" \t*\r\n"));
    }
    let is = matches!(bytes.get(sign..)?, [b'i' | b'I', b's' | b'S', b' ' | b':' | b'=', ..]);
    (sign > from && is).then(|| skip(sign.saturating_add(2), 4, b" :="))
}

/// How a value begins.
struct Opened {
    start: usize,
    quote: Option<u8>,
    escapes: usize,
}

fn opened(bytes: &[u8], from: usize) -> Option<Opened> {
    let escapes = bytes.get(from..)?.iter().take(2).take_while(|byte| **byte == b'\\').count();
    let open = from.saturating_add(escapes);
    let quote = bytes.get(open).copied().filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
    let start = if quote.is_some() { open.saturating_add(1) } else { from };
    Some(Opened { start, quote, escapes })
}

/// Whether a value ends before this byte.
fn ends(byte: u8, quote: Option<u8>, escapes: usize) -> bool {
    match quote {
        Some(quote) => byte == quote || (escapes > 0 && byte == b'\\') || byte == b'\n',
        None => byte.is_ascii_whitespace() || b"\"'`,;<>()[]{}&\\".contains(&byte),
    }
}

/// The value from `from` on: what stands between quotes, or up to a space or a bracket.
fn value(text: &str, from: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let Opened { start, quote, escapes } = opened(bytes, from)?;
    let rest = bytes.get(start..)?;
    let len = rest
        .iter()
        .take(VALUE)
        .position(|byte| ends(*byte, quote, escapes))
        .or((rest.len() <= VALUE).then_some(rest.len()))?;
    // A call or an index is code that fetches a secret, not the secret.
    let fetched = quote.is_none() && matches!(rest.get(len), Some(b'(' | b'['));
    let kept = rest.get(..len)?.trim_ascii_end();
    let kept = match quote {
        Some(_) => kept.len(),
        None => kept.strip_suffix(b".").unwrap_or(kept).len(),
    };
    (!fetched && kept > 0).then(|| start..start.saturating_add(kept))
}

fn plausible(value: &[u8], kind: Kind) -> bool {
    let count = |test: fn(&u8) -> bool| value.iter().filter(|byte| test(byte)).count();
    let (digits, letters) = (count(u8::is_ascii_digit), count(u8::is_ascii_alphabetic));
    let marks = value.iter().filter(|byte| b"!@#$%^&*?~+".contains(byte)).count();
    let spaces = count(u8::is_ascii_whitespace);
    let (min_len, mixed, min_entropy) = match kind {
        Kind::Password => (6, letters > 0 && digits.saturating_add(marks) > 0, 2.0),
        Kind::Key => (12, letters > 0 && digits > 0, 2.8),
        Kind::Token => (16, letters > 2 && digits > 0 && !is_uuid(value), 3.0),
    };
    // Sentences in quotes are no keys, though they may be passphrases.
    let wordy = spaces > 0 && (kind != Kind::Password || spaces > 4);
    value.len() >= min_len
        && mixed
        && !wordy
        && !is_reference(value)
        && !is_placeholder(value)
        && entropy(value) >= min_entropy
}

/// A path, a URL, a variable or an expression: names a secret's place.
fn is_reference(value: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 11] =
        [b"/", b"./", b"~/", b"$", b"{", b"%(", b"process.", b"os.", b"env.", b"config.", b"self."];
    BEGINNINGS.iter().any(|beginning| value.starts_with(beginning)) || contains_ignoring_case(value, b"://")
}
