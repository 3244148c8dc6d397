//! What is left of a client's rates, in the headers that the SDKs read: OpenAI's with a Go-style duration, Anthropic's with
//! an RFC 3339 time. The caller overwrites an upstream's values only where ours are tighter.

use crate::state::Standing;
use http::header::{HeaderName, HeaderValue};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What is left of the request and token rates of one client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateHeaders {
    /// Requests; `None` where the client has no rate.
    pub requests: Option<Standing>,
    /// Tokens; `None` where the client has no rate.
    pub tokens: Option<Standing>,
}

/// The names of one rate in one dialect: limit, remaining, reset.
type Names = [HeaderName; 3];

const OPENAI_REQUESTS: Names = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
];
const OPENAI_TOKENS: Names = [
    HeaderName::from_static("x-ratelimit-limit-tokens"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
];
const ANTHROPIC_REQUESTS: Names = [
    HeaderName::from_static("anthropic-ratelimit-requests-limit"),
    HeaderName::from_static("anthropic-ratelimit-requests-remaining"),
    HeaderName::from_static("anthropic-ratelimit-requests-reset"),
];
const ANTHROPIC_TOKENS: Names = [
    HeaderName::from_static("anthropic-ratelimit-tokens-limit"),
    HeaderName::from_static("anthropic-ratelimit-tokens-remaining"),
    HeaderName::from_static("anthropic-ratelimit-tokens-reset"),
];

impl RateHeaders {
    /// OpenAI's headers (also used on JSON routes).
    pub fn openai(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> + use<> {
        self.rows(OPENAI_REQUESTS, OPENAI_TOKENS, go_duration)
    }

    /// Anthropic's headers. `now` is the wall clock.
    pub fn anthropic(&self, now: SystemTime) -> impl Iterator<Item = (HeaderName, HeaderValue)> + use<> {
        self.rows(ANTHROPIC_REQUESTS, ANTHROPIC_TOKENS, move |reset| rfc3339(now.checked_add(reset).unwrap_or(now)))
    }

    fn rows<F: Fn(Duration) -> String>(
        &self,
        requests: Names,
        tokens: Names,
        write_reset: F,
    ) -> impl Iterator<Item = (HeaderName, HeaderValue)> + use<F> {
        [(self.requests, requests), (self.tokens, tokens)]
            .into_iter()
            .filter_map(|(standing, names)| Some((standing?, names)))
            .flat_map(move |(standing, [limit, remaining, reset])| {
                [
                    Some((limit, HeaderValue::from(standing.limit))),
                    Some((remaining, HeaderValue::from(standing.remaining))),
                    HeaderValue::try_from(write_reset(standing.reset)).ok().map(|value| (reset, value)),
                ]
            })
            .flatten()
    }
}

/// `1h2m3s`, `6m0s`, `1.5s`, `120ms`, as Go prints durations; rounded up to milliseconds.
fn go_duration(duration: Duration) -> String {
    let millis = duration.as_nanos().div_ceil(1_000_000);
    if millis == 0 {
        return "0s".to_owned();
    }
    if millis < 1000 {
        return format!("{millis}ms");
    }
    let (hours, minutes, rest) = (millis / 3_600_000, millis / 60_000 % 60, millis % 60_000);
    let mut text = String::new();
    if hours > 0 {
        text.push_str(&format!("{hours}h"));
    }
    if hours > 0 || minutes > 0 {
        text.push_str(&format!("{minutes}m"));
    }
    let fraction = format!("{:03}", rest % 1000);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    text.push_str(&format!("{}{point}{fraction}s", rest / 1000));
    text
}

/// A time in UTC, rounded up to seconds. The calendar is Howard Hinnant's days-to-civil arithmetic.
fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs().saturating_add(u64::from(since.subsec_nanos() > 0));
    let (days, second_of_day) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01, so that the leap day is the last of its year.
    let shifted = days.saturating_add(719_468);
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_go_writes_them() {
        for (millis, wanted) in [
            (0, "0s"),
            (120, "120ms"),
            (1000, "1s"),
            (1500, "1.5s"),
            (360_000, "6m0s"),
            (3_723_040, "1h2m3.04s"),
            (3_600_000, "1h0m0s"),
        ] {
            assert_eq!(go_duration(Duration::from_millis(millis)), wanted);
        }
        assert_eq!(go_duration(Duration::from_nanos(1)), "1ms");
    }

    #[test]
    fn times_are_written_in_utc_over_leap_days() {
        for (seconds, wanted) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (4_102_444_799, "2099-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_secs(seconds)), wanted);
        }
    }

    #[test]
    fn a_client_without_a_rate_gets_no_header() {
        assert_eq!(RateHeaders::default().openai().count(), 0);
        let standing = Standing { limit: 60, remaining: 59, reset: Duration::from_secs(1) };
        let headers = RateHeaders { requests: Some(standing), tokens: None };
        let written: Vec<_> =
            headers.openai().map(|(name, value)| format!("{name}={}", value.to_str().unwrap())).collect();
        assert_eq!(
            written,
            ["x-ratelimit-limit-requests=60", "x-ratelimit-remaining-requests=59", "x-ratelimit-reset-requests=1s"]
        );
        assert_eq!(headers.anthropic(UNIX_EPOCH).last().unwrap().1, "1970-01-01T00:00:01Z");
    }
}
