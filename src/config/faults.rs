//! What is wrong with a configuration: all of it at once, each fault with file, line, column and, where it helps, a hint.
//!
//! Must never show a secret: a line that may hold one is not excerpted (see [`super::source`]), messages quote only short
//! values that do not look like a credential, and the value behind a `${env:…}` or `${file:…}` is never quoted at all.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use std::fmt::{self, Write};
use std::path::PathBuf;

/// Faults that are kept of one load; more are only counted. Nobody fixes more than this in one go.
pub const MAX_FAULTS: usize = 200;

/// Faults of one file that are collected before the list is sorted and cut; a file of nothing but faults stays cheap.
const MAX_COLLECTED: usize = 10_000;

/// Longest source line that is excerpted, in bytes.
pub(super) const MAX_EXCERPT_BYTES: usize = 1_000;

/// A place in a source file. Lines and columns count from 1, columns and `len` in characters; line 0 means the whole file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line, from 1; 0 for a fault about the file as a whole.
    pub line: usize,
    /// Column of the first character, from 1.
    pub column: usize,
    /// Characters that the caret underlines; at least 1.
    pub len: usize,
}

impl Place {
    /// The whole file.
    pub const FILE: Self = Self { line: 0, column: 0, len: 0 };
}

/// Whether the configuration is wrong, or could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Read, and wrong.
    Invalid,
    /// A file or directory could not be read.
    Unreadable,
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file it is in, as the operator named it.
    pub file: PathBuf,
    /// Line, from 1; 0 for a fault about the file as a whole.
    pub line: usize,
    /// Column in characters, from 1; 0 for a fault about the file as a whole.
    pub column: usize,
    /// Characters it spans on its line.
    pub len: usize,
    /// Whether something is wrong, or could not be read.
    pub kind: FaultKind,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The source line, where it may be shown.
    pub(super) excerpt: Option<String>,
}

impl Fault {
    /// A fault about a file that could not be read.
    pub(super) fn unreadable(file: impl Into<PathBuf>, message: String) -> Self {
        let mut fault = Self::at(file, Place::FILE, message);
        fault.kind = FaultKind::Unreadable;
        fault
    }

    /// A fault at a place.
    pub(super) fn at(file: impl Into<PathBuf>, place: Place, message: String) -> Self {
        let Place { line, column, len } = place;
        Self { file: file.into(), line, column, len, kind: FaultKind::Invalid, message, help: None, excerpt: None }
    }

    /// `file:line:column`, or the file alone.
    fn origin(&self) -> String {
        match self.line {
            0 => self.file.display().to_string(),
            line => format!("{}:{line}:{}", self.file.display(), self.column),
        }
    }

    /// The bytes of the excerpt that the caret stands under.
    fn marked_bytes(&self, excerpt: &str) -> std::ops::Range<usize> {
        let offset_of =
            |chars: usize| excerpt.char_indices().nth(chars).map_or(excerpt.len(), |(byte_offset, _)| byte_offset);
        let first = self.column.saturating_sub(1);
        offset_of(first)..offset_of(first.saturating_add(self.len.max(1)))
    }

    fn render_into(&self, out: &mut String) {
        let renderer = Renderer::plain();
        // What came from the YAML must not steer the reader's terminal.
        let message = printable(&self.message);
        let path = printable(&self.origin());
        let title = Level::ERROR.primary_title(message.as_str());
        let mut group = match &self.excerpt {
            Some(line) => {
                let file = printable(&self.file.display().to_string());
                let marked = AnnotationKind::Primary.span(self.marked_bytes(line));
                title.element(Snippet::source(line.as_str()).line_start(self.line).path(file).annotation(marked))
            }
            None => title.element(annotate_snippets::Origin::path(path.as_str())),
        };
        let help = self.help.as_deref().map(printable);
        if let Some(help) = &help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        out.push_str(&renderer.render(&[group]));
        out.push('\n');
    }
}

/// Whether a file has so many faults that no more are collected.
pub(super) fn is_full(faults: &[Fault]) -> bool {
    faults.len() >= MAX_COLLECTED
}

/// Adds a fault to those of a file, up to a bound.
pub(super) fn collect(faults: &mut Vec<Fault>, fault: Fault) {
    if !is_full(faults) {
        faults.push(fault);
    }
}

/// All faults of one load, sorted by file and place; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    list: Vec<Fault>,
    not_kept: usize,
}

impl Faults {
    /// Sorts faults; keeps the first [`MAX_FAULTS`].
    pub(super) fn new(mut list: Vec<Fault>) -> Self {
        list.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        list.dedup();
        let not_kept = list.len().saturating_sub(MAX_FAULTS);
        list.truncate(MAX_FAULTS);
        Self { list, not_kept }
    }

    /// The faults, sorted by file and place.
    pub fn list(&self) -> &[Fault] {
        &self.list
    }

    /// How many were found, also those that were not kept (of one file at most 10 000 are counted).
    pub fn count(&self) -> usize {
        self.list.len().saturating_add(self.not_kept)
    }

    /// Whether a file could not be read at all, so that nothing can be said of its content.
    pub fn any_unreadable(&self) -> bool {
        self.list.iter().any(|fault| fault.kind == FaultKind::Unreadable)
    }

    /// The faults for a terminal: source line, caret and help. For people, not for logs.
    pub fn render(&self) -> String {
        let mut out = String::new();
        for fault in &self.list {
            fault.render_into(&mut out);
            out.push('\n');
        }
        if self.not_kept > 0 {
            let _ = writeln!(out, "and {} more", self.not_kept);
        }
        out
    }

    /// One line per fault without source text, for logs.
    pub fn summary(&self) -> String {
        let mut out = String::new();
        for fault in &self.list {
            let separator = if out.is_empty() { "" } else { "\n" };
            let _ = write!(out, "{separator}{}: {}", printable(&fault.origin()), printable(&fault.message));
        }
        if self.not_kept > 0 {
            let _ = write!(out, "\nand {} more", self.not_kept);
        }
        out
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary())
    }
}

impl std::error::Error for Faults {}

/// The text with control and direction-changing characters replaced, so that it stays one line and cannot steer a terminal.
pub(super) fn printable(text: &str) -> String {
    let unsafe_char = |c: char| {
        c.is_control() || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if unsafe_char(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(line: usize, excerpt: Option<&str>) -> Fault {
        let mut fault = Fault::at("a.yaml", Place { line, column: 3, len: 2 }, "wrong".to_owned());
        fault.excerpt = excerpt.map(str::to_owned);
        fault
    }

    #[test]
    fn faults_beyond_the_bound_are_counted_and_not_kept() {
        let faults = Faults::new((1..=MAX_FAULTS + 7).map(|line| fault(line, None)).collect());
        assert_eq!(faults.list().len(), MAX_FAULTS);
        assert_eq!(faults.count(), MAX_FAULTS + 7);
        assert!(faults.summary().ends_with("and 7 more"));
    }

    #[test]
    fn the_caret_stands_under_characters_and_not_under_bytes() {
        insta::assert_snapshot!(Faults::new(vec![fault(4, Some("äöü: x"))]).render(), @r"
        error: wrong
         --> a.yaml:4:3
          |
        4 | äöü: x
          |   ^^
        ");
    }

    #[test]
    fn a_summary_holds_no_source_text_and_no_terminal_control() {
        let mut with_escape = fault(1, Some("secret source"));
        with_escape.message = "a\u{1b}[31m\nb".to_owned();
        assert_eq!(Faults::new(vec![with_escape]).summary(), "a.yaml:1:3: a\u{fffd}[31m\u{fffd}b");
    }
}
