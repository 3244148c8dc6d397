//! Where in the text so far a personal datum may still be growing: what a stream has to hold back. The checks of the detector are
//! written for text that is whole; here stands, for each of their forms, how long it may still become one. Too early a start
//! holds text a moment longer; one too late would let a datum out.

use super::Pii;
use super::kinds::Kind::DateOfBirth;
use super::places::{self, ADDRESS};
use super::told::told_before;

/// How far back a word reaches that can be anything: a local part, a wallet, an IPv6 address.
const WORD: usize = 96;
/// Longest e-mail address, in bytes.
const EMAIL: usize = 64 + 1 + 255;
/// Longest IBAN with its spaces.
const IBAN: usize = 34 + 16;
/// Longest date with a month's name.
const DATE: usize = 32;
/// Most digits that a number can have.
const DIGITS: usize = 19;
/// Longest number with its separators.
const NUMBER: usize = 20 * 4 + DIGITS;
/// Longest German address: street, number, postcode, town.
const GERMAN: usize = 48 + 8 + 8 + 44;
/// Longest American address behind its house number.
const AMERICAN: usize = ADDRESS + 5 + 5 + 2;
/// How far behind the house number the kind of street may stand, with its own length.
const STREET: usize = 45 + 10;

impl Pii {
    /// The earliest place, from `from` on, where a datum may have begun whose end is not known yet; the text's length if there is
    /// none.
    pub fn live_start(&self, text: &str, from: usize) -> usize {
        let bytes = text.as_bytes();
        let starts = [word(bytes), number(bytes, from), spaced(bytes, from), date(bytes, from), american(bytes, from)];
        let start = starts.into_iter().chain([german(bytes, from)]).min().unwrap_or(bytes.len());
        text.floor_char_boundary(start.max(from))
    }
}

/// The longest run of these bytes that ends the text, read at most `limit` bytes far.
fn back(bytes: &[u8], limit: usize, is_part: impl Fn(u8) -> bool) -> usize {
    bytes.len().saturating_sub(bytes.iter().rev().take(limit).take_while(|byte| is_part(**byte)).count())
}

/// A word under way: of ASCII signs and letters with accents.
fn word(bytes: &[u8]) -> usize {
    // A leading byte of U+00C0 to U+024F, or a byte that follows one.
    let is_part = |byte: u8| {
        (byte.is_ascii_graphic() && !b"\"<>()[];,`\\".contains(&byte)) || matches!(byte, 0x80..=0xBF | 0xC3..=0xC9)
    };
    let near = back(bytes, WORD, is_part);
    let far = back(bytes, EMAIL, is_part);
    // Only an address goes on for long, and its `@` stands early.
    let at = bytes.get(far..near).and_then(|head| memchr::memchr(b'@', head)).map(|at| far.saturating_add(at));
    at.map_or(near, |at| at.saturating_sub(64).max(far))
}

/// Groups of digits with separators: from the first group whose digits are not too many up to the end.
fn number(bytes: &[u8], from: usize) -> usize {
    let is_part = |byte: u8| byte.is_ascii_digit() || b" -./(),+".contains(&byte);
    let floor = bytes.len().saturating_sub(NUMBER).max(from);
    let (mut start, mut digits, mut gap) = (bytes.len(), 0, 0);
    for (place, byte) in bytes.iter().enumerate().rev().take_while(|(place, _)| *place >= floor) {
        if !is_part(*byte) {
            break;
        }
        gap = if byte.is_ascii_digit() { 0 } else { gap + 1 };
        digits += usize::from(byte.is_ascii_digit());
        if gap > 4 || digits > DIGITS + 1 {
            break;
        }
        start = place;
    }
    start
}

/// Letters and digits with single spaces or dashes: IBANs, and the numbers of Britain and Corsica.
fn spaced(bytes: &[u8], from: usize) -> usize {
    let len = bytes.len();
    let floor = len.saturating_sub(IBAN).max(from);
    let is_border = |place: usize| {
        place.checked_sub(1).and_then(|before| bytes.get(before)).is_none_or(|before| !before.is_ascii_alphanumeric())
    };
    let is_head = |rest: &[u8]| {
        let letters = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        match rest.get(letters..) {
            Some([] | [b' ']) if letters <= 2 => true,
            Some([b' ', digit, ..]) => matches!(letters, 1 | 2) && digit.is_ascii_digit(),
            Some([digit, ..]) => matches!(letters, 0 | 2) && digit.is_ascii_digit(),
            _ => false,
        }
    };
    let goes_on = |rest: &[u8]| {
        let doubled = rest.windows(2).any(|pair| matches!(pair, [b' ' | b'-', b' ' | b'-']));
        !doubled && rest.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-'))
    };
    (floor..len)
        .filter(|place| is_border(*place))
        .find(|place| bytes.get(*place..).is_some_and(|rest| goes_on(rest) && is_head(rest)))
        .unwrap_or(len)
}

/// A date behind words that speak of a birth.
fn date(bytes: &[u8], from: usize) -> usize {
    let len = bytes.len();
    let floor = len.saturating_sub(DATE).max(from);
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b" ,./-".contains(&byte);
    let run = back(bytes, DATE, is_part).max(floor);
    let begins = |place: &usize| {
        bytes.get(*place).is_some_and(u8::is_ascii_alphanumeric)
            && place.checked_sub(1).and_then(|at| bytes.get(at)).is_none_or(|before| !before.is_ascii_alphanumeric())
    };
    let words = run..len;
    words.filter(begins).find(|place| told_before(bytes, *place).of(DateOfBirth)).unwrap_or(len)
}

/// A house number, and behind it room for a street, a town, a state and a postcode.
fn american(bytes: &[u8], from: usize) -> usize {
    let len = bytes.len();
    let floor = len.saturating_sub(AMERICAN).max(from);
    // None of these stands in an address.
    let plain = back(bytes, AMERICAN, |byte| !b"{}<>\"=;".contains(&byte)).max(floor);
    let joins = |place: usize| bytes.get(place).is_some_and(u8::is_ascii_alphanumeric);
    let mut place = plain;
    while let Some(skip) = bytes.get(place..).and_then(|rest| rest.iter().position(u8::is_ascii_alphanumeric)) {
        let start = place.saturating_add(skip);
        let word = bytes.get(start..).unwrap_or(b"");
        let word = word.get(..word.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count()).unwrap_or(b"");
        let begins = start.checked_sub(1).is_none_or(|before| !joins(before));
        let is_number = word.iter().all(u8::is_ascii_digit) && word.len() <= 6;
        if begins && is_number && (len.saturating_sub(start) <= STREET || street_behind(bytes, start)) {
            return start;
        }
        place = start.saturating_add(word.len());
    }
    len
}

/// Whether a kind of street stands so near behind a house number that they belong together.
fn street_behind(bytes: &[u8], number: usize) -> bool {
    let near = bytes.get(number..number.saturating_add(STREET).min(bytes.len())).unwrap_or(b"");
    near.split(|byte| !byte.is_ascii_alphanumeric()).any(places::is_street)
}

/// A street in one word, its number, a postcode, a town.
fn german(bytes: &[u8], from: usize) -> usize {
    let len = bytes.len();
    let floor = len.saturating_sub(GERMAN);
    let tail = bytes.get(floor..).unwrap_or(b"");
    let is_name = |byte: &u8| byte.is_ascii_alphabetic() || *byte >= 0x80 || matches!(byte, b'-' | b'.');
    let ends = memchr::memchr_iter(b' ', tail).filter(|space| {
        let street = tail.get(..*space).unwrap_or(b"");
        places::is_german_street(street) && may_be_german(tail.get(space.saturating_add(1)..).unwrap_or(b""))
    });
    let starts = ends.map(|space| {
        let street = tail.get(..space).unwrap_or(b"");
        let word = street.iter().rev().take(48).take_while(|byte| is_name(byte)).count();
        floor.saturating_add(space).saturating_sub(word)
    });
    starts.min().unwrap_or(len).max(from)
}

/// Whether what stands behind a street may be a number, a postcode and a town of which the end is not there yet.
fn may_be_german(rest: &[u8]) -> bool {
    let number = rest.iter().take(5).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let Some(rest) = rest.get(number..).filter(|rest| number > 0 || rest.is_empty()) else { return false };
    let rest = match rest {
        [] | [b','] => return true,
        [b',', b' ', rest @ ..] | [b'\n', rest @ ..] => rest,
        _ => return false,
    };
    let postcode = rest.iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
    let Some(rest) = rest.get(postcode..) else { return false };
    let town = match rest {
        [] => return true,
        [b' ', town @ ..] if postcode == 5 => town,
        _ => return false,
    };
    town.len() <= 40 && town.iter().all(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80 || *byte == b'-')
}
