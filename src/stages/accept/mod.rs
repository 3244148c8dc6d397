//! Sockets, the gate over raw bytes, HTTP limits, the path canoniser, and body reading under a cap.

mod head;

pub use head::Head;
