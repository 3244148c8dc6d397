//! The accept loop of one listener. It owns every connection's task, bounds their number, and ends them in order: no
//! defect of one connection reaches another, and no connection outlives the drain deadline.

use super::body::RequestBody;
use super::connection::{Connection, turn_away};
use super::gate::GateLimits;
use super::head::Head;
use super::refused::Refused;
use crate::config::settings::Limits;
use bytes::Bytes;
use http::Response;
use http_body::Body;
use std::error::Error;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tracing::{error, warn};

/// First and longest pause after an accept that failed for want of descriptors or memory.
const ACCEPT_PAUSE: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));
/// Connections above the cap that are told so at one time; more are closed without a word.
const TURNED_AWAY_AT_ONCE: usize = 64;
/// How long a client may take not one byte of its answer.
const WRITE_STALL: Duration = Duration::from_secs(60);
/// The most that a head may be configured to have, in bytes: below hyper's own limit, whose refusals have no body.
const MOST_HEAD_BYTES: u64 = 256 * 1024;

/// What `accept` asks of the rest of the gateway.
pub trait Handler: Clone + Send + Sync + 'static {
    /// The body of an answer. An error closes the connection without a proper end.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static;

    /// Handles one request. The future, and the body of its answer, are dropped as soon as the client leaves.
    fn exchange(&self, head: Head, body: RequestBody) -> impl Future<Output = Response<Self::Body>> + Send;

    /// Answers a request that `accept` refused. `Connection: close` and the length are added.
    fn refuse(&self, refused: Refused) -> Response<Bytes>;
}

/// Whether a listener takes connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It does.
    Serving,
    /// It does not; exchanges under way may go on until then.
    Draining {
        /// When what is left is cut.
        until: Instant,
    },
}

/// Limits of all listeners together. Clones share the count of connections.
#[derive(Clone, Debug)]
pub struct ServeSettings {
    pub(super) gate: GateLimits,
    connections: Arc<Semaphore>,
    turned_away: Arc<Semaphore>,
}

impl ServeSettings {
    /// Takes the limits of the configuration. Make it once per process and clone it for each listener.
    pub fn new(limits: &Limits) -> Self {
        let gate = GateLimits {
            head_bytes: usize::try_from(limits.head_bytes.min(MOST_HEAD_BYTES)).unwrap_or(usize::MAX),
            head_timeout: limits.head_timeout,
            keep_alive_idle: limits.keep_alive_idle,
            write_stall: WRITE_STALL,
        };
        Self {
            gate,
            connections: Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS))),
            turned_away: Arc::new(Semaphore::new(TURNED_AWAY_AT_ONCE)),
        }
    }
}

/// Serves one listener until `stop` says `Draining`, then until its exchanges are done or the deadline has passed. A
/// `stop` whose sender is gone cuts at once. Dropping the future cuts all connections.
pub async fn serve<H: Handler>(
    listener: TcpListener,
    settings: ServeSettings,
    handler: H,
    mut stop: watch::Receiver<Phase>,
) {
    let Ok(address) = listener.local_addr() else {
        error!("a listener has no address");
        return;
    };
    let mut connections = JoinSet::new();
    let mut stopping = stop.clone();
    let mut pause = ACCEPT_PAUSE.0;
    let until = loop {
        tokio::select! {
            biased;
            until = drain_deadline(&mut stop) => break until,
            Some(ended) = connections.join_next(), if !connections.is_empty() => note_end(ended),
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => {
                    pause = ACCEPT_PAUSE.0;
                    admit_connection(&mut connections, socket, peer, address, &settings, &handler, &stopping);
                }
                Err(error) if is_of_the_connection(&error) => {}
                Err(error) => {
                    warn!(%error, "accepting pauses");
                    tokio::select! {
                        until = drain_deadline(&mut stopping) => break until,
                        () = tokio::time::sleep(pause) => pause = pause.saturating_mul(2).min(ACCEPT_PAUSE.1),
                    }
                }
            },
        }
    };
    drop(listener);
    let drained = async {
        while let Some(ended) = connections.join_next().await {
            note_end(ended);
        }
    };
    if tokio::time::timeout_at(until.into(), drained).await.is_err() {
        connections.shutdown().await;
    }
}

/// Waits until the listener must stop, and says when its connections are cut. Cancel-safe.
pub(super) async fn drain_deadline(stop: &mut watch::Receiver<Phase>) -> Instant {
    match stop.wait_for(|phase| matches!(phase, Phase::Draining { .. })).await.map(|phase| *phase) {
        Ok(Phase::Draining { until }) => until,
        Ok(Phase::Serving) | Err(_) => Instant::now(),
    }
}

fn admit_connection<H: Handler>(
    connections: &mut JoinSet<()>,
    socket: TcpStream,
    peer: SocketAddr,
    listener: SocketAddr,
    settings: &ServeSettings,
    handler: &H,
    stop: &watch::Receiver<Phase>,
) {
    if let Ok(permit) = settings.connections.clone().try_acquire_owned() {
        let gate = settings.gate.clone();
        let connection = Connection { peer, listener, gate, handler: handler.clone(), stop: stop.clone() };
        connections.spawn(async move {
            connection.run(socket).await;
            drop(permit);
        });
    } else if let Ok(permit) = settings.turned_away.clone().try_acquire_owned() {
        let handler = handler.clone();
        connections.spawn(async move {
            turn_away(socket, peer, listener, &handler).await;
            drop(permit);
        });
    }
}

/// Errors of one connection that was gone before it was taken; the next accept is not affected.
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

fn note_end(ended: Result<(), JoinError>) {
    if let Err(failure) = ended
        && failure.is_panic()
    {
        error!("a connection's task panicked");
    }
}
