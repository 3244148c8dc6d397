//! Findings into a verdict. Pure: no I/O, no clock.

mod cleared;

pub use cleared::{Cleared, Judged, Reason, Redaction, Verdict};
