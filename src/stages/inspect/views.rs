//! Views of a text: the forms in which a model may read it although the bytes look different. Each leads back to the bytes.
//!
//! A plain ASCII text is its own normalised view: patterns ignore case and take any white space, so nothing is copied.

use super::characters::{fold_char_in, is_invisible, is_styled, looks_like, stands_for_itself};
use crate::model::OffsetMap;
pub(super) use crate::model::{Via, ViewKind};
use std::ops::Range;

/// A text derived from another.
#[derive(Debug)]
pub(super) struct View {
    pub text: String,
    pub way: Way,
}

/// How spans of a view lead back.
#[derive(Debug)]
pub(super) enum Way {
    /// Byte for byte, or by pieces.
    Pieces(OffsetMap),
    /// Any span stands for this whole range of the source.
    Whole(Range<usize>),
    /// The view is the source's characters backwards; the source's length.
    Backwards(usize),
    /// The view is pieces of the source in reverse order, without a gap: where each begins in the view and ends in the source.
    Mirrored(Vec<(usize, usize)>),
}

impl Way {
    /// The span of the source that a span of the view came from.
    pub fn back(&self, span: Range<usize>) -> Range<usize> {
        match self {
            Self::Pieces(map) => map.source_span(span),
            Self::Whole(range) => range.clone(),
            Self::Backwards(len) => len.saturating_sub(span.end)..len.saturating_sub(span.start),
            Self::Mirrored(pieces) => {
                let first = pieces.partition_point(|(view, _)| *view <= span.start).saturating_sub(1);
                let next = pieces.partition_point(|(view, _)| *view < span.end);
                let source_end = |index: usize| pieces.get(index).map_or(0, |(_, end)| *end);
                source_end(next)..source_end(first).max(source_end(next))
            }
        }
    }
}

/// Whether patterns can read a text as it stands: printable ASCII and ordinary white space.
pub(super) fn is_plain(text: &str) -> bool {
    // No early exit: the loop becomes a handful of vector instructions per 32 bytes.
    text.as_bytes().chunks(4096).all(|chunk| {
        chunk.iter().fold(true, |plain, &byte| {
            plain & ((0x20..0x7F).contains(&byte) | (byte == b'\n') | (byte == b'\t') | (byte == b'\r'))
        })
    })
}

/// What an invisible character between two letters becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Invisible {
    /// Nothing: `ig​nore` is `ignore`.
    Dropped,
    /// A space: some texts use them instead of one.
    Spaced,
}

/// What becomes of capital letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Lowered,
    /// Credentials and encodings tell capitals from small letters.
    Kept,
}

/// Builds a view and its map together.
#[derive(Debug)]
pub(super) struct Mapped {
    text: String,
    map: OffsetMap,
    /// Source offset at which a literal piece would go on; `None` after an atomic one.
    next: Option<usize>,
}

#[cfg(test)]
thread_local! {
    /// Views with a map that this thread built.
    pub(super) static BUILT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

impl Mapped {
    pub fn with_capacity(bytes: usize) -> Self {
        #[cfg(test)]
        BUILT.set(BUILT.get() + 1);
        Self { text: String::with_capacity(bytes), map: OffsetMap::identity(0), next: Some(0) }
    }

    /// Adds a character that stands for as many bytes of the source as it has itself.
    pub fn literal(&mut self, c: char, at: usize) {
        if self.next != Some(at) {
            self.map.push_literal(self.text.len(), at);
        }
        self.text.push(c);
        self.next = Some(at.saturating_add(c.len_utf8()));
    }

    /// Adds a text that stands in the source as it is.
    pub fn literal_str(&mut self, text: &str, at: usize) {
        if !text.is_empty() {
            if self.next != Some(at) {
                self.map.push_literal(self.text.len(), at);
            }
            self.text.push_str(text);
            self.next = Some(at.saturating_add(text.len()));
        }
    }

    /// Adds a text that stands in the source as it is, but for the case of ASCII letters.
    pub fn lowered_str(&mut self, text: &str, at: usize) {
        let from = self.text.len();
        self.literal_str(text, at);
        if let Some(added) = self.text.get_mut(from..) {
            added.make_ascii_lowercase();
        }
    }

    /// Adds what stands for `source`; an empty text adds nothing.
    pub fn atomic(&mut self, text: &str, source: Range<usize>) {
        if !text.is_empty() {
            self.map.push_atomic(self.text.len(), source.start, source.len());
            self.text.push_str(text);
            self.next = None;
        }
    }

    pub fn finish(self) -> View {
        View { text: self.text, way: Way::Pieces(self.map) }
    }
}

/// The normalised view: folded characters, invisible ones removed, white space as single spaces.
/// Also tells whether an invisible character was met.
pub(super) fn normalise(text: &str, invisible: Invisible) -> (View, bool) {
    fold(text, invisible, Case::Lowered)
}

/// The normalised view with its capital letters; `None` where it says nothing that the text as written does not say: no
/// invisible character stands behind an ASCII one, and no styled letter or digit stands for one.
pub(super) fn undisguised(text: &str) -> Option<View> {
    let mut after_ascii = false;
    let is_disguised = text.chars().any(|c| {
        let disguised = (after_ascii && !c.is_ascii_graphic() && is_invisible(c)) || is_styled(c);
        after_ascii = c.is_ascii_graphic();
        disguised
    });
    is_disguised.then(|| fold(text, Invisible::Dropped, Case::Kept).0)
}

fn fold(text: &str, invisible: Invisible, case: Case) -> (View, bool) {
    let mut view = Mapped::with_capacity(text.len());
    let mut met_invisible = false;
    let mut folded = String::new();
    let mut next = 0_usize;
    while let Some((rest, c)) = text.get(next..).and_then(|rest| Some((rest, rest.chars().next()?))) {
        let at = next;
        let ordinary = ordinary_len(rest.as_bytes());
        if let Some(ordinary) = rest.get(..ordinary).filter(|ordinary| !ordinary.is_empty()) {
            match case {
                Case::Lowered => view.lowered_str(ordinary, at),
                Case::Kept => view.literal_str(ordinary, at),
            }
            next = at.saturating_add(ordinary.len());
            continue;
        }
        next = at.saturating_add(c.len_utf8());
        if stands_for_itself(c) {
            view.literal(c, at);
            continue;
        }
        let spaced = |c: char| c.is_whitespace() || (invisible == Invisible::Spaced && is_invisible(c));
        met_invisible |= is_invisible(c);
        if spaced(c) {
            let end = at.saturating_add(rest.find(|c| !spaced(c)).unwrap_or(rest.len()));
            next = end;
            if end.saturating_sub(at) == 1 {
                view.literal(' ', at)
            } else {
                view.atomic(" ", at..end)
            }
            continue;
        }
        folded.clear();
        fold_char_in(c, case, |part| folded.push(part));
        match folded.chars().next() {
            Some(part) if folded.len() == c.len_utf8() && part.len_utf8() == folded.len() => view.literal(part, at),
            _ => view.atomic(&folded, at..at.saturating_add(c.len_utf8())),
        }
    }
    (view.finish(), met_invisible)
}

/// How many bytes from the first on need nothing but lower case: printable ASCII, with single spaces between.
fn ordinary_len(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    loop {
        let word = rest.iter().take_while(|byte| byte.is_ascii_graphic()).count();
        rest = rest.get(word..).unwrap_or_default();
        match rest {
            [b' ', next, ..] if next.is_ascii_graphic() => rest = rest.get(1..).unwrap_or_default(),
            _ => return bytes.len().saturating_sub(rest.len()),
        }
    }
}

/// The look-alike view of a normalised text: letters of other scripts as the Latin ones they resemble.
/// `None` where there are none, or where no Latin letter stands beside them (then it is just another language).
pub(super) fn look_alike(normalised: &str) -> Option<View> {
    if normalised.is_ascii() {
        return None;
    }
    let mixed = normalised.bytes().any(|byte| byte.is_ascii_alphabetic())
        || normalised.chars().any(|c| looks_like(c).is_some() && is_rarely_written(c));
    if !mixed || !normalised.chars().any(|c| looks_like(c).is_some()) {
        return None;
    }
    let mut view = Mapped::with_capacity(normalised.len());
    for (at, c) in normalised.char_indices() {
        match looks_like(c) {
            Some(latin) => view.atomic(latin.encode_utf8(&mut [0; 4]), at..at.saturating_add(c.len_utf8())),
            None => view.literal(c, at),
        }
    }
    Some(view.finish())
}

/// Look-alikes outside everyday Russian and Greek: small capitals, phonetic letters, Armenian, historic Cyrillic.
fn is_rarely_written(c: char) -> bool {
    !matches!(c, 'α'..='ω' | 'а'..='я')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn normal(text: &str) -> String {
        normalise(text, Invisible::Dropped).0.text
    }

    #[test]
    fn plain_ascii_needs_no_view_and_control_bytes_do() {
        assert!(is_plain("Hello,\r\n\tworld ~"));
        assert!(!is_plain("ig\u{8}nore"));
        assert!(!is_plain("\u{7F}"));
        assert!(!is_plain("é"));
    }

    #[test]
    fn normalised_view_drops_what_is_invisible_and_folds_space() {
        assert_eq!(normal("Ig\u{200B}nore \u{A0}\n ALL\u{3000}x"), "ignore all x");
        assert_eq!(normalise("a\u{200B}b", Invisible::Spaced).0.text, "a b");
    }

    #[test]
    fn ordinary_text_is_taken_in_one_piece_and_nothing_else_is() {
        assert_eq!(ordinary_len(b"Hello, big World!"), 17);
        assert_eq!(ordinary_len(b"one  two"), 3);
        assert_eq!(ordinary_len(b"one\ntwo"), 3);
        assert_eq!(ordinary_len("one \u{A0}two".as_bytes()), 3);
        assert_eq!(ordinary_len(b" one "), 4);
        assert_eq!(ordinary_len("\u{8}é".as_bytes()), 0);
        assert_eq!(normal("a \u{A0} B\u{8} \n\tC 中 文"), "a b c 中 文");
    }

    #[test]
    fn span_of_a_view_leads_back_to_all_bytes_that_made_it() {
        let text = "xx ig\u{200B}nóre  \u{2003}all";
        let (view, _) = normalise(text, Invisible::Dropped);
        let at = view.text.find("ignore all").unwrap();
        let back = view.way.back(at..at + "ignore all".len());
        assert_eq!(&text[back], "ig\u{200B}nóre  \u{2003}all");
    }

    #[test]
    fn look_alike_letters_become_latin_only_beside_latin_ones() {
        assert_eq!(look_alike("іgnоrе").unwrap().text, "ignore");
        assert!(look_alike("привет как дела").is_none());
        assert!(look_alike("plain").is_none());
        assert_eq!(look_alike("ɪɢɴᴏʀᴇ").unwrap().text, "ignore");
    }

    proptest! {
        #[test]
        fn every_span_of_a_view_leads_back_to_character_borders(text in "\\PC{0,40}|[a-z \u{200B}\u{301}é𝐈ﬁ]{0,40}", from in 0usize..60, len in 1usize..10) {
            let (view, _) = normalise(&text, Invisible::Dropped);
            let start = view.text.floor_char_boundary(from.min(view.text.len()));
            let end = view.text.ceil_char_boundary((start + len).min(view.text.len()));
            let back = view.way.back(start..end);
            prop_assert!(text.get(back).is_some());
        }
    }
}
