//! What one detector saw in one text, before it is tied to a segment and a body.

use crate::model::{Category, RuleId};
use std::ops::Range;

/// One sighting. Detectors report it in offsets of the text they were given; the engine maps it to the body.
#[derive(Debug, Clone, PartialEq)]
pub struct Sighting {
    /// The detector's rule.
    pub rule: RuleId,
    /// Its family.
    pub category: Category,
    /// How sure, 0.0 to 1.0.
    pub score: f32,
    /// Bytes of the text that was scanned, on character borders.
    pub span: Range<usize>,
    /// What a redaction puts there, without brackets.
    pub label: &'static str,
}
