//! Small readers over the tree. A reader that finds a fault writes it down and goes on; it never stops the others. What it
//! returns then is `None`, and the load as a whole fails, so that no default stands in for a mistake.

use super::faults::{self, Fault, Place, printable};
use super::references::{Resolved, Resolver};
use super::source::{Source, looks_secret};
use super::tree::{Entry, Node, Scalar, Value};
use super::units::{self, UnitError};
use std::ops::RangeInclusive;
use std::time::Duration;

/// Longest value that a message quotes, in characters.
const MAX_QUOTED_CHARS: usize = 60;

/// Reads one file's tree and collects its faults.
pub(super) struct Reader<'a> {
    pub source: &'a Source,
    /// `None` where references are plain text: in policies and packs.
    resolver: Option<&'a Resolver<'a>>,
    pub faults: Vec<Fault>,
}

/// The fields of a mapping. [`Fields::finish`] reports the keys that nobody asked for.
pub(super) struct Fields<'n> {
    entries: &'n [Entry],
    place: Place,
    taken: Vec<bool>,
    known: Vec<&'static str>,
}

/// What a plain scalar is in YAML 1.2, and what older readers make of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Plain {
    Null,
    Bool(bool),
    Number,
    /// `no`, `off`, …: a boolean in YAML 1.1, text in 1.2.
    Trap,
    Text,
}

impl<'a> Reader<'a> {
    pub fn new(source: &'a Source, resolver: Option<&'a Resolver<'a>>) -> Self {
        Self { source, resolver, faults: Vec::new() }
    }

    pub fn fault(&mut self, place: Place, message: impl Into<String>) {
        faults::collect(&mut self.faults, Fault::at(&self.source.path, place, message.into()));
    }

    pub fn fault_with_help(&mut self, place: Place, message: impl Into<String>, help: impl Into<String>) {
        let mut fault = Fault::at(&self.source.path, place, message.into());
        fault.help = Some(help.into());
        faults::collect(&mut self.faults, fault);
    }

    /// The fields of a mapping.
    pub fn map<'n>(&mut self, node: &'n Node, what: &str) -> Option<Fields<'n>> {
        match &node.value {
            Value::Map(entries) => {
                Some(Fields { entries, place: node.place, taken: vec![false; entries.len()], known: Vec::new() })
            }
            _ => self.wrong_type(node, &format!("{what} must be a mapping (`key: value`)")),
        }
    }

    /// The entries of a mapping whose keys are names that the operator chose.
    pub fn entries<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Entry] {
        match &node.value {
            Value::Map(entries) => entries,
            _ => self.wrong_type(node, &format!("{what} must be a mapping (`name: …`)")).unwrap_or_default(),
        }
    }

    /// The items of a list; at least one.
    pub fn list<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        let items = self.list_or_empty(node, what);
        if items.is_empty() && matches!(node.value, Value::List(_)) {
            self.fault(node.place, format!("{what} must not be empty"));
        }
        items
    }

    /// The items of a list that may be empty.
    pub fn list_or_empty<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match &node.value {
            Value::List(nodes) => nodes,
            _ => self
                .wrong_type(node, &format!("{what} must be a list (`[a, b]` or lines with `- `)"))
                .unwrap_or_default(),
        }
    }

    /// The items of a list, or one value standing for a list of one.
    pub fn one_or_list<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match &node.value {
            Value::List(_) => self.list(node, what),
            Value::Broken => &[],
            _ => std::slice::from_ref(node),
        }
    }

    /// Text with its references replaced. Numbers, booleans and what other readers take for booleans must be quoted.
    pub fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        match self.optional_text(node, what)? {
            Some(text) => Some(text),
            None => {
                let help = "write `${env:NAME}` without the question mark: only `api_key` may be left unset";
                self.fault_with_help(node.place, format!("{what} must be set"), help);
                None
            }
        }
    }

    /// Text; the inner `None` is `${env:NAME?}` with NAME unset.
    pub fn optional_text(&mut self, node: &Node, what: &str) -> Option<Option<String>> {
        let scalar = self.scalar(node, &format!("{what} must be text"))?;
        let trap = match plain_kind(scalar) {
            Plain::Text => None,
            Plain::Null => {
                self.fault(node.place, format!("{what} is empty; it must be text"));
                return None;
            }
            Plain::Number => Some("a number"),
            Plain::Bool(_) => Some("a boolean"),
            Plain::Trap => Some("a boolean to many YAML readers"),
        };
        if let Some(trap) = trap {
            let message = format!("{what} must be text, but {} without quotes is {trap}", self.shown(node));
            self.fault_with_help(node.place, message, format!("write it in quotes: \"{}\"", clipped(&scalar.text)));
            return None;
        }
        let Some(resolver) = self.resolver else { return Some(Some(scalar.text.clone())) };
        match resolver.resolve(&scalar.text) {
            Ok(Resolved::AsWritten) => Some(Some(scalar.text.clone())),
            Ok(Resolved::Text(text)) => Some(Some(text)),
            Ok(Resolved::NotSet) => Some(None),
            Err(error) => {
                let help = "references are ${env:NAME} and ${file:/absolute/path}; `api_key` also takes ${env:NAME?}";
                self.fault_with_help(node.place, error.to_string(), help);
                None
            }
        }
    }

    /// The letters of a scalar, whatever YAML takes them for; for values that may be all digits.
    pub fn letters(&mut self, node: &Node, what: &str) -> Option<String> {
        let scalar = self.scalar(node, &format!("{what} must be text"))?;
        if matches!(plain_kind(scalar), Plain::Number) { Some(scalar.text.clone()) } else { self.text(node, what) }
    }

    /// A name: it stands in records and metric labels.
    pub fn name(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = self.text(node, what)?;
        self.check_name(&text, node.place, what).then_some(text)
    }

    /// Whether a text can be a name; a fault where not.
    pub fn check_name(&mut self, text: &str, place: Place, what: &str) -> bool {
        let fits = text.len() <= 80
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
            && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if !fits {
            let help = "names have 1 to 80 letters, digits, `-`, `_` and `.`, and begin with a letter or digit";
            self.fault_with_help(place, format!("{what} cannot be a name"), help);
        }
        fits
    }

    /// A whole number within a range.
    pub fn integer(&mut self, node: &Node, what: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let wanted = format!("{what} must be a whole number from {} to {}", range.start(), range.end());
        let scalar = self.scalar(node, &wanted)?;
        match scalar.text.parse::<u64>().ok().filter(|number| scalar.plain && range.contains(number)) {
            Some(number) => Some(number),
            None => self.wrong_type(node, &wanted),
        }
    }

    /// A number from 0 to 1.
    pub fn share(&mut self, node: &Node, what: &str) -> Option<f64> {
        let wanted = format!("{what} must be a number from 0 to 1");
        let scalar = self.scalar(node, &wanted)?;
        let is_decimal = scalar.plain && scalar.text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        match scalar.text.parse::<f64>().ok().filter(|number| is_decimal && (0.0..=1.0).contains(number)) {
            Some(number) => Some(number),
            None => self.wrong_type(node, &wanted),
        }
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        let wanted = format!("{what} must be true or false");
        match plain_kind(self.scalar(node, &wanted)?) {
            Plain::Bool(value) => Some(value),
            _ => self.wrong_type(node, &wanted),
        }
    }

    /// One word of a closed set.
    pub fn word<T: Copy>(&mut self, node: &Node, what: &str, words: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let scalar = self.scalar(node, &format!("{what} must be one of {}", names.join(", ")))?;
        if let Some((_, value)) = words.iter().find(|(name, _)| *name == scalar.text) {
            return Some(*value);
        }
        let message = format!("{what} cannot be {}", self.shown(node));
        let help = did_you_mean(&scalar.text, names.iter().copied())
            .unwrap_or_else(|| format!("it is one of {}", names.join(", ")));
        self.fault_with_help(node.place, message, help);
        None
    }

    /// A quantity with its unit.
    pub fn quantity<T>(&mut self, node: &Node, what: &str, parse: fn(&str) -> Result<T, UnitError>) -> Option<T> {
        // A bare number is the common slip; the unit's own hint serves it better than one about quotes.
        let text = self.letters(node, what)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                let message = format!("{what} cannot be {}", self.shown(node));
                self.fault_with_help(node.place, message, error.to_string());
                None
            }
        }
    }

    /// A duration within a range.
    pub fn duration(&mut self, node: &Node, what: &str, range: RangeInclusive<Duration>) -> Option<Duration> {
        let duration = self.quantity(node, what, units::duration)?;
        if range.contains(&duration) {
            return Some(duration);
        }
        let (least, most) = (units::show_duration(*range.start()), units::show_duration(*range.end()));
        self.fault(node.place, format!("{what} must be from {least} to {most}"));
        None
    }

    /// A size within a range of bytes.
    pub fn size(&mut self, node: &Node, what: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let size = self.quantity(node, what, units::bytes)?;
        if range.contains(&size) {
            return Some(size);
        }
        let (least, most) = (units::show_bytes(*range.start()), units::show_bytes(*range.end()));
        self.fault(node.place, format!("{what} must be from {least} to {most}"));
        None
    }

    /// A name that must be declared elsewhere.
    pub fn unknown(&mut self, node: &Node, what: &str, name: &str, declared: &[String]) {
        let message = format!("unknown {what} {}", quoted(name));
        let help = did_you_mean(name, declared.iter().map(String::as_str)).unwrap_or_else(|| match declared.len() {
            0 => format!("no {what} is defined"),
            1..=8 => format!("defined: {}", declared.join(", ")),
            count => format!("{count} are defined, and this is none of them"),
        });
        self.fault_with_help(node.place, message, help);
    }

    /// The value as written, quoted for a message; never what a reference leads to.
    pub fn shown(&self, node: &Node) -> String {
        match &node.value {
            Value::Scalar(scalar) => quoted(&scalar.text),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
            Value::Broken => "this".to_owned(),
        }
    }

    fn scalar<'n>(&mut self, node: &'n Node, wanted: &str) -> Option<&'n Scalar> {
        match &node.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => self.wrong_type(node, wanted),
        }
    }

    /// Reports a value of the wrong type; broken ones were reported when they were read.
    pub fn wrong_type<T>(&mut self, node: &Node, wanted: &str) -> Option<T> {
        match &node.value {
            Value::Broken => {}
            Value::Scalar(scalar) if plain_kind(scalar) == Plain::Null => {
                self.fault(node.place, format!("{wanted}, but nothing stands here"));
            }
            _ => self.fault(node.place, format!("{wanted}, not {}", self.shown(node))),
        }
        None
    }
}

impl<'n> Fields<'n> {
    /// Where the mapping stands.
    pub fn place(&self) -> Place {
        self.place
    }

    /// The value of a key, if it is written.
    pub fn get(&mut self, key: &'static str) -> Option<&'n Node> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        let index = self.entries.iter().position(|entry| entry.key == key)?;
        if let Some(taken) = self.taken.get_mut(index) {
            *taken = true;
        }
        self.entries.get(index).map(|entry| &entry.value)
    }

    /// Where a key stands.
    pub fn key_place(&self, key: &str) -> Place {
        self.entries.iter().find(|entry| entry.key == key).map_or(self.place, |entry| entry.key_place)
    }

    /// The value of a key that must be written.
    pub fn need(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Option<&'n Node> {
        let node = self.get(key);
        if node.is_none() {
            reader.fault(self.place, format!("`{key}` is missing"));
        }
        node
    }

    /// The value of a key, read; the default where it is not written.
    pub fn or<T>(&mut self, key: &'static str, default: T, read: impl FnOnce(&'n Node, &str) -> Option<T>) -> T {
        self.get(key).and_then(|node| read(node, &format!("`{key}`"))).unwrap_or(default)
    }

    /// Reports a key that has no meaning here although it has elsewhere.
    pub fn refuse(&mut self, reader: &mut Reader<'_>, key: &'static str, why: &str) {
        if self.get(key).is_some() {
            reader.fault(self.key_place(key), format!("`{key}` {why}"));
        }
    }

    /// Reports the keys that nobody asked for.
    pub fn finish(self, reader: &mut Reader<'_>) {
        for (entry, _) in self.entries.iter().zip(&self.taken).filter(|(_, taken)| !**taken) {
            if faults::is_full(&reader.faults) {
                return;
            }
            let message = format!("unknown key {}", quoted(&entry.key));
            let help = did_you_mean(&entry.key, self.known.iter().copied())
                .unwrap_or_else(|| format!("known here: {}", self.known.join(", ")));
            reader.fault_with_help(entry.key_place, message, help);
        }
    }
}

fn plain_kind(scalar: &Scalar) -> Plain {
    if !scalar.plain {
        return Plain::Text;
    }
    match scalar.text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => Plain::Null,
        "true" | "True" | "TRUE" => Plain::Bool(true),
        "false" | "False" | "FALSE" => Plain::Bool(false),
        text if ["yes", "no", "on", "off", "y", "n"].iter().any(|word| text.eq_ignore_ascii_case(word)) => Plain::Trap,
        text if is_number(text) => Plain::Number,
        _ => Plain::Text,
    }
}

/// Numbers of YAML 1.2's core schema.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let based = |prefix, radix| {
        unsigned
            .strip_prefix(prefix)
            .is_some_and(|digits: &str| !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix)))
    };
    let starts_numeric = unsigned.bytes().find(|byte| *byte != b'.').is_some_and(|byte| byte.is_ascii_digit());
    matches!(unsigned, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN")
        || based("0x", 16)
        || based("0o", 8)
        || (starts_numeric && unsigned.parse::<f64>().is_ok())
}

/// A short value in backticks; a long one, or one that looks like a credential, is not shown.
pub(super) fn quoted(text: &str) -> String {
    match text.chars().count() {
        _ if looks_secret(text) => "a value that is not shown here".to_owned(),
        0 => "an empty text".to_owned(),
        _ => format!("`{}`", clipped(text)),
    }
}

fn clipped(text: &str) -> String {
    let mut chars = text.chars();
    let start: String = chars.by_ref().take(MAX_QUOTED_CHARS).collect();
    let more = if chars.next().is_some() { "…" } else { "" };
    printable(&start) + more
}

/// A hint where a known word is near.
pub(super) fn did_you_mean<'k>(written: &str, known: impl Iterator<Item = &'k str>) -> Option<String> {
    if written.len() > 64 {
        return None;
    }
    let folded = written.to_ascii_lowercase().replace('-', "_");
    known
        .map(|word| (strsim::osa_distance(&folded, &word.to_ascii_lowercase().replace('-', "_")), word))
        .filter(|(distance, word)| *distance <= (word.len().max(written.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| format!("did you mean `{word}`?"))
}
