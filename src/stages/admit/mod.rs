//! Who calls, on which route, and whether there is room for it.

mod admitted;

pub use admitted::Admitted;
