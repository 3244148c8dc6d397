//! Signatures and structure over every view of one text. What is seen in a view is told in offsets of the text around it.

use super::budget::{Spent, TimeBudget, Work};
use super::classifier::{Classifier, Match};
use super::context::{REPORTED_DISCOUNT, is_reported};
use super::encodings::decoded;
use super::examples;
use super::respelling;
use super::sighting::Sighting;
use super::signatures::{CompileError, Hints, Look, Signatures};
use super::spelling;
use super::structure::{Characters, hidden_text};
use super::views::{Invisible, Via, View, ViewKind, is_plain, look_alike, normalise, undisguised};
use super::vocabulary::Vocabulary;
use super::windows::windows;
use crate::config::settings::Pack;
use crate::model::{Category, Origin, RuleId};
use std::collections::HashSet;
use std::ops::Range;

/// Bytes of text whose views are held in memory at once: the map of a view can take forty times the bytes of its text.
const VIEW_STEP_BYTES: usize = 512 * 1024;
/// How far a view goes on over the border of two windows.
const VIEW_LOOK_AHEAD_BYTES: usize = 8 * 1024;
/// How many encodings may be nested in each other.
const DEPTH: u8 = 3;
/// What a match in encoded text gains: nobody encodes an instruction by accident.
const ENCODED_SURCHARGE: f32 = 0.05;
/// Score at most, after the surcharge.
const HIGHEST_SCORE: f32 = 0.99;
/// The rule of what the classifier finds.
const CLASSIFIED: &str = "injection.classifier";
/// Signatures of templates and roles, which say more about who writes than about what is said.
const FORM: &str = "injection.forged_delimiter.";
/// What they count for less as evidence: a template is mentioned more often than it is forged.
const FORM_DISCOUNT: f32 = 0.25;

/// A sighting and the way to it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub sighting: Sighting,
    pub via: Via,
}

/// The guards against injection, and the words that make an oddly spelled text worth reading again.
#[derive(Debug)]
pub(super) struct Injection {
    signatures: Signatures,
    characters: Characters,
    vocabulary: Vocabulary,
    classifier: Classifier,
    classified: RuleId,
}

/// Whether everything encoded was decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decoding {
    Complete,
    /// The work budget was spent, or the depth reached, before all of it was decoded.
    Cut {
        undecoded_bytes: u64,
    },
}

/// Whether a text is looked at for injection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Injected {
    Looked,
    /// Only by signatures: what several speakers say one after another is no text of anybody's.
    BySignatures,
    /// What a model writes is not an instruction to it.
    Left,
}

/// Who looks at the views of a text.
#[derive(Clone, Copy)]
pub(super) struct Lookers<'a> {
    pub origin: Origin,
    pub injection: Injected,
    /// What looks for credentials and personal data; it sees decoded views and not the text as written.
    pub sensitive: &'a dyn Fn(&str, &mut Vec<Sighting>),
}

impl Injection {
    pub fn compile(packs: &[Pack]) -> Result<Self, CompileError> {
        Self::with(packs, Classifier::shipped()?)
    }

    /// With a classifier that knows nothing, for its training.
    pub fn untrained(packs: &[Pack]) -> Result<Self, CompileError> {
        Self::with(packs, Classifier::untrained()?)
    }

    fn with(packs: &[Pack], classifier: Classifier) -> Result<Self, CompileError> {
        let guards = Self {
            signatures: Signatures::compile(packs)?,
            characters: Characters::new(),
            vocabulary: Vocabulary::of(packs),
            classifier,
            classified: RuleId::new(CLASSIFIED),
        };
        examples::check(packs, &guards)?;
        Ok(guards)
    }

    /// Also reports what the classifier finds ordinary.
    pub fn report_every_score(&mut self) {
        self.classifier.report_from(0.0);
    }

    /// What signatures say of the view that the classifier reads, for its training.
    pub fn matches(&self, view: &str, origin: Origin, budget: &TimeBudget<'_>) -> Vec<Match> {
        let (mut seen, mut evidence) = (Vec::new(), Vec::new());
        let lookers = Lookers { origin, injection: Injected::Looked, sensitive: &|_, _| {} };
        let (work, done) = (Work::for_text(0), HashSet::new());
        let mut scan = Scan { guards: self, lookers, budget, work, done, seen: &mut seen };
        let look = if is_plain(view) { Look::Plain } else { Look::Normalised };
        // Without a deadline there is nothing to run out of.
        let _ = scan.patterns(view, look, Via::default(), &mut evidence);
        evidence
    }

    /// Looks at all views of one text and adds what is seen to `seen`, which holds sightings of this text alone.
    ///
    /// # Errors
    /// [`Spent`] when the deadline passed.
    pub fn scan(
        &self,
        text: &str,
        lookers: Lookers<'_>,
        budget: &TimeBudget<'_>,
        seen: &mut Vec<Seen>,
    ) -> Result<Decoding, Spent> {
        let mut undecoded_bytes = 0_u64;
        let mut outcome = Ok(());
        for (step, window) in windows(text, VIEW_STEP_BYTES, VIEW_LOOK_AHEAD_BYTES).enumerate() {
            if step > 0 {
                outcome = budget.check();
                if outcome.is_err() {
                    break;
                }
            }
            let from = seen.len();
            let work = Work::for_text(window.text.len());
            let mut scan = Scan { guards: self, lookers, budget, work, done: HashSet::new(), seen };
            outcome = scan.text(window.text, Via::default(), 0);
            undecoded_bytes = undecoded_bytes.saturating_add(scan.work.undecoded_bytes());
            for one in seen.get_mut(from..).unwrap_or_default() {
                let span = &one.sighting.span;
                one.sighting.span = span.start.saturating_add(window.offset)..span.end.saturating_add(window.offset);
            }
            if outcome.is_err() {
                break;
            }
        }
        drop_repeats(seen);
        outcome.map(|()| if undecoded_bytes == 0 { Decoding::Complete } else { Decoding::Cut { undecoded_bytes } })
    }
}

/// The same rule at the same place, seen in several views, is one finding: one that needed no other spelling, else the one with
/// the highest score, and of those the first that was seen.
fn drop_repeats(seen: &mut Vec<Seen>) {
    seen.sort_by(|a, b| {
        let key = |s: &Seen| (s.sighting.span.start, s.sighting.span.end);
        key(a)
            .cmp(&key(b))
            .then_with(|| a.sighting.rule.cmp(&b.sighting.rule))
            .then_with(|| a.via.is_respelled().cmp(&b.via.is_respelled()))
            .then_with(|| b.sighting.score.total_cmp(&a.sighting.score))
    });
    seen.dedup_by(|a, b| a.sighting.span == b.sighting.span && a.sighting.rule == b.sighting.rule);
}

/// Makes a view of a whole text.
type Build = fn(&str) -> View;

struct Scan<'a, 'b> {
    guards: &'a Injection,
    lookers: Lookers<'a>,
    budget: &'a TimeBudget<'b>,
    work: Work,
    /// Encoded runs that were decoded: they stand in several views of one text.
    done: HashSet<String>,
    seen: &'a mut Vec<Seen>,
}

impl Scan<'_, '_> {
    /// A text, as written or decoded, and everything in it.
    fn text(&mut self, text: &str, via: Via, depth: u8) -> Result<(), Spent> {
        if via.last().is_some_and(is_decoding) {
            self.sensitive(text, via);
        }
        if is_plain(text) {
            let hints = self.look(text, Look::Plain, via)?;
            self.spellings(text, hints, via, depth)?;
        } else {
            self.unusual(text, via, depth)?;
        }
        self.encoded(text, via, depth)
    }

    /// What is encoded in a text.
    fn encoded(&mut self, text: &str, via: Via, depth: u8) -> Result<(), Spent> {
        if depth >= DEPTH {
            // Too deep: nothing is decoded, and so it is counted.
            self.work.forgo(|work| drop(decoded(text, &mut self.done, work)));
            return Ok(());
        }
        // No encoding, so no step deeper; but text that is hidden in hidden text is read once only.
        if self.lookers.injection != Injected::Left
            && via.last() != Some(ViewKind::Hidden)
            && let Some(view) = hidden_text(text)
        {
            self.derived(&view, via.then(ViewKind::Hidden), |scan, text, via| {
                scan.hidden(text, via)?;
                scan.text(text, via, depth)
            })?;
        }
        for (kind, view) in decoded(text, &mut self.done, &mut self.work) {
            self.derived(&view, via.then(kind), |scan, text, via| scan.text(text, via, depth.saturating_add(1)))?;
        }
        Ok(())
    }

    /// What only signatures of hidden text look at.
    fn hidden(&mut self, text: &str, via: Via) -> Result<(), Spent> {
        if is_plain(text) {
            return self.patterns(text, Look::Hidden, via, &mut Vec::new()).map(|_| ());
        }
        let (view, _) = normalise(text, Invisible::Dropped);
        self.derived(&view, via, |scan, text, via| scan.patterns(text, Look::Hidden, via, &mut Vec::new()).map(|_| ()))
    }

    /// Text that is not plain ASCII: as written, normalised, and with what hidden characters spell.
    fn unusual(&mut self, text: &str, via: Via, depth: u8) -> Result<(), Spent> {
        self.patterns(text, Look::Raw, via, &mut Vec::new())?;
        let (seen, injection) = (&mut *self.seen, self.lookers.injection);
        let hidden = self.guards.characters.scan(text, &mut |sighting| {
            if injection != Injected::Left {
                seen.push(Seen { sighting, via });
            }
        });
        for (kind, view) in hidden {
            if depth < DEPTH && self.work.take(view.text.len()) {
                self.derived(&view, via.then(kind), |scan, text, via| scan.text(text, via, depth.saturating_add(1)))?;
            }
        }
        if let Some(view) = undisguised(text) {
            self.derived(&view, via.then(ViewKind::Normalised), |scan, text, via| {
                scan.sensitive(text, via);
                scan.encoded(text, via, depth)
            })?;
        }
        if self.lookers.injection == Injected::Left {
            return Ok(());
        }
        // Whoever overrides the direction of writing shows the text the other way round (Unicode's UAX #9, RLO).
        let is_overridden = text.contains('\u{202E}');
        let (view, met_invisible) = normalise(text, Invisible::Dropped);
        self.derived(&view, via.then(ViewKind::Normalised), |scan, text, via| {
            let mut hints = scan.look(text, Look::Normalised, via)?;
            hints.reversed |= is_overridden;
            scan.spellings(text, hints, via, depth)?;
            if let Some(view) = look_alike(text) {
                scan.derived(&view, via.then(ViewKind::LookAlike), |scan, text, via| {
                    let hints = scan.look(text, Look::Normalised, via)?;
                    scan.spellings(text, hints, via, depth)
                })?;
            }
            match spelling::upside_down(text) {
                Some(view) => scan.derived(&view, via.then(ViewKind::UpsideDown), |scan, text, via| {
                    scan.look(text, Look::Normalised, via).map(drop)
                }),
                None => Ok(()),
            }
        })?;
        if met_invisible {
            let (view, _) = normalise(text, Invisible::Spaced);
            self.derived(&view, via.then(ViewKind::Normalised), |scan, text, via| {
                scan.look(text, Look::Normalised, via).map(drop)
            })?;
        }
        Ok(())
    }

    /// Views that a hint, or a word of the packs in another spelling, asked for.
    fn spellings(&mut self, text: &str, hints: Hints, via: Via, depth: u8) -> Result<(), Spent> {
        if self.lookers.injection == Injected::Left {
            return Ok(());
        }
        if hints.spaced {
            let runs = spelling::spaced_runs(text);
            for run in &runs {
                self.budget.check()?;
                self.squashed(&run.letters, run.span.clone(), via.then(ViewKind::Spaced));
            }
            self.derived(&spelling::rejoined(text, &runs), via.then(ViewKind::Spaced), |scan, text, via| {
                scan.look(text, Look::Normalised, via).map(drop)
            })?;
        }
        self.respelled(text, hints, via, 0)?;
        // Undoing the same twice leads back.
        let before = via.steps().filter(|kind| *kind != ViewKind::Normalised).last();
        let whole_text: [(bool, ViewKind, Build); 3] = [
            (hints.rot13, ViewKind::Rot13, spelling::rot13),
            (hints.reversed, ViewKind::Reversed, spelling::reversed),
            (hints.words_reversed, ViewKind::WordsReversed, spelling::words_reversed),
        ];
        for (hinted, kind, build) in whole_text {
            if hinted && before != Some(kind) && depth < DEPTH && self.work.take(text.len()) {
                self.derived(&build(text), via.then(kind), |scan, text, via| {
                    scan.text(text, via, depth.saturating_add(1))
                })?;
            }
        }
        Ok(())
    }

    /// Words in odd spellings: each alone, and one after another from the spelling `from` on.
    fn respelled(&mut self, text: &str, hints: Hints, via: Via, from: usize) -> Result<(), Spent> {
        let words = &self.guards.vocabulary;
        for (index, kind) in [ViewKind::Markup, ViewKind::Leet, ViewKind::Scrambled].into_iter().enumerate().skip(from)
        {
            let view = match kind {
                ViewKind::Markup => respelling::without_marks(text, words),
                ViewKind::Leet => hints.leet.then(|| spelling::unleeted(text, words)),
                _ => respelling::in_order(text, words),
            };
            if let Some(view) = view.filter(|_| self.work.take(text.len())) {
                self.derived(&view, via.then(kind), |scan, text, via| {
                    scan.look(text, Look::Normalised, via)?;
                    scan.respelled(text, hints, via, index.saturating_add(1))
                })?;
            }
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
        self.budget.check()?;
        let from = self.seen.len();
        let result = look(self, &view.text, via);
        for seen in self.seen.get_mut(from..).unwrap_or_default() {
            seen.sighting.span = view.way.back(seen.sighting.span.clone());
        }
        result
    }

    /// The one place where a view of a text is looked at for injection: by signatures, and then by the classifier, which counts
    /// what they saw.
    fn look(&mut self, text: &str, look: Look, via: Via) -> Result<Hints, Spent> {
        let mut evidence = Vec::new();
        let hints = self.patterns(text, look, via, &mut evidence)?;
        if self.lookers.injection == Injected::Looked {
            let mut found = Vec::new();
            self.guards.classifier.judge(text, &evidence, &mut |score, span| found.push((score, span)));
            for (score, span) in found {
                let (rule, category) = (self.guards.classified.clone(), Category::Injection);
                self.seen.push(Seen { sighting: Sighting { rule, category, score, span, label: "INJECTION" }, via });
            }
        }
        Ok(hints)
    }

    /// Signatures alone. What they see is also `evidence` for the classifier, unless it is only spoken about.
    fn patterns(&mut self, text: &str, look: Look, via: Via, evidence: &mut Vec<Match>) -> Result<Hints, Spent> {
        if self.lookers.injection == Injected::Left {
            return Ok(Hints::default());
        }
        let (seen, origin) = (&mut *self.seen, self.lookers.origin);
        self.guards.signatures.scan(text, look, origin, self.budget, &mut |rule, span| {
            let mut reported = false;
            let score = if look == Look::Hidden {
                rule.score
            } else if via.is_encoded() && !(rule.structural && via.is_respelled()) {
                surcharged(rule.score)
            } else if !rule.structural && is_reported(text, &span, origin) {
                reported = true;
                (rule.score - REPORTED_DISCOUNT).max(0.0)
            } else {
                rule.score
            };
            let rule = rule.id.clone();
            if !reported {
                let score = if rule.as_str().starts_with(FORM) { score - FORM_DISCOUNT } else { score };
                evidence.push(Match { span: span.clone(), rule: rule.clone(), score });
            }
            let sighting = Sighting { rule, category: Category::Injection, score, span, label: "INJECTION" };
            seen.push(Seen { sighting, via });
        })
    }

    /// Looks for credentials and personal data in a view.
    fn sensitive(&mut self, text: &str, via: Via) {
        let mut sightings = Vec::new();
        (self.lookers.sensitive)(text, &mut sightings);
        self.seen.extend(sightings.into_iter().map(|sighting| Seen { sighting, via }));
    }

    fn squashed(&mut self, letters: &str, span: Range<usize>, via: Via) {
        let seen = &mut *self.seen;
        self.guards.signatures.scan_squashed(letters, self.lookers.origin, &mut |rule| {
            let (rule, score) = (rule.id.clone(), surcharged(rule.score));
            let sighting =
                Sighting { rule, category: Category::Injection, score, span: span.clone(), label: "INJECTION" };
            seen.push(Seen { sighting, via });
        });
    }
}

/// Whether a step gives the very bytes that somebody encoded, in which a credential is one.
fn is_decoding(kind: ViewKind) -> bool {
    match kind {
        ViewKind::Tags
        | ViewKind::Selectors
        | ViewKind::Base64
        | ViewKind::Base32
        | ViewKind::Hex
        | ViewKind::Binary
        | ViewKind::CharCodes
        | ViewKind::Morse
        | ViewKind::Percent
        | ViewKind::Entities
        | ViewKind::Escapes => true,
        // Numbers backwards are other numbers.
        ViewKind::Normalised
        | ViewKind::LookAlike
        | ViewKind::Spaced
        | ViewKind::Leet
        | ViewKind::Markup
        | ViewKind::Scrambled
        | ViewKind::Rot13
        | ViewKind::Reversed
        | ViewKind::WordsReversed
        | ViewKind::Hidden
        | ViewKind::UpsideDown => false,
    }
}

fn surcharged(score: f32) -> f32 {
    (score + ENCODED_SURCHARGE).min(HIGHEST_SCORE)
}
