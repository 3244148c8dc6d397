//! E-mail and IP addresses.

use super::{Hit, Kind, Words, not_after, said_before};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// RFC 5321: longest local part and longest domain, in bytes.
const LOCAL_PART: usize = 64;
const DOMAIN: usize = 255;
/// Longest IPv6 address as text, with an IPv4 tail.
const IPV6_TEXT: usize = 45;
/// Endings that are names of files, not of countries or organisations: `icon@2x.png`.
const FILE_ENDINGS: [&str; 12] = ["png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "ts", "json", "html", "py"];

static VERSION_WORDS: Words = Words::new(&["version", "ver.", "release", "build", "rev."]);

/// The e-mail address around an `@`. `done` is where the last sighting ended.
pub(super) fn email(text: &str, at: usize, done: usize) -> Option<Hit> {
    let bytes = text.as_bytes();
    let start = local_part(text, at, done)?;
    let domain = domain(text, at.saturating_add(1))?;
    let is_git = bytes.get(start..at) == Some(b"git") && bytes.get(domain.end) == Some(&b':');
    (!is_git).then_some(Hit { kind: Kind::Email, span: start..domain.end, score: 0.95 })
}

/// Letters of names with accents belong to an address; those of scripts that are written without spaces do not.
fn is_latin_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || (('\u{C0}'..='\u{24F}').contains(&letter) && letter.is_alphabetic())
}

fn local_part(text: &str, at: usize, done: usize) -> Option<usize> {
    let floor = text.ceil_char_boundary(at.saturating_sub(LOCAL_PART).max(done));
    let before = text.get(floor..at)?;
    let is_part = |letter: char| is_latin_letter(letter) || ".!#$%&'*+/=?^_{|}~-".contains(letter);
    let part = match before.rfind(|letter| !is_part(letter)) {
        Some(stop) => before.get(text.ceil_char_boundary(floor.saturating_add(stop).saturating_add(1)) - floor..)?,
        None => before,
    };
    // Punctuation that may begin an address in the RFC stands around it in life.
    let part = part.trim_start_matches(|letter: char| !is_latin_letter(letter) && letter != '_');
    let part = match part.rfind(['=', '/', '|', '&', '?', '*']) {
        Some(stop) => part.get(stop.checked_add(1)?..)?,
        None => part,
    };
    (!part.is_empty() && !part.ends_with('.')).then(|| at.saturating_sub(part.len()))
}

/// Labels with dots between, the last of letters (or `xn--…`).
fn domain(text: &str, from: usize) -> Option<Range<usize>> {
    let end = text.floor_char_boundary(from.saturating_add(DOMAIN).min(text.len()));
    let rest = text.get(from..end)?;
    let is_part = |letter: char| is_latin_letter(letter) || matches!(letter, '.' | '-');
    let domain = rest.get(..rest.find(|letter| !is_part(letter)).unwrap_or(rest.len()))?;
    let mut domain = domain.trim_end_matches(['.', '-']);
    // `a@b.example.5` and `a@b.co.Then`: drop last labels that cannot end a domain.
    while let Some((head, last)) = domain.rsplit_once('.') {
        let is_top = (last.len() >= 2 && last.chars().all(char::is_alphabetic)) || last.starts_with("xn--");
        if is_top {
            let file = FILE_ENDINGS.iter().any(|ending| last.eq_ignore_ascii_case(ending));
            let labels_fit = !head.starts_with(['.', '-']) && !head.contains("..");
            return (labels_fit && !file).then(|| from..from.saturating_add(domain.len()));
        }
        domain = head;
    }
    None
}

/// An IPv4 address that begins with the digit at `at`.
pub(super) fn ipv4(bytes: &[u8], at: usize, done: usize) -> Option<Hit> {
    if at < done
        || !not_after(bytes, at, |before| before.is_ascii_alphanumeric() || matches!(before, b'.' | b'_' | b'-'))
    {
        return None;
    }
    let mut octets = [0u8; 4];
    let mut end = at;
    for (index, octet) in octets.iter_mut().enumerate() {
        if index > 0 {
            end = (bytes.get(end) == Some(&b'.')).then(|| end.saturating_add(1))?;
        }
        let digits = bytes.get(end..)?.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
        let text = std::str::from_utf8(bytes.get(end..end.saturating_add(digits))?).ok()?;
        if digits > 1 && text.starts_with('0') {
            return None;
        }
        *octet = text.parse().ok()?;
        end = end.saturating_add(digits);
    }
    let goes_on = match bytes.get(end) {
        Some(b'.') => bytes.get(end.saturating_add(1)).is_some_and(u8::is_ascii_digit),
        Some(next) => next.is_ascii_alphanumeric() || matches!(next, b'_' | b'-'),
        None => false,
    };
    if goes_on || is_version(bytes, at) {
        return None;
    }
    Some(Hit { kind: Kind::IpAddress, span: at..end, score: score_v4(Ipv4Addr::from(octets)) })
}

/// `version 1.2.3.4`, `Chrome/120.0.0.0`.
fn is_version(bytes: &[u8], at: usize) -> bool {
    let product = matches!(bytes.get(..at), Some([.., letter, b'/']) if letter.is_ascii_alphanumeric());
    product || said_before(bytes, at, 12, &VERSION_WORDS)
}

/// How much an address says about a person: those of private networks little, those of the machine itself nothing.
fn score_v4(address: Ipv4Addr) -> f32 {
    if address.is_loopback() || address.is_unspecified() || address.is_broadcast() || address.octets()[0] == 255 {
        0.2
    } else if address.is_private() || address.is_link_local() || address.is_multicast() {
        0.4
    } else if address.is_documentation() {
        0.5
    } else {
        0.8
    }
}

/// An IPv6 address around the `:` at `at`, which is its first.
pub(super) fn ipv6(bytes: &[u8], at: usize, done: usize) -> Option<Hit> {
    let is_part = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let floor = at.saturating_sub(5).max(done);
    let head = bytes.get(floor..at)?.iter().rev().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let start = at.saturating_sub(head);
    if head > 4
        || !not_after(bytes, start, |before| before.is_ascii_alphanumeric() || matches!(before, b':' | b'_' | b'.'))
    {
        return None;
    }
    let len = bytes.get(start..)?.iter().take(IPV6_TEXT + 1).take_while(|byte| is_part(**byte)).count();
    let text = std::str::from_utf8(bytes.get(start..start.saturating_add(len))?).ok()?;
    let text = text.trim_end_matches('.');
    let text = if text.ends_with("::") { text } else { text.trim_end_matches(':') };
    let end = start.saturating_add(text.len());
    let address: Ipv6Addr = text.parse().ok()?;
    let ends = bytes.get(end).is_none_or(|next| !next.is_ascii_alphanumeric() && *next != b'_');
    // `a::b` is a path in many languages.
    let telling = text.bytes().any(|byte| byte.is_ascii_digit()) && (text.len() >= 6 || head == 0);
    (ends && telling).then(|| Hit { kind: Kind::IpAddress, span: start..end, score: score_v6(address) })
}

fn score_v6(address: Ipv6Addr) -> f32 {
    let first = address.segments()[0];
    if let Some(inner) = address.to_ipv4_mapped() {
        score_v4(inner)
    } else if address.is_loopback() || address.is_unspecified() {
        0.2
    } else if address.is_unique_local() || address.is_unicast_link_local() || address.is_multicast() {
        0.4
    } else if first == 0x2001 && address.segments()[1] == 0x0DB8 {
        0.5
    } else {
        0.8
    }
}
