//! The header names that framing, identity and routing depend on. Every name of a request is classified once; a name
//! that becomes one of these when `_` is read as `-` (CGI, WSGI and some proxies do that) is never let through.

/// What a header name means to the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Host,
    ContentLength,
    TransferEncoding,
    Authorization,
    XApiKey,
    ApiKey,
    XGoogApiKey,
    ContentType,
    ContentEncoding,
    Connection,
    Upgrade,
    Expect,
    MethodOverride,
    /// Removed before anybody reads the head: hop-by-hop, a statement that only a trusted proxy may make, or a second path.
    Stripped,
    /// Kept, but neither `Connection` nor a trailer may name it.
    Guarded,
}

/// A name and whether it was written with `_` for `-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Classified {
    pub known: Known,
    pub shadow: bool,
}

/// Sorted by length.
const NAMES: [(&str, Known); 36] = [
    ("te", Known::Stripped),
    ("host", Known::Host),
    ("cookie", Known::Guarded),
    ("expect", Known::Expect),
    ("api-key", Known::ApiKey),
    ("trailer", Known::Stripped),
    ("upgrade", Known::Upgrade),
    ("forwarded", Known::Stripped),
    ("x-api-key", Known::XApiKey),
    ("x-real-ip", Known::Stripped),
    ("connection", Known::Connection),
    ("keep-alive", Known::Stripped),
    ("set-cookie", Known::Guarded),
    ("content-type", Known::ContentType),
    ("x-request-id", Known::Guarded),
    ("authorization", Known::Authorization),
    ("content-range", Known::Guarded),
    ("x-http-method", Known::MethodOverride),
    ("x-rewrite-url", Known::Stripped),
    ("content-length", Known::ContentLength),
    ("http2-settings", Known::Upgrade),
    ("true-client-ip", Known::Stripped),
    ("x-goog-api-key", Known::XGoogApiKey),
    ("x-original-url", Known::Stripped),
    ("x-forwarded-for", Known::Stripped),
    ("content-encoding", Known::ContentEncoding),
    ("proxy-connection", Known::Stripped),
    ("x-forwarded-host", Known::Stripped),
    ("x-forwarded-port", Known::Stripped),
    ("anthropic-version", Known::Guarded),
    ("transfer-encoding", Known::TransferEncoding),
    ("x-forwarded-proto", Known::Stripped),
    ("x-method-override", Known::MethodOverride),
    ("proxy-authorization", Known::Stripped),
    ("x-http-method-override", Known::MethodOverride),
    ("x-forwarded-client-cert", Known::Stripped),
];

/// For each length the range of [`NAMES`], which is sorted by length.
const BY_LENGTH: [(usize, usize); 24] = {
    let mut ranges = [(0, 0); 24];
    let mut at = 0;
    while at < NAMES.len() {
        let len = NAMES[at].0.len();
        if ranges[len].1 == 0 {
            ranges[len].0 = at;
        }
        assert!(at == 0 || NAMES[at - 1].0.len() <= len, "sorted by length");
        at += 1;
        ranges[len].1 = at;
    }
    ranges
};

/// Says what a name means; `None` for the names that the gate does not care about.
pub(super) fn classify(name: &[u8]) -> Option<Classified> {
    // The length decides nearly always, so that an ordinary header costs a look into a small table.
    let (from, to) = BY_LENGTH.get(name.len()).copied()?;
    let (text, known) = NAMES.get(from..to)?.iter().find(|(text, _)| same(name, text.as_bytes()))?;
    let shadow = name.iter().zip(text.as_bytes()).any(|(byte, wanted)| *byte == b'_' && *wanted == b'-');
    Some(Classified { known: *known, shadow })
}

/// The names that are removed from every head.
pub(super) fn stripped() -> impl Iterator<Item = &'static str> {
    NAMES.iter().filter(|(_, known)| *known == Known::Stripped).map(|(text, _)| *text)
}

/// Whether a byte may stand in a token (RFC 9110 §5.6.2).
pub(super) fn is_token_byte(byte: u8) -> bool {
    TOKEN.get(usize::from(byte)).copied().unwrap_or(false)
}

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let symbol = byte as u8;
        table[byte] = symbol.is_ascii_alphanumeric()
            || matches!(
                symbol,
                b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
            );
        byte += 1;
    }
    table
};

/// Compares without regard to case and with `_` read as `-`. Both sides have one length.
fn same(name: &[u8], wanted: &[u8]) -> bool {
    name.iter().zip(wanted).all(|(byte, wanted)| {
        let folded = if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
        folded == *wanted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_written_with_underscores_is_a_shadow_of_the_real_one() {
        let real = classify(b"Content-Length").unwrap();
        assert_eq!((real.known, real.shadow), (Known::ContentLength, false));
        for shadow in ["content_length", "X_Api_Key", "transfer_encoding", "x_forwarded-for"] {
            assert!(classify(shadow.as_bytes()).unwrap().shadow, "{shadow}");
        }
        assert_eq!(classify(b"x_custom_name"), None);
        assert_eq!(classify(b"content.length"), None);
    }

    #[test]
    fn every_listed_name_is_found_again() {
        for (text, known) in NAMES {
            assert_eq!(classify(text.to_uppercase().as_bytes()), Some(Classified { known, shadow: false }), "{text}");
        }
    }

    #[test]
    fn token_bytes_are_those_of_rfc_9110() {
        let count = (0..=255u8).filter(|byte| is_token_byte(*byte)).count();
        assert_eq!(count, 26 + 26 + 10 + 15);
        assert!(!is_token_byte(b':') && !is_token_byte(b' ') && !is_token_byte(0x80));
    }
}
