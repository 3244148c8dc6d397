//! `clients:` of `gateway.yaml`: who may call, known by the hash of a key. A key itself in the YAML is a fault, and is not
//! shown.

use super::reader::Reader;
use super::settings::Client;
use super::tree::Node;
use super::units;
use crate::model::ClientId;
use crate::model::settings::ClientLimits;
use sha2::{Digest, Sha256};
use std::collections::HashSet;

/// Clients as far as they could be read, and every name that is declared, in the order written.
#[derive(Default)]
pub(super) struct Clients {
    pub list: Vec<Client>,
    pub names: Vec<String>,
}

/// Reads the list of clients.
pub(super) fn read(r: &mut Reader<'_>, node: &Node) -> Clients {
    let mut clients = Clients::default();
    let mut names: HashSet<String> = HashSet::new();
    let mut hashes: HashSet<[u8; 32]> = HashSet::new();
    for item in r.list_or_empty(node, "`clients`") {
        let Some(mut f) = r.map(item, "a client") else { continue };
        let name = f.need(r, "name").and_then(|n| read_name(r, n, &mut names));
        let key_sha256 = f.need(r, "key_sha256").map(|n| read_hashes(r, n, &mut hashes)).unwrap_or_default();
        let limits = f.get("limits").and_then(|n| read_limits(r, n)).unwrap_or_default();
        f.finish(r);
        if let Some(name) = name {
            clients.names.push(name.clone());
            clients.list.push(Client { id: ClientId::new(name), key_sha256, limits });
        }
    }
    clients
}

fn read_name(r: &mut Reader<'_>, node: &Node, names: &mut HashSet<String>) -> Option<String> {
    let name = r.name(node, "a client's `name`")?;
    if name == ClientId::anonymous().as_str() {
        r.fault(node.place, "`anonymous` is what callers of open routes are called; choose another name");
    } else if !names.insert(name.clone()) {
        r.fault(node.place, format!("a second client is called `{name}`"));
    }
    Some(name)
}

fn read_hashes(r: &mut Reader<'_>, node: &Node, seen: &mut HashSet<[u8; 32]>) -> Vec<[u8; 32]> {
    let mut hashes = Vec::new();
    for item in r.one_or_list(node, "`key_sha256`") {
        let Some(text) = r.letters(item, "`key_sha256`") else { continue };
        let Ok(hash) = units::sha256(&text) else {
            // Not quoted: it may be the key itself.
            let help = "write the 64 hexadecimal digits that `portcullis keys hash` prints for the key, never the key";
            r.fault_with_help(item.place, "`key_sha256` is not a SHA-256 hash", help);
            continue;
        };
        if hash == <[u8; 32]>::from(Sha256::digest(b"")) {
            r.fault(item.place, "this is the hash of the empty key");
        } else if seen.insert(hash) {
            hashes.push(hash);
        } else {
            r.fault(item.place, "this key hash is written twice; a key names one client");
        }
    }
    hashes
}

fn read_limits(r: &mut Reader<'_>, node: &Node) -> Option<ClientLimits> {
    let mut f = r.map(node, "`limits`")?;
    let requests = f.or("requests", Vec::new(), |n, what| {
        Some(r.one_or_list(n, what).iter().filter_map(|item| r.quantity(item, what, units::rate)).collect())
    });
    let tokens = f.get("tokens").and_then(|n| r.quantity(n, "`tokens`", units::rate));
    let concurrency = f
        .get("concurrency")
        .and_then(|n| r.integer(n, "`concurrency`", 1..=1_000_000).and_then(|number| u32::try_from(number).ok()));
    if f.get("budget").is_some() {
        let help = "remove it: a limit that is written but not enforced would be worse than none";
        r.fault_with_help(f.key_place("budget"), "money budgets are not supported yet", help);
    }
    f.finish(r);
    Some(ClientLimits { requests, tokens, concurrency })
}
