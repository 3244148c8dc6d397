//! IBANs (ISO 13616): known country, its length, check digits modulo 97.

use super::{Hit, Kind, not_after};
use std::ops::Range;

/// Lengths of IBANs by country (ISO 13616 registry).
const IBAN_LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
];

/// An IBAN whose check digits begin at `at`: known country, its length, mod 97.
pub(super) fn iban(bytes: &[u8], at: usize, done: usize) -> Option<Hit> {
    let start = at.checked_sub(2).filter(|start| *start >= done)?;
    let country = bytes.get(start..at)?;
    let wanted = IBAN_LENGTHS.iter().find(|(code, _)| code.eq_ignore_ascii_case(country)).map(|(_, len)| *len)?;
    if !not_after(bytes, start, |before| before.is_ascii_alphanumeric() || before == b'_') {
        return None;
    }
    let span = iban_span(bytes, start, wanted)?;
    (mod_97(bytes.get(span.clone())?) == 1).then_some(Hit { kind: Kind::Iban, span, score: 0.98 })
}

/// So many letters and digits from `start` on, single spaces or dashes between them not counted. Dashes stand after every
/// fourth sign, if at all: an identifier such as a UUID has other groups, and one in 97 of them would pass the check digits.
fn iban_span(bytes: &[u8], start: usize, wanted: usize) -> Option<Range<usize>> {
    let mut count = 0;
    let mut gap = true;
    let mut dashes = 0;
    for (offset, byte) in bytes.get(start..)?.iter().enumerate() {
        match byte {
            _ if byte.is_ascii_alphanumeric() => {
                gap = false;
                count += 1;
            }
            b' ' if !gap => gap = true,
            b'-' if !gap && count % 4 == 0 => {
                gap = true;
                dashes += 1;
            }
            _ => return None,
        }
        if count == wanted {
            let end = start.saturating_add(offset).saturating_add(1);
            let ends = bytes.get(end).is_none_or(|next| !next.is_ascii_alphanumeric());
            let is_grouped = dashes == 0 || dashes == (wanted - 1) / 4;
            return (ends && is_grouped).then_some(start..end);
        }
    }
    None
}

/// The remainder of ISO 7064: the first four characters last, letters as 10 to 35.
fn mod_97(iban: &[u8]) -> u32 {
    let signs = || iban.iter().filter(|byte| byte.is_ascii_alphanumeric());
    signs().skip(4).chain(signs().take(4)).fold(0, |rest, byte| match char::from(*byte).to_digit(36) {
        Some(digit) if digit < 10 => (rest * 10 + digit) % 97,
        Some(letter) => (rest * 100 + letter) % 97,
        None => rest,
    })
}
