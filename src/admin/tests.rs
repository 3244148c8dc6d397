use super::*;
use crate::model::SECURITY_HEADERS;
use crate::observe::loopback;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

const PATIENCE: Duration = Duration::from_secs(20);

/// A view that is as far as a number says.
struct Shown(AtomicU8);

impl View for Shown {
    fn live(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 3
    }

    fn ready(&self) -> Readiness {
        match self.0.load(Ordering::Relaxed) {
            0 => Readiness::Starting,
            1 => Readiness::Ready,
            _ => Readiness::Draining,
        }
    }

    fn status(&self) -> serde_json::Value {
        serde_json::json!({ "snapshot": 1 })
    }

    fn metrics(&self) -> String {
        "# EOF\n".to_owned()
    }
}

struct Server {
    address: SocketAddr,
    view: Arc<Shown>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

fn health_server() -> Server {
    let (listener, view) = (loopback::tokio_listener(), Arc::new(Shown(AtomicU8::new(1))));
    let (address, (stop, stopped)) = (listener.local_addr().unwrap(), watch::channel(false));
    let task = tokio::spawn(serve_health(listener, Arc::clone(&view) as Arc<dyn View>, stopped));
    Server { address, view, stop, task }
}

fn admin_server() -> Server {
    let (listener, view) = (loopback::tokio_listener(), Arc::new(Shown(AtomicU8::new(1))));
    let (address, (stop, stopped)) = (listener.local_addr().unwrap(), watch::channel(false));
    let task = tokio::spawn(serve_admin(listener, Arc::clone(&view) as Arc<dyn View>, stopped));
    Server { address, view, stop, task }
}

/// Sends raw bytes and reads until the server closes, which it must do after one answer.
async fn raw(address: SocketAddr, request: &str) -> String {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A reset instead of a clean end still leaves what was read.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    };
    tokio::time::timeout(PATIENCE, exchange).await.expect("the server answers and closes")
}

async fn get(address: SocketAddr, path: &str) -> String {
    raw(address, &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")).await
}

fn is_status(answer: &str, status: u16) -> bool {
    answer.starts_with(&format!("HTTP/1.1 {status} "))
}

#[tokio::test]
async fn probes_follow_the_life_of_the_gateway() {
    let server = health_server();
    for (stage, live, ready, started) in
        [(0, 200, 503, 503), (1, 200, 200, 200), (2, 200, 503, 200), (3, 503, 503, 200)]
    {
        server.view.0.store(stage, Ordering::Relaxed);
        for (path, status) in [("/livez", live), ("/readyz", ready), ("/startupz", started)] {
            let answer = get(server.address, path).await;
            assert!(is_status(&answer, status), "{path} at {stage}: {answer}");
            let body = answer.split("\r\n\r\n").nth(1).unwrap();
            assert!(!body.is_empty() && !body.contains(' '), "one word: {body}");
        }
    }
}

#[tokio::test]
async fn every_answer_carries_the_security_headers_and_nothing_allows_other_origins() {
    let server = health_server();
    for path in ["/livez", "/metrics", "/status", "/"] {
        let answer = get(server.address, path).await.to_lowercase();
        for (name, value) in SECURITY_HEADERS {
            assert!(answer.contains(&format!("\r\n{name}: {}\r\n", value.to_lowercase())), "{path}: {name}");
        }
        assert!(!answer.contains("access-control"));
        assert!(!answer.contains("\r\nserver:"));
    }
}

#[tokio::test]
async fn health_listener_shows_metrics_and_no_status() {
    let server = health_server();
    let answer = get(server.address, "/metrics").await;
    assert!(is_status(&answer, 200) && answer.ends_with("# EOF\n"));
    assert!(answer.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"));
    for path in ["/status", "/", "/livez/", "//livez", "/metrics/../status", "/LIVEZ"] {
        assert!(is_status(&get(server.address, path).await, 404), "{path}");
    }
}

#[tokio::test]
async fn only_reading_methods_are_taken_and_head_has_no_body() {
    let server = health_server();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"] {
        let answer = raw(server.address, &format!("{method} /livez HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        assert!(is_status(&answer, 405) && answer.contains("allow: GET, HEAD\r\n"), "{method}: {answer}");
    }
    let answer = raw(server.address, "HEAD /livez HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(is_status(&answer, 200) && answer.ends_with("\r\n\r\n"));
}

#[tokio::test]
async fn admin_answers_loopback_names_only() {
    let server = admin_server();
    for host in ["localhost", "LOCALHOST:9090", "127.0.0.1:9090", "127.8.0.1", "[::1]:9090"] {
        let answer = raw(server.address, &format!("GET /status HTTP/1.1\r\nhost: {host}\r\n\r\n")).await;
        assert!(is_status(&answer, 200) && answer.ends_with(r#"{"snapshot":1}"#), "{host}: {answer}");
    }
    for head in [
        "host: evil.example",
        "host: localhost.evil.example",
        "host: 127.0.0.1.evil.example",
        "host: 10.0.0.1",
        "host: evil@localhost",
        "host: localhost\r\nhost: evil.example",
        "host:",
        "x-none: 1",
    ] {
        let answer = raw(server.address, &format!("GET /status HTTP/1.1\r\n{head}\r\n\r\n")).await;
        assert!(is_status(&answer, 421) || is_status(&answer, 400), "{head}: {answer}");
        assert!(!answer.contains("snapshot"));
    }
    let absolute = "GET http://evil.example/status HTTP/1.1\r\nhost: localhost\r\n\r\n";
    assert!(is_status(&raw(server.address, absolute).await, 421));
    let nameless = raw(server.address, "GET /status HTTP/1.0\r\n\r\n").await;
    assert!(nameless.starts_with("HTTP/1.0 421 "), "{nameless}");
}

#[tokio::test]
async fn admin_has_no_metrics_and_takes_no_writes() {
    let server = admin_server();
    assert!(is_status(&get(server.address, "/metrics").await, 404));
    assert!(is_status(&raw(server.address, "POST /status HTTP/1.1\r\nhost: localhost\r\n\r\n").await, 405));
}

#[tokio::test]
async fn idle_connections_cannot_keep_a_probe_out() {
    let server = health_server();
    let mut idle = Vec::new();
    for _ in 0..http1::CONNECTIONS * 2 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(b"GET /livez HT").await.unwrap();
        idle.push(stream);
    }
    let answer = tokio::time::timeout(Duration::from_secs(2), get(server.address, "/livez")).await;
    assert!(is_status(&answer.expect("answered at once"), 200));
    // The oldest of them was closed for it.
    let mut byte = [0];
    let closed = tokio::time::timeout(Duration::from_secs(2), idle[0].read(&mut byte)).await;
    assert!(matches!(closed.expect("closed at once"), Ok(0) | Err(_)));
}

#[tokio::test]
async fn oversized_head_is_refused() {
    let server = health_server();
    let answer = raw(server.address, &format!("GET /livez HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(20_000))).await;
    assert!(!is_status(&answer, 200), "{answer}");
}

#[tokio::test]
async fn stop_ends_the_listener() {
    let server = health_server();
    server.stop.send(true).unwrap();
    tokio::time::timeout(PATIENCE, server.task).await.expect("ends").unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}
