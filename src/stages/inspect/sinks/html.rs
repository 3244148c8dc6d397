//! Markup or script that would run in a browser (CWE-79).
//!
//! A reader of tags: tag openers by name, event handlers and attribute break-outs, URLs with a scheme that runs code. The characters of
//! a tag may be written as entities, percent signs or escapes of JavaScript; the reader undoes these one by one as it goes.

use super::Report;
use std::ops::Range;

/// Longest encoded character, in bytes: `&#x000003c;`.
const ENCODED: usize = 12;
/// Longest name of a tag or an attribute, in characters.
const NAME: usize = 24;

/// Tags that run or load code, whatever their attributes say.
const RUNNING: [&str; 4] = ["script", "iframe", "frame", "frameset"];
/// Tags that do so with an attribute.
const LOADING: [&str; 6] = ["object", "embed", "applet", "base", "meta", "portal"];

/// Named entities that stand for characters of markup.
const ENTITIES: [(&[u8], u8); 12] = [
    (b"lt", b'<'),
    (b"gt", b'>'),
    (b"quot", b'"'),
    (b"apos", b'\''),
    (b"colon", b':'),
    (b"tab", b'\t'),
    (b"newline", b'\n'),
    (b"lpar", b'('),
    (b"rpar", b')'),
    (b"equals", b'='),
    (b"sol", b'/'),
    (b"amp", b'&'),
];

/// One character at `at` with its encoding undone, and where the next begins. Characters outside ASCII come as their bytes.
fn next(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    let rest = bytes.get(at..)?;
    let plain = (*rest.first()?, at.saturating_add(1));
    let decoded = match rest {
        [b'&', tail @ ..] => entity(tail).map(|(byte, len)| (byte, len.saturating_add(1))),
        [b'%', tail @ ..] => hex(tail, 2).map(|byte| (byte, 3)),
        [b'\\', b'x', tail @ ..] => hex(tail, 2).map(|byte| (byte, 4)),
        [b'\\', b'u', tail @ ..] => hex(tail, 4).map(|byte| (byte, 6)),
        _ => None,
    };
    Some(decoded.map_or(plain, |(byte, len)| (byte, at.saturating_add(len))))
}

fn hex(tail: &[u8], len: usize) -> Option<u8> {
    let digits = std::str::from_utf8(tail.get(..len)?).ok()?;
    u32::from_str_radix(digits, 16).ok().and_then(|value| u8::try_from(value).ok()).filter(u8::is_ascii)
}

fn entity(tail: &[u8]) -> Option<(u8, usize)> {
    let near = tail.get(..tail.len().min(ENCODED)).unwrap_or(tail);
    let (number, from, radix) = match near {
        [b'#', b'x' | b'X', ..] => (true, 2, 16),
        [b'#', ..] => (true, 1, 10),
        _ => (false, 0, 36),
    };
    let len = near.iter().skip(from).take_while(|byte| char::from(**byte).is_digit(radix)).count();
    let end = from + len;
    let semicolon = usize::from(near.get(end) == Some(&b';'));
    let body = near.get(from..end)?;
    let value = if number {
        let digits = std::str::from_utf8(body).ok()?;
        u32::from_str_radix(digits, radix).ok().and_then(|value| u8::try_from(value).ok()).filter(u8::is_ascii)?
    } else {
        let known = |(name, _): &&(&[u8], u8)| body.eq_ignore_ascii_case(name) && semicolon == 1;
        ENTITIES.iter().find(known).map(|(_, byte)| *byte)?
    };
    Some((value, end + semicolon))
}

/// Reports what would run in a browser.
pub(super) fn scan(text: &str, report: &mut Report<'_>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut before = b' ';
    // Where the tag that we are in began.
    let mut tag: Option<usize> = None;
    let mut quote: Option<u8> = None;
    while let Some((byte, after)) = next(bytes, at) {
        let mut go_on = after;
        match byte {
            b'<' => {
                if let Some(found) = tag_at(bytes, at, after) {
                    if let Some((rule, span)) = found {
                        go_on = span.end;
                        report.add(rule, if after - at > 1 { 0.85 } else { 0.95 }, span);
                    }
                    tag = Some(at);
                    quote = None;
                }
            }
            b'>' if quote.is_none() => tag = None,
            b'"' | b'\'' | b'`' if tag.is_some() => {
                quote = match quote {
                    Some(open) if open == byte => None,
                    None => Some(byte),
                    other => other,
                };
            }
            b'o' | b'O' if begins_attribute(before, tag.is_some(), bytes, at) => {
                if let Some(end) = event_handler(bytes, at) {
                    report.add("sink.xss.event-handler", 0.9, tag.take().unwrap_or(at)..end);
                    go_on = end;
                }
            }
            // Old browsers run the formula of a style.
            b'e' | b'E' if tag.is_some() && !before.is_ascii_alphanumeric() => {
                if let Some(end) = spelled(bytes, at, "expression(") {
                    report.add("sink.xss.style-expression", 0.75, at..end);
                    go_on = end;
                }
            }
            b'j' | b'J' | b'v' | b'V' | b'd' | b'D' if !before.is_ascii_alphanumeric() => {
                if let Some(end) = running_url(bytes, at) {
                    report.add("sink.xss.script-url", 0.9, at..end);
                    go_on = end;
                }
            }
            _ => {}
        }
        if report.is_full() {
            return;
        }
        before = byte;
        at = go_on.max(after);
    }
}

/// A rule and its span.
type Found = (&'static str, Range<usize>);

/// What a `<` begins: none if no tag; otherwise the tag, with a finding if its name alone is one.
fn tag_at(bytes: &[u8], start: usize, after: usize) -> Option<Option<Found>> {
    let (first, mut at) = next(bytes, after)?;
    let closing = first == b'/';
    if !closing {
        at = after;
    }
    let (name, end) = name_at(bytes, at);
    if name.is_empty() {
        // Comments and instructions can hide what follows, but run nothing themselves.
        return matches!(first, b'!' | b'?').then_some(None);
    }
    let follows = next(bytes, end).map(|(byte, _)| byte);
    let ended = follows.is_none_or(|byte| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>' | b'<' | 0x0C));
    let runs = ended && RUNNING.contains(&name.as_str());
    let loads = !closing && LOADING.contains(&name.as_str()) && has_attribute(bytes, end);
    Some((runs || loads).then_some(("sink.xss.tag", start..end)))
}

fn name_at(bytes: &[u8], from: usize) -> (String, usize) {
    let mut name = String::new();
    let mut at = from;
    while let Some((byte, after)) = next(bytes, at)
        && byte.is_ascii_alphabetic()
        && name.len() < NAME
    {
        name.push(char::from(byte.to_ascii_lowercase()));
        at = after;
    }
    (name, at)
}

/// White space or a slash, a name, and `=`.
fn has_attribute(bytes: &[u8], from: usize) -> bool {
    let at = skip(bytes, from, |byte| byte.is_ascii_whitespace() || byte == b'/');
    let name = skip(bytes, at, |byte| byte.is_ascii_alphabetic() || byte == b'-');
    let sign = skip(bytes, name, |byte| byte.is_ascii_whitespace());
    at > from && name > at && next(bytes, sign).is_some_and(|(byte, _)| byte == b'=')
}

/// Goes over at most 32 characters that fit.
fn skip(bytes: &[u8], from: usize, fits: impl Fn(u8) -> bool) -> usize {
    let mut at = from;
    for _ in 0..32 {
        match next(bytes, at) {
            Some((byte, after)) if fits(byte) => at = after,
            _ => break,
        }
    }
    at
}

/// Attributes begin after white space, a slash or a quote; outside a tag only behind a quote that breaks out of a value.
fn begins_attribute(before: u8, in_tag: bool, bytes: &[u8], at: usize) -> bool {
    if in_tag {
        return before.is_ascii_whitespace() || matches!(before, b'/' | b'"' | b'\'' | b'`' | 0x0C);
    }
    let near = bytes.get(at.saturating_sub(8)..at).unwrap_or(b"");
    let near = near.trim_ascii_end();
    let near = near.strip_suffix(b"/").unwrap_or(near);
    near.ends_with(b"\"") || near.ends_with(b"'")
}

/// `on`, letters, and `=`: where it ends.
fn event_handler(bytes: &[u8], at: usize) -> Option<usize> {
    let (name, end) = name_at(bytes, at);
    let sign = skip(bytes, end, |byte| byte.is_ascii_whitespace());
    let (byte, after) = next(bytes, sign)?;
    let known = name.starts_with("on")
        && (5..NAME).contains(&name.len())
        && !matches!(name.as_str(), "onely" | "online" | "onward" | "onwards");
    (known && byte == b'=').then_some(after)
}

/// `javascript:`, `vbscript:` with code behind, `data:text/html`: where the scheme ends. Browsers pass over tabs and line breaks inside.
fn running_url(bytes: &[u8], at: usize) -> Option<usize> {
    ["javascript:", "vbscript:"]
        .iter()
        .find_map(|scheme| spelled(bytes, at, scheme).filter(|end| code_follows(bytes, *end)))
        .or_else(|| spelled(bytes, at, "data:text/html"))
        .or_else(|| spelled(bytes, at, "data:image/svg+xml;base64"))
        .or_else(|| spelled(bytes, at, "data:application/xhtml"))
}

fn spelled(bytes: &[u8], at: usize, word: &str) -> Option<usize> {
    let mut at = at;
    for wanted in word.bytes() {
        let (byte, after) = loop {
            let (byte, after) = next(bytes, at)?;
            match byte {
                b'\t' | b'\n' | b'\r' | 0 => at = after,
                _ => break (byte, after),
            }
        };
        if !byte.eq_ignore_ascii_case(&wanted) {
            return None;
        }
        at = after;
    }
    Some(at)
}

/// "JavaScript: the good parts" is prose; `javascript:alert(1)` and `javascript://%0aalert(1)` are code.
fn code_follows(bytes: &[u8], from: usize) -> bool {
    let at = skip(bytes, from, |byte| byte.is_ascii_whitespace());
    let end = skip(bytes, at, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$'));
    match next(bytes, end) {
        Some((byte, _)) if end > at => matches!(byte, b'(' | b'.' | b'[' | b'=' | b'`'),
        Some((byte, _)) => matches!(byte, b'/' | b'(' | b'[' | b'"' | b'\'' | b'`' | b'!' | b'+' | b'{'),
        None => false,
    }
}
