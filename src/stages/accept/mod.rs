//! Sockets, the gate over raw bytes, HTTP limits, the path canoniser, and body reading under a cap.

mod head;
mod received;

pub use head::Head;
pub use received::Received;
