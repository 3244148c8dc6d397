//! Counters that outlive a request and a reload: rates, tokens, concurrency, cool-downs, breakers.

mod addresses;
pub mod breaker;
mod clock;
mod counters;
mod permit;
mod request_rate;
mod standing;
mod token_bucket;
pub mod tool_pins;

pub use counters::Counters;
pub use permit::ExchangePermit;
pub use standing::Standing;
pub use token_bucket::TokenReservation;
