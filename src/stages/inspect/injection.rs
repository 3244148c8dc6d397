//! Signatures and structure over every view of one text. What is seen in a view is told in offsets of the text around it.

use super::budget::{Spent, TimeBudget};
use super::context::{REPORTED_DISCOUNT, is_reported};
use super::encodings::{Work, decoded};
use super::examples;
use super::sighting::Sighting;
use super::signatures::{CompileError, Hints, Look, Signatures};
use super::spelling;
use super::structure::{Characters, hidden_text};
use super::views::{Invisible, Via, View, ViewKind, is_plain, look_alike, normalise};
use super::windows::windows;
use crate::config::settings::Pack;
use crate::model::{Category, Origin};

/// Bytes of text whose views are held in memory at once: the map of a view can take forty times the bytes of its text.
const VIEW_STEP_BYTES: usize = 512 * 1024;
/// How far a view goes on over the border of two windows.
const VIEW_LOOK_AHEAD_BYTES: usize = 8 * 1024;
/// How many encodings may be nested in each other.
const DEPTH: u8 = 2;
/// What a match in encoded text gains: nobody encodes an instruction by accident.
const ENCODED_SURCHARGE: f32 = 0.05;
/// Score at most, after the surcharge.
const HIGHEST_SCORE: f32 = 0.99;

/// A sighting and the way to it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub sighting: Sighting,
    pub via: Via,
}

/// The guards against injection.
#[derive(Debug)]
pub(super) struct Injection {
    signatures: Signatures,
    characters: Characters,
}

/// Whether everything encoded was decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decoding {
    Complete,
    /// The work budget was spent before all of it was decoded.
    Cut,
}

impl Injection {
    pub fn compile(packs: &[Pack]) -> Result<Self, CompileError> {
        let guards = Self { signatures: Signatures::compile(packs)?, characters: Characters::new() };
        examples::check(packs, &guards)?;
        Ok(guards)
    }

    /// Looks at one text of one origin and adds what it sees to `seen`.
    ///
    /// # Errors
    /// [`Spent`] when the deadline passed.
    pub fn scan(
        &self,
        text: &str,
        origin: Origin,
        budget: &TimeBudget<'_>,
        seen: &mut Vec<Seen>,
    ) -> Result<Decoding, Spent> {
        let from = seen.len();
        let mut decoding = Decoding::Complete;
        let mut outcome = Ok(());
        for (step, window) in windows(text, VIEW_STEP_BYTES, VIEW_LOOK_AHEAD_BYTES).enumerate() {
            if step > 0 {
                outcome = budget.check();
                if outcome.is_err() {
                    break;
                }
            }
            let from = seen.len();
            let mut scan = Scan { guards: self, origin, budget, work: Work::for_text(window.text.len()), seen };
            outcome = scan.text(window.text, Via::default(), 0);
            if scan.work.cut {
                decoding = Decoding::Cut;
            }
            for one in seen.get_mut(from..).unwrap_or_default() {
                let span = &one.sighting.span;
                one.sighting.span = span.start.saturating_add(window.offset)..span.end.saturating_add(window.offset);
            }
            if outcome.is_err() {
                break;
            }
        }
        drop_repeats(seen, from);
        outcome.map(|()| decoding)
    }
}

/// The same rule at the same place, seen in several views, is one finding: the one with the highest score.
fn drop_repeats(seen: &mut Vec<Seen>, from: usize) {
    let Some(new) = seen.get_mut(from..) else { return };
    new.sort_by(|a, b| {
        let key = |s: &Seen| (s.sighting.span.start, s.sighting.span.end);
        key(a)
            .cmp(&key(b))
            .then_with(|| a.sighting.rule.cmp(&b.sighting.rule))
            .then_with(|| b.sighting.score.total_cmp(&a.sighting.score))
    });
    let mut index = 0_usize;
    let mut last: Option<Sighting> = None;
    seen.retain(|one| {
        index = index.saturating_add(1);
        if index <= from {
            return true;
        }
        let repeats = last.as_ref().is_some_and(|l| l.span == one.sighting.span && l.rule == one.sighting.rule);
        if !repeats {
            last = Some(one.sighting.clone());
        }
        !repeats
    });
}

struct Scan<'a, 'b> {
    guards: &'a Injection,
    origin: Origin,
    budget: &'a TimeBudget<'b>,
    work: Work,
    seen: &'a mut Vec<Seen>,
}

impl Scan<'_, '_> {
    fn text(&mut self, text: &str, via: Via, depth: u8) -> Result<(), Spent> {
        if is_plain(text) {
            let hints = self.patterns(text, Look::Plain, via)?;
            self.spellings(text, hints, via)?;
        } else {
            self.unusual(text, via, depth)?;
        }
        if depth < DEPTH {
            for (kind, view) in decoded(text, &mut self.work) {
                self.budget.check()?;
                self.derived(&view, via.then(kind), |scan, text, via| scan.text(text, via, depth.saturating_add(1)))?;
            }
            if let Some(view) = hidden_text(text) {
                self.budget.check()?;
                self.derived(&view, via.then(ViewKind::Hidden), |scan, text, via| {
                    scan.hidden(text, via)?;
                    scan.text(text, via, depth.saturating_add(1))
                })?;
            }
        }
        Ok(())
    }

    /// What only signatures of hidden text look at.
    fn hidden(&mut self, text: &str, via: Via) -> Result<(), Spent> {
        if is_plain(text) {
            return self.patterns(text, Look::Hidden, via).map(|_| ());
        }
        let (view, _) = normalise(text, Invisible::Dropped);
        self.derived(&view, via, |scan, text, via| scan.patterns(text, Look::Hidden, via).map(|_| ()))
    }

    /// Text that is not plain ASCII: as written, normalised, and with what hidden characters spell.
    fn unusual(&mut self, text: &str, via: Via, depth: u8) -> Result<(), Spent> {
        self.patterns(text, Look::Raw, via)?;
        let seen = &mut *self.seen;
        let hidden = self.guards.characters.scan(text, &mut |sighting| seen.push(Seen { sighting, via }));
        if depth < DEPTH {
            for (kind, view) in hidden {
                self.budget.check()?;
                self.derived(&view, via.then(kind), |scan, text, via| scan.text(text, via, depth.saturating_add(1)))?;
            }
        }
        let (view, met_invisible) = normalise(text, Invisible::Dropped);
        self.derived(&view, via.then(ViewKind::Normalised), |scan, text, via| {
            let hints = scan.patterns(text, Look::Normalised, via)?;
            scan.spellings(text, hints, via)?;
            match look_alike(text) {
                Some(view) => scan.derived(&view, via.then(ViewKind::LookAlike), |scan, text, via| {
                    let hints = scan.patterns(text, Look::Normalised, via)?;
                    scan.spellings(text, hints, via)
                }),
                None => Ok(()),
            }
        })?;
        if met_invisible {
            let (view, _) = normalise(text, Invisible::Spaced);
            self.derived(&view, via.then(ViewKind::Normalised), |scan, text, via| {
                scan.patterns(text, Look::Normalised, via).map(|_| ())
            })?;
        }
        Ok(())
    }

    /// Views that a hint asked for.
    fn spellings(&mut self, text: &str, hints: Hints, via: Via) -> Result<(), Spent> {
        let plain_scan = |scan: &mut Self, text: &str, via| scan.patterns(text, Look::Normalised, via).map(|_| ());
        if hints.spaced {
            let runs = spelling::spaced_runs(text);
            for run in &runs {
                self.budget.check()?;
                self.squashed(&run.letters, run.span.clone(), via.then(ViewKind::Spaced));
            }
            self.derived(&spelling::rejoined(text, &runs), via.then(ViewKind::Spaced), plain_scan)?;
        }
        if hints.leet {
            self.derived(&spelling::unleeted(text), via.then(ViewKind::Leet), plain_scan)?;
        }
        if hints.rot13 {
            self.derived(&spelling::rot13(text), via.then(ViewKind::Rot13), plain_scan)?;
        }
        if hints.reversed {
            self.derived(&spelling::reversed(text), via.then(ViewKind::Reversed), plain_scan)?;
        }
        Ok(())
    }

    /// Looks at a view and leads what was seen there back to the text it was made from.
    fn derived(
        &mut self,
        view: &View,
        via: Via,
        look: impl FnOnce(&mut Self, &str, Via) -> Result<(), Spent>,
    ) -> Result<(), Spent> {
        let from = self.seen.len();
        let result = look(self, &view.text, via);
        for seen in self.seen.get_mut(from..).unwrap_or_default() {
            seen.sighting.span = view.way.back(seen.sighting.span.clone());
        }
        result
    }

    fn patterns(&mut self, text: &str, look: Look, via: Via) -> Result<Hints, Spent> {
        let (seen, origin) = (&mut *self.seen, self.origin);
        self.guards.signatures.scan(text, look, origin, self.budget, &mut |rule, span| {
            let score = if look == Look::Hidden {
                rule.score
            } else if via.is_encoded() {
                surcharged(rule.score)
            } else if !rule.structural && is_reported(text, &span, origin) {
                (rule.score - REPORTED_DISCOUNT).max(0.0)
            } else {
                rule.score
            };
            let rule = rule.id.clone();
            let sighting = Sighting { rule, category: Category::Injection, score, span, label: "INJECTION" };
            seen.push(Seen { sighting, via });
        })
    }

    fn squashed(&mut self, letters: &str, span: std::ops::Range<usize>, via: Via) {
        let seen = &mut *self.seen;
        self.guards.signatures.scan_squashed(letters, self.origin, &mut |rule| {
            let (rule, score) = (rule.id.clone(), surcharged(rule.score));
            let sighting =
                Sighting { rule, category: Category::Injection, score, span: span.clone(), label: "INJECTION" };
            seen.push(Seen { sighting, via });
        });
    }
}

fn surcharged(score: f32) -> f32 {
    (score + ENCODED_SURCHARGE).min(HIGHEST_SCORE)
}
