//! `portcullis serve`: reads the configuration, binds the listeners, runs until SIGTERM or SIGINT, drains.

use super::reload::{Reloader, Sources};
use super::view::ServeView;
use crate::admin::{self, View};
use crate::config::{self, Loaded};
use crate::observe::{Metrics, Recorder, Traces, log};
use crate::pipeline::{Phase, Pipeline, Shared};
use crate::snapshot::Snapshot;
use anyhow::Context;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// `EX_CONFIG` of BSD's sysexits: the configuration is bad, and starting again will not help.
const EX_CONFIG: u8 = 78;

/// How long the record writer may take to write what is queued at the end.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// How long streams that are cut at the drain deadline may take to send their terminal frames.
const LAST_FRAMES: Duration = Duration::from_secs(1);

/// Connections waiting to be accepted, as given to `listen(2)`.
const BACKLOG: u32 = 1024;

/// Runs the gateway.
pub fn run(path: &Path) -> ExitCode {
    if let Err(error) = log::init() {
        eprintln!("portcullis: {error}");
        return ExitCode::from(EX_CONFIG);
    }
    let loaded = match config::load(path, &config::process_environment) {
        Ok(loaded) => loaded,
        Err(faults) => {
            eprintln!("{}", faults.render());
            return ExitCode::from(EX_CONFIG);
        }
    };
    match start(path, loaded) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the gateway cannot run");
            if error.is::<crate::snapshot::SnapshotError>() { ExitCode::from(EX_CONFIG) } else { ExitCode::FAILURE }
        }
    }
}

fn start(path: &Path, loaded: Loaded) -> anyhow::Result<()> {
    let settings = loaded.gateway.clone();
    let sources = Sources::of(&loaded);
    let metrics = Arc::new(Metrics::new());
    let traces = settings.tracing.as_ref().map(|settings| Traces::start(settings, &metrics)).transpose()?;
    let recorder = Recorder::start(&settings.record, Arc::clone(&metrics), traces).context("opening the records")?;
    let shared = Arc::new(Shared::start(loaded, recorder, metrics, settings.tracing.as_ref())?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("portcullis")
        .build()
        .context("starting the runtime")?;
    let reloader = Reloader::new(path, sources, Arc::clone(&shared));
    let result = runtime.block_on(serve(&shared, reloader));
    runtime.shutdown_timeout(LAST_FRAMES);
    if !shared.recorder().flush_and_stop(FLUSH_TIMEOUT) {
        tracing::error!("not all records could be written before the end");
    }
    result
}

/// Tells the parts of a shutdown to those who wait for them.
struct Stages {
    /// No new connections and requests.
    stop: watch::Sender<Phase>,
    /// Probes and admin end too.
    end: watch::Sender<bool>,
}

async fn serve(shared: &Arc<Shared>, reloader: Reloader) -> anyhow::Result<()> {
    // Before anything says that it is ready: until then a signal would end the process.
    let terminated = Termination::listen()?;
    let hangup = signal(SignalKind::hangup()).context("listening for SIGHUP")?;
    let snapshot = shared.snapshot();
    let gateway = &snapshot.written;
    let stages = Stages { stop: watch::Sender::new(Phase::Serving), end: watch::Sender::new(false) };
    let view = Arc::new(ServeView::new(Arc::clone(shared)));

    let health = bind(gateway.health).context("binding the health listener")?;
    let admin = bind(gateway.admin).context("binding the admin listener")?;
    let mut own = JoinSet::new();
    own.spawn(admin::serve_health(health, Arc::clone(&view) as Arc<dyn View>, stages.end.subscribe()));
    own.spawn(admin::serve_admin(admin, Arc::clone(&view) as Arc<dyn View>, stages.end.subscribe()));

    let mut clients = JoinSet::new();
    let pipeline = Pipeline::new(Arc::clone(shared));
    for listener in &gateway.listeners {
        let socket = bind(listener.address).with_context(|| format!("binding {}", listener.address))?;
        clients.spawn(pipeline.clone().serve(socket, stages.stop.subscribe()));
    }
    own.spawn(reloader.run(hangup, stages.end.subscribe()));
    view.begin();
    announce(&snapshot);

    terminated.wait().await;
    drain(shared, &view, &stages, &mut clients).await;
    stages.end.send_replace(true);
    while own.join_next().await.is_some() {}
    Ok(())
}

/// The order of a shutdown: say so on `/readyz`, wait, stop accepting, let exchanges finish, cut what is left.
async fn drain(shared: &Arc<Shared>, view: &ServeView, stages: &Stages, clients: &mut JoinSet<()>) {
    let shutdown = shared.snapshot().written.shutdown.clone();
    tracing::info!(delay_s = shutdown.delay.as_secs_f64(), drain_s = shutdown.drain.as_secs_f64(), "draining");
    view.draining();
    tokio::time::sleep(shutdown.delay).await;
    stages.stop.send_replace(Phase::Draining { until: Instant::now() + shutdown.drain + LAST_FRAMES });
    let deadline = tokio::time::sleep(shutdown.drain);
    tokio::pin!(deadline);
    let mut is_cut = false;
    loop {
        tokio::select! {
            ended = clients.join_next() => if ended.is_none() { break },
            () = &mut deadline, if !is_cut => {
                tracing::warn!("the drain deadline has passed: live streams are cut");
                shared.cut_streams();
                is_cut = true;
            }
        }
    }
    if !is_cut {
        tracing::info!("all exchanges finished");
    }
}

/// SIGTERM and SIGINT.
struct Termination {
    term: Signal,
    int: Signal,
}

impl Termination {
    fn listen() -> anyhow::Result<Self> {
        let term = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
        let int = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
        Ok(Self { term, int })
    }

    async fn wait(mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn announce(snapshot: &Snapshot) {
    for listener in &snapshot.written.listeners {
        tracing::info!(address = %listener.address, snapshot = snapshot.number, "listening");
    }
    for upstream in &snapshot.written.upstreams {
        if matches!(upstream.api_key, config::settings::Credential::NotConfigured) {
            tracing::info!(upstream = %upstream.id, "not configured: its key is not set, so it gets no traffic");
        }
    }
}
