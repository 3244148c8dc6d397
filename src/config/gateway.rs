//! `gateway.yaml`: the whole, and the parts that stand alone (addresses, limits, records, tracing, life cycle).

use super::base_url;
use super::clients;
use super::defaults;
use super::faults::Place;
use super::reader::{Fields, Reader};
use super::references::Resolver;
use super::routes::{self, Declared};
use super::settings::{Gateway, Limits, Listener, OpenRoutes, Shutdown};
use super::tree::Node;
use super::units;
use super::upstreams;
use crate::model::settings::{AddressLimits, OnRecordFull, RecordFile, RecordSettings, TraceSettings};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Waits and timeouts: from a millisecond to a week, so that no clock arithmetic overflows.
pub(super) const WAIT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(7 * 86_400);

/// Like [`WAIT`], and none.
const WAIT_OR_NONE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(86_400);

/// A listener, and where its address is written.
pub(super) struct PlacedListener {
    pub listener: Listener,
    pub place: Place,
}

/// Reads the tree of `gateway.yaml`. `None` only where its root is not a mapping.
pub(super) fn read(
    r: &mut Reader<'_>,
    root: &Node,
    resolver: &Resolver<'_>,
    policies: Option<&[String]>,
) -> Option<Gateway> {
    let mut fields = r.map(root, "gateway.yaml")?;
    let listeners = fields.need(r, "listeners").map(|node| read_listeners(r, node)).unwrap_or_default();
    let health = fields.or("health", None, |node, what| Some(read_address(r, node, what)));
    let admin = fields.or("admin", None, |node, what| Some(read_address(r, node, what)));
    check_addresses(r, &listeners, health, admin);
    let upstreams = fields.need(r, "upstreams").map(|node| upstreams::read(r, node, resolver)).unwrap_or_default();
    let clients = fields.get("clients").map(|node| clients::read(r, node)).unwrap_or_default();
    let declared = Declared {
        upstreams: &upstreams,
        clients: &clients.names,
        any_clients: !clients.names.is_empty(),
        policies,
        listeners: &listeners,
    };
    let routes = fields.need(r, "routes").map(|node| routes::read(r, node, &declared, resolver)).unwrap_or_default();
    let limits = fields.or("limits", Limits::default(), |node, _| read_limits(r, node));
    let addresses = fields.or("addresses", defaults::addresses(), |node, _| read_address_limits(r, node));
    let record = fields.or("record", defaults::record(), |node, _| read_record(r, node, resolver));
    let tracing = fields.get("tracing").and_then(|node| read_tracing(r, node));
    let shutdown = fields.or("shutdown", Shutdown::default(), |node, _| read_shutdown(r, node));
    // Read before this, because the policies are needed to judge the routes.
    let _ = fields.get("policies");
    fields.finish(r);
    Some(Gateway {
        listeners: listeners.into_iter().map(|placed| placed.listener).collect(),
        health: health.map_or_else(defaults::health, |(address, _)| address),
        admin: admin.map_or_else(defaults::admin, |(address, _)| address),
        upstreams: upstreams.into_iter().filter_map(|placed| placed.upstream).collect(),
        routes,
        clients: clients.list,
        limits,
        addresses,
        record,
        tracing,
        shutdown,
    })
}

/// The directory that `policies:` names, and where that is written.
pub(super) fn policies_directory(r: &mut Reader<'_>, root: &Node) -> Option<(String, Place)> {
    let super::tree::Value::Map(entries) = &root.value else { return None };
    let entry = entries.iter().find(|entry| entry.key == "policies")?;
    Some((r.text(&entry.value, "`policies`")?, entry.value.place))
}

fn read_listeners(r: &mut Reader<'_>, node: &Node) -> Vec<PlacedListener> {
    let mut listeners = Vec::new();
    for item in r.list(node, "`listeners`") {
        let Some(mut fields) = r.map(item, "a listener") else { continue };
        let address = fields
            .need(r, "address")
            .and_then(|node| Some((r.quantity(node, "`address`", units::address)?, node.place)));
        let open_routes = fields.or("open_routes", OpenRoutes::LoopbackOnly, |node, what| {
            r.word(node, what, &[("allow", OpenRoutes::Allow), ("loopback_only", OpenRoutes::LoopbackOnly)])
        });
        fields.finish(r);
        if let Some((address, place)) = address {
            listeners.push(PlacedListener { listener: Listener { address, open_routes }, place });
        }
    }
    listeners
}

fn read_address(r: &mut Reader<'_>, node: &Node, what: &str) -> Option<(SocketAddr, Place)> {
    let mut fields = r.map(node, what)?;
    let address =
        fields.need(r, "address").and_then(|node| Some((r.quantity(node, "`address`", units::address)?, node.place)));
    fields.finish(r);
    address
}

/// Admin on loopback only, and no two sockets on one port.
fn check_addresses(
    r: &mut Reader<'_>,
    listeners: &[PlacedListener],
    health: Option<(SocketAddr, Place)>,
    admin: Option<(SocketAddr, Place)>,
) {
    if let Some((address, place)) = admin.filter(|(address, _)| !address.ip().is_loopback()) {
        let help = format!("write 127.0.0.1:{}; it shows the gateway's inside and asks for no key", address.port());
        r.fault_with_help(place, "`admin` must stay on a loopback address", help);
    }
    let mut taken: Vec<SocketAddr> = Vec::new();
    let fixed = [(defaults::health(), health), (defaults::admin(), admin)]
        .map(|(default, written)| written.unwrap_or((default, Place::FILE)));
    let written = listeners.iter().map(|placed| (placed.listener.address, placed.place));
    for (address, place) in fixed.into_iter().chain(written) {
        let clash = taken.iter().find(|other| {
            other.port() == address.port()
                && (other.ip() == address.ip() || other.ip().is_unspecified() || address.ip().is_unspecified())
        });
        if let Some(other) = clash {
            let message = format!("{address} is already taken by {other}");
            r.fault_with_help(place, message, "listeners, `health` (127.0.0.1:9091 unless written) and `admin` (127.0.0.1:9090) each need their own port");
        }
        taken.push(address);
    }
}

fn count(r: &mut Reader<'_>, node: &Node, what: &str, most: u64) -> Option<usize> {
    r.integer(node, what, 1..=most).and_then(|number| usize::try_from(number).ok())
}

fn read_limits(r: &mut Reader<'_>, node: &Node) -> Option<Limits> {
    let mut f = r.map(node, "`limits`")?;
    let d = Limits::default();
    let limits = Limits {
        request_body_bytes: f.or("request_body", d.request_body_bytes, |n, what| r.size(n, what, 1..=1 << 30)),
        response_body_bytes: f.or("response_body", d.response_body_bytes, |n, what| r.size(n, what, 1..=1 << 30)),
        event_bytes: f.or("event", d.event_bytes, |n, what| r.size(n, what, 1 << 10..=64 << 20)),
        // hyper cannot do with less than 8 KiB.
        head_bytes: f.or("head", d.head_bytes, |n, what| r.size(n, what, 8 << 10..=1 << 20)),
        json_depth: f.or("json_depth", d.json_depth, |n, what| count(r, n, what, 64)),
        json_nodes: f.or("json_nodes", d.json_nodes, |n, what| count(r, n, what, 50_000_000)),
        connections: f.or("connections", d.connections, |n, what| count(r, n, what, 1_000_000)),
        exchanges: f.or("exchanges", d.exchanges, |n, what| count(r, n, what, 1_000_000)),
        head_timeout: f.or("head_timeout", d.head_timeout, |n, what| r.duration(n, what, WAIT)),
        body_timeout: f.or("body_timeout", d.body_timeout, |n, what| r.duration(n, what, WAIT)),
        keep_alive_idle: f.or("keep_alive_idle", d.keep_alive_idle, |n, what| r.duration(n, what, WAIT)),
        inspection_time: f.or("inspection_time", d.inspection_time, |n, what| r.duration(n, what, WAIT)),
    };
    f.finish(r);
    Some(limits)
}

/// A number, or the word `unlimited`.
pub(super) fn limit_or_unlimited(r: &mut Reader<'_>, node: &Node, what: &str, most: u64) -> Option<Option<u64>> {
    match &node.value {
        super::tree::Value::Scalar(scalar) if scalar.text == "unlimited" => Some(None),
        _ => r.integer(node, &format!("{what} (or `unlimited`)"), 1..=most).map(Some),
    }
}

fn read_address_limits(r: &mut Reader<'_>, node: &Node) -> Option<AddressLimits> {
    let mut f = r.map(node, "`addresses`")?;
    let d = defaults::addresses();
    let narrow = |limit: Option<u64>| limit.and_then(|number| u32::try_from(number).ok());
    let limits = AddressLimits {
        requests_per_second: f.or("requests_per_second", d.requests_per_second, |n, what| {
            limit_or_unlimited(r, n, what, 1_000_000).map(narrow)
        }),
        refusals: f.or("refusals", d.refusals, |n, what| limit_or_unlimited(r, n, what, 1_000_000).map(narrow)),
        window: f.or("window", d.window, |n, what| r.duration(n, what, Duration::from_secs(1)..=*WAIT.end())),
        cool_down: f.or("cool_down", d.cool_down, |n, what| r.duration(n, what, Duration::from_secs(1)..=*WAIT.end())),
    };
    f.finish(r);
    Some(limits)
}

fn read_record(r: &mut Reader<'_>, node: &Node, resolver: &Resolver<'_>) -> Option<RecordSettings> {
    let mut f = r.map(node, "`record`")?;
    let d = defaults::record();
    let settings = RecordSettings {
        stdout: f.or("stdout", d.stdout, |n, what| r.boolean(n, what)),
        file: f.get("file").and_then(|n| read_record_file(r, n, resolver)),
        queue: f.or("queue", d.queue, |n, what| count(r, n, what, 1_000_000)),
        when_full: f.or("when_full", d.when_full, |n, what| {
            r.word(n, what, &[("refuse", OnRecordFull::Refuse), ("count", OnRecordFull::Count)])
        }),
    };
    if !settings.stdout && f.get("file").is_none() {
        r.fault_with_help(f.key_place("stdout"), "records would go nowhere", "leave `stdout` on, or name a `file`");
    }
    f.finish(r);
    Some(settings)
}

fn read_record_file(r: &mut Reader<'_>, node: &Node, resolver: &Resolver<'_>) -> Option<RecordFile> {
    let mut f = r.map(node, "`file`")?;
    let path = f.need(r, "path").and_then(|n| r.text(n, "`path`"));
    let max_bytes = f.or("max_size", 64 << 20, |n, what| r.size(n, what, 64 << 10..=1 << 40));
    let keep = f.or("keep", 8, |n, what| count(r, n, what, 1_000));
    f.finish(r);
    Some(RecordFile { path: resolver.path(&path?), max_bytes, keep })
}

fn read_tracing(r: &mut Reader<'_>, node: &Node) -> Option<TraceSettings> {
    let mut f: Fields<'_> = r.map(node, "`tracing`")?;
    let endpoint = f.need(r, "endpoint").and_then(|n| {
        let text = r.text(n, "`endpoint`")?;
        match base_url::parse(&text) {
            Ok(_) => Some(text.trim_end_matches('/').to_owned()),
            Err(error) => {
                r.fault_with_help(
                    n.place,
                    format!("`endpoint` is not usable: {error}"),
                    "for example http://127.0.0.1:4318",
                );
                None
            }
        }
    });
    let service_name = f.or("service_name", "portcullis".to_owned(), |n, what| r.name(n, what));
    let sample_ratio = f.or("sample_ratio", 1.0, |n, what| r.share(n, what));
    f.finish(r);
    Some(TraceSettings { endpoint: endpoint?, service_name, sample_ratio })
}

fn read_shutdown(r: &mut Reader<'_>, node: &Node) -> Option<Shutdown> {
    let mut f = r.map(node, "`shutdown`")?;
    let d = Shutdown::default();
    let shutdown = Shutdown {
        delay: f.or("delay", d.delay, |n, what| r.duration(n, what, WAIT_OR_NONE)),
        drain: f.or("drain", d.drain, |n, what| r.duration(n, what, WAIT_OR_NONE)),
    };
    f.finish(r);
    Some(shutdown)
}
