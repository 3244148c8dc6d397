//! Views, detectors, and the cache of findings.

mod findings;

pub use findings::{Examined, Findings, GuardReport};
