//! The gateway's own log: JSON on standard error, because records have standard output for themselves.
//!
//! It must never be a way to content: only the gateway's own events follow the chosen level, since libraries below it log
//! headers and bytes when they are asked for detail. So there is no filter syntax, only a level.

use std::io;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The environment variable that holds the level: `off`, `error`, `warn`, `info`, `debug` or `trace`.
pub const LEVEL_VARIABLE: &str = "PORTCULLIS_LOG";

/// Why the log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The variable holds something else than a level.
    #[error("{LEVEL_VARIABLE} must be off, error, warn, info, debug or trace")]
    UnknownLevel,
    /// A log was set up before in this process.
    #[error("the log was set up before")]
    SetTwice(#[from] tracing_subscriber::util::TryInitError),
}

/// Sets the log up for the process, at the level that the environment names; `info` where it names none.
///
/// # Errors
///
/// When the variable holds no level, or the log was set up before.
pub fn init() -> Result<(), LogError> {
    let level = parse_level(std::env::var_os(LEVEL_VARIABLE).as_deref().map(|value| value.to_str().unwrap_or("?")))?;
    Ok(subscriber(level, io::stderr).try_init()?)
}

fn parse_level(value: Option<&str>) -> Result<LevelFilter, LogError> {
    match value.map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "info") => Ok(LevelFilter::INFO),
        Some("off") => Ok(LevelFilter::OFF),
        Some("error") => Ok(LevelFilter::ERROR),
        Some("warn") => Ok(LevelFilter::WARN),
        Some("debug") => Ok(LevelFilter::DEBUG),
        Some("trace") => Ok(LevelFilter::TRACE),
        Some(_) => Err(LogError::UnknownLevel),
    }
}

fn subscriber<W>(level: LevelFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // A line that cannot be written is lost: complaining about it on the same closed standard error would panic.
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .log_internal_errors(false);
    let others = level.min(LevelFilter::WARN);
    let filter = Targets::new().with_default(others).with_target(env!("CARGO_PKG_NAME"), level);
    tracing_subscriber::registry().with(lines.with_writer(writer)).with(filter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: LevelFilter, log: impl Fn()) -> String {
        let shared = Shared::default();
        let writer = shared.clone();
        tracing::subscriber::with_default(subscriber(level, move || writer.clone()), log);
        let bytes = shared.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn lines_are_json_and_cannot_be_broken_by_a_value() {
        let text = logged(LevelFilter::INFO, || tracing::warn!(value = "a\r\n{\"level\":\"ERROR\"}\u{1b}[0m", "said"));
        assert_eq!(text.lines().count(), 1);
        assert!(!text.contains('\u{1b}'));
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&line["level"], &line["message"]), (&"WARN".into(), &"said".into()));
    }

    #[test]
    fn libraries_never_log_detail_whatever_level_is_asked_for() {
        let text = logged(LevelFilter::TRACE, || {
            tracing::debug!(target: "hyper::proto", "authorization: Bearer x");
            tracing::trace!(target: "rustls", "bytes");
            tracing::debug!("ours");
        });
        assert!(text.contains("ours") && !text.contains("Bearer") && !text.contains("bytes"), "{text}");
    }

    #[test]
    fn only_levels_are_taken() {
        assert_eq!(parse_level(None).unwrap(), LevelFilter::INFO);
        assert_eq!(parse_level(Some("DEBUG")).unwrap(), LevelFilter::DEBUG);
        assert!(matches!(parse_level(Some("hyper=trace")), Err(LogError::UnknownLevel)));
    }
}
