//! Which definitions of tools each client has shown, so that one that changes later is seen (THREATS 44).
//!
//! Pins belong to a client and a route: nobody can set a pin for somebody else. Nothing is kept of a definition but hashes. Pins live as
//! long as the process and survive reloads; after a restart the first definition counts as first again.

use crate::model::{ClientId, RouteId};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Tools of one client on one route that are kept for certain; twice as many may be there. About 200 bytes each.
const TOOLS: usize = 1024;
/// Definitions that are known of one tool, the newest first: a deployment in progress sends the old and the new one by turns.
const DEFINITIONS: usize = 4;
/// Pairs of client and route. The one that was used longest ago gives way.
const SCOPES: usize = 4096;

/// What is kept of a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin {
    /// SHA-256 of its canonical JSON.
    pub sha256: [u8; 32],
    /// A hash of its texts alone (descriptions and titles).
    pub text_hash: u64,
    /// Length of its texts, in bytes.
    pub text_bytes: u32,
}

/// What a definition is to those seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// No definition of this tool is known.
    First,
    /// This one is known.
    Known,
    /// Others are known; this is the newest of them.
    Changed(Pin),
}

/// What is to become of a definition that differs from those known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnChange {
    /// It is known from now on.
    Learn,
    /// It stays unknown.
    Keep,
}

/// How much is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PinCounts {
    /// Tools with a pin.
    pub tools: usize,
    /// Pins that gave way to others since the process began.
    pub evicted: u64,
}

/// Pins by client, route and tool. A tool is named by a hash that its caller makes.
#[derive(Debug, Default)]
pub struct ToolPins {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    scopes: HashMap<(ClientId, RouteId), Scope>,
    uses: u64,
    evicted: u64,
}

/// The tools of one client on one route, in two generations: when the younger is full, it becomes the elder, and what was in
/// the elder and not used since is gone.
#[derive(Debug, Default)]
struct Scope {
    younger: HashMap<u128, Vec<Pin>>,
    elder: HashMap<u128, Vec<Pin>>,
    last_use: u64,
}

impl ToolPins {
    /// Nothing pinned yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What these definitions are to those known; changes nothing that the next caller would see.
    pub fn standings(&self, client: &ClientId, route: &RouteId, tools: &[(u128, Pin)]) -> Vec<Standing> {
        let state = self.state();
        let scope = state.scopes.get(&(client.clone(), route.clone()));
        let standing = |(tool, pin): &(u128, Pin)| match scope.and_then(|scope| scope.pins(*tool)) {
            None => Standing::First,
            Some(pins) if pins.iter().any(|known| known.sha256 == pin.sha256) => Standing::Known,
            Some(pins) => pins.first().copied().map_or(Standing::First, Standing::Changed),
        };
        tools.iter().map(standing).collect()
    }

    /// Keeps the definitions of a request that went through.
    pub fn keep(&self, client: &ClientId, route: &RouteId, tools: &[(u128, Pin)], on_change: OnChange) {
        if tools.is_empty() {
            return;
        }
        let mut state = self.state();
        let state = &mut *state;
        state.uses = state.uses.saturating_add(1);
        let key = (client.clone(), route.clone());
        if !state.scopes.contains_key(&key) && state.scopes.len() >= SCOPES {
            let oldest = state.scopes.iter().min_by_key(|(_, scope)| scope.last_use).map(|(key, _)| key.clone());
            if let Some(scope) = oldest.and_then(|oldest| state.scopes.remove(&oldest)) {
                state.evicted = state.evicted.saturating_add(scope.len() as u64);
            }
        }
        let scope = state.scopes.entry(key).or_default();
        scope.last_use = state.uses;
        for (tool, pin) in tools {
            state.evicted = state.evicted.saturating_add(scope.keep(*tool, *pin, on_change) as u64);
        }
    }

    /// How much is kept.
    pub fn counts(&self) -> PinCounts {
        let state = self.state();
        PinCounts { tools: state.scopes.values().map(Scope::len).sum(), evicted: state.evicted }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the maps whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scope {
    fn pins(&self, tool: u128) -> Option<&[Pin]> {
        self.younger.get(&tool).or_else(|| self.elder.get(&tool)).map(Vec::as_slice)
    }

    fn len(&self) -> usize {
        self.younger.len().saturating_add(self.elder.len())
    }

    /// Keeps one; gives how many gave way.
    fn keep(&mut self, tool: u128, pin: Pin, on_change: OnChange) -> usize {
        let mut gone = 0;
        if !self.younger.contains_key(&tool) {
            let pins = self.elder.remove(&tool).unwrap_or_default();
            if self.younger.len() >= TOOLS {
                gone = self.elder.len();
                self.elder = std::mem::take(&mut self.younger);
            }
            self.younger.insert(tool, pins);
        }
        let pins = self.younger.entry(tool).or_default();
        let is_known = pins.iter().any(|known| known.sha256 == pin.sha256);
        if !is_known && (pins.is_empty() || on_change == OnChange::Learn) {
            pins.insert(0, pin);
            pins.truncate(DEFINITIONS);
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(number: u8) -> Pin {
        Pin { sha256: [number; 32], text_hash: u64::from(number), text_bytes: u32::from(number) }
    }

    fn standing(pins: &ToolPins, client: &str, route: &str, tool: u128, number: u8) -> Standing {
        pins.standings(&ClientId::new(client), &RouteId::new(route), &[(tool, pin(number))])[0]
    }

    fn keep(pins: &ToolPins, client: &str, tool: u128, number: u8, on_change: OnChange) {
        pins.keep(&ClientId::new(client), &RouteId::new("r"), &[(tool, pin(number))], on_change);
    }

    #[test]
    fn another_definition_is_a_change_until_it_is_learned() {
        let pins = ToolPins::new();
        assert_eq!(standing(&pins, "a", "r", 1, 1), Standing::First);
        keep(&pins, "a", 1, 1, OnChange::Keep);
        assert_eq!(standing(&pins, "a", "r", 1, 1), Standing::Known);
        keep(&pins, "a", 1, 2, OnChange::Keep);
        assert_eq!(standing(&pins, "a", "r", 1, 2), Standing::Changed(pin(1)));
        keep(&pins, "a", 1, 2, OnChange::Learn);
        assert_eq!(standing(&pins, "a", "r", 1, 2), Standing::Known);
        assert_eq!(standing(&pins, "a", "r", 1, 1), Standing::Known, "the old one may still be sent");
        assert_eq!(standing(&pins, "a", "r", 1, 3), Standing::Changed(pin(2)));
    }

    #[test]
    fn pins_of_one_client_or_route_say_nothing_about_another() {
        let pins = ToolPins::new();
        keep(&pins, "attacker", 1, 1, OnChange::Keep);
        assert_eq!(standing(&pins, "victim", "r", 1, 2), Standing::First);
        assert_eq!(standing(&pins, "attacker", "other", 1, 2), Standing::First);
    }

    #[test]
    fn a_flood_of_tools_drops_what_is_not_used_and_nobody_elses() {
        let pins = ToolPins::new();
        keep(&pins, "quiet", 1, 1, OnChange::Keep);
        keep(&pins, "loud", 1, 1, OnChange::Keep);
        for tool in 2..u128::try_from(4 * TOOLS).unwrap() {
            keep(&pins, "loud", tool, 1, OnChange::Keep);
            keep(&pins, "loud", 2, 1, OnChange::Keep);
        }
        assert_eq!(standing(&pins, "loud", "r", 1, 2), Standing::First);
        assert_eq!(standing(&pins, "loud", "r", 2, 2), Standing::Changed(pin(1)));
        assert_eq!(standing(&pins, "quiet", "r", 1, 2), Standing::Changed(pin(1)));
        let counts = pins.counts();
        assert!(counts.tools <= 2 * TOOLS + 1 && counts.evicted >= TOOLS as u64, "{counts:?}");
    }

    #[test]
    fn clients_beyond_the_limit_push_out_the_one_used_longest_ago() {
        let pins = ToolPins::new();
        for client in 0..=SCOPES {
            keep(&pins, &format!("c{client}"), 1, 1, OnChange::Keep);
        }
        assert_eq!(standing(&pins, "c0", "r", 1, 2), Standing::First);
        assert_eq!(standing(&pins, "c1", "r", 1, 2), Standing::Changed(pin(1)));
        assert_eq!(pins.counts(), PinCounts { tools: SCOPES, evicted: 1 });
    }
}
