//! Marks on the values of a scanned body. A dialect only *names* what it knows; a single sweep afterwards turns every
//! string and every key into a segment unless a mark says that it is a known word or media. So what a dialect forgets,
//! or has never heard of, comes out as `Unknown` and is inspected: forgetting cannot lose text.

use super::exchange::{Coverage, Edit};
use super::json::{Json, Kind, unescape};
use super::lanes::{LaneId, LanePiece};
use super::media;
use super::tool_facts::{CallForm, DefinitionMark, ToolCall, ToolDefinition};
use crate::model::{Channel, Direction, OffsetMap, Origin, Segment, TextKind, Untrusted};
use std::ops::Range;

/// What is known of a string value.
#[derive(Clone, Copy)]
enum ValueMark {
    /// No dialect names it.
    Unnamed,
    /// Text of this origin.
    Text(Origin, Channel, TextKind),
    /// A word of a closed set.
    Word,
    /// Media from this offset of the raw string on; text before it.
    Media(u32),
}

/// What is known of a key.
#[derive(Clone, Copy)]
enum KeyMark {
    /// No dialect names it: the client chose it.
    Unnamed,
    /// The dialect's own word.
    Known,
    /// Text of this origin (a property's name inside a tool's schema).
    Text(Origin, Channel),
}

#[derive(Clone, Copy)]
struct Mark {
    value: ValueMark,
    key: KeyMark,
    /// How many segments came before this node: filled by the sweep.
    segments_before: u32,
}

/// A tool call as marked: its name, and the nodes that are its arguments.
struct CallMark {
    name: String,
    arguments: Range<usize>,
    form: CallForm,
}

/// A body under marking.
pub(super) struct Canvas<'a> {
    pub(super) json: &'a Json<'a>,
    direction: Direction,
    /// What strings are for that no dialect names.
    unnamed_kind: TextKind,
    marks: Vec<Mark>,
    /// From these nodes on, segments belong to these groups. Ascending by node.
    groups: Vec<(usize, u32)>,
    calls: Vec<CallMark>,
    /// Names of tools declared.
    pub(super) declared_tools: Vec<Untrusted<String>>,
    /// Tools declared, each under a name that it could be known by.
    pub(super) definitions: Vec<DefinitionMark>,
    /// References to media that the provider fetches: inspected as text, and reported as media too.
    references: Vec<Range<usize>>,
    /// Arrays of numbers that stand for text: no guard can read them, so they count as media.
    opaque: Vec<Range<usize>>,
    /// Values that repeat text of the body in pieces.
    echoes: Vec<Edit>,
    /// Nodes that continue a text of earlier events.
    lanes: Vec<(usize, LaneId)>,
}

/// What the sweep gives.
pub(super) struct Swept {
    pub(super) segments: Vec<Segment>,
    pub(super) media: Vec<Range<usize>>,
    pub(super) echoes: Vec<Edit>,
    pub(super) pieces: Vec<LanePiece>,
    pub(super) tool_calls: Vec<ToolCall>,
    pub(super) declared_tools: Vec<Untrusted<String>>,
    pub(super) definitions: Vec<ToolDefinition>,
    pub(super) coverage: Coverage,
}

impl<'a> Canvas<'a> {
    pub(super) fn new(json: &'a Json<'a>, direction: Direction, unnamed_kind: TextKind) -> Self {
        let blank = Mark { value: ValueMark::Unnamed, key: KeyMark::Unnamed, segments_before: 0 };
        Self {
            json,
            direction,
            unnamed_kind,
            marks: vec![blank; json.len()],
            groups: Vec::new(),
            calls: Vec::new(),
            declared_tools: Vec::new(),
            definitions: Vec::new(),
            references: Vec::new(),
            opaque: Vec::new(),
            echoes: Vec::new(),
            lanes: Vec::new(),
        }
    }

    /// Says that a value's key is the dialect's own word.
    pub(super) fn known(&mut self, id: usize) {
        if let Some(mark) = self.marks.get_mut(id) {
            mark.key = KeyMark::Known;
        }
    }

    /// Says whose text a string is. Values that are not strings stay as they are.
    pub(super) fn text(&mut self, id: usize, origin: Origin, channel: Channel) {
        let (origin, channel) = self.said(origin, channel);
        if let Some(mark) = self.marks.get_mut(id) {
            mark.value = ValueMark::Text(origin, channel, TextKind::Prose);
        }
    }

    /// Says whose text all strings and keys below a value are, and the value itself; its own key stays as it is.
    pub(super) fn subtree(&mut self, id: usize, origin: Origin, channel: Channel) {
        let (origin, channel) = self.said(origin, channel);
        let end = self.json.after(id);
        for (offset, mark) in self.marks.get_mut(id..end).unwrap_or(&mut []).iter_mut().enumerate() {
            mark.value = ValueMark::Text(origin, channel, TextKind::Prose);
            if offset > 0 {
                mark.key = KeyMark::Text(origin, channel);
            }
        }
    }

    /// Like [`Self::subtree`], but keys and strings that `is_word` knows are structure.
    pub(super) fn schema(&mut self, id: usize, origin: Origin, is_word: fn(&str) -> bool) {
        self.subtree(id, origin, Channel::Content);
        let json = self.json;
        for node in id..json.after(id) {
            if json.text(node).is_some_and(|text| is_word(&text)) {
                self.word(node);
            }
            if node != id && json.key_span(node).is_some() && is_word(&json.key(node)) {
                self.known(node);
            }
        }
    }

    /// Says that a string is structure if it is a word of a closed set; else it stays as it is, and is inspected.
    pub(super) fn closed(&mut self, id: usize, is_word: fn(&str) -> bool) {
        if self.json.text(id).is_some_and(|text| is_word(&text)) {
            self.word(id);
        }
    }

    fn word(&mut self, id: usize) {
        if let Some(mark) = self.marks.get_mut(id) {
            mark.value = ValueMark::Word;
        }
    }

    /// Marks a `data:` URL or a reference to a file elsewhere. What is not media is text of `origin`.
    pub(super) fn url(&mut self, id: usize, origin: Origin) {
        self.text(id, origin, Channel::Content);
        let Some(raw) = self.json.body().get(self.json.span(id)) else { return };
        match media::in_data_url(raw) {
            Some(from) => self.media_from(id, from),
            None if !raw.is_empty() && !raw.starts_with("data:") => self.reference(id),
            None => {}
        }
    }

    /// Marks base64 bytes. What is not media is text of `origin`.
    pub(super) fn base64(&mut self, id: usize, origin: Origin) {
        self.text(id, origin, Channel::Content);
        if self.json.body().get(self.json.span(id)).is_some_and(media::is_base64_media) {
            self.media_from(id, 0);
        }
    }

    /// Marks a signed or encrypted block, which nobody but the provider reads. What cannot be one is text of `origin`.
    pub(super) fn sealed(&mut self, id: usize, origin: Origin, channel: Channel) {
        self.base64(id, origin);
        if !self.is_media(id) {
            self.text(id, origin, channel);
        }
    }

    fn is_media(&self, id: usize) -> bool {
        self.marks.get(id).is_some_and(|mark| matches!(mark.value, ValueMark::Media(_)))
    }

    /// Says that a string names media elsewhere: it is read as text, and reported as media.
    pub(super) fn reference(&mut self, id: usize) {
        if self.json.kind(id) == Kind::String {
            self.references.push(self.json.span(id));
        }
    }

    /// Counts an array of nothing but numbers (tokens, an embedding) as media. `false` if it is something else.
    pub(super) fn numbers(&mut self, id: usize) -> bool {
        let json = self.json;
        let is_numbers = json.kind(id) == Kind::Array
            && json.after(id) > id.saturating_add(1)
            && json.children(id).all(|child| json.kind(child) == Kind::Number);
        if is_numbers {
            self.opaque.push(json.span(id));
        }
        is_numbers
    }

    /// Says that a value repeats text of the body piece by piece: where that text is cut, the value has to go as a whole.
    pub(super) fn echo(&mut self, id: usize) {
        let nothing = match self.json.kind(id) {
            Kind::Object => "null",
            Kind::Array => "[]",
            _ => return,
        };
        self.echoes.push(Edit { span: self.json.span(id), replacement: nothing.to_owned() });
    }

    /// Says that a value belongs to a text that events say piece by piece. What is no string only marks its event.
    pub(super) fn lane(&mut self, id: usize, lane: LaneId) {
        self.lanes.push((id, lane));
    }

    fn media_from(&mut self, id: usize, from: usize) {
        if self.json.kind(id) != Kind::String {
            return;
        }
        if let (Some(mark), Ok(from)) = (self.marks.get_mut(id), u32::try_from(from)) {
            mark.value = ValueMark::Media(from);
        }
    }

    /// Notes a call of a function. `arguments` is the value that holds them: a string of JSON, or the JSON itself.
    pub(super) fn call(&mut self, name: Option<String>, arguments: Option<usize>) {
        let form = match arguments {
            Some(id) if self.json.kind(id) != Kind::String => CallForm::Json(self.json.span(id)),
            Some(_) | None => CallForm::JsonText,
        };
        self.call_of(form, name, arguments);
    }

    /// Notes a call of this form.
    pub(super) fn call_of(&mut self, form: CallForm, name: Option<String>, arguments: Option<usize>) {
        let Some(name) = name else { return };
        let arguments = arguments.map_or(0..0, |id| id..self.json.after(id));
        self.calls.push(CallMark { name, arguments, form });
    }

    /// Notes the name of a declared tool.
    pub(super) fn declare(&mut self, name: impl Into<String>) {
        self.declared_tools.push(Untrusted::new(name.into()));
    }

    /// From this node on, segments belong to `group`.
    pub(super) fn group_from(&mut self, id: usize, group: u32) {
        debug_assert!(self.groups.last().is_none_or(|(last, _)| *last <= id), "groups are named in the body's order");
        self.groups.push((id, group));
    }

    /// From this node on, segments belong to a group of their own (requests number their groups in order).
    pub(super) fn new_group(&mut self, id: usize) {
        let next = u32::try_from(self.groups.len()).unwrap_or(u32::MAX).saturating_add(1);
        self.group_from(id, next);
    }

    /// Requests have one channel. In answers the model itself makes its calls, and the channel tells them apart.
    fn said(&self, origin: Origin, channel: Channel) -> (Origin, Channel) {
        match (self.direction, origin) {
            (Direction::Request, _) => (origin, Channel::Content),
            (Direction::Response, Origin::ToolCall) => (Origin::Assistant, channel),
            (Direction::Response, _) => (origin, channel),
        }
    }

    /// Turns the marks into segments, in the order of the body, and accounts every byte.
    pub(super) fn sweep(mut self) -> Swept {
        let mut sweep = Sweep {
            json: self.json,
            segments: Vec::with_capacity(self.json.len().min(1024)),
            media: self.references,
            inspected: 0,
            media_bytes: self.opaque.iter().map(|range| range.len() as u64).sum(),
            group: 0,
        };
        sweep.media.append(&mut self.opaque);
        let mut groups = self.groups.iter().peekable();
        for (id, mark) in self.marks.iter_mut().enumerate() {
            while let Some((_, group)) = groups.next_if(|(from, _)| *from <= id) {
                sweep.group = *group;
            }
            mark.segments_before = u32::try_from(sweep.segments.len()).unwrap_or(u32::MAX);
            sweep.key(id, mark.key, self.unnamed_kind);
            sweep.value(id, mark.value, self.unnamed_kind);
        }
        let total = sweep.segments.len();
        let before = |node: usize| self.marks.get(node).map_or(total, |mark| mark.segments_before as usize);
        let tool_calls = self.calls.into_iter().map(|call| ToolCall {
            name: Untrusted::new(call.name),
            arguments: (before(call.arguments.start)..before(call.arguments.end)).collect(),
            form: call.form,
        });
        let tool_calls = tool_calls.collect();
        let pieces = self.lanes.iter().map(|(node, lane)| {
            // The value's segment is the last before the next node's.
            let last = before(node.saturating_add(1)).checked_sub(1);
            let span = self.json.span(*node);
            let held = last.filter(|last| sweep.segments.get(*last).is_some_and(|segment| segment.raw == span));
            LanePiece { lane: *lane, segment: held.filter(|_| self.json.kind(*node) == Kind::String) }
        });
        let pieces = pieces.collect();
        let definitions = self.definitions.into_iter().map(|mark| mark.settle(self.json, before)).collect();
        let length = self.json.body().len() as u64;
        let structure = length.saturating_sub(sweep.inspected).saturating_sub(sweep.media_bytes);
        sweep.media.sort_by_key(|range| range.start);
        Swept {
            segments: sweep.segments,
            media: sweep.media,
            echoes: self.echoes,
            pieces,
            tool_calls,
            declared_tools: self.declared_tools,
            definitions,
            coverage: Coverage { inspected: sweep.inspected, structure, media: sweep.media_bytes },
        }
    }
}

/// The one pass that makes segments.
struct Sweep<'a> {
    json: &'a Json<'a>,
    segments: Vec<Segment>,
    media: Vec<Range<usize>>,
    inspected: u64,
    media_bytes: u64,
    group: u32,
}

impl Sweep<'_> {
    fn key(&mut self, id: usize, mark: KeyMark, unnamed_kind: TextKind) {
        let (origin, channel, kind) = match mark {
            KeyMark::Known => return,
            KeyMark::Unnamed => (Origin::Unknown, Channel::Content, unnamed_kind),
            KeyMark::Text(origin, channel) => (origin, channel, TextKind::Prose),
        };
        if let Some(span) = self.json.key_span(id) {
            self.segment(span, self.json.is_key_escaped(id), origin, channel, kind);
        }
    }

    fn value(&mut self, id: usize, mark: ValueMark, unnamed_kind: TextKind) {
        if self.json.kind(id) != Kind::String {
            return;
        }
        let (span, escaped) = (self.json.span(id), self.json.is_escaped(id));
        match mark {
            ValueMark::Word => {}
            ValueMark::Unnamed => self.segment(span, escaped, Origin::Unknown, Channel::Content, unnamed_kind),
            ValueMark::Text(origin, channel, kind) => self.segment(span, escaped, origin, channel, kind),
            ValueMark::Media(from) => {
                let border = span.start.saturating_add(from as usize).min(span.end);
                self.segment(span.start..border, escaped, Origin::Unknown, Channel::Content, unnamed_kind);
                self.media_bytes = self.media_bytes.saturating_add((span.end - border) as u64);
                self.media.push(border..span.end);
            }
        }
    }

    fn segment(&mut self, raw: Range<usize>, escaped: bool, origin: Origin, channel: Channel, kind: TextKind) {
        if raw.is_empty() {
            return;
        }
        self.inspected = self.inspected.saturating_add(raw.len() as u64);
        let (unescaped, map) = if escaped {
            let (text, map) = unescape(self.json.body().get(raw.clone()).unwrap_or(""), raw.start);
            (Some(text), map)
        } else {
            (None, OffsetMap::identity(raw.start))
        };
        self.segments.push(Segment { origin, channel, kind, raw, unescaped, map, message: self.group });
    }
}
