//! `routes:` of `gateway.yaml`, checked against everything that they name.

use super::gateway::PlacedListener;
use super::reader::{Fields, Reader};
use super::references::Resolver;
use super::settings::{Access, JsonFormat, OpenRoutes, Provider, Route, RouteFormat};
use super::tree::{Node, Value};
use super::upstreams::PlacedUpstream;
use crate::model::{ClientId, PolicyId, RouteId, UpstreamId};
use std::collections::HashSet;

/// Largest JSON Schema.
const MAX_SCHEMA_BYTES: u64 = 1 << 20;

/// What routes may name.
pub(super) struct Declared<'d> {
    pub upstreams: &'d [PlacedUpstream],
    pub clients: &'d [String],
    pub any_clients: bool,
    /// `None` where a policy file could not be read, so that nothing can be said of names.
    pub policies: Option<&'d [String]>,
    pub listeners: &'d [PlacedListener],
}

/// Reads the list of routes.
pub(super) fn read(r: &mut Reader<'_>, node: &Node, declared: &Declared<'_>, resolver: &Resolver<'_>) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    let (mut names, mut paths) = (HashSet::new(), HashSet::new());
    for item in r.list(node, "`routes`") {
        let Some(mut f) = r.map(item, "a route") else { continue };
        let name =
            f.need(r, "name").and_then(|n| unique(r, n, "name", &mut names, |r, n| r.name(n, "a route's `name`")));
        let path = f.need(r, "path").and_then(|n| unique(r, n, "path", &mut paths, read_path));
        let format = read_format(r, &mut f, resolver);
        let is_json = matches!(format, RouteFormat::Json(_));
        let upstreams = f.need(r, "upstreams").map(|n| read_upstreams(r, n, is_json, declared)).unwrap_or_default();
        let policy = f.need(r, "policy").and_then(|n| read_policy(r, n, declared));
        let access = read_access(r, &mut f, declared);
        let cors_origins = f.get("cors_origins").map(|n| read_origins(r, n)).unwrap_or_default();
        f.finish(r);
        if let (Some(name), Some(path), Some(policy)) = (name, path, policy) {
            let (id, policy) = (RouteId::new(name), PolicyId::new(policy));
            routes.push(Route { id, path, format, upstreams, policy, access, cors_origins });
        }
    }
    routes
}

fn unique(
    r: &mut Reader<'_>,
    node: &Node,
    what: &str,
    seen: &mut HashSet<String>,
    read: fn(&mut Reader<'_>, &Node) -> Option<String>,
) -> Option<String> {
    let value = read(r, node)?;
    if !seen.insert(value.clone()) {
        r.fault(node.place, format!("a second route has the {what} `{value}`"));
    }
    Some(value)
}

fn read_path(r: &mut Reader<'_>, node: &Node) -> Option<String> {
    let path = r.text(node, "`path`")?;
    let part_fits = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'))
    };
    let inner = path.strip_prefix('/').and_then(|rest| if rest.is_empty() { Some("") } else { rest.strip_suffix('/') });
    let fits = path.len() <= 512 && inner.is_some_and(|inner| inner.is_empty() || inner.split('/').all(part_fits));
    if fits && path != "//" {
        return Some(path);
    }
    let help = if path.starts_with('/') && !path.ends_with('/') {
        format!("write `{path}/`: a path is a prefix")
    } else {
        "it begins and ends with `/` and has letters, digits and `-._~` between single slashes".to_owned()
    };
    r.fault_with_help(node.place, "this cannot be a route's `path`", super::faults::printable(&help));
    None
}

fn read_format(r: &mut Reader<'_>, f: &mut Fields<'_>, resolver: &Resolver<'_>) -> RouteFormat {
    let Some(dialect) = f.get("dialect") else {
        for key in ["text", "schema"] {
            f.refuse(r, key, "needs `dialect: json` beside it");
        }
        return RouteFormat::Provider;
    };
    // A wrong word still makes it a JSON route: no other dialect can be written.
    if let Some(text) = r.text(dialect, "`dialect`")
        && text != "json"
    {
        let help = "only `json` is written; provider routes name no dialect, since each endpoint knows its own";
        r.fault_with_help(dialect.place, format!("`dialect` cannot be {}", r.shown(dialect)), help);
    }
    let text = f.need(r, "text").map(|n| read_pointers(r, n)).unwrap_or_default();
    let schema = f.get("schema").and_then(|n| read_schema(r, n, resolver));
    RouteFormat::Json(JsonFormat { text, schema })
}

fn read_pointers(r: &mut Reader<'_>, node: &Node) -> Vec<String> {
    let mut pointers = Vec::new();
    // An empty list is a statement: no field is prose, all are parameters.
    for item in r.list_or_empty(node, "`text`") {
        let Some(pointer) = r.text(item, "a JSON pointer") else { continue };
        let escapes_fit = pointer.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
        if !pointer.starts_with('/') || !escapes_fit || pointer.len() > 512 {
            let help = "it begins with `/` (/message, /messages/*/content); `~` is written ~0 and `/` in a key ~1";
            r.fault_with_help(item.place, "this is not a JSON pointer", help);
        } else if pointers.contains(&pointer) {
            r.fault(item.place, "this pointer is written twice");
        } else {
            pointers.push(pointer);
        }
    }
    pointers
}

fn read_schema(r: &mut Reader<'_>, node: &Node, resolver: &Resolver<'_>) -> Option<serde_json::Value> {
    let path = resolver.path(&r.text(node, "`schema`")?);
    let content = match resolver.read(&path, MAX_SCHEMA_BYTES) {
        Ok(content) => content,
        Err(error) => {
            r.fault(node.place, format!("the schema `{}` cannot be read: {error}", path.display()));
            return None;
        }
    };
    let schema: serde_json::Value = match serde_json::from_slice(&content) {
        Ok(schema) => schema,
        Err(error) => {
            r.fault(node.place, format!("the schema `{}` is not JSON: {error}", path.display()));
            return None;
        }
    };
    // Compiled here only to tell now whether it can be; the snapshot compiles what it uses.
    if let Err(error) = jsonschema::validator_for(&schema) {
        let reason: String = error.to_string().chars().take(200).collect();
        r.fault(node.place, format!("the schema `{}` cannot be used: {reason}", path.display()));
        return None;
    }
    Some(schema)
}

fn read_upstreams(r: &mut Reader<'_>, node: &Node, is_json: bool, declared: &Declared<'_>) -> Vec<UpstreamId> {
    let names: Vec<String> = declared.upstreams.iter().map(|upstream| upstream.name.clone()).collect();
    let mut chosen: Vec<UpstreamId> = Vec::new();
    for item in r.one_or_list(node, "`upstreams`") {
        let Some(name) = r.text(item, "an upstream") else { continue };
        let Some(upstream) = declared.upstreams.iter().find(|upstream| upstream.name == name) else {
            r.unknown(item, "upstream", &name, &names);
            continue;
        };
        match (is_json, upstream.provider) {
            (true, Some(Provider::OpenAi | Provider::Anthropic)) => {
                let help = "a route with `dialect: json` goes to an `agent`, or to `demo`";
                r.fault_with_help(
                    item.place,
                    format!("`{name}` is a provider and does not speak this route's JSON"),
                    help,
                );
            }
            (false, Some(Provider::Agent)) => {
                let help = "add `dialect: json` and `text:` to the route, or choose a provider";
                r.fault_with_help(
                    item.place,
                    format!("`{name}` is an agent and does not speak a provider's API"),
                    help,
                );
            }
            _ if chosen.iter().any(|id| id.as_str() == name) => {
                r.fault(item.place, format!("upstream `{name}` is written twice"));
            }
            _ => chosen.push(UpstreamId::new(name)),
        }
    }
    chosen
}

fn read_policy(r: &mut Reader<'_>, node: &Node, declared: &Declared<'_>) -> Option<String> {
    let name = r.text(node, "`policy`")?;
    if let Some(policies) = declared.policies.filter(|policies| !policies.contains(&name)) {
        r.unknown(node, "policy", &name, policies);
    }
    Some(name)
}

fn read_access(r: &mut Reader<'_>, f: &mut Fields<'_>, declared: &Declared<'_>) -> Access {
    let Some(node) = f.get("access") else {
        if !declared.any_clients {
            let help = "list a client under `clients:`, or write `access: open` to ask for no key";
            r.fault_with_help(
                f.place(),
                "nobody could use this route: it asks for a client, and none is defined",
                help,
            );
        }
        return Access::AnyClient;
    };
    match &node.value {
        Value::Scalar(scalar) if scalar.text == "open" => {
            refuse_open_listeners(r, node, declared.listeners);
            Access::Open
        }
        Value::Scalar(_) => {
            let message = format!("`access` cannot be {}", r.shown(node));
            r.fault_with_help(node.place, message, "write `open`, or a list of clients: [name, name]");
            Access::AnyClient
        }
        _ => Access::Clients(read_clients(r, node, declared)),
    }
}

fn read_clients(r: &mut Reader<'_>, node: &Node, declared: &Declared<'_>) -> Vec<ClientId> {
    let mut clients = Vec::new();
    for item in r.list(node, "`access`") {
        let Some(name) = r.text(item, "a client's name") else { continue };
        if declared.clients.contains(&name) {
            clients.push(ClientId::new(name));
        } else {
            r.unknown(item, "client", &name, declared.clients);
        }
    }
    clients
}

fn refuse_open_listeners(r: &mut Reader<'_>, node: &Node, listeners: &[PlacedListener]) {
    let exposed = listeners.iter().find(|placed| {
        !placed.listener.address.ip().is_loopback() && placed.listener.open_routes == OpenRoutes::LoopbackOnly
    });
    if let Some(placed) = exposed {
        let message =
            format!("this route asks for no key, and {} can be reached from other machines", placed.listener.address);
        let help = "listen on 127.0.0.1, list the clients, or write `open_routes: allow` at the listener";
        r.fault_with_help(node.place, message, help);
    }
}

fn read_origins(r: &mut Reader<'_>, node: &Node) -> Vec<String> {
    let mut origins = Vec::new();
    for item in r.one_or_list(node, "`cors_origins`") {
        // Before text is asked for: `null` without quotes is no text.
        let letters = if let Value::Scalar(scalar) = &item.value { scalar.text.as_str() } else { "" };
        if letters.contains('*') || letters.eq_ignore_ascii_case("null") {
            let help = "list the origins one by one: https://app.example";
            r.fault_with_help(
                item.place,
                "`cors_origins` takes no `*` and no `null`: any page could read answers",
                help,
            );
            continue;
        }
        let Some(origin) = r.text(item, "an origin") else { continue };
        if is_origin(&origin) {
            origins.push(origin);
        } else {
            let help =
                "scheme, host and port if it is not the default, in lower case, without a path: https://app.example";
            r.fault_with_help(item.place, "this is not an exact origin", help);
        }
    }
    origins
}

/// Whether a browser could send exactly this in `Origin`.
fn is_origin(text: &str) -> bool {
    let Ok(url) = super::base_url::parse(text) else { return false };
    let scheme = if url.tls { "https" } else { "http" };
    let host = if url.host.contains(':') { format!("[{}]", url.host) } else { url.host.clone() };
    let default = url.port == super::base_url::default_port(url.tls);
    let written = if default { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{}", url.port) };
    written == text
}
