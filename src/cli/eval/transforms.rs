//! The disguises of `--obfuscate`. Each is what an attacker would send in place of the plain text, with nothing around it that
//! would give it away. A text that a disguise would leave as it is (Chinese has no full-width twin) is not counted for it.

use super::alphabets::{LEET, LOOK_ALIKE, MORSE};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write;

/// A disguise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transform {
    /// U+200B after each letter.
    ZeroWidth,
    /// Full-width forms of ASCII.
    FullWidth,
    /// Mathematical bold letters and digits.
    Mathematical,
    /// An accent on each second letter.
    Diacritic,
    /// Cyrillic letters that look Latin.
    Homoglyph,
    /// Tag characters, which nobody sees, behind a visible word.
    Tags,
    /// Bytes as variation selectors behind an emoji.
    VariationSelectors,
    /// `i g n o r e`, three spaces between words.
    SpacedLetters,
    /// `i.g.n.o.r.e`.
    DottedLetters,
    /// `1gn0r3`.
    Leet,
    /// `ig**no**re`.
    MidWordMarkdown,
    /// `irgnoe`: the first and last letter stay.
    ScrambledInner,
    /// Base64.
    Base64,
    /// Base64 of base64.
    Base64Twice,
    /// Bytes in hexadecimal.
    Hex,
    /// Each byte as `%41`.
    Percent,
    /// Each character as `&#65;`.
    HtmlEntities,
    /// Each UTF-16 unit as `\u0041`.
    UnicodeEscapes,
    /// Letters moved by thirteen.
    Rot13,
    /// Backwards.
    Reversed,
    /// Morse code.
    Morse,
    /// Bytes in groups of eight bits.
    Binary,
    /// Capital letters.
    UpperCase,
    /// Eight combining marks on each letter.
    CombiningFlood,
    /// Backwards under a right-to-left override, so that it shows forwards.
    BidiOverride,
    /// Base64 of rot13.
    Base64OfRot13,
}

use Transform::*;

impl Transform {
    /// All disguises, in the order of the report.
    pub const ALL: [Self; 26] = [
        ZeroWidth,
        FullWidth,
        Mathematical,
        Diacritic,
        Homoglyph,
        Tags,
        VariationSelectors,
        SpacedLetters,
        DottedLetters,
        Leet,
        MidWordMarkdown,
        ScrambledInner,
        Base64,
        Base64Twice,
        Hex,
        Percent,
        HtmlEntities,
        UnicodeEscapes,
        Rot13,
        Reversed,
        Morse,
        Binary,
        UpperCase,
        CombiningFlood,
        BidiOverride,
        Base64OfRot13,
    ];

    /// The name in the report and in floors.
    pub fn name(self) -> &'static str {
        match self {
            ZeroWidth => "zero-width",
            FullWidth => "full-width",
            Mathematical => "mathematical",
            Diacritic => "diacritic",
            Homoglyph => "homoglyph",
            Tags => "tag-characters",
            VariationSelectors => "variation-selectors",
            SpacedLetters => "spaced-letters",
            DottedLetters => "dotted-letters",
            Leet => "leet",
            MidWordMarkdown => "mid-word-markdown",
            ScrambledInner => "scrambled-inner-letters",
            Base64 => "base64",
            Base64Twice => "base64-twice",
            Hex => "hex",
            Percent => "percent",
            HtmlEntities => "html-entities",
            UnicodeEscapes => "unicode-escapes",
            Rot13 => "rot13",
            Reversed => "reversed",
            Morse => "morse",
            Binary => "binary",
            UpperCase => "upper-case",
            CombiningFlood => "combining-flood",
            BidiOverride => "bidi-override",
            Base64OfRot13 => "base64-of-rot13",
        }
    }

    /// Whether the plain text, but for its case, can be had back by rule. The others lose or add what ordinary text has too.
    pub fn is_reversible(self) -> bool {
        !matches!(self, SpacedLetters | DottedLetters | Leet | MidWordMarkdown | ScrambledInner | UpperCase)
    }

    /// The disguised text; `None` where it would be the same, or where the alphabet cannot write it.
    pub fn apply(self, text: &str) -> Option<String> {
        let disguised = match self {
            ZeroWidth => after_letters(text, |_| "\u{200B}"),
            FullWidth => text.chars().map(full_width).collect(),
            Mathematical => text.chars().map(mathematical).collect(),
            Diacritic => after_letters(text, |nth| if nth % 2 == 0 { "\u{0301}" } else { "" }),
            Homoglyph => text.chars().map(|c| swapped(c, &LOOK_ALIKE)).collect(),
            Tags => tags(text)?,
            VariationSelectors => variation_selectors(text),
            SpacedLetters => letters_apart(text, " ", "   "),
            DottedLetters => letters_apart(text, ".", " "),
            Leet => text.chars().map(|c| swapped(c.to_ascii_lowercase(), &LEET)).collect(),
            MidWordMarkdown => by_word(text, marked_down),
            ScrambledInner => by_word(text, scrambled),
            Base64 => STANDARD.encode(text),
            Base64Twice => STANDARD.encode(STANDARD.encode(text)),
            Hex => bytes_as(text, |out, byte| write!(out, "{byte:02x}")),
            Percent => bytes_as(text, |out, byte| write!(out, "%{byte:02X}")),
            HtmlEntities => {
                text.chars().fold(String::new(), |out, c| appended(out, |out| write!(out, "&#{};", u32::from(c))))
            }
            UnicodeEscapes => {
                text.encode_utf16().fold(String::new(), |out, unit| appended(out, |out| write!(out, "\\u{unit:04x}")))
            }
            Rot13 => rot13(text),
            Reversed => text.chars().rev().collect(),
            Morse => morse(text)?,
            Binary => bytes_as(text, |out, byte| write!(out, "{byte:08b} ")).trim_end().to_owned(),
            UpperCase => text.to_uppercase(),
            CombiningFlood => {
                after_letters(text, |_| "\u{0300}\u{0316}\u{0302}\u{0323}\u{0308}\u{0330}\u{0334}\u{0347}")
            }
            BidiOverride => format!("\u{202E}{}\u{202C}", text.chars().rev().collect::<String>()),
            Base64OfRot13 => {
                let turned = rot13(text);
                if turned == text {
                    return None;
                }
                STANDARD.encode(turned)
            }
        };
        (disguised != text).then_some(disguised)
    }
}

fn after_letters(text: &str, added: impl Fn(usize) -> &'static str) -> String {
    let mut out = String::with_capacity(text.len().saturating_mul(2));
    let mut nth = 0_usize;
    for c in text.chars() {
        out.push(c);
        if c.is_alphabetic() {
            out.push_str(added(nth));
            nth = nth.saturating_add(1);
        }
    }
    out
}

fn moved(c: char, by: u32) -> char {
    char::from_u32(u32::from(c).saturating_add(by)).unwrap_or(c)
}

fn full_width(c: char) -> char {
    match c {
        ' ' => '\u{3000}',
        '!'..='~' => moved(c, 0xFEE0),
        _ => c,
    }
}

fn mathematical(c: char) -> char {
    match c {
        'A'..='Z' => moved(c, 0x1D400 - 0x41),
        'a'..='z' => moved(c, 0x1D41A - 0x61),
        '0'..='9' => moved(c, 0x1D7CE - 0x30),
        _ => c,
    }
}

fn swapped(c: char, pairs: &[(char, char)]) -> char {
    pairs.iter().find(|(from, _)| *from == c).map_or(c, |(_, to)| *to)
}

/// Only ASCII has tags.
fn tags(text: &str) -> Option<String> {
    let mut out = String::from("Hello ");
    for c in text.chars() {
        match c {
            ' '..='~' => out.push(moved(c, 0xE0000)),
            '\n' | '\t' | '\r' => out.push('\u{E0020}'),
            _ => return None,
        }
    }
    Some(out)
}

fn variation_selectors(text: &str) -> String {
    let selector = |byte: u8| match byte {
        0..=15 => char::from_u32(0xFE00 + u32::from(byte)),
        _ => char::from_u32(0xE0100 + u32::from(byte) - 16),
    };
    std::iter::once('😊').chain(text.bytes().filter_map(selector)).collect()
}

fn letters_apart(text: &str, between: &str, between_words: &str) -> String {
    let word = |word: &str| word.chars().map(String::from).collect::<Vec<_>>().join(between);
    text.split_whitespace().map(word).collect::<Vec<_>>().join(between_words)
}

/// Changes runs of letters, and nothing between them.
fn by_word(text: &str, change: impl Fn(&[char]) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut word: Vec<char> = Vec::new();
    for c in text.chars().map(Some).chain([None]) {
        match c {
            Some(c) if c.is_alphabetic() => word.push(c),
            other => {
                out.push_str(&change(&word));
                word.clear();
                out.extend(other);
            }
        }
    }
    out
}

fn marked_down(word: &[char]) -> String {
    if word.len() < 4 {
        return word.iter().collect();
    }
    let (from, to) = (word.len() / 3, word.len() - word.len() / 3);
    let part = |range: std::ops::Range<usize>| word.get(range).unwrap_or_default().iter().collect::<String>();
    format!("{}**{}**{}", part(0..from), part(from..to), part(to..word.len()))
}

/// Mixes the inner letters, always the same way for the same word.
fn scrambled(word: &[char]) -> String {
    let mut mixed = word.to_vec();
    let last = mixed.len().saturating_sub(1);
    let mut state = word.iter().fold(0x9E37_79B9_u64, |state, c| {
        state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(u64::from(u32::from(*c)))
    });
    if let Some(inner) = mixed.get_mut(1..last) {
        for index in (1..inner.len()).rev() {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            let other = usize::try_from(state >> 33).unwrap_or(0) % index.saturating_add(1);
            inner.swap(index, other);
        }
        if word.get(1..last) == Some(&*inner) {
            inner.reverse();
        }
    }
    mixed.into_iter().collect()
}

fn appended(mut out: String, add: impl Fn(&mut String) -> std::fmt::Result) -> String {
    // Writing to a string does not fail.
    let _ = add(&mut out);
    out
}

fn bytes_as(text: &str, form: impl Fn(&mut String, u8) -> std::fmt::Result) -> String {
    text.bytes().fold(String::new(), |out, byte| appended(out, |out| form(out, byte)))
}

fn rot13(text: &str) -> String {
    let turned = |c: char| match c {
        'a'..='m' | 'A'..='M' => moved(c, 13),
        'n'..='z' | 'N'..='Z' => char::from_u32(u32::from(c).saturating_sub(13)).unwrap_or(c),
        _ => c,
    };
    text.chars().map(turned).collect()
}

/// Words with ` / ` between. Marks that Morse has no code for are left out; a text whose letters it cannot write is not
/// written.
fn morse(text: &str) -> Option<String> {
    let mut words = Vec::new();
    for word in text.split_whitespace() {
        let mut letters = Vec::new();
        for c in word.chars() {
            match MORSE.iter().find(|(known, _)| *known == c.to_ascii_lowercase()) {
                Some((_, code)) => letters.push(*code),
                None if c.is_alphanumeric() => return None,
                None => {}
            }
        }
        if !letters.is_empty() {
            words.push(letters.join(" "));
        }
    }
    Some(words.join(" / "))
}

#[cfg(test)]
#[path = "transforms_tests.rs"]
mod tests;
