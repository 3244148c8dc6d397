//! Everything compiled from the YAML: built whole or not at all, numbered, hashed, swapped atomically. An exchange keeps
//! the snapshot it began with until it ends.

pub use crate::config::Loaded;
use crate::config::settings::{Gateway, Limits, Pack, Policy, Route, RouteFormat, ToolPolicy};
use crate::model::{PolicyId, RouteId, UpstreamId};
use crate::stages::admit::Admission;
use crate::stages::decode::{Decoder, JsonLimits, SchemaError};
use crate::stages::inspect::{CompileError, Inspector};
use crate::stages::policy::CompiledPolicy;
use crate::stages::upstream::{UpstreamError, Upstreams};
use crate::state::breaker::Breakers;
use std::collections::HashMap;
use std::sync::Arc;

/// A compiled configuration.
pub struct Snapshot {
    /// Counts up with each successful load of this process, from 1.
    pub number: u64,
    /// SHA-256 over all files it was made from, in hexadecimal.
    pub hash: String,
    /// Routes and principals.
    pub admission: Admission,
    /// The detectors.
    pub inspector: Arc<Inspector>,
    /// The upstreams with their connection pools.
    pub upstreams: Upstreams,
    /// The beginning of `hash`, for records.
    pub hash_prefix: Arc<str>,
    /// What was written: limits, and for `/status` and the next reload the rest.
    pub written: Gateway,
    routes: Vec<Arc<CompiledRoute>>,
}

/// One route, ready to run.
pub struct CompiledRoute {
    /// Its name.
    pub id: RouteId,
    /// Reads its bodies.
    pub decoder: Decoder,
    /// Judges its traffic.
    pub policy: Arc<CompiledPolicy>,
    /// The policy's name.
    pub policy_id: PolicyId,
    /// The policy's tools, which the guards need.
    pub tools: ToolPolicy,
    /// Upstreams in failover order.
    pub upstreams: Vec<UpstreamId>,
    /// Browser origins that may read its answers.
    pub cors_origins: Vec<String>,
}

/// One policy and the detectors, ready to run without routes, clients and upstreams.
#[derive(Debug)]
pub struct Offline {
    /// The detectors.
    pub inspector: Inspector,
    /// Reads bodies of providers' endpoints.
    pub decoder: Decoder,
    /// Judges them.
    pub policy: CompiledPolicy,
    /// The policy's tools, which the guards need.
    pub tools: ToolPolicy,
}

impl Offline {
    /// Compiles a policy and the packs.
    ///
    /// # Errors
    /// The first thing that does not compile.
    pub fn compile(policy: &Policy, packs: &[Pack]) -> Result<Self, SnapshotError> {
        let format = RouteFormat::Provider;
        let decoder = Decoder::for_route(&format, json_limits(&Limits::default()))
            .map_err(|source| SnapshotError::Schema { route: RouteId::new("offline"), source })?;
        Ok(Self {
            inspector: Inspector::compile(packs, &[])?.with_every_score(),
            decoder,
            policy: CompiledPolicy::compile(policy),
            tools: policy.tools.clone(),
        })
    }
}

/// Why a configuration that reads well cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A route names a policy that was not loaded.
    #[error("route `{route}`: there is no policy `{policy}`")]
    UnknownPolicy {
        /// The route.
        route: RouteId,
        /// The name it gives.
        policy: PolicyId,
    },
    /// A route's JSON Schema does not compile.
    #[error("route `{route}`: {source}")]
    Schema {
        /// The route.
        route: RouteId,
        /// What is wrong.
        source: SchemaError,
    },
    /// The signatures do not compile together.
    #[error("signatures: {0}")]
    Signatures(#[from] CompileError),
    /// An upstream cannot be used as written.
    #[error("upstreams: {0}")]
    Upstreams(#[from] UpstreamError),
}

impl Snapshot {
    /// Compiles a configuration. Pools of upstreams that did not change are taken over from `previous`.
    ///
    /// # Errors
    /// The first thing that does not compile; `config` has found everything that can be seen in the text.
    pub fn compile(
        loaded: Loaded,
        number: u64,
        breakers: &Breakers,
        previous: Option<&Self>,
    ) -> Result<Self, SnapshotError> {
        let Loaded { gateway, policies, packs, hash, .. } = loaded;
        let hash = hex(&hash);
        let inspector = Inspector::compile(&packs, &gateway.upstreams)?;
        let inspector = Arc::new(match previous {
            Some(previous) => inspector.with_knowledge_of(&previous.inspector),
            None => inspector,
        });
        let upstreams = Upstreams::compile(&gateway.upstreams, breakers, previous.map(|snapshot| &snapshot.upstreams))?;
        let policies: HashMap<PolicyId, (Arc<CompiledPolicy>, ToolPolicy)> =
            policies.iter().map(|policy| (policy.id.clone(), ready_policy(policy))).collect();
        let json = json_limits(&gateway.limits);
        let routes = gateway
            .routes
            .iter()
            .map(|route| CompiledRoute::compile(route, &policies, json).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            number,
            hash_prefix: Arc::from(hash.get(..HASH_PREFIX_CHARS).unwrap_or(&hash)),
            hash,
            admission: Admission::compile(&gateway),
            inspector,
            upstreams,
            written: gateway,
            routes,
        })
    }

    /// The route at a place of `gateway.yaml`.
    pub fn route(&self, index: usize) -> Option<&Arc<CompiledRoute>> {
        self.routes.get(index)
    }

    /// Bounds of the JSON of requests, answers and events.
    pub fn json_limits(&self) -> JsonLimits {
        json_limits(&self.written.limits)
    }

    /// Settings that differ from `before` and are read only when the process starts.
    pub fn needs_restart(&self, before: &Self) -> Vec<&'static str> {
        let (new, old) = (&self.written, &before.written);
        let addresses =
            |gateway: &Gateway| gateway.listeners.iter().map(|listener| listener.address).collect::<Vec<_>>();
        let changed = [
            ("listeners", addresses(new) != addresses(old)),
            ("health", new.health != old.health),
            ("admin", new.admin != old.admin),
            ("record", new.record != old.record),
            ("tracing", new.tracing != old.tracing),
            ("limits.connections", new.limits.connections != old.limits.connections),
            ("limits.head", new.limits.head_bytes != old.limits.head_bytes),
            ("limits.head_timeout", new.limits.head_timeout != old.limits.head_timeout),
            ("limits.keep_alive_idle", new.limits.keep_alive_idle != old.limits.keep_alive_idle),
        ];
        changed.into_iter().filter(|(_, is_changed)| *is_changed).map(|(name, _)| name).collect()
    }
}

/// Characters of the hash that records carry: enough to tell configurations apart.
const HASH_PREFIX_CHARS: usize = 12;

fn json_limits(limits: &Limits) -> JsonLimits {
    JsonLimits { depth: limits.json_depth, nodes: limits.json_nodes }
}

impl CompiledRoute {
    fn compile(
        route: &Route,
        policies: &HashMap<PolicyId, (Arc<CompiledPolicy>, ToolPolicy)>,
        json: JsonLimits,
    ) -> Result<Self, SnapshotError> {
        let (policy, tools) = policies
            .get(&route.policy)
            .cloned()
            .ok_or_else(|| SnapshotError::UnknownPolicy { route: route.id.clone(), policy: route.policy.clone() })?;
        let decoder = Decoder::for_route(&route.format, json)
            .map_err(|source| SnapshotError::Schema { route: route.id.clone(), source })?;
        Ok(Self {
            id: route.id.clone(),
            decoder,
            policy,
            policy_id: route.policy.clone(),
            tools,
            upstreams: route.upstreams.clone(),
            cors_origins: route.cors_origins.clone(),
        })
    }
}

fn ready_policy(policy: &Policy) -> (Arc<CompiledPolicy>, ToolPolicy) {
    (Arc::new(CompiledPolicy::compile(policy)), policy.tools.clone())
}

/// Bytes in hexadecimal, as hashes are shown.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
