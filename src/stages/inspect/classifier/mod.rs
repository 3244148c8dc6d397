//! The classifier in the binary: how much a text reads like an attack, window by window, from weights that were trained on
//! public corpora and on texts of our own. No word of it is a rule; that is what signatures are for, and what they see is part
//! of the score.
//!
//! | file | for |
//! |---|---|
//! | `tokens`, `concepts`, `features` | what it sees in a text |
//! | `scan` | margins of overlapping windows of 32 and 128 tokens, each feature once a window |
//! | `stack` | windows and signatures together, as one score |
//! | `model` | the model file |
//! | `training` | the door for `tests/detection/train.rs` |
//!
//! The score is calibrated on sources that the weights had not seen: [`SCORES`] says what it means. It must never be the
//! reason to pass a text that a signature names: it adds findings and takes none away.

mod concepts;
mod features;
mod model;
mod scan;
mod stack;
mod tokens;
pub mod training;

pub(super) use concepts::words;
pub use model::ModelError;
pub use stack::Evidence;

use crate::model::RuleId;
use concepts::Concepts;
use model::Model;
use scan::{Scratch, scan};
use stack::{stretches, weigh};
use std::cell::RefCell;
use std::ops::Range;

/// The model that is shipped.
static SHIPPED: &[u8] = include_bytes!("model.bin");

/// Shares of texts of ordinary traffic, of sources that were not trained on, that score at least so much: the points of the
/// calibration.
pub const SCORES: [(f32, f32); 5] = [(0.50, 0.010), (0.70, 0.005), (0.80, 0.002), (0.90, 0.001), (0.97, 0.0002)];

/// Stretches that score less are not worth a finding.
const LEAST_SCORE: f32 = 0.50;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::new());
}

/// A match of a signature.
#[derive(Debug, Clone)]
pub struct Match {
    /// Where in the text.
    pub span: Range<usize>,
    /// The signature.
    pub rule: RuleId,
    /// Its score.
    pub score: f32,
}

impl Match {
    /// The second part of `injection.<family>.<name>`.
    fn family(&self) -> &str {
        self.rule.as_str().split('.').nth(1).unwrap_or_default()
    }
}

/// The classifier, ready.
#[derive(Debug)]
pub(super) struct Classifier {
    model: Model,
    concepts: Concepts,
    least_score: f32,
}

impl Classifier {
    /// Reads the shipped model.
    ///
    /// # Errors
    /// [`ModelError`] when the file does not belong to this binary.
    pub fn shipped() -> Result<Self, ModelError> {
        Ok(Self { model: Model::read(SHIPPED)?, concepts: Concepts::shipped(), least_score: LEAST_SCORE })
    }

    /// A classifier to which every text is ordinary.
    ///
    /// # Errors
    /// None: that the empty model is sound is what the tests say.
    pub fn untrained() -> Result<Self, ModelError> {
        Ok(Self {
            model: Model::empty().ok_or(ModelError::Damaged)?,
            concepts: Concepts::shipped(),
            least_score: LEAST_SCORE,
        })
    }

    /// From which score on a stretch is reported.
    pub fn report_from(&mut self, least_score: f32) {
        self.least_score = least_score;
    }

    /// Reports the stretches of a text that read like an attack: score, and the window that stands out most.
    pub fn judge(&self, text: &str, matches: &[Match], report: &mut dyn FnMut(f32, Range<usize>)) {
        self.each_score(text, matches, &mut |score, worst| {
            if score >= self.least_score {
                report(score, worst);
            }
        });
    }

    /// The highest score of a text, also where it is too low to be reported.
    #[cfg(test)]
    pub fn score(&self, text: &str, matches: &[Match]) -> f32 {
        let mut highest = 0.0_f32;
        self.each_score(text, matches, &mut |score, _| highest = highest.max(score));
        highest
    }

    fn each_score(&self, text: &str, matches: &[Match], visit: &mut dyn FnMut(f32, Range<usize>)) {
        let windows = SCRATCH.with_borrow_mut(|scratch| scan(text, &self.model, &self.concepts, scratch));
        for stretch in stretches(&windows) {
            let inputs = stretch.inputs(&evidence_in(matches, &stretch.span));
            visit(self.model.scale.score(weigh(&self.model.stack, &inputs)), stretch.worst);
        }
    }
}

fn evidence_in(matches: &[Match], span: &Range<usize>) -> Evidence {
    let within = matches.iter().filter(|one| one.span.start < span.end && span.start < one.span.end);
    Evidence::of(within.map(|one| (one.family(), one.score)))
}

#[cfg(test)]
mod tests;
