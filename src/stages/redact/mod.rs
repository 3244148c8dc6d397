//! Splices edits into the raw bytes.

mod outbound;

pub use outbound::{Deliverable, Outbound};
