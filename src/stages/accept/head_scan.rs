//! Validates the raw bytes of one request head, line by line as they arrive, and says how its body is framed
//! (RFC 9112 §2–6, stricter where two readers could disagree). No byte is looked at twice for its line end, so a head that
//! drips in costs no more than one that comes whole. It allocates nothing.

use super::fault::Fault;
use super::header_name::{Known, classify, is_token_byte};
use memchr::memchr;
use std::ops::Range;

/// Header lines of one head; hyper's own limit is the same, so it never refuses what the gate let through.
const MAX_HEADERS: u32 = 100;
/// Bytes of a method.
const MAX_METHOD_BYTES: usize = 16;
/// Bytes of a request target; below the limit of the `http` crate.
const MAX_TARGET_BYTES: usize = 16 * 1024;
/// Digits of a Content-Length: far above any cap, far below an overflow.
const MAX_LENGTH_DIGITS: usize = 18;

/// How a request's body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes; 0 where there is no body.
    Length(u64),
    /// Chunks.
    Chunked,
}

/// A head that is complete and sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sound {
    /// Its length with the empty line.
    pub len: usize,
    /// How its body is delimited.
    pub framing: Framing,
    /// Whether it has headers that must be removed before anybody reads it.
    pub needs_strip: bool,
}

/// The state of one head.
#[derive(Debug, Default)]
pub(super) struct HeadScan {
    line_start: usize,
    scanned: usize,
    lines: u32,
    seen: u32,
    is_version_10: bool,
    method: MethodKind,
    authority: Option<Range<usize>>,
    host: Option<Range<usize>>,
    content_length: Option<u64>,
    needs_strip: bool,
}

/// What a method says about a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum MethodKind {
    /// `GET`, `HEAD`, `OPTIONS`: no body.
    Bodyless,
    /// `POST`, `PUT`, `PATCH`: a body, which HTTP/1.0 must delimit.
    WithBody,
    #[default]
    Other,
}

impl HeadScan {
    /// Looks at the lines that are complete. `head` starts at the head's first byte and only ever grows between calls.
    ///
    /// # Errors
    /// The first rule that the head breaks.
    pub(super) fn advance(&mut self, head: &[u8]) -> Result<Option<Sound>, Fault> {
        while let Some(found) = memchr(b'\n', head.get(self.scanned..).unwrap_or_default()) {
            let line_feed = self.scanned.saturating_add(found);
            let range = self.line_start..line_feed;
            let Some(line) = head.get(range.clone()).and_then(|line| line.strip_suffix(b"\r")) else {
                return Err(Fault::BareLf);
            };
            self.scanned = line_feed.saturating_add(1);
            self.line_start = self.scanned;
            if self.lines == 0 {
                self.request_line(line)?;
            } else if line.is_empty() {
                return self.finish(head).map(Some);
            } else {
                self.header_line(line, range.start)?;
            }
            self.lines = self.lines.saturating_add(1);
        }
        self.scanned = head.len();
        // A TLS greeting or other noise has no line end to wait for.
        match head.first() {
            Some(first) if self.lines == 0 && !is_token_byte(*first) => Err(Fault::Method),
            _ => Ok(None),
        }
    }

    fn request_line(&mut self, line: &[u8]) -> Result<(), Fault> {
        let method_end = memchr(b' ', line).ok_or(Fault::RequestLine)?;
        let method = line.get(..method_end).unwrap_or_default();
        let rest = line.get(method_end.saturating_add(1)..).unwrap_or_default();
        let target_len = memchr(b' ', rest).ok_or(Fault::RequestLine)?;
        let target = rest.get(..target_len).unwrap_or_default();
        let version = rest.get(target_len.saturating_add(1)..).unwrap_or_default();
        if method.is_empty() || method.len() > MAX_METHOD_BYTES || !method.iter().all(|byte| is_token_byte(*byte)) {
            return Err(Fault::Method);
        }
        self.is_version_10 = match version {
            b"HTTP/1.1" => false,
            b"HTTP/1.0" => true,
            _ => return Err(Fault::Version),
        };
        self.method = match method {
            b"GET" | b"HEAD" | b"OPTIONS" => MethodKind::Bodyless,
            b"POST" | b"PUT" | b"PATCH" => MethodKind::WithBody,
            _ if method.eq_ignore_ascii_case(b"CONNECT") || method.eq_ignore_ascii_case(b"TRACE") => {
                return Err(Fault::MethodRefused);
            }
            _ => MethodKind::Other,
        };
        self.target(target, method_end.saturating_add(1))
    }

    /// Takes `/path?query` and `http://host/path?query`. `offset` is where the target stands in the head.
    fn target(&mut self, target: &[u8], offset: usize) -> Result<(), Fault> {
        if target.len() > MAX_TARGET_BYTES {
            return Err(Fault::Target);
        }
        let path_start = if target.first() == Some(&b'/') {
            0
        } else {
            let scheme = [&b"http://"[..], b"https://"]
                .into_iter()
                .find(|scheme| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
                .ok_or(Fault::Target)?
                .len();
            let after = target.get(scheme..).unwrap_or_default();
            // An authority that is not followed by a path would be followed by `?`, `#` or the end: all refused.
            let authority_len = memchr(b'/', after).ok_or(Fault::Target)?;
            let start = offset.saturating_add(scheme);
            self.authority = Some(start..start.saturating_add(authority_len));
            scheme.saturating_add(authority_len)
        };
        let path_and_query = target.get(path_start..).unwrap_or_default();
        let path_len = memchr(b'?', path_and_query).unwrap_or(path_and_query.len());
        let (path, query) = path_and_query.split_at_checked(path_len).ok_or(Fault::Target)?;
        if path.iter().all(|byte| is_path_byte(*byte)) && query.iter().all(|byte| is_query_byte(*byte)) {
            Ok(())
        } else {
            Err(Fault::Target)
        }
    }

    fn header_line(&mut self, line: &[u8], offset: usize) -> Result<(), Fault> {
        if self.lines > MAX_HEADERS {
            return Err(Fault::TooManyHeaders);
        }
        if matches!(line.first(), Some(b' ' | b'\t')) {
            return Err(Fault::ObsFold);
        }
        let name_len = line.iter().position(|byte| !is_token_byte(*byte)).ok_or(Fault::HeaderName)?;
        if name_len == 0 || line.get(name_len) != Some(&b':') {
            return Err(Fault::HeaderName);
        }
        let name = line.get(..name_len).unwrap_or_default();
        let raw = line.get(name_len.saturating_add(1)..).unwrap_or_default();
        // A fold without a branch: the compiler makes a wide comparison of it.
        if raw.iter().fold(false, |bad, byte| bad | ((*byte < 0x20) & (*byte != b'\t')) | (*byte == 0x7f)) {
            return Err(Fault::ControlByte);
        }
        let Some(classified) = classify(name) else { return Ok(()) };
        if classified.shadow {
            return Err(Fault::ShadowName);
        }
        let value = raw.trim_ascii();
        let lead = raw.len().saturating_sub(raw.trim_ascii_start().len());
        let start = offset.saturating_add(name_len).saturating_add(1).saturating_add(lead);
        self.known(classified.known, value, start..start.saturating_add(value.len()))
    }

    fn known(&mut self, known: Known, value: &[u8], range: Range<usize>) -> Result<(), Fault> {
        match known {
            Known::Host => self.host = Some(host(value).map(|()| range)?),
            Known::ContentLength => self.content_length = Some(content_length(value)?),
            Known::TransferEncoding if value != b"chunked" => return Err(Fault::TransferEncoding),
            Known::Expect if !value.eq_ignore_ascii_case(b"100-continue") => return Err(Fault::Expect),
            Known::Upgrade => return Err(Fault::Upgrade),
            Known::MethodOverride => return Err(Fault::MethodOverride),
            Known::Connection => return self.connection(value),
            Known::Stripped => {
                self.needs_strip = true;
                return Ok(());
            }
            Known::Guarded => return Ok(()),
            Known::TransferEncoding
            | Known::Expect
            | Known::Authorization
            | Known::XApiKey
            | Known::ApiKey
            | Known::XGoogApiKey
            | Known::ContentType
            | Known::ContentEncoding => {}
        }
        self.once(known)
    }

    /// `Connection` may name a header to drop; it may not name one that others rely on.
    fn connection(&mut self, value: &[u8]) -> Result<(), Fault> {
        for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            if option.eq_ignore_ascii_case(b"keep-alive") || option.eq_ignore_ascii_case(b"close") || option.is_empty()
            {
                continue;
            }
            if !option.iter().all(|byte| is_token_byte(*byte)) {
                return Err(Fault::ConnectionOption);
            }
            match classify(option).map(|classified| classified.known) {
                None | Some(Known::Stripped) => self.needs_strip = true,
                Some(Known::Upgrade) => return Err(Fault::Upgrade),
                Some(_) => return Err(Fault::ConnectionOption),
            }
        }
        Ok(())
    }

    fn once(&mut self, known: Known) -> Result<(), Fault> {
        let bit = bit(known);
        if self.seen & bit != 0 {
            return Err(Fault::Doubled);
        }
        self.seen |= bit;
        Ok(())
    }

    fn finish(&self, head: &[u8]) -> Result<Sound, Fault> {
        let host = self.host.clone().and_then(|range| head.get(range)).ok_or(Fault::Host)?;
        if let Some(authority) = self.authority.clone().and_then(|range| head.get(range))
            && !authority.eq_ignore_ascii_case(host)
        {
            return Err(Fault::HostMismatch);
        }
        let credentials = [Known::Authorization, Known::XApiKey, Known::ApiKey, Known::XGoogApiKey];
        if credentials.into_iter().filter(|known| self.seen & bit(*known) != 0).count() > 1 {
            return Err(Fault::TwoCredentials);
        }
        let chunked = self.seen & bit(Known::TransferEncoding) != 0;
        if chunked && self.is_version_10 {
            return Err(Fault::TransferEncoding);
        }
        let framing = match (chunked, self.content_length) {
            (true, Some(_)) => return Err(Fault::TwoLengths),
            (true, None) => Framing::Chunked,
            (false, length) => Framing::Length(length.unwrap_or(0)),
        };
        let undelimited = self.is_version_10 && self.content_length.is_none();
        match self.method {
            MethodKind::Bodyless if framing != Framing::Length(0) => return Err(Fault::BodyFraming),
            MethodKind::WithBody if undelimited => return Err(Fault::BodyFraming),
            MethodKind::Bodyless | MethodKind::WithBody | MethodKind::Other => {}
        }
        Ok(Sound { len: self.scanned, framing, needs_strip: self.needs_strip })
    }
}

fn bit(known: Known) -> u32 {
    1 << (known as u32)
}

/// One plain decimal number without sign, list or leading zero.
fn content_length(value: &[u8]) -> Result<u64, Fault> {
    let is_plain = !value.is_empty()
        && value.len() <= MAX_LENGTH_DIGITS
        && value.iter().all(u8::is_ascii_digit)
        && (value.len() == 1 || value.first() != Some(&b'0'));
    if !is_plain {
        return Err(Fault::ContentLength);
    }
    Ok(value.iter().fold(0, |sum: u64, digit| sum.wrapping_mul(10).wrapping_add(u64::from(digit.wrapping_sub(b'0')))))
}

/// `name`, `1.2.3.4` or `[v6]`, with or without a port. Nothing else: no user, path, list or white space.
fn host(value: &[u8]) -> Result<(), Fault> {
    let after_name = if value.first() == Some(&b'[') {
        let end = memchr(b']', value).ok_or(Fault::Host)?;
        let address = value.get(1..end).and_then(|inner| std::str::from_utf8(inner).ok()).ok_or(Fault::Host)?;
        address.parse::<std::net::Ipv6Addr>().map_err(|_| Fault::Host)?;
        value.get(end.saturating_add(1)..).unwrap_or_default()
    } else {
        let is_name_byte = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        let end = value.iter().position(|byte| !is_name_byte(byte)).unwrap_or(value.len());
        if end == 0 {
            return Err(Fault::Host);
        }
        value.get(end..).unwrap_or_default()
    };
    match after_name {
        [] => Ok(()),
        [b':', port @ ..] if (1..=5).contains(&port.len()) && port.iter().all(u8::is_ascii_digit) => {
            let number = port.iter().fold(0_u32, |sum, digit| sum * 10 + u32::from(*digit - b'0'));
            if number <= 65_535 { Ok(()) } else { Err(Fault::Host) }
        }
        _ => Err(Fault::Host),
    }
}

/// RFC 3986 `pchar`, `/` and `%`; the path canoniser is stricter.
fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%".contains(&byte)
}

/// What stands in queries in practice; never white space, quotes, angle brackets, `#` or bytes beyond ASCII.
fn is_query_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'#' | b'`' | b'\\')
}

#[cfg(test)]
#[path = "head_scan_tests.rs"]
mod tests;
