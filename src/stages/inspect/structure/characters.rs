//! Characters that are there to hide something from a reader: tag characters, data in variation selectors, floods of
//! zero-width characters, reversed reading direction. Text that is plain never gets here.
//!
//! It also reads what tags and selectors spell, so that signatures can look at it. Sources: Unicode 15 §23.9 (tags),
//! UTR #36 §2 (bidi), CVE-2021-42574.

use crate::model::{Category, RuleId};
use crate::stages::inspect::sighting::Sighting;
use crate::stages::inspect::views::{View, ViewKind, Way};
use std::ops::Range;

/// Tag characters in a row that are no flag's.
const LEAST_TAGS: usize = 3;
/// Variation selectors in a row; text and emoji use one.
const LEAST_SELECTORS: usize = 3;
/// Zero-width characters in a row; emoji and Persian use one or two.
const LEAST_ZERO_WIDTH: usize = 6;

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
}

impl Characters {
    pub fn new() -> Self {
        Self {
            tags: RuleId::new("injection.hidden_characters.tags"),
            selectors: RuleId::new("injection.hidden_characters.variation-selectors"),
            zero_width: RuleId::new("injection.hidden_characters.zero-width-run"),
            bidi: RuleId::new("injection.hidden_characters.bidi-override"),
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
        views
    }
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
}
