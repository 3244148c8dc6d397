//! The upstream of the benchmark: reads each request whole, then answers a fixed chat completion, or sixty events that are
//! flushed one by one where the body asks for a stream.
//!
//! Usage: `mock_upstream ADDRESS`

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Events of a streamed answer, the last two being the end of the text and `[DONE]`.
const EVENTS: u32 = 60;

const ANSWER: &str = r#"{"id":"chatcmpl-bench","object":"chat.completion","created":1700000000,"model":"gpt-4o-mini","choices":[{"index":0,"message":{"role":"assistant","content":"The ferry leaves the northern pier at a quarter past nine and reaches the island before noon; the return trip starts at five. Tickets are sold on board, and bicycles travel free of charge on weekdays.","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":90,"completion_tokens":46,"total_tokens":136},"system_fingerprint":"fp_bench"}"#;

type Answer = Either<Full<Bytes>, Events>;

/// A body of [`EVENTS`] events. It is pending once before each, which makes hyper flush what it has.
struct Events {
    sent: u32,
    rested: bool,
}

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.sent == EVENTS {
            return Poll::Ready(None);
        }
        if !self.rested {
            self.rested = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.rested = false;
        self.sent += 1;
        Poll::Ready(Some(Ok(Frame::data(event(self.sent)))))
    }
}

fn event(number: u32) -> Bytes {
    const HEAD: &str = r#"{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-mini","choices":[{"index":0,"#;
    match number {
        EVENTS => Bytes::from_static(b"data: [DONE]\n\n"),
        59 => Bytes::from(format!("data: {HEAD}\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\n")),
        _ => Bytes::from(format!(
            "data: {HEAD}\"delta\":{{\"content\":\" word{number}\"}},\"finish_reason\":null}}]}}\n\n"
        )),
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Answer>, hyper::Error> {
    let mut body = request.into_body();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            whole.extend_from_slice(&data);
        }
    }
    let streamed = memchr::memmem::find(&whole, b"\"stream\":true").is_some();
    let (kind, body) = if streamed {
        ("text/event-stream", Either::Right(Events { sent: 0, rested: false }))
    } else {
        ("application/json", Either::Left(Full::new(Bytes::from_static(ANSWER.as_bytes()))))
    };
    let mut response = Response::new(body);
    response.headers_mut().insert("content-type", http::HeaderValue::from_static(kind));
    if streamed {
        // Makes nginx pass events on at once.
        response.headers_mut().insert("x-accel-buffering", http::HeaderValue::from_static("no"));
    }
    Ok(response)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let Some(address) = std::env::args().nth(1) else {
        eprintln!("usage: mock_upstream ADDRESS");
        std::process::exit(2);
    };
    let listener = tokio::net::TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            // A peer that leaves ends its connection; the benchmark counts that on its own side.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(answer))
                .await;
        });
    }
}
