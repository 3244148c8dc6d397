//! A request body that was read whole under its cap and in time.

/// A whole request body. Only `accept` makes it.
#[derive(Debug)]
pub struct Received {
    bytes: Vec<u8>,
}

impl Received {
    pub(in crate::stages::accept) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// A body made by hand, for tests of later stages.
    #[cfg(test)]
    pub(crate) fn for_tests(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }

    /// A body that no client sent, for commands that judge texts offline (`pipeline::rehearsal`).
    pub(crate) fn rehearsed(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// Its length, in bytes.
    pub fn len_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes as received.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
