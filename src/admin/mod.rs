//! The gateway's own listeners, apart from traffic: *health* (probes and metrics, without content or topology; may bind the
//! pod's address) and *admin* (status; loopback only).
//!
//! Nothing here changes anything, and no route leads here. What there is to see comes through [`View`], which `cli`
//! implements over the running gateway.

mod http1;
mod pages;

use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How far the gateway is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// No configuration is in force yet.
    Starting,
    /// It takes traffic.
    Ready,
    /// It is shutting down.
    Draining,
}

/// What the listeners show. Calls must be quick: they run on the reactor.
pub trait View: Send + Sync + 'static {
    /// Whether the process works at all; `false` makes an orchestrator restart it.
    fn live(&self) -> bool;
    /// How far it is. An upstream that is down is no reason not to be ready.
    fn ready(&self) -> Readiness;
    /// What an operator asks first. No secrets, no content.
    fn status(&self) -> serde_json::Value;
    /// The metrics page, of the type [`crate::observe::METRICS_CONTENT_TYPE`].
    fn metrics(&self) -> String;
}

/// Serves `/livez`, `/readyz`, `/startupz` and `/metrics` until `stop` says `true` or its sender is gone.
pub async fn serve_health(listener: TcpListener, view: Arc<dyn View>, stop: watch::Receiver<bool>) {
    http1::serve(listener, stop, move |req, _| pages::health(&*view, req)).await;
}

/// Serves `/status` to loopback peers until `stop` says `true` or its sender is gone.
pub async fn serve_admin(listener: TcpListener, view: Arc<dyn View>, stop: watch::Receiver<bool>) {
    http1::serve(listener, stop, move |req, peer| pages::admin(&*view, req, peer)).await;
}

#[cfg(test)]
mod tests;
