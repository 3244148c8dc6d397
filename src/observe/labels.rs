//! Labels of metrics. Every value comes from a closed set: an enum of ours, or a name that the operator wrote into the
//! configuration. Nothing that a client or an upstream sends becomes a label (THREATS 42).

use crate::model::{Action, Category, ClientId, Direction, Endpoint, Mode, ModelName, Outcome, RouteId, UpstreamId};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use std::fmt;

/// Stands for "not known", because Prometheus drops a label with an empty value.
const NONE: &str = "none";

/// A configured name as a label value, `none` where there is none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Named<T>(pub(super) Option<T>);

/// A name that the operator wrote.
pub(super) trait Configured {
    /// The name as written.
    fn text(&self) -> &str;
}

macro_rules! configured {
    ($($name:ident),+) => {$(
        impl Configured for $name {
            fn text(&self) -> &str {
                self.as_str()
            }
        }
    )+};
}

configured!(RouteId, ClientId, UpstreamId, ModelName);

impl<T: Configured> EncodeLabelValue for Named<T> {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        self.0.as_ref().map_or(NONE, Configured::text).encode(encoder)
    }
}

/// A status as a label value. Upstreams choose it, so that anything outside HTTP's classes is `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Status(Option<u16>);

impl Status {
    pub(super) fn new(status: Option<u16>) -> Self {
        Self(status.filter(|status| (100..=599).contains(status)))
    }
}

impl EncodeLabelValue for Status {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        match self.0 {
            Some(status) => u64::from(status).encode(encoder),
            None => NONE.encode(encoder),
        }
    }
}

/// Cause and stage; `unfinished` for an exchange that nobody ended.
pub(super) fn outcome_names(outcome: Option<Outcome>) -> (&'static str, &'static str) {
    outcome.map_or(("unfinished", NONE), |outcome| (outcome.cause.name(), outcome.stage.name()))
}

/// The endpoint's name.
pub(super) fn endpoint_name(endpoint: Option<Endpoint>) -> &'static str {
    endpoint.map_or(NONE, Endpoint::name)
}

/// The mode's name.
pub(super) fn mode_name(mode: Option<Mode>) -> &'static str {
    mode.map_or(NONE, Mode::name)
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RequestLabels {
    pub(super) route: Named<RouteId>,
    pub(super) endpoint: &'static str,
    pub(super) outcome: &'static str,
    pub(super) stage: &'static str,
    pub(super) status: Status,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ClientLabels {
    pub(super) client: Named<ClientId>,
    pub(super) outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RouteLabels {
    pub(super) route: Named<RouteId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct FindingLabels {
    category: &'static str,
    direction: &'static str,
    action: &'static str,
}

impl FindingLabels {
    pub(super) fn new(category: Category, direction: Direction, action: Action) -> Self {
        Self { category: category.name(), direction: direction.name(), action: action.name() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct BlockedLabels {
    pub(super) category: &'static str,
    pub(super) direction: &'static str,
    pub(super) mode: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct TokenLabels {
    pub(super) route: Named<RouteId>,
    pub(super) model: Named<ModelName>,
    pub(super) direction: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct AttemptLabels {
    pub(super) upstream: UpstreamLabel,
    pub(super) result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct UpstreamLabels {
    pub(super) upstream: UpstreamLabel,
}

pub(super) type UpstreamLabel = Named<UpstreamId>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct HowLabels {
    pub(super) how: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct GuardLabels {
    pub(super) guard: &'static str,
    pub(super) direction: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct DirectionLabels {
    pub(super) direction: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct FlowLabels {
    pub(super) flow: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct SinkLabels {
    pub(super) sink: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct VersionLabels {
    pub(super) version: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct HashLabels {
    pub(super) hash: std::sync::Arc<str>,
}
