//! `upstreams:` of `gateway.yaml`.

use super::base_url;
use super::defaults;
use super::faults::Place;
use super::gateway::WAIT;
use super::reader::{Fields, Reader};
use super::references::Resolver;
use super::settings::{BaseUrl, Credential, Provider, Retries, Timeouts, Upstream};
use super::tree::{Entry, Node, Value};
use crate::model::settings::BreakerSettings;
use crate::model::{ModelName, Secret, UpstreamId};
use std::path::PathBuf;

/// Largest file of root certificates; Mozilla's whole list has 220 KB.
const MAX_CA_BYTES: u64 = 4 << 20;

/// Longest API key. Header lines of providers end well before it.
const MAX_KEY_CHARS: usize = 8_192;

/// An upstream as far as it could be read. Its name counts as declared even where the rest is wrong.
pub(super) struct PlacedUpstream {
    pub name: String,
    pub provider: Option<Provider>,
    pub upstream: Option<Upstream>,
}

/// Reads the mapping of upstreams.
pub(super) fn read(r: &mut Reader<'_>, node: &Node, resolver: &Resolver<'_>) -> Vec<PlacedUpstream> {
    let entries = r.entries(node, "`upstreams`");
    if entries.is_empty() && matches!(node.value, Value::Map(_)) {
        r.fault(node.place, "`upstreams` must not be empty");
    }
    entries.iter().map(|entry| read_one(r, entry, resolver)).collect()
}

fn read_one(r: &mut Reader<'_>, entry: &Entry, resolver: &Resolver<'_>) -> PlacedUpstream {
    r.check_name(&entry.key, entry.key_place, "the upstream's key");
    let mut placed = PlacedUpstream { name: entry.key.clone(), provider: None, upstream: None };
    let Some(mut f) = r.map(&entry.value, "an upstream") else { return placed };
    placed.provider = f.need(r, "provider").and_then(|n| {
        let words = [
            ("openai", Provider::OpenAi),
            ("anthropic", Provider::Anthropic),
            ("agent", Provider::Agent),
            ("demo", Provider::Demo),
        ];
        r.word(n, "`provider`", &words)
    });
    let models = f.or("models", Vec::new(), |n, what| Some(read_models(r, n, what)));
    placed.upstream = match placed.provider {
        Some(Provider::Demo) => Some(demo(r, &mut f, &entry.key, models)),
        // Without a provider the rest is read all the same, so that its faults show now and not in a second round.
        provider => remote(r, &mut f, entry, provider, models, resolver),
    };
    f.finish(r);
    placed
}

fn demo(r: &mut Reader<'_>, f: &mut Fields<'_>, name: &str, models: Vec<ModelName>) -> Upstream {
    let unused =
        ["base_url", "api_key", "timeouts", "circuit_breaker", "retries", "ca_file", "pool", "allow_plaintext"];
    for key in unused {
        f.refuse(r, key, "has no meaning for `demo`, which is built in and talks to nobody");
    }
    Upstream {
        id: UpstreamId::new(name),
        provider: Provider::Demo,
        base_url: None,
        api_key: Credential::None,
        models,
        timeouts: Timeouts::default(),
        circuit_breaker: defaults::breaker(),
        retries: Retries::default(),
        ca_file: None,
        pool: defaults::POOL,
    }
}

fn remote(
    r: &mut Reader<'_>,
    f: &mut Fields<'_>,
    entry: &Entry,
    provider: Option<Provider>,
    models: Vec<ModelName>,
    resolver: &Resolver<'_>,
) -> Option<Upstream> {
    let (base_url, url_place) = read_base_url(r, f, entry, provider);
    let credential = f.get("api_key").map(|n| read_credential(r, n));
    let plaintext_allowed = f.or("allow_plaintext", false, |n, what| r.boolean(n, what));
    let carries_key = credential.is_some();
    let own_address = base_url.as_ref().filter(|url| !url.tls && !base_url::is_loopback(url));
    if carries_key && own_address.is_some() && !plaintext_allowed {
        let help = "use https://, or write `allow_plaintext: true` if the network between is trusted";
        r.fault_with_help(url_place, "the API key would travel unencrypted", help);
    }
    if !carries_key && matches!(provider, Some(Provider::OpenAi | Provider::Anthropic)) && f.get("base_url").is_none() {
        r.fault_with_help(
            entry.key_place,
            "`api_key` is missing",
            "write `api_key: ${env:NAME?}`; the provider's own address takes no request without one",
        );
    }
    let upstream = Upstream {
        id: UpstreamId::new(entry.key.as_str()),
        provider: provider.unwrap_or(Provider::Agent),
        base_url,
        api_key: credential.unwrap_or(Credential::None),
        models,
        timeouts: f.or("timeouts", Timeouts::default(), |n, what| read_timeouts(r, n, what)),
        circuit_breaker: f.or("circuit_breaker", defaults::breaker(), |n, what| read_breaker(r, n, what)),
        retries: f.or("retries", Retries::default(), |n, what| read_retries(r, n, what)),
        ca_file: f.get("ca_file").and_then(|n| read_ca_file(r, n, resolver)),
        pool: f.or("pool", defaults::POOL, |n, what| {
            r.integer(n, what, 0..=10_000).and_then(|size| usize::try_from(size).ok())
        }),
    };
    provider.map(|_| upstream)
}

fn read_base_url(
    r: &mut Reader<'_>,
    f: &mut Fields<'_>,
    entry: &Entry,
    provider: Option<Provider>,
) -> (Option<BaseUrl>, Place) {
    let own = |host: &str| {
        Some(BaseUrl { tls: true, host: host.to_owned(), port: base_url::default_port(true), path: String::new() })
    };
    let Some(node) = f.get("base_url") else {
        let default = match provider {
            Some(Provider::OpenAi) => own("api.openai.com"),
            Some(Provider::Anthropic) => own("api.anthropic.com"),
            Some(Provider::Agent) => {
                r.fault(entry.key_place, "`base_url` is missing: an agent has no address of its own");
                None
            }
            Some(Provider::Demo) | None => None,
        };
        return (default, entry.key_place);
    };
    let Some(text) = r.text(node, "`base_url`") else { return (None, node.place) };
    match base_url::parse(&text) {
        Ok(mut url) => {
            // Endpoints bring their own `/v1`.
            if matches!(provider, Some(Provider::OpenAi | Provider::Anthropic))
                && let Some(path) = url.path.strip_suffix("/v1")
            {
                url.path = path.to_owned();
            }
            (Some(url), node.place)
        }
        Err(error) => {
            r.fault(node.place, format!("`base_url` is not usable: {error}"));
            (None, node.place)
        }
    }
}

/// The credential; [`Credential::None`] only beside a fault.
fn read_credential(r: &mut Reader<'_>, node: &Node) -> Credential {
    match r.optional_text(node, "`api_key`") {
        None => Credential::None,
        Some(None) => Credential::NotConfigured,
        Some(Some(key)) if is_header_value(&key) => Credential::Key(Secret::new(key)),
        Some(Some(_)) => {
            let help =
                "a key is one line of visible ASCII characters without spaces; look for a stray blank or newline";
            r.fault_with_help(node.place, "`api_key` cannot be sent as a header", help);
            Credential::None
        }
    }
}

fn is_header_value(key: &str) -> bool {
    !key.is_empty() && key.len() <= MAX_KEY_CHARS && key.bytes().all(|byte| byte.is_ascii_graphic())
}

fn read_models(r: &mut Reader<'_>, node: &Node, what: &str) -> Vec<ModelName> {
    let mut models = Vec::new();
    for item in r.one_or_list(node, what) {
        let Some(name) = r.text(item, "a model's name") else { continue };
        let stem = name.strip_suffix('*').unwrap_or(&name);
        if name.is_empty()
            || name.len() > 200
            || stem.contains('*')
            || !stem.bytes().all(|byte| byte.is_ascii_graphic())
        {
            let help = "visible ASCII characters, and `*` only as the last one (gpt-4o*)";
            r.fault_with_help(item.place, "this cannot be a model's name", help);
        } else {
            models.push(ModelName::new(name));
        }
    }
    models
}

fn read_timeouts(r: &mut Reader<'_>, node: &Node, what: &str) -> Option<Timeouts> {
    let mut f = r.map(node, what)?;
    let d = Timeouts::default();
    let timeouts = Timeouts {
        connect: f.or("connect", d.connect, |n, what| r.duration(n, what, WAIT)),
        first_byte: f.or("first_byte", d.first_byte, |n, what| r.duration(n, what, WAIT)),
        stream_idle: f.or("stream_idle", d.stream_idle, |n, what| r.duration(n, what, WAIT)),
        total: f.or("total", d.total, |n, what| r.duration(n, what, WAIT)),
    };
    f.finish(r);
    Some(timeouts)
}

fn read_breaker(r: &mut Reader<'_>, node: &Node, what: &str) -> Option<BreakerSettings> {
    let mut f = r.map(node, what)?;
    let d = defaults::breaker();
    let breaker = BreakerSettings {
        consecutive_failures: f.or("consecutive_failures", d.consecutive_failures, |n, what| small(r, n, what, 1)),
        open_for: f.or("open_for", d.open_for, |n, what| r.duration(n, what, WAIT)),
        half_open_probes: f.or("half_open_probes", d.half_open_probes, |n, what| small(r, n, what, 1)),
    };
    f.finish(r);
    Some(breaker)
}

fn read_retries(r: &mut Reader<'_>, node: &Node, what: &str) -> Option<Retries> {
    let mut f = r.map(node, what)?;
    let d = Retries::default();
    let retries = Retries {
        attempts: f.or("attempts", d.attempts, |n, what| {
            r.integer(n, what, 0..=10).and_then(|number| u32::try_from(number).ok())
        }),
        base: f.or("base", d.base, |n, what| r.duration(n, what, WAIT)),
        max: f.or("max", d.max, |n, what| r.duration(n, what, WAIT)),
    };
    if retries.base > retries.max {
        r.fault(f.place(), "the first pause (`base`) is longer than the longest (`max`)");
    }
    f.finish(r);
    Some(retries)
}

fn small(r: &mut Reader<'_>, node: &Node, what: &str, least: u64) -> Option<u32> {
    r.integer(node, what, least..=10_000).and_then(|number| u32::try_from(number).ok())
}

/// The path of the certificates, seen from the gateway file. That they are certificates is checked where they are loaded.
fn read_ca_file(r: &mut Reader<'_>, node: &Node, resolver: &Resolver<'_>) -> Option<PathBuf> {
    let path = resolver.path(&r.text(node, "`ca_file`")?);
    match resolver.read(&path, MAX_CA_BYTES) {
        Ok(content) if content.windows(27).any(|window| window == b"-----BEGIN CERTIFICATE-----") => Some(path),
        Ok(_) => {
            r.fault(node.place, "`ca_file` holds no certificate in PEM form");
            None
        }
        Err(error) => {
            r.fault(node.place, format!("`ca_file` cannot be read: {error}"));
            None
        }
    }
}
