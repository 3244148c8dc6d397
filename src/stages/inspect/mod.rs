//! Views, detectors, and the cache of findings.

mod findings;
mod pii;
mod secrets;
mod sighting;
mod sinks;

pub use findings::{Examined, Findings, GuardReport};
pub use pii::Pii;
pub use secrets::Secrets;
pub use sighting::Sighting;
pub use sinks::scan_sinks;
