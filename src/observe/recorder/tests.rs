use super::*;
use crate::model::settings::RecordFile as FileSettings;
use crate::model::{RequestId, RouteId};
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::Receiver;
use std::time::SystemTime;

const PATIENCE: Duration = Duration::from_secs(20);

fn record(number: u64) -> Box<Record> {
    Box::new(Record::new(RequestId::from_parts(number, [1; 10]), SystemTime::UNIX_EPOCH))
}

fn settings(queue: usize, when_full: OnRecordFull, path: Option<&Path>) -> RecordSettings {
    let file = path.map(|path| FileSettings { path: path.to_owned(), max_bytes: 1 << 20, keep: 2 });
    RecordSettings { stdout: false, file, queue, when_full }
}

fn start(settings: &RecordSettings, stdout: Option<Box<dyn Write + Send>>) -> (Recorder, Arc<Metrics>) {
    let metrics = Arc::new(Metrics::new());
    (Recorder::start_with(settings, Arc::clone(&metrics), None, stdout).unwrap(), metrics)
}

fn lines(path: &Path) -> Vec<serde_json::Value> {
    let text = String::from_utf8(std::fs::read(path).unwrap()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn sample(metrics: &Metrics, name: &str) -> u64 {
    let page = metrics.encode();
    let line = page.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap_or_else(|| panic!("no {name}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// A sink that works when told to: each permit lets one write through, a lost sender lets all fail with `EPIPE`.
struct Gate {
    permits: Receiver<()>,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.permits.recv().map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        self.seen.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn gate() -> (Box<Gate>, SyncSender<()>, Arc<Mutex<Vec<u8>>>) {
    let (sender, permits) = sync_channel(1_000);
    let seen = Arc::default();
    (Box::new(Gate { permits, seen: Arc::clone(&seen) }), sender, seen)
}

/// Waits for what another thread will do; fails after [`PATIENCE`].
fn eventually(what: &str, holds: impl Fn() -> bool) {
    let end = std::time::Instant::now() + PATIENCE;
    while !holds() {
        assert!(std::time::Instant::now() < end, "{what} did not come true");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn every_finished_record_is_a_line_of_file_and_of_stdout() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.jsonl");
    let (stdout, permits, seen) = gate();
    for _ in 0..100 {
        permits.send(()).unwrap();
    }
    let (recorder, metrics) = start(&settings(64, OnRecordFull::Refuse, Some(&path)), Some(stdout));
    for number in 0..50 {
        let mut slot = recorder.reserve(record(number)).unwrap();
        slot.record_mut().route = Some(RouteId::new("chat"));
        slot.finish();
    }
    assert!(recorder.flush_and_stop(PATIENCE));
    let written = lines(&path);
    assert_eq!(written.len(), 50);
    assert!(written.iter().all(|line| line["route"] == "chat" && line.get("net").is_none()));
    assert_eq!(std::fs::read(&path).unwrap(), *seen.lock().unwrap());
    assert_eq!(sample(&metrics, "portcullis_records_written_total"), 50);
    assert_eq!(sample(&metrics, "portcullis_records_unfinished_total"), 0);
    assert_eq!(sample(&metrics, "portcullis_requests_in_flight"), 0);
}

#[test]
fn dropped_slot_still_writes_a_record_and_counts_a_defect() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.jsonl");
    let (recorder, metrics) = start(&settings(4, OnRecordFull::Refuse, Some(&path)), None);
    let slot = recorder.reserve(record(7)).unwrap();
    assert_eq!(sample(&metrics, "portcullis_requests_in_flight"), 1);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _slot = slot;
        std::panic::resume_unwind(Box::new("a panic in the middle of an exchange"));
    }));
    assert!(panicked.is_err());
    assert!(recorder.flush_and_stop(PATIENCE));
    let written = lines(&path);
    assert_eq!((written.len(), &written[0]["net"]), (1, &serde_json::Value::Bool(true)));
    assert_eq!(sample(&metrics, "portcullis_records_unfinished_total"), 1);
    assert_eq!(sample(&metrics, "portcullis_requests_in_flight"), 0);
}

#[test]
fn refuse_says_no_when_no_slot_is_free_and_loses_nothing() {
    let (stdout, permits, seen) = gate();
    let (recorder, metrics) = start(&settings(2, OnRecordFull::Refuse, None), Some(stdout));
    let first = recorder.reserve(record(1)).unwrap();
    recorder.reserve(record(2)).unwrap().finish(); // waits for the blocked sink and keeps its place
    assert_eq!(recorder.reserve(record(3)).unwrap_err(), RecordFull::NoSlot { slots: 2 });
    assert_eq!(sample(&metrics, "portcullis_records_refused_total"), 1);
    for _ in 0..10 {
        permits.send(()).unwrap();
    }
    first.finish();
    eventually("a free slot", || recorder.reserve(record(4)).map(Slot::finish).is_ok());
    assert!(recorder.flush_and_stop(PATIENCE));
    assert_eq!(seen.lock().unwrap().iter().filter(|byte| **byte == b'\n').count(), 3);
    assert_eq!(sample(&metrics, "portcullis_records_dropped_total"), 0);
}

#[test]
fn count_goes_on_without_a_slot_and_says_so_in_the_metrics() {
    let (stdout, permits, _seen) = gate();
    let (recorder, metrics) = start(&settings(1, OnRecordFull::Count, None), Some(stdout));
    let held = recorder.reserve(record(1)).unwrap();
    recorder.reserve(record(2)).unwrap().finish();
    assert_eq!(sample(&metrics, "portcullis_records_dropped_total"), 1);
    permits.send(()).unwrap();
    held.finish();
    assert!(recorder.flush_and_stop(PATIENCE));
    assert_eq!(sample(&metrics, "portcullis_records_written_total"), 1);
}

#[test]
fn closed_stdout_stops_new_work_under_refuse_and_neither_kills_nor_blocks() {
    let (stdout, permits, _seen) = gate();
    drop(permits);
    let (recorder, metrics) = start(&settings(8, OnRecordFull::Refuse, None), Some(stdout));
    recorder.reserve(record(1)).unwrap().finish();
    eventually("failing", || recorder.is_failing());
    assert_eq!(recorder.reserve(record(2)).unwrap_err(), RecordFull::SinkFails);
    assert!(sample(&metrics, "portcullis_record_failing") == 1);
    assert!(!recorder.flush_and_stop(PATIENCE), "a stop must not claim that everything was written");
    assert_eq!(sample(&metrics, "portcullis_records_dropped_total"), 1);
}

#[test]
fn closed_stdout_beside_a_working_file_does_not_stop_work() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.jsonl");
    let (stdout, permits, _seen) = gate();
    drop(permits);
    let (recorder, metrics) = start(&settings(8, OnRecordFull::Refuse, Some(&path)), Some(stdout));
    for number in 0..3 {
        recorder.reserve(record(number)).unwrap().finish();
    }
    assert!(recorder.flush_and_stop(PATIENCE));
    assert_eq!(lines(&path).len(), 3);
    assert!(metrics.encode().contains(r#"portcullis_record_write_errors_total{sink="stdout"}"#));
}

#[test]
fn failing_file_holds_records_until_it_works_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs/records.jsonl");
    let (recorder, metrics) = start(&settings(8, OnRecordFull::Refuse, Some(&path)), None);
    // The folder becomes a file: opening the path fails for root as well.
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path.parent().unwrap(), "in the way").unwrap();
    let late = recorder.reserve(record(1)).unwrap();
    recorder.reserve(record(2)).unwrap().finish();
    eventually("failing", || recorder.is_failing());
    late.finish();
    assert_eq!(recorder.reserve(record(3)).unwrap_err(), RecordFull::SinkFails);
    std::fs::remove_file(path.parent().unwrap()).unwrap();
    eventually("recovery", || !recorder.is_failing());
    assert!(recorder.flush_and_stop(PATIENCE));
    assert_eq!(lines(&path).len(), 2);
    assert_eq!(sample(&metrics, "portcullis_records_dropped_total"), 0);
}

#[test]
fn slot_finished_after_the_stop_is_counted_as_dropped() {
    let (stdout, permits, _seen) = gate();
    permits.send(()).unwrap();
    let (recorder, metrics) = start(&settings(8, OnRecordFull::Refuse, None), Some(stdout));
    let late = recorder.reserve(record(1)).unwrap();
    assert!(recorder.flush_and_stop(PATIENCE));
    // The receiver goes with its thread, a moment after the answer.
    eventually("the writer's end", || recorder.queue.try_send(Message::Stop(sync_channel(1).0)).is_err());
    late.finish();
    assert_eq!(sample(&metrics, "portcullis_records_dropped_total"), 1);
}

#[test]
fn many_threads_lose_no_record_that_got_a_slot() {
    const THREADS: u64 = 8;
    const EACH: u64 = 300;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.jsonl");
    let (recorder, metrics) = start(&settings(16, OnRecordFull::Refuse, Some(&path)), None);
    let promised: u64 = std::thread::scope(|scope| {
        let recorder = &recorder;
        let one = move |thread: u64| {
            (0..EACH)
                .filter(|number| recorder.reserve(record(thread * EACH + number)).map(Slot::finish).is_ok())
                .count()
        };
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || one(thread))).collect();
        threads.into_iter().map(|thread| u64::try_from(thread.join().unwrap()).unwrap()).sum()
    });
    assert!(recorder.flush_and_stop(PATIENCE));
    let mut ids: Vec<_> = lines(&path).iter().map(|line| line["id"].to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(u64::try_from(ids.len()).unwrap(), promised);
    assert_eq!(sample(&metrics, "portcullis_records_refused_total"), THREADS * EACH - promised);
    assert_eq!(recorder.shared.taken.load(Ordering::Acquire), 0);
}

#[test]
fn reader_of_stdout_that_left_is_an_error_and_no_signal() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let (recorder, metrics) = start(&settings(8, OnRecordFull::Count, None), Some(Box::new(writer)));
    recorder.reserve(record(1)).unwrap().finish();
    assert!(!recorder.flush_and_stop(PATIENCE));
    assert!(metrics.encode().contains("portcullis_record_write_errors_total{sink=\"stdout\"} 1\n"));
}

#[test]
fn reader_of_stdout_that_stalls_blocks_neither_exchanges_nor_the_stop() {
    let (reader, writer) = io::pipe().unwrap();
    let (recorder, _metrics) = start(&settings(500, OnRecordFull::Refuse, None), Some(Box::new(writer)));
    // More than a pipe holds: the writer hangs, the queue fills, new work is refused.
    let refused = (0..5_000).find(|number| recorder.reserve(record(*number)).map(Slot::finish).is_err());
    assert!(refused.is_some());
    assert!(!recorder.flush_and_stop(Duration::from_millis(50)));
    drop(reader);
}
