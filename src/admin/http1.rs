//! A small HTTP/1 server for probes, scrapes and operators: one answer per connection, few connections, short deadlines.
//!
//! It must never let a slow or idle peer keep a probe from being answered: when all places are taken, the oldest
//! connection is closed in favour of the new one.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// Connections at once.
pub(super) const CONNECTIONS: usize = 64;

/// Time for a whole request head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// Time for the whole connection, so that a peer that does not read goes too.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of a request head; the smallest that hyper takes.
const HEAD_BYTES: usize = 8 * 1024;

/// Pause after a failed accept (out of descriptors), so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop` says `true` or its sender is gone. Connections still open then are dropped.
pub(super) async fn serve<F>(listener: TcpListener, mut stop: watch::Receiver<bool>, pages: F)
where
    F: Fn(&Request<Incoming>, SocketAddr) -> Response<Full<Bytes>> + Send + Sync + 'static,
{
    let pages = Arc::new(pages);
    let mut tasks = JoinSet::new();
    let mut oldest_first: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        tokio::select! {
            // The block drops the guard, which must not be held across the other branches' awaits.
            () = async { drop(stop.wait_for(|stop| *stop).await) } => return,
            Some(_) = tasks.join_next() => oldest_first.retain(|task| !task.is_finished()),
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    if oldest_first.len() >= CONNECTIONS && let Some(oldest) = oldest_first.pop_front() {
                        oldest.abort();
                    }
                    oldest_first.push_back(tasks.spawn(connection(stream, peer, Arc::clone(&pages))));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection to an own listener could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
}

async fn connection<F>(stream: TcpStream, peer: SocketAddr, pages: Arc<F>)
where
    F: Fn(&Request<Incoming>, SocketAddr) -> Response<Full<Bytes>> + Send + Sync + 'static,
{
    let service = service_fn(move |req: Request<Incoming>| {
        let answer = pages(&req, peer);
        async move { Ok::<_, Infallible>(answer) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .keep_alive(false)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    // How a peer behaved is of no interest here.
    let _ = tokio::time::timeout(CONNECTION_TIMEOUT, served).await;
}
