//! URLs that lead to an internal service (CWE-918). Names are judged as written, without a look-up: a public name that resolves to a private
//! address is for whoever connects to refuse.

use super::Report;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use unicode_normalization::UnicodeNormalization;

/// Longest host with user name, in bytes.
const AUTHORITY: usize = 300;

/// Schemes that fetch files or speak other protocols than HTTP.
const OTHER_SCHEMES: [&str; 16] = [
    "file", "gopher", "dict", "ldap", "ldaps", "tftp", "jar", "netdoc", "phar", "php", "expect", "smb", "ogg", "sftp",
    "glob", "zip",
];

/// Reports URLs that lead inside.
pub(super) fn scan(text: &str, report: &mut Report<'_>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(offset) = bytes.get(at..).and_then(|rest| memchr::memchr2(b':', b'/', rest)) {
        let sign = at.saturating_add(offset);
        at = sign.saturating_add(1);
        let found = match bytes.get(sign) {
            Some(b':') => with_scheme(text, sign),
            _ => without_scheme(text, sign),
        };
        if let Some((rule, score, span)) = found {
            at = at.max(span.end);
            report.add(rule, score, span);
        }
        if report.is_full() {
            return;
        }
    }
    if report.count == 0
        && let Some((rule, score, span)) = share(text).or_else(|| pulled_apart(text))
    {
        report.add(rule, score, span);
    }
    if !text.contains("//")
        && let Some((rule, score, span)) = bare(text)
    {
        report.add(rule, score, span);
    }
}

/// A parameter that is a share of another machine: `\\\\10.0.0.1\\share`.
fn share(text: &str) -> Option<Found> {
    let start = text.len().saturating_sub(text.trim_start().len());
    text.get(start..)?.starts_with("\\\\").then(|| judge(text, start, start.saturating_add(2))).flatten()
}

/// A parameter whose scheme or host has tabs or line breaks inside, which browsers and many clients pass over.
fn pulled_apart(text: &str) -> Option<Found> {
    let trimmed = text.trim();
    let is_break = |c: char| matches!(c, '\t' | '\n' | '\r');
    if trimmed.len() > AUTHORITY || trimmed.contains(' ') || !trimmed.contains(is_break) {
        return None;
    }
    let whole: String = trimmed.chars().filter(|c| !is_break(*c)).collect();
    let colon = whole.find(':')?;
    with_scheme(&whole, colon).map(|(rule, score, _)| (rule, score, 0..text.len()))
}

type Found = (&'static str, f32, Range<usize>);

/// `scheme:` with one or more slashes behind.
fn with_scheme(text: &str, colon: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    let is_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let before = bytes.get(colon.saturating_sub(16)..colon)?;
    let len = before.iter().rev().take_while(|byte| is_scheme(byte)).count();
    let start = colon.saturating_sub(len);
    let scheme = text.get(start..colon)?.to_ascii_lowercase();
    let rest = bytes.get(colon.saturating_add(1)..)?;
    let slashes = rest.iter().take(8).take_while(|byte| matches!(byte, b'/' | b'\\')).count();
    let host_at = colon.saturating_add(1).saturating_add(slashes);
    // `jar:http://…`, `url:file:///…`: the inner URL is met on its own.
    let other = OTHER_SCHEMES.iter().any(|other| scheme == *other);
    if other && slashes >= 1 {
        return Some(("sink.ssrf.scheme", 0.9, start..host_at));
    }
    let web = matches!(scheme.as_str(), "http" | "https" | "ws" | "wss" | "ftp");
    if !web {
        return None;
    }
    if slashes == 0 {
        // `http:10.0.0.1/`, which browsers read as if the slashes were there.
        return judge(text, start, host_at);
    }
    judge(text, start, host_at).or_else(|| single_label(rest.get(slashes..)?, start, host_at))
}

/// A name without a dot is no public one: `http://intranet/`.
fn single_label(rest: &[u8], start: usize, host_at: usize) -> Option<Found> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let len = rest.iter().take(64).take_while(|byte| is_part(byte)).count();
    let ended = rest.get(len).is_none_or(|next| matches!(next, b'/' | b':' | b'?' | b'#'));
    let named = rest.first().is_some_and(u8::is_ascii_alphabetic);
    // Before an `@` it is a user's name.
    let authority = rest.iter().take(AUTHORITY).take_while(|byte| !b"/?#\\".contains(byte));
    let is_user = authority.clone().any(|byte| *byte == b'@');
    (named && ended && !is_user).then(|| ("sink.ssrf.internal-host", 0.6, start..host_at.saturating_add(len)))
}

/// `//host/…` as browsers and many clients take it.
fn without_scheme(text: &str, slash: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    let begins = slash
        .checked_sub(1)
        .and_then(|before| bytes.get(before))
        .is_none_or(|before| before.is_ascii_whitespace() || matches!(before, b'"' | b'\'' | b'=' | b'('));
    let double = matches!(bytes.get(slash..), Some([b'/', b'/' | b'\\', ..]));
    (begins && double).then(|| judge(text, slash, slash.saturating_add(2))).flatten()
}

/// A parameter that is nothing but a host, with a port or a path.
fn bare(text: &str) -> Option<Found> {
    let trimmed = text.trim();
    let start = text.len().saturating_sub(text.trim_start().len());
    let host_like = !trimmed.is_empty() && trimmed.len() <= AUTHORITY && !trimmed.contains(char::is_whitespace);
    let more = trimmed.contains(['/', ':']) || trimmed == "169.254.169.254";
    // A bare number is a number; only dotted or named hosts are taken for hosts here.
    let host = trimmed.split(['/', ':']).next().unwrap_or("");
    let dots = host.bytes().filter(|byte| *byte == b'.').count();
    let named = (dots > 0 && host.bytes().any(|byte| byte.is_ascii_alphabetic()))
        || dots == 3
        || trimmed.to_ascii_lowercase().starts_with("localhost");
    (host_like && more && named && !trimmed.starts_with(['/', '.'])).then(|| judge(text, start, start)).flatten()
}

/// Judges the authority that begins at `host_at`.
fn judge(text: &str, start: usize, host_at: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    let rest = bytes.get(host_at..)?;
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"\"'<>`|{}".contains(byte);
    let whole = rest.iter().take(AUTHORITY).position(ends).unwrap_or(rest.len().min(AUTHORITY));
    let whole = rest.get(..whole)?;
    let authority = whole.iter().position(|byte| b"/?#\\".contains(byte)).unwrap_or(whole.len());
    let after_at = |part: &[u8]| memchr::memrchr(b'@', part).map_or(0, |at| at.saturating_add(1));
    let first = host_of(whole.get(after_at(whole.get(..authority)?)..authority)?);
    if let Some((rule, score)) = host_kind(&first) {
        return Some((rule, score, start..host_at.saturating_add(authority)));
    }
    // Clients disagree where a host ends in `good.example#@inside`: the other reading counts as well.
    let tail = whole.get(authority.saturating_add(1)..)?;
    let tail = tail.get(..tail.iter().position(|byte| *byte == b'/').unwrap_or(tail.len()))?;
    let confused = whole.get(authority).is_some_and(|sign| matches!(sign, b'#' | b'?' | b'\\'));
    let second = host_of(tail.get(after_at(tail)..)?);
    let hidden = confused && after_at(tail) > 0;
    let (rule, score) = host_kind(&second).filter(|_| hidden)?;
    Some((rule, score, start..host_at.saturating_add(whole.len())))
}

/// The host without its port, brackets and final dot, percent signs undone, in lower case.
fn host_of(authority: &[u8]) -> String {
    let decoded = percent_encoding::percent_decode(authority).decode_utf8_lossy().to_ascii_lowercase();
    let host = match decoded.strip_prefix('[') {
        Some(inner) => inner.split([']', '%']).next().unwrap_or(""),
        None => decoded.split(':').next().unwrap_or(""),
    };
    // A program in C reads no further than a NUL.
    let host = host.split('\0').next().unwrap_or("");
    let ends = ['.', ',', ')', ';', '!'];
    match host.is_ascii() {
        true => host.trim_end_matches(ends).to_owned(),
        // Clients fold such characters before they look a name up: `①⑥⑨。254…`.
        false => {
            let folded: String = host.nfkc().map(|letter| if letter == '\u{3002}' { '.' } else { letter }).collect();
            folded.trim_end_matches(ends).to_owned()
        }
    }
}

fn host_kind(host: &str) -> Option<(&'static str, f32)> {
    if let Ok(address) = host.parse::<Ipv6Addr>() {
        return address_v6(address);
    }
    if let Some(address) = parse_v4(host) {
        return address_v4(address);
    }
    const METADATA: [&str; 5] =
        ["metadata.google.internal", "metadata", "metadata.azure.internal", "instance-data", "metadata.goog"];
    if METADATA.contains(&host) {
        return Some(("sink.ssrf.metadata", 0.97));
    }
    const NAMES: [&str; 9] = [
        "localhost",
        "localtest.me",
        "lvh.me",
        "host.docker.internal",
        "kubernetes",
        "kubernetes.default",
        "ip6-localhost",
        "ip6-loopback",
        "localhost.localdomain",
    ];
    const ENDINGS: [&str; 9] = [
        ".localhost",
        ".local",
        ".internal",
        ".svc",
        ".cluster.local",
        ".localtest.me",
        ".lvh.me",
        ".lan",
        ".intranet",
    ];
    if NAMES.contains(&host) || ENDINGS.iter().any(|ending| host.ends_with(ending)) {
        return Some(("sink.ssrf.internal-host", 0.9));
    }
    // Services that answer with the address in the name.
    let embedded = [".nip.io", ".sslip.io", ".xip.io"].iter().find_map(|ending| host.strip_suffix(ending))?;
    let tail: Vec<&str> = embedded.rsplit(['.', '-']).take(4).collect();
    let dotted = tail.into_iter().rev().collect::<Vec<_>>().join(".");
    parse_v4(&dotted).and_then(address_v4)
}

/// As `inet_aton` reads it: one to four parts, each decimal, octal (`0…`) or hexadecimal (`0x…`), the last filling the rest.
fn parse_v4(host: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u64> = host.split('.').take(5).map(number).collect::<Option<_>>()?;
    let (last, head) = parts.split_last().filter(|(_, head)| head.len() <= 3)?;
    let room = 8 * (4 - u32::try_from(head.len()).ok()?);
    if *last >= 1u64 << room || head.iter().any(|part| *part > 255) {
        return None;
    }
    let high = head.iter().enumerate().fold(0u64, |value, (index, part)| value | part << (24 - 8 * index));
    u32::try_from(high | last).ok().map(Ipv4Addr::from)
}

fn number(part: &str) -> Option<u64> {
    let (digits, radix) = match part.strip_prefix("0x") {
        Some(hex) => (hex, 16),
        None if part.len() > 1 && part.starts_with('0') => (part, 8),
        None => (part, 10),
    };
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .then(|| u64::from_str_radix(digits, radix).ok())
        .flatten()
}

fn address_v4(address: Ipv4Addr) -> Option<(&'static str, f32)> {
    let [a, b, c, _] = address.octets();
    if address == Ipv4Addr::new(169, 254, 169, 254) || address == Ipv4Addr::new(100, 100, 100, 200) {
        return Some(("sink.ssrf.metadata", 0.97));
    }
    let shared = a == 100 && (64..128).contains(&b);
    let special = a == 0 || a >= 224 || (a, b, c) == (192, 0, 0) || (a == 198 && matches!(b, 18 | 19));
    let inside = address.is_loopback() || address.is_private() || address.is_link_local() || shared || special;
    inside.then_some(("sink.ssrf.private-address", 0.95))
}

fn address_v6(address: Ipv6Addr) -> Option<(&'static str, f32)> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let inner = |high: u16, low: u16| address_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match (a, b) {
        // Mapped, compatible and translated addresses lead to the IPv4 address inside.
        (0, 0) if c == 0 && d == 0 && e == 0 && matches!(f, 0 | 0xFFFF) && (g, h) != (0, 0) && (g, h) != (0, 1) => {
            inner(g, h)
        }
        (0x64, 0xFF9B) => inner(g, h),
        (0x2002, _) => inner(b, c),
        (0xFD00, 0x0EC2) => Some(("sink.ssrf.metadata", 0.97)),
        _ => {
            let local = address.is_loopback() || address.is_unspecified() || address.is_unique_local();
            (local || address.is_unicast_link_local() || address.is_multicast())
                .then_some(("sink.ssrf.private-address", 0.95))
        }
    }
}
