//! Headers that every answer of the gateway carries, on every listener. They only ever take rights away from a browser, so
//! that an answer that reflects something cannot be sniffed into markup, framed, cached or leaked by a referrer.
//!
//! Source: OWASP REST Security Cheat Sheet and OWASP Secure Headers Project. `strict-transport-security` is not among
//! them, because the gateway's own listeners speak plain HTTP and whoever ends TLS in front of them answers for it.

/// Name (lower case) and value of each header. They replace what an
/// upstream said under the same name.
pub const SECURITY_HEADERS: [(&str, &str); 8] = [
    ("x-content-type-options", "nosniff"),
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-permitted-cross-domain-policies", "none"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_header_is_lower_case_and_given_once() {
        let mut names: Vec<_> = SECURITY_HEADERS.iter().map(|(name, _)| *name).collect();
        assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SECURITY_HEADERS.len());
    }
}
