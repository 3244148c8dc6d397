//! Follows chunked framing (RFC 9112 §7.1) byte by byte, to know where a body ends and that nobody could read its
//! borders differently. It never changes or keeps a byte; hyper decodes the same bytes after it.

use super::fault::Fault;
use super::header_name::{classify, is_token_byte};

/// Bytes of one chunk's extension.
const MAX_EXTENSION_BYTES: u32 = 256;
/// Digits of a chunk's size: all that fit 64 bits.
const MAX_SIZE_DIGITS: u32 = 16;
/// Bytes of all trailers together.
const MAX_TRAILER_BYTES: u32 = 4096;
/// Framing that a body may have before it must be in proportion to the data: about 3,000 chunks of one byte.
const FREE_FRAMING_BYTES: u64 = 16 * 1024;
/// Longest trailer name that is looked at.
const MAX_TRAILER_NAME: usize = 64;

/// Where in the framing the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Size { digits: u32 },
    Extension { used: u32 },
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    LastLf,
    End,
}

/// The state of one chunked body.
#[derive(Debug)]
pub(super) struct Chunks {
    place: Place,
    size: u64,
    framing_bytes: u64,
    data_bytes: u64,
    trailer_bytes: u32,
    name: Vec<u8>,
}

impl Chunks {
    /// Before the first chunk.
    pub(super) fn new() -> Self {
        Self {
            place: Place::Size { digits: 0 },
            size: 0,
            framing_bytes: 0,
            data_bytes: 0,
            trailer_bytes: 0,
            name: Vec::new(),
        }
    }

    /// Whether the body's last byte was seen.
    pub(super) fn is_done(&self) -> bool {
        self.place == Place::End
    }

    /// How many of the next bytes are data for certain.
    pub(super) fn data_remaining(&self) -> u64 {
        if self.place == Place::Data { self.size } else { 0 }
    }

    /// Notes data that was passed on without being shown; at most [`Self::data_remaining`].
    pub(super) fn skip_data(&mut self, count: u64) {
        self.size = self.size.saturating_sub(count);
        self.data_bytes = self.data_bytes.saturating_add(count);
        if self.size == 0 {
            self.place = Place::DataCr;
        }
    }

    /// Follows the framing over `bytes` and says how many of them belong to this body.
    ///
    /// # Errors
    /// The rule that the framing breaks.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            match self.place {
                Place::End => break,
                Place::Data => {
                    let here = u64::try_from(bytes.len().saturating_sub(at)).unwrap_or(u64::MAX);
                    let take = here.min(self.size);
                    self.skip_data(take);
                    at = at.saturating_add(usize::try_from(take).unwrap_or(usize::MAX));
                }
                _ => {
                    self.step(*byte)?;
                    self.framing_bytes = self.framing_bytes.saturating_add(1);
                    at = at.saturating_add(1);
                }
            }
        }
        if self.framing_bytes > FREE_FRAMING_BYTES.saturating_add(self.data_bytes.saturating_mul(2)) {
            return Err(Fault::ChunkOverhead);
        }
        Ok(at)
    }

    fn step(&mut self, byte: u8) -> Result<(), Fault> {
        self.place = match (self.place, byte) {
            (Place::Size { digits }, _) if byte.is_ascii_hexdigit() => {
                if digits >= MAX_SIZE_DIGITS {
                    return Err(Fault::Chunk);
                }
                let digit = char::from(byte).to_digit(16).map_or(0, u64::from);
                self.size = (self.size << 4) | digit;
                Place::Size { digits: digits.saturating_add(1) }
            }
            (Place::Size { digits: 1.. }, b';') => Place::Extension { used: 1 },
            (Place::Size { digits: 1.. } | Place::Extension { .. }, b'\r') => Place::SizeLf,
            (Place::Extension { used }, _) if byte >= 0x20 && byte != 0x7f || byte == b'\t' => {
                if used >= MAX_EXTENSION_BYTES {
                    return Err(Fault::ChunkOverhead);
                }
                Place::Extension { used: used.saturating_add(1) }
            }
            (Place::SizeLf, b'\n') if self.size == 0 => Place::TrailerStart,
            (Place::SizeLf, b'\n') => Place::Data,
            (Place::DataCr, b'\r') => Place::DataLf,
            (Place::DataLf, b'\n') => {
                self.size = 0;
                Place::Size { digits: 0 }
            }
            (Place::TrailerStart, b'\r') => Place::LastLf,
            (Place::LastLf, b'\n') => Place::End,
            (Place::TrailerStart | Place::TrailerName | Place::TrailerValue | Place::TrailerLf, _) => {
                return self.step_trailer(byte);
            }
            _ => return Err(Fault::Chunk),
        };
        Ok(())
    }

    fn step_trailer(&mut self, byte: u8) -> Result<(), Fault> {
        self.trailer_bytes = self.trailer_bytes.saturating_add(1);
        if self.trailer_bytes > MAX_TRAILER_BYTES {
            return Err(Fault::Trailer);
        }
        self.place = match (self.place, byte) {
            (Place::TrailerStart | Place::TrailerName, _) if is_token_byte(byte) => {
                if self.name.len() >= MAX_TRAILER_NAME {
                    return Err(Fault::Trailer);
                }
                self.name.push(byte);
                Place::TrailerName
            }
            (Place::TrailerName, b':') => {
                // Credentials, lengths, hosts and the like mean something only in a head.
                if classify(&self.name).is_some() {
                    return Err(Fault::Trailer);
                }
                self.name.clear();
                Place::TrailerValue
            }
            (Place::TrailerValue, b'\r') => Place::TrailerLf,
            (Place::TrailerValue, _) if byte >= 0x20 && byte != 0x7f || byte == b'\t' => Place::TrailerValue,
            (Place::TrailerLf, b'\n') => Place::TrailerStart,
            _ => return Err(Fault::Trailer),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(bytes: &[u8]) -> Result<(usize, bool), Fault> {
        let mut chunks = Chunks::new();
        let used = chunks.advance(bytes)?;
        Ok((used, chunks.is_done()))
    }

    #[test]
    fn body_ends_where_its_last_chunk_ends() {
        let body = b"4\r\nWiki\r\n6;a=b\r\npedia \r\n0\r\nx-note: 1\r\n\r\n";
        let mut bytes = body.to_vec();
        bytes.extend_from_slice(b"GET / HTTP/1.1\r\n");
        assert_eq!(whole(&bytes), Ok((body.len(), true)));
    }

    #[test]
    fn ambiguous_chunk_framing_is_refused() {
        let long_extension = format!("4;{}\r\nWiki\r\n0\r\n\r\n", "x".repeat(300));
        for bad in [
            "4\nWiki\r\n0\r\n\r\n",
            "4\r\nWiki\n0\r\n\r\n",
            "4\r\nWikiX0\r\n\r\n",
            "0x4\r\nWiki\r\n0\r\n\r\n",
            "-4\r\nWiki\r\n0\r\n\r\n",
            "+4\r\nWiki\r\n0\r\n\r\n",
            " 4\r\nWiki\r\n0\r\n\r\n",
            "4 \r\nWiki\r\n0\r\n\r\n",
            "\r\nWiki\r\n0\r\n\r\n",
            ";a\r\nWiki\r\n0\r\n\r\n",
            "00000000000000004\r\nWiki\r\n0\r\n\r\n",
            "4;a\nb\r\nWiki\r\n0\r\n\r\n",
            "4;a\rb\r\nWiki\r\n0\r\n\r\n",
            "0\r\nContent-Length: 5\r\n\r\n",
            "0\r\nauthorization: Bearer x\r\n\r\n",
            "0\r\nhost : x\r\n\r\n",
            "0\r\n folded\r\n\r\n",
            "0\r\nx: a\nb\r\n\r\n",
            "0\r\n\n",
            long_extension.as_str(),
        ] {
            assert!(whole(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_body_of_one_byte_chunks_is_refused_once_its_framing_outweighs_it() {
        let mut body = "1\r\nx\r\n".repeat(2_000);
        assert!(whole(body.as_bytes()).is_ok());
        body.push_str(&"1\r\nx\r\n".repeat(20_000));
        assert_eq!(whole(body.as_bytes()), Err(Fault::ChunkOverhead));
    }

    proptest! {
        #[test]
        fn splitting_never_changes_where_the_body_ends(
            sizes in proptest::collection::vec(1usize..40, 0..8),
            cuts in proptest::collection::vec(1usize..12, 1..80),
        ) {
            let mut bytes = Vec::new();
            for size in &sizes {
                bytes.extend_from_slice(format!("{size:x}\r\n").as_bytes());
                bytes.extend(std::iter::repeat_n(b'\r', *size));
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\n\r\n");
            let wanted = bytes.len();
            bytes.extend_from_slice(b"next");
            let mut chunks = Chunks::new();
            let (mut at, mut cut) = (0, cuts.iter().cycle());
            while at < bytes.len() && !chunks.is_done() {
                let end = (at + cut.next().unwrap()).min(bytes.len());
                at += chunks.advance(&bytes[at..end]).unwrap();
            }
            prop_assert_eq!(at, wanted);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = whole(&bytes);
        }
    }
}
