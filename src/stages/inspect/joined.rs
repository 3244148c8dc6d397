//! Text split over segments. A model reads the parts of a message, and the messages of a conversation, one after another; an
//! instruction cut in two must not pass because no part holds it.
//!
//! Segments are followed in several orders, because fragments may be carried by one speaker while others speak between: each
//! origin alone; all that is said in the conversation; and of that only what neither the model nor a call of it says. What the
//! operator says (`system`, `developer`) and tool definitions are joined only among themselves: the operator does not help an
//! attack with half of its words.
//!
//! Each order is cut into windows of bounded length over the borders. Windows are begun from the front, so that a conversation
//! that has grown has the same windows as before, and a new one at its end; of a long part only its ends are taken. Where two
//! letters meet at a border, they are also read as one word.

use crate::model::{Origin, Segment};
use std::collections::HashSet;
use std::ops::Range;

/// Bytes of a long part that are taken on each side of a border, and of one window that are read again in the next.
const END_BYTES: usize = 256;
/// Bytes after which a window of many small parts ends.
const WINDOW_BYTES: usize = 1024;

/// What is said in a conversation.
const TALK: [Origin; 6] =
    [Origin::User, Origin::Assistant, Origin::ToolCall, Origin::ToolResult, Origin::Document, Origin::Unknown];
/// What comes into it from outside.
const FROM_OUTSIDE: [Origin; 4] = [Origin::User, Origin::ToolResult, Origin::Document, Origin::Unknown];

/// How much an origin is trusted: the operator most, then what the model said, the user, and least what was fetched.
fn distrust(origin: Origin) -> u8 {
    match origin {
        Origin::System => 0,
        Origin::Developer => 1,
        Origin::Assistant => 2,
        Origin::ToolCall => 3,
        Origin::User => 4,
        Origin::Unknown => 5,
        Origin::ToolDefinition => 6,
        Origin::Document => 7,
        Origin::ToolResult => 8,
    }
}

/// The least trusted of several origins.
pub(super) fn least_trusted(origins: impl Iterator<Item = Origin>) -> Option<Origin> {
    origins.max_by_key(|origin| distrust(*origin))
}

/// What is put between two parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Seam {
    /// A space in a message, a line break between messages.
    Gap,
    /// Nothing where two letters meet.
    None,
}

/// Parts of several segments, put together.
#[derive(Debug)]
pub(super) struct Joined {
    pub text: String,
    pub seam: Seam,
    /// The least trusted of their origins.
    pub origin: Origin,
    /// Whether all parts are of one message and origin.
    pub is_one_message: bool,
    parts: Vec<Part>,
    last_message: u32,
    /// Whether two letters met.
    letters_met: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Part {
    /// Where it stands in the joined text.
    at: Range<usize>,
    segment: usize,
    /// Where it begins in its segment's text.
    offset: usize,
}

impl Joined {
    fn new(seam: Seam) -> Self {
        Self {
            text: String::new(),
            seam,
            origin: Origin::System,
            is_one_message: true,
            parts: Vec::new(),
            last_message: 0,
            letters_met: false,
        }
    }

    fn add(&mut self, index: usize, segment: &Segment, text: &str, offset: usize) {
        if self.parts.is_empty() {
            self.origin = segment.origin;
        } else {
            let same = self.last_message == segment.message && self.origin == segment.origin;
            self.is_one_message &= same;
            let letters = self.text.chars().next_back().is_some_and(char::is_alphanumeric)
                && text.chars().next().is_some_and(char::is_alphanumeric);
            self.letters_met |= letters;
            if !letters || self.seam == Seam::Gap {
                self.text.push(if same { ' ' } else { '\n' });
            }
        }
        self.last_message = segment.message;
        self.origin = least_trusted([self.origin, segment.origin].into_iter()).unwrap_or(segment.origin);
        let start = self.text.len();
        self.text.push_str(text);
        self.parts.push(Part { at: start..self.text.len(), segment: index, offset });
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

    /// The end of this window, with which the next one begins.
    fn carried_over(&self, segments: &[Segment], body: &str) -> Self {
        let mut next = Self::new(self.seam);
        let from = self.text.len().saturating_sub(END_BYTES);
        let first = self.parts.partition_point(|part| part.at.end <= from);
        for part in self.parts.get(first..).unwrap_or_default() {
            let Some(segment) = segments.get(part.segment) else { continue };
            let text = segment.text(body);
            let end = part.offset.saturating_add(part.at.len());
            let start = text.ceil_char_boundary(part.offset.saturating_add(from.saturating_sub(part.at.start)));
            next.add(part.segment, segment, text.get(start..end).unwrap_or(""), start);
        }
        next
    }
}

/// Calls `visit` for every window; stops at its first error.
pub(super) fn for_each_joined<E>(
    segments: &[Segment],
    body: &str,
    mut visit: impl FnMut(&Joined) -> Result<(), E>,
) -> Result<(), E> {
    let order = |said: &dyn Fn(Origin) -> bool| -> Vec<usize> {
        let all = segments.iter().enumerate();
        all.filter(|(_, segment)| said(segment.origin) && !segment.text(body).is_empty())
            .map(|(index, _)| index)
            .collect()
    };
    let mut orders: Vec<Vec<usize>> = Vec::new();
    let mut add = |order: Vec<usize>| {
        if order.len() > 1 && !orders.contains(&order) {
            orders.push(order);
        }
    };
    if segments.len() > 1 {
        Origin::ALL.iter().for_each(|origin| add(order(&|other| other == *origin)));
        add(order(&|origin| TALK.contains(&origin)));
        add(order(&|origin| FROM_OUTSIDE.contains(&origin)));
    }
    let mut visited = HashSet::new();
    for order in &orders {
        for seam in [Seam::Gap, Seam::None] {
            windows_of(order, segments, body, seam, &mut |joined| {
                // Without letters that meet, both seams are one.
                if joined.seam == Seam::None && !joined.letters_met {
                    return Ok(());
                }
                if visited.insert((joined.seam, joined.parts.clone())) { visit(joined) } else { Ok(()) }
            })?;
        }
    }
    Ok(())
}

fn windows_of<E>(
    order: &[usize],
    segments: &[Segment],
    body: &str,
    seam: Seam,
    visit: &mut impl FnMut(&Joined) -> Result<(), E>,
) -> Result<(), E> {
    let mut joined = Joined::new(seam);
    // Parts that no window has shown yet.
    let mut fresh = 0_usize;
    for &index in order {
        let Some(segment) = segments.get(index) else { continue };
        let text = segment.text(body);
        fresh = fresh.saturating_add(1);
        if text.len() > END_BYTES.saturating_mul(2) {
            let head = text.floor_char_boundary(END_BYTES);
            joined.add(index, segment, text.get(..head).unwrap_or(""), 0);
            if joined.parts.len() > 1 {
                visit(&joined)?;
            }
            joined = Joined::new(seam);
            let tail = text.ceil_char_boundary(text.len().saturating_sub(END_BYTES));
            joined.add(index, segment, text.get(tail..).unwrap_or(""), tail);
            fresh = 0;
            continue;
        }
        joined.add(index, segment, text, 0);
        if joined.text.len() >= WINDOW_BYTES && joined.parts.len() > 1 {
            visit(&joined)?;
            joined = joined.carried_over(segments, body);
            fresh = 0;
        }
    }
    if joined.parts.len() > 1 && fresh > 0 { visit(&joined) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Channel, OffsetMap, TextKind};
    use Origin::{Assistant, System, ToolCall, ToolResult, User};

    fn segment(origin: Origin, text: &str, message: u32) -> Segment {
        Segment {
            origin,
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
        for_each_joined(segments, "", |joined| {
            found.push(joined.text.clone());
            Ok::<_, ()>(())
        })
        .unwrap();
        found
    }

    #[test]
    fn parts_and_messages_are_joined_with_a_gap_and_as_one_word_where_letters_meet() {
        let segments = [segment(User, "a", 1), segment(User, "", 1), segment(User, "b.", 1), segment(User, "c", 2)];
        assert_eq!(runs(&segments), ["a b.\nc", "ab.\nc"]);
        assert_eq!(runs(&[segment(User, "one.", 1), segment(User, "Two", 1)]), ["one. Two"]);
        assert!(runs(&segments[..1]).is_empty());
    }

    #[test]
    fn each_origin_is_followed_alone_and_the_operator_is_not_mixed_with_others() {
        let segments = [
            segment(System, "s.", 0),
            segment(User, "u1.", 1),
            segment(Assistant, "a.", 2),
            segment(ToolCall, "c.", 2),
            segment(ToolResult, "r.", 3),
            segment(User, "u2.", 4),
        ];
        assert_eq!(runs(&segments), ["u1.\nu2.", "u1.\na.\nc.\nr.\nu2.", "u1.\nr.\nu2."]);
    }

    #[test]
    fn of_a_long_part_only_the_ends_are_taken() {
        let long = format!("{}{}.", "x".repeat(1000), "y".repeat(1000));
        let found = runs(&[segment(User, "a.", 1), segment(User, &long, 1), segment(User, "b", 1)]);
        assert_eq!(found, [format!("a. {}", "x".repeat(256)), format!("{}. b", "y".repeat(255))]);
    }

    #[test]
    fn many_small_parts_make_windows_that_overlap_and_stay_the_same_when_the_conversation_grows() {
        let parts: Vec<Segment> = (0..400).map(|index| segment(User, &format!("part {index}."), index)).collect();
        let before = runs(&parts[..390]);
        let after = runs(&parts);
        assert!(before.len() > 3);
        assert_eq!(before[..before.len() - 1], after[..before.len() - 1]);
        for pair in after.windows(2) {
            assert!(pair[0].len() <= WINDOW_BYTES + 16);
            assert!(pair[1].find(&pair[0][pair[0].len() - 240..]).is_some_and(|at| at <= 16));
        }
        let total: usize = after.iter().map(String::len).sum();
        assert!(total < 2 * 400 * 10, "{total}");
    }

    #[test]
    fn span_over_a_border_is_told_by_segment_and_by_the_least_trusted_origin() {
        let long = format!("{}end", "x".repeat(1000));
        for_each_joined(&[segment(Assistant, &long, 1), segment(ToolResult, "begin", 2)], "", |joined| {
            assert_eq!(joined.origin, ToolResult);
            assert!(!joined.is_one_message);
            let at = joined.text.find("end").unwrap();
            let gap = usize::from(joined.seam == Seam::Gap);
            assert_eq!(joined.pieces(&(at..at + 6 + gap)), [(0, 1000..1003), (1, 0..3)]);
            assert!(joined.pieces(&(0..5)).is_empty());
            Ok::<_, ()>(())
        })
        .unwrap();
    }
}
