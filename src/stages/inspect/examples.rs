//! The examples of packs, tried when the packs are compiled: a signature that does not see what it was written for is a
//! mistake that nobody would notice before an attack does.
//!
//! Cost: each example is scanned once, as a text of its signature's first origin (a user's, where it looks at all). The reader
//! of packs bounds their number and length, so that a load takes microseconds for each. Only the signature itself is asked;
//! that no *other* signature sees a near miss is a matter of the shipped packs and tested there.

use super::budget::TimeBudget;
use super::injection::{Injected, Injection, Lookers};
use super::signatures::CompileError;
use crate::config::settings::{Example, Pack, Signature};
use crate::model::Origin;
use std::time::{Duration, Instant};

/// Wrong examples that are told at once.
const MOST_FAULTS: usize = 20;

/// Tries all examples of all packs.
///
/// # Errors
/// [`CompileError::Examples`] with the first [`MOST_FAULTS`] that are wrong.
pub(super) fn check(packs: &[Pack], guards: &Injection) -> Result<(), CompileError> {
    let mut faults = Vec::new();
    for signature in packs.iter().flat_map(|pack| &pack.signatures) {
        let told = |example: &Example, fault: &str| format!("{}: {fault} `{}`", example.at, signature.id);
        let missed = signature.examples_match.iter().filter(|example| score(guards, signature, example).is_none());
        faults.extend(missed.map(|example| told(example, "this example does not match its signature")));
        // In quotation a match may be seen and lose a part of its score; that is a near miss too.
        let is_met =
            |example: &&Example| score(guards, signature, example).is_some_and(|score| score >= signature.score);
        let met = signature.examples_no_match.iter().filter(is_met);
        faults.extend(met.map(|example| told(example, "this near miss matches its signature")));
        if faults.len() >= MOST_FAULTS {
            break;
        }
    }
    faults.truncate(MOST_FAULTS);
    if faults.is_empty() { Ok(()) } else { Err(CompileError::Examples { faults }) }
}

/// What the signature says of an example; `None` where it says nothing.
fn score(guards: &Injection, signature: &Signature, example: &Example) -> Option<f32> {
    // The clock stands still: examples are bounded, and a slow machine must not make a pack wrong.
    let now = Instant::now();
    let budget = TimeBudget { deadline: now + Duration::from_secs(1), now: &|| now };
    let mut seen = Vec::new();
    let origin = signature.origins.first().copied().unwrap_or(Origin::User);
    let lookers = Lookers { origin, injection: Injected::Looked, sensitive: &|_, _| {} };
    guards.scan(&example.text, lookers, &budget, &mut seen).ok()?;
    let own = seen.iter().map(|seen| &seen.sighting).filter(|sighting| sighting.rule == signature.id);
    own.map(|sighting| sighting.score).max_by(f32::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::{Severity, SignatureView};
    use crate::model::RuleId;

    fn pack(matching: &str, near_miss: &str) -> Vec<Pack> {
        let example = |text: &str, line: usize| Example { text: text.to_owned(), at: format!("p.yaml:{line}:9") };
        let signature = Signature {
            id: RuleId::new("injection.override.moon"),
            family: "override".to_owned(),
            why: "The moon is ours.".to_owned(),
            languages: vec!["en".to_owned()],
            score: 0.9,
            severity: Severity::High,
            patterns: vec![r"ignore\s+the\s+moon".to_owned()],
            view: SignatureView::Normalised,
            origins: vec![Origin::ToolResult],
            references: vec!["OWASP-LLM01".to_owned()],
            examples_match: vec![example("Ignore the moon", 4), example(matching, 5)],
            examples_no_match: vec![example(near_miss, 6)],
        };
        vec![Pack { name: "mine".to_owned(), signatures: vec![signature] }]
    }

    #[test]
    fn wrong_examples_are_told_with_their_places_and_right_ones_are_not() {
        assert!(Injection::compile(&pack("ignore_THE_moon", "ignore the sun")).is_ok());
        let Err(error) = Injection::compile(&pack("forget the moon", "please ignore the moon")) else {
            panic!("passed")
        };
        let told = error.to_string();
        assert!(
            told.contains("p.yaml:5:9: this example does not match its signature `injection.override.moon`"),
            "{told}"
        );
        assert!(told.contains("p.yaml:6:9: this near miss matches its signature `injection.override.moon`"), "{told}");
        assert!(!told.contains("p.yaml:4:9"), "{told}");
    }
}
