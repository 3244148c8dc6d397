//! Bounded values for the record. What a client or an upstream sent is cut when it is put in, so that a record's size does
//! not depend on who filled it.

use crate::model::Untrusted;
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

/// At most `MAX` bytes of a text from outside, cut on a character border and then ending in `…`. `Debug` shows a length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Excerpt<const MAX: usize>(Untrusted<String>);

impl<const MAX: usize> Excerpt<MAX> {
    /// Takes the beginning of a text.
    pub fn of(text: &str) -> Self {
        if text.len() <= MAX {
            return Self(Untrusted::new(text.to_owned()));
        }
        let end = (0..=MAX.saturating_sub('…'.len_utf8())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let mut cut = String::with_capacity(MAX);
        cut.push_str(text.get(..end).unwrap_or(""));
        cut.push('…');
        Self(Untrusted::new(cut))
    }

    /// The text; the caller answers for where it goes.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl<const MAX: usize> Serialize for Excerpt<MAX> {
    /// The record is the one place where these texts are shown; its writer escapes them.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

/// The first `MAX` entries of a list, and how many were left out. In JSON an array, whose last element is
/// `{"left_out": n}` where some were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T, const MAX: usize> {
    items: Vec<T>,
    left_out: u64,
}

impl<T, const MAX: usize> Default for Listed<T, MAX> {
    fn default() -> Self {
        Self { items: Vec::new(), left_out: 0 }
    }
}

impl<T, const MAX: usize> Listed<T, MAX> {
    /// Adds an entry, or counts it as left out.
    pub fn push(&mut self, item: T) {
        if self.items.len() < MAX {
            self.items.push(item);
        } else {
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    /// Adds an entry that is not there yet.
    pub fn push_new(&mut self, item: T)
    where
        T: PartialEq,
    {
        if !self.items.contains(&item) {
            self.push(item);
        }
    }

    /// Keeps only the entries that fit.
    pub fn retain(&mut self, fits: impl FnMut(&T) -> bool) {
        self.items.retain(fits);
    }

    /// The entries kept, in order.
    pub fn as_slice(&self) -> &[T] {
        &self.items
    }

    /// The entries kept, to be completed.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.items
    }

    /// How many were left out.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Whether nothing was ever added.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.left_out == 0
    }
}

impl<T, const MAX: usize> Extend<T> for Listed<T, MAX> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push(item));
    }
}

impl<T, const MAX: usize> FromIterator<T> for Listed<T, MAX> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut list = Self::default();
        list.extend(items);
        list
    }
}

/// Says how many entries are missing.
#[derive(Serialize)]
struct LeftOut {
    left_out: u64,
}

impl<T: Serialize, const MAX: usize> Serialize for Listed<T, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for item in &self.items {
            list.serialize_element(item)?;
        }
        if self.left_out > 0 {
            list.serialize_element(&LeftOut { left_out: self.left_out })?;
        }
        list.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn excerpt_is_never_longer_than_its_bound(text in any::<String>()) {
            let excerpt = Excerpt::<8>::of(&text);
            prop_assert!(excerpt.expose().len() <= 8);
            prop_assert_eq!(text.len() <= 8, excerpt.expose() == text);
        }
    }

    #[test]
    fn list_says_how_many_it_left_out() {
        let list: Listed<u8, 2> = (0..5).collect();
        assert_eq!(serde_json::to_string(&list).unwrap(), r#"[0,1,{"left_out":3}]"#);
        let list: Listed<u8, 2> = (0..2).collect();
        assert_eq!(serde_json::to_string(&list).unwrap(), "[0,1]");
    }
}
