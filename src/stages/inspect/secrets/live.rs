//! Where in the text so far a credential may still be growing: what a stream has to hold back. Each row says for itself whether
//! what stands at its literal is decided; beside the rows stand the formats that begin before their literal, and literals
//! that are only half written. Too early a start holds text a moment longer; one too late would let a credential out.

use super::shapes::{Alphabet, contains_ignoring_case, may_begin, run, slice};
use super::table::{Row, Shape};
use super::{Secrets, assignment};
use memchr::memmem;
use std::ops::Range;

/// How far behind its literal a credential may begin, in bytes; `.netrc` allows most.
pub(in crate::stages::inspect) const CONTEXT: usize = 384;
/// Longest credential that begins behind its literal's word and not at it, in bytes.
const VALUE: usize = 320;
/// How far before its literal a credential may begin (Telegram's number), in bytes.
const HEAD: usize = 13;
/// From this length on a word is held because it may be encoded, and up to which, in bytes: room for a key in base64.
const ENCODED_FROM: usize = 24;
const ENCODED: usize = 320;
/// Signs before the mark of Azure's newer keys, and the mark.
const AZURE_HEAD: usize = 52;
const AZURE_MARK: &[u8] = b"JQQJ99";
/// Longest such key.
const AZURE_KEY: usize = AZURE_HEAD + AZURE_MARK.len() + 36;
/// Bytes before the end of Azure's older secrets' mark.
const AZURE_SECRET_HEAD: usize = 5;

impl Secrets {
    /// The earliest place, from `from` on, where a credential may have begun whose end is not known yet; the text's length if there
    /// is none. What stands before it, [`Secrets::scan`] reports as it would with any text behind.
    pub fn live_start(&self, text: &str, from: usize) -> usize {
        let bytes = text.as_bytes();
        let Some(literals) = &self.literals else { return from };
        let mut live = self.half_literal(bytes).min(before_literals(bytes));
        let context = text.floor_char_boundary(from.saturating_sub(CONTEXT));
        let end = End::of(bytes);
        literals.each_in_order(bytes.get(context..).unwrap_or(b""), &mut |met| {
            let at = context.saturating_add(met.start)..context.saturating_add(met.end);
            let open = self.rows.get(met.word).and_then(|row| row.open(text, &at, &end));
            live = live.min(open.unwrap_or(bytes.len()));
            true
        });
        text.floor_char_boundary(not_in_word(bytes, live).max(from))
    }

    /// Where a literal begins that the end of the text cuts off.
    fn half_literal(&self, bytes: &[u8]) -> usize {
        let longest = self.longest_literal.min(bytes.len());
        let from = bytes.len().saturating_sub(longest);
        let is_half = |start: &usize| {
            let tail = bytes.get(*start..).unwrap_or(b"");
            let first = tail.first().map_or(0, u8::to_ascii_lowercase);
            let rows = self.by_first_byte.get(usize::from(first)).map_or(&[][..], Vec::as_slice);
            rows.iter().any(|literal| {
                let literal = literal.as_bytes();
                tail.len() < literal.len()
                    && literal.get(..tail.len()).is_some_and(|head| head.eq_ignore_ascii_case(tail))
            })
        };
        (from..bytes.len()).find(is_half).unwrap_or(bytes.len())
    }
}

/// Formats that begin before the literal they are known by.
fn before_literals(bytes: &[u8]) -> usize {
    let len = bytes.len();
    let back = |limit: usize, is_part: fn(&u8) -> bool| {
        len.saturating_sub(bytes.iter().rev().take(limit).take_while(|byte| is_part(byte)).count())
    };
    // A word under way may be the head of a key, so long as nothing contradicts it.
    let word = back(AZURE_KEY + 1, u8::is_ascii_alphanumeric);
    let mark = slice(bytes, word.saturating_add(AZURE_HEAD).min(len)..len);
    let marked = mark.get(..AZURE_MARK.len()).map_or(AZURE_MARK.starts_with(mark), |mark| mark == AZURE_MARK);
    let azure = if marked && len.saturating_sub(word) <= AZURE_KEY { word } else { len };
    // `1234567890:A`
    let number = back(HEAD, |byte| byte.is_ascii_digit() || matches!(byte, b':' | b'A'));
    let older = back(AZURE_SECRET_HEAD, |byte| !byte.is_ascii_whitespace() && byte.is_ascii());
    // A word that looks encoded is read when it is whole.
    let encoded = back(ENCODED + 1, is_encoded);
    let encoded = if (ENCODED_FROM..=ENCODED).contains(&len.saturating_sub(encoded)) { encoded } else { len };
    azure.min(number).min(older).min(encoded)
}

/// What encoded words are made of.
fn is_encoded(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=_-%".contains(byte)
}

/// A place that does not cut a word that looks encoded: its beginning instead.
fn not_in_word(bytes: &[u8], place: usize) -> usize {
    let before = bytes.get(place.saturating_sub(ENCODED)..place).unwrap_or(b"");
    let head = before.iter().rev().take_while(|byte| is_encoded(byte)).count();
    let tail = bytes.get(place..).unwrap_or(b"").iter().take(ENCODED).take_while(|byte| is_encoded(byte)).count();
    let is_word = head > 0 && tail > 0 && (ENCODED_FROM..=ENCODED).contains(&head.saturating_add(tail));
    if is_word { place.saturating_sub(head) } else { place }
}

/// The end of the text: where the runs begin that reach it.
struct End {
    len: usize,
    /// A run without spaces, quotes and brackets.
    word: usize,
    /// A run without spaces.
    bare: usize,
}

impl End {
    fn of(bytes: &[u8]) -> Self {
        let len = bytes.len();
        let word = bytes.iter().rev().take_while(|byte| byte.is_ascii_graphic() && !b"\"'<>()[]{};,`\\".contains(byte));
        let bare = bytes.iter().rev().take(VALUE).take_while(|byte| !byte.is_ascii_whitespace());
        Self { len, word: len.saturating_sub(word.count()), bare: len.saturating_sub(bare.count()) }
    }
}

impl Row {
    /// Where the credential at this literal begins, if it is one whose end is not known yet.
    fn open(&self, text: &str, at: &Range<usize>, end: &End) -> Option<usize> {
        let bytes = text.as_bytes();
        let begins = || slice(bytes, at.clone()) == self.literal.as_bytes() && may_begin(bytes, at.start);
        let reaches = |of: Alphabet, max: usize| {
            let tail = run(bytes, at.end, of, max.saturating_add(1));
            tail.end == end.len && tail.len() <= max && begins()
        };
        match self.shape {
            Shape::Prefix(of, _, max) => reaches(of, max).then_some(at.start),
            Shape::Checksum62 => reaches(Alphabet::Alnum, 256).then_some(at.start),
            Shape::After(of, _, max) => reaches(of, max).then_some(at.end),
            Shape::Parts(parts) => {
                let mut from = at.end;
                for part in parts {
                    let found = run(bytes, from, part.of, part.max.saturating_add(1));
                    let then = slice(bytes, found.end..found.end.saturating_add(part.then.len()).min(end.len));
                    if found.len() > part.max || !part.then.as_bytes().starts_with(then) {
                        return None;
                    }
                    from = found.end.saturating_add(then.len());
                    if from == end.len {
                        return begins().then_some(at.start);
                    }
                    if then.len() < part.then.len() {
                        return None;
                    }
                }
                None
            }
            Shape::Told(..) | Shape::ToldUuid => self.value_behind(at, end),
            Shape::Assignment(_) => assignment::open(text, at),
            Shape::Block(..) => open_block(bytes, at),
            Shape::Own(..) if self.literal == "://" => open_password(bytes, at),
            Shape::Own(..) if self.rule == "secret.netrc.password" => {
                (end.len.saturating_sub(at.end) <= CONTEXT).then_some(end.bare.max(at.end))
            }
            Shape::Own(..) => {
                // A run that goes on from the literal has no limit where the format has none.
                let unbroken = end.word <= at.end && (end.word == at.end || may_begin(bytes, at.start));
                let from = end.word.max(at.start.saturating_sub(HEAD));
                if unbroken { Some(from) } else { self.value_behind(at, end).map(|_| from) }
            }
        }
    }

    fn value_behind(&self, at: &Range<usize>, end: &End) -> Option<usize> {
        let near = end.len.saturating_sub(at.end) <= CONTEXT && end.len.saturating_sub(end.word) <= VALUE;
        near.then_some(end.word)
    }
}

/// A PEM block without its last line.
fn open_block(bytes: &[u8], at: &Range<usize>) -> Option<usize> {
    const DASHES: &[u8] = b"-----";
    const LINE: usize = 64;
    let rest = slice(bytes, at.end..bytes.len());
    let first = rest.get(..LINE.min(rest.len()))?;
    let Some(label) = memmem::find(first, DASHES).and_then(|end| first.get(..end)) else {
        return (rest.len() < LINE).then_some(at.start);
    };
    if !contains_ignoring_case(label, b"PRIVATE KEY") {
        return None;
    }
    let last = memmem::find(rest, b"-----END ").and_then(|end| rest.get(end.saturating_add(9)..));
    let is_whole =
        last.is_some_and(|last| memmem::find(last.get(..LINE.min(last.len())).unwrap_or(b""), DASHES).is_some());
    (!is_whole).then_some(at.start)
}

/// The password of a URL whose host has not come yet.
fn open_password(bytes: &[u8], at: &Range<usize>) -> Option<usize> {
    const USERINFO: usize = 512;
    let rest = slice(bytes, at.end..bytes.len());
    let ends = |byte: &u8| {
        byte.is_ascii_whitespace() || matches!(byte, b'/' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>' | b'`')
    };
    let colon = memchr::memchr(b':', rest)?;
    (rest.len() <= USERINFO && !rest.iter().any(ends)).then(|| at.end.saturating_add(colon).saturating_add(1))
}
