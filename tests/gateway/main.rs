//! The gateway through its sockets: the real binary, a scripted upstream, and raw bytes on both sides. Every refusal is
//! asserted on both sides: the right answer downstream, and what the upstream received.
//!
//! Run one area with `cargo test --test gateway blocks`.

// These lints guard the request path; in a test a panic with a message is the wanted ending.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

mod agents;
mod blocks;
mod bodies;
mod echoes;
mod forwards;
mod framing;
mod limits;
mod operations;
mod records;
mod redacts;
mod resilience;
mod streams;
mod tools;
