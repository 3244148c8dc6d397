//! All counters of one process. They outlive requests and reloads: what a reload leaves unchanged keeps its state, so a
//! reload never refills anybody's rate. A request reads a table that is swapped whole; it takes no lock.

use super::addresses::Addresses;
use super::clock::PassedTime;
use super::permit::{ExchangePermit, try_count};
use super::request_rate::RequestRate;
use super::standing::Standing;
use super::token_bucket::{NoTokens, TokenBucket, TokenReservation};
use crate::model::outcome::RetryAdvice;
use crate::model::settings::{AddressLimits, ClientLimits};
use crate::model::{Cause, ClientId, Refusal, Stage};
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

/// The shortest wait that a refusal names.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// Rates, tokens, concurrency and cool-downs. Made once per process.
#[derive(Debug)]
pub struct Counters {
    time: PassedTime,
    exchanges: Arc<AtomicU32>,
    table: ArcSwap<Table>,
}

#[derive(Debug)]
struct Table {
    clients: HashMap<ClientId, Client>,
    addresses: Arc<Addresses>,
    max_exchanges: u32,
}

/// One client's limits with their state.
#[derive(Debug)]
struct Client {
    /// Shortest period first: a refusal by a short rate must not use up a long one.
    rates: Vec<Arc<RequestRate>>,
    tokens: Option<Arc<TokenBucket>>,
    concurrency: Option<u32>,
    under_way: Arc<AtomicU32>,
}

impl Default for Counters {
    fn default() -> Self {
        Self::new()
    }
}

impl Counters {
    /// Counters without limits; [`Self::configure`] sets them.
    pub fn new() -> Self {
        let none = AddressLimits {
            requests_per_second: None,
            refusals: None,
            window: Duration::from_secs(60),
            cool_down: Duration::from_secs(30),
        };
        let table =
            Table { clients: HashMap::new(), addresses: Arc::new(Addresses::new(none)), max_exchanges: u32::MAX };
        Self {
            time: PassedTime::new(Instant::now()),
            exchanges: Arc::new(AtomicU32::new(0)),
            table: ArcSwap::from_pointee(table),
        }
    }

    /// Sets the limits of a new configuration. A client's rate that did not change keeps its state; what is under way
    /// stays counted. Callers do not run it twice at once (reloads are in sequence).
    pub fn configure(&self, clients: &[(ClientId, ClientLimits)], addresses: &AddressLimits, max_exchanges: usize) {
        let old = self.table.load();
        let kept = if old.addresses.limits() == addresses {
            old.addresses.clone()
        } else {
            Arc::new(Addresses::new(addresses.clone()))
        };
        let clients =
            clients.iter().map(|(id, limits)| (id.clone(), self.client(old.clients.get(id), limits))).collect();
        let max_exchanges = u32::try_from(max_exchanges).unwrap_or(u32::MAX);
        self.table.store(Arc::new(Table { clients, addresses: kept, max_exchanges }));
    }

    fn client(&self, old: Option<&Client>, limits: &ClientLimits) -> Client {
        let mut wanted = limits.requests.clone();
        wanted.sort_by_key(|rate| rate.per);
        wanted.dedup();
        let rates = wanted.into_iter().map(|rate| {
            let kept = old.and_then(|old| old.rates.iter().find(|held| held.rate() == rate));
            kept.cloned().unwrap_or_else(|| Arc::new(RequestRate::new(rate, self.time.clone())))
        });
        let tokens = limits.tokens.map(|rate| {
            let kept = old.and_then(|old| old.tokens.as_ref()).filter(|held| held.rate() == rate);
            kept.cloned().unwrap_or_else(|| Arc::new(TokenBucket::new(rate)))
        });
        Client {
            rates: rates.collect(),
            tokens,
            concurrency: limits.concurrency,
            under_way: old.map_or_else(Arc::default, |old| old.under_way.clone()),
        }
    }

    /// Counts a request of an address.
    ///
    /// # Errors
    /// `RateLimited` while the address is in cool-down or above its rate.
    pub fn check_address(&self, address: IpAddr, now: Instant) -> Result<(), Refusal> {
        let now = self.time.at(now);
        self.table.load().addresses.check(address, now).map_err(|wait| {
            Refusal::new(Stage::Admit, Cause::RateLimited).retry_after(wait.max(SHORTEST_WAIT)).detail("address")
        })
    }

    /// Notes that a request of this address was refused for a fault of its sender (unauthenticated, malformed, blocked).
    pub fn note_refusal(&self, address: IpAddr, now: Instant) {
        let now = self.time.at(now);
        self.table.load().addresses.note_refusal(address, now);
    }

    /// Counts a request of a client and gives what is left of its tightest rate; `None` where it has none. A client that
    /// is not configured has no limits.
    ///
    /// # Errors
    /// `RateLimited` with the time to wait.
    pub fn check_requests(&self, client: &ClientId, now: Instant) -> Result<Option<Standing>, Refusal> {
        self.time.at(now);
        let table = self.table.load();
        let Some(client) = table.clients.get(client) else { return Ok(None) };
        let mut tightest: Option<Standing> = None;
        for rate in &client.rates {
            let standing = rate.check().map_err(|wait| {
                Refusal::new(Stage::Admit, Cause::RateLimited).retry_after(wait.max(SHORTEST_WAIT)).detail("requests")
            })?;
            tightest = Some(match tightest {
                Some(held) if held.remaining <= standing.remaining => held,
                _ => standing,
            });
        }
        Ok(tightest)
    }

    /// Counts an exchange as under way until the permit is dropped.
    ///
    /// # Errors
    /// `Overloaded` at the gateway's limit, `TooManyConcurrent` at the client's.
    pub fn begin(&self, client: &ClientId) -> Result<ExchangePermit, Refusal> {
        let table = self.table.load();
        if !try_count(&self.exchanges, table.max_exchanges) {
            return Err(Refusal::new(Stage::Admit, Cause::Overloaded).detail("exchanges"));
        }
        let whole = self.exchanges.clone();
        let Some(client) = table.clients.get(client) else {
            return Ok(ExchangePermit::holding([Some(whole), None]));
        };
        if try_count(&client.under_way, client.concurrency.unwrap_or(u32::MAX)) {
            return Ok(ExchangePermit::holding([Some(whole), Some(client.under_way.clone())]));
        }
        drop(ExchangePermit::holding([Some(whole), None]));
        Err(Refusal::new(Stage::Admit, Cause::TooManyConcurrent))
    }

    /// Sets tokens aside for an exchange, before it is sent on.
    ///
    /// # Errors
    /// `RateLimited`: with a time to wait, or never to be retried where the request alone is larger than the whole rate.
    pub fn reserve_tokens(&self, client: &ClientId, estimate: u64, now: Instant) -> Result<TokenReservation, Refusal> {
        let now = self.time.at(now);
        let table = self.table.load();
        let Some(bucket) = table.clients.get(client).and_then(|client| client.tokens.as_ref()) else {
            return Ok(TokenReservation::unlimited());
        };
        match bucket.reserve(estimate, now) {
            Ok(standing) => Ok(TokenReservation::new(bucket.clone(), estimate, standing)),
            Err(NoTokens::Wait(wait)) => Err(Refusal::new(Stage::Admit, Cause::RateLimited)
                .retry_after(wait.max(SHORTEST_WAIT))
                .detail("tokens")),
            Err(NoTokens::TooLarge) => {
                let mut refusal = Refusal::new(Stage::Admit, Cause::RateLimited)
                    .detail("tokens: the request alone is larger than the whole rate");
                refusal.retry = RetryAdvice::Never;
                Err(refusal)
            }
        }
    }

    /// Exchanges under way now.
    pub fn exchanges(&self) -> u32 {
        self.exchanges.load(std::sync::atomic::Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::settings::Rate;

    fn per_minute(count: u32) -> Rate {
        Rate { count, per: Duration::from_secs(60) }
    }

    fn no_addresses() -> AddressLimits {
        AddressLimits {
            requests_per_second: None,
            refusals: None,
            window: Duration::from_secs(60),
            cool_down: Duration::from_secs(30),
        }
    }

    fn counters(limits: ClientLimits) -> (Counters, ClientId) {
        let counters = Counters::new();
        let client = ClientId::new("team");
        counters.configure(&[(client.clone(), limits)], &no_addresses(), 3);
        (counters, client)
    }

    #[test]
    fn every_rate_of_a_client_holds_and_the_wait_is_named() {
        let hour = Rate { count: 3, per: Duration::from_secs(3600) };
        let (counters, client) = counters(ClientLimits { requests: vec![hour, per_minute(2)], ..Default::default() });
        let start = Instant::now();
        assert_eq!(counters.check_requests(&client, start).unwrap().unwrap().remaining, 1);
        assert!(counters.check_requests(&client, start).is_ok());
        let refused = counters.check_requests(&client, start).unwrap_err();
        assert_eq!(refused.outcome.cause, Cause::RateLimited);
        assert!(matches!(refused.retry, RetryAdvice::After(wait) if wait > Duration::from_secs(29)));
        let later = start + Duration::from_secs(61);
        assert!(counters.check_requests(&client, later).is_ok(), "a refusal by the minute used up the hour");
        let refused = counters.check_requests(&client, later).unwrap_err();
        assert!(matches!(refused.retry, RetryAdvice::After(wait) if wait > Duration::from_secs(600)));
        assert!(counters.check_requests(&ClientId::new("other"), start).unwrap().is_none());
    }

    #[test]
    fn a_reload_refills_nothing_that_did_not_change() {
        let limits = |tokens| ClientLimits {
            requests: vec![per_minute(1)],
            tokens: Some(per_minute(tokens)),
            concurrency: Some(1),
        };
        let (counters, client) = counters(limits(10));
        let now = Instant::now();
        let permit = counters.begin(&client).unwrap();
        assert!(counters.check_requests(&client, now).is_ok());
        assert!(counters.reserve_tokens(&client, 10, now).is_ok());
        counters.configure(&[(client.clone(), limits(10))], &no_addresses(), 3);
        assert!(counters.check_requests(&client, now).is_err());
        assert!(counters.reserve_tokens(&client, 1, now).is_err());
        assert!(counters.begin(&client).is_err());
        drop(permit);
        assert!(counters.begin(&client).is_ok());
        counters.configure(&[(client.clone(), limits(20))], &no_addresses(), 3);
        assert!(counters.reserve_tokens(&client, 1, now).is_ok());
    }

    #[test]
    fn a_refused_permit_counts_nowhere() {
        let (counters, client) = counters(ClientLimits { concurrency: Some(1), ..Default::default() });
        let held = counters.begin(&client).unwrap();
        for _ in 0..10 {
            assert_eq!(counters.begin(&client).unwrap_err().outcome.cause, Cause::TooManyConcurrent);
        }
        assert_eq!(counters.exchanges(), 1);
        let other = ClientId::anonymous();
        let more = [counters.begin(&other).unwrap(), counters.begin(&other).unwrap()];
        assert_eq!(counters.begin(&other).unwrap_err().outcome.cause, Cause::Overloaded);
        drop((held, more));
        assert_eq!(counters.exchanges(), 0);
    }

    #[test]
    fn a_request_larger_than_the_whole_token_rate_is_not_to_be_retried() {
        let (counters, client) = counters(ClientLimits { tokens: Some(per_minute(100)), ..Default::default() });
        let refused = counters.reserve_tokens(&client, 101, Instant::now()).unwrap_err();
        assert_eq!((refused.outcome.cause, refused.retry), (Cause::RateLimited, RetryAdvice::Never));
    }
}
