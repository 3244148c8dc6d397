//! How long to wait before another try. Pure: the clock and the dice are parameters.

use crate::config::settings::Retries;
use http::HeaderMap;
use http::header::RETRY_AFTER;
use std::time::{Duration, SystemTime};

/// Longest wait that is believed at all; keeps the arithmetic small.
const ABSURD: Duration = Duration::from_secs(7 * 86_400);

/// Random numbers from a seed (SplitMix64), for spreading waits; nothing secret depends on them.
#[derive(Debug)]
pub(super) struct Jitter(u64);

impl Jitter {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number, from 0.0 up to but not including 1.0.
    pub(super) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        // 53 bits are what an f64 holds exactly.
        #[allow(clippy::cast_precision_loss, reason = "53 bits fit")]
        let fraction = (mixed >> 11) as f64;
        fraction / 9_007_199_254_740_992.0
    }
}

/// The pause before the try after `tries` (1 or more): exponential from `base` up to `max`, full jitter.
pub(super) fn backoff(retries: &Retries, tries: u32, jitter: f64) -> Duration {
    let doublings = tries.saturating_sub(1).min(20);
    let longest = retries.base.saturating_mul(1 << doublings).min(retries.max).min(ABSURD);
    longest.mul_f64(jitter.clamp(0.0, 1.0))
}

/// How long the upstream asks to wait: `retry-after-ms`, else `retry-after` in seconds (a fraction is accepted) or as a
/// date; `None` where it does not say or says nonsense.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(wait) = text("retry-after-ms").and_then(|text| text.parse::<f64>().ok()).and_then(seconds_from_ms) {
        return Some(wait);
    }
    let text = text(RETRY_AFTER.as_str())?;
    if let Ok(seconds) = text.parse::<f64>() {
        return bounded(seconds);
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or(Duration::ZERO).min(ABSURD))
}

/// Whether the upstream says in words that trying again is no use.
pub(super) fn says_no_retry(headers: &HeaderMap) -> bool {
    headers.get("x-should-retry").is_some_and(|value| value == "false")
}

fn seconds_from_ms(ms: f64) -> Option<Duration> {
    bounded(ms / 1000.0)
}

fn bounded(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok().map(|wait| wait.min(ABSURD))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn retry_after_is_read_in_all_its_forms() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let read = |pairs: &[_]| retry_after(&headers(pairs), now);
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[("retry-after", "3")]), Some(Duration::from_secs(3)));
        assert_eq!(read(&[("retry-after", "0.5")]), Some(Duration::from_millis(500)));
        assert_eq!(read(&[("retry-after", "9"), ("retry-after-ms", "20")]), Some(Duration::from_millis(20)));
        assert_eq!(read(&[("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT")]), Some(Duration::from_secs(10)));
        assert_eq!(read(&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")]), Some(Duration::ZERO));
        assert_eq!(read(&[("retry-after", "1e300")]), None);
        for nonsense in ["-1", "NaN", "inf", "soon", ""] {
            assert_eq!(read(&[("retry-after", nonsense)]), None, "{nonsense}");
        }
    }

    #[test]
    fn backoff_doubles_up_to_its_longest_and_jitter_only_shortens_it() {
        let retries = Retries { attempts: 9, base: Duration::from_millis(200), max: Duration::from_secs(1) };
        let longest: Vec<_> = (1..=5).map(|tries| backoff(&retries, tries, 1.0).as_millis()).collect();
        assert_eq!(longest, [200, 400, 800, 1000, 1000]);
        assert_eq!(backoff(&retries, 1, 0.0), Duration::ZERO);
        let absurd = Retries { attempts: 9, base: Duration::MAX, max: Duration::MAX };
        assert_eq!(backoff(&absurd, u32::MAX, 1.0), ABSURD);
    }

    #[test]
    fn jitter_is_spread_over_the_unit_interval() {
        let mut jitter = Jitter::new(0);
        let drawn: Vec<_> = (0..1000).map(|_| jitter.next()).collect();
        assert!(drawn.iter().all(|number| (0.0..1.0).contains(number)));
        let mean = drawn.iter().sum::<f64>() / 1000.0;
        assert!((0.45..0.55).contains(&mean), "{mean}");
    }
}
