//! A request that never became an exchange: what little is known of it, and the bytes of its answer.

use super::fault::Fault;
use crate::model::{Refusal, Untrusted};
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{HeaderMap, Response};
use std::net::SocketAddr;
use std::time::SystemTime;

/// Bytes of a hint that are kept.
const MAX_HINT_BYTES: usize = 256;
/// Header lines of a refused head that are looked at for hints.
const MAX_HINT_LINES: usize = 100;

/// A request that `accept` refused. Its hints come from a head that may be malformed: good enough to guess a dialect by
/// and to fill a record, for nothing else.
#[derive(Debug)]
pub struct Refused {
    /// The client's address.
    pub peer: SocketAddr,
    /// The address of ours that it came in on.
    pub listener: SocketAddr,
    /// Why it goes no further.
    pub refusal: Refusal,
    /// The method as sent, cut to 256 bytes; `None` where no line arrived.
    pub method: Option<Untrusted<String>>,
    /// The path as sent, without query, cut to 256 bytes.
    pub path: Option<Untrusted<String>>,
    /// `User-Agent`, cut to 256 bytes.
    pub user_agent: Option<Untrusted<String>>,
    /// Headers that tell a dialect (`anthropic-version`); never credentials.
    pub headers: HeaderMap,
}

impl Refused {
    /// A refusal of a request of which nothing is known.
    pub(super) fn unseen(peer: SocketAddr, listener: SocketAddr, refusal: Refusal) -> Self {
        Self { peer, listener, refusal, method: None, path: None, user_agent: None, headers: HeaderMap::new() }
    }

    /// A refusal by the gate, with the hints that the head's raw bytes give.
    pub(super) fn raw(peer: SocketAddr, listener: SocketAddr, fault: Fault, head: &[u8]) -> Self {
        let mut refused = Self::unseen(peer, listener, fault.refusal());
        let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let mut words = lines.next().unwrap_or_default().split(|byte| *byte == b' ');
        refused.method = words.next().and_then(hint);
        refused.path = words.next().and_then(|target| target.split(|byte| *byte == b'?').next()).and_then(hint);
        for line in lines.take(MAX_HINT_LINES).take_while(|line| !line.is_empty()) {
            let mut parts = line.splitn(2, |byte| *byte == b':');
            let (Some(name), Some(value)) = (parts.next(), parts.next().map(<[u8]>::trim_ascii)) else { continue };
            refused.note(name, value);
        }
        refused
    }

    /// A refusal of a request whose head was parsed.
    pub(super) fn parsed(
        peer: SocketAddr,
        listener: SocketAddr,
        refusal: Refusal,
        head: &http::request::Parts,
    ) -> Self {
        let mut refused = Self::unseen(peer, listener, refusal);
        refused.method = hint(head.method.as_str().as_bytes());
        refused.path = hint(head.uri.path().as_bytes());
        for name in ["user-agent", "anthropic-version"] {
            if let Some(value) = head.headers.get(name) {
                refused.note(name.as_bytes(), value.as_bytes());
            }
        }
        refused
    }

    fn note(&mut self, name: &[u8], value: &[u8]) {
        if name.eq_ignore_ascii_case(b"user-agent") {
            self.user_agent = hint(value);
        } else if name.eq_ignore_ascii_case(b"anthropic-version")
            && value.len() <= MAX_HINT_BYTES
            && let Ok(version) = HeaderValue::from_bytes(value)
        {
            self.headers.insert(HeaderName::from_static("anthropic-version"), version);
        }
    }
}

fn hint(bytes: &[u8]) -> Option<Untrusted<String>> {
    let kept = bytes.get(..MAX_HINT_BYTES).unwrap_or(bytes);
    (!kept.is_empty()).then(|| Untrusted::new(String::from_utf8_lossy(kept).into_owned()))
}

/// Writes an answer that hyper does not send: whole, and the last of its connection.
pub(super) fn encode(response: &Response<Bytes>, is_head: bool) -> Vec<u8> {
    let status = response.status();
    let mut bytes = Vec::with_capacity(512_usize.saturating_add(response.body().len()));
    bytes.extend_from_slice(b"HTTP/1.1 ");
    bytes.extend_from_slice(status.as_str().as_bytes());
    bytes.push(b' ');
    bytes.extend_from_slice(status.canonical_reason().unwrap_or("Refused").as_bytes());
    bytes.extend_from_slice(b"\r\n");
    for (name, value) in response.headers() {
        if ![CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, DATE].contains(name) {
            line(&mut bytes, name.as_str(), value.as_bytes());
        }
    }
    line(&mut bytes, "date", httpdate::fmt_http_date(SystemTime::now()).as_bytes());
    line(&mut bytes, "content-length", response.body().len().to_string().as_bytes());
    line(&mut bytes, "connection", b"close");
    bytes.extend_from_slice(b"\r\n");
    if !is_head {
        bytes.extend_from_slice(response.body());
    }
    bytes
}

fn line(bytes: &mut Vec<u8>, name: &str, value: &[u8]) {
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(b": ");
    bytes.extend_from_slice(value);
    bytes.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_never_hold_a_credential_or_a_query() {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let head =
            b"POST /v1/messages?key=hunter2 HTTP/1.1\r\nanthropic-version: 2023-06-01\r\nx-api-key: hunter2\r\nX Y: 1";
        let refused = Refused::raw(address, address, Fault::HeaderName, head);
        assert_eq!(refused.path.as_ref().map(|path| path.expose().as_str()), Some("/v1/messages"));
        assert_eq!(refused.headers.len(), 1);
        assert!(!format!("{refused:?} {:?}", refused.path.as_ref().map(|path| path.expose())).contains("hunter2"));
    }

    #[test]
    fn an_encoded_answer_says_its_length_and_that_it_is_the_last() {
        let mut response = Response::new(Bytes::from_static(b"{}"));
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("99"));
        let text = String::from_utf8(encode(&response, false)).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\n{}"));
        assert!(text.contains("content-length: 2\r\n") && text.contains("connection: close\r\n"));
        assert!(!text.contains("99"));
    }
}
