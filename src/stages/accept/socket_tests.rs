//! The gate, hyper and the accept loop together, through real sockets: what a client receives, and what the handler saw.

use super::*;
use crate::config::settings::Limits;
use crate::model::Untrusted;
use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use proptest::prelude::*;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

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

#[tokio::test]
async fn sound_requests_reach_the_handler_and_keep_the_connection() {
    let server = start().await;
    let mut socket = server.connect().await;
    for (sent, answer) in [
        (request("POST /a", "Content-Length: 5\r\n", "hello"), "<POST /a hello>"),
        (request("POST /b", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n"), "<POST /b abcde>"),
        (request("GET //c/./d?x=1", "Connection: keep-alive\r\n", ""), "<GET /c/d >"),
        (request("GET http://gw/e", "", ""), "<GET /e >"),
    ] {
        socket.write_all(sent.as_bytes()).await.unwrap();
        let text = read_until(&mut socket, ">").await;
        assert!(text.starts_with("HTTP/1.1 200") && text.ends_with(answer), "{text}");
    }
}

#[tokio::test]
async fn ambiguous_requests_are_answered_400_and_never_seen() {
    let server = start().await;
    let control = request("POST /ok", "Content-Length: 2\r\nConnection: close\r\n", "hi").into_bytes();
    assert!(server.converse(&control).await.ends_with("<POST /ok hi>"));
    let post = |headers: &str| request("POST /evil", headers, "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: gw\r\n\r\n");
    for bad in [
        post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"),
        post("Content-Length: 4\r\nContent-Length: 4\r\n"),
        post("Content-Length: 4, 4\r\n"),
        post("Transfer-Encoding: xchunked\r\n"),
        post("Transfer-Encoding: chunked, chunked\r\n"),
        post("Transfer-Encoding:\x0bchunked\r\n"),
        post("Transfer-Encoding : chunked\r\n"),
        post("X: a\r\n Transfer-Encoding: chunked\r\n"),
        post("X: a\nTransfer-Encoding: chunked\r\n"),
        post("X: a\0b\r\nContent-Length: 4\r\n"),
        post("content_length: 4\r\n"),
        post("Host: gw2\r\n"),
        post("Authorization: Bearer a\r\nx-api-key: b\r\n"),
        post("Connection: authorization\r\n"),
        post("Upgrade: h2c\r\nConnection: upgrade\r\n"),
        post("Expect: nothing\r\n"),
        post("X-HTTP-Method-Override: GET\r\n"),
        "POST /evil HTTP/1.0\r\nHost: gw\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "POST /evil HTTP/1.0\r\nHost: gw\r\n\r\nuntil the end".to_owned(),
        "GET /evil HTTP/1.1\r\n\r\n".to_owned(),
        "GET /evil HTTP/1.1\nHost: gw\n\n".to_owned(),
        "GET http://other/evil HTTP/1.1\r\nHost: gw\r\n\r\n".to_owned(),
        "CONNECT gw:443 HTTP/1.1\r\nHost: gw\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        request("GET /evil", "Content-Length: 1\r\n", "x"),
        request("GET /%2e%2e/%2e%2e/evil", "", ""),
        request("GET /evil%2fx", "", ""),
        request("GET /evil%252e", "", ""),
        request("GET /evil;x=1", "", ""),
        request("GET /evil", &format!("X: {}\r\n", "y".repeat(9_000)), ""),
    ] {
        let text = server.converse(bad.as_bytes()).await;
        assert!(text.starts_with("HTTP/1.1 400 "), "{bad:?} -> {text:?}");
        assert_eq!(text.matches("HTTP/1.1").count(), 1, "{bad:?} -> {text:?}");
        assert!(text.contains("connection: close\r\n") && text.contains("refused malformed_request"), "{text:?}");
    }
    assert_eq!(server.seen(), ["POST /ok"]);
}

/// hyper's own refusals have an empty body: they would show that it disagrees with the gate.
#[tokio::test]
async fn no_byte_anywhere_in_a_head_gets_past_the_gate_and_is_refused_by_hyper() {
    let server = start().await;
    let pieces =
        ["GE", "T /a", "b?c", "d HTTP/1.1\r\nHo", "st: g", "w\r\nX-N", "ame: v", "alue\r\nConnection: close\r\n\r\n"];
    let mut passed = 0;
    for place in 1..pieces.len() {
        for byte in (0..=255_u8).filter(|byte| !byte.is_ascii_alphanumeric()) {
            let (before, after) = (pieces[..place].concat(), pieces[place..].concat());
            let bytes = [before.as_bytes(), &[byte], after.as_bytes()].concat();
            let text = server.converse(&bytes).await;
            passed += usize::from(text.starts_with("HTTP/1.1 200 "));
            let is_ours = text.starts_with("HTTP/1.1 200 ") || text.contains("refused malformed_request");
            assert!(is_ours, "{byte:#x} at {place}: {text:?}");
        }
    }
    assert!(passed > 100, "{passed}");
    assert_eq!(server.seen().len(), passed);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_up_to_the_bad_one() {
    let server = start().await;
    let mut bytes = request("POST /1", "Content-Length: 3\r\n", "one");
    bytes.push_str(&request("POST /2", "Transfer-Encoding: chunked\r\n", "3\r\ntwo\r\n0\r\n\r\n"));
    bytes.push_str(&request("GET /3", "", ""));
    bytes.push_str(&request("POST /4", "Content-Length: 1\r\nContent-Length: 1\r\n", "x"));
    bytes.push_str(&request("GET /5", "", ""));
    let text = server.converse(bytes.as_bytes()).await;
    let answers = ["<POST /1 one>", "<POST /2 two>", "<GET /3 >", "refused malformed_request /4"];
    let places: Vec<_> = answers.iter().map(|answer| text.find(answer).expect(answer)).collect();
    assert!(places.is_sorted(), "{text}");
    assert_eq!(server.seen(), ["POST /1", "POST /2", "GET /3"]);
}

#[tokio::test]
async fn a_large_answer_before_a_refused_request_arrives_whole() {
    let server = start().await;
    let mut socket = server.connect().await;
    let bytes = request("GET /big", "", "") + "GET /evil HTTP/1.1\n\n";
    socket.write_all(bytes.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let text = read_to_end(&mut socket).await;
    assert_eq!(text.matches('x').count(), 4 << 20);
    assert!(text.ends_with("refused malformed_request -") || text.contains("HTTP/1.1 400"), "{}", text.len());
}

#[tokio::test]
async fn a_broken_chunk_ends_the_exchange_with_a_malformed_request() {
    let server = start().await;
    let head = "Transfer-Encoding: chunked\r\n";
    for body in
        ["3\r\nabcX\r\n0\r\n\r\n", "3\nabc\r\n0\r\n\r\n", "3\r\nabc\r\n0\r\nContent-Length: 3\r\n\r\n", "zz\r\n"]
    {
        let text = server.converse(request("POST /c", head, body).as_bytes()).await;
        assert!(text.contains("<POST /c !malformed_request>"), "{body:?} -> {text:?}");
        assert_eq!(text.matches("HTTP/1.1").count(), 1, "{text}");
    }
}

#[tokio::test]
async fn a_slow_head_is_cut_in_time_and_told_so() {
    let server = start().await;
    let mut socket = server.connect().await;
    let begun = Instant::now();
    socket.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let _ = socket.write_all(b"X: y\r\n").await;
    }
    let text = read_to_end(&mut socket).await;
    assert!(text.starts_with("HTTP/1.1 408 "), "{text:?}");
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert_eq!(server.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn silent_connections_are_closed_without_a_word() {
    let server = start().await;
    assert_eq!(read_to_end(&mut server.connect().await).await, "");
    let text = server.converse(request("GET /k", "", "").as_bytes()).await;
    assert!(text.ends_with("<GET /k >"), "{text}");
    assert!(server.witness.refused.lock().unwrap().is_empty());
}

#[tokio::test]
async fn bodies_above_the_cap_and_bodies_too_slow_are_refused() {
    let server = start().await;
    let text = server.converse(request("POST /small", "Content-Length: 9\r\n", "123456789").as_bytes()).await;
    assert!(text.contains("!body_too_large"), "{text}");
    let chunked = request("POST /small", "Transfer-Encoding: chunked\r\n", "9\r\n123456789\r\n0\r\n\r\n");
    assert!(server.converse(chunked.as_bytes()).await.contains("!body_too_large"));
    let slow = server.converse(request("POST /slow", "Content-Length: 9\r\n", "1234").as_bytes()).await;
    assert!(slow.contains("!body_timeout"), "{slow}");
}

#[tokio::test]
async fn expect_continue_is_answered_when_the_body_is_wanted() {
    let server = start().await;
    let mut socket = server.connect().await;
    let head = request("POST /e", "Content-Length: 2\r\nExpect: 100-continue\r\n", "");
    socket.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut socket, "HTTP/1.1 100 Continue\r\n\r\n").await;
    socket.write_all(b"hi").await.unwrap();
    read_until(&mut socket, "<POST /e hi>").await;
}

#[tokio::test]
async fn a_client_that_leaves_drops_the_exchange_even_after_sending_more() {
    for extra in ["", "GET /next HTTP/1.1\r\nHost: gw\r\n\r\n"] {
        let server = start().await;
        let mut socket = server.connect().await;
        let bytes = request("POST /hang", "Content-Length: 1\r\n", "x") + extra;
        socket.write_all(bytes.as_bytes()).await.unwrap();
        server.witness.entered.notified().await;
        assert_eq!(server.witness.dropped.load(Ordering::SeqCst), 0);
        drop(socket);
        tokio::time::timeout(PATIENCE, server.witness.left.notified()).await.expect("the exchange lives on");
        assert_eq!(server.seen(), ["POST /hang"]);
    }
}

#[tokio::test]
async fn a_panic_costs_one_exchange_and_not_the_listener() {
    let server = start().await;
    let text = server.converse(request("GET /panic", "", "").as_bytes()).await;
    assert!(text.starts_with("HTTP/1.1 500 "), "{text}");
    let text = server.converse(request("GET /ok", "", "").as_bytes()).await;
    assert!(text.ends_with("<GET /ok >"), "{text}");
}

#[tokio::test]
async fn forged_and_hop_by_hop_headers_are_gone_before_anybody_reads_them() {
    let server = start().await;
    let headers = "X-Forwarded-For: 6.6.6.6\r\nConnection: x-hop\r\nX-Hop: secret\r\nTE: trailers\r\nX-Kept: yes\r\n";
    let mut socket = server.connect().await;
    socket.write_all(request("GET /headers", headers, "").as_bytes()).await.unwrap();
    let text = read_until(&mut socket, "x-kept").await.to_ascii_lowercase();
    for gone in ["6.6.6.6", "x-hop", "trailers"] {
        assert!(!text.contains(gone), "{gone}: {text}");
    }
}

#[tokio::test]
async fn connections_above_the_cap_are_told_to_come_back() {
    let server = start_with(Limits { connections: 1, ..limits() }).await;
    let mut first = server.connect().await;
    first.write_all(request("POST /hang", "Content-Length: 1\r\n", "x").as_bytes()).await.unwrap();
    server.witness.entered.notified().await;
    let text = server.converse(request("GET /x", "", "").as_bytes()).await;
    assert!(text.starts_with("HTTP/1.1 503 ") && text.contains("refused overloaded"), "{text}");
    assert_eq!(server.seen(), ["POST /hang"]);
}

#[tokio::test]
async fn draining_closes_idle_connections_finishes_live_ones_and_cuts_at_the_deadline() {
    let server = start_with(Limits { keep_alive_idle: PATIENCE, ..limits() }).await;
    let mut idle = server.connect().await;
    idle.write_all(request("GET /idle", "", "").as_bytes()).await.unwrap();
    read_until(&mut idle, "<GET /idle >").await;
    let mut live = server.connect().await;
    live.write_all(request("POST /live", "Content-Length: 4\r\n", "1").as_bytes()).await.unwrap();
    let mut hanging = server.connect().await;
    hanging.write_all(request("POST /hang", "Content-Length: 1\r\n", "x").as_bytes()).await.unwrap();
    server.witness.entered.notified().await;
    let until = Instant::now() + Duration::from_millis(500);
    server.stop.send(Phase::Draining { until }).unwrap();
    assert_eq!(read_to_end(&mut idle).await, "");
    live.write_all(b"234").await.unwrap();
    let text = read_to_end(&mut live).await;
    assert!(text.ends_with("<POST /live 1234>") && text.contains("connection: close"), "{text}");
    tokio::time::timeout(PATIENCE, server.task).await.expect("the drain has an end").unwrap();
    assert_eq!(server.witness.dropped.load(Ordering::SeqCst), 1);
    assert!(TcpStream::connect(server.address).await.is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn splitting_the_bytes_of_requests_changes_nothing(cuts in proptest::collection::vec(1usize..30, 1..12)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = start().await;
            let bytes = request("POST /1", "Content-Length: 3\r\nX-A: b\r\n", "one")
                + &request("POST /2", "Transfer-Encoding: chunked\r\n", "3;x\r\ntwo\r\n1\r\n!\r\n0\r\nx-t: 1\r\n\r\n")
                + &request("GET /3", "Connection: close\r\n", "");
            let mut socket = server.connect().await;
            socket.set_nodelay(true).unwrap();
            let (mut at, mut cut) = (0, cuts.iter().cycle());
            while at < bytes.len() {
                let end = (at + cut.next().unwrap()).min(bytes.len());
                socket.write_all(&bytes.as_bytes()[at..end]).await.unwrap();
                tokio::task::yield_now().await;
                at = end;
            }
            let text = read_to_end(&mut socket).await;
            for answer in ["<POST /1 one>", "<POST /2 two!>", "<GET /3 >"] {
                assert!(text.contains(answer), "{text}");
            }
        });
    }
}
