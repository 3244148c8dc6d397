//! Patterns behind a word automaton: a pattern is a candidate for a text only if the text holds a word of each set that the
//! pattern needs.

use super::needs;
use super::words::Words;
use regex_automata::meta::{self, BuildError, Regex};
use regex_automata::util::syntax;
use std::collections::BTreeMap;
use std::ops::Range;

/// Compiled size of one pattern, in bytes of its NFA.
const PATTERN_NFA_BYTES: usize = 4 << 20;

/// Which characters a pattern is compiled over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    /// Bytes; classes mean ASCII.
    Ascii,
    /// Characters.
    Unicode,
}

impl Syntax {
    /// Letters outside ASCII need the Unicode form, and so do escapes such as `\x{200B}` and `\p{…}`.
    pub fn of(pattern: &str) -> Self {
        let wide = !pattern.is_ascii() || [r"\x{", r"\u{", r"\p", r"\P"].iter().any(|escape| pattern.contains(escape));
        if wide { Self::Unicode } else { Self::Ascii }
    }

    fn config(self) -> syntax::Config {
        let unicode = self == Self::Unicode;
        syntax::Config::new().case_insensitive(true).unicode(unicode).utf8(unicode)
    }

    /// Compiles one pattern without case.
    pub fn compile(self, pattern: &str) -> Result<Regex, Box<BuildError>> {
        let config = meta::Config::new().utf8_empty(false).nfa_size_limit(Some(PATTERN_NFA_BYTES));
        meta::Builder::new().configure(config).syntax(self.config()).build(pattern).map_err(Box::new)
    }
}

/// One pattern.
#[derive(Debug)]
pub(super) struct Pattern<T> {
    pub owner: T,
    regex: Regex,
    /// How many sets of words it needs.
    sets: u8,
}

impl<T> Pattern<T> {
    /// Reports up to `most` matches, on character borders; where there are more, the last one reaches to the end.
    pub fn spans(&self, text: &str, most: usize, report: &mut dyn FnMut(Range<usize>)) {
        let mut found = self.regex.find_iter(text).peekable();
        for count in 1..=most {
            let Some(hit) = found.next() else { return };
            let end = if count == most && found.peek().is_some() { text.len() } else { hit.end() };
            report(text.floor_char_boundary(hit.start())..text.ceil_char_boundary(end));
        }
    }
}

/// A pattern to compile.
#[derive(Debug, Clone)]
pub(super) struct Source<T> {
    pub pattern: String,
    /// What its words are read from.
    pub plain: String,
    pub owner: T,
}

/// Patterns and the words they need.
#[derive(Debug)]
pub(super) struct Bank<T> {
    patterns: Vec<Pattern<T>>,
    /// Patterns that need no word.
    always: Vec<usize>,
    words: Words,
    /// For each word the sets it is in.
    sets_of_word: Vec<Vec<usize>>,
    /// For each set its pattern.
    pattern_of_set: Vec<usize>,
}

impl<T> Bank<T> {
    /// Compiles patterns; one that does not compile is left out, so they must have been checked. Words are read from `plain`,
    /// which may be a simpler pattern that matches wherever `pattern` does, marks between words apart.
    pub fn compile(
        patterns: impl IntoIterator<Item = Source<T>>,
        syntax: Syntax,
    ) -> Result<Self, aho_corasick::BuildError> {
        let mut compiled = Vec::new();
        let (mut always, mut pattern_of_set) = (Vec::new(), Vec::new());
        let mut sets_by_word: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for Source { pattern, plain, owner } in patterns {
            let Ok(regex) = syntax.compile(&pattern) else { continue };
            let sets = needs::of(&plain, &syntax.config());
            if sets.is_empty() {
                always.push(compiled.len());
            }
            let count = u8::try_from(sets.len()).unwrap_or(u8::MAX);
            for set in sets {
                for word in set {
                    sets_by_word.entry(word).or_default().push(pattern_of_set.len());
                }
                pattern_of_set.push(compiled.len());
            }
            compiled.push(Pattern { owner, regex, sets: count });
        }
        let words = Words::new(sets_by_word.keys().map(String::as_str))?;
        let sets_of_word = sets_by_word.into_values().collect();
        Ok(Self { patterns: compiled, always, words, sets_of_word, pattern_of_set })
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Visits every pattern that may match the text, once.
    pub fn candidates(&self, text: &str, visit: &mut dyn FnMut(&Pattern<T>)) {
        for pattern in self.always.iter().filter_map(|&index| self.patterns.get(index)) {
            visit(pattern);
        }
        if self.pattern_of_set.is_empty() {
            return;
        }
        let mut met: Vec<bool> = Vec::new();
        let mut counts: Vec<u8> = Vec::new();
        self.words.each_word(text.as_bytes(), &mut |word| {
            if met.is_empty() {
                met.resize(self.pattern_of_set.len(), false);
                counts.resize(self.patterns.len(), 0);
            }
            for &set in self.sets_of_word.get(word).into_iter().flatten() {
                let Some(is_met) = met.get_mut(set).filter(|is_met| !**is_met) else { continue };
                *is_met = true;
                let Some(&index) = self.pattern_of_set.get(set) else { continue };
                let (Some(pattern), Some(count)) = (self.patterns.get(index), counts.get_mut(index)) else { continue };
                *count = count.saturating_add(1);
                if *count == pattern.sets {
                    visit(pattern);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_runs_only_where_all_its_words_are() {
        let bank = Bank::compile(
            [(r"ignore\s+the\s+moon", 1), ("[0-9]{9}", 2)].map(|(pattern, owner)| Source {
                pattern: pattern.to_owned(),
                plain: pattern.to_owned(),
                owner,
            }),
            Syntax::Ascii,
        );
        let bank = bank.unwrap();
        let candidates = |text: &str| {
            let mut found = Vec::new();
            bank.candidates(text, &mut |pattern| found.push(pattern.owner));
            found
        };
        assert_eq!(candidates("ignore the sun"), [2]);
        assert_eq!(candidates("MOON, the Ignore"), [2, 1]);
    }
}
