//! YAML as a tree in which every node knows its place. Stands on `granit-parser`'s events (YAML 1.2).
//!
//! What makes a file mean something else than it seems to say is refused here, all of it at once and with its place:
//! duplicate keys, anchors and aliases (and so merge keys and alias bombs), tags, several documents, keys that are not text.
//! Files are bounded by the caller; depth and node count are bounded here.

use super::faults::{self, Fault, Place};
use super::source::Source;
use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle};
use std::collections::HashMap;
use std::ops::Range;

/// Deepest nesting of lists and mappings, each way of writing them apart.
const MAX_DEPTH: usize = 32;

/// Most nodes of one file; the largest shipped file has a few thousand.
const MAX_NODES: usize = 200_000;

/// A value with its place.
#[derive(Debug)]
pub(super) struct Node {
    pub place: Place,
    /// The last line that belongs to it.
    pub end_line: usize,
    pub value: Value,
}

/// What stands there.
#[derive(Debug)]
pub(super) enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Already reported; readers pass over it in silence.
    Broken,
}

/// Text, before anything is made of it.
#[derive(Debug)]
pub(super) struct Scalar {
    /// The text after YAML's escapes.
    pub text: String,
    /// Whether it was written without quotes, so that `no`, `1` and `null` are not text.
    pub plain: bool,
    /// Byte range of its source where the source is the text letter by letter.
    pub verbatim: Option<Range<usize>>,
}

/// One `key: value`.
#[derive(Debug)]
pub(super) struct Entry {
    pub key: String,
    pub key_place: Place,
    pub value: Node,
}

enum Frame {
    List { place: Place, nodes: Vec<Node> },
    Map { place: Place, flow: bool, entries: Vec<Entry>, seen: HashMap<String, Place>, key: Key },
}

/// The state of a mapping between its events.
enum Key {
    /// The next node is a key.
    Awaited,
    /// The next node is this key's value.
    Read(String, Place),
    /// The next node is the value of a key that was refused.
    Refused,
}

/// Reads one document. `None` where its syntax is broken or nothing is in it; the faults say why.
pub(super) fn parse(source: &Source) -> (Option<Node>, Vec<Fault>) {
    let mut builder = Builder { source, faults: Vec::new(), stack: Vec::new(), root: None, nodes: 0, documents: 0 };
    let mut options = granit_parser::options! {
        disallow_directives: true,
        emit_unresolved_aliases: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    options.set_emit_comments(false);
    for next in Parser::new_from_str_with_options(&source.text, options) {
        let outcome = match next {
            Ok((event, span)) => builder.event(event, span),
            Err(error) => {
                let place = Place { line: error.marker().line(), column: error.marker().col() + 1, len: 1 };
                builder.fault(place, format!("not valid YAML: {}", error.info().replace('\n', " ")));
                Err(Stop)
            }
        };
        if outcome.is_err() {
            return (None, builder.faults);
        }
    }
    if builder.root.is_none() && builder.faults.is_empty() {
        builder.fault(Place::FILE, "the file is empty".to_owned());
    }
    (builder.root, builder.faults)
}

/// Nothing after this can be trusted.
struct Stop;

struct Builder<'a> {
    source: &'a Source,
    faults: Vec<Fault>,
    stack: Vec<Frame>,
    root: Option<Node>,
    nodes: usize,
    documents: usize,
}

impl Builder<'_> {
    fn fault(&mut self, place: Place, message: String) {
        faults::collect(&mut self.faults, Fault::at(&self.source.path, place, message));
    }

    fn fault_with_help(&mut self, place: Place, message: String, help: &str) {
        let mut fault = Fault::at(&self.source.path, place, message);
        fault.help = Some(help.to_owned());
        faults::collect(&mut self.faults, fault);
    }

    fn place(&self, span: Span) -> Place {
        let len = span.byte_range().map_or(1, |bytes| self.source.length_on_line(bytes.start, bytes.end));
        Place { line: span.start.line(), column: span.start.col() + 1, len }
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        let place = self.place(span);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.fault(place, "a second document begins here; one file holds one document".to_owned());
                    return Err(Stop);
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_properties(anchor, tag.is_some(), place);
                let plain = style == ScalarStyle::Plain;
                let verbatim = verbatim(&self.source.text, &text, style, span);
                let value = Value::Scalar(Scalar { text: text.into_owned(), plain, verbatim });
                self.node(Node { place, end_line: span.end.line(), value })?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_properties(anchor, tag.is_some(), place);
                self.stack.push(Frame::List { place, nodes: Vec::new() });
            }
            Event::MappingStart(style, anchor, tag) => {
                self.refuse_properties(anchor, tag.is_some(), place);
                let flow = style == StructureStyle::Flow;
                let (entries, seen) = (Vec::new(), HashMap::new());
                self.stack.push(Frame::Map { place, flow, entries, seen, key: Key::Awaited });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(frame) = self.stack.pop() {
                    self.node(closed(frame, span.end.line()))?;
                }
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.fault_with_help(place, "aliases are not supported".to_owned(), "write the value out");
                self.node(Node { place, end_line: place.line, value: Value::Broken })?;
            }
            // Stream and document ends, and what the options above switch off.
            _ => {}
        }
        Ok(())
    }

    fn refuse_properties(&mut self, anchor: usize, tagged: bool, place: Place) {
        if anchor != 0 {
            self.fault_with_help(place, "anchors are not supported".to_owned(), "remove the `&name` before this value");
        }
        if tagged {
            self.fault_with_help(place, "tags are not supported".to_owned(), "remove the `!tag` before this value");
        }
    }

    /// Puts a finished node where it belongs.
    fn node(&mut self, node: Node) -> Result<(), Stop> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            self.fault(node.place, format!("more than {MAX_NODES} values in one file"));
            return Err(Stop);
        }
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Frame::List { nodes, .. }) => nodes.push(node),
            Some(Frame::Map { key, entries, .. }) => match std::mem::replace(key, Key::Awaited) {
                Key::Read(name, key_place) => entries.push(Entry { key: name, key_place, value: node }),
                Key::Refused => {}
                Key::Awaited => {
                    let next = self.key(node);
                    if let Some(Frame::Map { key, .. }) = self.stack.last_mut() {
                        *key = next;
                    }
                }
            },
        }
        Ok(())
    }

    fn key(&mut self, node: Node) -> Key {
        let place = node.place;
        let Value::Scalar(scalar) = node.value else {
            if !matches!(node.value, Value::Broken) {
                self.fault(place, "a key must be text, not a list or a mapping".to_owned());
            }
            return Key::Refused;
        };
        if scalar.text.is_empty() {
            self.fault(place, "a key is empty".to_owned());
            return Key::Refused;
        }
        if scalar.plain && scalar.text == "<<" {
            self.fault_with_help(place, "merge keys are not supported".to_owned(), "write the values out");
            return Key::Refused;
        }
        let Some(Frame::Map { seen, .. }) = self.stack.last_mut() else { return Key::Refused };
        if let Some(first) = seen.get(&scalar.text) {
            let message = format!("duplicate key {}", super::reader::quoted(&scalar.text));
            let help = format!("it is first written on line {}; only one of the two can hold", first.line);
            self.fault_with_help(place, message, &help);
            return Key::Refused;
        }
        seen.insert(scalar.text.clone(), place);
        Key::Read(scalar.text, place)
    }
}

/// A frame whose last child has come.
fn closed(frame: Frame, end_line: usize) -> Node {
    match frame {
        Frame::List { place, nodes } => Node { place, end_line, value: Value::List(nodes) },
        Frame::Map { place, flow, entries, .. } => {
            // A block mapping has no mark of its own; its first key stands for it.
            let place = entries.first().filter(|_| !flow).map_or(place, |entry| entry.key_place);
            let place = if flow { Place { len: 1, ..place } } else { place };
            Node { place, end_line, value: Value::Map(entries) }
        }
    }
}

/// The bytes of a scalar's content where no escape or folding stands between them and its text.
fn verbatim(source: &str, text: &str, style: ScalarStyle, span: Span) -> Option<Range<usize>> {
    let range = span.byte_range()?;
    let inner = match style {
        ScalarStyle::Plain => range,
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
            range.start.checked_add(1)?..range.end.checked_sub(1)?
        }
        ScalarStyle::Literal | ScalarStyle::Folded => return None,
    };
    (source.get(inner.clone())? == text && !text.contains('\n')).then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn faults_of(text: &str) -> Vec<String> {
        let source = Source::new("f.yaml".into(), text.to_owned());
        let (_, faults) = parse(&source);
        faults.iter().map(|fault| format!("{}:{} {}", fault.line, fault.column, fault.message)).collect()
    }

    #[test]
    fn every_duplicate_key_is_reported_with_its_place() {
        assert_eq!(
            faults_of("a: 1\nb: {c: 1, c: 2}\na: 2\n\"a\": 3\n"),
            ["2:11 duplicate key `c`", "3:1 duplicate key `a`", "4:1 duplicate key `a`"]
        );
    }

    #[test]
    fn anchors_aliases_merge_keys_and_tags_are_refused_all_at_once() {
        assert_eq!(
            faults_of("a: &x {b: 1}\nc: *x\nd:\n  <<: *x\ne: !!python/object:os.system x\nf: *unknown\n"),
            [
                "1:7 anchors are not supported",
                "2:4 aliases are not supported",
                "4:3 merge keys are not supported",
                "4:7 aliases are not supported",
                "5:30 tags are not supported",
                "6:4 aliases are not supported",
            ]
        );
    }

    #[test]
    fn a_second_document_an_empty_file_and_broken_syntax_are_refused_with_their_place() {
        assert_eq!(faults_of("a: 1\n---\nb: 2\n").len(), 1);
        assert_eq!(faults_of("# nothing\n"), ["0:0 the file is empty"]);
        let broken = faults_of("a: 1\nb: [1, 2\nc: 3\n");
        assert!(broken.first().is_some_and(|fault| fault.contains("not valid YAML")), "{broken:?}");
        assert_eq!(faults_of("? [a]\n: b\n"), ["1:3 a key must be text, not a list or a mapping"]);
    }

    #[test]
    fn deep_and_wide_bombs_are_refused_quickly() {
        assert!(faults_of(&"[".repeat(100_000)).first().is_some_and(|fault| fault.contains("not valid YAML")));
        let wide = format!("[{}]", "1,".repeat(MAX_NODES + 1));
        assert!(faults_of(&wide).first().is_some_and(|fault| fault.contains("more than 200000 values")));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[\\PC\\n\\t]{0,200}") {
            let _ = faults_of(&text);
        }

        #[test]
        fn no_yaml_like_text_makes_the_parser_panic(text in "([a-c]|: |- |\\n|  |\\[|\\]|\\{|\\}|,|&|\\*|!|\\||>|'|\"|#|%|---|\\?|<<){0,60}") {
            let _ = faults_of(&text);
        }
    }
}
