//! Classes of words that attacks are made of. What is learned about one word of a class holds for all of them.
//!
//! The list is `concepts.txt`: a class a line, words in lower case, `*` for any ending.

use super::features::{each_beginning, hash_word};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Letters that a beginning needs before `*` may stand.
const LEAST_PREFIX_CHARS: usize = 3;

/// A class of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Concept(u8);

impl Concept {
    /// Its number, from 1.
    pub fn code(self) -> u64 {
        u64::from(self.0)
    }
}

/// The whole words and beginnings of the shipped list.
pub(in crate::stages::inspect) fn words() -> impl Iterator<Item = &'static str> {
    let lines = include_str!("concepts.txt").lines().filter(|line| !line.starts_with('#'));
    let lists = lines.filter_map(|line| line.split_once(": "));
    lists.flat_map(|(_, words)| words.split_ascii_whitespace()).map(|word| word.trim_end_matches('*'))
}

/// All classes, by the hashes of their words.
#[derive(Debug)]
pub(super) struct Concepts {
    words: ByHash,
    beginnings: ByHash,
}

type ByHash = HashMap<u64, Concept, BuildHasherDefault<AsItIs>>;

/// The keys are hashes already, and nobody but this file puts any in.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, &byte| hash << 8 | u64::from(byte));
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl Concepts {
    /// The list that the classifier was trained with.
    pub fn shipped() -> Self {
        Self::read(include_str!("concepts.txt"))
    }

    fn read(list: &str) -> Self {
        let mut all = Self { words: ByHash::default(), beginnings: ByHash::default() };
        let lines = list.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(": "));
        for (number, (_, words)) in (1_u8..).zip(lines) {
            for word in words.split_ascii_whitespace() {
                let (map, word) = match word.strip_suffix('*') {
                    Some(beginning) => (&mut all.beginnings, beginning),
                    None => (&mut all.words, word),
                };
                map.entry(hash_word(word)).or_insert(Concept(number));
            }
        }
        all
    }

    /// The class of a word: of the whole word, else of its shortest listed beginning.
    pub fn of(&self, word: &str) -> Option<Concept> {
        let (mut whole, mut begun) = (None, None);
        let mut chars = 0_usize;
        each_beginning(word, &mut |hash, is_whole| {
            chars = chars.saturating_add(1);
            if is_whole {
                whole = self.words.get(&hash).copied();
            }
            if begun.is_none() && chars >= LEAST_PREFIX_CHARS {
                begun = self.beginnings.get(&hash).copied();
            }
        });
        whole.or(begun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_win_over_beginnings_and_case_makes_no_difference() {
        let concepts = Concepts::read("# note\ndrop: ignore* skip\nother: ignored\n");
        assert_eq!(concepts.of("Ignoring"), None);
        assert_eq!(concepts.of("IGNORES"), Some(Concept(1)));
        assert_eq!(concepts.of("ignored"), Some(Concept(2)));
        assert_eq!(concepts.of("skipping"), None);
    }

    #[test]
    fn no_word_of_the_shipped_list_stands_twice_and_beginnings_are_long_enough() {
        let mut seen = std::collections::HashSet::new();
        for (name, words) in include_str!("concepts.txt").lines().filter_map(|line| line.split_once(": ")) {
            for word in words.split_ascii_whitespace().filter(|_| !name.starts_with('#')) {
                assert!(seen.insert(word), "{word} stands twice");
                assert!(!word.ends_with('*') || word.chars().count() > LEAST_PREFIX_CHARS, "{word}");
            }
        }
        assert!(seen.len() > 300);
    }
}
