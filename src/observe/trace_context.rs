//! The trace that an exchange belongs to: reading and writing `traceparent`.
//!
//! It must never pass on a header that it did not understand: a malformed one starts a new trace. Source: W3C Trace
//! Context, level 1 (Recommendation of 23 November 2021), §3.2.

use serde::{Serialize, Serializer};
use std::fmt::{self, Write};

/// The place of one exchange in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace; not all zeros.
    pub trace_id: [u8; 16],
    /// The gateway's own span for the exchange; not all zeros.
    pub span_id: [u8; 8],
    /// The caller's span, where it sent a valid `traceparent`.
    pub parent: Option<[u8; 8]>,
    /// Whether the trace is recorded.
    pub sampled: bool,
}

impl TraceContext {
    /// Joins the trace that a `traceparent` names, honouring its sampled flag; without a valid one begins a new trace, of
    /// which the share `ratio` (0.0 to 1.0) is sampled. `random` is 24 random bytes.
    pub fn continue_or_start(incoming: Option<&str>, ratio: f64, random: [u8; 24]) -> Self {
        let [t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13, t14, mut t15, span @ .., mut s7] = random;
        // All zeros mean "none": bend the one-in-2^64 case.
        let [s0, s1, s2, s3, s4, s5, s6] = span;
        if span == [0; 7] && s7 == 0 {
            s7 = 1;
        }
        let span_id = [s0, s1, s2, s3, s4, s5, s6, s7];
        if let Some(Parent { trace_id, span_id: parent, sampled }) = incoming.and_then(parse) {
            return Self { trace_id, span_id, parent: Some(parent), sampled };
        }
        if random.starts_with(&[0; 16]) {
            t15 = 1;
        }
        let chance = u64::from_be_bytes([t8, t9, t10, t11, t12, t13, t14, t15]);
        let trace_id = [t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13, t14, t15];
        Self { trace_id, span_id, parent: None, sampled: is_in_share(chance, ratio) }
    }

    /// The caller's `traceparent` as it is passed on by a gateway that makes no spans of its own; `None` where it is not valid.
    pub fn passed_on(incoming: &str) -> Option<String> {
        let Parent { trace_id, span_id, sampled } = parse(incoming)?;
        Some(Self { trace_id, span_id, parent: None, sampled }.to_header())
    }

    /// The `traceparent` that names the exchange's own span.
    pub fn to_header(self) -> String {
        self.header_for(self.span_id)
    }

    /// The `traceparent` for the attempt with this index, so that the upstream's spans hang below that attempt's span.
    pub fn attempt_header(self, index: usize) -> String {
        self.header_for(self.attempt_span(index))
    }

    /// The id of an attempt's span: made of the exchange's, so that it needs no more random bytes and is the same in the
    /// header and in the export.
    pub(super) fn attempt_span(self, index: usize) -> [u8; 8] {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15; // odd: 2^64 steps without a repetition
        let steps = u64::try_from(index).unwrap_or(u64::MAX).saturating_add(1);
        match u64::from_be_bytes(self.span_id).wrapping_add(STEP.wrapping_mul(steps)) {
            0 => STEP.to_be_bytes(),
            id => id.to_be_bytes(),
        }
    }

    fn header_for(self, span_id: [u8; 8]) -> String {
        let mut header = String::with_capacity(55);
        // Writing to a String cannot fail.
        let _ = write!(header, "00-{}-{}-{:02x}", Hex(&self.trace_id), Hex(&span_id), u8::from(self.sampled));
        header
    }
}

impl Serialize for TraceContext {
    /// The record names the trace only.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Hex(&self.trace_id))
    }
}

/// Bytes as lower-case hexadecimal.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a valid `traceparent` says.
struct Parent {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    sampled: bool,
}

/// Version 00 is read strictly; of a later version its first four fields, as the recommendation asks.
fn parse(header: &str) -> Option<Parent> {
    let bytes = header.as_bytes();
    let (version, rest) = (hex::<1>(bytes.get(..2)?)?, bytes.get(55..)?);
    let later = match version {
        [0xFF] => return None,
        [0] => false,
        _ => true,
    };
    if !(rest.is_empty() || later && rest.starts_with(b"-")) {
        return None;
    }
    if [2, 35, 52].iter().any(|at| bytes.get(*at) != Some(&b'-')) {
        return None;
    }
    let trace_id = hex::<16>(bytes.get(3..35)?)?;
    let span_id = hex::<8>(bytes.get(36..52)?)?;
    let [flags] = hex::<1>(bytes.get(53..55)?)?;
    (trace_id != [0; 16] && span_id != [0; 8]).then_some(Parent { trace_id, span_id, sampled: flags & 1 == 1 })
}

/// Lower-case hexadecimal of exactly `N` bytes.
fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let (pairs, rest) = text.as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

fn digit(char: u8) -> Option<u8> {
    match char {
        b'0'..=b'9' => Some(char - b'0'),
        b'a'..=b'f' => Some(char - b'a' + 10),
        _ => None,
    }
}

/// Whether a uniformly random number falls into the first `ratio` of its range. Not a number counts as 0.
#[allow(clippy::cast_precision_loss, reason = "a share needs no more than 53 bits")]
fn is_in_share(chance: u64, ratio: f64) -> bool {
    ratio >= 1.0 || (chance as f64) < ratio * (u64::MAX as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn valid_parent_is_continued_under_a_span_of_our_own() {
        let context = TraceContext::continue_or_start(Some(GIVEN), 0.0, [7; 24]);
        assert!(context.sampled);
        assert_eq!(context.parent, Some([0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]));
        assert_eq!(context.to_header(), "00-4bf92f3577b34da6a3ce929d0e0e4736-0707070707070707-01");
        assert!(context.attempt_header(0).starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
        assert_ne!(context.attempt_header(0), context.attempt_header(1));
        assert_ne!(context.attempt_header(0), context.to_header());
    }

    #[test]
    fn malformed_parent_starts_a_new_trace() {
        for bad in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0\u{e9}",
        ] {
            let context = TraceContext::continue_or_start(Some(bad), 0.0, [7; 24]);
            assert_eq!((context.parent, context.sampled), (None, false), "{bad}");
            assert_eq!(context.trace_id, [7; 16]);
        }
        let later = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-more";
        assert!(TraceContext::continue_or_start(Some(later), 1.0, [7; 24]).parent.is_some());
    }

    #[test]
    fn zero_random_bytes_still_make_valid_ids() {
        let context = TraceContext::continue_or_start(None, 1.0, [0; 24]);
        assert_ne!(context.trace_id, [0; 16]);
        assert_ne!(context.span_id, [0; 8]);
    }

    #[test]
    fn share_of_new_traces_follows_the_ratio() {
        let sampled =
            (0..=255u8).filter(|byte| TraceContext::continue_or_start(None, 0.25, [*byte; 24]).sampled).count();
        assert_eq!(sampled, 64);
    }

    proptest! {
        #[test]
        fn any_header_gives_a_header_that_we_would_accept(incoming in ".{0,80}", random in any::<[u8; 24]>()) {
            let header = TraceContext::continue_or_start(Some(&incoming), 0.5, random).to_header();
            prop_assert!(parse(&header).is_some());
        }
    }
}
