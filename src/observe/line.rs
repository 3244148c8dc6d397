//! Writes a record as one line of JSON. It does what `serde_json` does with a formatter of ours, in a third of the
//! instructions: names of fields are our own and need no look, and most texts are printable ASCII and are copied at once.
//!
//! It must never let a character through that [`super::json`] calls hidden, and never write what is not JSON. Source:
//! RFC 8259.

use super::json::write_visibly;
use serde::ser::{self, Impossible, Serialize, Serializer};
use std::fmt::Display;

/// A line under way.
pub(super) struct Line {
    out: Vec<u8>,
}

/// The value cannot stand in a record's line. The types of a record never cause it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NotWritable(String);

impl ser::Error for NotWritable {
    fn custom<T: Display>(reason: T) -> Self {
        Self(reason.to_string())
    }
}

impl Line {
    /// An empty line with room for `bytes`.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { out: Vec::with_capacity(bytes) }
    }

    /// The line, if it is text: it always is.
    pub(super) fn finish(self) -> Result<String, NotWritable> {
        String::from_utf8(self.out).map_err(|_| NotWritable("not UTF-8".to_owned()))
    }

    fn text(&mut self, text: &str) {
        self.out.push(b'"');
        if text.bytes().all(is_plain) {
            self.out.extend_from_slice(text.as_bytes());
        } else {
            self.escaped(text);
        }
        self.out.push(b'"');
    }

    fn escaped(&mut self, text: &str) {
        for char in text.chars() {
            match char {
                '"' => self.out.extend_from_slice(br#"\""#),
                '\\' => self.out.extend_from_slice(br"\\"),
                '\n' => self.out.extend_from_slice(br"\n"),
                '\r' => self.out.extend_from_slice(br"\r"),
                '\t' => self.out.extend_from_slice(br"\t"),
                _ => write_visibly(&mut self.out, char),
            }
        }
    }

    fn number(&mut self, mut value: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        for place in digits.iter_mut().rev() {
            *place = b'0' + u8::try_from(value % 10).unwrap_or(0);
            at -= 1;
            value /= 10;
            if value == 0 {
                break;
            }
        }
        self.out.extend_from_slice(digits.get(at..).unwrap_or(b"0"));
    }
}

/// Printable ASCII that stands for itself in JSON.
fn is_plain(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7E) && byte != b'"' && byte != b'\\'
}

/// The members of an object or the elements of an array.
pub(super) struct Members<'a> {
    line: &'a mut Line,
    is_first: bool,
    end: u8,
}

impl<'a> Members<'a> {
    fn begin(line: &'a mut Line, begin: u8, end: u8) -> Self {
        line.out.push(begin);
        Self { line, is_first: true, end }
    }

    fn next(&mut self) {
        if !std::mem::replace(&mut self.is_first, false) {
            self.line.out.push(b',');
        }
    }

    fn close(self) {
        self.line.out.push(self.end);
    }
}

impl ser::SerializeStruct for Members<'_> {
    type Ok = ();
    type Error = NotWritable;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, key: &'static str, value: &T) -> Result<(), NotWritable> {
        self.next();
        // Names of fields are plain: they are Rust's, or ours.
        debug_assert!(key.bytes().all(is_plain));
        self.line.out.push(b'"');
        self.line.out.extend_from_slice(key.as_bytes());
        self.line.out.extend_from_slice(b"\":");
        value.serialize(&mut *self.line)
    }

    fn end(self) -> Result<(), NotWritable> {
        self.close();
        Ok(())
    }
}

/// Arrays, tuples: one element after the other.
macro_rules! elements {
    ($($name:ident $method:ident),+) => {$(
        impl ser::$name for Members<'_> {
            type Ok = ();
            type Error = NotWritable;

            fn $method<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), NotWritable> {
                self.next();
                value.serialize(&mut *self.line)
            }

            fn end(self) -> Result<(), NotWritable> {
                self.close();
                Ok(())
            }
        }
    )+};
}

elements!(SerializeSeq serialize_element, SerializeTuple serialize_element, SerializeTupleStruct serialize_field);

/// Whole numbers that fit `u64`.
macro_rules! numbers {
    ($($method:ident $number:ty),+) => {$(
        fn $method(self, value: $number) -> Result<(), NotWritable> {
            self.number(u64::from(value));
            Ok(())
        }
    )+};
}

/// Forms that no record has.
macro_rules! refused {
    ($($method:ident($($argument:ty),*) -> $result:ty),+ $(,)?) => {$(
        fn $method(self, $(_: $argument),*) -> Result<$result, NotWritable> {
            Err(NotWritable(concat!("no record has this form: ", stringify!($method)).to_owned()))
        }
    )+};
}

impl<'a> Serializer for &'a mut Line {
    type Ok = ();
    type Error = NotWritable;
    type SerializeSeq = Members<'a>;
    type SerializeTuple = Members<'a>;
    type SerializeTupleStruct = Members<'a>;
    type SerializeTupleVariant = Impossible<(), NotWritable>;
    type SerializeMap = Impossible<(), NotWritable>;
    type SerializeStruct = Members<'a>;
    type SerializeStructVariant = Impossible<(), NotWritable>;

    numbers!(serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64);

    refused!(
        serialize_i8(i8) -> (),
        serialize_i16(i16) -> (),
        serialize_i32(i32) -> (),
        serialize_i64(i64) -> (),
        serialize_bytes(&[u8]) -> (),
        serialize_map(Option<usize>) -> Self::SerializeMap,
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant,
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant,
    );

    fn serialize_bool(self, value: bool) -> Result<(), NotWritable> {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), NotWritable> {
        self.serialize_f64(f64::from(value))
    }

    fn serialize_f64(self, value: f64) -> Result<(), NotWritable> {
        serde_json::to_writer(&mut self.out, &value).map_err(ser::Error::custom)
    }

    fn serialize_char(self, value: char) -> Result<(), NotWritable> {
        self.text(value.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    fn serialize_str(self, text: &str) -> Result<(), NotWritable> {
        self.text(text);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), NotWritable> {
        self.serialize_unit()
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<(), NotWritable> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), NotWritable> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), NotWritable> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), NotWritable> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(self, _: &'static str, value: &T) -> Result<(), NotWritable> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), NotWritable> {
        Err(NotWritable("no record has this form: newtype variant".to_owned()))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Members<'a>, NotWritable> {
        Ok(Members::begin(self, b'[', b']'))
    }

    fn serialize_tuple(self, _: usize) -> Result<Members<'a>, NotWritable> {
        Ok(Members::begin(self, b'[', b']'))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Members<'a>, NotWritable> {
        Ok(Members::begin(self, b'[', b']'))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Members<'a>, NotWritable> {
        Ok(Members::begin(self, b'{', b'}'))
    }
}
