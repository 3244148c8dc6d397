//! One connection: gate, hyper and the handler put together; the answer to what the gate refused; the orderly end.

use super::body::RequestBody;
use super::fault::Fault;
use super::gate::{Gate, GateLimits};
use super::head::Head;
use super::header_name::stripped;
use super::path;
use super::refused::{Refused, encode};
use super::serve::{Handler, Phase, drain_deadline};
use super::turn::Turn;
use crate::model::{Cause, Refusal, Stage};
use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue};
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tracing::error;

/// How long a client that was refused may go on sending before the connection is cut. Closing at once would reset it,
/// and the client might never read its answer.
const LINGER: Duration = Duration::from_secs(2);
/// Bytes that are thrown away meanwhile.
const LINGER_BYTES: usize = 64 * 1024 * 1024;
/// Time for writing a refusal.
const REFUSAL_WRITE: Duration = Duration::from_secs(5);

/// What one connection needs.
pub(super) struct Connection<H> {
    pub peer: SocketAddr,
    pub listener: SocketAddr,
    pub gate: GateLimits,
    pub handler: H,
    pub stop: watch::Receiver<Phase>,
}

impl<H: Handler> Connection<H> {
    /// Serves the connection to its end.
    pub(super) async fn run(mut self, socket: TcpStream) {
        // Without it the last part of an answer could wait for an acknowledgement; where it fails it only costs time.
        let _ = socket.set_nodelay(true);
        let turn = Arc::new(Turn::default());
        let gate = Gate::new(socket, self.gate.clone(), turn.clone());
        let exchanges = Exchanges { peer: self.peer, listener: self.listener, handler: self.handler.clone(), turn };
        let service = service_fn(|request| exchanges.call(request));
        let mut connection = http1::Builder::new()
            .half_close(false)
            .keep_alive(true)
            .header_read_timeout(None)
            .serve_connection(TokioIo::new(gate), service);
        let stopped = tokio::select! {
            biased;
            _ = &mut connection => false,
            _ = drain_deadline(&mut self.stop) => true,
        };
        if stopped {
            Pin::new(&mut connection).graceful_shutdown();
            // An error is the client's departure; what was under way is dropped with the connection.
            let _ = (&mut connection).await;
        }
        let gate = connection.into_parts().io.into_inner();
        let is_unread = gate.has_unread();
        let answer = gate.head_fault().map(|fault| self.answer(fault, gate.refused_bytes()));
        let mut socket = gate.into_socket();
        if let Some(answer) = answer {
            write_refusal(&mut socket, &answer).await;
        }
        end(socket, is_unread).await;
    }

    fn answer(&self, fault: Fault, head: &[u8]) -> Vec<u8> {
        let refused = Refused::raw(self.peer, self.listener, fault, head);
        let is_head = refused.method.as_ref().is_some_and(|method| method.expose() == "HEAD");
        encode(&self.handler.refuse(refused), is_head)
    }
}

/// Tells a client that there is no room for its connection.
pub(super) async fn turn_away<H: Handler>(mut socket: TcpStream, peer: SocketAddr, listener: SocketAddr, handler: &H) {
    let refusal = Refusal::new(Stage::Accept, Cause::Overloaded).detail("connections");
    let answer = encode(&handler.refuse(Refused::unseen(peer, listener, refusal)), false);
    write_refusal(&mut socket, &answer).await;
    end(socket, true).await;
}

async fn write_refusal(socket: &mut TcpStream, answer: &[u8]) {
    // Whether it arrives is up to the client; there is nobody to tell.
    let _ = tokio::time::timeout(REFUSAL_WRITE, socket.write_all(answer)).await;
}

/// Closes our side; where the client may still be sending, waits a little for it to close its own.
async fn end(mut socket: TcpStream, is_unread: bool) {
    if socket.shutdown().await.is_err() || !is_unread {
        return;
    }
    let mut bin = vec![0; 16 * 1024];
    let mut left = LINGER_BYTES;
    let draining = async {
        while let Ok(count @ 1..) = socket.read(&mut bin).await {
            left = left.saturating_sub(count);
            if left == 0 {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(LINGER, draining).await;
}

/// Makes heads of hyper's requests and hands them over.
struct Exchanges<H> {
    peer: SocketAddr,
    listener: SocketAddr,
    handler: H,
    turn: Arc<Turn>,
}

impl<H: Handler> Exchanges<H> {
    fn call(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<AnswerBody<H::Body>>, Infallible>> + Send + use<H> {
        let holder = TurnHolder(self.turn.clone());
        let (peer, listener) = (self.peer, self.listener);
        let handler = self.handler.clone();
        let strip = self.turn.needs_strip();
        async move {
            let (parts, body) = request.into_parts();
            let head = match path::canonical(parts.uri.path()) {
                Ok(path) => make_head(parts, path, strip, peer, listener),
                Err(fault) => {
                    let refused = Refused::parsed(peer, listener, fault.refusal(), &parts);
                    return Ok(fixed(handler.refuse(refused), holder));
                }
            };
            let exchange = pin!(handler.exchange(head, RequestBody::new(body)));
            Ok(match caught(exchange).await {
                Some(response) => response.map(|body| AnswerBody { kind: Kind::Exchange(body), _holder: holder }),
                None => {
                    error!("an exchange panicked");
                    let refusal = Refusal::new(Stage::Accept, Cause::Internal);
                    fixed(handler.refuse(Refused::unseen(peer, listener, refusal)), holder)
                }
            })
        }
    }
}

/// Drives a future; `None` if it panics.
async fn caught<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(Poll::Ready(output)) => Poll::Ready(Some(output)),
        Ok(Poll::Pending) => Poll::Pending,
        // It is never polled again.
        Err(_panic) => Poll::Ready(None),
    })
    .await
}

fn make_head(parts: http::request::Parts, path: String, strip: bool, peer: SocketAddr, listener: SocketAddr) -> Head {
    let query = parts.uri.query().map(str::to_owned);
    let mut headers = parts.headers;
    if strip {
        strip_headers(&mut headers);
    }
    headers.remove(CONNECTION);
    headers.remove(http::header::TRANSFER_ENCODING);
    headers.remove(http::header::EXPECT);
    Head::new(parts.method, path, query, headers, peer, listener)
}

/// Removes hop-by-hop headers, also those that `Connection` names, and what only a trusted proxy may say.
fn strip_headers(headers: &mut HeaderMap) {
    let named: Vec<String> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|options| options.split(','))
        .map(|option| option.trim().to_ascii_lowercase())
        .collect();
    for name in &named {
        headers.remove(name.as_str());
    }
    for name in stripped() {
        headers.remove(name);
    }
}

/// A refusal as the last answer of its connection.
fn fixed<B>(response: Response<Bytes>, holder: TurnHolder) -> Response<AnswerBody<B>> {
    let mut response = response.map(|bytes| AnswerBody { kind: Kind::Fixed(bytes), _holder: holder });
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Gives the turn back when the exchange, or the body of its answer, is dropped.
struct TurnHolder(Arc<Turn>);

impl Drop for TurnHolder {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

/// The body of an answer, which holds its connection's turn.
struct AnswerBody<B> {
    kind: Kind<B>,
    _holder: TurnHolder,
}

enum Kind<B> {
    Exchange(B),
    Fixed(Bytes),
}

impl<B> Body for AnswerBody<B>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin,
{
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match &mut self.kind {
            Kind::Fixed(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Fixed(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Kind::Exchange(body) => match catch_unwind(AssertUnwindSafe(|| Pin::new(body).poll_frame(cx))) {
                Ok(polled) => polled.map_err(Into::into),
                Err(_panic) => Poll::Ready(Some(Err("the answer's body panicked".into()))),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Exchange(body) => body.is_end_stream(),
            Kind::Fixed(bytes) => bytes.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Exchange(body) => body.size_hint(),
            Kind::Fixed(bytes) => SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX)),
        }
    }
}
