//! Sockets, the gate over raw bytes, HTTP limits, the path canoniser, and body reading under a cap.

mod alarm;
pub mod body;
mod chunks;
mod connection;
mod fault;
mod gate;
mod head;
mod head_scan;
mod header_name;
mod path;
mod received;
mod refused;
mod serve;
mod turn;

#[cfg(test)]
mod socket_tests;

pub use body::RequestBody;
pub use fault::Fault;
pub use head::Head;
pub use received::Received;
pub use refused::Refused;
pub use serve::{Handler, Phase, ServeSettings, serve};
