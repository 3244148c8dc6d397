//! Record, metrics, traces.
