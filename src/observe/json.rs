//! How a record becomes one line of JSON. The only place where the words of `model` meet serde, so that `model` needs none.
//!
//! It must never let through a character that moves the cursor, ends the line, or changes the direction in which a
//! terminal or an editor shows the rest (THREATS 50). Source: RFC 8259 §7; Unicode 16 §23.2 and UTR 36 §2.

use crate::model::{
    Action, Category, ClientId, Dialect, Endpoint, Mode, ModelName, Origin, Outcome, PolicyId, RequestId, RouteId,
    RuleId, UpstreamId,
};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use serde_json::ser::Formatter;
use std::io;

/// Writes a value as JSON on one line, without a line break at its end.
///
/// # Errors
///
/// When a value cannot be written as JSON; none of the types in this module's parent can cause that.
pub(super) fn to_line<T: Serialize>(value: &T) -> serde_json::Result<String> {
    let mut line = Vec::with_capacity(1024);
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut line, Visible))?;
    String::from_utf8(line).map_err(|error| serde_json::Error::io(io::Error::other(error)))
}

/// Compact JSON in which every character that is not plainly visible is escaped. serde_json itself escapes quotes,
/// backslashes and U+0000–001F before a fragment gets here.
struct Visible;

impl Formatter for Visible {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        // Most strings are ASCII; DEL is the only hidden character there.
        if fragment.is_ascii() && !fragment.as_bytes().contains(&0x7F) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some((at, hidden)) = rest.char_indices().find(|(_, char)| is_hidden(*char)) {
            let (shown, tail) = rest.split_at(at);
            writer.write_all(shown.as_bytes())?;
            for unit in hidden.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = tail.get(hidden.len_utf8()..).unwrap_or("");
        }
        writer.write_all(rest.as_bytes())
    }
}

/// Characters that a reader cannot see, or that change what a reader sees.
fn is_hidden(char: char) -> bool {
    matches!(char,
        '\u{00}'..='\u{1F}'
        | '\u{7F}'..='\u{9F}'
        | '\u{AD}'
        | '\u{034F}'
        | '\u{061C}'
        | '\u{115F}'..='\u{1160}'
        | '\u{17B4}'..='\u{17B5}'
        | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}'
        | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}'
        | '\u{FEFF}'
        | '\u{FFA0}'
        | '\u{FFF9}'..='\u{FFFB}'
        | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E0FFF}')
}

/// Writes ids as their text.
macro_rules! by_text {
    ($($name:ident),+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    )+};
}

/// Writes members of closed sets as their names.
macro_rules! by_name {
    ($($name:ident),+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }
    )+};
}

by_text!(RequestId, RouteId, UpstreamId, ClientId, PolicyId, RuleId, ModelName);
by_name!(Action, Mode, Endpoint, Dialect, Category, Origin);

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Outcome", 2)?;
        fields.serialize_field("cause", self.cause.name())?;
        fields.serialize_field("stage", self.stage.name())?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hidden_characters_are_escaped_and_visible_ones_are_not() {
        let line = to_line(&"a\r\n\u{1b}[2J\u{7f}\u{85}\u{202e}b\u{2066}\u{2028}é\u{e0041}\"").unwrap();
        assert_eq!(line, r#""a\r\n\u001b[2J\u007f\u0085\u202eb\u2066\u2028é\udb40\udc41\"""#);
    }

    proptest! {
        #[test]
        fn any_text_is_one_line_that_reads_back_the_same(text in any::<String>()) {
            let line = to_line(&text).unwrap();
            prop_assert!(!line.chars().any(is_hidden));
            prop_assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
        }
    }
}
