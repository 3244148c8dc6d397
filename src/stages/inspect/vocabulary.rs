//! The words that the packs and the classifier's concepts name. They tell which oddly spelled words are worth reading otherwise: `ig_nore` is a word of
//! a signature, `user_name` is not, and so ordinary text and code are left alone.

use super::classifier;
use crate::config::settings::Pack;
use regex_automata::util::syntax;
use regex_syntax::hir::{Class, Hir, HirKind};
use std::collections::{BTreeSet, HashMap};

/// Shortest word that is kept.
const LEAST_LETTERS: usize = 3;
/// Longest word that is kept.
const MOST_LETTERS: usize = 24;
/// Most ways in which one part of a pattern is spelled out.
const MOST_SPELLINGS: usize = 64;
/// Shortest word whose letters out of order make a text worth reading again.
pub(super) const LEAST_TELLING: usize = 6;
/// Bits of the sieve in front of the words; a power of two.
const SIEVE_BITS: usize = 1 << 16;

/// Words by what is left of them when their inner letters are out of order.
#[derive(Debug)]
pub(super) struct Vocabulary {
    by_letters: HashMap<u64, Vec<Box<str>>>,
    /// A bit per key; most other words end here.
    sieve: Box<[u64]>,
    /// For each first and last letter, a bit per length: ordinary words end here without being read.
    lengths: Box<[u32]>,
}

impl Vocabulary {
    /// Collects the words of all patterns, and those of the concepts. A pattern that does not parse adds none; compiling it tells.
    pub fn of(packs: &[Pack]) -> Self {
        let mut words = BTreeSet::new();
        for pattern in packs.iter().flat_map(|pack| &pack.signatures).flat_map(|signature| &signature.patterns) {
            // Classes of ASCII are small; a pattern that needs the others says so.
            let config = |unicode| syntax::Config::new().unicode(unicode).utf8(false);
            let parsed = syntax::parse_with(pattern, &config(!pattern.is_ascii())).ok();
            if let Some(hir) = parsed.or_else(|| syntax::parse_with(pattern, &config(true)).ok()) {
                let spellings = collect(&hir, &mut words);
                keep(spellings, &mut words);
            }
        }
        let concepts = classifier::words().filter(|word| (LEAST_LETTERS..=MOST_LETTERS).contains(&word.len()));
        words.extend(concepts.filter(|word| word.bytes().all(|byte| byte.is_ascii_lowercase())).map(str::to_owned));
        let mut vocabulary =
            Self { by_letters: HashMap::new(), sieve: vec![0; SIEVE_BITS / 64].into(), lengths: vec![0; 1024].into() };
        for word in words {
            let key = key(word.as_bytes());
            if let Some(bits) = ends(word.as_bytes()).and_then(|at| vocabulary.lengths.get_mut(at)) {
                *bits |= 1 << (word.len() & 31);
            }
            let place = vocabulary.place(key);
            if let Some((block, bit)) = place.and_then(|(at, bit)| Some((vocabulary.sieve.get_mut(at)?, bit))) {
                *block |= bit;
            }
            vocabulary.by_letters.entry(key).or_default().push(word.into());
        }
        vocabulary
    }

    fn place(&self, key: u64) -> Option<(usize, u64)> {
        let index = usize::try_from(key >> 48).ok()?;
        Some((index / 64, 1 << (index % 64)))
    }

    fn passes(&self, key: u64) -> bool {
        self.place(key).is_some_and(|(block, bit)| self.sieve.get(block).is_some_and(|bits| bits & bit != 0))
    }

    fn with_letters_of(&self, word: &[u8]) -> &[Box<str>] {
        let lengths = ends(word).and_then(|at| self.lengths.get(at)).copied().unwrap_or(0);
        if lengths & (1 << (word.len() & 31)) == 0 {
            return &[];
        }
        let key = key(word);
        if !self.passes(key) {
            return &[];
        }
        self.by_letters.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Whether a word of ASCII letters, in any case, is one of them.
    pub fn holds(&self, word: &[u8]) -> bool {
        self.with_letters_of(word).iter().any(|known| known.as_bytes().eq_ignore_ascii_case(word))
    }

    /// The word that has the same first and last letter and the same letters between in another order; `None` for a word that
    /// is itself one of them.
    pub fn unscrambled(&self, word: &[u8]) -> Option<&str> {
        let known = self.with_letters_of(word);
        if known.is_empty() || known.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(word)) {
            return None;
        }
        let sorted = |word: &[u8]| {
            let mut letters = word.to_ascii_lowercase();
            letters.sort_unstable();
            letters
        };
        let letters = sorted(word);
        known.iter().find(|known| sorted(known.as_bytes()) == letters).map(AsRef::as_ref)
    }
}

/// The place of the first and last letter of a word.
fn ends(word: &[u8]) -> Option<usize> {
    let (first, last) = word.first().zip(word.last())?;
    Some(usize::from(first & 0x1F) << 5 | usize::from(last & 0x1F))
}

/// A number that does not change with the order of the inner letters, nor with case; its high bits are well mixed.
fn key(word: &[u8]) -> u64 {
    let weight =
        |byte: u8| u64::from(byte | 0x20).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(u32::from(byte & 0x1F));
    let sum = word.iter().fold(0_u64, |sum, &byte| sum.wrapping_add(weight(byte)));
    let ends = word
        .first()
        .zip(word.last())
        .map_or(0, |(&first, &last)| u64::from(first | 0x20) << 8 | u64::from(last | 0x20));
    (sum ^ ends.wrapping_mul(0xD6E8_FEB8_6659_FD93)).wrapping_mul(0xC2B2_AE3D_27D4_EB4F)
}

/// Adds the words in these texts.
fn keep(texts: BTreeSet<String>, words: &mut BTreeSet<String>) {
    for text in texts {
        let of_letters = text.split(|c: char| !c.is_alphabetic());
        let usable = |word: &&str| word.is_ascii() && (LEAST_LETTERS..=MOST_LETTERS).contains(&word.len());
        words.extend(of_letters.filter(usable).map(str::to_ascii_lowercase));
    }
}

/// All texts of a part where they are few; else adds the words in it and gives a border between words.
fn collect(hir: &Hir, words: &mut BTreeSet<String>) -> BTreeSet<String> {
    let border = || BTreeSet::from([" ".to_owned()]);
    match hir.kind() {
        HirKind::Empty => BTreeSet::from([String::new()]),
        HirKind::Look(_) => border(),
        HirKind::Literal(literal) => BTreeSet::from([String::from_utf8_lossy(&literal.0).into_owned()]),
        HirKind::Class(class) => of_class(class).unwrap_or_else(border),
        HirKind::Capture(capture) => collect(&capture.sub, words),
        HirKind::Repetition(repetition) => {
            let mut texts = collect(&repetition.sub, words);
            if repetition.max == Some(1) {
                texts.insert(String::new());
                return texts;
            }
            keep(texts, words);
            border()
        }
        HirKind::Alternation(branches) => {
            let mut all = BTreeSet::new();
            for branch in branches {
                all.extend(collect(branch, words));
            }
            if all.len() > MOST_SPELLINGS {
                keep(all, words);
                return border();
            }
            all
        }
        HirKind::Concat(parts) => {
            let mut heads = BTreeSet::from([String::new()]);
            for part in parts {
                let tails = collect(part, words);
                // What stands before a border is finished.
                let is_border = tails.contains(" ");
                if is_border || heads.len().saturating_mul(tails.len()) > MOST_SPELLINGS {
                    keep(std::mem::replace(&mut heads, BTreeSet::from([String::new()])), words);
                }
                if is_border {
                    keep(tails, words);
                } else {
                    heads =
                        heads.iter().flat_map(|head| tails.iter().map(move |tail| format!("{head}{tail}"))).collect();
                }
            }
            keep(heads, words);
            border()
        }
    }
}

fn of_class(class: &Class) -> Option<BTreeSet<String>> {
    const FEW: usize = 4;
    let letters: Vec<char> = match class {
        Class::Unicode(class) => {
            let all = class.iter().flat_map(|range| range.start()..=range.end());
            all.filter(char::is_ascii_alphabetic).take(FEW + 1).collect()
        }
        Class::Bytes(class) => {
            let all = class.iter().flat_map(|range| range.start()..=range.end());
            all.filter(u8::is_ascii_alphabetic).take(FEW + 1).map(char::from).collect()
        }
    };
    (1..=FEW).contains(&letters.len()).then(|| letters.into_iter().map(String::from).collect())
}

#[cfg(test)]
mod tests {
    use super::super::pack_tests::shipped;
    use super::*;

    #[test]
    fn words_of_patterns_are_known_in_every_form_and_others_are_not() {
        let vocabulary = Vocabulary::of(&shipped());
        for word in
            ["ignore", "Ignoring", "previous", "instruction", "instructions", "PROMPT", "policy", "policies", "reveal"]
        {
            assert!(vocabulary.holds(word.as_bytes()), "{word}");
        }
        for word in ["username", "ferry", "cabin", "northpier", "ignor", ""] {
            assert!(!vocabulary.holds(word.as_bytes()), "{word}");
        }
    }

    #[test]
    fn letters_out_of_order_lead_to_the_word_and_the_word_itself_to_none() {
        let vocabulary = Vocabulary::of(&shipped());
        assert_eq!(vocabulary.unscrambled(b"Ignroe"), Some("ignore"));
        assert_eq!(vocabulary.unscrambled(b"insrtuctions"), Some("instructions"));
        assert_eq!(vocabulary.unscrambled(b"instructions"), None);
        assert_eq!(vocabulary.unscrambled(b"ignoer"), None);
        assert_eq!(vocabulary.unscrambled(b"ferry"), None);
    }
}
