//! Loads the configuration again when its files change or SIGHUP says so: all or nothing, keeping the last good one.
//!
//! File events only accelerate; a poll every few seconds is the truth, because a Kubernetes ConfigMap is swapped by renaming a
//! link beside the files, and events may be lost.

use crate::config::{self, Loaded, SourceFile};
use crate::pipeline::Shared;
use notify::Watcher;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::Signal;
use tokio::sync::{Notify, watch};

/// How often the files are compared, whatever the events say.
const POLL: Duration = Duration::from_secs(5);

/// Editors write a file in several steps: wait for them after an event.
const SETTLE: Duration = Duration::from_millis(150);

/// What a configuration was read from.
#[derive(Clone)]
pub(super) struct Sources {
    files: Vec<SourceFile>,
    policies_directory: PathBuf,
}

impl Sources {
    /// The sources of a configuration that was loaded.
    pub(super) fn of(loaded: &Loaded) -> Self {
        Self { files: loaded.files.clone(), policies_directory: loaded.policies_directory.clone() }
    }

    fn fingerprint(&self) -> [u8; 32] {
        config::fingerprint(&self.files, &self.policies_directory)
    }
}

/// Watches the files of the configuration.
pub(super) struct Reloader {
    path: PathBuf,
    /// Of the last good configuration.
    sources: Sources,
    /// The sources as they were at the last attempt, good or bad: the same mistake is told once.
    seen: [u8; 32],
    shared: Arc<Shared>,
}

impl Reloader {
    pub(super) fn new(path: &Path, sources: Sources, shared: Arc<Shared>) -> Self {
        Self { path: path.to_owned(), seen: sources.fingerprint(), sources, shared }
    }

    /// Runs until `end` says true.
    pub(super) async fn run(mut self, mut hangup: Signal, mut end: watch::Receiver<bool>) {
        let changed = Arc::new(Notify::new());
        let _watcher = self.watch(&changed);
        // What changed between the loading and the watching has no event.
        tokio::task::block_in_place(|| self.reload_if_changed());
        loop {
            tokio::select! {
                () = ended(&mut end) => return,
                _ = hangup.recv() => tokio::task::block_in_place(|| self.reload()),
                () = changed.notified() => {
                    tokio::time::sleep(SETTLE).await;
                    tokio::task::block_in_place(|| self.reload_if_changed());
                }
                () = tokio::time::sleep(POLL) => tokio::task::block_in_place(|| self.reload_if_changed()),
            }
        }
    }

    /// Asks for events of the folders that hold the files (a file that is replaced by renaming has no events of its own).
    fn watch(&self, changed: &Arc<Notify>) -> Option<notify::RecommendedWatcher> {
        let changed = Arc::clone(changed);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !event.kind.is_access() && event.paths.iter().any(|path| is_source(path))) {
                changed.notify_one();
            }
        });
        let files = self.sources.files.iter().map(|file| folder_of(&file.path));
        let folders: BTreeSet<&Path> = files.chain([self.sources.policies_directory.as_path()]).collect();
        let watch_all = |mut watcher: notify::RecommendedWatcher| -> notify::Result<_> {
            for folder in folders {
                watcher.watch(folder, notify::RecursiveMode::NonRecursive)?;
            }
            Ok(watcher)
        };
        watcher
            .and_then(watch_all)
            .inspect_err(|error| tracing::warn!(%error, "no file events: changes are found by polling"))
            .ok()
    }

    fn reload_if_changed(&mut self) {
        if self.sources.fingerprint() != self.seen {
            self.reload();
        }
    }

    /// Loads everything and swaps it in, or keeps what is in force and says why.
    fn reload(&mut self) {
        // Before loading: what changes meanwhile is a change.
        self.seen = self.sources.fingerprint();
        match config::load(&self.path, &config::process_environment) {
            Ok(loaded) => {
                let sources = Sources::of(&loaded);
                if self.shared.reload(loaded) {
                    self.sources = sources;
                    self.seen = self.sources.fingerprint();
                }
            }
            Err(faults) => self.shared.reload_failed(&faults.summary()),
        }
    }
}

/// Resolves when `end` says true, or nobody is left to say so.
async fn ended(end: &mut watch::Receiver<bool>) {
    while !*end.borrow_and_update() {
        if end.changed().await.is_err() {
            return;
        }
    }
}

/// Whether a path may belong to a configuration. Records are often written beside it, and must not cost a look each.
/// `..data` is the link that Kubernetes renames to swap a mounted ConfigMap.
fn is_source(path: &Path) -> bool {
    let is_swap = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".."));
    is_swap || !path.extension().is_some_and(|extension| extension == "jsonl" || extension == "log")
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
