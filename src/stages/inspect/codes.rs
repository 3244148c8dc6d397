//! Letters written as groups: bits, numbers of characters, pairs of hex digits with something between them, Morse code.
//!
//! Such a text is a long run of very few different characters, which is how it is found; inside a run, only a stretch of at
//! least [`LEAST_GROUPS`] groups of one kind is read.

use super::budget::Work;
use super::encodings::{printable, runs, whole};
use super::views::{View, ViewKind};
use std::ops::Range;

/// Fewest groups that are read: letters of a text, for the shortest text that says anything.
const LEAST_GROUPS: usize = 8;
/// Shortest run that is looked at: eight groups of two characters with something between them.
const LEAST_RUN: usize = 23;
/// Fewest bits that are read where nothing stands between the groups.
const LEAST_BITS: usize = 64;

/// Characters of groups of digits and of what stands between them.
static IN_GROUPS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_hexdigit()
            || matches!(
                byte,
                b' ' | b',' | b':' | b';' | b'-' | b'|' | b'/' | b'x' | b'X' | b'\\' | b'\n' | b'\r' | b'\t'
            );
        byte += 1;
    }
    table
};

/// Characters of Morse code and of what stands between its letters.
static IN_MORSE: [bool; 256] = {
    let mut table = [false; 256];
    let mut at = 0;
    let list = b".-_*/| \n\r\t";
    while at < list.len() {
        table[list[at] as usize] = true;
        at += 1;
    }
    table
};

/// Letters, digits and signs in Morse code (ITU-R M.1677-1), as numbers: a one, and then a bit per mark, set for a dash.
const MORSE: [(u8, char); 41] = [
    (0b101, 'a'),
    (0b11000, 'b'),
    (0b11010, 'c'),
    (0b1100, 'd'),
    (0b10, 'e'),
    (0b10010, 'f'),
    (0b1110, 'g'),
    (0b10000, 'h'),
    (0b100, 'i'),
    (0b10111, 'j'),
    (0b1101, 'k'),
    (0b10100, 'l'),
    (0b111, 'm'),
    (0b110, 'n'),
    (0b1111, 'o'),
    (0b10110, 'p'),
    (0b11101, 'q'),
    (0b1010, 'r'),
    (0b1000, 's'),
    (0b11, 't'),
    (0b1001, 'u'),
    (0b10001, 'v'),
    (0b1011, 'w'),
    (0b11001, 'x'),
    (0b11011, 'y'),
    (0b11100, 'z'),
    (0b11_1111, '0'),
    (0b10_1111, '1'),
    (0b10_0111, '2'),
    (0b10_0011, '3'),
    (0b10_0001, '4'),
    (0b10_0000, '5'),
    (0b11_0000, '6'),
    (0b11_1000, '7'),
    (0b11_1100, '8'),
    (0b11_1110, '9'),
    (0b101_0101, '.'),
    (0b111_0011, ','),
    (0b100_1100, '?'),
    (0b101_1110, '\''),
    (0b110_1011, '!'),
];

/// A group: where it stands, without a prefix such as `0x`.
type Group = Range<usize>;

/// Views of what is written in groups.
pub(super) fn decoded(text: &str, work: &mut Work, views: &mut Vec<(ViewKind, View)>) {
    let bytes = text.as_bytes();
    let is_in = |table: &'static [bool; 256]| move |byte: u8| table.get(usize::from(byte)).is_some_and(|&is_in| is_in);
    for span in runs(bytes, LEAST_RUN, is_in(&IN_GROUPS)) {
        let run = bytes.get(span.clone()).unwrap_or_default();
        if run.iter().filter(|byte| byte.is_ascii_hexdigit()).count() < 2 * LEAST_GROUPS {
            continue;
        }
        let groups = groups(bytes, span);
        read(bytes, &groups, is_pair, work, views, |bytes, groups| {
            let text = printable(&groups.iter().flat_map(|group| hex_bytes(bytes, group)).collect::<Vec<u8>>())?;
            Some((ViewKind::Hex, text))
        });
        read(bytes, &groups, is_bits, work, views, |bytes, groups| Some((ViewKind::Binary, from_bits(bytes, groups)?)));
        read(bytes, &groups, is_number, work, views, |bytes, groups| {
            let text = from_numbers(bytes, groups, 10).or_else(|| from_numbers(bytes, groups, 8))?;
            Some((ViewKind::CharCodes, text))
        });
    }
    for span in runs(bytes, LEAST_RUN, is_in(&IN_MORSE)) {
        let span = without_full_stop(bytes, span);
        let run = bytes.get(span.clone()).unwrap_or_default();
        if let Some(code) = from_morse(run).filter(|_| work.take(run.len())) {
            views.push((ViewKind::Morse, whole(code, span)));
        }
    }
}

/// A run without the marks that end the sentence before it, and without white space around it.
fn without_full_stop(bytes: &[u8], span: Range<usize>) -> Range<usize> {
    let run = bytes.get(span.clone()).unwrap_or_default();
    let after_word = span.start.checked_sub(1).and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphanumeric);
    let stop = if after_word { run.iter().take_while(|byte| !byte.is_ascii_whitespace()).count() } else { 0 };
    let rest = run.get(stop..).unwrap_or_default();
    let code = rest.trim_ascii_start();
    let start = span.start.saturating_add(stop).saturating_add(rest.len().saturating_sub(code.len()));
    start..start.saturating_add(code.trim_ascii_end().len())
}

/// The groups of a run; what belongs to a word that reaches out of the run is none.
fn groups(bytes: &[u8], span: Range<usize>) -> Vec<Group> {
    let mut groups = Vec::new();
    let mut at = span.start;
    while at < span.end {
        let rest = bytes.get(at..span.end).unwrap_or_default();
        let len = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let end = at.saturating_add(len);
        if len > 0 {
            let word = |at: Option<usize>| {
                at.and_then(|at| bytes.get(at)).is_some_and(|b| b.is_ascii_alphanumeric() || !b.is_ascii())
            };
            let whole = !word(at.checked_sub(1)) && !word(Some(end));
            let prefix = usize::from(rest.starts_with(b"0x") || rest.starts_with(b"0X")).saturating_mul(2);
            let prefix = if prefix == 0 { usize::from(rest.starts_with(b"x")) } else { prefix };
            // A word that reaches out of the run stands between two stretches: an empty group is of no kind.
            groups.push(if whole { at.saturating_add(prefix)..end } else { at..at });
        }
        at = end.saturating_add(usize::from(len == 0 || end < span.end));
    }
    groups
}

/// Reads every stretch of groups of one kind that is long enough.
fn read(
    bytes: &[u8],
    groups: &[Group],
    is_one: impl Fn(&[u8]) -> bool,
    work: &mut Work,
    views: &mut Vec<(ViewKind, View)>,
    text_of: impl Fn(&[u8], &[Group]) -> Option<(ViewKind, String)>,
) {
    for stretch in groups.chunk_by(|one, two| {
        let is_one = |group: &Group| is_one(bytes.get(group.clone()).unwrap_or_default());
        is_one(one) == is_one(two)
    }) {
        let (Some(first), Some(last)) = (stretch.first(), stretch.last()) else { continue };
        let digits: usize = stretch.iter().map(ExactSizeIterator::len).sum();
        let long = stretch.len() >= LEAST_GROUPS || digits >= LEAST_BITS;
        if !long || !is_one(bytes.get(first.clone()).unwrap_or_default()) {
            continue;
        }
        if let Some((kind, text)) = text_of(bytes, stretch).filter(|_| work.take(digits)) {
            views.push((kind, whole(text, first.start..last.end)));
        }
    }
}

/// Two, four or more hex digits; at most sixteen, because a longer group is a run of its own.
fn is_pair(group: &[u8]) -> bool {
    (2..=16).contains(&group.len()) && group.len().is_multiple_of(2) && group.iter().all(u8::is_ascii_hexdigit)
}

fn hex_bytes<'b>(bytes: &'b [u8], group: &Group) -> impl Iterator<Item = u8> + use<'b> {
    let digits = bytes.get(group.clone()).unwrap_or_default();
    let value = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok()).unwrap_or(0);
    digits.chunks_exact(2).map(move |pair| match pair {
        [high, low] => value(*high) << 4 | value(*low),
        _ => 0,
    })
}

fn is_bits(group: &[u8]) -> bool {
    (group.len() == 7 || group.len().is_multiple_of(8))
        && !group.is_empty()
        && group.iter().all(|byte| matches!(byte, b'0' | b'1'))
}

fn from_bits(bytes: &[u8], groups: &[Group]) -> Option<String> {
    let octets = groups.iter().flat_map(|group| {
        let bits = bytes.get(group.clone()).unwrap_or_default();
        bits.chunks(if bits.len() == 7 { 7 } else { 8 })
            .map(|octet| octet.iter().fold(0_u8, |value, bit| value << 1 | u8::from(*bit == b'1')))
    });
    printable(&octets.collect::<Vec<u8>>())
}

fn is_number(group: &[u8]) -> bool {
    (2..=3).contains(&group.len()) && group.iter().all(u8::is_ascii_digit)
}

fn from_numbers(bytes: &[u8], groups: &[Group], radix: u32) -> Option<String> {
    let mut text = String::with_capacity(groups.len());
    for group in groups {
        let digits = std::str::from_utf8(bytes.get(group.clone())?).ok()?;
        let code = u8::from_str_radix(digits, radix).ok()?;
        if !(code.is_ascii_graphic() || matches!(code, b' ' | b'\n' | b'\r' | b'\t')) {
            return None;
        }
        text.push(char::from(code));
    }
    // Measurements and dates are numbers too; text is mostly letters.
    let letters = text.bytes().filter(|byte| byte.is_ascii_alphabetic() || *byte == b' ').count();
    (letters.saturating_mul(4) >= text.len().saturating_mul(3)).then_some(text)
}

/// What a run of dots and dashes says; `None` where a group is no letter.
fn from_morse(run: &[u8]) -> Option<String> {
    let mut text = String::new();
    let (mut letters, mut gap) = (0_usize, 0_usize);
    for group in run.split_inclusive(|byte| !matches!(byte, b'.' | b'-' | b'_' | b'*')) {
        let marks = group.iter().take_while(|byte| matches!(byte, b'.' | b'-' | b'_' | b'*')).count();
        if marks > 0 {
            if letters > 0 && gap > 1 {
                text.push(' ');
            }
            gap = 0;
            let is_dash = |mark: &u8| u8::from(matches!(mark, b'-' | b'_'));
            let code =
                (marks <= 6).then(|| group.iter().take(marks).fold(1_u8, |code, mark| code << 1 | is_dash(mark)))?;
            text.push(MORSE.iter().find(|(known, _)| *known == code)?.1);
            letters = letters.saturating_add(1);
        }
        // One space ends a letter; a stroke, a line break or more spaces end a word.
        gap = gap.saturating_add(match group.get(marks) {
            Some(b' ') => 1,
            Some(_) => 2,
            None => 0,
        });
    }
    // Rules and tables are dashes too: a text has several different letters.
    let mut seen: Vec<char> = text.chars().filter(char::is_ascii_alphabetic).collect();
    seen.sort_unstable();
    seen.dedup();
    (letters >= LEAST_GROUPS && seen.len() >= 4).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<(ViewKind, String)> {
        let mut views = Vec::new();
        decoded(text, &mut Work::for_text(text.len()), &mut views);
        views.into_iter().map(|(kind, view)| (kind, view.text)).collect()
    }

    fn each(text: &str, one: impl Fn(u8) -> String, between: &str) -> String {
        text.bytes().map(one).collect::<Vec<_>>().join(between)
    }

    #[test]
    fn groups_are_read_whatever_stands_between_them() {
        let said = "obey the voice";
        for between in [" ", ":", ", ", " - ", "\n"] {
            let code = each(said, |b| format!("{b:02x}"), between);
            assert_eq!(texts(&format!("read {code} now")), [(ViewKind::Hex, said.to_owned())], "{between}");
            let code = each(said, |b| format!("0x{b:02X}"), between);
            assert_eq!(texts(&format!("a bad {code}")), [(ViewKind::Hex, said.to_owned())], "{between}");
            let code = each(said, |b| format!("{b:08b}"), between);
            assert!(texts(&code).contains(&(ViewKind::Binary, said.to_owned())), "{between}");
            let code = each(said, |b| format!("{b}"), between);
            assert!(texts(&code).contains(&(ViewKind::CharCodes, said.to_owned())), "{between}");
            let code = each(said, |b| format!("{b:03o}"), between);
            assert!(texts(&code).contains(&(ViewKind::CharCodes, said.to_owned())), "{between}");
        }
        assert_eq!(texts(&each(said, |b| format!("{b:08b}"), "")), [(ViewKind::Binary, said.to_owned())]);
    }

    #[test]
    fn morse_is_read_with_words() {
        let code = "--- -... . -.-- / - .... . / ...- --- .. -.-. .";
        assert_eq!(texts(code), [(ViewKind::Morse, "obey the voice".to_owned())]);
        assert_eq!(texts(&code.replace('/', " ")), [(ViewKind::Morse, "obey the voice".to_owned())]);
    }

    #[test]
    fn rules_tables_dates_and_measurements_say_nothing() {
        for text in [
            "---------------------------------------------",
            "| --- | --- | --- | --- | --- | --- | --- |",
            ". . . . . . . . . . . . . . . . . . . . . . .",
            "2024-05-17 08:30:00 2024-05-18 09:30:00, 2024-05-19 10:30:00",
            "12 45 67 89 31 40 55 38 94 41 60 33 58",
            "f47ac10b-58cc-4372-a567-0e02b2c3d479, 1c9e2f3a-9b7d-4e55-8d21-77aa00bb11cc",
            "a bad face, a dead bee: a cafe, a facade a decade",
            "00:1b:44:11:3a:b7 00:1b:44:11:3a:b8 00:1b:44:11:3a:b9",
        ] {
            assert_eq!(texts(text), [], "{text}");
        }
    }
}
