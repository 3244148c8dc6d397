//! Who calls, on which route, and whether there is room for it.

mod admission;
mod admitted;
mod cors;
mod principal;
mod rate_headers;
mod routes;

pub use admission::Admission;
pub use admitted::Admitted;
pub use cors::{Cors, cors};
pub use rate_headers::RateHeaders;
