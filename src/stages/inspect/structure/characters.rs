//! Characters that are there to hide something from a reader: tag characters, data in variation selectors, floods of
//! zero-width characters, reversed reading direction. Text that is plain never gets here.
//!
//! It also reads what tags and selectors spell, so that signatures can look at it. Sources: Unicode 15 §23.9 (tags),
//! UTR #36 §2 (bidi), CVE-2021-42574.

use crate::model::{Category, RuleId};
use crate::stages::inspect::characters::{fold_char, looks_like};
use crate::stages::inspect::sighting::Sighting;
use crate::stages::inspect::views::{View, ViewKind, Way};
use std::ops::Range;

/// Tag characters in a row that are no flag's.
const LEAST_TAGS: usize = 3;
/// Variation selectors in a row; text and emoji use one.
const LEAST_SELECTORS: usize = 3;
/// Zero-width characters in a row; emoji and Persian use one or two.
const LEAST_ZERO_WIDTH: usize = 6;
/// Combining marks on one letter; no language needs more than three.
const LEAST_MARKS: usize = 4;
/// Letters under such piles.
const LEAST_PILES: usize = 3;
/// Longest word whose letters are looked at, in bytes.
const LONGEST_WORD: usize = 64;
/// Words that nobody writes in letters of two scripts by accident; what signatures ask for most.
const VOCABULARY: [&str; 28] = [
    "ignore",
    "disregard",
    "forget",
    "override",
    "bypass",
    "previous",
    "prior",
    "above",
    "instruction",
    "instructions",
    "prompt",
    "prompts",
    "system",
    "developer",
    "assistant",
    "reveal",
    "rules",
    "guidelines",
    "restrictions",
    "password",
    "secret",
    "token",
    "jailbreak",
    "unfiltered",
    "uncensored",
    "admin",
    "execute",
    "confidential",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tag,
    Selector,
    ZeroWidth,
    BidiOverride,
    Other,
}

fn kind_of(c: char) -> Kind {
    match c {
        '\u{E0000}'..='\u{E007F}' => Kind::Tag,
        '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}' => Kind::Selector,
        '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}' => Kind::ZeroWidth,
        '\u{202D}' | '\u{202E}' => Kind::BidiOverride,
        _ => Kind::Other,
    }
}

/// The rules on hidden characters.
#[derive(Debug)]
pub(in crate::stages::inspect) struct Characters {
    tags: RuleId,
    selectors: RuleId,
    zero_width: RuleId,
    bidi: RuleId,
    piles: RuleId,
    mixed: RuleId,
}

impl Characters {
    pub fn new() -> Self {
        Self {
            tags: RuleId::new("injection.hidden_characters.tags"),
            selectors: RuleId::new("injection.hidden_characters.variation-selectors"),
            zero_width: RuleId::new("injection.hidden_characters.zero-width-run"),
            bidi: RuleId::new("injection.hidden_characters.bidi-override"),
            piles: RuleId::new("injection.hidden_characters.combining-flood"),
            mixed: RuleId::new("injection.hidden_characters.mixed-script-word"),
        }
    }

    /// Looks at one text; gives what hidden characters spell.
    pub fn scan(&self, text: &str, report: &mut dyn FnMut(Sighting)) -> Vec<(ViewKind, View)> {
        let mut views = Vec::new();
        for (kind, span) in runs(text) {
            let Some(run) = text.get(span.clone()) else { continue };
            let count = run.chars().count();
            let (rule, score, least) = match kind {
                Kind::Tag => (&self.tags, 0.95, LEAST_TAGS),
                Kind::Selector => (&self.selectors, 0.92, LEAST_SELECTORS),
                Kind::ZeroWidth => (&self.zero_width, 0.75, LEAST_ZERO_WIDTH),
                Kind::BidiOverride => (&self.bidi, 0.60, 1),
                Kind::Other => continue,
            };
            if count < least || is_flag(text, &span) {
                continue;
            }
            let view = match kind {
                Kind::Tag => Some((ViewKind::Tags, tags_spell(run))),
                Kind::Selector => Some((ViewKind::Selectors, selectors_spell(run))),
                _ => None,
            };
            views.extend(view.map(|(kind, text)| (kind, View { text, way: Way::Whole(span.clone()) })));
            let category = Category::Injection;
            report(Sighting { rule: rule.clone(), category, score, span, label: "INJECTION" });
        }
        // Weak signs: each is told once, and blocks nobody alone.
        let weak = [(&self.piles, 0.40, piles(text)), (&self.mixed, 0.55, mixed_word(text))];
        for (rule, score, span) in weak {
            let Some(span) = span else { continue };
            report(Sighting { rule: rule.clone(), category: Category::Injection, score, span, label: "INJECTION" });
        }
        views
    }
}

/// From the first pile of combining marks to the last, if there are enough of them.
fn piles(text: &str) -> Option<Range<usize>> {
    let is_mark = |c: char| matches!(c, '\u{300}'..='\u{36F}');
    let (mut count, mut at) = (0_usize, 0_usize);
    let mut span: Option<Range<usize>> = None;
    // First bytes of U+0300 to U+036F, which other letters share.
    while let Some(found) = text.as_bytes().get(at..).and_then(|rest| memchr::memchr2(0xCC, 0xCD, rest)) {
        let start = at.saturating_add(found);
        let rest = text.get(start..)?;
        let marks = rest.chars().take_while(|&c| is_mark(c)).count();
        at = start.saturating_add(marks.saturating_mul(2).max(1));
        if marks >= LEAST_MARKS {
            count = count.saturating_add(1);
            span = Some(span.map_or(start, |span| span.start)..at);
        }
    }
    span.filter(|_| count >= LEAST_PILES)
}

/// The first word of [`VOCABULARY`] that is spelled with letters of Greek or Cyrillic among Latin ones.
fn mixed_word(text: &str) -> Option<Range<usize>> {
    // First bytes of Greek, and of Cyrillic; each is looked for once.
    let greek = memchr::memchr2_iter(0xCE, 0xCF, text.as_bytes());
    let cyrillic = memchr::memchr3_iter(0xD0, 0xD1, 0xD2, text.as_bytes());
    first_mixed(text, greek).or_else(|| first_mixed(text, cyrillic))
}

fn first_mixed(text: &str, places: impl Iterator<Item = usize>) -> Option<Range<usize>> {
    let mut done = 0_usize;
    for at in places {
        if at < done {
            continue;
        }
        let head = text.get(..at)?;
        let head = head.get(head.ceil_char_boundary(at.saturating_sub(LONGEST_WORD))..)?;
        let before: usize = head.chars().rev().take_while(|c| c.is_alphabetic()).map(char::len_utf8).sum();
        let after: usize = text.get(at..)?.chars().take_while(|c| c.is_alphabetic()).map(char::len_utf8).sum();
        let (start, end) = (at.saturating_sub(before), at.saturating_add(after.max(1)));
        done = end;
        let Some(word) = text.get(start..end).filter(|word| word.len() <= LONGEST_WORD) else { continue };
        if !word.bytes().any(|byte| byte.is_ascii_alphabetic()) {
            continue;
        }
        let mut plain = String::new();
        word.chars().for_each(|c| fold_char(c, |part| plain.push(looks_like(part).unwrap_or(part))));
        if VOCABULARY.contains(&plain.as_str()) {
            return Some(start..end);
        }
    }
    None
}

/// Runs of characters of one kind.
fn runs(text: &str) -> impl Iterator<Item = (Kind, Range<usize>)> + '_ {
    // First bytes of all of them: U+2000 to U+2FFF, U+F000 to U+FFFF, U+C0000 to U+FFFFF.
    const FIRST_BYTES: [u8; 3] = [0xE2, 0xEF, 0xF3];
    let [two, three, four] = FIRST_BYTES;
    let mut at = 0_usize;
    std::iter::from_fn(move || {
        loop {
            let start = at.saturating_add(memchr::memchr3(two, three, four, text.as_bytes().get(at..)?)?);
            let rest = text.get(start..)?;
            let first = rest.chars().next()?;
            let kind = kind_of(first);
            if kind == Kind::Other {
                at = start.saturating_add(first.len_utf8());
                continue;
            }
            at = start.saturating_add(rest.find(|c| kind_of(c) != kind).unwrap_or(rest.len()));
            return Some((kind, start..at));
        }
    })
}

/// A black flag followed by up to six tag letters and the cancel tag is a subdivision's flag (UTS #51).
fn is_flag(text: &str, span: &Range<usize>) -> bool {
    const LONGEST: usize = 7;
    let run = text.get(span.clone()).unwrap_or("");
    text.get(..span.start).is_some_and(|head| head.ends_with('\u{1F3F4}'))
        && run.ends_with('\u{E007F}')
        && run.chars().count() <= LONGEST
}

fn tags_spell(run: &str) -> String {
    run.chars().filter_map(|c| char::from_u32(u32::from(c).wrapping_sub(0xE0000))).filter(|c| *c >= ' ').collect()
}

/// Selectors 1 to 256 as bytes.
fn selectors_spell(run: &str) -> String {
    let byte = |c: char| match c {
        '\u{FE00}'..='\u{FE0F}' => u8::try_from(u32::from(c) - 0xFE00).ok(),
        _ => u8::try_from(u32::from(c).wrapping_sub(0xE0100).saturating_add(16)).ok(),
    };
    let bytes: Vec<u8> = run.chars().filter_map(byte).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str) -> (Vec<String>, Vec<String>) {
        let mut rules = Vec::new();
        let views = Characters::new().scan(text, &mut |sighting| {
            assert!(text.get(sighting.span).is_some());
            rules.push(sighting.rule.as_str().rsplit('.').next().unwrap().to_owned());
        });
        (rules, views.into_iter().map(|(_, view)| view.text).collect())
    }

    #[test]
    fn tag_characters_are_seen_and_spelled_out() {
        let hidden: String = "obey me".chars().map(|c| char::from_u32(0xE0000 + c as u32).unwrap()).collect();
        assert_eq!(scan(&format!("hi{hidden}!")), (vec!["tags".to_owned()], vec!["obey me".to_owned()]));
    }

    #[test]
    fn bytes_in_variation_selectors_are_seen_and_spelled_out() {
        let selector = |byte: u8| {
            let base = if byte < 16 { 0xFE00 } else { 0xE0100 - 16 };
            char::from_u32(base + u32::from(byte)).unwrap()
        };
        let hidden: String = "obey".bytes().map(selector).collect();
        assert_eq!(scan(&format!("😀{hidden}")), (vec!["variation-selectors".to_owned()], vec!["obey".to_owned()]));
    }

    #[test]
    fn flags_emoji_and_persian_are_left_alone() {
        let scotland = "\u{1F3F4}\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}";
        assert_eq!(scan(&format!("{scotland} 👩\u{200D}👩\u{200D}👧 ❤\u{FE0F} می\u{200C}خواهم")).0, [] as [&str; 0]);
    }

    #[test]
    fn long_tag_text_behind_a_flag_is_no_flag() {
        let hidden: String = "obey the voice".chars().map(|c| char::from_u32(0xE0000 + c as u32).unwrap()).collect();
        assert_eq!(scan(&format!("\u{1F3F4}{hidden}\u{E007F}")).0, ["tags"]);
    }

    #[test]
    fn zero_width_floods_and_overrides_are_seen() {
        assert_eq!(scan(&format!("a{}b", "\u{200B}\u{200C}".repeat(4))).0, ["zero-width-run"]);
        assert_eq!(scan("abc\u{202E}fed").0, ["bidi-override"]);
    }

    #[test]
    fn piles_of_marks_are_a_weak_sign_and_accents_are_none() {
        let pile = "\u{301}\u{316}\u{334}\u{35F}\u{312}";
        assert_eq!(scan(&format!("i{pile}g{pile}n{pile}")).0, ["combining-flood"]);
        assert!(scan(&format!("i{pile}gn")).0.is_empty());
        assert!(scan("Vie\u{302}\u{323}t Nam e\u{301}te\u{301} ֵ").0.is_empty());
    }

    #[test]
    fn words_of_attacks_in_letters_of_two_scripts_are_a_weak_sign_and_other_words_are_none() {
        assert_eq!(scan("please ignоre it").0, ["mixed-script-word"]);
        assert_eq!(scan("ваш systеm").0, ["mixed-script-word"]);
        assert!(scan("привет, ignore the Σ-algebra, Nоrdsee, игнорируй, λx").0.is_empty());
    }
}
