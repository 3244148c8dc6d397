//! Many words looked for at once, in any case of ASCII letters: one deterministic automaton (Aho and Corasick 1975), walked at
//! four places of the text at a time.
//!
//! One step waits for a load from memory whose address the step before gave. Four walks over four parts of a block wait
//! together. A walk that begins inside the text first reads so much of what is before it that no word is missed.

use aho_corasick::automaton::{Automaton as _, StateID};
use aho_corasick::dfa::DFA;
use aho_corasick::{Anchored, BuildError, MatchKind, StartKind};

/// Bytes that four walks share; what was met is kept for one block only.
const BLOCK_BYTES: usize = 8 * 1024;
/// Walks at a time.
const LANES: usize = 4;
/// States remembered as told; a power of two.
const TOLD: usize = 64;
/// Shorter texts are walked once: the parts would be hardly longer than what has to be read before them.
const LEAST_SHARED_BYTES: usize = 512;

/// Words, ready to be looked for.
#[derive(Debug)]
pub(super) struct Words {
    automaton: DFA,
    start: StateID,
    /// Length of the longest word, in bytes.
    longest: usize,
}

/// A word at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Met {
    /// Which word, in the order in which they were given.
    pub word: usize,
    /// Where it begins.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

impl Words {
    /// Builds the automaton.
    ///
    /// # Errors
    /// What the compiler says: the words are too many.
    pub fn new<'w>(words: impl IntoIterator<Item = &'w str>) -> Result<Self, BuildError> {
        let automaton = DFA::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .start_kind(StartKind::Unanchored)
            .prefilter(false)
            .build(words)?;
        // An automaton that was built for it always has this state; the dead one would meet nothing, which the tests would see.
        let start = automaton.start_state(Anchored::No).unwrap_or_default();
        let longest = automaton.max_pattern_len();
        Ok(Self { automaton, start, longest })
    }

    /// Visits every word that stands in the text, in any order, at least once and not each time that it stands there.
    pub fn each_word(&self, text: &[u8], visit: &mut dyn FnMut(usize)) {
        // States told before; the same words again tell nothing new. The dead state, which fills it first, tells no word.
        let mut told = [StateID::default(); TOLD];
        self.each_state(text, |state, _| {
            let place = state.as_usize().wrapping_mul(0x9E37_79B1) >> 16 & (TOLD - 1);
            match told.get_mut(place) {
                Some(known) if *known == state => {}
                known => {
                    known.into_iter().for_each(|known| *known = state);
                    (0..self.automaton.match_len(state))
                        .for_each(|index| visit(self.automaton.match_pattern(state, index).as_usize()));
                }
            }
            true
        });
    }

    /// Visits every word in the order of their ends; of words that end together, the longest first.
    pub fn each_in_order(&self, text: &[u8], visit: &mut dyn FnMut(Met) -> bool) {
        let mut block: Vec<Met> = Vec::new();
        let mut goes_on = true;
        let mut deliver = |block: &mut Vec<Met>| {
            block.sort_by_key(|met| met.end);
            block.drain(..).all(&mut *visit)
        };
        let mut block_index = 0;
        self.each_state(text, |state, last| {
            let index = last / BLOCK_BYTES;
            if index != block_index {
                goes_on = deliver(&mut block);
                block_index = index;
            }
            let end = last.saturating_add(1);
            block.extend((0..self.automaton.match_len(state)).map(|index| {
                let word = self.automaton.match_pattern(state, index);
                let start = end.saturating_sub(self.automaton.pattern_len(word));
                Met { word: word.as_usize(), start, end }
            }));
            goes_on
        });
        if goes_on {
            deliver(&mut block);
        }
    }

    /// Gives every state in which words end, with the offset of their last byte; stops at a `false`.
    fn each_state(&self, text: &[u8], mut tell: impl FnMut(StateID, usize) -> bool) {
        let mut state = self.start;
        let mut at = 0_usize;
        for block in text.chunks(BLOCK_BYTES) {
            let goes_on = if block.len() < LEAST_SHARED_BYTES.max(self.longest.saturating_mul(LANES)) {
                self.walk(&mut state, block, at, &mut tell)
            } else {
                self.walk_shared(&mut state, block, at, &mut tell)
            };
            if !goes_on {
                return;
            }
            at = at.saturating_add(block.len());
        }
    }

    /// One walk over `part`, which begins at `at` of the text.
    fn walk(&self, state: &mut StateID, part: &[u8], at: usize, tell: &mut impl FnMut(StateID, usize) -> bool) -> bool {
        for (offset, &byte) in part.iter().enumerate() {
            *state = self.automaton.next_state(Anchored::No, *state, byte);
            if self.automaton.is_match(*state) && !tell(*state, at.saturating_add(offset)) {
                return false;
            }
        }
        true
    }

    /// Four walks over the quarters of `block`, then one over the rest.
    fn walk_shared(
        &self,
        state: &mut StateID,
        block: &[u8],
        at: usize,
        tell: &mut impl FnMut(StateID, usize) -> bool,
    ) -> bool {
        let quarter = block.len() / LANES;
        let mut parts = block.chunks_exact(quarter.max(1));
        let quarters = (parts.next(), parts.next(), parts.next(), parts.next());
        let ((Some(first), Some(second), Some(third), Some(fourth)), Some(rest)) =
            (quarters, block.get(quarter.saturating_mul(LANES)..))
        else {
            return self.walk(state, block, at, tell);
        };
        let before = self.longest.saturating_sub(1);
        let mut states = [*state, self.after(first, before), self.after(second, before), self.after(third, before)];
        for (offset, (((&a, &b), &c), &d)) in first.iter().zip(second).zip(third).zip(fourth).enumerate() {
            let [one, two, three, four] = states;
            states = [
                self.automaton.next_state(Anchored::No, one, a),
                self.automaton.next_state(Anchored::No, two, b),
                self.automaton.next_state(Anchored::No, three, c),
                self.automaton.next_state(Anchored::No, four, d),
            ];
            // The special states have the lowest numbers.
            let [one, two, three, four] = states;
            if self.automaton.is_special(one.min(two).min(three.min(four))) {
                for (lane, state) in states.into_iter().enumerate().filter(|(_, state)| self.automaton.is_match(*state))
                {
                    let place = at.saturating_add(lane.saturating_mul(quarter)).saturating_add(offset);
                    if !tell(state, place) {
                        return false;
                    }
                }
            }
        }
        let [.., last] = states;
        *state = last;
        self.walk(state, rest, at.saturating_add(quarter.saturating_mul(LANES)), tell)
    }

    /// The state behind the last bytes of `part`; words that end there are not told.
    fn after(&self, part: &[u8], bytes: usize) -> StateID {
        let tail = part.get(part.len().saturating_sub(bytes)..).unwrap_or_default();
        tail.iter().fold(self.start, |state, &byte| self.automaton.next_state(Anchored::No, state, byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aho_corasick::AhoCorasick;
    use proptest::prelude::*;

    const LIST: [&str; 7] = ["moon", "on the", "the", "he", "lunar", "n", "ignorethemoonatonce"];

    fn met(text: &str) -> Vec<(usize, usize, usize)> {
        let mut all = Vec::new();
        Words::new(LIST).unwrap().each_in_order(text.as_bytes(), &mut |met| {
            all.push((met.word, met.start, met.end));
            true
        });
        all
    }

    fn expected(text: &str) -> Vec<(usize, usize, usize)> {
        let slow = AhoCorasick::builder().ascii_case_insensitive(true).build(LIST).unwrap();
        slow.find_overlapping_iter(text).map(|hit| (hit.pattern().as_usize(), hit.start(), hit.end())).collect()
    }

    #[test]
    fn words_over_every_border_of_parts_and_blocks_are_met_once_and_in_order() {
        for word in ["ignorethemoonatonce", "MOON", "n"] {
            for len in [100, 511, 512, 2048, BLOCK_BYTES, BLOCK_BYTES + 7, 2 * BLOCK_BYTES + 600] {
                let mut text = String::new();
                while text.len() < len {
                    text.push_str(word);
                    text.push_str(&"-".repeat(text.len() % 13));
                }
                assert_eq!(met(&text), expected(&text), "{word} {len}");
            }
        }
    }

    #[test]
    fn visit_can_stop_the_search() {
        let mut count = 0;
        Words::new(["moon"]).unwrap().each_in_order(&b"moon ".repeat(10_000), &mut |_| {
            count += 1;
            count < 3
        });
        assert_eq!(count, 3);
    }

    #[test]
    fn no_words_are_never_met() {
        Words::new([]).unwrap().each_word(&b"moon ".repeat(1000), &mut |_| panic!("met"));
    }

    proptest! {
        #[test]
        fn any_text_meets_the_same_words_as_one_walk(text in "[mnotheuarigc ]{0,1500}") {
            prop_assert_eq!(met(&text), expected(&text));
            let (mut words, mut slow) = ([false; LIST.len()], [false; LIST.len()]);
            Words::new(LIST).unwrap().each_word(text.as_bytes(), &mut |word| words[word] = true);
            expected(&text).iter().for_each(|(word, ..)| slow[*word] = true);
            prop_assert_eq!(words, slow);
        }
    }
}
