//! The state of the breakers, asked for when somebody scrapes rather than kept twice.

use super::labels::{Named, UpstreamLabels};
use crate::model::UpstreamId;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// The state of one breaker as a gauge's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Traffic flows: 0.
    Closed,
    /// Bounded probes: 1.
    HalfOpen,
    /// Refused: 2.
    Open,
}

impl BreakerState {
    fn value(self) -> i64 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen => 1,
            Self::Open => 2,
        }
    }
}

/// Answers with the state of every breaker that exists now.
pub(super) type AskBreakers = Box<dyn Fn() -> Vec<(UpstreamId, BreakerState)> + Send + Sync>;

/// Where the question is kept once `state` exists.
#[derive(Clone, Default)]
pub(super) struct Breakers(pub(super) Arc<OnceLock<AskBreakers>>);

impl fmt::Debug for Breakers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Breakers")
    }
}

impl Collector for Breakers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(ask) = self.0.get() else { return Ok(()) };
        let states = ask();
        if states.is_empty() {
            return Ok(()); // a family without samples is not valid OpenMetrics to every parser
        }
        let help = "State of an upstream's breaker: 0 closed, 1 half-open, 2 open";
        let mut family = encoder.encode_descriptor("upstream_breaker_state", help, None, MetricType::Gauge)?;
        for (upstream, state) in states {
            let labels = UpstreamLabels { upstream: Named(Some(upstream)) };
            ConstGauge::new(state.value()).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
