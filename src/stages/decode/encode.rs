//! Decoded events back into bytes of a stream.

use super::decoded::{DecodedForm, StreamMarker};
use bytes::Bytes;

/// Writes one event of a stream; a line break in `data` becomes a new `data:` line, so that it cannot forge an event.
pub fn event(form: &DecodedForm, data: &str) -> Bytes {
    let mut out = String::with_capacity(data.len().saturating_add(32));
    match form {
        DecodedForm::Marker(StreamMarker::Done) => out.push_str("data: [DONE]\n\n"),
        DecodedForm::Marker(StreamMarker::KeepAlive) => out.push_str(":\n\n"),
        DecodedForm::Whole => out.push_str(data),
        DecodedForm::Event { name } => {
            if let Some(name) = name {
                out.push_str("event: ");
                out.push_str(name);
                out.push('\n');
            }
            for line in data.split('\n') {
                out.push_str("data: ");
                out.push_str(line);
                out.push('\n');
            }
            out.push('\n');
        }
    }
    Bytes::from(out)
}
