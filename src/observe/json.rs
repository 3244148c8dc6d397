//! How a record becomes one line of JSON. The only place where the words of `model` meet serde, so that `model` needs none.
//!
//! It must never let through a character that moves the cursor, ends the line, or changes the direction in which a
//! terminal or an editor shows the rest (THREATS 50). Source: RFC 8259 §7; Unicode 16 §23.2 and UTR 36 §2.

use super::line::{Line, NotWritable};
use crate::model::{
    Action, Category, ClientId, Dialect, Endpoint, Mode, ModelName, Origin, Outcome, PolicyId, RequestId, RouteId,
    RuleId, UpstreamId,
};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// Writes a value as JSON on one line, without a line break at its end.
///
/// # Errors
///
/// When a value cannot be written as JSON; none of the types in this module's parent can cause that.
pub(super) fn to_line<T: Serialize>(value: &T) -> Result<String, NotWritable> {
    let mut line = Line::with_capacity(2048);
    value.serialize(&mut line)?;
    line.finish()
}

/// Appends a character, as an escape where it is not plainly visible.
pub(super) fn write_visibly(out: &mut Vec<u8>, char: char) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    if !is_hidden(char) {
        out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        return;
    }
    for unit in char.encode_utf16(&mut [0; 2]) {
        out.extend_from_slice(b"\\u");
        for shift in [12, 8, 4, 0] {
            out.push(DIGITS.get(usize::from(*unit >> shift & 15)).copied().unwrap_or(b'0'));
        }
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
