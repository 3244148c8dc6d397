//! A tiny upstream for tests: plays a script over loopback, step by step, and keeps what it received.

use crate::config::settings::{BaseUrl, Credential, Provider, Retries, Timeouts, Upstream};
use crate::model::settings::BreakerSettings;
use crate::model::{Secret, UpstreamId};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What is done with one request.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Write this and wait for the next request on the same connection.
    Reply(String),
    /// Write this and close.
    ReplyAndClose(String),
    /// Write this, then say nothing until the peer closes.
    ReplyAndStall(String),
    /// Write these, with a pause before each.
    ReplySlowly(Vec<String>, Duration),
    /// Close with a reset.
    Reset,
}

/// A running script. Ends when dropped.
pub(super) struct Scripted {
    pub(super) port: u16,
    received: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
    peer_closed: Arc<Notify>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Scripted {
    pub(super) async fn play(steps: impl IntoIterator<Item = Step>) -> Self {
        let (listener, port) = listen().await;
        let script = Arc::new(Mutex::new(steps.into_iter().collect::<VecDeque<_>>()));
        let received = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let peer_closed = Arc::new(Notify::new());
        let accepting = tokio::spawn({
            let (received, connections, peer_closed) =
                (Arc::clone(&received), Arc::clone(&connections), Arc::clone(&peer_closed));
            async move {
                let mut players = tokio::task::JoinSet::new();
                while let Ok((stream, _)) = listener.accept().await {
                    connections.fetch_add(1, Ordering::SeqCst);
                    players.spawn(play_on(
                        stream,
                        Arc::clone(&script),
                        Arc::clone(&received),
                        Arc::clone(&peer_closed),
                    ));
                }
            }
        });
        Self { port, received, connections, peer_closed, accepting }
    }

    /// The requests that came, head and body, as text.
    pub(super) fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Waits until a stalled connection was closed by the peer; fails after two seconds.
    pub(super) async fn peer_closed(&self) {
        tokio::time::timeout(Duration::from_secs(2), self.peer_closed.notified())
            .await
            .expect("the upstream never saw the connection close");
    }
}

async fn play_on(
    mut stream: TcpStream,
    script: Arc<Mutex<VecDeque<Step>>>,
    received: Arc<Mutex<Vec<String>>>,
    peer_closed: Arc<Notify>,
) {
    while let Some(request) = read_request(&mut stream).await {
        received.lock().unwrap().push(request);
        let Some(step) = script.lock().unwrap().pop_front() else { return };
        match step {
            Step::Reply(text) => stream.write_all(text.as_bytes()).await.unwrap(),
            Step::ReplyAndClose(text) => {
                stream.write_all(text.as_bytes()).await.unwrap();
                return;
            }
            Step::ReplyAndStall(text) => {
                stream.write_all(text.as_bytes()).await.unwrap();
                let mut rest = [0; 64];
                while matches!(stream.read(&mut rest).await, Ok(1..)) {}
                peer_closed.notify_one();
                return;
            }
            Step::ReplySlowly(pieces, pause) => {
                for piece in pieces {
                    tokio::time::sleep(pause).await;
                    if stream.write_all(piece.as_bytes()).await.is_err() {
                        return;
                    }
                }
            }
            Step::Reset => {
                stream.set_zero_linger().unwrap();
                return;
            }
        }
    }
}

/// Reads one request, head and body; `None` when the peer has closed.
pub(super) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let len = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok())
                .unwrap_or(0);
            if body.len() >= len {
                return Some(text);
            }
        }
        let mut more = [0; 4096];
        match stream.read(&mut more).await {
            Ok(len @ 1..) => bytes.extend_from_slice(&more[..len]),
            _ => return None,
        }
    }
}

/// A listener on a free port of loopback.
pub(super) async fn listen() -> (TcpListener, u16) {
    loop {
        let port = free_port();
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await {
            return (listener, port);
        }
    }
}

/// A port of loopback that nobody listened on a moment ago.
pub(super) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let mut random = [0; 4];
        getrandom::fill(&mut random).unwrap();
        let number = u32::from_le_bytes(random).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 20_000 + u16::try_from(number % 12_000).unwrap();
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A whole answer with a length.
pub(super) fn reply(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

/// The head of an event stream and its first chunks.
pub(super) fn stream_start(pieces: &[&str]) -> String {
    let mut text =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
    for piece in pieces {
        text.push_str(&chunk(piece));
    }
    text
}

pub(super) fn chunk(piece: &str) -> String {
    format!("{:x}\r\n{piece}\r\n", piece.len())
}

/// Settings of an upstream on a port of loopback, with short times.
pub(super) fn upstream_at(id: &str, port: u16) -> Upstream {
    Upstream {
        id: UpstreamId::new(id),
        provider: Provider::OpenAi,
        base_url: Some(BaseUrl { tls: false, host: "127.0.0.1".to_owned(), port, path: String::new() }),
        api_key: Credential::Key(Secret::new("sk-ours".to_owned())),
        models: Vec::new(),
        timeouts: Timeouts {
            connect: Duration::from_millis(500),
            first_byte: Duration::from_millis(300),
            stream_idle: Duration::from_millis(150),
            total: Duration::from_secs(5),
        },
        circuit_breaker: BreakerSettings {
            consecutive_failures: 5,
            open_for: Duration::from_secs(30),
            half_open_probes: 1,
        },
        retries: Retries { attempts: 2, base: Duration::from_millis(5), max: Duration::from_millis(200) },
        ca_file: None,
        pool: 8,
    }
}

/// The built-in upstream's settings.
pub(super) fn demo() -> Upstream {
    Upstream { provider: Provider::Demo, base_url: None, api_key: Credential::None, ..upstream_at("demo", 0) }
}
