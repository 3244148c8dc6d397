//! Injection signatures: packs compiled into one linear-time scan.
//!
//! All words that the patterns need are looked for at once (one Aho-Corasick automaton); a pattern runs only in windows of
//! [`STEP_BYTES`] where every set of words that it needs is met. Patterns of ASCII are compiled over bytes (`\w`, `\b`, `\s` mean
//! ASCII), others over Unicode and run only on text that is not ASCII. The word automaton also carries *hints*: words that
//! report nothing but say that a costlier view is worth building.

use super::bank::{Bank, Pattern, Source, Syntax};
use super::budget::{Spent, TimeBudget};
use super::rewrite;
use super::spelling::{has_letters_apart, has_signs_in_words, rot13_char};
use super::views::ViewKind;
use super::windows::windows;
use crate::config::settings::{Pack, Signature, SignatureView};
use crate::model::{Origin, RuleId};
use regex_automata::meta::BuildError;
use std::ops::Range;

/// Bytes that are searched for words, and then for patterns, at once: words far apart do not make a match.
const STEP_BYTES: usize = 4 * 1024;
/// Steps between two looks at the clock: 64 KiB.
const STEPS_PER_CHECK: usize = 16;
/// Longest match that is found whole over the border of two windows, in bytes.
const LOOK_AHEAD_BYTES: usize = 1024;
/// Matches of one signature in one window that are told apart; the last one stands for the rest of the window.
const MATCHES_PER_WINDOW: usize = 8;

/// Families whose matches mean the same in quotation marks: nobody quotes a control token by accident in front of a model.
const STRUCTURAL_FAMILIES: [&str; 5] =
    ["forged_delimiter", "hidden_characters", "encoded_payload", "exfiltration_link", "system_block"];

/// Why a pack cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// A pattern is not a regular expression, or uses something that linear time excludes (look-around, back-references).
    #[error("signature {signature}: pattern {pattern_number} is not valid")]
    Pattern {
        /// The signature.
        signature: RuleId,
        /// Which of its patterns, from 1.
        pattern_number: usize,
        /// What the compiler says.
        source: Box<BuildError>,
    },
    /// A pattern matches the empty text, and so every text.
    #[error("signature {signature}: pattern {pattern_number} matches the empty text")]
    MatchesEmpty {
        /// The signature.
        signature: RuleId,
        /// Which of its patterns, from 1.
        pattern_number: usize,
    },
    /// The words of all patterns together are too many.
    #[error("the words of the signatures do not compile")]
    Words {
        /// What the compiler says.
        source: aho_corasick::BuildError,
    },
    /// Examples that their signatures do not see, or near misses that they do.
    #[error("{}", faults.join("\n"))]
    Examples {
        /// `file:line:column: what is wrong`, one each.
        faults: Vec<String>,
    },
    /// The classifier's model does not belong to this binary.
    #[error(transparent)]
    Classifier(#[from] super::classifier::ModelError),
    /// The random key of the cache could not be made.
    #[error("no randomness for the cache key")]
    Randomness,
}

/// What a text is, seen from a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Plain ASCII: both views at once.
    Plain,
    /// As written, not plain.
    Raw,
    /// The normalised form.
    Normalised,
    /// The normalised form of what a page does not show, for signatures of nothing else.
    Hidden,
}

/// Views that are worth building.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Hints {
    pub spaced: bool,
    pub leet: bool,
    pub rot13: bool,
    pub reversed: bool,
    pub words_reversed: bool,
}

/// A signature, ready.
#[derive(Debug)]
pub(super) struct Rule {
    pub id: RuleId,
    pub score: f32,
    /// Whether quotation leaves the score as it is.
    pub structural: bool,
    view: SignatureView,
    /// Bit per origin; see [`bit`].
    origins: u16,
}

/// What a pattern of a bank is for.
#[derive(Debug, Clone, Copy)]
enum Owner {
    Rule(usize),
    Hint(ViewKind),
}

/// All packs of a snapshot.
#[derive(Debug)]
pub(super) struct Signatures {
    rules: Vec<Rule>,
    /// ASCII patterns and hints.
    latin: Bank<Owner>,
    /// Patterns with other letters.
    wide: Bank<Owner>,
    /// Those of both that read the text as written, for texts that are not plain.
    raw_latin: Bank<Owner>,
    raw_wide: Bank<Owner>,
    /// Those that read only what a page does not show.
    hidden_latin: Bank<Owner>,
    hidden_wide: Bank<Owner>,
    /// ASCII patterns without gaps between words.
    squashed: Bank<Owner>,
}

impl Signatures {
    /// Compiles packs.
    ///
    /// # Errors
    /// [`CompileError`] names the first signature that does not compile.
    pub fn compile(packs: &[Pack]) -> Result<Self, CompileError> {
        let mut rules = Vec::new();
        let (mut latin, mut wide, mut squashed) = (Vec::new(), Vec::new(), Vec::new());
        let (mut raw_latin, mut raw_wide) = (Vec::new(), Vec::new());
        let (mut hidden_latin, mut hidden_wide) = (Vec::new(), Vec::new());
        for signature in packs.iter().flat_map(|pack| &pack.signatures) {
            let owner = Owner::Rule(rules.len());
            rules.push(Rule::of(signature));
            for (index, written) in signature.patterns.iter().enumerate() {
                let (pattern, plain) = match signature.view {
                    SignatureView::Raw => (written.clone(), written.clone()),
                    SignatureView::Normalised | SignatureView::Hidden => {
                        (rewrite::for_normalised(written), rewrite::for_squashed(written))
                    }
                };
                let syntax = Syntax::of(&pattern);
                check(signature, index, &pattern, syntax)?;
                if signature.view == SignatureView::Normalised && syntax == Syntax::Ascii {
                    squashed.push(Source { pattern: plain.clone(), plain: plain.clone(), owner });
                }
                let (all, raw, hidden) = match syntax {
                    Syntax::Ascii => (&mut latin, &mut raw_latin, &mut hidden_latin),
                    Syntax::Unicode => (&mut wide, &mut raw_wide, &mut hidden_wide),
                };
                let source = Source { pattern, plain, owner };
                match signature.view {
                    SignatureView::Hidden => hidden.push(source),
                    SignatureView::Normalised => all.push(source),
                    SignatureView::Raw => {
                        raw.push(source.clone());
                        all.push(source);
                    }
                }
            }
        }
        latin.extend(hints());
        let words = |source| CompileError::Words { source };
        Ok(Self {
            rules,
            latin: Bank::compile(latin, Syntax::Ascii).map_err(words)?,
            wide: Bank::compile(wide, Syntax::Unicode).map_err(words)?,
            raw_latin: Bank::compile(raw_latin, Syntax::Ascii).map_err(words)?,
            raw_wide: Bank::compile(raw_wide, Syntax::Unicode).map_err(words)?,
            hidden_latin: Bank::compile(hidden_latin, Syntax::Ascii).map_err(words)?,
            hidden_wide: Bank::compile(hidden_wide, Syntax::Unicode).map_err(words)?,
            squashed: Bank::compile(squashed, Syntax::Ascii).map_err(words)?,
        })
    }

    /// Reports every match in `text` of a signature that looks at `origin`, and collects hints; a text as written gives none,
    /// because its normalised form does. The caller has looked at the clock just before.
    ///
    /// # Errors
    /// [`Spent`] when the deadline passed; what was reported before stays reported.
    pub fn scan(
        &self,
        text: &str,
        look: Look,
        origin: Origin,
        budget: &TimeBudget<'_>,
        report: &mut dyn FnMut(&Rule, Range<usize>),
    ) -> Result<Hints, Spent> {
        let mut hints = Hints::default();
        let (latin, wide) = match look {
            Look::Raw => (&self.raw_latin, &self.raw_wide),
            Look::Hidden => (&self.hidden_latin, &self.hidden_wide),
            Look::Plain | Look::Normalised => {
                hints.spaced = has_letters_apart(text.as_bytes());
                hints.leet = has_signs_in_words(text.as_bytes());
                (&self.latin, &self.wide)
            }
        };
        let wide = Some(wide).filter(|wide| !wide.is_empty() && !text.is_ascii());
        for (step, window) in windows(text, STEP_BYTES, LOOK_AHEAD_BYTES).enumerate() {
            if step > 0 && step % STEPS_PER_CHECK == 0 {
                budget.check()?;
            }
            let mut look_closely = |pattern: &Pattern<Owner>| match pattern.owner {
                Owner::Hint(kind) => hints.add(kind),
                Owner::Rule(rule) => {
                    let Some(rule) = self.rules.get(rule).filter(|r| r.looks_at(origin) && r.reads(look)) else {
                        return;
                    };
                    pattern.spans(window.text, MATCHES_PER_WINDOW, &mut |span| {
                        if span.start < window.owned {
                            let start = span.start.saturating_add(window.offset);
                            report(rule, start..span.end.saturating_add(window.offset));
                        }
                    });
                }
            };
            latin.candidates(window.text, &mut look_closely);
            if let Some(wide) = wide {
                // Words are in lower case, and the search compares only ASCII without it.
                let lower = (look == Look::Raw).then(|| window.text.to_lowercase());
                wide.candidates(lower.as_deref().unwrap_or(window.text), &mut look_closely);
            }
        }
        Ok(hints)
    }

    /// Reports the signatures that match letters without gaps between the words.
    pub fn scan_squashed(&self, letters: &str, origin: Origin, report: &mut dyn FnMut(&Rule)) {
        self.squashed.candidates(letters, &mut |pattern| {
            let Owner::Rule(rule) = pattern.owner else { return };
            if let Some(rule) = self.rules.get(rule).filter(|rule| rule.looks_at(origin)) {
                pattern.spans(letters, 1, &mut |_| report(rule));
            }
        });
    }
}

fn check(signature: &Signature, index: usize, pattern: &str, syntax: Syntax) -> Result<(), CompileError> {
    let (signature, pattern_number) = (signature.id.clone(), index.saturating_add(1));
    match syntax.compile(pattern) {
        Err(source) => Err(CompileError::Pattern { signature, pattern_number, source }),
        Ok(regex) if regex.is_match("") => Err(CompileError::MatchesEmpty { signature, pattern_number }),
        Ok(_) => Ok(()),
    }
}

impl Rule {
    fn of(signature: &Signature) -> Self {
        Self {
            id: signature.id.clone(),
            score: signature.score,
            structural: STRUCTURAL_FAMILIES.contains(&signature.family.as_str()),
            view: signature.view,
            origins: match signature.origins.as_slice() {
                [] => u16::MAX,
                origins => origins.iter().fold(0, |bits, &origin| bits | bit(origin)),
            },
        }
    }

    fn looks_at(&self, origin: Origin) -> bool {
        // A string in a field that no dialect names is judged like a user's.
        let origin = if origin == Origin::Unknown { Origin::User } else { origin };
        self.origins & bit(origin) != 0
    }

    fn reads(&self, look: Look) -> bool {
        match look {
            Look::Plain => self.view != SignatureView::Hidden,
            Look::Hidden => self.view == SignatureView::Hidden,
            Look::Raw => self.view == SignatureView::Raw,
            Look::Normalised => self.view == SignatureView::Normalised,
        }
    }
}

fn bit(origin: Origin) -> u16 {
    match origin {
        Origin::System => 1,
        Origin::Developer => 1 << 1,
        Origin::User => 1 << 2,
        Origin::Assistant => 1 << 3,
        Origin::ToolCall => 1 << 4,
        Origin::ToolResult => 1 << 5,
        Origin::ToolDefinition => 1 << 6,
        Origin::Document => 1 << 7,
        Origin::Unknown => 1 << 8,
    }
}

impl Hints {
    fn add(&mut self, kind: ViewKind) {
        match kind {
            ViewKind::Rot13 => self.rot13 = true,
            ViewKind::Reversed => self.reversed = true,
            ViewKind::WordsReversed => self.words_reversed = true,
            _ => {}
        }
    }
}

/// Words that say that a view is worth building.
fn hints() -> Vec<Source<Owner>> {
    /// Words of attacks in plain spelling; short ones would stand by chance in other text when spelled otherwise.
    const TELLING: [&str; 16] = [
        "ignore",
        "previous",
        "instruction",
        "disregard",
        "system prompt",
        "reveal",
        "forget",
        "bypass",
        "override",
        "jailbreak",
        "guideline",
        "restriction",
        "developer mode",
        "do anything now",
        "unfiltered",
        "secret",
    ];
    /// Everyday words that in these spellings stand in no other word.
    const EVERYDAY: [&str; 14] = [
        "your",
        "with",
        "this",
        "that",
        "what",
        "must",
        "about",
        "would",
        "should",
        "please",
        "answer",
        "everything",
        "instead",
        "message",
    ];
    const WORDS_REVERSED: [&str; 23] = [
        "instructions previous",
        "instructions prior",
        "instructions your",
        "instructions earlier",
        "instructions all",
        "rules previous",
        "rules your",
        "guidelines your",
        "guidelines previous",
        "prompt system",
        "above instructions",
        "above the disregard",
        "above the ignore",
        "above the forget",
        "directives previous",
        "previous all",
        "told were you",
        "your disregard",
        "your ignore",
        "your bypass",
        "all ignore",
        "all disregard",
        "everything forget",
    ];
    let rot13 = |word: &str| word.chars().map(rot13_char).collect::<String>();
    let backwards = |word: &str| word.chars().rev().collect::<String>();
    let words = || TELLING.iter().chain(&EVERYDAY);
    let moved = words().flat_map(|word| [rot13(word), rot13(&backwards(word))]).collect::<Vec<_>>().join("|");
    let turned = words().map(|word| backwards(word)).collect::<Vec<_>>().join("|");
    let kinds =
        [(moved, ViewKind::Rot13), (turned, ViewKind::Reversed), (WORDS_REVERSED.join("|"), ViewKind::WordsReversed)];
    kinds.map(|(pattern, kind)| Source { plain: pattern.clone(), pattern, owner: Owner::Hint(kind) }).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::Severity;
    use crate::stages::inspect::budget::tests::unhurried;

    fn signature(id: &str, patterns: &[&str]) -> Signature {
        Signature {
            id: RuleId::new(id),
            family: "override".to_owned(),
            why: String::new(),
            languages: Vec::new(),
            score: 0.9,
            severity: Severity::High,
            patterns: patterns.iter().map(|&pattern| pattern.to_owned()).collect(),
            view: SignatureView::Normalised,
            origins: Vec::new(),
            references: Vec::new(),
            examples_match: Vec::new(),
            examples_no_match: Vec::new(),
        }
    }

    fn compiled(signatures: Vec<Signature>) -> Result<Signatures, CompileError> {
        Signatures::compile(&[Pack { name: "test".to_owned(), signatures }])
    }

    fn hits(signatures: &Signatures, text: &str, origin: Origin) -> (Vec<(String, Range<usize>)>, Hints) {
        let mut found = Vec::new();
        let hints = unhurried(|budget| {
            signatures.scan(text, Look::Normalised, origin, budget, &mut |rule, span| {
                found.push((rule.id.as_str().to_owned(), span));
            })
        });
        (found, hints.unwrap())
    }

    #[test]
    fn only_the_signature_that_matches_is_named_with_its_span() {
        let all =
            compiled(vec![signature("a", &[r"eat\s+the\s+moon"]), signature("b", &["für dich", "zwei"])]).unwrap();
        assert_eq!(hits(&all, "please Eat  the_moon", Origin::User).0, [("a".to_owned(), 7..20)]);
        assert_eq!(hits(&all, "fur dich", Origin::User).0, [("b".to_owned(), 0..8)]);
        assert!(hits(&all, "eat the sun", Origin::User).0.is_empty());
    }

    #[test]
    fn signature_looks_only_at_its_origins_and_unknown_counts_as_user() {
        let mut only = signature("a", &["moon"]);
        only.origins = vec![Origin::User];
        let all = compiled(vec![only]).unwrap();
        assert_eq!(hits(&all, "moon", Origin::Unknown).0.len(), 1);
        assert!(hits(&all, "moon", Origin::ToolResult).0.is_empty());
    }

    #[test]
    fn match_over_the_border_of_two_windows_is_found_once() {
        let all = compiled(vec![signature("a", &[r"eat\s+the\s+moon"])]).unwrap();
        for shift in 0..40 {
            let text = format!("{}eat the moon{}", "y".repeat(STEP_BYTES - 20 + shift), "z".repeat(70_000));
            assert_eq!(hits(&all, &text, Origin::User).0.len(), 1, "{shift}");
        }
    }

    #[test]
    fn flood_of_matches_is_covered_to_the_end_of_the_window() {
        let all = compiled(vec![signature("a", &["moon"])]).unwrap();
        let (found, _) = hits(&all, &"moon ".repeat(100), Origin::User);
        assert_eq!(found.len(), MATCHES_PER_WINDOW);
        assert_eq!(found.last().unwrap().1.end, 500);
    }

    #[test]
    fn bad_patterns_are_refused_by_name() {
        let bad = compiled(vec![signature("a", &["ok", "(?=x)y"])]).unwrap_err();
        assert!(matches!(bad, CompileError::Pattern { pattern_number: 2, .. }));
        assert!(matches!(compiled(vec![signature("a", &["x*"])]), Err(CompileError::MatchesEmpty { .. })));
        assert!(matches!(compiled(vec![signature("a", &["(x{1000}){1000}"])]), Err(CompileError::Pattern { .. })));
    }

    #[test]
    fn hints_fire_on_odd_spelling_only() {
        let all = compiled(Vec::new()).unwrap();
        let hint = |text: &str| hits(&all, text, Origin::User).1;
        assert_eq!(hint("I ignore a previous prompt, 12 a.m. e.g. instructions"), Hints::default());
        assert!(hint("1gn0re").leet && hint("pr3vious").leet && hint("5y5t3m").leet);
        assert!(hint("i g n o r e").spaced && hint("i.g.n.o.r.e").spaced);
        assert!(hint("vtaber").rot13 && hint("snoitcurtsni").reversed);
    }
}
