//! TLS to an upstream is always verified: the right name, a known root, a valid date. Where it is not, the request and
//! its credential stay here.

use super::scripted::{listen, read_request, reply, upstream_at};
use super::wire::Wire;
use super::*;
use crate::config::settings;
use crate::model::{Cause, Endpoint, RequestId};
use crate::stages::accept::Head;
use crate::stages::redact::Outbound;
use crate::state::breaker::Breakers;
use http::{HeaderMap, Method};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;

const CA: &str = include_str!("fixtures/ca.pem");
const VALID: &str = include_str!("fixtures/valid.pem");
const WRONG_NAME: &str = include_str!("fixtures/wrong_name.pem");
const EXPIRED: &str = include_str!("fixtures/expired.pem");
const KEY: &str = include_str!("fixtures/leaf.key.pem");

/// A TLS upstream on loopback that answers every request and keeps what it received.
async fn tls_upstream(certificate: &str) -> (u16, Arc<Mutex<Vec<String>>>) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (listener, port) = listen().await;
    let received = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&received);
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let Ok(mut tls) = acceptor.accept(tcp).await else { continue };
            while let Some(request) = read_request(&mut tls).await {
                kept.lock().unwrap().push(request);
                tls.write_all(reply(200, "", "{}").as_bytes()).await.unwrap();
            }
        }
    });
    (port, received)
}

async fn send(upstreams: &Upstreams) -> Sent {
    let head = Head::for_tests(Method::POST, "/v1/chat/completions", HeaderMap::new());
    let outbound = Outbound::for_tests(head, Endpoint::ChatCompletions, b"{}");
    let id = RequestId::from_parts(1, [7; 10]);
    let context = SendContext { request_id: &id, traceparent: None, tracestate: None, jitter_seed: 1 };
    let upstream = Arc::clone(upstreams.get(&crate::model::UpstreamId::new("a")).unwrap());
    upstreams.send(&outbound, &[upstream], &context).await
}

fn upstreams(port: u16, ca_file: Option<PathBuf>) -> Upstreams {
    let mut settings = settings::Upstream { ca_file, ..upstream_at("a", port) };
    settings.base_url.as_mut().unwrap().tls = true;
    settings.timeouts.connect = std::time::Duration::from_secs(2);
    Upstreams::compile(&[settings], &Breakers::new(), None).unwrap()
}

#[tokio::test]
async fn certificate_that_fits_the_host_and_the_ca_file_is_accepted_and_the_connection_kept() {
    let (port, received) = tls_upstream(VALID).await;
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, CA).unwrap();
    let upstreams = upstreams(port, Some(ca_file));
    for _ in 0..2 {
        let mut answer = send(&upstreams).await.result.unwrap();
        assert_eq!(answer.body.read_whole(10).await.unwrap(), b"{}");
    }
    let received = received.lock().unwrap();
    assert_eq!(received.len(), 2);
    assert!(received[0].contains(&format!("host: 127.0.0.1:{port}\r\n")), "{}", received[0]);
}

#[tokio::test]
async fn unknown_root_wrong_name_and_expired_certificate_get_no_request() {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, CA).unwrap();
    for (certificate, ca_file) in [(VALID, None), (WRONG_NAME, Some(ca_file.clone())), (EXPIRED, Some(ca_file))] {
        let (port, received) = tls_upstream(certificate).await;
        let sent = send(&upstreams(port, ca_file)).await;
        assert_eq!(sent.attempts.iter().map(|attempt| attempt.failure).collect::<Vec<_>>(), [Some("tls")]);
        assert_eq!(sent.result.unwrap_err().outcome.cause, Cause::UpstreamUnreachable);
        assert!(received.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn upstream_that_speaks_no_tls_gets_no_request() {
    let (listener, port) = listen().await;
    let received = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&received);
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            let mut first = [0; 512];
            let len = tokio::io::AsyncReadExt::read(&mut tcp, &mut first).await.unwrap_or(0);
            kept.lock().unwrap().extend_from_slice(&first[..len]);
            let _ = tcp.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    let sent = send(&upstreams(port, None)).await;
    assert_eq!(sent.attempts[0].failure, Some("tls"));
    assert!(!String::from_utf8_lossy(&received.lock().unwrap()).contains("sk-ours"));
}

#[tokio::test]
async fn plain_wire_is_written_in_one_go() {
    let (listener, port) = listen().await;
    let (client, _server) = tokio::join!(tokio::net::TcpStream::connect(("127.0.0.1", port)), listener.accept());
    assert!(tokio::io::AsyncWrite::is_write_vectored(&Wire::Plain(client.unwrap())));
}
