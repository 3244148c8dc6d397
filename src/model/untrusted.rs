//! What came from outside and what must stay inside. Neither wrapper has `Display`, so neither can slip into a log
//! or an error by accident; content is reached by `.expose()`, which is easy to search for.

use std::fmt;
use zeroize::Zeroize;

/// A value that a client or an upstream sent. `Debug` shows its length only.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Untrusted<T>(T);

impl<T> Untrusted<T> {
    /// Marks a value as coming from outside.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// Gives the value up for use. The caller answers for where it goes.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: AsRef<[u8]>> fmt::Debug for Untrusted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Untrusted({} bytes)", self.0.as_ref().len())
    }
}

/// A credential of ours. `Debug` shows nothing; the memory is cleared on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a credential over.
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// Gives the credential up for use (a header value, a comparison by hash).
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_content_and_of_secrets_shows_neither() {
        assert_eq!(format!("{:?}", Untrusted::new("hunter2".to_owned())), "Untrusted(7 bytes)");
        assert_eq!(format!("{:?}", Secret::new("hunter2".to_owned())), "Secret(…)");
    }
}
