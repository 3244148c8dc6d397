//! Events written again for the client. The upstream's own lines are never passed on, so that a line break in its data
//! cannot forge an event (THREATS 33).

use super::decoded::{DecodedForm, StreamMarker};
use bytes::Bytes;

/// Longest name of an event that is written.
const MAX_NAME: usize = 64;

/// Writes one delivered part of an answer. `data` is the body of the [`super::Decoded`] after redaction.
///
/// A whole answer is its own bytes. Data with line breaks becomes several `data:` lines, which readers join again.
pub fn event(form: &DecodedForm, data: &str) -> Bytes {
    match form {
        DecodedForm::Whole => Bytes::copy_from_slice(data.as_bytes()),
        DecodedForm::Marker(StreamMarker::Done) => Bytes::from_static(b"data: [DONE]\n\n"),
        DecodedForm::Marker(StreamMarker::KeepAlive) if data.is_empty() => Bytes::from_static(b": keep-alive\n\n"),
        DecodedForm::Marker(StreamMarker::KeepAlive) => {
            Bytes::from_static(b"event: ping\ndata: {\"type\": \"ping\"}\n\n")
        }
        DecodedForm::Event { name } => named(name.as_deref(), data),
    }
}

/// Writes an event with a name, if it is one that can be written.
pub(super) fn named(name: Option<&str>, data: &str) -> Bytes {
    let mut text = String::with_capacity(data.len().saturating_add(MAX_NAME));
    if let Some(name) = name.filter(|name| is_writable(name)) {
        text.push_str("event: ");
        text.push_str(name);
        text.push('\n');
    }
    let mut rest = data;
    loop {
        let end = memchr::memchr2(b'\n', b'\r', rest.as_bytes()).unwrap_or(rest.len());
        let (line, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
        text.push_str("data: ");
        text.push_str(line);
        text.push('\n');
        if tail.is_empty() {
            break;
        }
        rest = tail.strip_prefix("\r\n").or_else(|| tail.get(1..)).unwrap_or("");
    }
    text.push('\n');
    Bytes::from(text)
}

fn is_writable(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_break_in_data_cannot_forge_an_event() {
        let form = DecodedForm::Event { name: Some("a\nb".to_owned()) };
        let written = event(&form, "{\n\r\"a\":1}\n\nevent: x\r\ndata: y");
        assert_eq!(written, "data: {\ndata: \ndata: \"a\":1}\ndata: \ndata: event: x\ndata: data: y\n\n");
    }

    #[test]
    fn a_name_that_the_event_had_is_kept() {
        let form = DecodedForm::Event { name: Some("message_stop".to_owned()) };
        assert_eq!(event(&form, "{}"), "event: message_stop\ndata: {}\n\n");
        assert_eq!(event(&DecodedForm::Marker(StreamMarker::Done), "x"), "data: [DONE]\n\n");
    }
}
