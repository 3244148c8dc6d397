//! The upstreams of a configuration, ready to be used, and the choice among them.

use super::forward::Address;
use super::pool::Pool;
use super::wire::{Dialer, DialerError};
use crate::config::settings::{self, BaseUrl, Credential, Provider};
use crate::model::{Cause, Endpoint, ModelName, Refusal, Stage, UpstreamId};
use crate::state::breaker::{Breaker, Breakers};
use http::HeaderValue;
use http::header::{AUTHORIZATION, HeaderName};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// All upstreams of one configuration.
#[derive(Debug)]
pub struct Upstreams {
    by_id: HashMap<UpstreamId, Arc<Upstream>>,
}

/// One upstream, ready to be used.
#[derive(Debug)]
pub struct Upstream {
    pub(super) settings: settings::Upstream,
    pub(super) breaker: Arc<Breaker>,
    pub(super) reach: Reach,
}

/// Where an upstream's answers come from.
#[derive(Debug)]
pub(super) enum Reach {
    /// Made here.
    BuiltIn,
    /// Over the network.
    Network { line: Arc<Line>, address: Address },
    /// The operator's variable is not set: it gets no traffic.
    NotConfigured,
}

/// Sockets to one host: what a reload keeps while the host, its roots and the pool's size stay as they are.
pub(super) struct Line {
    pub(super) base: BaseUrl,
    pub(super) dialer: Dialer,
    pub(super) pool: Pool,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line(…)")
    }
}

/// Why upstreams cannot be made ready.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// An upstream that is not `demo` has no address.
    #[error("upstream {upstream} has no base_url")]
    NoBaseUrl {
        /// Which.
        upstream: UpstreamId,
    },
    /// The credential cannot stand in a header (a line break, a control character).
    #[error("the api_key of upstream {upstream} cannot stand in a header")]
    CredentialInvalid {
        /// Which.
        upstream: UpstreamId,
    },
    /// The host cannot be reached by any means: certificates or name.
    #[error("upstream {upstream}: {source}")]
    Dialer {
        /// Which.
        upstream: UpstreamId,
        /// Why.
        source: DialerError,
    },
}

impl Upstreams {
    /// Makes upstreams ready. Breakers come from the registry; the idle connections of `previous` are kept for each
    /// upstream whose host, scheme and pool size did not change (with a `ca_file` they are made anew, since the file may
    /// have changed). Running breakers take their new settings over at the end: call this last of what can fail, so that a
    /// reload stays all or nothing.
    ///
    /// # Errors
    /// See [`UpstreamError`]; the first fault is told.
    pub fn compile(
        upstreams: &[settings::Upstream],
        breakers: &Breakers,
        previous: Option<&Self>,
    ) -> Result<Self, UpstreamError> {
        let mut ready = Vec::with_capacity(upstreams.len());
        for settings in upstreams {
            let before = previous.and_then(|previous| previous.by_id.get(&settings.id));
            ready.push((settings, reach(settings, before.map(AsRef::as_ref))?));
        }
        // Only now, when nothing can fail any more, do running breakers get their new settings.
        let by_id = ready
            .into_iter()
            .map(|(settings, reach)| {
                let breaker = breakers.get(&settings.id, &settings.circuit_breaker);
                (settings.id.clone(), Arc::new(Upstream { settings: settings.clone(), breaker, reach }))
            })
            .collect();
        Ok(Self { by_id })
    }

    /// The upstreams of a route that can take this request, in failover order.
    ///
    /// # Errors
    /// `unknown_model` when some speak the endpoint and none serves the model, else `no_upstream`.
    pub fn candidates(
        &self,
        route_upstreams: &[UpstreamId],
        endpoint: Endpoint,
        model: Option<&str>,
    ) -> Result<Vec<Arc<Upstream>>, Refusal> {
        let of_route = || route_upstreams.iter().filter_map(|id| self.by_id.get(id));
        // The built-in upstream is a stand-in for a configuration without keys, never a failover (DESIGN §7).
        let demo_may_answer = !of_route().any(|upstream| upstream.is_configured() && !upstream.is_demo());
        let mut speakers = of_route()
            .filter(|upstream| upstream.is_configured())
            .filter(|upstream| demo_may_answer || !upstream.is_demo())
            .filter(|upstream| speaks(upstream.settings.provider, endpoint))
            .peekable();
        let without_speaker = if speakers.peek().is_none() { Cause::NoUpstream } else { Cause::UnknownModel };
        let chosen: Vec<_> =
            speakers.filter(|upstream| serves(&upstream.settings.models, model)).map(Arc::clone).collect();
        if chosen.is_empty() { Err(Refusal::new(Stage::Upstream, without_speaker)) } else { Ok(chosen) }
    }

    /// An upstream by name.
    pub fn get(&self, upstream: &UpstreamId) -> Option<&Arc<Upstream>> {
        self.by_id.get(upstream)
    }
}

impl Upstream {
    /// Its name.
    pub fn id(&self) -> &UpstreamId {
        &self.settings.id
    }

    /// What it speaks.
    pub fn provider(&self) -> Provider {
        self.settings.provider
    }

    /// Whether it gets traffic: its credential's variable is set, or it needs none.
    pub fn is_configured(&self) -> bool {
        !matches!(self.reach, Reach::NotConfigured)
    }

    /// Whether it is the built-in one.
    pub fn is_demo(&self) -> bool {
        matches!(self.reach, Reach::BuiltIn)
    }

    /// Its breaker, for status and metrics.
    pub fn breaker(&self) -> &Arc<Breaker> {
        &self.breaker
    }
}

fn reach(settings: &settings::Upstream, previous: Option<&Upstream>) -> Result<Reach, UpstreamError> {
    let upstream = || settings.id.clone();
    if matches!(settings.api_key, Credential::NotConfigured) {
        return Ok(Reach::NotConfigured);
    }
    if settings.provider == Provider::Demo {
        return Ok(Reach::BuiltIn);
    }
    let base = settings.base_url.clone().ok_or_else(|| UpstreamError::NoBaseUrl { upstream: upstream() })?;
    let credential = credential(settings).map_err(|_| UpstreamError::CredentialInvalid { upstream: upstream() })?;
    let host = host_header(&base)
        .map_err(|_| UpstreamError::Dialer { upstream: upstream(), source: DialerError::HostInvalid })?;
    let kept = match previous.map(|previous| &previous.reach) {
        Some(Reach::Network { line, .. })
            if settings.ca_file.is_none()
                && previous.is_some_and(|previous| previous.settings.ca_file.is_none())
                && (line.base.tls, &line.base.host, line.base.port) == (base.tls, &base.host, base.port)
                && line.pool.capacity() == settings.pool =>
        {
            Some(Arc::clone(line))
        }
        _ => None,
    };
    let line = match kept {
        Some(line) => line,
        None => {
            let dialer = Dialer::new(&base.host, base.port, base.tls, settings.ca_file.as_deref())
                .map_err(|source| UpstreamError::Dialer { upstream: upstream(), source })?;
            Arc::new(Line { base: base.clone(), dialer, pool: Pool::new(settings.pool) })
        }
    };
    Ok(Reach::Network { line, address: Address { base, host, credential } })
}

fn credential(
    settings: &settings::Upstream,
) -> Result<Option<(HeaderName, HeaderValue)>, http::header::InvalidHeaderValue> {
    let Credential::Key(key) = &settings.api_key else { return Ok(None) };
    let (name, mut value) = match settings.provider {
        Provider::Anthropic => (HeaderName::from_static("x-api-key"), HeaderValue::from_str(key.expose())?),
        Provider::OpenAi | Provider::Agent | Provider::Demo => {
            (AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {}", key.expose()))?)
        }
    };
    value.set_sensitive(true); // its `Debug` shows nothing
    Ok(Some((name, value)))
}

/// `Host`: the port only where it is not the scheme's own (RFC 9112 §3.2), an IPv6 address in brackets.
fn host_header(base: &BaseUrl) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    let host = if base.host.contains(':') { format!("[{}]", base.host) } else { base.host.clone() };
    let usual_port = if base.tls { 443 } else { 80 };
    if base.port == usual_port {
        HeaderValue::from_str(&host)
    } else {
        HeaderValue::from_str(&format!("{host}:{}", base.port))
    }
}

fn speaks(provider: Provider, endpoint: Endpoint) -> bool {
    match provider {
        Provider::OpenAi => matches!(
            endpoint,
            Endpoint::ChatCompletions
                | Endpoint::Completions
                | Endpoint::Responses
                | Endpoint::Embeddings
                | Endpoint::Moderations
                | Endpoint::OpenAiModels
        ),
        Provider::Anthropic => {
            matches!(endpoint, Endpoint::Messages | Endpoint::CountTokens | Endpoint::AnthropicModels)
        }
        Provider::Agent => endpoint == Endpoint::AgentJson,
        Provider::Demo => true,
    }
}

/// Whether a list of models (empty means all; `*` at the end matches any rest) has this one.
fn serves(models: &[ModelName], model: Option<&str>) -> bool {
    let Some(model) = model else { return true };
    models.is_empty()
        || models.iter().any(|name| match name.as_str().strip_suffix('*') {
            Some(start) => model.starts_with(start),
            None => model == name.as_str(),
        })
}

#[cfg(test)]
#[path = "upstreams_tests.rs"]
mod tests;
