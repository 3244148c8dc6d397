//! Slots: the promise, made before an exchange does anything, that its record can be kept.
//!
//! It must never let an exchange end without a trace in the record: a slot that is dropped unfinished writes what it has,
//! marked `net`, and counts a defect. Only `reserve` may say no, and only where the operator wants no exchange without a
//! record.

use super::metrics::Metrics;
use super::record::Record;
use super::record_file::RecordFile;
use super::traces::Traces;
use super::writer::{Message, Shared, Writer, raw_stdout};
use crate::model::settings::{OnRecordFull, RecordSettings};
use crate::model::{Cause, Outcome, RequestId, Stage};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, SystemTime};

/// Hands out slots; owns the thread that writes.
#[derive(Debug)]
pub struct Recorder {
    queue: SyncSender<Message>,
    shared: Arc<Shared>,
    metrics: Arc<Metrics>,
    capacity: usize,
    when_full: OnRecordFull,
}

/// No record can be kept now, and the operator wants no exchange without one: answer 503 `record_unavailable`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordFull {
    /// All slots are taken.
    #[error("all {slots} places for records are taken")]
    NoSlot {
        /// How many there are.
        slots: usize,
    },
    /// The sink does not take records.
    #[error("records cannot be written")]
    SinkFails,
}

impl Recorder {
    /// Opens the sinks and starts the writer. Records also go to `traces`, where given.
    ///
    /// # Errors
    ///
    /// When the file or standard output cannot be opened, or no thread can be started.
    pub fn start(settings: &RecordSettings, metrics: Arc<Metrics>, traces: Option<Traces>) -> io::Result<Self> {
        let stdout = match settings.stdout {
            true => Some(Box::new(raw_stdout()?) as Box<dyn Write + Send>),
            false => None,
        };
        Self::start_with(settings, metrics, traces, stdout)
    }

    fn start_with(
        settings: &RecordSettings,
        metrics: Arc<Metrics>,
        traces: Option<Traces>,
        stdout: Option<Box<dyn Write + Send>>,
    ) -> io::Result<Self> {
        let file = settings.file.as_ref().map(RecordFile::open).transpose()?;
        let capacity = settings.queue.max(1);
        // One more place, so that a stop never waits behind records.
        let (sender, queue) = sync_channel(capacity.saturating_add(1));
        let shared = Arc::new(Shared::default());
        let writer = Writer {
            shared: Arc::clone(&shared),
            metrics: Arc::clone(&metrics),
            traces,
            when_full: settings.when_full,
            stdout,
            file_settings: settings.file.clone(),
            file,
            stdout_failed: false,
            has_lost: false,
        };
        std::thread::Builder::new().name("records".to_owned()).spawn(move || writer.run(queue))?;
        Ok(Self { queue: sender, shared, metrics, capacity, when_full: settings.when_full })
    }

    /// Reserves the place for the record of an exchange that begins. The slot owns the record until it is finished.
    ///
    /// # Errors
    ///
    /// Under `refuse`, when no place is free or the sink fails. The refusal is counted in the metrics here, because no
    /// record will be.
    pub fn reserve(&self, record: Box<Record>) -> Result<Slot, RecordFull> {
        let place = self.take_place();
        if let (Err(full), OnRecordFull::Refuse) = (&place, self.when_full) {
            self.metrics.records.refused.inc();
            let mut record = record;
            record.outcome = Some(Outcome { cause: Cause::RecordUnavailable, stage: Stage::Admit });
            record.status = Some(Cause::RecordUnavailable.status());
            self.metrics.observe(&record);
            return Err(*full);
        }
        self.metrics.in_flight().inc();
        Ok(Slot {
            record: Some(record),
            queue: place.is_ok().then(|| self.queue.clone()),
            metrics: Arc::clone(&self.metrics),
            shared: Arc::clone(&self.shared),
        })
    }

    fn take_place(&self) -> Result<(), RecordFull> {
        if self.when_full == OnRecordFull::Refuse && self.is_failing() {
            return Err(RecordFull::SinkFails);
        }
        self.shared
            .taken
            .try_update(Ordering::AcqRel, Ordering::Acquire, |taken| (taken < self.capacity).then_some(taken + 1))
            .map(|_| ())
            .map_err(|_| RecordFull::NoSlot { slots: self.capacity })
    }

    /// Whether records cannot be written now.
    pub fn is_failing(&self) -> bool {
        self.shared.failing.load(Ordering::Acquire)
    }

    /// Writes what waits and ends the writer; waits for it at most `timeout`. Says whether every record since the
    /// start was written. Slots that are finished later are counted as dropped. It blocks: call it off the reactor, as the last thing.
    pub fn flush_and_stop(&self, timeout: Duration) -> bool {
        self.shared.stopping.store(true, Ordering::Release);
        let (sender, done) = sync_channel(1);
        let sent = self.queue.try_send(Message::Stop(sender)).is_ok();
        sent && done.recv_timeout(timeout).unwrap_or(false)
    }
}

/// The place for one record, and the record while it is filled.
#[derive(Debug)]
pub struct Slot {
    /// `None` only after it was handed over.
    record: Option<Box<Record>>,
    /// `None` where the record is only counted.
    queue: Option<SyncSender<Message>>,
    metrics: Arc<Metrics>,
    shared: Arc<Shared>,
}

impl Slot {
    /// The record, to be filled.
    pub fn record_mut(&mut self) -> &mut Record {
        // Never empty here, since `finish` takes the slot; the empty record spares the path a panic.
        let empty = || Box::new(Record::new(RequestId::from_parts(0, [0; 10]), SystemTime::UNIX_EPOCH));
        self.record.get_or_insert_with(empty)
    }

    /// Hands the record over: to the metrics now, to the sinks and the trace by the writer.
    pub fn finish(mut self) {
        self.hand_over();
    }

    fn hand_over(&mut self) {
        let Some(record) = self.record.take() else { return };
        self.metrics.in_flight().dec();
        self.metrics.observe(&record);
        let Some(queue) = &self.queue else {
            self.metrics.records.dropped.inc();
            return;
        };
        // The place was reserved, so that only a writer that is gone can refuse.
        if queue.try_send(Message::Record(record)).is_err() {
            self.shared.taken.fetch_sub(1, Ordering::AcqRel);
            self.metrics.records.dropped.inc();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some(record) = &mut self.record else { return };
        record.net = true;
        self.metrics.records.unfinished.inc();
        self.hand_over();
    }
}

#[cfg(test)]
mod tests;
