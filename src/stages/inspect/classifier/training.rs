//! The door for `tests/detection/train.rs`, which makes the model file: the features of a text as the gateway sees them, and
//! what the stack sees through weights that are being tried. Nothing on the path of an exchange uses it.

use super::concepts::{Concept, Concepts};
use super::evidence_in;
use super::features::{Consumer, extract, for_each_part};
use super::model::{LEAST_FEATURES, Line, Model, WINDOW_TOKENS, index_of};
use super::scan::{Scratch, scan, windows_of};
use super::stack::{STACK_LEN, Scale, stretches};
use super::tokens::Kind;
use crate::config::settings::Pack;
use crate::model::Origin;
use crate::stages::inspect::budget::TimeBudget;
use crate::stages::inspect::injection::Injection;
use crate::stages::inspect::signatures::CompileError;
use crate::stages::inspect::views::{Invisible, is_plain, normalise};
use std::collections::HashSet;
use std::ops::Range;
use std::time::{Duration, Instant};

pub use super::{Match, SCORES};
/// Numbers that the stack sees of a stretch of text.
pub const INPUTS: usize = STACK_LEN;
/// A window's features count for at least so many.
pub const LEAST: u32 = LEAST_FEATURES;

/// The text that the classifier reads: as it is where it is plain, else its normalised view.
pub fn view(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { normalise(text, Invisible::Dropped).0.text }
}

/// The features of every window of a view, as indices of a table of 2^`bits` entries; parts of different words may repeat.
/// One list of windows for each window size.
pub fn windows(view: &str, bits: u32) -> [Vec<Vec<u32>>; 2] {
    let mut all = Collected::default();
    extract(view, &mut all);
    let table = 1_usize << bits;
    WINDOW_TOKENS.map(|size| {
        let count = windows_of(all.tokens.len(), size);
        (0..count)
            .map(|number| {
                let begin = number * (size / 2);
                let tokens = all.tokens.get(begin..(begin + size).min(all.tokens.len())).unwrap_or_default();
                let mut met = HashSet::new();
                let mut list = Vec::new();
                for (keys, parts) in tokens {
                    for (number, &key) in keys.iter().enumerate() {
                        if met.insert(key) {
                            list.push(key);
                            list.extend(parts.iter().filter(|_| number == 0));
                        }
                    }
                }
                list.into_iter().map(|key| u32::try_from(index_of(key, table)).unwrap_or(0)).collect()
            })
            .collect()
    })
}

#[derive(Default)]
struct Collected {
    concepts: Option<Concepts>,
    parts: Vec<u64>,
    /// The keys of every token, and the parts of words.
    tokens: Vec<(Vec<u64>, Vec<u64>)>,
}

impl Consumer for Collected {
    fn word(&mut self, _: u64, word: &str) -> Option<Concept> {
        self.parts.clear();
        for_each_part(word, &mut |key| self.parts.push(key));
        self.concepts.get_or_insert_with(Concepts::shipped).of(word)
    }

    fn token(&mut self, _: usize, _: Range<usize>, kind: Kind, keys: &[u64]) {
        let parts = if kind == Kind::Word { std::mem::take(&mut self.parts) } else { Vec::new() };
        self.tokens.push((keys.to_vec(), parts));
    }
}

/// Signatures alone, as the classifier counts them.
pub struct Matcher(Injection);

impl Matcher {
    /// Compiles packs.
    ///
    /// # Errors
    /// [`CompileError`] names the first signature that does not compile.
    pub fn compile(packs: &[Pack]) -> Result<Self, CompileError> {
        Injection::untrained(packs).map(Self)
    }

    /// What signatures say of a view.
    pub fn matches(&self, view: &str, origin: Origin) -> Vec<Match> {
        let start = Instant::now();
        let budget = TimeBudget { deadline: start + Duration::from_secs(3600), now: &|| start };
        self.0.matches(view, origin, &budget)
    }
}

/// Weights that are being tried.
pub struct Trial {
    model: Model,
    concepts: Concepts,
    scratch: Scratch,
}

impl Trial {
    /// From a table of 2^bits entries, and for each window size the worth of a step and the bias.
    pub fn new(lines: [(f32, f32); 2], table: Vec<[i8; 2]>) -> Option<Self> {
        let scale = Scale::new(vec![(0.0, 0.0), (1.0, 1.0)])?;
        let lines = lines.map(|(step, bias)| Line { step, bias });
        let model = Model::new(lines, [0.0; STACK_LEN], scale, table)?;
        Some(Self { model, concepts: Concepts::shipped(), scratch: Scratch::new() })
    }

    /// What the stack sees of each stretch of a view.
    pub fn inputs(&mut self, view: &str, matches: &[Match]) -> Vec<[f32; INPUTS]> {
        let windows = scan(view, &self.model, &self.concepts, &mut self.scratch);
        let all = stretches(&windows);
        all.iter().map(|stretch| stretch.inputs(&evidence_in(matches, &stretch.span))).collect()
    }

    /// The model file, with the weights of the stack and the points of the score.
    pub fn write(mut self, stack: [f32; INPUTS], points: Vec<(f32, f32)>) -> Option<Vec<u8>> {
        self.model.stack = stack;
        self.model.scale = Scale::new(points)?;
        Some(self.model.write())
    }
}
