//! One HTTP/1 connection to an upstream, driven by the task of the request that uses it.
//!
//! hyper's connection is a future that somebody must poll. Here the one who waits for the head or for a chunk polls it:
//! no second task, no wake between tasks, and dropping the request closes the connection at once, which stops the
//! upstream from producing tokens that nobody reads (DESIGN §3 "inline"). It must never be shared between exchanges
//! that run at the same time, and never polled again after it has ended.

use super::failure::Failure;
use super::wire::Wire;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Instant;

/// Largest read and write buffer, which bounds the answer's head too. 128 KiB: heads of providers have about 2 KB.
const BUFFER_BYTES: usize = 128 * 1024;

/// A whole request body.
pub(super) type RequestBody = Full<Bytes>;

/// A connection and the means to use it.
#[derive(Debug)]
pub(super) struct UpstreamConnection {
    sender: SendRequest<RequestBody>,
    /// `None` once it has ended.
    driver: Option<Connection<TokioIo<Wire>, RequestBody>>,
    opened: Instant,
}

/// Why no head came back.
#[derive(Debug)]
pub(super) enum SendFault {
    /// Nothing of the request was written; here it is again.
    Unsent(Box<Request<RequestBody>>),
    /// It was written, or may have been.
    Lost(Failure),
}

impl UpstreamConnection {
    /// Wraps a connected socket; nothing is written yet. Boxed, because it changes hands ten times in an exchange.
    pub(super) async fn open(wire: Wire, now: Instant) -> Result<Box<Self>, Failure> {
        let (sender, driver) = Builder::new()
            .max_buf_size(BUFFER_BYTES)
            .handshake(TokioIo::new(wire))
            .await
            .map_err(|_| Failure::Connect)?;
        Ok(Box::new(Self { sender, driver: Some(driver), opened: now }))
    }

    /// When it was opened.
    pub(super) fn opened(&self) -> Instant {
        self.opened
    }

    /// Sends a request and waits for the answer's head. Not cancel-safe: dropping it leaves the connection unusable.
    pub(super) async fn send(&mut self, request: Request<RequestBody>) -> Result<Response<Incoming>, SendFault> {
        let mut answer = pin!(self.sender.try_send_request(request));
        let driver = &mut self.driver;
        let sent = poll_fn(|cx| {
            if let Poll::Ready(sent) = answer.as_mut().poll(cx) {
                return Poll::Ready(sent);
            }
            drive(driver, cx);
            answer.as_mut().poll(cx)
        })
        .await;
        sent.map_err(|mut fault| match fault.take_message() {
            Some(request) => SendFault::Unsent(Box::new(request)),
            None if fault.error().is_parse() => SendFault::Lost(Failure::Protocol),
            None => SendFault::Lost(Failure::Reset),
        })
    }

    /// The next non-empty piece of an answer's body; `Err` when the connection broke before its end.
    pub(super) fn poll_body(
        &mut self,
        body: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BodyBroken>>> {
        let mut driven = false;
        loop {
            match Pin::new(&mut *body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(piece) if !piece.is_empty() => return Poll::Ready(Some(Ok(piece))),
                    Ok(_) | Err(_) => continue, // empty, or trailers, which are dropped (THREATS 4)
                },
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Some(Err(BodyBroken))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending if driven => return Poll::Pending,
                Poll::Pending if self.driver.is_none() => return Poll::Ready(Some(Err(BodyBroken))),
                Poll::Pending => {}
            }
            drive(&mut self.driver, cx);
            driven = self.driver.is_some();
        }
    }

    /// Whether it can take a request now: open on both sides, nothing under way, nothing unasked for in its buffer.
    pub(super) fn is_usable(&mut self, cx: &mut Context<'_>) -> bool {
        drive(&mut self.driver, cx);
        self.driver.is_some() && self.sender.is_ready()
    }
}

/// The connection ended inside a body.
#[derive(Debug)]
pub(super) struct BodyBroken;

/// Polls the connection once and drops it when it has ended; what ended it reaches the waiting request by its channel.
fn drive(driver: &mut Option<Connection<TokioIo<Wire>, RequestBody>>, cx: &mut Context<'_>) {
    if let Some(connection) = driver
        && Pin::new(connection).poll(cx).is_ready()
    {
        *driver = None;
    }
}
