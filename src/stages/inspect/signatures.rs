//! Injection signatures: packs compiled into one linear-time scan.
//!
//! One automaton over all patterns answers "does anything match here" in one pass; only on a hit are the patterns named and
//! their spans searched one by one. Patterns of ASCII are compiled over bytes (`\w`, `\b`, `\s` mean ASCII), others over
//! Unicode and run only on text that is not ASCII. Beside the signatures the automaton carries *hints*: patterns that do not
//! report anything but say that a costlier view is worth building.

use super::budget::{Spent, TimeBudget};
use super::rewrite;
use super::windows::windows;
use crate::config::settings::{Pack, Signature, SignatureView};
use crate::model::{Origin, RuleId};
use regex_automata::meta::{self, BuildError, Regex};
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind, PatternID, PatternSet};
use std::ops::Range;

/// Patterns per automaton: above, lazy determinisation begins to thrash.
const SET_PATTERNS: usize = 150;
/// Compiled size of one signature, in bytes of its NFA.
const SIGNATURE_NFA_BYTES: usize = 2 << 20;
/// Compiled size of one set.
const SET_NFA_BYTES: usize = 64 << 20;
/// Cache of the lazily built DFA, per thread that scans.
const LAZY_DFA_BYTES: usize = 8 << 20;
/// Longest match that is found whole over the border of two windows, in bytes.
const LOOK_AHEAD_BYTES: usize = 1024;
/// Matches of one signature in one window that are told apart; the last one stands for the rest of the window.
const MATCHES_PER_WINDOW: usize = 32;

/// Families whose matches mean the same in quotation marks: nobody quotes a control token by accident in front of a model.
const STRUCTURAL_FAMILIES: [&str; 4] = ["forged_delimiter", "hidden_characters", "encoded_payload", "exfiltration_link"];

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
    /// All patterns together are too large.
    #[error("the signatures together do not compile")]
    Set {
        /// What the compiler says.
        source: Box<BuildError>,
    },
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
}

/// Views that are worth building.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Hints {
    pub spaced: bool,
    pub leet: bool,
    pub rot13: bool,
    pub reversed: bool,
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

/// One pattern of a signature, for its spans.
#[derive(Debug)]
struct Entry {
    rule: usize,
    regex: Regex,
}

#[derive(Debug, Clone, Copy)]
enum Owner {
    Entry(usize),
    Hint(Hint),
}

#[derive(Debug, Clone, Copy)]
enum Hint {
    Spaced,
    Leet,
    Rot13,
    Reversed,
}

#[derive(Debug)]
struct Set {
    regex: Regex,
    owners: Vec<Owner>,
}

/// All packs of a snapshot.
#[derive(Debug)]
pub(super) struct Signatures {
    rules: Vec<Rule>,
    entries: Vec<Entry>,
    /// ASCII patterns and hints.
    latin: Vec<Set>,
    /// Patterns with other letters.
    wide: Vec<Set>,
    /// ASCII patterns without gaps between words.
    squashed: Vec<Set>,
}

impl Signatures {
    /// Compiles packs.
    ///
    /// # Errors
    /// [`CompileError`] names the first signature that does not compile.
    pub fn compile(packs: &[Pack]) -> Result<Self, CompileError> {
        let mut rules = Vec::new();
        let mut entries = Vec::new();
        let (mut latin, mut wide, mut squashed) = (hints(), Vec::new(), Vec::new());
        for signature in packs.iter().flat_map(|pack| &pack.signatures) {
            let rule = rules.len();
            rules.push(Rule::of(signature));
            for (number, written) in signature.patterns.iter().enumerate() {
                let pattern = match signature.view {
                    SignatureView::Raw => written.clone(),
                    SignatureView::Normalised => rewrite::for_normalised(written),
                };
                let alphabet = Alphabet::of(&pattern);
                let regex = single(&pattern, alphabet).map_err(|source| CompileError::Pattern {
                    signature: signature.id.clone(),
                    pattern_number: number.saturating_add(1),
                    source: Box::new(source),
                })?;
                if regex.is_match("") {
                    return Err(CompileError::MatchesEmpty {
                        signature: signature.id.clone(),
                        pattern_number: number.saturating_add(1),
                    });
                }
                let owner = Owner::Entry(entries.len());
                entries.push(Entry { rule, regex });
                match alphabet {
                    Alphabet::Ascii => latin.push((pattern, owner)),
                    Alphabet::Wide => wide.push((pattern, owner)),
                }
                if signature.view == SignatureView::Normalised && alphabet == Alphabet::Ascii {
                    squashed.push((rewrite::for_squashed(written), owner));
                }
            }
        }
        Ok(Self {
            rules,
            entries,
            latin: sets(&latin, Alphabet::Ascii)?,
            wide: sets(&wide, Alphabet::Wide)?,
            squashed: sets(&squashed, Alphabet::Ascii)?,
        })
    }

    /// Reports every match in `text` of a signature that looks at `origin`, and collects hints.
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
        let wide: &[Set] = if look == Look::Plain || text.is_ascii() { &[] } else { &self.wide };
        for window in windows(text, LOOK_AHEAD_BYTES) {
            budget.check()?;
            for set in self.latin.iter().chain(wide) {
                if !set.regex.is_match(window.text) {
                    continue;
                }
                let mut hits = PatternSet::new(set.owners.len());
                set.regex.which_overlapping_matches(&Input::new(window.text), &mut hits);
                for owner in hits.iter().filter_map(|pattern| set.owner(pattern)) {
                    match owner {
                        Owner::Hint(hint) => hints.add(hint),
                        Owner::Entry(entry) => self.spans(entry, look, origin, window.text, |rule, span| {
                            if span.start < window.owned {
                                let start = span.start.saturating_add(window.offset);
                                report(rule, start..span.end.saturating_add(window.offset));
                            }
                        }),
                    }
                }
            }
        }
        Ok(hints)
    }

    /// Reports the signatures that match letters without gaps between the words.
    pub fn scan_squashed(&self, letters: &str, origin: Origin, report: &mut dyn FnMut(&Rule)) {
        for set in &self.squashed {
            let mut hits = PatternSet::new(set.owners.len());
            set.regex.which_overlapping_matches(&Input::new(letters), &mut hits);
            for owner in hits.iter().filter_map(|pattern| set.owner(pattern)) {
                let Owner::Entry(entry) = owner else { continue };
                let rule = self.entries.get(entry).and_then(|entry| self.rules.get(entry.rule));
                if let Some(rule) = rule.filter(|rule| rule.looks_at(origin)) {
                    report(rule);
                }
            }
        }
    }

    fn spans(&self, entry: usize, look: Look, origin: Origin, text: &str, mut report: impl FnMut(&Rule, Range<usize>)) {
        let Some(entry) = self.entries.get(entry) else { return };
        let Some(rule) = self.rules.get(entry.rule).filter(|rule| rule.looks_at(origin) && rule.reads(look)) else {
            return;
        };
        let mut found = entry.regex.find_iter(text).take(MATCHES_PER_WINDOW).peekable();
        let mut count = 0_usize;
        while let Some(hit) = found.next() {
            count = count.saturating_add(1);
            let is_last = count == MATCHES_PER_WINDOW && found.peek().is_none();
            let end = if is_last { text.len() } else { text.ceil_char_boundary(hit.end()) };
            report(rule, text.floor_char_boundary(hit.start())..end);
        }
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
            Look::Plain => true,
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
    fn add(&mut self, hint: Hint) {
        match hint {
            Hint::Spaced => self.spaced = true,
            Hint::Leet => self.leet = true,
            Hint::Rot13 => self.rot13 = true,
            Hint::Reversed => self.reversed = true,
        }
    }
}

impl Set {
    fn owner(&self, pattern: PatternID) -> Option<Owner> {
        self.owners.get(pattern.as_usize()).copied()
    }
}

/// Which characters a pattern is compiled over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alphabet {
    Ascii,
    Wide,
}

impl Alphabet {
    /// Escapes such as `\x{200B}` and `\p{…}` need the Unicode form too.
    fn of(pattern: &str) -> Self {
        let wide = !pattern.is_ascii() || [r"\x{", r"\u{", r"\p", r"\P"].iter().any(|escape| pattern.contains(escape));
        if wide { Self::Wide } else { Self::Ascii }
    }

    fn syntax(self) -> syntax::Config {
        let unicode = self == Self::Wide;
        syntax::Config::new().case_insensitive(true).unicode(unicode).utf8(unicode)
    }
}

fn single(pattern: &str, alphabet: Alphabet) -> Result<Regex, BuildError> {
    let config = meta::Config::new().utf8_empty(false).nfa_size_limit(Some(SIGNATURE_NFA_BYTES));
    meta::Builder::new().configure(config).syntax(alphabet.syntax()).build(pattern)
}

fn sets(patterns: &[(String, Owner)], alphabet: Alphabet) -> Result<Vec<Set>, CompileError> {
    let config = meta::Config::new()
        .match_kind(MatchKind::All)
        .utf8_empty(false)
        .nfa_size_limit(Some(SET_NFA_BYTES))
        .hybrid_cache_capacity(LAZY_DFA_BYTES);
    let build = |part: &[(String, Owner)]| {
        let texts: Vec<&str> = part.iter().map(|(pattern, _)| pattern.as_str()).collect();
        let regex = meta::Builder::new().configure(config.clone()).syntax(alphabet.syntax()).build_many(&texts);
        let owners = part.iter().map(|(_, owner)| *owner).collect();
        regex.map(|regex| Set { regex, owners }).map_err(|source| CompileError::Set { source: Box::new(source) })
    };
    patterns.chunks(SET_PATTERNS).map(build).collect()
}

/// Words whose odd spelling is looked for.
const TELLTALE: [&str; 10] =
    ["ignore", "previous", "instruction", "disregard", "forget", "system", "prompt", "reveal", "bypass", "override"];

fn hints() -> Vec<(String, Owner)> {
    let rot13 = ["vtaber", "cerivbhf", "vafgehpgvba", "qvfertneq", "flfgrz cebzcg", "erirny"];
    let backwards = ["erongi", "suoiverp", "noitcurtsni", "drager", "tpmorp metsys", "laever", "tegrof"];
    let spaced = r"\b[a-z0-9](?:[\s._*|/,+~\-]{1,4}[a-z0-9!@$]){4}\b".to_owned();
    vec![
        (spaced, Owner::Hint(Hint::Spaced)),
        (TELLTALE.map(leet_pattern).join("|"), Owner::Hint(Hint::Leet)),
        (rot13.join("|"), Owner::Hint(Hint::Rot13)),
        (backwards.join("|"), Owner::Hint(Hint::Reversed)),
    ]
}

/// Matches a word with at least one letter replaced by a digit or a sign.
fn leet_pattern(word: &str) -> String {
    let signs = |c: char| match c {
        'a' => "4@",
        'b' => "8",
        'e' => "3",
        'g' => "9",
        'i' => "1!|",
        'l' => "1",
        'o' => "0",
        's' => "5$",
        't' => "7",
        _ => "",
    };
    let either = |c: char| if signs(c).is_empty() { c.to_string() } else { format!("[{c}{}]", signs(c)) };
    let forced = |at: usize| {
        word.chars().enumerate().map(|(i, c)| if i == at { format!("[{}]", signs(c)) } else { either(c) }).collect()
    };
    let places = word.chars().enumerate().filter(|(_, c)| !signs(*c).is_empty());
    places.map(|(at, _)| forced(at)).collect::<Vec<String>>().join("|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::inspect::budget::tests::unhurried;

    fn signature(id: &str, patterns: &[&str]) -> Signature {
        Signature {
            id: RuleId::new(id),
            family: "override".to_owned(),
            why: String::new(),
            languages: Vec::new(),
            score: 0.9,
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
        let all = compiled(vec![signature("a", &[r"eat\s+the\s+moon"]), signature("b", &["für dich", "zwei"])]).unwrap();
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
            let text = format!("{}eat the moon{}", "y".repeat(65_536 - 20 + shift), "z".repeat(70_000));
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
    fn more_patterns_than_one_set_holds_are_all_scanned() {
        let many = (0..400).map(|n| signature(&format!("s{n}"), &[&format!("needle{n}x")])).collect();
        let all = compiled(many).unwrap();
        assert_eq!(all.latin.len(), 3);
        assert_eq!(hits(&all, "needle399x needle1x", Origin::User).0.len(), 2);
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
        assert_eq!(hint("ignore the previous system prompt, 12 instructions"), Hints::default());
        assert!(hint("1gnore").leet && hint("pr3vious").leet && hint("5y5t3m").leet);
        assert!(hint("i g n o r e").spaced && hint("i.g.n.o.r.e").spaced);
        assert!(hint("vtaber").rot13 && hint("snoitcurtsni").reversed);
    }
}
