//! Numbers with letters in them: a *token* is a stretch of ASCII letters and digits; it is judged once, at its first digit.

use super::kinds::Kind::{self, *};
use super::told::told_before;
use super::{Hit, checks, wallets};
use std::ops::Range;

/// Longest token that can be anything, in bytes: a bech32 address of Bitcoin has at most 90.
const LONGEST: usize = 90;
/// Shortest: passports and licences.
const SHORTEST: usize = 5;

/// What the token around the digit at `at` is, if that is its first digit.
pub(super) fn token(bytes: &[u8], at: usize, done: usize) -> Option<Hit> {
    let span = token_at(bytes, at, done)?;
    let value = bytes.get(span.clone())?;
    if let Some(hit) = with_sign(bytes, &span, value) {
        return Some(hit);
    }
    let letters = value.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    if letters == 0 || !(SHORTEST..=LONGEST).contains(&value.len()) || is_part_of_more(bytes, &span) {
        return None;
    }
    if let Some(kind) = wallets::wallet(value) {
        let score = match kind {
            Ethereum if told_before(bytes, span.start).of(Ethereum) => 0.9,
            Ethereum => 0.45,
            _ => 0.97,
        };
        return Some(Hit { kind, span, score });
    }
    let (kind, alone, told) = judge(value)?;
    if alone >= 0.8 {
        return Some(Hit { kind, span, score: alone });
    }
    let words = told_before(bytes, span.start);
    // A passport may have the form of another number; the word before it decides.
    let digits = value.len().saturating_sub(letters);
    let shouted = !value.iter().any(u8::is_ascii_lowercase);
    let score = if words.of(kind) { told } else { alone };
    let best = [
        (kind, score),
        (Passport, if words.of(Passport) && shouted && digits >= 5 && value.len() <= 9 { 0.85 } else { 0.0 }),
        (
            DriversLicence,
            if words.of(DriversLicence) && shouted && digits >= 4 && value.len() <= 18 { 0.8 } else { 0.0 },
        ),
    ];
    let (kind, score) = best.into_iter().fold((kind, 0.0), |best, next| if next.1 > best.1 { next } else { best });
    (score > 0.0).then_some(Hit { kind, span, score })
}

/// The token around `at`, if no digit of it stands before `at`.
fn token_at(bytes: &[u8], at: usize, done: usize) -> Option<Range<usize>> {
    let floor = at.saturating_sub(LONGEST).max(done);
    let before = bytes.get(floor..at)?;
    let head = before.iter().rev().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let start = at.saturating_sub(head);
    let stopped_by = start.checked_sub(1).and_then(|place| bytes.get(place));
    if stopped_by.is_some_and(u8::is_ascii_alphanumeric) && start != done {
        return None;
    }
    // A written-out line break before it is no letter of it.
    let escaped = stopped_by == Some(&b'\\') && head > 0 && matches!(bytes.get(start), Some(b'n' | b'r' | b't'));
    let start = if escaped { start.saturating_add(1) } else { start };
    let tail = bytes.get(at..)?.iter().take(LONGEST + 1).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    Some(start..at.saturating_add(tail))
}

/// Dashes, underscores, dots and signs of encoded text around a token: it is a part of an identifier, a name or an encoding.
fn is_part_of_more(bytes: &[u8], span: &Range<usize>) -> bool {
    let joins = |byte: u8| matches!(byte, b'_' | b'-' | b'+' | b'=' | b'%' | b'$' | b'~');
    let before = span.start.checked_sub(1).and_then(|place| bytes.get(place)).copied();
    let after = bytes.get(span.end).copied();
    let then = bytes.get(span.end.saturating_add(1)).is_some_and(u8::is_ascii_alphanumeric);
    before.is_some_and(|byte| matches!(byte, b'_' | b'-' | b'+' | b'%' | b'$' | b'~'))
        || (then && after.is_some_and(|byte| joins(byte) || matches!(byte, b'.' | b'/')))
        || (before == Some(b'/') && after != Some(b' '))
}

fn judge(value: &[u8]) -> Option<(Kind, f32, f32)> {
    let found = match value.len() {
        8..=9 => nino(value).or_else(|| spanish(value)).or_else(|| singapore(value)).or_else(|| chilean(value)),
        10 => indian_pan(value).or_else(|| german_card(value)),
        11 => mbi(value),
        13 => mexican_rfc(value),
        15 => corsican(value),
        16 => fiscal_code(value),
        18 => mexican_curp(value).or_else(|| chinese(value)),
        _ => None,
    };
    // Nothing of its own form: a passport or a licence, if a word says so.
    found.or((value.len() <= 18).then_some((Passport, 0.0, 0.0)))
}

fn digits_in(value: &[u8], span: Range<usize>) -> Option<Vec<u8>> {
    value.get(span)?.iter().map(|byte| byte.is_ascii_digit().then(|| byte - b'0')).collect()
}

/// Whether a token has the form that a pattern gives: `A` an upper-case letter, `9` a digit, `X` either.
fn has_form(value: &[u8], pattern: &str) -> bool {
    value.len() == pattern.len()
        && value.iter().zip(pattern.bytes()).all(|(byte, wanted)| match wanted {
            b'A' => byte.is_ascii_uppercase(),
            b'9' => byte.is_ascii_digit(),
            _ => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
        })
}

fn is_nino(first: u8, second: u8, last: u8) -> bool {
    let allocated = !matches!(first, b'D' | b'F' | b'I' | b'Q' | b'U' | b'V')
        && !matches!(second, b'D' | b'F' | b'I' | b'O' | b'Q' | b'U' | b'V')
        && !matches!(&[first, second], b"BG" | b"GB" | b"KN" | b"NK" | b"NT" | b"TN" | b"ZZ");
    allocated && matches!(last, b'A'..=b'D')
}

fn nino(value: &[u8]) -> Option<(Kind, f32, f32)> {
    let [first, second, .., last] = value else { return None };
    (has_form(value, "AA999999A") && is_nino(*first, *second, *last)).then_some((UkNino, 0.7, 0.95))
}

/// DNI and NIE.
fn spanish(value: &[u8]) -> Option<(Kind, f32, f32)> {
    let last = *value.last()?;
    if has_form(value, "99999999A") {
        let digits = digits_in(value, 0..8)?;
        // `20240115Z` is a date.
        let date = matches!(digits.as_slice(), [1, 9, ..] | [2, 0, ..]) && matches!(last, b'T' | b'Z');
        return (checks::es_letter(&digits) == Some(last)).then_some((EsDni, if date { 0.0 } else { 0.65 }, 0.95));
    }
    let first = b"XYZ".iter().position(|sign| value.first() == Some(sign))?;
    let mut digits = vec![u8::try_from(first).ok()?];
    digits.extend(digits_in(value, 1..8)?);
    (has_form(value, "A9999999A") && checks::es_letter(&digits) == Some(last)).then_some((EsNie, 0.85, 0.95))
}

fn singapore(value: &[u8]) -> Option<(Kind, f32, f32)> {
    let (first, last) = (*value.first()?, *value.last()?);
    if !has_form(value, "A9999999A") {
        return None;
    }
    let digits = digits_in(value, 1..8)?;
    let sum: usize = digits.iter().zip([2, 7, 6, 5, 4, 3, 2]).map(|(digit, weight)| usize::from(*digit) * weight).sum();
    let (letters, offset): (&[u8; 11], usize) = match first {
        b'S' => (b"JZIHGFEDCBA", 0),
        b'T' => (b"JZIHGFEDCBA", 4),
        b'F' => (b"XWUTRQPNMLK", 0),
        b'G' => (b"XWUTRQPNMLK", 4),
        _ => return None,
    };
    (letters.get((sum + offset) % 11) == Some(&last)).then_some((SgNric, 0.85, 0.95))
}

fn chilean(value: &[u8]) -> Option<(Kind, f32, f32)> {
    let (last, body) = value.split_last()?;
    let digits = digits_in(body, 0..body.len())?;
    (*last == b'K' && checks::cl_check(&digits) == b'K').then_some((ClRut, 0.0, 0.9))
}

fn indian_pan(value: &[u8]) -> Option<(Kind, f32, f32)> {
    let holder = value.get(3)?;
    (has_form(value, "AAAAA9999A") && b"ABCFGHLJPT".contains(holder)).then_some((InPan, 0.0, 0.9))
}

/// Nine signs of a reduced alphabet and a check digit with the weights 7, 3, 1.
fn german_card(value: &[u8]) -> Option<(Kind, f32, f32)> {
    let (check, body) = value.split_last()?;
    let allowed = |byte: &u8| byte.is_ascii_digit() || b"CFGHJKLMNPRTVWXYZ".contains(byte);
    let sum: u32 = body
        .iter()
        .zip([7, 3, 1].into_iter().cycle())
        .filter_map(|(byte, weight)| char::from(*byte).to_digit(36).map(|digit| digit * weight))
        .sum();
    let fits = body.iter().all(allowed) && check.is_ascii_digit() && sum % 10 == u32::from(check - b'0');
    (fits && value.first().is_some_and(u8::is_ascii_uppercase)).then_some((DeIdCard, 0.0, 0.95))
}

fn is_mbi(value: &[u8]) -> bool {
    let letters = value.iter().all(|byte| !b"SLOIBZ".contains(byte));
    has_form(value, "9AX9AX9AA99") && letters && value.first() != Some(&b'0')
}

fn mbi(value: &[u8]) -> Option<(Kind, f32, f32)> {
    is_mbi(value).then_some((UsMbi, 0.4, 0.95))
}

/// The date inside the Mexican numbers.
fn mexican_date(value: &[u8]) -> bool {
    digits_in(value, 4..10).is_some_and(|digits| match digits.as_slice() {
        [_, _, a, b, c, d] => checks::is_day(u32::from(a * 10 + b), u32::from(c * 10 + d)),
        _ => false,
    })
}

fn mexican_curp(value: &[u8]) -> Option<(Kind, f32, f32)> {
    let sum: u32 =
        value.iter().take(17).zip((2..=18).rev()).map(|(byte, weight)| mexican_value(*byte, 14) * weight).sum();
    let check = (10 - sum % 10) % 10;
    let sex = matches!(value.get(10), Some(b'H' | b'M' | b'X'));
    let fits = has_form(value, "AAAA999999AAAAAAX9") && sex && mexican_date(value);
    (fits && char::from(*value.last()?).to_digit(10) == Some(check)).then_some((MxCurp, 0.95, 0.97))
}

fn mexican_rfc(value: &[u8]) -> Option<(Kind, f32, f32)> {
    let sum: u32 =
        value.iter().take(12).zip((2..=13).rev()).map(|(byte, weight)| mexican_value(*byte, 14) * weight).sum();
    let check = match 11 - sum % 11 {
        11 => b'0',
        10 => b'A',
        digit => b"0123456789".get(digit as usize).copied()?,
    };
    let fits = has_form(value, "AAAA999999XXX") && mexican_date(value);
    fits.then_some((MxRfc, if value.last() == Some(&check) { 0.85 } else { 0.0 }, 0.9))
}

/// Place of a sign in the alphabet of the Mexican check digits: a sign stands between N and O.
fn mexican_value(byte: u8, after: u32) -> u32 {
    match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'Z' => {
            let place = u32::from(byte - b'A');
            10 + place + u32::from(place >= after)
        }
        _ => 0,
    }
}

/// A French number of Corsica, written in one.
fn corsican(value: &[u8]) -> Option<(Kind, f32, f32)> {
    let department = match value.get(5..7)? {
        b"2A" => [1, 9],
        b"2B" => [1, 8],
        _ => return None,
    };
    let mut digits = digits_in(value, 0..5)?;
    digits.extend(department);
    digits.extend(digits_in(value, 7..15)?);
    checks::fr_nir(&digits).then_some((FrNir, 0.9, 0.97))
}

fn fiscal_code(value: &[u8]) -> Option<(Kind, f32, f32)> {
    // Letters stand for digits where two persons would have the same code.
    const FORM: &[u8; 16] = b"AAAAAA99A99A999A";
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let upper: Vec<u8> = value.to_ascii_uppercase();
    let formed = upper.iter().zip(FORM).all(|(byte, wanted)| match wanted {
        b'A' => byte.is_ascii_uppercase(),
        _ => byte.is_ascii_digit() || b"LMNPQRSTUV".contains(byte),
    });
    let month = upper.get(8).is_some_and(|month| b"ABCDEHLMPRST".contains(month));
    let sum = upper.iter().take(15).enumerate().try_fold(0u32, |sum, (index, byte)| {
        let place = match byte {
            b'0'..=b'9' => byte - b'0',
            letter => letter.checked_sub(b'A')?,
        };
        let value = if index % 2 == 0 { *ODD.get(usize::from(place))? } else { u32::from(place) };
        sum.checked_add(value)
    })?;
    let check = u8::try_from(sum % 26).ok().map(|rest| rest.saturating_add(b'A'));
    (formed && month && upper.last().copied() == check).then_some((ItFiscalCode, 0.95, 0.97))
}

fn chinese(value: &[u8]) -> Option<(Kind, f32, f32)> {
    let digits = digits_in(value, 0..17)?;
    let last = value.last().map(u8::to_ascii_uppercase);
    (last == Some(b'X') && checks::cn_check(&digits) == last).then_some((CnResidentId, 0.95, 0.97))
}

/// Numbers written with signs inside: `131052-308T`, `1EG4-TE5-MK73`, `AB 12 34 56 C`, `12.345.678-K`, `2 84 05 2A 451 089 46`.
fn with_sign(bytes: &[u8], span: &Range<usize>, value: &[u8]) -> Option<Hit> {
    let at = span.start;
    match value.len() {
        6 | 11 => finnish(bytes, at),
        4 => medicare(bytes, at),
        2 => nino_apart(bytes, at).or_else(|| chilean_dotted(bytes, at)),
        1 => chilean_dotted(bytes, at).or_else(|| corsican_apart(bytes, at)),
        7 | 8 => chilean_dashed(bytes, span),
        _ => None,
    }
}

/// Whether a number that takes signs in ends here.
fn ends(bytes: &[u8], at: usize) -> bool {
    let then = bytes.get(at.saturating_add(1)).is_some_and(u8::is_ascii_alphanumeric);
    bytes.get(at).is_none_or(|next| !(next.is_ascii_alphanumeric() || matches!(next, b'-' | b'_' | b'.') && then))
}

/// Whether a number that takes signs in may begin here.
fn begins(bytes: &[u8], at: usize) -> bool {
    !at.checked_sub(1)
        .and_then(|before| bytes.get(before))
        .is_some_and(|before| matches!(before, b'-' | b'.' | b'_' | b'/'))
}

fn finnish(bytes: &[u8], at: usize) -> Option<Hit> {
    let value = bytes.get(at..at.saturating_add(11))?;
    let sign = *value.get(6)?;
    if !matches!(sign, b'-' | b'+' | b'A'..=b'F' | b'U'..=b'Y') {
        return None;
    }
    let (date, serial) = (digits_in(value, 0..6)?, digits_in(value, 7..10)?);
    let number = date.iter().chain(&serial).fold(0usize, |value, digit| value * 10 + usize::from(*digit));
    let check = b"0123456789ABCDEFHJKLMNPRSTUVWXY".get(number % 31);
    let (day, month) = (number / 10_000_000, number / 100_000 % 100);
    let real = checks::is_day(u32::try_from(month).ok()?, u32::try_from(day).ok()?);
    let fits = check == value.last() && real;
    // A digit at the end leaves a form that many numbers have.
    let score = if value.last().is_some_and(u8::is_ascii_digit) && sign == b'-' { 0.6 } else { 0.85 };
    let told = || told_before(bytes, at).of(FiHetu);
    let end = at.saturating_add(11);
    (fits && begins(bytes, at) && ends(bytes, end)).then(|| Hit {
        kind: FiHetu,
        span: at..end,
        score: if told() { 0.97 } else { score },
    })
}

fn medicare(bytes: &[u8], at: usize) -> Option<Hit> {
    let value = bytes.get(at..at.saturating_add(13))?;
    if value.get(4) != Some(&b'-') || value.get(8) != Some(&b'-') {
        return None;
    }
    let bare: Vec<u8> = value.iter().copied().filter(|byte| *byte != b'-').collect();
    let end = at.saturating_add(13);
    (is_mbi(&bare) && begins(bytes, at) && ends(bytes, end)).then_some(Hit { kind: UsMbi, span: at..end, score: 0.85 })
}

/// `AB 12 34 56 C`: `at` is at the first pair of digits.
fn nino_apart(bytes: &[u8], at: usize) -> Option<Hit> {
    let start = at.checked_sub(3)?;
    let value = bytes.get(start..at.saturating_add(10))?;
    if [2, 5, 8, 11].iter().any(|place| value.get(*place) != Some(&b' ')) {
        return None;
    }
    let bare: Vec<u8> = value.iter().copied().filter(|byte| *byte != b' ').collect();
    let apart = !start.checked_sub(1).and_then(|before| bytes.get(before)).is_some_and(u8::is_ascii_alphanumeric);
    let end = at.saturating_add(10);
    (apart && nino(&bare).is_some() && ends(bytes, end)).then_some(Hit { kind: UkNino, span: start..end, score: 0.9 })
}

fn chilean_dotted(bytes: &[u8], at: usize) -> Option<Hit> {
    let head = bytes.get(at..)?.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
    let end = at.saturating_add(head).saturating_add(10);
    let value = bytes.get(at..end)?;
    let signs = |place: usize| value.get(head.saturating_add(place)).copied();
    if (signs(0), signs(4), signs(8)) != (Some(b'.'), Some(b'.'), Some(b'-')) {
        return None;
    }
    let bare: Vec<u8> = value.iter().copied().filter(|byte| !matches!(byte, b'.' | b'-')).collect();
    let fits = matches!(value.last(), Some(b'K' | b'k')) && chilean(&bare.to_ascii_uppercase()).is_some();
    (fits && begins(bytes, at) && ends(bytes, end)).then_some(Hit { kind: ClRut, span: at..end, score: 0.9 })
}

fn chilean_dashed(bytes: &[u8], span: &Range<usize>) -> Option<Hit> {
    let end = span.end.saturating_add(2);
    let Some([b'-', b'K' | b'k']) = bytes.get(span.end..end) else { return None };
    let digits = digits_in(bytes, span.clone())?;
    let fits = checks::cl_check(&digits) == b'K' && begins(bytes, span.start) && ends(bytes, end);
    (fits && told_before(bytes, span.start).of(ClRut)).then_some(Hit { kind: ClRut, span: span.start..end, score: 0.9 })
}

fn corsican_apart(bytes: &[u8], at: usize) -> Option<Hit> {
    let end = at.saturating_add(21);
    let value = bytes.get(at..end)?;
    if [1, 4, 7, 10, 14, 18].iter().any(|place| value.get(*place) != Some(&b' ')) {
        return None;
    }
    let bare: Vec<u8> = value.iter().copied().filter(|byte| *byte != b' ').collect();
    (corsican(&bare).is_some() && ends(bytes, end)).then_some(Hit { kind: FrNir, span: at..end, score: 0.95 })
}
