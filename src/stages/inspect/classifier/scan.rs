//! Margins of the windows of a text. A feature counts once a window however often it stands there: a table of "last seen at"
//! tells, for each feature, which of the two windows that a token lies in have met it. One pass, whatever the window sizes.

use super::concepts::{Concept, Concepts};
use super::features::{Consumer, extract, for_each_part};
use super::model::{Model, WINDOW_TOKENS};
use super::tokens::Kind;
use std::ops::Range;

/// Places of the table of features seen; a power of two. Two features that share place and tag make one of them count less.
const SEEN_PLACES: usize = 1 << 15;
/// Bits of an entry that tell the token; the rest is the tag.
const TOKEN_BITS: u32 = 20;
const TOKEN_MASK: u32 = (1 << TOKEN_BITS) - 1;
/// Words whose parts are remembered; a power of two.
const WORDS_KNOWN: usize = 1 << 12;

/// Shorter texts say too little to be judged by their words.
const LEAST_TOKENS: usize = 4;

/// The margin of one window.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Window {
    pub margin: f32,
    /// Its bytes in the text.
    pub span: Range<usize>,
}

/// The windows of one text, for each window size; none for a text of fewer than four tokens.
#[derive(Debug)]
pub(super) struct Windows {
    pub short: Vec<Window>,
    pub long: Vec<Window>,
}

/// What is known of a word without its neighbours.
#[derive(Debug, Clone, Copy, Default)]
struct Word {
    hash: u64,
    concept: Option<Concept>,
    sums: [i32; 2],
    parts: u32,
}

/// Tables that outlive a text, one set a thread: they are too large to be cleared each time.
pub(super) struct Scratch {
    seen: Vec<u32>,
    words: Vec<Word>,
    /// Which model the words were weighed by.
    weighed_by: usize,
    next: u32,
}

impl Scratch {
    pub fn new() -> Self {
        Self { seen: vec![0; SEEN_PLACES], words: vec![Word::default(); WORDS_KNOWN], weighed_by: 0, next: 1 }
    }

    /// Makes room for `tokens` more; gives the number of the first.
    fn begin(&mut self, tokens: usize) -> u32 {
        let tokens = u32::try_from(tokens).unwrap_or(TOKEN_MASK).min(TOKEN_MASK - 1);
        if self.next.saturating_add(tokens) > TOKEN_MASK {
            self.seen.fill(0);
            self.next = 1;
        }
        self.next
    }
}

/// Weighs a text.
pub(super) fn scan(text: &str, model: &Model, concepts: &Concepts, scratch: &mut Scratch) -> Windows {
    let identity = std::ptr::from_ref(model).addr();
    if scratch.weighed_by != identity {
        scratch.words.fill(Word::default());
        scratch.weighed_by = identity;
    }
    // A token has a byte at least.
    let base = scratch.begin(text.len());
    let [short, long] = WINDOW_TOKENS.map(Sums::new);
    let mut scanner = Scanner { model, concepts, scratch, base, word: Word::default(), short, long, tokens: 0 };
    extract(text, &mut scanner);
    let Scanner { short, long, tokens, scratch, .. } = scanner;
    scratch.next = base.saturating_add(u32::try_from(tokens).unwrap_or(TOKEN_MASK)).min(TOKEN_MASK);
    let [short_line, long_line] = model.lines;
    let margins = |sums: Sums, line: super::model::Line| {
        let count = windows_of(tokens, sums.size);
        let windows = sums.finish().take(count);
        windows.map(|sum| Window { margin: line.margin(sum.sum, sum.features), span: sum.span }).collect()
    };
    Windows { short: margins(short, short_line), long: margins(long, long_line) }
}

/// How many windows a text has: they begin every half of their size, and the last one that adds tokens ends it.
pub(super) fn windows_of(tokens: usize, size: usize) -> usize {
    match tokens {
        ..LEAST_TOKENS => 0,
        _ => tokens.saturating_sub(size).div_ceil((size / 2).max(1)).saturating_add(1),
    }
}

#[derive(Clone)]
struct Sum {
    sum: i32,
    features: u32,
    /// Its first token.
    begins: usize,
    span: Range<usize>,
}

/// The sums of the windows of one size. A token lies in two of them at most: the one that began last and the one before.
struct Sums {
    size: usize,
    hop: usize,
    done: Vec<Sum>,
    before: Option<Sum>,
    last: Option<Sum>,
}

impl Sums {
    fn new(size: usize) -> Self {
        Self { size, hop: (size / 2).max(1), done: Vec::new(), before: None, last: None }
    }

    /// Takes note of a token.
    fn token(&mut self, index: usize, place: &Range<usize>) {
        if self.last.as_ref().is_none_or(|last| index >= last.begins.saturating_add(self.hop)) {
            let next = Sum { sum: 0, features: 0, begins: index, span: place.clone() };
            let last = self.last.replace(next);
            self.done.extend(std::mem::replace(&mut self.before, last));
        }
        for window in [&mut self.before, &mut self.last].into_iter().flatten() {
            window.span.end = place.end;
        }
    }

    /// Counts a feature in the windows that have not met it since `met`.
    fn count(&mut self, met: Option<usize>, weight: i32, features: u32) {
        for window in [&mut self.before, &mut self.last].into_iter().flatten() {
            if met.is_none_or(|met| met < window.begins) {
                window.sum = window.sum.saturating_add(weight);
                window.features = window.features.saturating_add(features);
            }
        }
    }

    /// The windows in order.
    fn finish(self) -> impl Iterator<Item = Sum> {
        self.done.into_iter().chain(self.before).chain(self.last)
    }
}

struct Scanner<'m, 's> {
    model: &'m Model,
    concepts: &'m Concepts,
    scratch: &'s mut Scratch,
    base: u32,
    /// The word told last.
    word: Word,
    short: Sums,
    long: Sums,
    tokens: usize,
}

impl Scanner<'_, '_> {
    fn known(&mut self, hash: u64, word: &str) -> Word {
        let (model, concepts) = (self.model, self.concepts);
        let place = usize::try_from(hash >> 20).unwrap_or(0) & (WORDS_KNOWN - 1);
        let Some(slot) = self.scratch.words.get_mut(place) else { return Word::default() };
        if slot.hash != hash {
            let mut known = Word { hash, concept: concepts.of(word), ..Word::default() };
            for_each_part(word, &mut |key| {
                let weights = model.weights(key).map(i32::from);
                known.sums = [known.sums[0].saturating_add(weights[0]), known.sums[1].saturating_add(weights[1])];
                known.parts = known.parts.saturating_add(1);
            });
            *slot = known;
        }
        *slot
    }

    /// The token of this text at which a feature was met before, and that it is met now.
    fn meet(&mut self, key: u64, index: usize) -> Option<usize> {
        let place = usize::try_from(key >> 32).unwrap_or(0) & (SEEN_PLACES - 1);
        let tag = u32::try_from(key >> 52).unwrap_or(0) << TOKEN_BITS;
        let now = self.base.saturating_add(u32::try_from(index).unwrap_or(TOKEN_MASK)).min(TOKEN_MASK);
        let slot = self.scratch.seen.get_mut(place)?;
        let entry = std::mem::replace(slot, tag | now);
        let at = entry & TOKEN_MASK;
        let met = entry & !TOKEN_MASK == tag && at >= self.base;
        met.then(|| usize::try_from(at.saturating_sub(self.base)).unwrap_or(0))
    }
}

impl Consumer for Scanner<'_, '_> {
    fn word(&mut self, hash: u64, word: &str) -> Option<Concept> {
        self.word = self.known(hash, word);
        self.word.concept
    }

    fn token(&mut self, index: usize, place: Range<usize>, kind: Kind, keys: &[u64]) {
        self.tokens = index.saturating_add(1);
        self.short.token(index, &place);
        self.long.token(index, &place);
        for (number, &key) in keys.iter().enumerate() {
            let met = self.meet(key, index);
            let [mut short, mut long] = self.model.weights(key).map(i32::from);
            let mut features = 1;
            if number == 0 && kind == Kind::Word {
                let [short_parts, long_parts] = self.word.sums;
                short = short.saturating_add(short_parts);
                long = long.saturating_add(long_parts);
                features = self.word.parts.saturating_add(1);
            }
            self.short.count(met, short, features);
            self.long.count(met, long, features);
        }
    }
}
