//! The gate, hyper and the accept loop together, through real sockets: what a client receives, and what the handler saw.

use super::*;
use crate::config::settings::Limits;
use crate::model::Untrusted;
use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

mod framing;
mod life;

static NEXT_PORT: AtomicU16 = AtomicU16::new(0);
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers what it saw; some paths behave badly on purpose.
#[derive(Clone, Default)]
struct Witness {
    seen: Arc<Mutex<Vec<String>>>,
    refused: Arc<Mutex<Vec<String>>>,
    entered: Arc<Notify>,
    left: Arc<Notify>,
    dropped: Arc<AtomicUsize>,
}

struct NoteDrop(Witness);

impl Drop for NoteDrop {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
        self.0.left.notify_one();
    }
}

impl Handler for Witness {
    type Body = Full<Bytes>;

    async fn exchange(&self, head: Head, body: RequestBody) -> Response<Full<Bytes>> {
        let hint = body.content_length();
        self.seen.lock().unwrap().push(format!("{} {}", head.method(), head.path()));
        match head.path() {
            "/hang" => {
                let _note = NoteDrop(self.clone());
                self.entered.notify_one();
                std::future::pending::<()>().await;
            }
            "/panic" => panic!("on purpose"),
            "/big" => return Response::new(Full::new(Bytes::from(vec![b'x'; 4 << 20]))),
            "/headers" => return Response::new(Full::new(Bytes::from(format!("{:?}", head.headers())))),
            _ => {}
        }
        let cap = if head.path() == "/small" { 8 } else { 1 << 20 };
        let text = match body::read(body, hint, cap, Instant::now() + Duration::from_millis(800)).await {
            Ok(received) => String::from_utf8_lossy(&received.into_bytes()).into_owned(),
            Err(refusal) => format!("!{}", refusal.outcome.cause.name()),
        };
        Response::new(Full::new(Bytes::from(format!("<{} {} {text}>", head.method(), head.path()))))
    }

    fn refuse(&self, refused: Refused) -> Response<Bytes> {
        let cause = refused.refusal.outcome.cause;
        self.refused.lock().unwrap().push(cause.name().to_owned());
        let path = refused.path.as_ref().map_or("-", |path: &Untrusted<String>| path.expose());
        let mut response = Response::new(Bytes::from(format!("refused {} {path}", cause.name())));
        *response.status_mut() = http::StatusCode::from_u16(cause.status()).unwrap();
        response
    }
}

struct Server {
    address: SocketAddr,
    witness: Witness,
    stop: watch::Sender<Phase>,
    task: JoinHandle<()>,
}

fn limits() -> Limits {
    Limits {
        request_body_bytes: 1 << 20,
        response_body_bytes: 1 << 20,
        event_bytes: 1 << 20,
        head_bytes: 8 * 1024,
        json_depth: 64,
        json_nodes: 1000,
        connections: 16,
        exchanges: 16,
        head_timeout: Duration::from_millis(400),
        body_timeout: Duration::from_secs(5),
        keep_alive_idle: Duration::from_millis(400),
        inspection_time: Duration::from_secs(1),
    }
}

async fn listen() -> TcpListener {
    let seed = u16::try_from(std::process::id() % 9_000).unwrap();
    for _ in 0..200 {
        let step = NEXT_PORT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + (seed + step.wrapping_mul(7)) % 12_000;
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await {
            return listener;
        }
    }
    panic!("no free port");
}

async fn start_with(limits: Limits) -> Server {
    let listener = listen().await;
    let address = listener.local_addr().unwrap();
    let witness = Witness::default();
    let (stop, stopped) = watch::channel(Phase::Serving);
    let task = tokio::spawn(serve(listener, ServeSettings::new(&limits), witness.clone(), stopped));
    Server { address, witness, stop, task }
}

async fn start() -> Server {
    start_with(limits()).await
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes and reads until the server closes.
    async fn converse(&self, bytes: &[u8]) -> String {
        let mut socket = self.connect().await;
        socket.write_all(bytes).await.unwrap();
        read_to_end(&mut socket).await
    }

    fn seen(&self) -> Vec<String> {
        self.witness.seen.lock().unwrap().clone()
    }
}

async fn read_to_end(socket: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut bytes)).await.expect("the server did not close");
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn read_until(socket: &mut TcpStream, wanted: &str) -> String {
    let mut text = String::new();
    let mut piece = [0; 4096];
    while !text.contains(wanted) {
        let count = tokio::time::timeout(PATIENCE, socket.read(&mut piece)).await.expect("no answer").unwrap();
        assert!(count > 0, "closed after {text:?}");
        text.push_str(&String::from_utf8_lossy(&piece[..count]));
    }
    text
}

fn request(line: &str, headers: &str, body: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: gw\r\n{headers}\r\n{body}")
}
