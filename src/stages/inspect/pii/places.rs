//! What is personal by what stands around it: dates of birth, postal addresses, bank codes.

use super::kinds::Kind::{Bic, DateOfBirth, MacAddress, PostalAddress};
use super::numbers::{Group, Run, goes_on};
use super::told::told_before;
use super::{Hit, checks};

const MONTHS: [&[u8]; 12] = [
    b"january",
    b"february",
    b"march",
    b"april",
    b"may",
    b"june",
    b"july",
    b"august",
    b"september",
    b"october",
    b"november",
    b"december",
];
/// How far before a ZIP code the house number may stand, in bytes.
pub(super) const ADDRESS: usize = 90;
const STREETS: [&str; 26] = [
    "st",
    "street",
    "ave",
    "avenue",
    "rd",
    "road",
    "blvd",
    "boulevard",
    "dr",
    "drive",
    "ln",
    "lane",
    "ct",
    "court",
    "pl",
    "place",
    "way",
    "pkwy",
    "parkway",
    "hwy",
    "highway",
    "ter",
    "terrace",
    "cir",
    "circle",
    "sq",
];
const STATES: &[u8] =
    b"ALAKAZARCACOCTDEDCFLGAHIIDILINIAKSKYLAMEMDMAMIMNMSMOMTNENVNHNJNMNYNCNDOHOKORPARISCSDTNTXUTVTVAWAWVWIWYPR";

fn value(bytes: &[u8], group: &Group) -> u32 {
    let digits = bytes.get(group.start..group.end).unwrap_or(b"");
    digits.iter().take(9).fold(0, |value, digit| value * 10 + u32::from(digit.wrapping_sub(b'0')))
}

/// A date behind words that speak of a birth.
pub(super) fn date_of_birth(bytes: &[u8], run: &Run) -> Option<Hit> {
    let first = run.groups().first()?;
    let (start, end) = figures(bytes, run).or_else(|| with_month(bytes, first))?;
    told_before(bytes, start).of(DateOfBirth).then_some(Hit { kind: DateOfBirth, span: start..end, score: 0.9 })
}

/// `05/17/1980`, `17.5.80`, `1980-05-17`.
fn figures(bytes: &[u8], run: &Run) -> Option<(usize, usize)> {
    let [a, b, c, rest @ ..] = run.groups() else { return None };
    let same = b.separator == c.separator && matches!(b.separator, b'-' | b'.' | b'/' | b' ');
    let ends = rest.first().is_none_or(|next| next.separator == b' ') && !goes_on_in_digits(bytes, c.end);
    let (x, y, z) = (value(bytes, a), value(bytes, b), value(bytes, c));
    let year = |value: u32| (1900..=2100).contains(&value);
    let day = |a: u32, b: u32| checks::is_day(a, b) || checks::is_day(b, a);
    let real = match (a.len(), b.len(), c.len()) {
        (4, 1..=2, 1..=2) => year(x) && day(y, z),
        (1..=2, 1..=2, 4) => day(x, y) && year(z),
        (1..=2, 1..=2, 2) => day(x, y),
        _ => false,
    };
    (same && ends && real).then_some((a.start, c.end))
}

fn goes_on_in_digits(bytes: &[u8], end: usize) -> bool {
    bytes.get(end).is_some_and(u8::is_ascii_digit)
}

/// `17 May 1980`, `17th of May, 1980`, `May 17, 1980`: the day is the group.
fn with_month(bytes: &[u8], day: &Group) -> Option<(usize, usize)> {
    if day.len() > 2 || !(1..=31).contains(&value(bytes, day)) {
        return None;
    }
    let rest = bytes.get(day.end..)?;
    let rest = ["st", "nd", "rd", "th"].iter().find_map(|end| rest.strip_prefix(end.as_bytes())).unwrap_or(rest);
    let before = bytes.get(day.start.saturating_sub(12)..day.start)?;
    if let Some(month) = month_before(before) {
        let year = rest.strip_prefix(b", ").or_else(|| rest.strip_prefix(b" "))?;
        return Some((day.start.checked_sub(month)?, year_end(bytes, year)?));
    }
    let rest = rest.strip_prefix(b" ")?;
    let rest = rest.strip_prefix(b"of ").unwrap_or(rest);
    let letters = rest.iter().take(10).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let (month, rest) = rest.split_at_checked(letters)?;
    let rest = rest.strip_prefix(b".").unwrap_or(rest);
    let year = rest.strip_prefix(b", ").or_else(|| rest.strip_prefix(b" "))?;
    is_month(month).then_some(())?;
    Some((day.start, year_end(bytes, year)?))
}

/// Where four digits of a year at the beginning of `rest` end in the text.
fn year_end(bytes: &[u8], rest: &[u8]) -> Option<usize> {
    let digits = rest.iter().take(5).take_while(|byte| byte.is_ascii_digit()).count();
    let begins = matches!(rest, [b'1', b'8' | b'9', ..] | [b'2', b'0', ..]);
    (digits == 4 && begins).then(|| bytes.len().saturating_sub(rest.len()).saturating_add(4))
}

fn is_month(word: &[u8]) -> bool {
    word.len() >= 3
        && MONTHS.iter().any(|month| month.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word)))
}

/// How many bytes before the day its month begins.
fn month_before(before: &[u8]) -> Option<usize> {
    let head = before.strip_suffix(b" ")?;
    let head = head.strip_suffix(b".").unwrap_or(head);
    let letters = head.iter().rev().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let word = head.get(head.len().saturating_sub(letters)..)?;
    is_month(word).then(|| before.len().saturating_sub(head.len()).saturating_add(letters))
}

/// An address that ends in a postcode: `742 Evergreen Terrace, Springfield, IL 62704`, `Hauptstraße 5, 10115 Berlin`.
pub(super) fn postal_address(bytes: &[u8], run: &Run) -> Option<Hit> {
    let first = run.groups().first()?;
    if first.len() != 5 {
        return None;
    }
    american(bytes, first, run).or_else(|| german(bytes, first))
}

fn american(bytes: &[u8], zip: &Group, run: &Run) -> Option<Hit> {
    let state = bytes.get(zip.start.checked_sub(3)?..zip.start)?;
    let [a, b, b' '] = state else { return None };
    STATES.chunks_exact(2).find(|known| **known == [*a, *b])?;
    let floor = zip.start.saturating_sub(ADDRESS);
    let before = bytes.get(floor..zip.start)?;
    // Words from the state backwards: the first kind of street, then the number before its name.
    let street = words(before).filter(|(_, word)| is_street(word)).last()?;
    let number = words(before)
        .take_while(|(at, _)| *at < street.0)
        .filter(|(at, word)| word.iter().all(u8::is_ascii_digit) && word.len() <= 6 && street.0 - at <= 45)
        .last()?;
    let plain =
        before.get(number.0..)?.iter().all(|byte| !matches!(byte, b'{' | b'}' | b'<' | b'>' | b'"' | b'=' | b';'));
    // ZIP+4.
    let end = match run.groups() {
        [_, more, ..] if more.separator == b'-' && more.len() == 4 => more.end,
        _ => zip.end,
    };
    plain.then(|| Hit { kind: PostalAddress, span: floor.saturating_add(number.0)..end, score: 0.85 })
}

/// Runs of letters and digits with their places.
fn words(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let skip = text.get(at..)?.iter().position(u8::is_ascii_alphanumeric)?;
        let start = at.saturating_add(skip);
        let len = text.get(start..)?.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        at = start.saturating_add(len);
        Some((start, text.get(start..at)?))
    })
}

pub(super) fn is_street(word: &[u8]) -> bool {
    STREETS.iter().any(|street| street.as_bytes().eq_ignore_ascii_case(word))
}

/// Whether a text ends in the kind of a German street.
pub(super) fn is_german_street(street: &[u8]) -> bool {
    let kinds: [&[u8]; 8] = ["straße".as_bytes(), b"strasse", b"str.", b"weg", b"platz", b"allee", b"gasse", b"ring"];
    let ends = |kind: &&[u8]| {
        let tail = street.len().checked_sub(kind.len()).and_then(|from| street.get(from..));
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(kind))
    };
    kinds.iter().any(ends)
}

fn german(bytes: &[u8], postcode: &Group) -> Option<Hit> {
    let floor = postcode.start.saturating_sub(48);
    let before = bytes.get(floor..postcode.start)?;
    let before = before.strip_suffix(b", ").or_else(|| before.strip_suffix(b"\n"))?;
    // The house number: up to four digits and a letter.
    let number = before.iter().rev().take(5).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let house = before.get(before.len().saturating_sub(number)..)?;
    house.first().filter(|byte| byte.is_ascii_digit())?;
    let street = before.get(..before.len().saturating_sub(number))?.strip_suffix(b" ")?;
    is_german_street(street).then_some(())?;
    // The town: a word behind the postcode.
    let town = bytes.get(postcode.end..)?.strip_prefix(b" ")?;
    town.first().filter(|byte| byte.is_ascii_uppercase() || **byte >= 0xC3)?;
    let name = |byte: &u8| byte.is_ascii_alphabetic() || *byte >= 0x80 || *byte == b'-';
    let word = street.iter().rev().take_while(|byte| name(byte) || matches!(byte, b'.')).count();
    let start = floor.saturating_add(street.len().saturating_sub(word));
    let end = postcode.end.saturating_add(1).saturating_add(town.iter().take(40).take_while(|byte| name(byte)).count());
    let on_border = |at: usize| bytes.get(at).is_none_or(|byte| *byte < 0x80 || *byte >= 0xC0);
    (on_border(start) && on_border(end) && !goes_on(bytes, postcode.end)).then_some(Hit {
        kind: PostalAddress,
        span: start..end,
        score: 0.85,
    })
}

/// A bank's code behind `BIC:` or `SWIFT code:`; `at` is the colon.
pub(super) fn bic(bytes: &[u8], at: usize) -> Option<Hit> {
    let before = bytes.get(at.saturating_sub(14)..at)?.trim_ascii_end();
    let told: [&[u8]; 4] = [b"bic", b"swift", b"swift code", b"bic code"];
    let is_told = |word: &&[u8]| {
        let (head, tail) = before.split_at(before.len().saturating_sub(word.len()));
        tail.eq_ignore_ascii_case(word) && !head.last().is_some_and(u8::is_ascii_alphabetic)
    };
    told.iter().find(|word| is_told(word))?;
    let spaces = bytes.get(at.saturating_add(1)..)?.iter().take(3).take_while(|byte| **byte == b' ').count();
    let start = at.saturating_add(1).saturating_add(spaces);
    let len = bytes
        .get(start..)?
        .iter()
        .take(12)
        .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        .count();
    let bank = bytes.get(start..start.saturating_add(6))?;
    let fits = matches!(len, 8 | 11) && bank.iter().all(u8::is_ascii_uppercase);
    let end = start.saturating_add(len);
    (fits && !bytes.get(end).is_some_and(u8::is_ascii_alphanumeric)).then_some(Hit {
        kind: Bic,
        span: start..end,
        score: 0.85,
    })
}

/// Six pairs of hexadecimal digits around their first colon.
pub(super) fn mac(bytes: &[u8], at: usize, done: usize) -> Option<Hit> {
    let start = at.checked_sub(2).filter(|start| *start >= done)?;
    let end = start.saturating_add(17);
    let value = bytes.get(start..end)?;
    let paired = value.iter().enumerate().all(|(index, byte)| match index % 3 {
        2 => *byte == b':',
        _ => byte.is_ascii_hexdigit(),
    });
    let joins = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b':';
    let apart = !start.checked_sub(1).and_then(|before| bytes.get(before)).is_some_and(joins)
        && !bytes.get(end).is_some_and(joins);
    (paired && apart).then_some(Hit { kind: MacAddress, span: start..end, score: 0.4 })
}
