//! Text split over the segments of one message. A model reads the parts of a message as one; an instruction cut in two must
//! not pass because no part holds it. Parts that follow one another are put together as they are and with a space between;
//! of a long part only its ends are taken, so the work is bounded by the number of borders.

use crate::model::Segment;
use std::ops::Range;

/// Bytes of a long part that are taken on each side of a border.
const END_BYTES: usize = 256;

/// What may stand between two parts when a model reads them.
pub(super) const GAPS: [&str; 2] = ["", " "];

/// Parts of neighbouring segments, put together.
#[derive(Debug, Default)]
pub(super) struct Joined {
    pub text: String,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    /// Where it stands in the joined text.
    at: Range<usize>,
    segment: usize,
    /// Where it begins in its segment's text.
    offset: usize,
}

impl Joined {
    fn add(&mut self, segment: usize, text: &str, offset: usize, gap: &str) {
        if !self.parts.is_empty() {
            self.text.push_str(gap);
        }
        let start = self.text.len();
        self.text.push_str(text);
        self.parts.push(Part { at: start..self.text.len(), segment, offset });
    }

    /// The pieces of a span by segment, in offsets of their texts; empty if the span lies within one part.
    pub fn pieces(&self, span: &Range<usize>) -> Vec<(usize, Range<usize>)> {
        let first = self.parts.partition_point(|part| part.at.end <= span.start);
        let touched = self.parts.get(first..).unwrap_or_default().iter().take_while(|part| part.at.start < span.end);
        let pieces: Vec<_> = touched
            .map(|part| {
                let start = span.start.clamp(part.at.start, part.at.end).saturating_sub(part.at.start);
                let end = span.end.clamp(part.at.start, part.at.end).saturating_sub(part.at.start);
                (part.segment, start.saturating_add(part.offset)..end.saturating_add(part.offset))
            })
            .filter(|(_, piece)| !piece.is_empty())
            .collect();
        if pieces.len() < 2 { Vec::new() } else { pieces }
    }
}

/// Calls `visit` for every run of neighbouring segments of one message and origin; stops at its first error.
pub(super) fn for_each_joined<E>(
    segments: &[Segment],
    body: &str,
    gap: &str,
    mut visit: impl FnMut(&Segment, &Joined) -> Result<(), E>,
) -> Result<(), E> {
    let mut rest = segments;
    let mut index = 0_usize;
    while let Some(first) = rest.first() {
        let belongs = |other: &&Segment| other.message == first.message && other.origin == first.origin;
        let len = rest.iter().take_while(belongs).count();
        let (run, next) = rest.split_at(len);
        if len > 1 {
            join_run(run, index, body, gap, &mut visit)?;
        }
        index = index.saturating_add(len);
        rest = next;
    }
    Ok(())
}

fn join_run<E>(
    run: &[Segment],
    first_index: usize,
    body: &str,
    gap: &str,
    visit: &mut impl FnMut(&Segment, &Joined) -> Result<(), E>,
) -> Result<(), E> {
    let Some(first) = run.first() else { return Ok(()) };
    let mut joined = Joined::default();
    for (at, segment) in run.iter().enumerate() {
        let index = first_index.saturating_add(at);
        let text = segment.text(body);
        if text.is_empty() {
            continue;
        }
        if text.len() <= END_BYTES.saturating_mul(2) {
            joined.add(index, text, 0, gap);
            continue;
        }
        let head = text.floor_char_boundary(END_BYTES);
        joined.add(index, text.get(..head).unwrap_or(""), 0, gap);
        if joined.parts.len() > 1 {
            visit(first, &joined)?;
        }
        joined = Joined::default();
        let tail = text.ceil_char_boundary(text.len().saturating_sub(END_BYTES));
        joined.add(index, text.get(tail..).unwrap_or(""), tail, gap);
    }
    if joined.parts.len() > 1 { visit(first, &joined) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Channel, OffsetMap, Origin, TextKind};

    fn segment(text: &str, message: u32) -> Segment {
        Segment {
            origin: Origin::User,
            channel: Channel::Content,
            kind: TextKind::Prose,
            raw: 0..0,
            unescaped: Some(text.into()),
            map: OffsetMap::identity(0),
            message,
        }
    }

    fn runs(segments: &[Segment]) -> Vec<String> {
        let mut found = Vec::new();
        for_each_joined(segments, "", "|", |_, joined| {
            found.push(joined.text.clone());
            Ok::<_, ()>(())
        })
        .unwrap();
        found
    }

    #[test]
    fn only_neighbours_of_one_message_are_joined() {
        let segments = [segment("a", 1), segment("", 1), segment("b", 1), segment("c", 2), segment("d", 3)];
        assert_eq!(runs(&segments), ["a|b"]);
    }

    #[test]
    fn of_a_long_part_only_the_ends_are_taken() {
        let long = format!("{}{}", "x".repeat(1000), "y".repeat(1000));
        let found = runs(&[segment("a", 1), segment(&long, 1), segment("b", 1)]);
        assert_eq!(found, [format!("a|{}", "x".repeat(256)), format!("{}|b", "y".repeat(256))]);
    }

    #[test]
    fn span_over_a_border_is_told_by_segment() {
        let long = format!("{}end", "x".repeat(1000));
        for_each_joined(&[segment(&long, 1), segment("begin", 1)], "", " ", |_, joined| {
            let at = joined.text.find("end begin").unwrap();
            assert_eq!(joined.pieces(&(at..at + 7)), [(0, 1000..1003), (1, 0..3)]);
            assert!(joined.pieces(&(0..5)).is_empty());
            Ok::<_, ()>(())
        })
        .unwrap();
    }
}
