//! What is known of an exchange, told truthfully and without its content: one [`Record`], from which the record line, the
//! metrics and the trace are made, so that they agree.
//!
//! Nothing here decides about traffic, except that [`Recorder::reserve`] says no where the operator wants no exchange
//! without a record. No prompt text passes through this module.

mod attempt;
mod breakers;
mod collector_client;
mod excerpt;
mod json;
mod labels;
mod line;
pub mod log;
#[cfg(test)]
pub(crate) mod loopback;
mod metrics;
mod names;
mod record;
mod record_file;
mod recorder;
mod side;
mod spans;
mod trace_context;
mod traces;
mod writer;

pub use attempt::Attempt;
pub use excerpt::{Excerpt, Listed};
pub use metrics::{BreakerState, CONTENT_TYPE as METRICS_CONTENT_TYPE, ConnectionCount, Metrics, ReloadResult};
pub use record::{BodySizes, Record, SnapshotMark, StreamEnd, Timings, Tokens, ToolUse};
pub use recorder::{RecordFull, Recorder, Slot};
pub use side::{Coverage, Guards, Reason, Side, Why};
pub use trace_context::TraceContext;
pub use traces::{TraceError, Traces};
