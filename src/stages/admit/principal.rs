//! Who calls. A key is hashed before anything else is done with it; hashes are compared in constant time; a wrong key and
//! a missing one get the same answer. Keys in a query are refused: they end up in logs on the way.

use crate::config::settings::Client;
use crate::model::{Cause, ClientId, Refusal, Stage};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use subtle::ConstantTimeEq;

/// Longest key that is looked at, in bytes; tokens of identity providers are long.
const MAX_KEY_BYTES: usize = 4096;
/// Parameters of a query that are looked at.
const MAX_PARAMETERS: usize = 256;

/// The known keys.
#[derive(Debug, Default)]
pub(super) struct Principals {
    /// By the first bytes of the hash, which say nothing about a key. The whole hash decides.
    by_hash: HashMap<u64, Vec<([u8; 32], ClientId)>>,
}

impl Principals {
    pub(super) fn compile(clients: &[Client]) -> Self {
        let mut by_hash: HashMap<u64, Vec<_>> = HashMap::new();
        for client in clients {
            for hash in &client.key_sha256 {
                by_hash.entry(first_bytes(hash)).or_default().push((*hash, client.id.clone()));
            }
        }
        Self { by_hash }
    }

    /// The client whose key the headers carry; `None` where there is none or nobody knows it.
    pub(super) fn identify(&self, headers: &HeaderMap) -> Option<&ClientId> {
        let hash: [u8; 32] = Sha256::digest(presented_key(headers)?).into();
        let mut found = None;
        for (known, client) in self.by_hash.get(&first_bytes(&hash))? {
            if bool::from(known.ct_eq(&hash)) {
                found = Some(client);
            }
        }
        found
    }
}

/// Refuses a request whose query carries a credential.
///
/// # Errors
/// `Unauthenticated`.
pub(super) fn refuse_key_in_query(query: Option<&str>) -> Result<(), Refusal> {
    let Some(query) = query else { return Ok(()) };
    // What is beyond the limit is not looked at, so it does not pass either.
    let carries_key = query.split('&').nth(MAX_PARAMETERS).is_some()
        || query.split('&').any(|parameter| {
            let name = parameter.split('=').next().unwrap_or_default();
            let name = percent_decode_str(name).decode_utf8_lossy();
            ["key", "api_key", "api-key", "apikey", "access_token"].iter().any(|bad| name.eq_ignore_ascii_case(bad))
        });
    if carries_key {
        return Err(Refusal::new(Stage::Admit, Cause::Unauthenticated).detail("a credential in the query"));
    }
    Ok(())
}

/// The one credential that the headers carry. Two of them are none: `accept` refuses them already.
fn presented_key(headers: &HeaderMap) -> Option<&[u8]> {
    let mut keys = ["x-api-key", "api-key"]
        .into_iter()
        .flat_map(|name| headers.get_all(name))
        .map(|value| Some(value.as_bytes()))
        .chain(headers.get_all(AUTHORIZATION).iter().map(|value| bearer(value.as_bytes())));
    let key = keys.next()??;
    let is_only = keys.next().is_none();
    (is_only && !key.is_empty() && key.len() <= MAX_KEY_BYTES).then_some(key)
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, key) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| key.trim_ascii())
}

fn first_bytes(hash: &[u8; 32]) -> u64 {
    hash.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
