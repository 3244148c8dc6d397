//! The stages of an exchange. Their names are in alphabetical order, so that the listing of this folder is the path of a
//! request; a stage names only stages above it in the listing (tested by `tests/architecture`).
//!
//! Each stage returns a type that only it can make: `Head → Admitted → Exchange → Findings → Cleared → Outbound`, and
//! for answers `Answer → Decoded → Examined → Judged → Deliverable`.

pub mod accept;
pub mod admit;
pub mod decode;
pub mod inspect;
pub mod policy;
pub mod redact;
pub mod upstream;
