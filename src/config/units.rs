//! Quantities as operators write them: `10s`, `32MiB`, `60/min`. Pure; every number has its unit beside it.

use crate::model::settings::Rate;
use std::net::SocketAddr;
use std::time::Duration;

/// Why a quantity is not one. The text completes "… is not a duration: ".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum UnitError {
    #[error("write a whole number and a unit: ms, s, m, h or d (10s, 200ms)")]
    Duration,
    #[error("write a whole number and a unit: B, KiB, MiB or GiB (32MiB)")]
    Bytes,
    #[error("write a number of at least 1, `/`, and s, min, h or day (60/min)")]
    Rate,
    #[error("write an IP address and a port from 1 to 65535 (127.0.0.1:8080, [::1]:8080)")]
    Address,
    #[error("write 64 hexadecimal digits (`portcullis keys new` prints them)")]
    Sha256,
}

/// A whole number and the rest of the text.
fn number(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit.strip_prefix(' ').unwrap_or(unit)))
}

/// `200ms`, `10s`, `5m` (or `5min`), `1h`, `7d`.
pub(super) fn duration(text: &str) -> Result<Duration, UnitError> {
    let (count, unit) = number(text).ok_or(UnitError::Duration)?;
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(UnitError::Duration),
    };
    count.checked_mul(unit_ms).map(Duration::from_millis).ok_or(UnitError::Duration)
}

/// `512B`, `64KiB`, `32MiB`, `1GiB`. Decimal units are refused: one cannot tell which was meant.
pub(super) fn bytes(text: &str) -> Result<u64, UnitError> {
    let (count, unit) = number(text).ok_or(UnitError::Bytes)?;
    let unit_bytes: u64 = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(UnitError::Bytes),
    };
    count.checked_mul(unit_bytes).ok_or(UnitError::Bytes)
}

/// `60/min`, `1000/h`, `10/s`, `5000/day`.
pub(super) fn rate(text: &str) -> Result<Rate, UnitError> {
    let (count, period) = number(text).ok_or(UnitError::Rate)?;
    let per_secs = match period.strip_prefix('/').map(str::trim_start).ok_or(UnitError::Rate)? {
        "s" | "sec" => 1,
        "min" => 60,
        "h" | "hour" => 3_600,
        "day" => 86_400,
        _ => return Err(UnitError::Rate),
    };
    let count = u32::try_from(count).ok().filter(|count| *count > 0).ok_or(UnitError::Rate)?;
    Ok(Rate { count, per: Duration::from_secs(per_secs) })
}

/// `127.0.0.1:8080`. Names are refused: what they resolve to can change behind the check for loopback.
pub(super) fn address(text: &str) -> Result<SocketAddr, UnitError> {
    text.parse::<SocketAddr>().ok().filter(|address| address.port() != 0).ok_or(UnitError::Address)
}

/// 64 hexadecimal digits of either case.
pub(super) fn sha256(text: &str) -> Result<[u8; 32], UnitError> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(UnitError::Sha256);
    }
    let mut hash = [0; 32];
    for (index, byte) in hash.iter_mut().enumerate() {
        let digits = text.get(index * 2..index * 2 + 2).ok_or(UnitError::Sha256)?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| UnitError::Sha256)?;
    }
    Ok(hash)
}

/// A duration as an operator would write it.
pub(super) fn show_duration(duration: Duration) -> String {
    match u64::try_from(duration.as_millis()).unwrap_or(u64::MAX) {
        ms if ms == 0 || ms % 1_000 != 0 => format!("{ms}ms"),
        ms if ms % 86_400_000 == 0 => format!("{}d", ms / 86_400_000),
        ms if ms % 3_600_000 == 0 => format!("{}h", ms / 3_600_000),
        ms if ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        ms => format!("{}s", ms / 1_000),
    }
}

/// A size as an operator would write it.
pub(super) fn show_bytes(bytes: u64) -> String {
    match bytes {
        n if n >= 1 << 30 && n % (1 << 30) == 0 => format!("{}GiB", n >> 30),
        n if n >= 1 << 20 && n % (1 << 20) == 0 => format!("{}MiB", n >> 20),
        n if n >= 1 << 10 && n % (1 << 10) == 0 => format!("{}KiB", n >> 10),
        n => format!("{n}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_without_its_unit_is_no_quantity() {
        assert_eq!(duration("10"), Err(UnitError::Duration));
        assert_eq!(bytes("1024"), Err(UnitError::Bytes));
        assert_eq!(rate("60"), Err(UnitError::Rate));
    }

    #[test]
    fn ambiguous_and_overflowing_quantities_are_refused() {
        for text in ["1MB", "1kb", "1.5MiB", "-1B", "99999999999GiB", "+1B", ""] {
            assert_eq!(bytes(text), Err(UnitError::Bytes), "{text}");
        }
        for text in ["1M", "1 m s", "1.5s", "s", "18446744073709551615d", "٣s"] {
            assert_eq!(duration(text), Err(UnitError::Duration), "{text}");
        }
        for text in ["0/min", "60/m", "60/month", "4294967296/s", "60 per min", "60/"] {
            assert_eq!(rate(text), Err(UnitError::Rate), "{text}");
        }
        for text in ["localhost:80", "127.0.0.1", "127.0.0.1:0", "::1:80", ":8080"] {
            assert_eq!(address(text), Err(UnitError::Address), "{text}");
        }
    }

    #[test]
    fn the_written_forms_mean_what_they_say() {
        assert_eq!(duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(bytes("32 MiB"), Ok(32 << 20));
        assert_eq!(rate("1000/h"), Ok(Rate { count: 1000, per: Duration::from_secs(3600) }));
        assert_eq!(sha256(&"0F".repeat(32)), Ok([15; 32]));
    }

    proptest! {
        #[test]
        fn shown_quantities_read_back_as_themselves(ms in 0u64..1 << 40, size in 0u64..1 << 50) {
            let time = Duration::from_millis(ms);
            prop_assert_eq!(duration(&show_duration(time)), Ok(time));
            prop_assert_eq!(bytes(&show_bytes(size)), Ok(size));
        }

        #[test]
        fn no_text_makes_a_quantity_panic(text in "\\PC{0,20}") {
            let _ = (duration(&text), bytes(&text), rate(&text), address(&text), sha256(&text));
        }
    }
}
