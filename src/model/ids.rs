//! Names and quantities that cross modules. No bare `String` or `u64` does.

use std::fmt;
use std::sync::Arc;

/// Declares a cheap-to-clone name type. All of them come from the operator's YAML, never from a request,
/// so they may be shown in logs and used as metric labels.
macro_rules! name_type {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a name as written in the configuration.
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }

            /// The name as written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), &self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

name_type! {
    /// A route of `gateway.yaml`.
    RouteId,
    /// An upstream of `gateway.yaml`.
    UpstreamId,
    /// A client (principal) of `gateway.yaml`; `anonymous` on an open route.
    ClientId,
    /// A policy of `policies/*.yaml`.
    PolicyId,
    /// A detector's rule (`injection.override.ignore-previous`, `secret.aws.access-key-id`) or a policy's rule.
    RuleId,
    /// A model that the configuration lists. A name that a request brings is `Untrusted<String>`.
    ModelName,
}

impl ClientId {
    /// The principal of a request on a route that asks for no key.
    pub fn anonymous() -> Self {
        Self::new("anonymous")
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteCount(pub u64);

impl fmt::Display for ByteCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} B", self.0)
    }
}

/// The gateway's own id of one exchange: `req_` and 26 characters of a time-ordered, random value.
/// It is what a client quotes and what an operator searches for, so it is never taken from a request.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RequestId(Box<str>);

impl RequestId {
    /// Makes an id of the milliseconds since the epoch (48 bits) and 80 random bits, in Crockford's base 32.
    pub fn from_parts(unix_ms: u64, random: [u8; 10]) -> Self {
        const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let mut value = u128::from(unix_ms & 0xFFFF_FFFF_FFFF) << 80;
        for (index, byte) in random.iter().enumerate() {
            value |= u128::from(*byte) << (72 - 8 * index);
        }
        let mut text = String::with_capacity(30);
        text.push_str("req_");
        for position in (0..26).rev() {
            let digit = usize::try_from((value >> (5 * position)) & 31).unwrap_or(0);
            text.push(char::from(DIGITS.get(digit).copied().unwrap_or(b'0')));
        }
        Self(text.into_boxed_str())
    }

    /// The id as it stands in headers and records.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_sort_by_time_and_keep_their_random_part() {
        let early = RequestId::from_parts(1, [0xFF; 10]);
        let late = RequestId::from_parts(2, [0; 10]);
        assert!(early.as_str() < late.as_str());
        assert_eq!(early.as_str().len(), 30);
        assert_ne!(early, RequestId::from_parts(1, [0xFE; 10]));
    }
}
