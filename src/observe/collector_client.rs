//! The HTTP client that carries spans to the collector: one connection for each export, which come seconds apart.
//!
//! It must never be used for traffic: it has no pool and follows nothing. TLS always verifies against the built-in roots.

use bytes::{Bytes, BytesMut};
use http::header::HOST;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use opentelemetry_http::{HttpClient, HttpError};
use rustls_pki_types::ServerName;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Time for one export, all of it.
pub(super) const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of a collector's answer that are read; it says nothing that we need.
const ANSWER_BYTES: usize = 64 * 1024;

/// What can go wrong on the way to the collector.
#[derive(Debug, thiserror::Error)]
enum ClientError {
    #[error("the endpoint has no host")]
    NoHost,
    #[error("the collector did not take the spans in time")]
    Timeout,
    #[error("the collector's answer is longer than {ANSWER_BYTES} bytes")]
    AnswerTooLong,
}

/// A client for OTLP over HTTP/1.1.
#[derive(Clone)]
pub(super) struct CollectorClient {
    tls: TlsConnector,
}

impl std::fmt::Debug for CollectorClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CollectorClient")
    }
}

impl CollectorClient {
    /// Prepares TLS.
    ///
    /// # Errors
    ///
    /// When the TLS provider does not support the protocol versions, which would be a fault of the build.
    pub(super) fn new() -> Result<Self, rustls::Error> {
        let roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: TlsConnector::from(Arc::new(config)) })
    }

    async fn send(self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let host = request.uri().host().ok_or(ClientError::NoHost)?.trim_matches(['[', ']']).to_owned();
        let is_tls = request.uri().scheme_str() == Some("https");
        let port = request.uri().port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let stream = TcpStream::connect((host.as_str(), port)).await?;
        if is_tls {
            let stream = self.tls.connect(ServerName::try_from(host)?, stream).await?;
            exchange(stream, request).await
        } else {
            exchange(stream, request).await
        }
    }
}

impl HttpClient for CollectorClient {
    fn send_bytes<'life0, 'async_trait>(
        &'life0 self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        let sending = self.clone().send(request);
        Box::pin(async { tokio::time::timeout(EXPORT_TIMEOUT, sending).await.map_err(|_| ClientError::Timeout)? })
    }
}

/// One request on one connection. The connection is driven here, so that dropping the future closes it.
async fn exchange<S>(stream: S, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answer = async {
        let response = sender.send_request(in_origin_form(request)?).await?;
        let (head, mut body) = response.into_parts();
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(chunk) = frame?.into_data() else { continue };
            if bytes.len().saturating_add(chunk.len()) > ANSWER_BYTES {
                return Err(ClientError::AnswerTooLong.into());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Response::from_parts(head, bytes.freeze()))
    };
    tokio::pin!(connection, answer);
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        ended = &mut connection => {
            ended?;
            // The answer was read to its end when the connection closed.
            answer.await
        }
    }
}

/// Origin form with a `host` header, as HTTP/1.1 asks of a client that speaks to the server itself (RFC 9112 §3.2.1).
fn in_origin_form(request: Request<Bytes>) -> Result<Request<Full<Bytes>>, HttpError> {
    let (mut head, body) = request.into_parts();
    let authority = head.uri.authority().ok_or(ClientError::NoHost)?;
    // Without `user:password@`, which is not part of a host.
    let host = authority.as_str().rsplit('@').next().unwrap_or("");
    head.headers.insert(HOST, HeaderValue::from_str(host)?);
    head.uri = head.uri.path_and_query().map_or("/", |path| path.as_str()).parse::<Uri>()?;
    Ok(Request::from_parts(head, Full::new(body)))
}
