//! Cuts a view of a text into tokens. One pass, nothing is copied.
//!
//! Words are runs of letters; scripts that put no space between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) give one
//! token a character, so that runs of tokens stand for words there too. White space only separates, because the normalised
//! view of a text has lost its kind.

use std::ops::Range;

/// Letters of a word that are read as one token; what follows begins the next.
const LONGEST_WORD_CHARS: usize = 32;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A run of letters.
    Word,
    /// A character of a script without spaces.
    Glyph,
    /// A run of digits.
    Number,
    /// A run of one sign that ends a sentence.
    Break,
    /// A run of one other sign.
    Sign,
}

/// The first token at or after `at`.
pub(super) fn next(text: &str, at: usize) -> Option<(Kind, Range<usize>)> {
    let bytes = text.as_bytes();
    let mut start = at;
    while bytes.get(start).is_some_and(u8::is_ascii_whitespace) {
        start = start.saturating_add(1);
    }
    let first = *bytes.get(start)?;
    if first.is_ascii_alphabetic() {
        return Some((Kind::Word, start..word_end(text, start)));
    }
    if first.is_ascii_digit() {
        let len = bytes.get(start..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
        return Some((Kind::Number, start..start.saturating_add(len)));
    }
    if first.is_ascii() {
        let len = bytes.get(start..)?.iter().take_while(|&&byte| byte == first).count();
        let kind = if matches!(first, b'.' | b'!' | b'?' | b';') { Kind::Break } else { Kind::Sign };
        return Some((kind, start..start.saturating_add(len)));
    }
    let rest = text.get(start..)?;
    let c = rest.chars().next()?;
    let end = start.saturating_add(c.len_utf8());
    if c.is_whitespace() {
        // At most one step deeper for each run: the loop above has taken the ASCII ones.
        let run = rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
        return next(text, start.saturating_add(run));
    }
    if is_glyph(c) {
        return Some((Kind::Glyph, start..end));
    }
    if is_letter(c) {
        return Some((Kind::Word, start..word_end(text, start)));
    }
    let run = rest.find(|other: char| other != c).unwrap_or(rest.len());
    let kind = match c {
        c if c.is_numeric() => return Some((Kind::Number, start..end)),
        '。' | '！' | '？' | '।' | '؟' | '…' | '؛' | '｡' => Kind::Break,
        _ => Kind::Sign,
    };
    Some((kind, start..start.saturating_add(run)))
}

fn word_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let mut end = start;
    for _ in 0..LONGEST_WORD_CHARS {
        match bytes.get(end) {
            Some(byte) if byte.is_ascii_alphabetic() => end = end.saturating_add(1),
            // An apostrophe between letters: don't.
            Some(b'\'') if end > start && bytes.get(end.saturating_add(1)).is_some_and(u8::is_ascii_alphabetic) => {
                end = end.saturating_add(1);
            }
            Some(byte) if !byte.is_ascii() => {
                let Some(c) = text.get(end..).and_then(|rest| rest.chars().next()) else { break };
                if !is_letter(c) || is_glyph(c) {
                    break;
                }
                end = end.saturating_add(c.len_utf8());
            }
            _ => break,
        }
    }
    end
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic() || is_mark(c)
}

/// Vowel signs and points that stand within words of Indic scripts, Arabic and Hebrew.
fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36F}' | '\u{5B0}'..='\u{5C7}' | '\u{64B}'..='\u{65F}' | '\u{200C}'..='\u{200D}'
        | '\u{93A}'..='\u{94F}' | '\u{9BC}'..='\u{9CD}' | '\u{A3C}'..='\u{A4D}' | '\u{ABC}'..='\u{ACD}'
        | '\u{B3C}'..='\u{B4D}' | '\u{BBE}'..='\u{BCD}' | '\u{C3E}'..='\u{C4D}' | '\u{CBC}'..='\u{CCD}'
        | '\u{D3B}'..='\u{D4D}')
}

/// Characters of scripts without spaces between words.
fn is_glyph(c: char) -> bool {
    matches!(c,
        '\u{0E00}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}' | '\u{2E80}'..='\u{2FDF}'
        | '\u{3005}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(text: &str) -> Vec<(Kind, &str)> {
        let mut at = 0;
        std::iter::from_fn(|| {
            let (kind, span) = next(text, at)?;
            at = span.end;
            Some((kind, &text[span]))
        })
        .collect()
    }

    #[test]
    fn words_numbers_and_signs_are_told_apart() {
        assert_eq!(
            all("Don't  stop,\n\n### 42!! naïve"),
            [
                (Kind::Word, "Don't"),
                (Kind::Word, "stop"),
                (Kind::Sign, ","),
                (Kind::Sign, "###"),
                (Kind::Number, "42"),
                (Kind::Break, "!!"),
                (Kind::Word, "naïve"),
            ]
        );
    }

    #[test]
    fn scripts_without_spaces_give_a_token_a_character_and_others_words() {
        assert_eq!(all("忽略 그만해").iter().map(|token| token.1).collect::<Vec<_>>(), ["忽", "略", "그만해"]);
        assert_eq!(all("निर्देश भूलो").len(), 2);
        assert_eq!(all("تجاهل التعليمات").len(), 2);
    }

    proptest! {
        #[test]
        fn tokens_move_on_and_stand_on_character_borders(text in "\\PC{0,60}|[a-z' \u{200B}é中ไ\u{3000}!]{0,60}") {
            let mut at = 0;
            while let Some((_, span)) = next(&text, at) {
                prop_assert!(span.start >= at && span.end > span.start);
                prop_assert!(text.get(span.clone()).is_some());
                at = span.end;
            }
            prop_assert!(text[at..].chars().all(char::is_whitespace));
        }
    }
}
