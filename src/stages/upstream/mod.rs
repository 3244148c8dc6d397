//! Choice of an upstream, its breaker, retries, the connection pool, credentials last; the built-in demo upstream.
//!
//! It takes nothing but an [`Outbound`](crate::stages::redact::Outbound), which only `redact` makes. It must never follow a
//! redirect, never take an address from a request, never forward a client's credential, and never pass on an encoded
//! answer, which the guards could not read.

mod answer;
mod answer_headers;
mod connection;
mod demo;
mod failure;
mod forward;
mod pool;
mod retry;
mod send;
mod upstreams;
mod wire;

pub use answer::{Answer, AnswerBody, BodyFault};
pub use answer_headers::{DEMO_HEADER, answer_headers};
pub use failure::FailureKind;
pub use forward::SendContext;
pub use send::{Attempt, Sent};
pub use upstreams::{Upstream, UpstreamError, Upstreams};
pub use wire::DialerError;

#[cfg(test)]
mod body_tests;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod scripted;
#[cfg(test)]
mod socket_tests;
#[cfg(test)]
mod tls_tests;
