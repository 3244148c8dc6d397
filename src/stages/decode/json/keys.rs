//! Equal keys in one object. Readers disagree on which of two counts, so that one would be inspected and the other obeyed.

use super::text::unescaped;
use super::{Children, JsonFault, JsonFaultKind, Node};
use std::borrow::Cow;
use std::collections::HashSet;

/// Objects up to this many members compare their keys pairwise; above it a hash set keeps the work linear.
const PAIRWISE: usize = 12;

/// Refuses an object two of whose keys are equal once unescaped. Linear in the bytes of the keys.
pub(super) fn refuse_equal_keys(bytes: &[u8], nodes: &[Node], object: usize) -> Result<(), JsonFault> {
    let end = nodes.get(object).map_or(0, |node| node.after as usize);
    let members = Children { nodes, next: object + 1, end };
    let mut seen: [&[u8]; PAIRWISE] = [&[]; PAIRWISE];
    for (count, id) in members.clone().enumerate() {
        let Some(node) = nodes.get(id) else { break };
        if count == PAIRWISE || node.key_escaped {
            return refuse_by_hash(bytes, nodes, members);
        }
        let key = raw_key(bytes, node);
        if seen.iter().take(count).any(|earlier| *earlier == key) {
            return Err(JsonFault { kind: JsonFaultKind::DuplicateKey, offset: node.key_start as usize });
        }
        if let Some(slot) = seen.get_mut(count) {
            *slot = key;
        }
    }
    Ok(())
}

fn refuse_by_hash(bytes: &[u8], nodes: &[Node], members: Children<'_>) -> Result<(), JsonFault> {
    // The standard hasher is keyed at random: a client cannot choose keys that collide.
    let mut seen: HashSet<Cow<'_, [u8]>> = HashSet::with_capacity(PAIRWISE * 2);
    for id in members {
        let Some(node) = nodes.get(id) else { break };
        if !seen.insert(unescaped_key(bytes, node)) {
            return Err(JsonFault { kind: JsonFaultKind::DuplicateKey, offset: node.key_start as usize });
        }
    }
    Ok(())
}

fn raw_key<'a>(bytes: &'a [u8], node: &Node) -> &'a [u8] {
    bytes.get(node.key_start as usize..node.key_end as usize).unwrap_or(&[])
}

fn unescaped_key<'a>(bytes: &'a [u8], node: &Node) -> Cow<'a, [u8]> {
    let raw = raw_key(bytes, node);
    match std::str::from_utf8(raw) {
        Ok(text) if node.key_escaped => Cow::Owned(unescaped(text).into_bytes()),
        _ => Cow::Borrowed(raw),
    }
}
