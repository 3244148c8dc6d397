//! The one pass over a JSON text. A loop with an explicit stack of open containers: nothing here recurses, so that
//! nesting costs a limit, not the process's stack.

use super::keys::refuse_equal_keys;
use super::{JsonFault, JsonFaultKind, JsonLimits, Kind, MAX_DEPTH, MAX_ESCAPES, Node};

/// A string as scanned: what stands between its quotes, and whether it holds escapes.
#[derive(Clone, Copy)]
struct Quoted {
    start: u32,
    end: u32,
    escaped: bool,
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    /// Containers that are not closed yet, outermost first.
    open: Vec<usize>,
    depth_limit: usize,
    node_limit: usize,
    escapes: usize,
}

/// Scans a text into nodes in its own order.
pub(super) fn scan(bytes: &[u8], limits: JsonLimits) -> Result<Vec<Node>, JsonFault> {
    if u32::try_from(bytes.len()).is_err() {
        return Err(JsonFault { kind: JsonFaultKind::TooLong, offset: 0 });
    }
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return Err(JsonFault { kind: JsonFaultKind::ByteOrderMark, offset: 0 });
    }
    let mut scanner = Scanner {
        bytes,
        at: 0,
        // A guess that fits chat bodies (one value in some hundred bytes); it grows where a body is denser.
        nodes: Vec::with_capacity((bytes.len() / 64).clamp(32, 4096)),
        open: Vec::with_capacity(16),
        depth_limit: limits.depth.min(MAX_DEPTH),
        node_limit: limits.nodes,
        escapes: 0,
    };
    scanner.document()?;
    Ok(scanner.nodes)
}

impl Scanner<'_> {
    fn document(&mut self) -> Result<(), JsonFault> {
        self.skip_space();
        self.value(None)?;
        while let Some(&container) = self.open.last() {
            self.step(container)?;
        }
        self.skip_space();
        if self.at < self.bytes.len() {
            return Err(self.fault(JsonFaultKind::TrailingBytes));
        }
        Ok(())
    }

    /// One step inside the innermost open container: its end, or its next value.
    fn step(&mut self, container: usize) -> Result<(), JsonFault> {
        let is_object = self.nodes.get(container).is_some_and(|node| node.kind == Kind::Object);
        let is_first = self.nodes.len() == container.saturating_add(1);
        self.skip_space();
        let byte = self.peek()?;
        if byte == if is_object { b'}' } else { b']' } {
            self.at += 1;
            return self.close(container, is_object);
        }
        if !is_first {
            self.expect(b',')?;
            self.skip_space();
        }
        if !is_object {
            return self.value(None);
        }
        self.expect(b'"')?;
        let key = self.string()?;
        self.skip_space();
        self.expect(b':')?;
        self.skip_space();
        self.value(Some(key))
    }

    fn close(&mut self, container: usize, is_object: bool) -> Result<(), JsonFault> {
        self.open.pop();
        let (end, after) = (offset(self.at), offset(self.nodes.len()));
        if let Some(node) = self.nodes.get_mut(container) {
            node.end = end;
            node.after = after;
        }
        if is_object { refuse_equal_keys(self.bytes, &self.nodes, container) } else { Ok(()) }
    }

    fn value(&mut self, key: Option<Quoted>) -> Result<(), JsonFault> {
        let start = self.at;
        match self.peek()? {
            b'"' => {
                self.at += 1;
                let text = self.string()?;
                self.push(Kind::String, key, text.start as usize, text.end as usize, text.escaped)
            }
            byte @ (b'{' | b'[') => {
                if self.open.len() >= self.depth_limit {
                    return Err(self.fault(JsonFaultKind::TooDeep));
                }
                self.at += 1;
                self.open.push(self.nodes.len());
                let kind = if byte == b'{' { Kind::Object } else { Kind::Array };
                self.push(kind, key, start, start, false)
            }
            b'-' | b'0'..=b'9' => {
                self.number()?;
                self.push(Kind::Number, key, start, self.at, false)
            }
            b't' => self.literal(b"true", Kind::True, key),
            b'f' => self.literal(b"false", Kind::False, key),
            b'n' => self.literal(b"null", Kind::Null, key),
            _ => Err(self.fault(JsonFaultKind::UnexpectedByte)),
        }
    }

    fn push(
        &mut self,
        kind: Kind,
        key: Option<Quoted>,
        start: usize,
        end: usize,
        escaped: bool,
    ) -> Result<(), JsonFault> {
        if self.nodes.len() >= self.node_limit {
            return Err(JsonFault { kind: JsonFaultKind::TooManyValues, offset: start });
        }
        self.nodes.push(Node {
            kind,
            escaped,
            keyed: key.is_some(),
            key_escaped: key.is_some_and(|key| key.escaped),
            start: offset(start),
            end: offset(end),
            key_start: key.map_or(0, |key| key.start),
            key_end: key.map_or(0, |key| key.end),
            after: offset(self.nodes.len() + 1),
        });
        Ok(())
    }

    fn literal(&mut self, word: &'static [u8], kind: Kind, key: Option<Quoted>) -> Result<(), JsonFault> {
        let start = self.at;
        if !self.rest().starts_with(word) {
            return Err(self.fault(JsonFaultKind::BadLiteral));
        }
        self.at += word.len();
        self.push(kind, key, start, self.at, false)
    }

    /// A number by the grammar of RFC 8259 §6. Its value matters only where it might not fit a double.
    fn number(&mut self) -> Result<(), JsonFault> {
        let start = self.at;
        let bad = JsonFault { kind: JsonFaultKind::BadNumber, offset: start };
        if self.bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        let leads_with_zero = self.bytes.get(self.at) == Some(&b'0');
        let digits = self.digits();
        if digits == 0 || (leads_with_zero && digits > 1) {
            return Err(bad);
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(bad);
            }
        }
        let has_exponent = matches!(self.bytes.get(self.at), Some(b'e' | b'E'));
        if has_exponent {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(bad);
            }
        }
        if (has_exponent || digits > 300) && !self.is_finite(start) {
            return Err(JsonFault { kind: JsonFaultKind::NumberOutOfRange, offset: start });
        }
        Ok(())
    }

    fn is_finite(&self, start: usize) -> bool {
        let digits = self.bytes.get(start..self.at).and_then(|bytes| std::str::from_utf8(bytes).ok());
        digits.and_then(|digits| digits.parse::<f64>().ok()).is_some_and(f64::is_finite)
    }

    /// Skips digits and says how many there were.
    fn digits(&mut self) -> usize {
        let count = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }

    /// The rest of a string, the opening quote being behind.
    fn string(&mut self) -> Result<Quoted, JsonFault> {
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at += plain_run(self.rest());
            match self.peek()? {
                b'"' => {
                    let end = self.at;
                    self.at += 1;
                    return Ok(Quoted { start: offset(start), end: offset(end), escaped });
                }
                b'\\' => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return Err(self.fault(JsonFaultKind::ControlCharacter)),
            }
        }
    }

    /// One escape; a surrogate pair is one escape.
    fn escape(&mut self) -> Result<(), JsonFault> {
        self.escapes += 1;
        if self.escapes > MAX_ESCAPES {
            return Err(self.fault(JsonFaultKind::TooManyEscapes));
        }
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => self.unicode_escape(),
            Some(_) => Err(self.fault(JsonFaultKind::BadEscape)),
            None => Err(self.fault(JsonFaultKind::UnexpectedEnd)),
        }
    }

    fn unicode_escape(&mut self) -> Result<(), JsonFault> {
        match self.code_unit(self.at) {
            None => Err(self.fault(JsonFaultKind::BadEscape)),
            Some(0xD800..=0xDBFF) => match self.code_unit(self.at + 6) {
                Some(0xDC00..=0xDFFF) => {
                    self.at += 12;
                    Ok(())
                }
                _ => Err(self.fault(JsonFaultKind::LoneSurrogate)),
            },
            Some(0xDC00..=0xDFFF) => Err(self.fault(JsonFaultKind::LoneSurrogate)),
            Some(_) => {
                self.at += 6;
                Ok(())
            }
        }
    }

    /// The value of `\uXXXX` at `at`, where that stands there.
    fn code_unit(&self, at: usize) -> Option<u32> {
        let digits = self.bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |value, byte| Some(value * 16 + char::from(*byte).to_digit(16)?))
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonFault> {
        if self.peek()? != byte {
            return Err(self.fault(JsonFaultKind::UnexpectedByte));
        }
        self.at += 1;
        Ok(())
    }

    fn peek(&self) -> Result<u8, JsonFault> {
        self.bytes.get(self.at).copied().ok_or_else(|| self.fault(JsonFaultKind::UnexpectedEnd))
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or(&[])
    }

    fn fault(&self, kind: JsonFaultKind) -> JsonFault {
        JsonFault { kind, offset: self.at }
    }
}

/// Offsets fit, because longer texts were refused at the door.
fn offset(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Whether a byte ends a run of plain string content.
fn stops(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// How many bytes at the start need no thought. Blocks of 32 without an early exit become vector instructions.
fn plain_run(bytes: &[u8]) -> usize {
    let (blocks, _) = bytes.as_chunks::<32>();
    let clean = blocks.iter().take_while(|block| !block.iter().fold(false, |any, byte| any | stops(*byte))).count();
    let mut skipped = clean * 32;
    let (words, rest) = bytes.get(skipped..).unwrap_or(&[]).as_chunks::<8>();
    for word in words {
        if let Some(at) = first_stop(u64::from_le_bytes(*word)) {
            return skipped + at;
        }
        skipped += 8;
    }
    skipped + rest.iter().take_while(|byte| !stops(**byte)).count()
}

/// The first of eight bytes, the lowest first, that ends a run. Subtracting from all bytes at once borrows only from bytes
/// above one that stops itself, so that the lowest mark is always true.
fn first_stop(word: u64) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES.wrapping_mul(bound)) & !word & HIGH;
    let equal = |byte: u8| below(word ^ ONES.wrapping_mul(u64::from(byte)), 1);
    let marks = below(word, 0x20) | equal(b'"') | equal(b'\\');
    (marks != 0).then(|| marks.trailing_zeros() as usize / 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn run_of_plain_bytes_ends_where_a_look_at_each_byte_says(
            bytes in prop::collection::vec(prop_oneof![8 => any::<u8>(), 1 => Just(b'"'), 1 => Just(b'\\')], 0..100),
            plain in 0..90_usize,
        ) {
            let bytes = [vec![b'a'; plain], bytes].concat();
            let expected = bytes.iter().take_while(|byte| !stops(**byte)).count();
            prop_assert_eq!(plain_run(&bytes), expected);
        }
    }

    #[test]
    fn every_byte_in_every_place_of_a_word_is_judged_alike() {
        for place in 0..8 {
            for byte in 0..=u8::MAX {
                let mut word = *b"\x80z\x7f \xff!#]";
                word[place] = byte;
                assert_eq!(first_stop(u64::from_le_bytes(word)), stops(byte).then_some(place), "{byte} at {place}");
            }
        }
    }
}
