//! A client over a raw socket: it sends exactly the bytes it is told to, and reads answers by their framing.

use super::wait::DEADLINE;
use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A well-formed request, to be written as bytes.
#[derive(Clone)]
pub struct Request {
    method: &'static str,
    host: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Request {
    pub fn new(method: &'static str, path: &str) -> Self {
        Self { method, host: "gateway.test", path: path.to_owned(), headers: Vec::new(), body: None }
    }

    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub fn post(path: &str) -> Self {
        Self::new("POST", path)
    }

    /// Another `Host` than the usual one.
    pub fn host(mut self, host: &'static str) -> Self {
        self.host = host;
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Says who calls, as OpenAI's clients do.
    pub fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").bytes(body.to_string())
    }

    pub fn bytes(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// The bytes on the wire.
    pub fn render(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", self.method, self.path, self.host);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = &self.body {
            text.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
    /// Whether the body ended as its framing promised.
    pub whole: bool,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        header_values(&self.head, name).into_iter().next()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("the body is not JSON ({error}): {} {}", self.status, self.text()))
    }

    /// `error.code` of OpenAI's error shape.
    pub fn code(&self) -> String {
        self.json().pointer("/error/code").and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

/// All values of a header in a head, in order.
pub fn header_values<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    head.split("\r\n")
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .filter(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
        .collect()
}

/// One connection to the gateway.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the gateway accepts connections");
        stream.set_nodelay(true).expect("a connected socket takes options");
        stream.set_read_timeout(Some(Duration::from_millis(20))).expect("a connected socket takes options");
        Self { stream, buffer: Vec::new() }
    }

    /// Writes bytes. A peer that has already answered and closed is no error here: the answer tells.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Says that nothing more will be sent.
    pub fn finish_sending(&self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
    }

    /// Reads what is there; `None` when the peer has closed or reset the connection.
    fn read_more(&mut self, until: Instant) -> Option<usize> {
        let mut chunk = [0_u8; 16 * 1024];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(len) => {
                    self.buffer.extend_from_slice(&chunk[..len]);
                    return Some(len);
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    assert!(Instant::now() < until, "no more bytes came; so far: {}", self.seen());
                }
                Err(_) => return None,
            }
        }
    }

    fn seen(&self) -> String {
        String::from_utf8_lossy(&self.buffer).into_owned()
    }

    /// Reads until `needle` has come, and returns everything read so far. Panics when the connection ends before.
    pub fn read_until(&mut self, needle: &str) -> String {
        let until = Instant::now() + DEADLINE;
        while !contains(&self.buffer, needle.as_bytes()) {
            let more = self.read_more(until);
            assert!(more.is_some(), "the connection ended before {needle:?}: {}", self.seen());
        }
        self.seen()
    }

    /// Reads to the end of the connection, and returns everything.
    pub fn read_to_end(&mut self) -> String {
        let until = Instant::now() + DEADLINE;
        while self.read_more(until).is_some() {}
        self.seen()
    }

    /// Reads one answer; `None` when the connection ends without one.
    pub fn try_answer(&mut self) -> Option<Answer> {
        let until = Instant::now() + DEADLINE;
        let head_end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
            self.read_more(until)?;
        };
        let head = String::from_utf8_lossy(&self.buffer[..head_end - 4]).into_owned();
        self.buffer.drain(..head_end);
        let status = head.get(9..12).and_then(|digits| digits.parse().ok()).expect("a status line has a status");
        if status == 100 {
            return self.try_answer();
        }
        let bodiless = matches!(status, 204 | 304);
        let (body, whole) = if bodiless { (Vec::new(), true) } else { self.read_body(&head, until) };
        Some(Answer { status, head, body, whole })
    }

    /// Reads one answer.
    pub fn answer(&mut self) -> Answer {
        self.try_answer().expect("the connection ended without an answer")
    }

    fn read_body(&mut self, head: &str, until: Instant) -> (Vec<u8>, bool) {
        if header_values(head, "transfer-encoding").iter().any(|value| value.eq_ignore_ascii_case("chunked")) {
            return self.read_chunks(until);
        }
        let length = header_values(head, "content-length").first().and_then(|value| value.parse().ok());
        let Some(length) = length else {
            while self.read_more(until).is_some() {}
            return (std::mem::take(&mut self.buffer), true);
        };
        let whole = self.fill(length, until);
        let len = length.min(self.buffer.len());
        (self.buffer.drain(..len).collect(), whole)
    }

    fn read_chunks(&mut self, until: Instant) -> (Vec<u8>, bool) {
        let mut body = Vec::new();
        loop {
            let line_end = loop {
                if let Some(at) = find(&self.buffer, b"\r\n") {
                    break at;
                }
                if self.read_more(until).is_none() {
                    return (body, false);
                }
            };
            let size = String::from_utf8_lossy(&self.buffer[..line_end]).into_owned();
            let size = usize::from_str_radix(size.trim(), 16).expect("a chunk begins with its size");
            if !self.fill(line_end + 2 + size + 2, until) {
                let rest = self.buffer.split_off(self.buffer.len().min(line_end + 2));
                body.extend_from_slice(&rest);
                return (body, false);
            }
            body.extend_from_slice(&self.buffer[line_end + 2..line_end + 2 + size]);
            self.buffer.drain(..line_end + 2 + size + 2);
            if size == 0 {
                return (body, true);
            }
        }
    }

    fn fill(&mut self, len: usize, until: Instant) -> bool {
        while self.buffer.len() < len {
            if self.read_more(until).is_none() {
                return false;
            }
        }
        true
    }
}

/// Where `needle` begins in `bytes`.
pub fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

/// Whether `needle` stands in `bytes`.
pub fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    find(bytes, needle).is_some()
}
