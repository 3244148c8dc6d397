//! Which words a text must hold before a pattern can match it.
//!
//! A pattern is read as a conjunction of word sets: every match holds at least one word of each set. The scan looks for all
//! words of all patterns at once and runs a pattern only where its sets are met. (One lazy automaton over all patterns was
//! tried and is useless here: counted gaps of many patterns multiply into a new state at nearly every byte.)

use regex_automata::util::syntax;
use regex_syntax::hir::{Class, Hir, HirKind};
use std::collections::BTreeSet;

/// Words of which a match holds at least one; in lower case.
pub(super) type WordSet = BTreeSet<String>;

/// Most words in one set.
const SET_WORDS: usize = 96;
/// Shortest word that says anything.
const LEAST_WORD: usize = 3;
/// Longest word that is put together.
const LONGEST_WORD: usize = 24;
/// Sets per pattern: the most telling ones.
const SETS: usize = 4;

/// The sets of a pattern; none where it needs no word (then it runs on every text).
pub(super) fn of(pattern: &str, config: &syntax::Config) -> Vec<WordSet> {
    // Words are compared without case, so the pattern is read with case: that keeps literals together.
    let config = config.case_insensitive(false);
    let Ok(hir) = syntax::parse_with(pattern, &config) else { return Vec::new() };
    let mut sets = read(&hir).into_sets();
    sets.sort_by_key(|set| std::cmp::Reverse(shortest(set)));
    sets.dedup();
    sets.truncate(SETS);
    sets
}

fn shortest(set: &WordSet) -> usize {
    set.iter().map(String::len).min().unwrap_or(0)
}

/// What is known of a part of a pattern.
#[derive(Debug, Default)]
struct Known {
    /// All texts it matches, where they are few.
    exact: Option<WordSet>,
    /// Sets that every match meets.
    sets: Vec<WordSet>,
}

impl Known {
    fn exactly(words: impl IntoIterator<Item = String>) -> Self {
        Self { exact: Some(words.into_iter().collect()), sets: Vec::new() }
    }

    fn into_sets(self) -> Vec<WordSet> {
        let exact = self.exact.filter(|set| shortest(set) >= LEAST_WORD);
        self.sets.into_iter().chain(exact).collect()
    }
}

fn read(hir: &Hir) -> Known {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Known::exactly([String::new()]),
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(text) => Known::exactly([text.to_lowercase()]),
            Err(_) => Known::default(),
        },
        HirKind::Class(class) => Known { exact: few_characters(class), sets: Vec::new() },
        HirKind::Repetition(repetition) => {
            let known = read(&repetition.sub);
            match (repetition.min, repetition.max) {
                (1, Some(1)) => known,
                (0, Some(1)) => Known {
                    exact: known.exact.map(|mut set| {
                        set.insert(String::new());
                        set
                    }),
                    sets: Vec::new(),
                },
                (0, _) => Known::default(),
                _ => Known { exact: None, sets: known.into_sets() },
            }
        }
        HirKind::Capture(capture) => read(&capture.sub),
        HirKind::Concat(parts) => read_concat(parts),
        HirKind::Alternation(branches) => read_alternation(branches),
    }
}

fn few_characters(class: &Class) -> Option<WordSet> {
    const FEW: usize = 4;
    let literals = class.clone();
    let characters: Vec<char> = match &literals {
        Class::Unicode(class) => class.iter().flat_map(|range| range.start()..=range.end()).take(FEW + 1).collect(),
        Class::Bytes(class) => {
            class.iter().flat_map(|range| range.start()..=range.end()).map(char::from).take(FEW + 1).collect()
        }
    };
    let usable = characters.len() <= FEW && characters.iter().all(char::is_ascii);
    usable.then(|| characters.iter().map(|c| c.to_ascii_lowercase().to_string()).collect())
}

fn read_concat(parts: &[Hir]) -> Known {
    let mut sets = Vec::new();
    let mut word: WordSet = [String::new()].into();
    let mut whole = true;
    for part in parts {
        let known = read(part);
        match known.exact.as_ref().and_then(|exact| product(&word, exact)) {
            Some(longer) => word = longer,
            None => {
                whole = false;
                sets.extend(Known { exact: Some(word), sets: Vec::new() }.into_sets());
                sets.extend(known.sets);
                word = known.exact.unwrap_or_else(|| [String::new()].into());
            }
        }
    }
    if whole {
        return Known { exact: Some(word), sets };
    }
    sets.extend(Known { exact: Some(word), sets: Vec::new() }.into_sets());
    Known { exact: None, sets }
}

fn product(heads: &WordSet, tails: &WordSet) -> Option<WordSet> {
    let longest = |set: &WordSet| set.iter().map(String::len).max().unwrap_or(0);
    let fits = heads.len().saturating_mul(tails.len()) <= SET_WORDS
        && longest(heads).saturating_add(longest(tails)) <= LONGEST_WORD;
    fits.then(|| heads.iter().flat_map(|head| tails.iter().map(move |tail| format!("{head}{tail}"))).collect())
}

fn read_alternation(branches: &[Hir]) -> Known {
    let mut exact = Some(WordSet::new());
    let mut either = Some(WordSet::new());
    for known in branches.iter().map(read) {
        exact = exact.zip(known.exact.clone()).map(|(mut all, more)| {
            all.extend(more);
            all
        });
        exact = exact.filter(|set| set.len() <= SET_WORDS);
        let best = known.into_sets().into_iter().max_by_key(shortest);
        either = either.zip(best).map(|(mut all, more)| {
            all.extend(more);
            all
        });
    }
    Known { exact, sets: either.into_iter().filter(|set| shortest(set) >= LEAST_WORD).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(pattern: &str) -> Vec<Vec<String>> {
        let config = syntax::Config::new().unicode(false).utf8(false);
        of(pattern, &config).into_iter().map(|set| set.into_iter().collect()).collect()
    }

    #[test]
    fn words_of_a_pattern_are_found_on_both_sides_of_a_gap() {
        let found = sets(r"\bIgnor(?:e|ing)\s+(?:all\s+)?(?:previous|prior)\b");
        assert_eq!(found, [vec!["ignore", "ignoring"], vec!["previous", "prior"]]);
    }

    #[test]
    fn what_may_be_missing_is_never_needed() {
        assert_eq!(sets("(?:quite)?.{0,9}(?:maybe)*"), [] as [Vec<String>; 0]);
        assert_eq!(sets("moon|[a-z]+"), [] as [Vec<String>; 0]);
        assert_eq!(sets("(?:moon[0-9]+|a+sun)"), [["moon", "sun"]]);
        assert_eq!(sets("(?:moon){2}"), [["moon"]]);
    }
}
