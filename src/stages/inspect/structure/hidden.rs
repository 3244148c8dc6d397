//! Text that a page, a README or a paper does not show to the person who reads it, but a model reads: comments, elements
//! without size or ink, attributes, Markdown comments, white LaTeX.
//!
//! Pages are full of such text, so none of it is a finding by itself. All of it together becomes one view, in which signatures
//! weigh more. Misses: rules of a style sheet that hide a class, scripts that hide an element, PDF layers.

use super::tags::{Tag, tag_at};
use crate::stages::inspect::views::{Mapped, View};
use std::ops::Range;

/// How far an element that is never closed hides, in bytes.
const UNCLOSED_BYTES: usize = 4 * 1024;
/// Shortest attribute value that can say anything, in bytes.
const LEAST_VALUE: usize = 12;
/// Longest name of a colour in LaTeX, in bytes.
const LONGEST_COLOR: usize = 32;
/// Longest label of a Markdown comment or alternative text, in bytes.
const LONGEST_LABEL: usize = 512;
/// Longest text in a LaTeX group, in bytes.
const LONGEST_GROUP: usize = 4 * 1024;
/// Elements without content.
const VOID: [&str; 13] =
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"];
/// Elements in which tags are text.
const RAW: [&str; 2] = ["script", "style"];

/// All hidden pieces of a text, a line each; `None` where there are none.
pub(in crate::stages::inspect) fn hidden_text(text: &str) -> Option<View> {
    let mut pieces = Pieces { text, list: Vec::new(), inside: None, comment_close: 0 };
    let mut at = 0;
    while let Some(found) = text.as_bytes().get(at..).and_then(|rest| memchr::memchr3(b'<', b'[', b'\\', rest)) {
        let place = at.saturating_add(found);
        pieces.shown_until(at, place);
        let end = match text.as_bytes().get(place) {
            Some(b'<') => pieces.markup(place),
            Some(b'[') => pieces.brackets(place),
            _ => pieces.latex(place),
        };
        let next = end.unwrap_or_else(|| place.saturating_add(1));
        if end.is_none() {
            pieces.shown_until(place, next);
        }
        at = next;
    }
    pieces.shown_until(at, text.len());
    pieces.finish()
}

/// A hidden element that is not closed yet.
struct Inside<'t> {
    name: &'t str,
    /// Elements of that name that are open.
    depth: usize,
    start: usize,
    /// Pieces before it.
    pieces_before: usize,
}

struct Pieces<'t> {
    text: &'t str,
    list: Vec<Range<usize>>,
    inside: Option<Inside<'t>>,
    /// Where a comment that began last would close.
    comment_close: usize,
}

impl<'t> Pieces<'t> {
    /// Ordinary text, which is hidden only inside of a hidden element.
    fn shown_until(&mut self, from: usize, to: usize) {
        if self.inside.is_some() {
            self.add(from..to);
        }
    }

    fn add(&mut self, piece: Range<usize>) {
        match self.list.last_mut() {
            Some(last) if last.end == piece.start => last.end = piece.end,
            _ if piece.start >= piece.end => {}
            _ => self.list.push(piece),
        }
    }

    /// A comment or a tag at a `<`; gives where it ends.
    fn markup(&mut self, at: usize) -> Option<usize> {
        let rest = self.text.get(at..)?;
        if rest.starts_with("<!--") {
            let from = at.saturating_add(4);
            let close = self.comment_close(from);
            // `--!>` closes too.
            let inner = self.text.get(from..close)?;
            let (end, mark) = inner.find("--!>").map_or((close, 3), |len| (from.saturating_add(len), 4));
            self.add(from..end);
            return Some(end.saturating_add(mark).min(self.text.len()));
        }
        let tag = tag_at(self.text, at)?;
        self.attributes(&tag);
        let end = tag.end;
        if let Some(inside) = &mut self.inside {
            if tag.name.eq_ignore_ascii_case(inside.name) {
                if tag.is_closing {
                    inside.depth = inside.depth.saturating_sub(1);
                } else if !tag.closes_itself {
                    inside.depth = inside.depth.saturating_add(1);
                }
                if inside.depth == 0 {
                    self.inside = None;
                }
            }
        } else if !tag.is_closing && !tag.closes_itself && !tag.is(&VOID) && tag.hides() {
            if tag.is(&RAW) {
                let len = self.raw_len(end, tag.name);
                self.add(end..end.saturating_add(len));
                return Some(end.saturating_add(len));
            }
            self.inside = Some(Inside { name: tag.name, depth: 1, start: end, pieces_before: self.list.len() });
        }
        Some(end)
    }

    /// The next `-->`, or the end; looked for once for all comments before it.
    fn comment_close(&mut self, from: usize) -> usize {
        if self.comment_close < from {
            let rest = self.text.get(from..).unwrap_or("");
            self.comment_close = from.saturating_add(rest.find("-->").unwrap_or(rest.len()));
        }
        self.comment_close
    }

    /// Bytes up to the closing tag of an element in which tags are text.
    fn raw_len(&self, from: usize, name: &str) -> usize {
        let rest = self.text.as_bytes().get(from..).unwrap_or_default();
        let closes = |at: usize| {
            let tag = rest.get(at.saturating_add(1)..).unwrap_or_default();
            let end = name.len().saturating_add(1);
            tag.first() == Some(&b'/')
                && tag.get(1..end).is_some_and(|written| written.eq_ignore_ascii_case(name.as_bytes()))
        };
        memchr::memchr_iter(b'<', rest).find(|&at| closes(at)).unwrap_or(rest.len())
    }

    /// Values that say something and are not shown, or only when a pointer rests on them.
    fn attributes(&mut self, tag: &Tag<'_>) {
        const NAMES: [&str; 8] =
            ["alt", "title", "aria-label", "aria-description", "content", "srcdoc", "summary", "placeholder"];
        let is_hidden_field = tag.attribute("type").is_some_and(|kind| kind.eq_ignore_ascii_case("hidden"));
        for (name, value, span) in &tag.attributes {
            let speaks = value.len() >= LEAST_VALUE && value.contains(' ');
            let is_named = NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
                || name.get(..5).is_some_and(|head| head.eq_ignore_ascii_case("data-"))
                || (is_hidden_field && name.eq_ignore_ascii_case("value"));
            if speaks && is_named {
                self.add(span.clone());
            }
        }
    }

    /// Markdown: the title of a link definition (`[//]: # (…)`), and what stands for an image.
    fn brackets(&mut self, at: usize) -> Option<usize> {
        let rest = self.text.get(at.saturating_add(1)..)?;
        let head = rest.get(..rest.floor_char_boundary(LONGEST_LABEL))?;
        let label = head.get(..head.find(['[', ']', '\n'])?)?;
        let after_label = at.saturating_add(1).saturating_add(label.len());
        let tail = self.text.get(after_label..)?;
        let before = self.text.get(..at)?;
        if tail.starts_with("](") && before.ends_with('!') && label.len() >= LEAST_VALUE {
            self.add(at.saturating_add(1)..after_label);
            return Some(after_label);
        }
        let line_start = before.trim_end_matches([' ', '\t', '>']);
        if !tail.starts_with("]:") || !(line_start.is_empty() || line_start.ends_with('\n')) {
            return None;
        }
        let line = tail.get(..tail.find('\n').unwrap_or(tail.len()))?;
        let written = line.get(2..)?.trim_start();
        let destination_end = written.find(char::is_whitespace)?;
        let title = written.get(destination_end..)?.trim();
        let open = title.chars().next().filter(|open| matches!(open, '(' | '"' | '\''))?;
        let title = title.get(open.len_utf8()..)?.trim_end_matches([')', '"', '\'']);
        let start = after_label.saturating_add(line.rfind(title)?);
        self.add(start..start.saturating_add(title.len()));
        Some(after_label.saturating_add(line.len()))
    }

    /// LaTeX: `\textcolor{white}{…}`, `{\color{white} …}`, `\phantom{…}`, `\begin{comment}`, `\iffalse`.
    fn latex(&mut self, at: usize) -> Option<usize> {
        let rest = self.text.get(at.saturating_add(1)..)?;
        let name = rest.get(..rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len()).min(32))?;
        let mut from = at.saturating_add(1).saturating_add(name.len());
        let piece = match name {
            "textcolor" | "color" => {
                let tail = self.text.get(from..)?;
                let model =
                    if tail.starts_with('[') { tail.get(..tail.find(']')?.min(32).saturating_add(1))? } else { "" };
                from = from.saturating_add(model.len());
                let name_at = self.text.get(from..)?.strip_prefix('{')?;
                let color = name_at.get(..name_at.bytes().take(LONGEST_COLOR).position(|byte| byte == b'}')?)?;
                let written = color.to_ascii_lowercase();
                if !matches!(written.trim(), "white" | "1,1,1" | "ffffff" | "255,255,255" | "1" | "1.0" | "0,0,0,0") {
                    return None;
                }
                let from = from.saturating_add(color.len()).saturating_add(2);
                if name == "textcolor" { self.group(from)? } else { self.rest_of_group(from) }
            }
            "phantom" | "hphantom" | "vphantom" => self.group(from)?,
            "iffalse" => self.until(from, "\\fi"),
            "begin" if self.text.get(from..)?.starts_with("{comment}") => {
                self.until(from.saturating_add("{comment}".len()), "\\end{comment}")
            }
            _ => return None,
        };
        let end = piece.end;
        self.add(piece);
        Some(end)
    }

    /// The inside of a `{…}` that begins at `at`.
    fn group(&self, at: usize) -> Option<Range<usize>> {
        let open = self.text.get(at..)?.starts_with('{');
        open.then(|| self.rest_of_group(at.saturating_add(1)))
    }

    /// From `from` to the brace that closes the group around it, or to the bound.
    fn rest_of_group(&self, from: usize) -> Range<usize> {
        let rest = self.text.get(from..).unwrap_or("");
        let rest = rest.get(..rest.floor_char_boundary(LONGEST_GROUP)).unwrap_or("");
        let mut depth = 0_usize;
        for (offset, byte) in rest.bytes().enumerate() {
            match byte {
                b'{' => depth = depth.saturating_add(1),
                b'}' if depth == 0 => return from..from.saturating_add(offset),
                b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        from..from.saturating_add(rest.len())
    }

    fn until(&self, from: usize, close: &str) -> Range<usize> {
        let rest = self.text.get(from..).unwrap_or("");
        let rest = rest.get(..rest.floor_char_boundary(LONGEST_GROUP)).unwrap_or("");
        from..from.saturating_add(rest.find(close).unwrap_or(rest.len()))
    }

    fn finish(mut self) -> Option<View> {
        if let Some(Inside { start, pieces_before, .. }) = self.inside {
            // Never closed: a browser would hide all that follows, a text about HTML would not.
            let most = self.text.floor_char_boundary(start.saturating_add(UNCLOSED_BYTES));
            let mut index = 0_usize;
            self.list.retain_mut(|piece| {
                index = index.saturating_add(1);
                piece.end = if index > pieces_before { piece.end.min(most.max(piece.start)) } else { piece.end };
                piece.start < piece.end
            });
        }
        let speaks = |piece: &Range<usize>| {
            self.text
                .get(piece.clone())
                .is_some_and(|piece| piece.bytes().any(|b| b.is_ascii_alphabetic() || b >= 0x80))
        };
        self.list.retain(speaks);
        // Attributes stand before the content of their element, but alternative text and comments may overlap.
        self.list.sort_by_key(|piece| piece.start);
        let last = self.list.last()?.end;
        let mut view = Mapped::with_capacity(last);
        let mut done = 0;
        for piece in &self.list {
            let start = piece.start.max(done);
            let Some(text) = self.text.get(start..piece.end) else { continue };
            if done > 0 {
                view.atomic("\n", done..start);
            }
            view.literal_str(text, start);
            done = piece.end;
        }
        Some(view.finish())
    }
}
