//! Escapes undone, with the way back to the bytes as received. Takes only what the scanner has accepted; on anything else
//! it stays total (a bad escape stands for itself).

use crate::model::OffsetMap;

/// A stretch of a string's raw text.
enum Piece<'a> {
    /// Bytes that stand for themselves.
    Literal { at: usize, text: &'a str },
    /// One escape, or two that are one surrogate pair.
    Escape { at: usize, len: usize, character: char },
}

/// The text that a raw string stands for.
pub(super) fn unescaped(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    for piece in (Pieces { raw, at: 0 }) {
        match piece {
            Piece::Literal { text: literal, .. } => text.push_str(literal),
            Piece::Escape { character, .. } => text.push(character),
        }
    }
    text
}

/// The text that a raw string stands for, and the map from its offsets to the body; `base` is where `raw` begins there.
pub(in crate::stages::decode) fn unescape(raw: &str, base: usize) -> (Box<str>, OffsetMap) {
    let mut text = String::with_capacity(raw.len());
    let mut map = OffsetMap::identity(base);
    for piece in (Pieces { raw, at: 0 }) {
        match piece {
            Piece::Literal { at, text: literal } => {
                if at > 0 {
                    map.push_literal(text.len(), base.saturating_add(at));
                }
                text.push_str(literal);
            }
            Piece::Escape { at, len, character } => {
                map.push_atomic(text.len(), base.saturating_add(at), len);
                text.push(character);
            }
        }
    }
    (text.into_boxed_str(), map)
}

struct Pieces<'a> {
    raw: &'a str,
    at: usize,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let at = self.at;
        let rest = self.raw.get(at..).filter(|rest| !rest.is_empty())?;
        let literal = memchr::memchr(b'\\', rest.as_bytes()).unwrap_or(rest.len());
        if literal > 0 {
            self.at += literal;
            return Some(Piece::Literal { at, text: rest.get(..literal)? });
        }
        let (character, len) = escape(rest).unwrap_or(('\\', 1));
        self.at += len;
        Some(Piece::Escape { at, len, character })
    }
}

/// The character that the escape at the start of `rest` stands for, and the escape's length.
fn escape(rest: &str) -> Option<(char, usize)> {
    let short = match rest.as_bytes().get(1)? {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(rest),
        other @ (b'"' | b'\\' | b'/') => char::from(*other),
        _ => return None,
    };
    Some((short, 2))
}

fn unicode(rest: &str) -> Option<(char, usize)> {
    let high = u32::from_str_radix(rest.get(2..6)?, 16).ok()?;
    if let Some(character) = char::from_u32(high) {
        return Some((character, 6));
    }
    let low = u32::from_str_radix(rest.get(6..12)?.strip_prefix("\\u")?, 16).ok()?;
    let code = 0x1_0000 + (high.checked_sub(0xD800)? << 10) + low.checked_sub(0xDC00)?;
    Some((char::from_u32(code)?, 12))
}
