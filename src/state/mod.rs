//! Counters that outlive a request and a reload: rates, tokens, concurrency, cool-downs, breakers.

pub mod breaker;
mod permit;

pub use permit::ExchangePermit;
