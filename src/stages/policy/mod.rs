//! Findings into a verdict. Pure: no I/O, no clock, and never the text itself.
//!
//! A finding is decided by the first rule of the policy that matches it; the exchange by its strictest finding. What could
//! not be inspected is decided by `when_inspection_fails`, what cannot be inspected (media) by `media`.

mod cleared;
mod compiled;
mod media;
mod redactions;
mod tally;

pub use cleared::{Cleared, Judged, Reason, Redaction, Verdict};
pub use compiled::{Blocked, CompiledPolicy};
pub use redactions::PrivateText;
