//! A scripted upstream: plain threads and sockets. It keeps every byte it was sent.

use super::client::{find, header_values};
use super::ports;
use super::reply::{Reply, Step};
use super::wait::eventually;
use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// One request as the upstream got it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// All bytes, head and body, as they stood on the wire.
    pub raw: Vec<u8>,
    /// The head without its last empty line.
    pub head: String,
    /// The body with chunks joined.
    pub body: Vec<u8>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Vec<&str> {
        header_values(&self.head, name)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("what reached the upstream is valid JSON")
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }
}

type Script = Box<dyn Fn(&Seen, usize) -> Reply + Send + Sync>;

struct State {
    script: Script,
    seen: Mutex<Vec<Seen>>,
    bytes: AtomicUsize,
    left: AtomicUsize,
    stopped: AtomicBool,
}

/// A running upstream.
pub struct Mock {
    address: SocketAddr,
    state: Arc<State>,
}

impl Mock {
    /// Answers each request by `script`, which gets the request and how many came before it.
    pub fn start(script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        let state = Arc::new(State {
            script: Box::new(script),
            seen: Mutex::default(),
            bytes: AtomicUsize::new(0),
            left: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let listener = ports::bind();
        let address = listener.local_addr().expect("a bound listener has an address");
        let accepting = Arc::clone(&state);
        std::thread::spawn(move || accept(&listener, &accepting));
        Self { address, state }
    }

    /// Always answers this.
    pub fn always(reply: Reply) -> Self {
        Self::start(move |_, _| reply.clone())
    }

    /// Answers these in order, and the last one for ever.
    pub fn in_order(replies: Vec<Reply>) -> Self {
        Self::start(move |_, before| replies[before.min(replies.len() - 1)].clone())
    }

    /// Answers each endpoint with something that fits it.
    pub fn provider() -> Self {
        Self::start(|seen, _| Reply::of_endpoint(seen.head.split(' ').nth(1).unwrap_or_default()))
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Everything that came so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().expect("no thread panics with the lock").clone()
    }

    /// How many whole requests came.
    pub fn requests(&self) -> usize {
        self.state.seen.lock().expect("no thread panics with the lock").len()
    }

    /// How many bytes came, whole requests or not.
    pub fn bytes(&self) -> usize {
        self.state.bytes.load(Ordering::SeqCst)
    }

    /// The only request that came.
    pub fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "one request was expected at the upstream");
        seen.into_iter().next().expect("there is one")
    }

    /// Waits for a request to be here.
    pub fn wait_for_requests(&self, count: usize) {
        eventually("the request reached the upstream", || (self.requests() >= count).then_some(()));
    }

    /// How often the peer left during an answer.
    pub fn departures(&self) -> usize {
        self.state.left.load(Ordering::SeqCst)
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address); // wakes the accepting thread
    }
}

fn accept(listener: &TcpListener, state: &Arc<State>) {
    for stream in listener.incoming() {
        if state.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let state = Arc::clone(state);
        std::thread::spawn(move || serve(stream, &state));
    }
}

fn serve(mut stream: TcpStream, state: &State) {
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    while let Some(seen) = read_request(&mut stream, &mut buffer, state) {
        let before = {
            let mut all = state.seen.lock().expect("no thread panics with the lock");
            all.push(seen.clone());
            all.len() - 1
        };
        for step in (state.script)(&seen, before).steps {
            let goes_on = match step {
                Step::Send(bytes) => stream.write_all(&bytes).is_ok() || departed(state),
                Step::Pause(pause) => !leaves_within(&mut stream, pause) || departed(state),
                Step::Close => return,
            };
            if !goes_on {
                return;
            }
        }
    }
}

/// Counts a peer that left during an answer; the answer does not go on.
fn departed(state: &State) -> bool {
    state.left.fetch_add(1, Ordering::SeqCst);
    false
}

/// Waits for `pause`, watching the peer.
fn leaves_within(stream: &mut TcpStream, pause: Duration) -> bool {
    let until = Instant::now() + pause;
    let _ = stream.set_read_timeout(Some(Duration::from_millis(5)));
    let mut byte = [0_u8; 1];
    let left = loop {
        match stream.peek(&mut byte) {
            Ok(0) => break true,
            Ok(_) => std::thread::sleep(Duration::from_millis(5)),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break true,
        }
        if Instant::now() >= until {
            break false;
        }
    };
    let _ = stream.set_read_timeout(None);
    left
}

fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>, state: &State) -> Option<Seen> {
    let head_end = loop {
        if let Some(at) = find(buffer, b"\r\n\r\n") {
            break at + 4;
        }
        read_more(stream, buffer, state)?;
    };
    let head = String::from_utf8_lossy(&buffer[..head_end - 4]).into_owned();
    let (body, end) = if header_values(&head, "transfer-encoding").is_empty() {
        let length = header_values(&head, "content-length").first().and_then(|value| value.parse().ok()).unwrap_or(0);
        while buffer.len() < head_end + length {
            read_more(stream, buffer, state)?;
        }
        (buffer[head_end..head_end + length].to_vec(), head_end + length)
    } else {
        read_chunks(stream, buffer, head_end, state)?
    };
    let raw = buffer.drain(..end).collect();
    Some(Seen { raw, head, body })
}

fn read_chunks(stream: &mut TcpStream, buffer: &mut Vec<u8>, mut at: usize, state: &State) -> Option<(Vec<u8>, usize)> {
    let mut body = Vec::new();
    loop {
        let line = loop {
            if let Some(len) = buffer.get(at..).and_then(|rest| find(rest, b"\r\n")) {
                break len;
            }
            read_more(stream, buffer, state)?;
        };
        let size = usize::from_str_radix(&String::from_utf8_lossy(&buffer[at..at + line]), 16).ok()?;
        let start = at + line + 2;
        while buffer.len() < start + size + 2 {
            read_more(stream, buffer, state)?;
        }
        body.extend_from_slice(&buffer[start..start + size]);
        at = start + size + 2;
        if size == 0 {
            return Some((body, at));
        }
    }
}

fn read_more(stream: &mut TcpStream, buffer: &mut Vec<u8>, state: &State) -> Option<()> {
    let mut chunk = [0_u8; 16 * 1024];
    match stream.read(&mut chunk) {
        Ok(0) | Err(_) => None,
        Ok(len) => {
            state.bytes.fetch_add(len, Ordering::SeqCst);
            buffer.extend_from_slice(&chunk[..len]);
            Some(())
        }
    }
}

mod tests {
    use super::super::{Connection, chat_request};
    use super::*;

    #[test]
    fn mock_keeps_the_bytes_and_answers_by_its_script() {
        let mock = Mock::in_order(vec![Reply::error(500), Reply::stream().delta("a").done()]);
        let mut connection = Connection::open(mock.address);
        let request = chat_request("hi").render();
        connection.send(&request);
        assert_eq!(connection.answer().status, 500);
        connection.send(&request);
        let answer = connection.answer();
        assert!(answer.whole && answer.text().ends_with("data: [DONE]\n\n"), "{}", answer.text());
        assert_eq!(mock.requests(), 2);
        assert_eq!(mock.seen()[1].raw, request);
        assert_eq!(mock.bytes(), 2 * request.len());
    }

    #[test]
    fn mock_joins_chunks_and_notices_a_peer_that_leaves() {
        let mock = Mock::always(Reply::stream().delta("a").stall());
        let mut connection = Connection::open(mock.address);
        connection.send(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
        connection.read_until("data: ");
        assert_eq!(mock.only().body, b"abcde");
        drop(connection);
        eventually("the mock saw the client leave", || (mock.departures() == 1).then_some(()));
    }

    #[test]
    fn a_cut_stream_is_not_whole() {
        let mock = Mock::always(Reply::stream().delta("a").cut());
        let mut connection = Connection::open(mock.address);
        connection.send(&chat_request("hi").render());
        assert!(!connection.answer().whole);
    }
}
