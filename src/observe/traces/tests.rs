use super::*;
use crate::model::RequestId;
use crate::observe::{TraceContext, loopback};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::SystemTime;

const PATIENCE: Duration = Duration::from_secs(20);

fn settings(endpoint: String) -> TraceSettings {
    TraceSettings { endpoint, service_name: "gateway-under-test".to_owned(), sample_ratio: 1.0 }
}

fn record() -> Record {
    let mut record = Record::new(RequestId::from_parts(1, [2; 10]), SystemTime::now());
    record.trace = Some(TraceContext::continue_or_start(None, 1.0, [0xA7; 24]));
    record
}

/// Answers one request with a fixed text and hands over what it got.
fn collector(listener: TcpListener, answer: &'static [u8]) -> Receiver<Vec<u8>> {
    let (sender, got) = sync_channel(1);
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut request = Vec::new();
        let mut chunk = [0; 4096];
        while !is_whole(&request) {
            let count = stream.read(&mut chunk).unwrap();
            assert!(count > 0, "the exporter closed early");
            request.extend_from_slice(&chunk[..count]);
        }
        stream.write_all(answer).unwrap();
        sender.send(request).unwrap();
    });
    got
}

fn is_whole(request: &[u8]) -> bool {
    let Some(head) = memchr::memmem::find(request, b"\r\n\r\n") else { return false };
    let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    request.len() == head + 4 + length.parse::<usize>().unwrap()
}

#[tokio::test]
async fn sampled_exchange_reaches_the_collector_as_a_protobuf_post() {
    let listener = loopback::listener();
    let address = listener.local_addr().unwrap();
    let got = collector(listener, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let metrics = Metrics::new();
    let traces = Traces::start(&settings(format!("http://{address}/")), &metrics).unwrap();
    traces.export(&record());
    assert!(traces.flush_and_stop(PATIENCE).await);
    let request = got.recv_timeout(PATIENCE).unwrap();
    let head_end = memchr::memmem::find(&request, b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&request[..head_end]).to_lowercase();
    assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
    assert!(head.contains("content-type: application/x-protobuf"), "{head}");
    assert!(head.contains(&format!("host: {address}")), "{head}");
    let body = &request[head_end + 4..];
    // Field 1 (resource_spans), length-delimited; then names and the trace id somewhere in it.
    assert_eq!(body[0], 0x0A);
    for part in [&b"gateway-under-test"[..], b"portcullis.request_id", &[0xA7; 16]] {
        assert!(memchr::memmem::find(body, part).is_some());
    }
    assert!(metrics.encode().contains("portcullis_trace_spans_exported_total 1\n"));
}

#[tokio::test]
async fn collector_that_refuses_or_is_gone_costs_a_count_and_nothing_else() {
    let gone = loopback::listener().local_addr().unwrap();
    let listener = loopback::listener();
    let refusing = listener.local_addr().unwrap();
    let _got = collector(listener, b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    for address in [gone, refusing] {
        let metrics = Metrics::new();
        let traces = Traces::start(&settings(format!("http://{address}")), &metrics).unwrap();
        traces.export(&record());
        assert!(traces.flush_and_stop(PATIENCE).await);
        assert!(metrics.encode().contains("portcullis_trace_spans_dropped_total 1\n"));
        traces.export(&record()); // after the stop: counted, not a panic
        assert!(metrics.encode().contains("portcullis_trace_spans_dropped_total 2\n"));
    }
}

#[test]
fn endpoint_must_be_an_http_url() {
    for bad in ["", "collector:4318", "ftp://collector", "http://", "https:///x", "http://c?x=1"] {
        assert!(matches!(traces_url(bad), Err(TraceError::Endpoint)), "{bad}");
    }
    assert_eq!(traces_url("http://c:4318").unwrap(), "http://c:4318/v1/traces");
    assert_eq!(traces_url("https://c/otlp/").unwrap(), "https://c/otlp/v1/traces");
    assert_eq!(traces_url("https://c/v1/traces").unwrap(), "https://c/v1/traces");
}
