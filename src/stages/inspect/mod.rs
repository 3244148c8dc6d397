//! Views, detectors, and the cache of findings.

mod findings;
mod sighting;

pub use findings::{Examined, Findings, GuardReport};
pub use sighting::Sighting;
