//! What was seen in texts that came before. A conversation sends its whole history with every turn; with this a turn costs
//! what is new.
//!
//! Only sightings are kept, never a verdict and never a text: the key is a 128-bit hash under a random key that lives as
//! long as the detectors do (a new snapshot begins with an empty cache), so nobody outside can make two texts collide. What
//! depends on a policy's tool list is not cached.

use super::injection::{Decoding, Seen};
use super::joined::Seam;
use super::signatures::CompileError;
use crate::model::{Channel, Origin, TextKind};
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;
use std::sync::Arc;
use tinyufo::TinyUfo;

/// Entries kept; an entry with many sightings counts as several. Texts without a sighting take about 100 bytes.
const ENTRIES: usize = 64 * 1024;
/// Sightings that weigh as much as one entry.
const SIGHTINGS_PER_WEIGHT: usize = 4;
/// Weight above which an entry is not kept.
const HEAVIEST: usize = 64;
/// Shorter texts are scanned faster than they are looked up.
const LEAST_BYTES: usize = 32;

/// What was seen in one text.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub seen: Arc<[Seen]>,
    pub decoding: Decoding,
}

/// What a text was, as far as the guards care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// One segment.
    Segment(Origin, Channel, TextKind),
    /// Parts of several segments, read as one.
    Joined(Origin, Seam, OneMessage),
}

/// Whether joined parts are of one message, and so looked at for credentials too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OneMessage {
    Yes,
    No,
}

/// The hash of a text and its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key(u128);

/// Sightings by the hash of their text.
pub(super) struct Cache {
    entries: TinyUfo<u128, Known>,
    secret: [u8; 16],
}

impl Cache {
    pub fn new() -> Result<Self, CompileError> {
        let mut secret = [0; 16];
        getrandom::fill(&mut secret).map_err(|_| CompileError::Randomness)?;
        Ok(Self { entries: TinyUfo::new(ENTRIES, ENTRIES), secret })
    }

    /// The key of a text; `None` where looking it up does not pay.
    pub fn key(&self, subject: Subject, text: &str) -> Option<Key> {
        if text.len() < LEAST_BYTES {
            return None;
        }
        let mut hasher = SipHasher13::new_with_key(&self.secret);
        hasher.write(&match subject {
            Subject::Segment(origin, channel, kind) => [0, origin as u8, channel as u8, kind as u8],
            Subject::Joined(origin, seam, one) => [1, origin as u8, seam as u8, one as u8],
        });
        hasher.write(text.as_bytes());
        Some(Key(hasher.finish128().as_u128()))
    }

    pub fn get(&self, key: Key) -> Option<Known> {
        self.entries.get(&key.0)
    }

    /// Keeps the sightings of a text that was looked at completely, unless they are so many that they would push out much else.
    pub fn put(&self, key: Key, seen: &[Seen], decoding: Decoding) {
        let weight = (seen.len() / SIGHTINGS_PER_WEIGHT).saturating_add(1);
        let Some(weight) = u16::try_from(weight).ok().filter(|&weight| usize::from(weight) <= HEAVIEST) else { return };
        self.entries.put(key.0, Known { seen: Arc::from(seen), decoding }, weight);
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_text_from_another_mouth_is_another_entry() {
        let cache = Cache::new().unwrap();
        let text = "a text that is long enough to be kept";
        let user = Subject::Segment(Origin::User, Channel::Content, TextKind::Prose);
        let tool = Subject::Segment(Origin::ToolResult, Channel::Content, TextKind::Prose);
        let parameter = Subject::Segment(Origin::User, Channel::Content, TextKind::Parameter);
        let key = cache.key(user, text).unwrap();
        assert_eq!(cache.key(user, text), Some(key));
        for other in [tool, parameter, Subject::Joined(Origin::User, Seam::Gap, OneMessage::No)] {
            assert_ne!(cache.key(other, text), Some(key));
        }
        let cut = Decoding::Cut { undecoded_bytes: 7 };
        cache.put(key, &[], cut);
        assert_eq!(cache.get(key).unwrap().decoding, cut);
        assert!(cache.key(user, "short").is_none());
    }

    #[test]
    fn two_caches_give_one_text_two_keys() {
        let text = "a text that is long enough to be kept";
        let key = || Cache::new().unwrap().key(Subject::Joined(Origin::User, Seam::Gap, OneMessage::No), text);
        assert_ne!(key(), key());
    }
}
