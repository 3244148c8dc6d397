//! The words that all stages share. This module depends on nothing else in the crate, does no I/O and reads no clock.
//!
//! What may stand here: names (ids), closed sets (origin, channel, action, cause), the wrappers that keep content and
//! secrets from leaking, and the settings of `state` and `observe` (which may not see `config`).

pub mod action;
pub mod dialect;
pub mod finding;
pub mod ids;
pub mod outcome;
pub mod security_headers;
pub mod segment;
pub mod settings;
pub mod streams;
pub mod untrusted;
pub mod via;

pub use action::{Action, FailureChoice, Mode};
pub use dialect::{Dialect, Endpoint};
pub use finding::{Category, Finding};
pub use ids::{ByteCount, ClientId, ModelName, PolicyId, RequestId, RouteId, RuleId, UpstreamId};
pub use outcome::{Cause, Outcome, Refusal, Stage};
pub use security_headers::SECURITY_HEADERS;
pub use segment::{Channel, Direction, OffsetMap, Origin, Segment, TextKind};
pub use streams::{AtBound, OnBlock, StreamPolicy};
pub use untrusted::{Secret, Untrusted};
pub use via::{Via, ViewKind};
