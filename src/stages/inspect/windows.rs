//! Cuts a long text into windows, so that the clock is looked at between them. Each window owns the matches that begin in
//! its first part and sees enough of what follows to take them whole.

/// How far a border moves back to stand after white space, so that no word is cut in two.
const SLACK_BYTES: usize = 256;

/// A part of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window<'t> {
    /// Where it begins in the text.
    pub offset: usize,
    /// What a guard sees.
    pub text: &'t str,
    /// Matches that begin at or after this offset (in the window) belong to the next window.
    pub owned: usize,
}

/// Cuts `text` into windows that own about `step` bytes; each sees `look_ahead` bytes beyond.
pub(super) fn windows(text: &str, step: usize, look_ahead: usize) -> impl Iterator<Item = Window<'_>> {
    let mut start = 0;
    let mut finished = text.is_empty();
    std::iter::from_fn(move || {
        if finished {
            return None;
        }
        let rest = text.get(start..)?;
        if rest.len() <= step.saturating_add(look_ahead) {
            finished = true;
            return Some(Window { offset: start, text: rest, owned: rest.len() });
        }
        let owned = border(rest, step.max(SLACK_BYTES.saturating_mul(2)));
        let end = rest.floor_char_boundary(owned.saturating_add(look_ahead));
        let window = Window { offset: start, text: rest.get(..end)?, owned };
        start = start.saturating_add(owned);
        Some(window)
    })
}

/// A character border at or a little before `at`, after white space where there is some.
fn border(text: &str, at: usize) -> usize {
    let at = text.floor_char_boundary(at);
    let tail = text.as_bytes().get(at.saturating_sub(SLACK_BYTES)..at).unwrap_or_default();
    match tail.iter().rposition(u8::is_ascii_whitespace) {
        Some(position) => at.saturating_sub(tail.len()).saturating_add(position).saturating_add(1),
        None => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_own_every_byte_once_and_see_what_follows() {
        let text = "añ word ".repeat(40_000);
        let mut at = 0;
        for window in windows(&text, 4096, 100) {
            assert_eq!(window.offset, at);
            assert!(window.owned > 0);
            at += window.owned;
            assert!(at == text.len() || window.text.len() >= window.owned + 99);
        }
        assert_eq!(at, text.len());
    }

    #[test]
    fn short_text_is_one_window_and_empty_text_none() {
        assert_eq!(windows("abc", 4096, 10).count(), 1);
        assert_eq!(windows("", 4096, 10).count(), 0);
    }

    #[test]
    fn text_without_white_space_still_moves_on() {
        assert!(windows(&"x".repeat(20_000), 4096, 0).count() >= 3);
    }
}
