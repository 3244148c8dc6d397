//! Server-sent events from bytes (WHATWG HTML §9.2.6): CRLF, CR and LF, several `data` lines, comments, a byte order mark,
//! characters cut by chunk borders. Each byte is looked at once however the chunks are cut, and an event that grows over
//! its limit is a fault before it is held.
//!
//! `id:` and `retry:` are dropped: a gateway's stream cannot be resumed at the upstream.

use super::answer::AnswerFault;
use super::json::{JsonFault, JsonFaultKind};
use std::mem::take;

/// Longest name of an event, in bytes.
const MAX_NAME: usize = 64;

/// What stands in a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RawEvent {
    /// A line that begins with a colon.
    Comment,
    /// An event with data.
    Data {
        /// Its `event:` field.
        name: Option<String>,
        /// Its `data:` lines, joined by line feeds.
        data: String,
    },
}

/// Reads events out of chunks.
#[derive(Debug)]
pub(super) struct EventReader {
    /// The begun line, without its end.
    line: Vec<u8>,
    /// The last byte was a CR: an LF that follows belongs to it.
    after_cr: bool,
    /// Whether any line has ended: only the first can hold a byte order mark.
    past_first_line: bool,
    data: Vec<u8>,
    has_data: bool,
    name: Option<String>,
    limit_bytes: usize,
}

impl EventReader {
    pub(super) fn new(limit_bytes: usize) -> Self {
        Self {
            line: Vec::new(),
            after_cr: false,
            past_first_line: false,
            data: Vec::new(),
            has_data: false,
            name: None,
            limit_bytes,
        }
    }

    /// Whether an event has begun that no empty line has ended.
    pub(super) fn is_inside_event(&self) -> bool {
        self.has_data || !self.line.is_empty()
    }

    /// Reads a chunk and gives out what it completes.
    ///
    /// # Errors
    /// A fault of the reader's own, or the first that `sink` returns.
    pub(super) fn push(
        &mut self,
        chunk: &[u8],
        mut sink: impl FnMut(RawEvent) -> Result<(), AnswerFault>,
    ) -> Result<(), AnswerFault> {
        let mut rest = chunk;
        while let Some(first) = rest.first() {
            if take(&mut self.after_cr) && *first == b'\n' {
                rest = rest.get(1..).unwrap_or(&[]);
                continue;
            }
            let Some(end) = memchr::memchr2(b'\n', b'\r', rest) else {
                return self.hold(rest);
            };
            let (line, tail) = rest.split_at(end);
            self.after_cr = tail.first() == Some(&b'\r');
            rest = tail.get(1..).unwrap_or(&[]);
            let done = if self.line.is_empty() {
                self.line_end(line)?
            } else {
                self.hold(line)?;
                let mut held = take(&mut self.line);
                let done = self.line_end(&held)?;
                held.clear();
                self.line = held;
                done
            };
            if let Some(event) = done {
                sink(event)?;
            }
        }
        Ok(())
    }

    fn hold(&mut self, bytes: &[u8]) -> Result<(), AnswerFault> {
        self.check(self.line.len().saturating_add(bytes.len()))?;
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn check(&self, more: usize) -> Result<(), AnswerFault> {
        if self.data.len().saturating_add(more) > self.limit_bytes {
            return Err(AnswerFault::EventTooLarge { limit_bytes: self.limit_bytes });
        }
        Ok(())
    }

    fn line_end(&mut self, line: &[u8]) -> Result<Option<RawEvent>, AnswerFault> {
        let line = if self.past_first_line { line } else { line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line) };
        self.past_first_line = true;
        if line.is_empty() {
            return self.event_end();
        }
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let (field, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"" => return Ok(Some(RawEvent::Comment)),
            b"data" => {
                self.check(value.len().saturating_add(1))?;
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
                self.has_data = true;
            }
            b"event" => {
                let name = std::str::from_utf8(value).ok().filter(|name| name.len() <= MAX_NAME);
                self.name = Some(name.ok_or(AnswerFault::EventName)?.to_owned()).filter(|name| !name.is_empty());
            }
            // `id`, `retry`, and fields that nobody defined: readers ignore them, so they are not passed on.
            _ => {}
        }
        Ok(None)
    }

    fn event_end(&mut self) -> Result<Option<RawEvent>, AnswerFault> {
        let name = self.name.take();
        if !take(&mut self.has_data) {
            return Ok(None);
        }
        let data = String::from_utf8(take(&mut self.data)).map_err(|error| {
            AnswerFault::Json(JsonFault { kind: JsonFaultKind::NotUtf8, offset: error.utf8_error().valid_up_to() })
        })?;
        Ok(Some(RawEvent::Data { name, data }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(chunks: &[&[u8]], limit: usize) -> Result<Vec<RawEvent>, AnswerFault> {
        let mut reader = EventReader::new(limit);
        let mut events = Vec::new();
        for chunk in chunks {
            reader.push(chunk, |event| {
                events.push(event);
                Ok(())
            })?;
        }
        Ok(events)
    }

    fn data(name: Option<&str>, data: &str) -> RawEvent {
        RawEvent::Data { name: name.map(ToOwned::to_owned), data: data.to_owned() }
    }

    #[test]
    fn all_line_ends_several_data_lines_comments_and_a_byte_order_mark_are_read() {
        let stream =
            "\u{feff}: hi\nevent: a\r\ndata: 1\r\ndata:2\r\n\r\nid: 7\rretry: 5\rdata:  x\r\revent: lost\n\ndata\n\n";
        let events = read(&[stream.as_bytes()], 100);
        assert_eq!(events, Ok(vec![RawEvent::Comment, data(Some("a"), "1\n2"), data(None, " x"), data(None, "")]));
    }

    #[test]
    fn an_event_over_its_limit_is_a_fault_however_it_is_cut() {
        let limit = AnswerFault::EventTooLarge { limit_bytes: 10 };
        assert_eq!(read(&[b"data: 12345678901\n\n"], 10), Err(limit));
        assert_eq!(read(&[b"data: 1234", b"5678", b"9012"], 10), Err(limit));
        assert_eq!(read(&[b"data: 12345\ndata: 12345\n\n"], 10), Err(limit));
        assert_eq!(read(&[b"data: 1\n\ndata: 2\n\n"], 10).map(|events| events.len()), Ok(2), "the limit is per event");
        assert_eq!(read(&[&b":".repeat(11)], 10), Err(limit), "a comment is bounded too");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_a_fault() {
        assert!(read(&[b"data: \xff\n\n"], 100).is_err());
        assert!(read(&[b"event: \xff\ndata: 1\n\n"], 100).is_err());
    }

    proptest! {
        #[test]
        fn cutting_a_stream_into_chunks_changes_nothing(
            stream in "([:a ]|data: ?|event:|é|\r\n|\n|\r){0,40}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let bytes = stream.as_bytes();
            let mut borders: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            borders.sort_unstable();
            borders.push(bytes.len());
            let mut from = 0;
            let chunks: Vec<&[u8]> = borders.iter().map(|to| { let chunk = &bytes[from..*to]; from = *to; chunk }).collect();
            prop_assert_eq!(read(&chunks, 1000), read(&[bytes], 1000));
        }
    }
}
