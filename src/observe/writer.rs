//! The thread that writes records: it takes what waits, writes it in one go, and gives the slots back.
//!
//! It must never lose a record silently: under `refuse` it holds what it could not write and takes no more from the queue
//! until it could; under `count` it drops and counts.

use super::metrics::Metrics;
use super::record::Record;
use super::record_file::{RecordFile, write_counted};
use super::traces::Traces;
use crate::model::settings::{OnRecordFull, RecordFile as FileSettings};
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Duration;

/// Bytes that are gathered before a write, unless the queue is empty earlier.
const BATCH_BYTES: usize = 64 * 1024;

/// Pause after the queue was emptied. Without it every exchange would wake this thread (some µs of the exchange's own
/// time); with it a busy gateway is spared all but one wake in 2 ms, and an idle one sleeps until the next record.
const GATHER: Duration = Duration::from_millis(2);

/// Pause between tries of a failing file.
const RETRY: Duration = Duration::from_secs(1);

/// What slots and the recorder send to the writer.
pub(super) enum Message {
    /// A record to be written; its place in the queue is given back when it is.
    Record(Box<Record>),
    /// Write what waits, answer whether no record was lost since the start, and end.
    Stop(SyncSender<bool>),
}

/// What the writer shares with slots.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Slots reserved and records waiting.
    pub(super) taken: AtomicUsize,
    /// Whether records cannot be written now.
    pub(super) failing: AtomicBool,
    /// Whether the recorder is being stopped, which ends the patience with a failing sink.
    pub(super) stopping: AtomicBool,
}

/// The writer's side.
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) traces: Option<Traces>,
    pub(super) when_full: OnRecordFull,
    pub(super) stdout: Option<Box<dyn Write + Send>>,
    pub(super) file_settings: Option<FileSettings>,
    /// `None` while it cannot be opened.
    pub(super) file: Option<RecordFile>,
    /// Whether the last write to standard output failed, so that it is said once.
    pub(super) stdout_failed: bool,
    /// Whether a record was ever dropped.
    pub(super) has_lost: bool,
}

/// Where one batch stands.
#[derive(Default)]
struct Batch {
    /// Lines that standard output has not taken yet.
    for_stdout: Vec<u8>,
    /// Lines that the file has not taken yet.
    for_file: Vec<u8>,
    records: usize,
}

impl Batch {
    fn len(&self) -> usize {
        self.for_file.len().max(self.for_stdout.len())
    }

    /// Empties it and keeps its memory.
    fn clear(&mut self) {
        self.for_stdout.clear();
        self.for_file.clear();
        self.records = 0;
    }
}

impl Writer {
    /// Runs until it is stopped or every sender is gone.
    pub(super) fn run(mut self, queue: Receiver<Message>) {
        let mut batch = Batch::default();
        while let Ok(first) = queue.recv() {
            let mut stop = self.take(first, &mut batch);
            let mut is_empty = false;
            while !is_empty && (stop.is_some() || batch.len() < BATCH_BYTES) {
                match queue.try_recv() {
                    Ok(next) => stop = self.take(next, &mut batch).or(stop),
                    Err(_) => is_empty = true,
                }
            }
            if let Some(answer) = stop {
                drop(queue);
                self.write_until_kept(&mut batch);
                let _ = answer.try_send(self.sync() && !self.has_lost);
                return;
            }
            self.write_until_kept(&mut batch);
            if is_empty {
                std::thread::sleep(GATHER);
            }
        }
    }

    fn sync(&self) -> bool {
        let Some(Err(error)) = self.file.as_ref().map(RecordFile::sync) else { return true };
        self.metrics.records.file_errors.inc();
        tracing::error!(%error, "the record file could not be synced");
        false
    }

    fn take(&self, message: Message, batch: &mut Batch) -> Option<SyncSender<bool>> {
        match message {
            Message::Stop(done) => Some(done),
            Message::Record(record) => {
                if let Some(traces) = &self.traces {
                    traces.export(&record);
                }
                let (to_stdout, to_file) = (self.stdout.is_some(), self.file_settings.is_some());
                if to_stdout || to_file {
                    let mut line = record.to_json_line();
                    line.push('\n');
                    let sinks = [(to_stdout, &mut batch.for_stdout), (to_file, &mut batch.for_file)];
                    for (_, lines) in sinks.into_iter().filter(|(wanted, _)| *wanted) {
                        lines.extend_from_slice(line.as_bytes());
                    }
                }
                batch.records = batch.records.saturating_add(1);
                None
            }
        }
    }

    /// Writes a batch; while the sink that counts fails, keeps trying or drops, as the operator chose.
    fn write_until_kept(&mut self, batch: &mut Batch) {
        while batch.records > 0 {
            let kept = self.write_once(batch);
            self.note_state(kept);
            if kept || self.when_full == OnRecordFull::Count || self.shared.stopping.load(Ordering::Acquire) {
                let count = u64::try_from(batch.records).unwrap_or(u64::MAX);
                let counter = if kept { &self.metrics.records.written } else { &self.metrics.records.dropped };
                counter.inc_by(count);
                self.has_lost |= !kept;
                self.shared.taken.fetch_sub(batch.records, Ordering::AcqRel);
                batch.clear();
            } else {
                std::thread::sleep(RETRY);
            }
        }
    }

    /// Whether every line is in the file, or on standard output where there is no file. The file comes first, so that a
    /// reader of standard output that has stalled does not keep lines from the disk.
    fn write_once(&mut self, batch: &mut Batch) -> bool {
        let in_file = self.file_settings.clone().map(|settings| self.write_file(&settings, &mut batch.for_file));
        let on_stdout = self.write_stdout(&mut batch.for_stdout);
        in_file.unwrap_or(on_stdout)
    }

    fn write_file(&mut self, settings: &FileSettings, lines: &mut Vec<u8>) -> bool {
        let opened = match self.file.take() {
            Some(file) => Ok(file),
            None => RecordFile::open(settings),
        };
        // The file is closed on an error: a new one begins on a line of its own.
        match opened.and_then(|mut file| file.append(lines).map(|()| file)) {
            Ok(file) => {
                self.file = Some(file);
                true
            }
            Err(error) => {
                self.metrics.records.file_errors.inc();
                // Said at the change of state, not for each try.
                if !self.shared.failing.load(Ordering::Acquire) {
                    tracing::error!(%error, "records cannot be written to the file");
                }
                false
            }
        }
    }

    /// Standard output is tried again only where it is the only sink: beside a file its loss is counted and passed over.
    fn write_stdout(&mut self, lines: &mut Vec<u8>) -> bool {
        let Some(stdout) = &mut self.stdout else { return true };
        let (written, result) = write_counted(stdout, lines);
        match result {
            Ok(()) => lines.clear(),
            Err(_) if self.file_settings.is_some() => lines.clear(),
            Err(_) => drop(lines.drain(..written.min(lines.len()))),
        }
        if let Err(error) = &result {
            self.metrics.records.stdout_errors.inc();
            if !self.stdout_failed {
                tracing::error!(%error, "records cannot be written to standard output");
            }
        }
        self.stdout_failed = result.is_err();
        result.is_ok()
    }

    fn note_state(&self, kept: bool) {
        if self.shared.failing.swap(!kept, Ordering::AcqRel) && kept {
            tracing::info!("records are written again");
        }
        self.metrics.records.failing.set(i64::from(!kept));
    }
}

impl Drop for Writer {
    /// A writer that panicked writes nothing any more: `reserve` must know.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shared.failing.store(true, Ordering::Release);
            self.metrics.records.failing.set(1);
        }
    }
}

/// Standard output without a buffer of its own, so that what was taken is known to the byte.
///
/// # Errors
///
/// When the descriptor cannot be duplicated.
pub(super) fn raw_stdout() -> io::Result<File> {
    use std::os::fd::AsFd;
    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}
