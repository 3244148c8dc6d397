//! Splices edits into the raw bytes. A body without edits is passed on without being copied; a body with edits is written once;
//! nothing is ever re-serialised.

mod outbound;
mod sending;
mod splice;
#[cfg(test)]
mod stream_tests;

pub use outbound::{Deliverable, Outbound};
pub use sending::{AnswerLeft, RequestLeft, Unsendable, Withheld, answer, answer_with, request};
